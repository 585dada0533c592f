"""The tabs of the page: summary first, one a benchmark, judges, runs."""

from __future__ import annotations

from collections.abc import Sequence

from reporting.report.assemble import Report
from reporting.report.benchmark_section import benchmark_tab
from reporting.report.blocks import Block
from reporting.report.judge_section import judges_tab
from reporting.report.runs_section import runs_tab
from reporting.report.summary_section import summary
from reporting.report.values import stamp


def tabs(report: Report) -> list[Block]:
    """Every tab: id, title and blocks."""
    shown = [tab("summary", "Summary", summary(report))]
    shown += [
        tab(name, boards[0].benchmark.title, benchmark_tab(boards, report))
        for name, boards in report.boards.items()
    ]
    if report.judge_reports or "val_bench" in report.boards:
        shown.append(tab("judges", "Judges", judges_tab(report)))
    return [*shown, tab("runs", "Runs", runs_tab(report))]


def tab(name: str, title: str, content: Sequence[Block]) -> Block:
    """One tab."""
    return {"id": name, "title": title, "blocks": list(content)}


def about(report: Report) -> str:
    """One line below the title."""
    models = {name for boards in report.boards.values() for b in boards for name in b.board.names}
    counts = [
        _count(len(models), "model"),
        _count(len(report.boards), "benchmark"),
        _count(len(report.runs), "run"),
    ]
    return " · ".join([*counts, stamp(report.created)])


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
