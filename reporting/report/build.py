"""Write a whole report into a folder: page, tables, pictures, manifest."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from reporting.files import write_json
from reporting.report.assemble import Report
from reporting.report.page import MOST_TRANSCRIPTS, write_page
from reporting.report.pictures import save_pictures
from reporting.report.tables import leaderboards, write_tables
from reporting.report.values import Measure, stamp
from reporting.style import number

PAGE = "report.html"


def write_report(
    report: Report,
    folder: Path,
    manifest: dict[str, Any],
    most_transcripts: int = MOST_TRANSCRIPTS,
) -> str:
    """Write everything; returns the summary for the terminal. The manifest is written last, so
    that its being there means that the rest is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").unlink(missing_ok=True)
    write_tables(report, folder)
    save_pictures(report, folder)
    write_page(report, folder / PAGE, most_transcripts)
    write_json(folder / "manifest.json", manifest)
    return summary(report)


def summary(report: Report) -> str:
    """The leaderboards as lines of text."""
    lines = [f"{report.title}: {len(report.runs)} runs, {stamp(report.created)}"]
    for name, table in leaderboards(report).items():
        scored = report.boards[name][0]
        measure = scored.benchmark.measure(scored.benchmark.headline)
        lines += ["", f"  {scored.benchmark.title}: {_headline(measure)}"]
        if len(report.boards[name]) > 1:
            lines[-1] += f" (first of {len(report.boards[name])} boards: {scored.board.label})"
        width = max(len(str(model)) for model in table["model"])
        lines += [f"    {_line(row, width, measure.digits)}" for row in table.itertuples()]
    if report.problems:
        lines += ["", "  Not reported, or only in part:"]
        lines += [f"    {problem}" for problem in report.problems]
    return "\n".join(lines)


def _headline(measure: Measure) -> str:
    """A measure in words, with what ignoring the task gives where it has ends."""
    if measure.chance is None or not math.isfinite(measure.limits[1]):
        return measure.label
    return f"{measure.label}, chance {number(measure.chance, measure.digits)}"


def _line(row: Any, width: int, digits: int) -> str:
    if not row.rank:
        return f"{row.model:<{width}}  no value"
    ranks = ""
    if row.rank_low:
        same = row.rank_low == row.rank_high
        ranks = f"rank {row.rank_low}" if same else f"rank {row.rank_low} to {row.rank_high}"
    interval = ""
    if row.low == row.low:
        interval = f"(95% CI {number(row.low, digits)} to {number(row.high, digits)})"
    return f"{row.model:<{width}}  {number(row.value, digits):>7} {interval:<26} {ranks}".rstrip()
