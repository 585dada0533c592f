"""A number with its 95% interval, or the reason why there is none.

Every statistic of this package ends as an `Estimate`, so that no figure travels without its
uncertainty and no undefined figure turns into a zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from benchmarks.percentiles import (
    LEVEL,
    all_equal,
    bound_when_all_equal,
    cut_tails,
    expanded_tail,
)
from calibration.resampling import cluster_sums

ONE_CLUSTER = "one article only: no spread to measure"
Z = float(norm.ppf(0.5 + LEVEL / 2))


@dataclass(frozen=True)
class Estimate:
    """One statistic and its 95% interval.

    Attributes:
        value: The point estimate; None when it is undefined.
        low: Lower end of the 95% interval; None when there is no interval.
        high: Upper end of the 95% interval; None when there is no interval.
        n: How many units the number rests on.
        reason: Why `value` or the interval is missing; None when both are there.
        effective_n: For a proportion of clustered units, the number of independent units that
            carry the same information; None elsewhere.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str | None = None
    effective_n: float | None = None

    @property
    def defined(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    def scaled(self, factor: float, offset: float = 0.0) -> Estimate:
        """The estimate of ``offset + factor * x``, ends swapped for a negative factor."""
        if self.value is None:
            return self
        ends = [None if end is None else offset + factor * end for end in (self.low, self.high)]
        low, high = ends if factor >= 0 else ends[::-1]
        value = offset + factor * self.value
        return Estimate(value, low, high, self.n, self.reason, self.effective_n)

    def __str__(self) -> str:
        if self.value is None:
            return f"undefined ({self.reason})"
        if self.low is None or self.high is None:
            return f"{self.value:.3g} (no interval: {self.reason})"
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


def undefined(reason: str, n: int = 0) -> Estimate:
    """An estimate that does not exist, with the reason."""
    return Estimate(None, None, None, n, reason)


def from_draws(
    value: float,
    draws: ArrayLike,
    n: int,
    clusters: int | None = None,
    limits: tuple[float, float] | None = None,
) -> Estimate:
    """Percentile interval around `value` from bootstrap `draws` of shape (B,); NaN draws left out.

    Args:
        value: The point estimate.
        draws: Its draws; the interval is widened to contain `value` where smoothed draws lie wholly
            on one side of it.
        n: Units it rests on.
        clusters: How many were resampled; few of them move the ends outwards.
        limits: The least and the greatest value. With them an exact bound stands where all clusters
            say the same and the draws would claim certainty.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3; the ends as
    in `benchmarks.percentiles`.
    """
    usable = np.asarray(draws, dtype=float)
    usable = usable[np.isfinite(usable)]
    if not math.isfinite(value):
        return undefined("not defined on these data", n)
    if usable.size == 0:
        return Estimate(value, None, None, n, "no resample gave a defined value")
    if clusters is not None and clusters < 2:
        return Estimate(float(value), None, None, n, ONE_CLUSTER)
    if limits is not None and clusters is not None and all_equal(usable):
        return Estimate(float(value), *bound_when_all_equal(value, limits, clusters), n)
    low, high = cut_tails(usable, expanded_tail(math.inf if clusters is None else clusters))
    return Estimate(float(value), min(float(low), value), max(float(high), value), n)


def wilson(successes: float, trials: float, *, effective_n: float | None = None) -> Estimate:
    """Proportion with Wilson's score interval.

    Args:
        successes: Number of successes, 0 to `trials`.
        trials: Number of trials.
        effective_n: Independent trials that carry the same information, when the trials are
            clustered (Kish, Survey Sampling, 1965); `trials` by default.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference,
    JASA 22, 1927.
    """
    if trials <= 0:
        return undefined("no trials")
    n = trials if effective_n is None else effective_n
    share = successes / trials
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    low, high = min(low, share), max(high, share)  # float dust at 0 and 1
    return Estimate(share, low, high, round(trials), None, float(n))


def share_of_items(hits: ArrayLike, clusters: ArrayLike | None) -> Estimate:
    """Share of items, shape (N,) of true and false, that come in clusters, shape (N,), or alone."""
    marks = np.asarray(hits, dtype=float)
    if clusters is None:
        return wilson(float(marks.sum()), float(marks.size))
    sums = cluster_sums(np.column_stack([marks, np.ones(marks.size)]), clusters)
    return clustered_proportion(sums[:, 0], sums[:, 1])


def clustered_proportion(
    successes: ArrayLike, trials: ArrayLike, squares: ArrayLike | None = None
) -> Estimate:
    """Wilson interval for a proportion whose trials come in clusters (two responses of a pair).

    Args:
        successes: Shape (G,), successes in each cluster, weighted if the trials are.
        trials: Shape (G,), trials in each cluster; clusters without trials are left out.
        squares: Shape (G,), sum of the squared weights of the trials in each cluster; the trials
            themselves (weight one) by default.

    The number of trials is divided by the design effect of weights and clusters, the latter
    estimated from the spread between clusters. Where every trial ended alike the spread says
    nothing, and each cluster counts once.

    Source: Rao and Scott, A simple method for the analysis of clustered binary data,
    Biometrics 48, 1992; Kish, Survey Sampling, 1965, section 11.7 for weights.
    """
    hits, tries = np.asarray(successes, dtype=float), np.asarray(trials, dtype=float)
    weights = tries if squares is None else np.asarray(squares, dtype=float)
    hits, weights, tries = hits[tries > 0], weights[tries > 0], tries[tries > 0]
    total, clusters = tries.sum(), tries.size
    if clusters == 0:
        return undefined("no trials")
    share = min(1.0, hits.sum() / total)
    most = total**2 / weights.sum()
    if share in (0.0, 1.0) or clusters < 2:
        least = total**2 / (tries**2).sum()
        return wilson(share * total, total, effective_n=min(most, least))
    between = clusters / (clusters - 1) * ((hits - share * tries) ** 2).sum() / total**2
    effective = min(most, share * (1 - share) / between) if between > 0 else most
    return wilson(share * total, total, effective_n=effective)
