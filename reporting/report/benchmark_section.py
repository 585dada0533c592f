"""A benchmark's tab: its boards, each with scores, pictures and differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from reporting.report import blocks, charts
from reporting.report.assemble import Report, ScoredBoard
from reporting.report.blocks import Block, cell, column, finite, measure_column
from reporting.report.model_colors import places
from reporting.report.specifics import GROUPS, specific_blocks
from reporting.report.values import Value

RANKS = (
    "A rank interval holds every rank that the data allow, for all models at once (95%): a model "
    "stands above another only where the difference is clear, which is where the interval that "
    "holds for all differences together leaves 0 out."
)
PAIRED = (
    "Both models met the same items, so differences are surer than the two scores apart. "
    "Thick: 95% interval of one difference. Thin: interval that holds for all of them together. "
    "Clear: the thin interval leaves 0 out; ranks and the p-value follow the same rule."
)
MOST_PAIRS_DRAWN = 45


def benchmark_tab(boards: Sequence[ScoredBoard], report: Report) -> list[Block]:
    """The question, then the boards, one at a time, with what sets each apart from the first."""
    parts: list[Block] = [blocks.text(boards[0].benchmark.question)]
    if len(boards) == 1:
        return [*parts, *board_blocks(boards[0], report)]
    options = {}
    for number, scored in enumerate(boards, start=1):
        title = f"{number}. {scored.board.label} ({len(scored.board.entries)} models)"
        options[title] = board_blocks(scored, report)
    words = (
        f"{len(boards)} sets of runs can't be put into one table; each has its own, and what sets "
        "it apart from the first is said there."
    )
    return [*parts, blocks.notice(words), blocks.choice("Runs", options)]


def under_display_names(scored: ScoredBoard) -> ScoredBoard:
    """The board with its models called as their run called them."""
    shown = {k: v for reading in scored.board.readings for k, v in reading.shown.items()}
    if not shown:
        return scored

    def name(model: str) -> str:
        return shown.get(model, model)

    return replace(
        scored,
        board=replace(scored.board, names=tuple(map(name, scored.board.names))),
        standings=tuple(p._replace(model=name(p.model)) for p in scored.standings),
        differences={
            measure: [replace(d, first=name(d.first), second=name(d.second)) for d in found]
            for measure, found in scored.differences.items()
        },
    )


def colors_of(report: Report) -> dict[str, int]:
    """The one place among the page's colours of every model that a chart needs one for."""
    colored = [b for name, boards in report.boards.items() if name in GROUPS for b in boards]
    return places([place.model for place in scored.standings] for scored in colored)


def board_blocks(scored: ScoredBoard, report: Report) -> list[Block]:
    """A board: scores, pictures, differences, and what only this benchmark has."""
    scored = under_display_names(scored)
    board, benchmark = scored.board, scored.benchmark
    headline = benchmark.measure(benchmark.headline)
    models = [place.model for place in scored.standings]
    rows = board_rows(scored)
    parts: list[Block] = []
    if board.differs:
        parts.append(blocks.notice("Not comparable with the first:", "info", board.differs))
    notes = list(dict.fromkeys(note for reading in board.readings for note in reading.notes))
    if notes:
        parts.append(blocks.notice("How this was measured:", "info", notes))
    measures = [m for m in benchmark.measures if any(row[m.name] for row in rows)]
    columns = [
        column("model", "Model", "model"),
        column("rank", "Rank", "rank", about=RANKS),
        *(measure_column(m, plot=m is headline) for m in measures),
    ]
    parts.append(blocks.table(columns, rows, sort=("rank", False), note=headline.about))
    points = [
        {"model": row["model"], **plain(row[headline.name])} for row in rows if row[headline.name]
    ]
    if points:
        spec = charts.intervals(points, headline, models)
        parts.append(blocks.chart(f"{headline.label} with 95% intervals", spec))
    parts += difference_blocks(scored)
    parts += specific_blocks(scored, models, colors_of(report))
    return parts


def plain(value: Block) -> dict[str, Any]:
    """A cell as a chart's row."""
    return {"value": value["v"], "low": value["lo"], "high": value["hi"]}


def difference_blocks(scored: ScoredBoard) -> list[Block]:
    """Paired differences by measure."""
    found = {name: ds for name, ds in scored.differences.items() if ds}
    if not found:
        return []
    parts = [blocks.heading("Differences between models"), blocks.text(PAIRED)]
    options = {}
    for name, differences in found.items():
        measure = scored.benchmark.measure(name)
        own: list[Block] = []
        if len(differences) <= MOST_PAIRS_DRAWN:
            own.append(blocks.chart("", charts.forest(differences, measure)))
        rows = [
            {
                "first": d.first,
                "second": d.second,
                "difference": cell(Value(d.value, d.low, d.high, d.note)),
                "all": cell(Value(d.value, d.low_all, d.high_all, d.note)),
                "p": finite(d.p_all),
                "clear": "clear" if d.clear else "not clear",
                "items": d.items or None,
                "units": d.units or None,
            }
            for d in differences
        ]
        shown = blocks.table(difference_columns(measure, scored.benchmark.unit), rows)
        few = len(differences) <= MOST_PAIRS_DRAWN
        own.append(
            blocks.fold(f"All {len(rows)} differences as a table", [shown]) if few else shown
        )
        options[measure.label] = own
    if len(options) == 1:
        return [*parts, *next(iter(options.values()))]
    return [*parts, blocks.choice("Measure", options)]


def difference_columns(measure: Any, unit: str) -> list[Block]:
    """Columns of the table of differences; `unit` is what was resampled."""
    width = {"digits": measure.digits, "chance": 0, "plot": True}
    return [
        column("first", "First", "model"),
        column("second", "Second", "model"),
        column("difference", "First \u2212 second", "interval", about="Its own interval", **width),
        column("all", "All together", "interval", about="Holds for all rows at once", **width),
        column(
            "p", "p", "number", digits=3, about="Over all rows together: below 0.05 where clear"
        ),
        column("clear", "At 5%", "chip"),
        column("items", "Items", "number", digits=0, about="Items used for both"),
        column("units", "Groups", "number", digits=0, about=f"Resampled: {unit}s"),
    ]


def board_rows(scored: ScoredBoard) -> list[dict[str, Any]]:
    """One row a model: rank, and every measure that any model of the board has."""
    by_name = dict(zip(scored.board.names, scored.board.entries, strict=True))
    rows = []
    for place in scored.standings:
        entry = by_name[place.model]
        row: dict[str, Any] = {"model": place.model, "rank": rank_cell(place)}
        row |= {m.name: cell(entry.values[m.name]) for m in scored.benchmark.measures}
        rows.append(row)
    return rows


def rank_cell(place: Any) -> Block | None:
    """A rank with its interval."""
    if not place.rank:
        return None
    return {"v": place.rank, "lo": place.rank_low or None, "hi": place.rank_high or None}
