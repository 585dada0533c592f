"""Order: does the verdict change when the two responses are shown the other way round?

Each item is judged in both orders. A judge without order bias gives the same verdict twice; one
that favours a place moves all its verdicts the same way, which an exact test on the differences
finds.
For EigenBench judges (Chang et al., arXiv 2509.01938) the same is asked of each criterion.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import binom

from calibration.errors import CalibrationError
from calibration.estimate import Estimate, from_draws, share_of_items, undefined
from calibration.resampling import DRAWS, Array, bootstrap_means, cluster_sums


@dataclass(frozen=True)
class OrderEffect:
    """What the order of presentation does to one verdict.

    Attributes:
        verdict: What was judged: 'score', a flag, or a criterion's name.
        n: Items with a verdict in both orders.
        missing: Items without one in at least one order.
        identical: Share of items with the same verdict in both orders.
        mean_shift: Mean of the verdict in the reversed order minus that in the given order, in the
            verdict's own unit.
        p_value: Exact two-sided p-value of no shift; None when there is nothing to compare.
        p_adjusted: The same after Holm's correction over all verdicts tested together.
    """

    verdict: str
    n: int
    missing: int
    identical: Estimate
    mean_shift: Estimate
    p_value: float | None
    p_adjusted: float | None


def order_effects(
    table: pd.DataFrame, *, draws: int = DRAWS, seed: int = 0
) -> tuple[OrderEffect, ...]:
    """Order effect of each verdict in a long table.

    Args:
        table: Columns `item_id`, `given` and `reversed` (numbers, NaN where invalid); optionally
            `verdict` (what was judged, 'score' by default) and `cluster`. Both numbers speak of the
            same thing: a reversed verdict has its persons or candidates swapped back already.
            A cluster's items are resampled, counted and signed together; without clusters every
            item stands for itself.
        draws: Bootstrap draws over clusters for the interval of the shift.
        seed: Seed of the draws.

    Raises:
        CalibrationError: a missing column.
    """
    for column in ("item_id", "given", "reversed"):
        if column not in table:
            raise CalibrationError(f"The order table has no '{column}' column.")
    named = table if "verdict" in table else table.assign(verdict="score")
    effects = [
        _effect(str(name), part, draws, seed) for name, part in named.groupby("verdict", sort=False)
    ]
    return _with_holm(effects)


def _effect(name: str, part: pd.DataFrame, draws: int, seed: int) -> OrderEffect:
    both = part.dropna(subset=["given", "reversed"])
    missing = len(part) - len(both)
    if both.empty:
        none = undefined("no item has a verdict in both orders")
        return OrderEffect(name, 0, missing, none, none, None, None)
    shift = (both["reversed"] - both["given"]).to_numpy(dtype=float)
    clusters = both.get("cluster")
    drawn = bootstrap_means(shift, clusters, draws, np.random.default_rng(seed))[:, 0]
    return OrderEffect(
        verdict=name,
        n=len(both),
        missing=missing,
        identical=share_of_items(shift == 0, clusters),
        mean_shift=_mean_shift(shift, drawn, len(both) if clusters is None else clusters.nunique()),
        p_value=exact_shift_test(shift, clusters),
        p_adjusted=None,
    )


def _mean_shift(shift: Array, drawn: Array, clusters: int) -> Estimate:
    if not shift.any():
        reason = "no verdict changed; how sure that is, the share of identical verdicts says"
        return Estimate(0.0, None, None, len(shift), reason)
    return from_draws(float(shift.mean()), drawn, len(shift), clusters)


def exact_shift_test(shift: ArrayLike, clusters: ArrayLike | None = None) -> float:
    """Exact two-sided p-value that paired differences, shape (N,), are symmetric around zero.

    Every difference may have had either sign; the distribution of their sum over all 2^N sign
    patterns is the convolution of one binomial for each size of difference, so it is exact at any
    N. Differences must be multiples of one half. Two verdicts of yes and no make it McNemar's exact
    test. Items of one of `clusters`, shape (N,), stand or fall together: their sum has one sign.

    Source: E. J. G. Pitman, Significance tests which may be applied to samples from any
    populations, JRSS Supplement 4, 1937; Q. McNemar, Psychometrika 12, 1947.
    """
    doubled = np.round(2 * cluster_sums(shift, clusters)[:, 0]).astype(int)
    observed = abs(int(doubled.sum()))
    sizes, counts = np.unique(np.abs(doubled[doubled != 0]), return_counts=True)
    distribution = np.ones(1)
    for size, count in zip(sizes, counts, strict=True):
        spread = np.zeros(2 * size * count + 1)
        spread[:: 2 * size] = binom.pmf(np.arange(count + 1), count, 0.5)
        distribution = np.convolve(distribution, spread)
    centre = (distribution.size - 1) // 2
    if observed == 0:
        return 1.0
    return float(min(1.0, 2 * distribution[centre + observed :].sum()))


def _with_holm(effects: list[OrderEffect]) -> tuple[OrderEffect, ...]:
    """Holm's step-down correction (S. Holm, Scandinavian Journal of Statistics 6, 1979)."""
    tested = [effect for effect in effects if effect.p_value is not None]
    ranked = sorted(tested, key=lambda effect: effect.p_value or 0.0)
    adjusted: dict[str, float] = {}
    reached = 0.0
    for rank, effect in enumerate(ranked):
        reached = max(reached, min(1.0, (len(ranked) - rank) * (effect.p_value or 0.0)))
        adjusted[effect.verdict] = reached
    return tuple(replace(effect, p_adjusted=adjusted.get(effect.verdict)) for effect in effects)


def preference_sign(choices: Iterable[int | None], *, swapped: bool) -> list[float]:
    """EigenBench choices as numbers about one fixed candidate: 1 preferred, -1 not, 0 a tie.

    Args:
        choices: 1 or 2 for the response in that place, 0 for a tie, None for no verdict.
        swapped: Whether the candidate stood in the second place.

    Raises:
        CalibrationError: a choice other than 0, 1, 2 or None.
    """
    signs = {0: 0.0, 1: -1.0 if swapped else 1.0, 2: 1.0 if swapped else -1.0}
    result = []
    for choice in choices:
        if choice is None or choice != choice:
            result.append(float("nan"))
        elif choice in signs:
            result.append(signs[int(choice)])
        else:
            raise CalibrationError(f"A comparison has the choice {choice!r}: choices are 0, 1, 2.")
    return result
