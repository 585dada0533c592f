"""What the pictures of a judge report share: estimates as bars, titles with their provenance."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reporting import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from calibration.estimate import Estimate
    from calibration.report import JudgeReport

NAN = float("nan")
BARS = "Bars: 95% intervals."


class Bar(NamedTuple):
    """An estimate as a picture takes it: NaN for what is missing."""

    value: float
    low: float
    high: float


def bar(estimate: Estimate, factor: float = 1.0) -> Bar:
    """The estimate times a factor, NaN where something is missing."""
    found = estimate.scaled(factor)
    ends = (found.value, found.low, found.high)
    return Bar(*(NAN if end is None else float(end) for end in ends))


def report_figure(
    title: str, subtitle: str, report: JudgeReport, source: str, height: float, note: str = ""
) -> Figure:
    """A figure titled with the judge; `note` and `source` stand at its foot."""
    return style.new_figure(
        f"{title}: {report.judge_id}",
        subtitle,
        f"{note} {source}".strip(),
        height=height,
        simulated=report.simulated,
    )
