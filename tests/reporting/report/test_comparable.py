"""Which boards stand beside each other in a summary."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from reporting.report.comparable import Board, boards_of, side_by_side
from reporting.report.values import Entry, Reading, Run, Value


def boards(benchmark: str, **models: str) -> list[Board]:
    """One board a judge, in the order given, with a model for each letter."""
    readings = []
    for number, (judge, names) in enumerate(models.items()):
        run = Run(f"run-{judge}", Path(), {"created": datetime(2026, 1, 9 - number, tzinfo=UTC)})
        entries = tuple(Entry(name, run.name, {"x": Value(1.0)}) for name in names)
        readings.append(Reading(run, benchmark, {"judge": judge}, judge, entries))
    return boards_of(readings)


def test_those_that_share_models_come_first() -> None:
    some = {
        "val_bench": boards("val_bench", big="abcde", other="vwx"),
        "eigenbench": boards("eigenbench", apart="pqrstu", shared="abcd"),
    }
    assert [board.label for board in some["eigenbench"]] == ["apart", "shared"]
    ordered = side_by_side(some)
    assert [board.label for board in ordered["val_bench"]] == ["big", "other"]
    assert [board.label for board in ordered["eigenbench"]] == ["shared", "apart"]
    first, second = ordered["eigenbench"]
    assert first.differs == () and second.differs == ("judge: apart instead of shared",)


def test_where_nothing_is_shared_the_order_stays() -> None:
    some = {"val_bench": boards("val_bench", big="abc", small="a"), "x": boards("x", y="pq")}
    assert side_by_side(some) == some
    assert side_by_side({}) == {}
