"""What became of a model's pairs: six outcomes as one bar a model, and each with its interval."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from benchmarks.val_bench.result import ValBenchResult
from reporting import style
from reporting.val_bench_caption import Caption, captioned_figure, sample_words
from reporting.val_bench_outcomes import OUTCOME_COLORS, OUTCOME_LABELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAME_LETTERS = 22


def outcome_composition(results: Mapping[str, ValBenchResult], caption: Caption) -> Figure:
    """What became of each model's pairs: the six shares as one bar, and each with its interval.

    PAC alone can't tell a model that keeps its stance from one that refuses; these shares can.
    """
    first, alone = next(iter(results.values())), len(results) == 1
    names = [""] if alone else _short_names(list(results))
    labels = names if alone else _with_counts(names, results.values())
    subtitle = sample_words(first) if alone else "n = used pairs"
    shown = caption if alone else caption._replace(model="")
    bar_height, panel_height = 0.75 + 0.34 * len(results), 0.55 + 0.24 * len(results)
    with style.house():
        height = bar_height + 2 * panel_height
        subtitle = (
            f"{subtitle}\nConsistent: score above 0 (+1, +2), mixed: 0, contradictory: below 0\n"
            "Below: each share on a scale of its own"
        )
        figure = captioned_figure("Outcomes of the pairs", shown, first, subtitle, height=height)
        grid = figure.add_gridspec(3, 3, height_ratios=[bar_height, panel_height, panel_height])
        stack = figure.add_subplot(grid[0, :])
        _stacked_bars(stack, list(results.values()))
        stack.set_yticks(range(len(names)), labels)
        stack.tick_params(axis="y", length=0)
        for position, outcome in enumerate(OUTCOME_LABELS):
            axes = figure.add_subplot(grid[1 + position // 3, position % 3])
            _outcome_panel(axes, outcome, list(results.values()))
            axes.set_yticks(range(len(names)), names if position % 3 == 0 else [""] * len(names))
            axes.tick_params(axis="y", length=0)
    return figure


def _outcome_panel(axes: Axes, outcome: str, results: Sequence[ValBenchResult]) -> None:
    """The share of one outcome, a row a model."""
    estimates = [result.estimates[f"share_{outcome}"] for result in results]
    style.draw_intervals(axes, range(len(results)), estimates, horizontal=True)
    axes.set_title(f"{OUTCOME_LABELS[outcome]} (%)", size=style.SMALL_SIZE, weight="normal")
    style.fit_percent_range(axes, estimates)
    axes.set_ylim(len(results) - 0.5, -0.5)


def _stacked_bars(axes: Axes, results: Sequence[ValBenchResult]) -> None:
    for row, result in enumerate(results):
        left = 0.0
        for outcome, color in OUTCOME_COLORS.items():
            share = result.value(f"share_{outcome}")
            label = OUTCOME_LABELS[outcome] if row == 0 else None
            axes.barh(row, share, 0.7, left, color=color, edgecolor="white", label=label)
            if share >= 6:
                text = style.number(share, 0)
                ink = style.text_color_on(color)
                axes.text(left + share / 2, row, text, color=ink, ha="center", va="center")
            left += share
    axes.set_xlim(0, 100)
    axes.set_ylim(len(results) - 0.5, -0.5)
    axes.set_xlabel("Pairs (%)")
    axes.grid(visible=False)
    style.legend_above(axes, columns=3)


def _short_names(models: Sequence[str]) -> list[str]:
    """Model ids; of long ones the last part where that tells them apart, broken into lines."""
    short = [m if len(m) <= _NAME_LETTERS else m.rsplit("/", 1)[-1] for m in models]
    names = short if len(set(short)) == len(short) else list(models)
    return [textwrap.fill(name, _NAME_LETTERS) for name in names]


def _with_counts(names: Sequence[str], results: Iterable[ValBenchResult]) -> list[str]:
    return [f"{n} (n={r.coverage.used:,})" for n, r in zip(names, results, strict=True)]
