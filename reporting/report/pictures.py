"""The report's pictures in the house style: each benchmark's main board with its intervals."""

from __future__ import annotations

from pathlib import Path

from reporting import style
from reporting.report.assemble import Report, ScoredBoard
from reporting.report.charts import axis_title

MOST_MODELS = 60


def save_pictures(report: Report, folder: Path) -> list[Path]:
    """leaderboard_<benchmark>.png and .svg for every benchmark; returns the files written."""
    paths: list[Path] = []
    for name, boards in report.boards.items():
        paths += style.save(_leaderboard(boards[0], report), folder / f"leaderboard_{name}.png")
    return paths


def _leaderboard(scored: ScoredBoard, report: Report):  # type: ignore[no-untyped-def]
    headline = scored.benchmark.measure(scored.benchmark.headline)
    entries = dict(zip(scored.board.names, scored.board.entries, strict=True))
    places = [place for place in scored.standings if place.rank][:MOST_MODELS]
    estimates = [entries[place.model].values[headline.name] for place in places]
    shown = f"{headline.label} with 95% intervals; in brackets the ranks that the data allow"
    with style.house():
        figure = style.new_figure(
            scored.benchmark.title,
            shown,
            f"{scored.board.label}; {len(report.runs)} runs; {report.created[:10]}",
            height=0.55 + 0.26 * len(places),
            simulated=any(r.run.simulated for r in scored.board.readings),
        )
        axes = figure.subplots()
        if headline.chance is not None:
            axes.axvline(headline.chance, color=style.MUTED, linestyle=(0, (3, 3)), linewidth=1)
        positions = list(range(len(places)))
        style.draw_intervals(axes, positions, estimates, color=style.BLUE, horizontal=True)
        axes.set_yticks(positions, [_label(p.model, p.rank_low, p.rank_high) for p in places])
        axes.set_ylim(len(places) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(axis_title(headline))
    return figure


def _label(model: str, low: int, high: int) -> str:
    name = model if len(model) <= 34 else f"{model[:33]}…"
    if not low:
        return name
    return f"{name} ({low})" if low == high else f"{name} ({low}–{high})"
