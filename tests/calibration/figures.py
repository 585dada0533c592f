"""Figures that a test takes to be there: it fails where one is missing."""

from __future__ import annotations

from typing import TypeVar

from calibration.estimate import Estimate

T = TypeVar("T")


def present(figure: T | None) -> T:
    """A figure, which must not be None."""
    assert figure is not None
    return figure


def covers(estimate: Estimate, planted: float) -> bool:
    """Whether the interval holds the planted value."""
    return present(estimate.low) <= planted <= present(estimate.high)


def width(estimate: Estimate) -> float:
    """Of the interval."""
    return present(estimate.high) - present(estimate.low)
