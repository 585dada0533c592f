"""The judge beside other raters: a jury, people, how responses look, and EigenBench's trust."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from calibration.report import JudgeReport
from reporting import style
from reporting.calibration_figure import BARS, NAN, Bar, bar, report_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
        figure = report_figure("The jury with", subtitle, report, source, height, BARS)
        heights = [0.3 * len(pacs) + 0.4, 0.4 * len(kappas) + 0.3]
        top, below = figure.subplots(2, 1, height_ratios=heights)
        _forest(top, pacs, "PAC", "this judge alone")
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
    return figure


def looks(report: JudgeReport, source: str) -> Figure | None:
    """What length, lists and hedging do to the score at equal verdict of the others."""
    rows = [(f"{e.feature}\n{e.unit}", bar(e.effect)) for e in report.style or ()]
    if not any(shown.value == shown.value for _, shown in rows):
        return None
    subtitle = "Change of the score where the verdict of the others is the same; 0: no effect"
    with style.house():
        figure = report_figure(
            "Looks of the responses", subtitle, report, source, 0.7 + 0.5 * len(rows), BARS
        )
        axes = figure.subplots()
        _forest(axes, rows, "Score points for one step")
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
    note = f"{BARS} A line without a point is undefined: people.csv says why."
    with style.house():
        figure = report_figure(
            "Judge and people", subtitle, report, source, 0.7 + 0.3 * len(rows), note
        )
        axes = figure.subplots()
        _forest(axes, rows, "Kappa of the scores, and alpha (1: always the same, 0: chance)")
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
