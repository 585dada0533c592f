"""A slice of one phase of a collection: what is to be asked, and the texts that it takes.

EigenBench, Chang et al., arXiv 2509.01938. See `collection` for the phases.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from judges.comparison import Reflected
from tables.rows import Rows

if TYPE_CHECKING:
    import pyarrow as pa

RESPONSES, REFLECTIONS, COMPARISONS, RATINGS = "responses", "reflections", "comparisons", "ratings"
KEYS = {
    RESPONSES: ("scenario_index", "model"),
    REFLECTIONS: ("scenario_index", "judge", "evaluee"),
    COMPARISONS: ("scenario_index", "judge", "first", "second", "sample"),
    RATINGS: ("scenario_index", "judge", "evaluee"),
}
NOT_ASKED = "not asked: "


class Work(NamedTuple):
    """A slice of one phase.

    Attributes:
        phase: one of `KEYS`.
        rows: what is to be asked, with the columns of `KEYS`.
        scenarios: `scenario_index`, `scenario`.
        responses: `scenario_index`, `model`, `text`; of the scenarios in `rows`.
        reflections: `scenario_index`, `judge`, `evaluee`, `text`; of the scenarios in `rows`.
    """

    phase: str
    rows: Rows
    scenarios: Rows
    responses: Rows
    reflections: Rows


class Texts:
    """What former phases left, by key; null texts are absent."""

    def __init__(self, work: Work) -> None:
        self._scenarios: dict[int, str] = dict(_pairs(work.scenarios.table, 1))
        self._responses = dict(_pairs(work.responses.table, 2))
        self._reflections = dict(_pairs(work.reflections.table, 3))

    def lacking(self, phase: str, row: dict[str, int]) -> str | None:
        """Why a row can't be asked, None where it can."""
        if phase == RESPONSES:
            return None
        index, judge = row["scenario_index"], row["judge"]
        read = [row["first"], row["second"]] if phase == COMPARISONS else [row["evaluee"]]
        if any((index, evaluee) not in self._responses for evaluee in read):
            return f"{NOT_ASKED}a response is missing"
        if phase != REFLECTIONS and any(
            (index, judge, evaluee) not in self._reflections for evaluee in read
        ):
            return f"{NOT_ASKED}a reflection is missing"
        return None

    def scenario(self, row: dict[str, int]) -> str:
        return self._scenarios[row["scenario_index"]]

    def response(self, row: dict[str, int], role: str) -> str:
        return self._responses[row["scenario_index"], row[role]]

    def reflected(self, row: dict[str, int], role: str) -> Reflected:
        key = (row["scenario_index"], row["judge"], row[role])
        return Reflected(self.response(row, role), self._reflections[key])


def _pairs(table: pa.Table, width: int) -> Iterator[tuple[Any, str]]:
    """(key, text) of every row with a text; the key is the first `width` columns."""
    columns = [table.column(at).to_pylist() for at in range(width)]
    keys = columns[0] if width == 1 else zip(*columns, strict=True)
    for key, text in zip(keys, table.column(width).to_pylist(), strict=True):
        if text is not None:
            yield key, text


def empty_texts(phase: str) -> pa.Table:
    """No texts of a phase."""
    import pyarrow as pa

    fields = [pa.field(name, pa.int64()) for name in KEYS[phase]]
    return pa.schema([*fields, pa.field("text", pa.large_string())]).empty_table()


def cut(
    phase: str,
    rows: pa.Table,
    scenarios: pa.Table,
    responses: pa.Table,
    reflections: pa.Table,
    parts: int,
) -> list[Work]:
    """A phase in `parts` slices of nearly equal length, each with the texts it needs.

    Slices follow the scenarios' order, so that a text travels with one slice, or with two where a
    cut falls inside a scenario.
    """
    import pyarrow.compute as pc

    order = pc.index_in(rows["scenario_index"], scenarios["scenario_index"].combine_chunks())
    rows = rows.append_column("_order", order).sort_by("_order").drop_columns(["_order"])
    bounds = [round(part * rows.num_rows / parts) for part in range(parts + 1)]
    return [
        _slice(phase, rows.slice(a, b - a), scenarios, responses, reflections)
        for a, b in pairwise(bounds)
    ]


def _slice(
    phase: str, rows: pa.Table, scenarios: pa.Table, responses: pa.Table, reflections: pa.Table
) -> Work:
    import pyarrow.compute as pc

    here = pc.unique(rows["scenario_index"])

    def of_these(table: pa.Table, phases: tuple[str, ...], texts: str) -> Rows:
        if phase in phases:
            table = table.filter(pc.is_in(table["scenario_index"], here))
            return Rows(table.select([*KEYS[texts], "text"]).combine_chunks())
        return Rows(empty_texts(texts))

    return Work(
        phase,
        Rows(rows.combine_chunks()),
        Rows(scenarios.filter(pc.is_in(scenarios["scenario_index"], here)).combine_chunks()),
        of_these(responses, (REFLECTIONS, COMPARISONS, RATINGS), RESPONSES),
        of_these(reflections, (COMPARISONS, RATINGS), REFLECTIONS),
    )
