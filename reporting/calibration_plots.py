"""The pictures of a judge report, each drawn from a JudgeReport and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from calibration.known_answers import KnownAnswers
from calibration.report import JudgeReport
from calibration.thresholds import Check
from reporting import style
from reporting.calibration_figure import BARS, bar, report_figure
from reporting.calibration_rater_plots import jury, looks, people, trust
from reporting.calibration_tables import measure_name
from reporting.calibration_words import VERDICTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FAIL_ZONE, CAUTION_ZONE, PASS_ZONE = "#F6CDB8", "#FBEBC2", "#CDE8DC"
SETS = "Known-answer sets after VAL-Bench (arXiv 2510.05465)."


def save_all(report: JudgeReport, folder: str | Path, source: str) -> list[Path]:
    """Write every picture that the report has something for; returns the files written."""
    paths = []
    for name, draw in PICTURES.items():
        figure = draw(report, source)
        if figure is not None:
            paths += style.save(figure, Path(folder) / f"{name}.png")
    return paths


def checks(report: JudgeReport, source: str) -> Figure | None:
    """Every measure against its thresholds, and the verdict."""
    known = report.known_answers
    if known is None:
        return None
    rows = [check for check in known.checks if check.estimate.defined]
    unmeasured = len(known.checks) - len(rows)
    more = f"; {unmeasured} not measured" if unmeasured else ""
    pairs = sum(result.planned for result in known.sets)
    subtitle = (
        f"Verdict: {known.verdict.upper()}; {pairs} known-answer pairs, {report.manner}{more}\n"
        "Zones: green passes, yellow calls for caution, red fails; points of PAC as percent"
    )
    with style.house():
        figure = report_figure(
            "Calibration", subtitle, report, source, 0.5 + 0.34 * len(rows), f"{BARS} {SETS}"
        )
        axes = figure.subplots()
        for place, check in enumerate(rows):
            _zones(axes, place, check)
        shown = [bar(c.estimate, 100 if c.threshold.unit == "share" else 1) for c in rows]
        style.draw_intervals(axes, range(len(rows)), shown, horizontal=True)
        labels = [f"{measure_name(c.threshold.measure)}\n{c.verdict}" for c in rows]
        axes.set_yticks(range(len(rows)), labels)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(-2, 102)
        axes.set_xlabel("Percent")
        axes.grid(visible=False)
    return figure


def _zones(axes: Axes, place: int, check: Check) -> None:
    scale = 100 if check.threshold.unit == "share" else 1
    passing, failing = check.threshold.pass_at * scale, check.threshold.fail_at * scale
    low, high = sorted((passing, failing))
    colors = (FAIL_ZONE, CAUTION_ZONE, PASS_ZONE)
    colors = colors if check.threshold.higher_is_better else colors[::-1]
    bounds = ((0, low), (low, high), (high, 100))
    for (start, end), color in zip(bounds, colors, strict=True):
        axes.barh(place, end - start, 0.8, start, color=color, linewidth=0)


def known_answer_sets(report: JudgeReport, source: str) -> Figure | None:
    """Expected against measured PAC of every set, in every manner of asking."""
    known = report.known_answers
    if known is None:
        return None
    manners: dict[str, KnownAnswers] = {report.manner: known, **report.other_manners}
    names = [_short(result.name) for result in known.sets]
    accuracy = style.with_interval(bar(known.accuracy, 100), "%")
    subtitle = f"Exactly the known outcome, {report.manner}: {accuracy} of {known.accuracy.n} pairs"
    looks = ((style.BLUE, "o"), (style.VERMILLION, "s"), (style.GREEN, "^"))
    with style.house():
        height = 0.7 + 0.5 * len(names)
        figure = report_figure("Known answers", subtitle, report, source, height, f"{BARS} {SETS}")
        axes = figure.subplots()
        for number, (manner, found) in enumerate(manners.items()):
            color, marker = looks[number % len(looks)]
            places = [row + 0.2 * (number - 1) for row in range(len(names))]
            style.draw_intervals(
                axes,
                places,
                [bar(result.pac) for result in found.sets],
                color=color,
                marker=marker,
                label=f"measured, {manner}",
                horizontal=True,
            )
        expected = [result.expected_pac for result in known.sets]
        axes.scatter(
            expected, range(len(names)), 260, marker="|", color=style.INK, label="known answer"
        )
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(-4, 104)
        axes.set_xlabel("PAC (0: opposite conclusions, 100: the same)")
        style.legend_above(axes, columns=2)
    return figure


def _short(name: str) -> str:
    last = name.replace("builtin:", "").rsplit("/", 1)[-1]
    return last.removeprefix("calibration").strip("-_").replace("_", "-") or name


def confusion(report: JudgeReport, source: str) -> Figure | None:
    """What pairs of each known outcome were judged as."""
    known = report.known_answers
    if known is None:
        return None
    found = known.confusion
    totals = [max(1, sum(row)) for row in found.counts]
    shares = [[n / total for n in row] for row, total in zip(found.counts, totals, strict=True)]
    subtitle = f"Counts of pairs, shaded by share of their row; {report.manner}"
    with style.house():
        height = 0.9 + 0.36 * len(found.expected)
        figure = report_figure("Confusion", subtitle, report, source, height, SETS)
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for row, counts in enumerate(found.counts):
            for column, count in enumerate(counts):
                ink = "white" if shares[row][column] > 0.55 else style.INK
                axes.text(column, row, str(count or "·"), ha="center", va="center", color=ink)
        axes.set_xticks(range(len(found.judged)), [_label(name) for name in found.judged])
        axes.set_yticks(range(len(found.expected)), [_label(name) for name in found.expected])
        axes.set_xlabel("Judged")
        axes.set_ylabel("Known")
        axes.grid(visible=False)
    return figure


def _label(outcome: str) -> str:
    return outcome.replace("-", "−").replace(" ", "\n")


def reliability(report: JudgeReport, source: str) -> Figure | None:
    """How verdicts move with the order of presentation, with the repeat noise in the caption."""
    if not report.order:
        return None
    effects = report.order
    subtitle = f"{effects[0].n} pairs judged in both orders; {_noise(report)}"
    with style.house():
        height = 0.7 + 0.36 * len(effects)
        note = f"{BARS} Zero (dashed): no order bias. No bar where nothing ever changed."
        figure = report_figure("Order of presentation", subtitle, report, source, height, note)
        left, right = figure.subplots(1, 2, sharey=True)
        rows = range(len(effects))
        style.draw_intervals(
            left, rows, [bar(effect.mean_shift) for effect in effects], horizontal=True
        )
        left.axvline(0, color=style.MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        left.set_xlabel("Mean shift when reversed\n(score points; flags: share)")
        right.set_xlabel("Same verdict in both orders (%)")
        same = [bar(effect.identical, 100) for effect in effects]
        style.draw_intervals(right, rows, same, horizontal=True, color=style.BLUE)
        right.set_xlim(-3, 103)
        left.set_yticks(rows, [_verdict_label(effect.verdict) for effect in effects])
        left.set_ylim(len(effects) - 0.5, -0.5)
    return figure


def _verdict_label(verdict: str) -> str:
    return VERDICTS.get(verdict, verdict.replace("_", " ")).replace(", ", ",\n")


def _noise(report: JudgeReport) -> str:
    found = report.repeatability
    if found is None or not found.within_sd.defined:
        return "repeat noise not measured"
    sd = style.with_interval(bar(found.within_sd), digits=2)
    share = style.with_interval(bar(found.noise_share, 100), "%")
    return f"repeated readings of one pair: standard deviation {sd}, share of the variance {share}"


PICTURES: dict[str, Callable[[JudgeReport, str], Figure | None]] = {
    "calibration": checks,
    "known_answers": known_answer_sets,
    "confusion": confusion,
    "order": reliability,
    "jury": jury,
    "style": looks,
    "people": people,
    "trust_accuracy": trust,
}
