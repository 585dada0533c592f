"""Any model applied to any column: one request a row, one answer column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from benchmarks.gaps import Again, Filled, Gap, untried
from inference.models import ModelRef
from inference.request import Message, Request, Sampling
from inference.result import Result
from inference.schema import Schema

_CITATION = pa.struct([("url", pa.string()), ("title", pa.string()), ("text", pa.string())])


@dataclass(frozen=True, slots=True)
class Application:
    """How a column is turned into another.

    Attributes:
        model, sampling: who, and with which effective parameters.
        input_column: texts, or conversations as lists of {role, content}.
        output_column: receives the answer; `_reasoning`, `_citations` and `_error` stand beside it.
        system_prompt: "" for none.
        schema_text: a JSON schema that every answer must fit, "" for free text.
        fresh: a run's id where answers of earlier runs must not be reused, else "".
    """

    model: ModelRef
    sampling: Sampling
    input_column: str
    output_column: str
    system_prompt: str = ""
    schema_text: str = ""
    fresh: str = ""

    def requests(self, table: pa.Table) -> Iterator[Request]:
        """One request a row."""
        schema = Schema.from_json(self.schema_text) if self.schema_text else None
        for value in table[self.input_column].to_pylist():
            messages = self._messages(value)
            yield Request(self.model, messages, self.sampling, schema, fresh=self.fresh)

    def applied(self, table: pa.Table, results: Iterable[Result]) -> Filled:
        """The rows that the results of `requests(table)` make."""
        cells, gaps = [], []
        for row, result in enumerate(results):
            cells.append(self._cells(result))
            if result.failure is not None:
                gaps.append(Gap.of(row, "", result))
        return Filled(self._with_cells(table, cells), gaps)

    def request_again(self, applied: Filled) -> Again:
        """The request behind each missing answer, with its failure."""
        rows = applied.table.take(pa.array([gap.row for gap in applied.gaps], pa.int64()))
        return Again(list(self.requests(rows)), applied.failures)

    def mended(self, applied: Filled, results: Sequence[Result | None]) -> Filled:
        """The rows with the results of asking again filled in, None where it was not tried."""
        if untried(results):
            return applied
        cells = applied.table.select([name for name, _ in self._fields()]).to_pylist()
        still = []
        for gap, result in zip(applied.gaps, results, strict=True):
            if result is None:
                still.append(gap)
                continue
            cells[gap.row] = self._cells(result)
            if result.failure is not None:
                still.append(Gap.of(gap.row, "", result))
        return Filled(self._with_cells(applied.table, cells), still)

    def _messages(self, value: Any) -> tuple[Message, ...]:
        turns = (
            [Message("user", value)] if isinstance(value, str) else [Message(**t) for t in value]
        )
        return (Message("system", self.system_prompt), *turns) if self.system_prompt else (*turns,)

    def _fields(self) -> list[tuple[str, pa.DataType]]:
        kinds = (pa.string(), pa.string(), pa.list_(_CITATION), pa.string())
        return list(zip(answer_columns(self.output_column), kinds, strict=True))

    def _cells(self, result: Result) -> dict[str, Any]:
        name = self.output_column
        return {
            name: result.content,
            f"{name}_reasoning": result.reasoning if result.ok else None,
            f"{name}_citations": [c._asdict() for c in result.citations],
            f"{name}_error": result.reason,
        }

    def _with_cells(self, table: pa.Table, cells: list[dict[str, Any]]) -> pa.Table:
        fields = self._fields()
        added = pa.Table.from_pylist(cells, pa.schema(fields))
        table = table.select([c for c in table.column_names if c not in dict(fields)])
        for name, _ in fields:
            table = table.append_column(name, added[name])
        return table


def answer_columns(name: str) -> tuple[str, str, str, str]:
    """The columns that an output column of this name brings: they replace older ones."""
    return name, f"{name}_reasoning", f"{name}_citations", f"{name}_error"
