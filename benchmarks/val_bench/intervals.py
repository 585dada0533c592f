"""95% intervals that resample articles, because the pairs of one article stand or fall together.

All statistics are functions of sums over pairs, so a resample of articles needs only the articles'
sums. Articles with equal sums are interchangeable: drawing C articles with replacement gives each
distinct row of sums a multinomial count, and a resample costs one draw per *distinct* row. At
115,000 pairs that is the difference between minutes and seconds, and the law is exactly the same.

With few articles a percentile interval is too short; its ends are moved outwards (see
`benchmarks.percentiles`). That holds the promised 95% down to about eight articles; below, no
resample can reach far enough (measured: 92% at five, 80% at three), and the estimate says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmarks.percentiles import (
    LEVEL,
    all_equal,
    bound_when_all_equal,
    cut_tails,
    expanded_tail,
)

CONFIDENCE = LEVEL
N_RESAMPLES = 1000

ONE_CLUSTER = "one article only: interval undefined"
NO_PAIRS = "no such pairs"
FEW_CLUSTERS = "fewer than 8 articles: interval too short"
ALL_EQUAL = "all articles equal: exact bound"
ENOUGH_CLUSTERS = 8
_CHUNK_CELLS = 4_000_000  # counts held at once: 32 MB, and as much again as floats


@dataclass(frozen=True)
class Estimate:
    """A number with its 95% interval.

    Attributes:
        value: the point estimate, in the unit of its statistic; NaN if nothing bears on it.
        low, high: the ends of the interval; NaN where it is undefined (see `note`).
        n: pairs the value rests on.
        clusters: articles among them, the units that are resampled.
        note: why the interval is undefined, too short, or not from the bootstrap; "" otherwise.
    """

    value: float
    low: float
    high: float
    n: int
    clusters: int
    note: str = ""


@dataclass(frozen=True)
class RatioScale:
    """From a ratio of two sums to a measure: offset + scale * ratio, between floor and ceiling."""

    scale: float
    offset: float = 0.0
    floor: float = 0.0
    ceiling: float = 100.0

    def of(self, over: NDArray[np.float64], under: NDArray[np.float64]) -> NDArray[np.float64]:
        """The measure for each pair of sums; NaN where `under` is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.offset + self.scale * over / under


def cluster_sums(contributions: NDArray[np.float64], clusters: ArrayLike) -> NDArray[np.float64]:
    """Add up the rows of each cluster.

    Args:
        contributions: shape (n, k), what each pair adds to each of k sums.
        clusters: shape (n,), labels of any sortable kind.

    Returns:
        shape (number of clusters, k).
    """
    _, codes = np.unique(np.asarray(clusters), return_inverse=True)
    size = int(codes.max()) + 1 if len(codes) else 0
    columns = [np.bincount(codes, weights=column, minlength=size) for column in contributions.T]
    return np.column_stack(columns) if columns else np.zeros((size, 0))


def bootstrap_sums(
    sums: NDArray[np.float64], n_resamples: int = N_RESAMPLES, seed: int | list[int] = 0
) -> NDArray[np.float64]:
    """The k totals of each resample of clusters with replacement, shape (n_resamples, k).

    The result depends on the clusters as a set, not on their order.
    """
    rows, counts = np.unique(sums, axis=0, return_counts=True)
    n_clusters = int(counts.sum())
    rng = np.random.default_rng(seed)
    totals = np.empty((n_resamples, sums.shape[1]))
    step = max(1, _CHUNK_CELLS // len(rows))
    for start in range(0, n_resamples, step):
        size = min(step, n_resamples - start)
        drawn = rng.multinomial(n_clusters, counts / n_clusters, size=size)
        totals[start : start + size] = drawn @ rows
    return totals


def percentile_interval(
    draws: NDArray[np.float64], n_clusters: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """The expanded percentile interval of bootstrap draws, shape (n_resamples,); NaNs left out."""
    finite = draws[np.isfinite(draws)]
    if not len(finite):
        return float("nan"), float("nan")
    low, high = cut_tails(finite, expanded_tail(n_clusters, confidence))
    return float(low), float(high)


def interval_of(
    value: float,
    draws: NDArray[np.float64],
    limits: tuple[float, float],
    n: int,
    clusters: int,
    unit: str = "article",
) -> Estimate:
    """The estimate `value` with the interval that its bootstrap draws give, or the reason for none.

    With a single article there is no interval: how articles differ can't be seen in one.

    Args:
        value: the point estimate.
        draws: shape (n_resamples,), the same statistic of each resample; NaN where it has no pairs.
        limits: the least and the greatest value the statistic can take.
        n, clusters: pairs and articles that bear on it.
        unit: what the clusters are, for the note.
    """
    if n == 0 or not np.isfinite(value):
        return Estimate(float("nan"), float("nan"), float("nan"), n, clusters, NO_PAIRS)
    if clusters == 1:
        return Estimate(value, float("nan"), float("nan"), n, 1, _of_unit(ONE_CLUSTER, unit))
    if all_equal(draws):
        low, high = bound_when_all_equal(value, limits, clusters)
        return Estimate(value, low, high, n, clusters, _of_unit(ALL_EQUAL, unit))
    low, high = percentile_interval(draws, clusters)
    note = "" if clusters >= ENOUGH_CLUSTERS else _of_unit(FEW_CLUSTERS, unit)
    return Estimate(value, low, high, n, clusters, note)


def _of_unit(note: str, unit: str) -> str:
    return note.replace("article", unit)


def ratio_estimate(
    sums: NDArray[np.float64], draws: NDArray[np.float64], over: int, under: int, unit: RatioScale
) -> Estimate:
    """The measure `unit(sum of column over / sum of column under)` with its 95% interval.

    Articles that add nothing to `under` bear no witness and are not counted as clusters.

    Args:
        sums: shape (clusters, k), from `cluster_sums`; column `under` counts pairs.
        draws: shape (n_resamples, k), from `bootstrap_sums` of the same.
        over, under: columns.
        unit: from the ratio to the measure.
    """
    total = sums.sum(axis=0)
    value = float(unit.of(total[over : over + 1], total[under : under + 1])[0])
    n, clusters = round(float(total[under])), int((sums[:, under] > 0).sum())
    resampled = unit.of(draws[:, over], draws[:, under])
    return interval_of(value, resampled, (unit.floor, unit.ceiling), n, clusters)
