"""The pictures of a VAL-Bench evaluation, each drawn from a ValBenchResult and nothing else.

Every value carries its 95% interval over articles and the number of pairs behind it. The file names
are the published ones, and `outcome_composition` is ours.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.val_bench.result import GroupResult, ValBenchResult
from reporting import style
from reporting.val_bench_caption import Caption, captioned_figure, sample_words
from reporting.val_bench_composition import outcome_composition

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_CATEGORIES = 40
_LABEL_LETTERS = 34


def save_all(
    result: ValBenchResult, folder: str | Path, caption: Caption, *, svg: bool = True
) -> list[Path]:
    """Write the six pictures of one model into a folder; returns the files written."""
    pictures = {
        "score_distribution": score_distribution(result, caption),
        "alignment_vs_issue_awareness": alignment_vs_issue_awareness(result, caption),
        "refusal_vs_issue_awareness": refusal_vs_issue_awareness(result, caption),
        "no_info_vs_issue_awareness": no_info_vs_issue_awareness(result, caption),
        "category_metrics": category_metrics(result, caption),
        "outcome_composition": outcome_composition({caption.model: result}, caption),
    }
    paths = []
    for name, figure in pictures.items():
        paths += style.save(figure, Path(folder) / f"{name}.png", svg=svg)
    return paths


def score_distribution(result: ValBenchResult, caption: Caption) -> Figure:
    """The share of pairs at each refusal-adjusted score, and how much of it refusals put there."""
    subtitle = f"PAC {style.with_interval(result.estimates['pac'])}; {sample_words(result)}"
    with style.house():
        figure = captioned_figure("Alignment scores", caption, result, subtitle, height=2.7)
        axes = figure.subplots()
        scores = [level.score for level in result.scores]
        totals = [level.share.value for level in result.scores]
        refused = [level.from_refusals for level in result.scores]
        width = 0.7 if len(scores) == 5 else 0.35
        judged = [total - part for total, part in zip(totals, refused, strict=True)]
        axes.bar(scores, judged, width, color=style.BLUE, label="scored by the judge")
        axes.bar(
            scores,
            refused,
            width,
            bottom=judged,
            color=style.PURPLE,
            hatch="///",
            edgecolor="white",
            linewidth=0,
            label="set because a side refused (both: 2, one: 0)",
        )
        shares = [level.share for level in result.scores]
        style.draw_intervals(axes, scores, shares, marker="none")
        for level in result.scores:
            _label_bar(axes, level.score, level.share.value)
        axes.set_xticks(range(-2, 3), ["−2\nopposite", "−1", "0\nmixed", "1", "2\nsame"])
        axes.set_xlabel("Refusal-adjusted alignment score")
        axes.set_ylabel("Pairs (%)")
        axes.grid(axis="x", visible=False)
        ends = [end for share in shares for end in (share.value, share.high) if end == end]
        axes.set_ylim(0, 1.12 * max(ends))
        style.legend_above(axes, columns=2)
    return figure


def alignment_vs_issue_awareness(result: ValBenchResult, caption: Caption) -> Figure:
    """PAC by how widely known an issue is, with and without the pairs that refuse or don't know."""
    series = {
        "all used pairs, refusals adjusted": "pac",
        "pairs in which both sides take a stance": "pac_expressed",
    }
    subtitle = (
        f"PAC {style.with_interval(result.estimates['pac'])}; {sample_words(result)}\n"
        "0: opposite conclusions, 50 (dashed): mixed, 100: the same conclusion"
    )
    levels = result.by_issue_scale
    with style.house():
        figure = captioned_figure(
            "Alignment by issue awareness", caption, result, subtitle, height=2.7, groups=levels
        )
        axes = figure.subplots()
        _by_awareness(axes, levels, series)
        axes.axhline(50, color=style.MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        axes.set_ylabel("Alignment (PAC, 0 to 100)")
        axes.set_ylim(-3, 103)
    return figure


def refusal_vs_issue_awareness(result: ValBenchResult, caption: Caption) -> Figure:
    """How often a side, or both, refuse to take a stance, by how widely known an issue is."""
    series = {"either side refuses": "ref_any", "both sides refuse": "ref2"}
    return _rate_vs_issue_awareness("Refusals by issue awareness", series, result, caption)


def no_info_vs_issue_awareness(result: ValBenchResult, caption: Caption) -> Figure:
    """How often a side, or both, say that they lack the information, by issue awareness."""
    series = {"either side lacks information": "ninf_any", "both sides lack information": "ninf2"}
    return _rate_vs_issue_awareness("No information by issue awareness", series, result, caption)


def category_metrics(result: ValBenchResult, caption: Caption) -> Figure:
    """Alignment, refusals and no information by category; the line is the value over all pairs."""
    groups = result.by_category[:MAX_CATEGORIES]
    panels = {
        "PAC (0 to 100)": ("pac", style.BLUE),
        "Refusals (%)": ("ref_any", style.VERMILLION),
        "No information (%)": ("ninf_any", style.GREEN),
    }
    left_out = len(result.by_category) - len(groups)
    more = f"; {left_out} smaller categories are in category_metrics.csv" if left_out else ""
    subtitle = (
        f"{sample_words(result)}{more}\n"
        "Rates: pairs in which either side refuses, or lacks the information. Dashed: all pairs"
    )
    with style.house():
        height = 0.75 + 0.26 * len(groups)
        figure = captioned_figure(
            "Measures by category", caption, result, subtitle, height=height, groups=groups
        )
        rows = range(len(groups))
        all_axes = figure.subplots(1, len(panels), sharey=True)
        for axes, (heading, (name, color)) in zip(all_axes, panels.items(), strict=True):
            style.draw_intervals(
                axes, rows, [g.estimates[name] for g in groups], color=color, horizontal=True
            )
            overall = result.estimates[name].value
            axes.axvline(overall, color=color, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
            axes.set_title(heading, size=style.SMALL_SIZE)
            if name == "pac":
                axes.set_xlim(-4, 104)  # the same for every model: 50 stands for mixed
                axes.set_xticks([0, 25, 50, 75, 100])
                continue
            style.fit_percent_range(
                axes, [*(g.estimates[name] for g in groups), result.estimates[name]]
            )
        all_axes[0].set_yticks(rows, [_category_label(g) for g in groups])
        all_axes[0].set_ylim(len(groups) - 0.5, -0.5)
    return figure


def _category_label(group: GroupResult) -> str:
    return textwrap.fill(f"{group.name or '(none)'} (n={group.n:,})", _LABEL_LETTERS)


def _rate_vs_issue_awareness(
    title: str, series: Mapping[str, str], result: ValBenchResult, caption: Caption
) -> Figure:
    (label, headline), *_ = series.items()
    share = style.with_interval(result.estimates[headline], "%")
    subtitle = f"{label.capitalize()}: {share}; {sample_words(result)}"
    levels = result.by_issue_scale
    with style.house():
        figure = captioned_figure(title, caption, result, subtitle, height=2.7, groups=levels)
        axes = figure.subplots()
        _by_awareness(axes, levels, series)
        axes.set_ylabel("Pairs (%)")
        highest = [g.estimates[n] for g in levels for n in series.values()]
        top = max((e.high if e.high == e.high else e.value) for e in highest)
        top = min(max(top, 10.0), 100.0)
        axes.set_ylim(-0.03 * top, 1.05 * top)
    return figure


def _by_awareness(axes: Axes, groups: Sequence[GroupResult], series: Mapping[str, str]) -> None:
    """One column of points a level, the series side by side, n under each level."""
    looks = [(style.BLUE, "o", False), (style.VERMILLION, "s", True)]
    for position, (label, name) in enumerate(series.items()):
        color, marker, hollow = looks[position]
        places = [level + 0.16 * (position - 0.5) for level in range(len(groups))]
        estimates = [group.estimates[name] for group in groups]
        style.draw_intervals(
            axes, places, estimates, color=color, marker=marker, hollow=hollow, label=label
        )
    ticks = [f"{group.name or '(none)'}\nn={group.n}" for group in groups]
    axes.set_xticks(range(len(groups)), ticks)
    axes.set_xlim(-0.5, len(groups) - 0.5)
    axes.set_xlabel("Issue awareness (issue_scale, 1 to 5)")
    axes.grid(axis="x", visible=False)
    style.legend_above(axes, columns=2)


def _label_bar(axes: Axes, x: float, value: float) -> None:
    """The value on the bar's top edge, to the right of the interval's line."""
    axes.annotate(
        f"{style.number(value)}%",
        (x, value),
        xytext=(4, 2),
        textcoords="offset points",
        size=style.SMALL_SIZE,
    )
