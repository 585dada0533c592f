"""Who stands where, and how sure that is: ranks with 95% intervals.

The interval of a rank is made of the differences that hold for all comparisons together: a model
stands below every model that is clearly better and above every one that is clearly worse. These
sets cover all true ranks at once with 95% probability, also where models are equal, where a plain
bootstrap of ranks promises too much (Mogstad, Romano, Shaikh and Wilhelm, Inference for Ranks,
Review of Economic Studies 91, 2024; Al Mohamad, Goeman and van Zwet, Biometrics 78, 2022).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from reporting.report.differences import Difference


class Standing(NamedTuple):
    """One row of a leaderboard.

    Attributes:
        model: its name.
        value: the measure, NaN where it is undefined.
        rank: 1 is best; equal values share the better rank; 0 without a value.
        rank_low, rank_high: the best and the worst rank that the data allow; 0 where no differences
            are known.
    """

    model: str
    value: float
    rank: int
    rank_low: int
    rank_high: int


def leaderboard(
    values: Mapping[str, float],
    differences: Sequence[Difference] = (),
    higher_is_better: bool = True,
) -> list[Standing]:
    """Models in order, best first, those without a value last.

    Args:
        values: of each model.
        differences: between every two of them, see `differences`; a pair that is missing, or has no
            interval, decides nothing, so that both ranks stay open to it.
        higher_is_better: the direction of the measure.
    """
    sign = 1.0 if higher_is_better else -1.0
    known = {model: sign * value for model, value in values.items() if np.isfinite(value)}
    better, worse = _beaten(differences, sign)
    rows = []
    for model, value in values.items():
        if model not in known:
            rows.append(Standing(model, float("nan"), 0, 0, 0))
            continue
        rank = 1 + sum(other > known[model] for other in known.values())
        low, high = 0, 0
        if differences:
            low = 1 + len(better.get(model, set()) & known.keys())
            high = len(known) - len(worse.get(model, set()) & known.keys())
        # An interval holds its own value: over differing items the order may be the other way.
        low, high = (min(low, rank), max(high, rank)) if differences else (0, 0)
        if len(known) == 1:
            low, high = 1, 1  # nobody to be above or below
        rows.append(Standing(model, value, rank, low, high))
    return sorted(rows, key=lambda row: (row.rank == 0, row.rank, row.model))


def _beaten(
    differences: Sequence[Difference], sign: float
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """For each model, who is clearly better and who is clearly worse."""
    better: dict[str, set[str]] = {}
    worse: dict[str, set[str]] = {}
    for d in differences:
        low, high = sorted((sign * d.low_all, sign * d.high_all))
        if low > 0:
            better.setdefault(d.second, set()).add(d.first)
            worse.setdefault(d.first, set()).add(d.second)
        elif high < 0:
            better.setdefault(d.first, set()).add(d.second)
            worse.setdefault(d.second, set()).add(d.first)
    return better, worse
