"""Memory: 15,000 pairs on simulated models stay far below what 115,000 may take."""

from __future__ import annotations

import pytest

from perf.scale import Row, measure

pytestmark = pytest.mark.slow

MOST_MB = 900


def test_no_task_needs_much_memory() -> None:
    rows: list[Row] = measure(15_000)
    assert {row.step for row in rows} >= {"start", "ask", "join", "measure"}
    assert [row for row in rows if row.own_mb > MOST_MB] == []
