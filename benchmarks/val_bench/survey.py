"""One model asked both sides of a table of pairs: the requests, and the rows made of the results.

Requests come in the order of the rows: for each pair, for each sample, the `for` question and then
the `against` question, so that both sides of a pair are asked in one pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from benchmarks.gaps import Again, Filled, Gap, untried
from benchmarks.val_bench.prompts import SIDES, question_messages
from benchmarks.val_bench.responses import response_cells, response_fields, with_cells
from inference.models import ModelRef
from inference.request import Message, Request, Sampling
from inference.result import Result


@dataclass(frozen=True, slots=True)
class Survey:
    """How one model is asked.

    Attributes:
        model, sampling: who, and with which effective parameters.
        system_prompt: "" for none.
        num_samples: independent answers to each question.
        fresh: a run's id where answers of earlier runs must not be reused, else "".
    """

    model: ModelRef
    sampling: Sampling
    system_prompt: str
    num_samples: int = 1
    fresh: str = ""

    def requests(self, pairs: pa.Table) -> Iterator[Request]:
        """Two requests for each pair and sample."""
        for _, sample, _, messages in self._questions(pairs):
            yield self._request(messages, sample)

    def answers(self, pairs: pa.Table, results: Iterable[Result]) -> Filled:
        """The rows that the results of `requests(pairs)` make: one a pair and sample."""
        cells: list[dict[str, Any]] = []
        gaps = []
        for (row, sample, side, messages), result in zip(
            self._questions(pairs), results, strict=True
        ):
            if side == 0:
                cells.append({"model": self.model.label, "sample": sample})
            cells[-1] |= response_cells(SIDES[side], messages, result)
            if result.failure is not None:
                gaps.append(Gap.of(row, SIDES[side], result))
        repeated = [row // self.num_samples for row in range(len(cells))]
        return Filled(with_cells(pairs.take(pa.array(repeated, pa.int64())), cells), gaps)

    def request_again(self, answers: Filled) -> Again:
        """The request behind each missing answer, with its failure."""
        rows = pa.array([gap.row for gap in answers.gaps], pa.int64())
        columns = ["sample", *(f"{side}_prompt" for side in SIDES)]
        asked = answers.table.select(columns).take(rows).to_pylist()
        requests = []
        for gap, row in zip(answers.gaps, asked, strict=True):
            messages = tuple(Message(**turn) for turn in row[f"{gap.part}_prompt"])
            requests.append(self._request(messages, row["sample"]))
        return Again(requests, answers.failures)

    def mended(self, answers: Filled, results: Sequence[Result | None]) -> Filled:
        """The rows with the results of asking again filled in, None where it was not tried."""
        if untried(results):
            return answers
        rows = answers.table.select([name for name, _ in response_fields()]).to_pylist()
        still = []
        for gap, result in zip(answers.gaps, results, strict=True):
            if result is None:
                still.append(gap)
                continue
            messages = [Message(**turn) for turn in rows[gap.row][f"{gap.part}_prompt"]]
            rows[gap.row] |= response_cells(gap.part, messages, result)
            if result.failure is not None:
                still.append(Gap.of(gap.row, gap.part, result))
        return Filled(with_cells(answers.table, rows), still)

    def _questions(self, pairs: pa.Table) -> Iterator[tuple[int, int, int, tuple[Message, ...]]]:
        """(output row, sample, side, messages), in order."""
        questions = zip(*(pairs[f"{side}_question"].to_pylist() for side in SIDES), strict=True)
        row = 0
        for pair in questions:
            for sample in range(self.num_samples):
                for side, question in enumerate(pair):
                    yield row, sample, side, question_messages(question, self.system_prompt)
                row += 1

    def _request(self, messages: tuple[Message, ...], sample: int) -> Request:
        return Request(self.model, messages, self.sampling, sample=sample, fresh=self.fresh)
