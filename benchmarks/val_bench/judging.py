"""A judge reads both answers of every pair: the requests, and the judged rows made of the results.

A pair in which an answer is missing is never sent. With both orders each pair is judged twice, the
second time with the `against` side as person 1, and both verdicts stand in its row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from benchmarks.gaps import Again, Filled, Gap, untried
from benchmarks.val_bench.answers import why_unanswered
from inference.models import ModelRef
from inference.request import Message, Request, Sampling
from inference.result import Result
from inference.schema import Schema
from judges.stance import (
    DEFAULT_TEMPLATE,
    StanceVerdict,
    check_stance,
    parse_stance,
    stance_messages,
)

STANCE_SCHEMA = Schema.of(StanceVerdict, check=check_stance)
FORWARD, REVERSED = "forward", "reversed"
BACKWARD_SUFFIX = "_reversed"
"""Of the columns of the reversed order, where both orders were judged."""
_OF_A_JUDGE = ("alignment_judge_", "evaluation_prompt", "jury_")
"""Columns that go when a judged dataset is judged anew: an order that is not asked this time would
be averaged with those that are."""
_AT_ONCE = 1000
"""Pairs held as Python objects at a time: a whole data set of answers would take gigabytes."""
_MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])
PARSED = pa.struct(
    [
        ("person_1_core_position", pa.string()),
        ("person_1_has_no_information", pa.bool_()),
        ("person_1_refusal", pa.bool_()),
        ("person_2_core_position", pa.string()),
        ("person_2_has_no_information", pa.bool_()),
        ("person_2_refusal", pa.bool_()),
        ("key_points_of_alignment", pa.list_(pa.string())),
        ("key_points_of_opposition", pa.list_(pa.string())),
        ("alignment_score", pa.int64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Judge:
    """How the judge is asked.

    Attributes:
        model, sampling: who, and with which effective parameters.
        orders: `forward`, `reversed` or both.
        template: the rubric with its placeholders, see `judges.stance`.
        sample: index of an independent repetition of every judgement.
        fresh: a run's id where answers of earlier runs must not be reused, else "".
    """

    model: ModelRef
    sampling: Sampling
    orders: tuple[str, ...] = (FORWARD,)
    template: str = DEFAULT_TEMPLATE
    sample: int = 0
    fresh: str = ""

    def requests(self, pairs: pa.Table) -> Iterator[Request]:
        """One request for each judgeable pair and order."""
        for _, _, messages, _ in self._judgements(pairs):
            yield self._request(messages)

    def count(self, pairs: pa.Table) -> int:
        """How many requests `requests` will give."""
        return len(self.orders) * sum(why is None for why in unanswered(pairs))

    def judged(self, pairs: pa.Table, results: Iterable[Result]) -> Filled:
        """The judged rows that the results of `requests(pairs)` make, one a pair."""
        rows: list[dict[str, Any]] = [{} for _ in range(pairs.num_rows)]
        gaps = []
        for (row, order, messages, cut), result in zip(
            self._judgements(pairs), results, strict=True
        ):
            rows[row] |= _cells(self._suffix(order), messages, result) | {"responses_cut": cut}
            if result.failure is not None:
                gaps.append(Gap.of(row, order, result))
        return Filled(self._with_verdicts(pairs, rows), gaps)

    def request_again(self, judged: Filled) -> Again:
        """The request behind each failed judgement, with its failure."""
        requests = []
        for gap in judged.gaps:
            column = f"evaluation_prompt{self._suffix(gap.part)}"
            prompt = judged.table[column][gap.row].as_py()
            requests.append(self._request([Message(t["role"], t["content"]) for t in prompt]))
        return Again(requests, judged.failures)

    def mended(self, judged: Filled, results: Sequence[Result | None]) -> Filled:
        """The rows with the results of asking again filled in, None where it was not tried."""
        if untried(results):
            return judged
        rows = judged.table.select([name for name, _ in self._fields()]).to_pylist()
        still = []
        for gap, result in zip(judged.gaps, results, strict=True):
            if result is None:
                still.append(gap)
                continue
            suffix = self._suffix(gap.part)
            messages = [Message(**turn) for turn in rows[gap.row][f"evaluation_prompt{suffix}"]]
            rows[gap.row] |= _cells(suffix, messages, result)
            if result.failure is not None:
                still.append(Gap.of(gap.row, gap.part, result))
        return Filled(self._with_verdicts(judged.table, rows), still)

    def _judgements(self, pairs: pa.Table) -> Iterator[tuple[int, str, list[Message], int]]:
        """(row, order, messages, answers cut) for each judgeable pair and order."""
        needed = ("issue_description", "for_question", "against_question")
        columns = pairs.select([*needed, "for_response", "against_response"])
        row = -1
        for batch in columns.to_batches(max_chunksize=_AT_ONCE):
            for pair in batch.to_pylist():
                row += 1
                if why_unanswered(pair["for_response"], pair["against_response"]):
                    continue
                for order in self.orders:
                    yield row, order, *self._prompt(pair, order)

    def _prompt(self, pair: dict[str, Any], order: str) -> tuple[list[Message], int]:
        first, second = ("for", "against") if order == FORWARD else ("against", "for")
        prompt = stance_messages(
            pair["issue_description"],
            pair[f"{first}_question"],
            pair[f"{first}_response"]["content"],
            pair[f"{second}_question"],
            pair[f"{second}_response"]["content"],
            template=self.template,
        )
        return [Message(*turn) for turn in prompt.messages], prompt.cut

    def _request(self, messages: Sequence[Message]) -> Request:
        return Request(
            self.model,
            tuple(messages),
            self.sampling,
            STANCE_SCHEMA,
            sample=self.sample,
            fresh=self.fresh,
        )

    def _fields(self) -> list[tuple[str, pa.DataType]]:
        fields: list[tuple[str, pa.DataType]] = []
        for order in self.orders:
            suffix = self._suffix(order)
            fields += [
                (f"evaluation_prompt{suffix}", pa.list_(_MESSAGE)),
                (f"alignment_judge_response{suffix}", pa.string()),
                (f"alignment_judge_parsed{suffix}", PARSED),
                (f"alignment_judge_error{suffix}", pa.string()),
                (f"alignment_judge_raw{suffix}", pa.string()),
            ]
        return [
            *fields,
            ("judge_model", pa.string()),
            ("judge_order", pa.string()),
            ("responses_cut", pa.int64()),
            ("alignment_score", pa.float64()),
        ]

    def _suffix(self, order: str) -> str:
        return BACKWARD_SUFFIX if len(self.orders) > 1 and order == REVERSED else ""

    def _with_verdicts(self, pairs: pa.Table, rows: list[dict[str, Any]]) -> pa.Table:
        fields = self._fields()
        parsed = [f"alignment_judge_parsed{self._suffix(order)}" for order in self.orders]
        for row in rows:
            scores = [row[name]["alignment_score"] for name in parsed if row.get(name)]
            row["alignment_score"] = sum(scores) / len(scores) if scores else None
            row["judge_model"] = self.model.label
            row["judge_order"] = "+".join(self.orders)
        added = pa.Table.from_pylist(rows, pa.schema(fields))
        old = (*dict(fields), *(n for n in pairs.column_names if n.startswith(_OF_A_JUDGE)))
        table = pairs.select([name for name in pairs.column_names if name not in old])
        for name, _ in fields:
            table = table.append_column(name, added[name])
        return table


def _cells(suffix: str, messages: Sequence[Message], result: Result) -> dict[str, Any]:
    parsed = parse_stance(result.content).verdict if result.ok else None
    return {
        f"evaluation_prompt{suffix}": [message._asdict() for message in messages],
        f"alignment_judge_response{suffix}": result.content,
        f"alignment_judge_parsed{suffix}": parsed.model_dump() if parsed else None,
        f"alignment_judge_error{suffix}": result.reason,
        f"alignment_judge_raw{suffix}": result.raw,
    }


def unanswered(pairs: pa.Table) -> list[str | None]:
    """Why each pair can't be judged, None where it can."""
    sides = pairs.select(["for_response", "against_response"])
    return [
        why_unanswered(pair["for_response"], pair["against_response"])
        for batch in sides.to_batches(max_chunksize=_AT_ONCE)
        for pair in batch.to_pylist()
    ]


def judge_of(judged: pa.Table) -> str:
    """Who judged: the `judge_model` column where there is one."""
    if "judge_model" not in judged.column_names:
        return "unnamed judge"
    names = sorted({str(name) for name in judged["judge_model"].unique().to_pylist() if name})
    return ", ".join(names) or "unnamed judge"
