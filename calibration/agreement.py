"""Agreement between raters: Cohen's kappa for two, Krippendorff's alpha for any number.

Point estimates come from scikit-learn and evalica; the intervals resample items (or their articles)
and recompute the whole statistic, expected disagreement included. A rater who gave one and the same
rating to everything has no agreement to measure: the statistic is undefined, with that reason.

Sources: J. Cohen, Weighted kappa, Psychological Bulletin 70, 1968; K. Krippendorff, Content
Analysis, 4th edition, 2018, chapter 12.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from benchmarks.percentiles import all_equal
from calibration.estimate import LEVEL, Estimate, from_draws, undefined
from calibration.resampling import DRAWS, Array, bootstrap_sums, cluster_sums


def score_kappa(
    first: ArrayLike,
    second: ArrayLike,
    *,
    names: tuple[str, str] = ("the first rater", "the second rater"),
    clusters: ArrayLike | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Estimate:
    """Quadratic-weighted kappa of two raters' scores in -2..2, shape (N,), NaN where missing.

    The grid is whole steps, or half steps when a score is a half (a mean of two orders); quadratic
    weights do not depend on the width of a step.

    Source: Cohen 1968, through scikit-learn's `cohen_kappa_score`.
    """
    pairs = np.column_stack([np.asarray(first, float), np.asarray(second, float)])
    kept = np.isfinite(pairs).all(axis=1)
    step = 1.0 if np.allclose(pairs[kept], np.round(pairs[kept])) else 0.5
    codes = np.round((pairs[kept] + 2.0) / step).astype(int)
    units = None if clusters is None else np.asarray(clusters, dtype=object)[kept]
    return _kappa(codes, round(4 / step) + 1, "quadratic", names, units, draws, seed)


def flag_kappa(
    first: ArrayLike,
    second: ArrayLike,
    *,
    names: tuple[str, str] = ("the first rater", "the second rater"),
    clusters: ArrayLike | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Estimate:
    """Cohen's unweighted kappa of two raters' yes/no flags, shape (N,), NaN where missing.

    Source: J. Cohen, A coefficient of agreement for nominal scales, 1960.
    """
    pairs = np.column_stack([np.asarray(first, float), np.asarray(second, float)])
    kept = np.isfinite(pairs).all(axis=1)
    units = None if clusters is None else np.asarray(clusters, dtype=object)[kept]
    return _kappa(pairs[kept].astype(int), 2, None, names, units, draws, seed)


def _kappa(
    codes: NDArray[np.int64],
    categories: int,
    weights: str | None,
    names: tuple[str, str],
    clusters: ArrayLike | None,
    draws: int,
    seed: int,
) -> Estimate:
    from sklearn.metrics import cohen_kappa_score

    if len(codes) == 0:
        return undefined(f"{names[0]} and {names[1]} have no item in common")
    for name, ratings in zip(names, codes.T, strict=True):
        if len(np.unique(ratings)) == 1:
            return undefined(f"kappa is undefined: every rating by {name} is the same", len(codes))
    labels = np.arange(categories)
    value = float(cohen_kappa_score(codes[:, 0], codes[:, 1], labels=labels, weights=weights))
    cells = np.eye(categories**2)[codes[:, 0] * categories + codes[:, 1]]
    rng = np.random.default_rng(seed)
    sums = cluster_sums(cells, clusters)
    tables = bootstrap_sums(sums, draws, rng).reshape(-1, categories, categories)
    return _interval(value, kappa_of_tables(tables, weights), len(codes), len(sums))


def _interval(value: float, drawn: Array, n: int, units: int) -> Estimate:
    """Bootstrap interval on Fisher's scale, which evens out the skew of a coefficient bounded by 1.

    Its half width is the draws' standard deviation there times a t quantile. Where agreement is so
    high that draws reach 1 the scale ends, and percentiles are taken instead.

    Source: Davison and Hinkley 1997, section 5.2.2 (transformed scale).
    """
    from scipy.stats import t

    usable = drawn[np.isfinite(drawn)]
    if units > 1 and all_equal(usable):
        return Estimate(value, None, None, n, "no two ratings differ: resampling shows no doubt")
    if usable.size < 2 or units < 2 or max(abs(value), np.abs(usable).max()) > 1 - 1e-9:
        return from_draws(value, drawn, n, units)
    half = float(t.ppf(0.5 + LEVEL / 2, units - 1) * np.arctanh(usable).std())
    centre = float(np.arctanh(value))
    return Estimate(value, float(np.tanh(centre - half)), float(np.tanh(centre + half)), n)


def kappa_of_tables(tables: Array, weights: str | None) -> Array:
    """Kappa of contingency tables of shape (B, K, K): shape (B,), NaN where undefined.

    One minus observed over expected disagreement, each cell weighted by the squared distance of its
    row and column (`quadratic`) or by whether they differ (None). Source: Cohen 1968, equation 8.
    """
    size = tables.shape[-1]
    distance = np.subtract.outer(np.arange(size), np.arange(size)).astype(float) ** 2
    if weights is None:
        distance = (distance > 0).astype(float)
    total = tables.sum(axis=(1, 2))
    expected = np.einsum("bi,bj,ij->b", tables.sum(axis=2), tables.sum(axis=1), distance)
    observed = np.einsum("bij,ij->b", tables, distance)
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Array = 1.0 - observed * total / expected
    return result


def ordinal_alpha(
    ratings: pd.DataFrame,
    *,
    clusters: ArrayLike | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Estimate:
    """Krippendorff's alpha with the ordinal distance.

    Args:
        ratings: One row an item, one column a rater, NaN where a rater gave none.
        clusters: Shape (N,), what the bootstrap resamples; the items by default.

    Source: Krippendorff 2018, through evalica's `alpha`; the interval resamples units with their
    ratings, so the expected disagreement varies with them.
    """
    import evalica

    rated = ratings.notna().sum(axis=1).to_numpy() >= 2
    items = ratings.loc[rated].astype(float)
    if items.empty:
        return undefined("alpha needs an item rated by at least two raters")
    values = np.unique(items.to_numpy()[items.notna().to_numpy()])
    if values.size == 1:
        return undefined(f"alpha is undefined: every rating is {values[0]:g}", len(items))
    value = float(evalica.alpha(items.T, distance="ordinal").alpha)
    units = None if clusters is None else np.asarray(clusters, dtype=object)[rated]
    coincidences = _coincidences(items.to_numpy(), values)
    sums = cluster_sums(coincidences.reshape(len(items), -1), units)
    totals = bootstrap_sums(sums, draws, np.random.default_rng(seed))
    drawn = alpha_of_coincidences(totals.reshape(-1, values.size, values.size))
    return _interval(value, drawn, len(items), len(sums))


def _coincidences(ratings: Array, values: Array) -> Array:
    """Each item's share of the coincidence matrix: shape (N, V, V)."""
    tally = (ratings[:, :, None] == values).sum(axis=1).astype(float)
    together = tally[:, :, None] * tally[:, None, :] - tally[:, :, None] * np.eye(values.size)
    together /= (tally.sum(axis=1) - 1)[:, None, None]
    return together


def alpha_of_coincidences(matrices: Array) -> Array:
    """Ordinal alpha of coincidence matrices of shape (B, V, V): shape (B,), NaN where undefined.

    Source: Krippendorff 2018, section 12.3.2 (the squared distance of two ranks is that of the
    midpoints of their cumulated frequencies).
    """
    margins = matrices.sum(axis=2)
    midpoints = margins.cumsum(axis=1) - margins / 2
    distance = (midpoints[:, :, None] - midpoints[:, None, :]) ** 2
    observed = (matrices * distance).sum(axis=(1, 2))
    expected = np.einsum("bi,bj,bij->b", margins, margins, distance) / (margins.sum(axis=1) - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Array = 1.0 - observed / expected
    return result
