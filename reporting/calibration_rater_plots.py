"""The judge beside other raters: a jury, people, how responses look, and EigenBench's trust."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from calibration.estimate import Estimate
from calibration.report import JudgeReport
from reporting import style
from reporting.calibration_figure import BARS, NAN, Bar, bar, report_figure

BARE = f"{BARS} A row without a bar, or without a point, says why."

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LETTERS = 34
"""Of a reason in one line: beside long names of rows, an axis is no wider."""
_THIRD = 1 / 3


def jury(report: JudgeReport, source: str) -> Figure | None:
    """PAC of each judge alone and of the jury, and how each two agree."""
    found = report.jury
    if found is None:
        return None
    alpha = style.with_interval(bar(found.alpha), digits=2)
    subtitle = f"{found.common_items} pairs judged by all; Krippendorff's alpha {alpha}"
    kappas = [(f"{pair.first}\nand {pair.second}", bar(pair.kappa)) for pair in found.pairs]
    pacs = [("median of the jury", bar(found.pac))]
    pacs += [(seat.judge, bar(seat.pac)) for seat in found.seats]
    rests = [Bar(NAN, NAN, NAN), *(bar(seat.pac_without) for seat in found.seats)]
    with style.house():
        height = 1.5 + 0.3 * len(pacs) + 0.4 * len(kappas)
        figure = report_figure("The jury with", subtitle, report, source, height, BARE)
        heights = [0.3 * len(pacs) + 0.4, 0.4 * len(kappas) + 0.3]
        top, below = figure.subplots(2, 1, height_ratios=heights)
        _forest(top, pacs, "PAC (0 to 100)", "this judge alone")
        places = [row + 0.22 for row in range(len(rests))]
        style.draw_intervals(
            top,
            places,
            rests,
            horizontal=True,
            color=style.VERMILLION,
            marker="s",
            hollow=True,
            label="the others without it",
        )
        style.legend_above(top, columns=2)
        _forest(below, kappas, "Quadratic-weighted kappa (1: always the same)")
        _say_why(below, [pair.kappa for pair in found.pairs])
    return figure


def looks(report: JudgeReport, source: str) -> Figure | None:
    """What length, lists and hedging do to the score at equal verdict of the others."""
    effects = {f"{e.feature}\n{e.unit}": e.effect for e in report.style or ()}
    rows = [(name, bar(effect)) for name, effect in effects.items()]
    if not any(shown.value == shown.value for _, shown in rows):
        return None
    subtitle = "Change of the score where the verdict of the others is the same; 0: no effect"
    with style.house():
        figure = report_figure(
            "Looks of the responses", subtitle, report, source, 0.7 + 0.5 * len(rows), BARE
        )
        axes = figure.subplots()
        _forest(axes, rows, "Score points for one step")
        _say_why(axes, list(effects.values()))
        axes.axvline(0, color=style.MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
    return figure


def people(report: JudgeReport, source: str) -> Figure | None:
    """How far the judge agrees with people, and people with each other."""
    found = report.people
    if found is None:
        return None
    rows = [(f"{pair.first} and {pair.second}", bar(pair.score)) for pair in found.pairs]
    rows += [
        ("alpha, people alone", bar(found.alpha_people)),
        ("alpha, people and judge", bar(found.alpha_with_judge)),
    ]
    subtitle = f"{found.items} pairs, {found.labels} labels, {len(found.annotators)} annotator(s)"
    with style.house():
        figure = report_figure(
            "Judge and people", subtitle, report, source, 0.7 + 0.3 * len(rows), BARE
        )
        axes = figure.subplots()
        _forest(axes, rows, "Kappa of the scores, and alpha (1: always the same, 0: chance)")
        alphas = [found.alpha_people, found.alpha_with_judge]
        _say_why(axes, [*(pair.score for pair in found.pairs), *alphas])
    return figure


def trust(report: JudgeReport, source: str) -> Figure | None:
    """Do judges that the ensemble trusts know better?"""
    found = report.trust_accuracy
    if found is None or not found.points:
        return None
    rho = f"Spearman's rho undefined: {found.spearman.reason}"
    if found.spearman.defined:
        rho = f"Spearman's rho {style.with_interval(bar(found.spearman), digits=2)}"
    with style.house():
        figure = report_figure("Trust and known answers", rho, report, source, 2.6, BARS)
        axes = figure.subplots()
        places = [point.trust for point in found.points]
        style.draw_intervals(axes, places, [bar(p.accuracy, 100) for p in found.points])
        for point in found.points:
            axes.annotate(
                point.judge,
                (point.trust, bar(point.accuracy, 100).value),
                xytext=(5, 3),
                textcoords="offset points",
                size=style.SMALL_SIZE,
            )
        axes.set_xlabel("EigenTrust score")
        axes.set_ylabel("Known answers right (%)")
        axes.set_ylim(-3, 103)
        axes.margins(x=0.2)
    return figure


def _forest(
    axes: Axes, rows: Sequence[tuple[str, Bar]], heading: str, label: str | None = None
) -> None:
    """One row an estimate, from top to bottom."""
    shown = [found for _, found in rows]
    style.draw_intervals(
        axes, range(len(rows)), shown, horizontal=True, color=style.BLUE, label=label
    )
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(heading)


def _say_why(axes: Axes, estimates: Sequence[Estimate]) -> None:
    """In a row without a value the reason; above a point without an interval, too."""
    ends = [end for e in estimates for end in bar(e) if end == end] or [0.0]
    middle = (min(ends) + max(ends)) / 2
    for row, estimate in enumerate(estimates):
        if estimate.value is not None and estimate.low is not None:
            continue
        words = f"not measured: {estimate.reason}"
        x, align, above = middle, "center", False
        if estimate.value is not None:
            words, x, above = f"no interval: {estimate.reason}", estimate.value, True
            part = (x - min(ends)) / ((max(ends) - min(ends)) or 1.0)
            if max(ends) > min(ends):
                align = "left" if part < _THIRD else "right" if part > 1 - _THIRD else "center"
        axes.annotate(
            textwrap.fill(words, _LETTERS),
            (x, row),
            xytext=(0, 5 if above else 0),
            textcoords="offset points",
            ha=align,
            va="bottom" if above else "center",
            size=style.SMALL_SIZE,
            color=style.MUTED,
            style="italic",
            bbox={"facecolor": "white", "linewidth": 0, "pad": 1.0},
        )
