"""Estimates of a judge report in words: one style on every page, shares as percent."""

from __future__ import annotations

from calibration.estimate import Estimate
from reporting.style import number

VERDICTS = {
    "score": "score",
    "refusal_1": "refusal, side for",
    "refusal_2": "refusal, side against",
    "no_information_1": "no information, side for",
    "no_information_2": "no information, side against",
}
"""The verdicts of a judgement in a reader's words."""


def in_words(estimate: Estimate, digits: int = 2, unit: str = "") -> str:
    """As in 61.3% (52.0 to 70.1); says why where something is missing.

    Args:
        estimate: What to show.
        digits: After the point, of the value and both ends alike.
        unit: "%" turns a share into percent.
    """
    found = estimate.scaled(100.0) if unit == "%" else estimate
    if found.value is None:
        return f"undefined ({found.reason})"
    value = f"{number(found.value, digits)}{unit}"
    if found.low is None or found.high is None:
        return f"{value} (no interval: {found.reason})"
    return f"{value} ({number(found.low, digits)} to {number(found.high, digits)})"


def percent(estimate: Estimate) -> str:
    """A share in words, as percent."""
    return in_words(estimate, 1, "%")


def judge_title(judge_id: str) -> str:
    """A heading for a judge or a jury."""
    return f"J{judge_id[1:]}" if judge_id.startswith("jury of ") else f"Judge {judge_id}"
