"""Joint resamples of what all models got on the same items: draws of means and of differences.

Two kinds of items. What a model gets on an article is that article's own, so that a resample only
weighs it anew. What it gets on a persona may be a rank among the other personas, which were drawn
as well: a persona that was drawn twice is met twice by all others, so such values are taken anew in
every resample (`Items.redraw`). To hold them fixed leaves out half of the doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

N_RESAMPLES = 2000
_CHUNK_CELLS = 4_000_000


@dataclass(frozen=True)
class Items:
    """What every model got on every item of one benchmark, for one measure that is a mean.

    Attributes:
        models: M names.
        values: (N, M), NaN where an item can't be used for a model.
        clusters: (N,) integer labels of the resampled units: articles, personas.
        limits: the least and the greatest value of the measure.
        redraw: for values that depend on which other items there are, from how often each item was
            drawn, (b, N), to the values then, (b, N, M), NaN where there is none. Every item is a
            cluster of its own there, labelled by its place. None where an item's value is its own.
    """

    models: tuple[str, ...]
    values: Floats
    clusters: NDArray[np.int64]
    limits: tuple[float, float]
    redraw: Callable[[Floats], Floats] | None = None


@dataclass(frozen=True)
class Draws:
    """A measure of M models, drawn jointly.

    Attributes:
        models: M names.
        values: (M,) the estimates.
        draws: (B, M); a row scores all models on the same resample.
        units: how many units were resampled; 0 where it is not known.
        limits: the least and the greatest value of the measure.
    """

    models: tuple[str, ...]
    values: Floats
    draws: Floats
    units: int
    limits: tuple[float, float]


@dataclass(frozen=True)
class PairDraws:
    """K differences before their intervals: value (K,), draws (B, K), items and units (K,)."""

    pairs: list[tuple[int, int]]
    value: Floats
    draws: Floats
    items: NDArray[np.int64]
    units: NDArray[np.int64]


class Pairs(NamedTuple):
    """Every two of M models: `both` lists them, `first` and `second` (K,) are their places."""

    both: list[tuple[int, int]]
    first: NDArray[np.int64]
    second: NDArray[np.int64]

    @classmethod
    def of(cls, n_models: int) -> Pairs:
        """All pairs in the order of the models."""
        both = list(combinations(range(n_models), 2))
        places = np.array(both, dtype=np.int64).reshape(-1, 2)
        return cls(both, places[:, 0], places[:, 1])


def mean_draws(table: Items, n_resamples: int = N_RESAMPLES, seed: int = 0) -> Draws:
    """Each model's mean over its own items, drawn jointly over the clusters."""
    present = ~np.isnan(table.values)
    sums, counts = _sums(table.values, table.clusters)
    blocks = []
    for weights in _weights(len(sums), n_resamples, seed):
        if table.redraw is None:
            blocks.append(_ratio(weights @ sums, weights @ counts))
        else:
            blocks.append(_redrawn_means(table.redraw(weights), weights, present))
    values = _ratio(sums.sum(axis=0), counts.sum(axis=0))
    return Draws(table.models, values, np.concatenate(blocks), len(sums), table.limits)


def pair_draws(table: Items, n_resamples: int = N_RESAMPLES, seed: int = 0) -> PairDraws:
    """Every two models' mean difference over the items both have, drawn jointly over clusters."""
    pairs = Pairs.of(len(table.models))
    gaps = table.values[:, pairs.first] - table.values[:, pairs.second]
    both = ~np.isnan(gaps)
    sums, counts = _sums(gaps, table.clusters)
    blocks = []
    for weights in _weights(len(sums), n_resamples, seed):
        if table.redraw is None:
            blocks.append(_ratio(weights @ sums, weights @ counts))
        else:
            blocks.append(_redrawn_gaps(table.redraw(weights), weights, both, pairs))
    value = _ratio(sums.sum(axis=0), counts.sum(axis=0))
    units = (counts > 0).sum(axis=0)
    draws = np.concatenate(blocks) if blocks else np.zeros((0, len(pairs.both)))
    return PairDraws(pairs.both, value, draws, both.sum(axis=0), units)


def _redrawn_means(drawn: Floats, weights: Floats, members: NDArray[np.bool_]) -> Floats:
    """(b, M) means of drawn values (b, N, M) over the members (N, M), by weights (b, N)."""
    known = ~np.isnan(drawn) & members
    return _ratio(
        np.einsum("bn,bnm->bm", weights, np.where(known, drawn, 0.0)),
        np.einsum("bn,bnm->bm", weights, known.astype(float)),
    )


def _redrawn_gaps(drawn: Floats, weights: Floats, both: NDArray[np.bool_], pairs: Pairs) -> Floats:
    """(b, K) differences of means of drawn values over the items `both` (N, K) models have."""
    gaps = np.empty((len(weights), len(pairs.both)))
    # Nearly always all pairs share all items, and every model's mean is taken once.
    shared, which = np.unique(both, axis=1, return_inverse=True)
    for number, members in enumerate(shared.T):
        here = which.ravel() == number
        means = _redrawn_means(drawn, weights, members[:, None])
        gaps[:, here] = means[:, pairs.first[here]] - means[:, pairs.second[here]]
    return gaps


def _sums(columns: Floats, clusters: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Sums and counts (C, k) of the known entries of (N, k) columns in each cluster."""
    known = ~np.isnan(columns)
    sums = _by_cluster(np.where(known, columns, 0.0), clusters)
    return sums, _by_cluster(known.astype(float), clusters)


def _ratio(over: Floats, under: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return over / under


def _by_cluster(columns: Floats, clusters: NDArray[np.int64]) -> Floats:
    _, codes = np.unique(clusters, return_inverse=True)
    size = int(codes.max()) + 1 if len(codes) else 0
    sums = np.zeros((size, columns.shape[1]))
    np.add.at(sums, codes, columns)
    return sums


def _weights(n_clusters: int, n_resamples: int, seed: int) -> Iterator[Floats]:
    """How often each resample holds each cluster, in blocks of shape (b, C).

    The same for the same number of clusters: all measures and models of a board are drawn alike.
    """
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK_CELLS // max(1, n_clusters))
    shares = np.full(n_clusters, 1 / max(1, n_clusters))
    for start in range(0, n_resamples, step):
        size = min(step, n_resamples - start)
        yield rng.multinomial(n_clusters, shares, size=size).astype(float)
