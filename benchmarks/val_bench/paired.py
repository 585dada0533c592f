"""Two models on the same pairs: the difference of every measure, with a paired interval.

Two separate intervals that overlap say little: both models met the same articles, and what an
article does to one it often does to the other. Here each resample of articles is scored for both
models, and the interval is that of the difference (arXiv 2510.05465 compares without intervals).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.val_bench.intervals import (
    N_RESAMPLES,
    Estimate,
    bootstrap_sums,
    cluster_sums,
    interval_of,
)
from benchmarks.val_bench.metrics import STATISTICS, SUMS, Statistic, contributions
from benchmarks.val_bench.pairs import ValBenchError


@dataclass(frozen=True)
class PairedDifference:
    """First model minus second model, over the pairs that can be used for both.

    Attributes:
        n: pairs used for both.
        only_first, only_second: pairs left out because they can be used for one model only.
        first, second: each model's value over the n pairs, by statistic.
        differences: first minus second, in the unit of the statistic, with its 95% interval.
    """

    n: int
    only_first: int
    only_second: int
    first: Mapping[str, float]
    second: Mapping[str, float]
    differences: Mapping[str, Estimate]


def paired_difference(
    first: pd.DataFrame, second: pd.DataFrame, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> PairedDifference:
    """Compare two models, resampling the articles of their common pairs.

    A pair that was asked several times counts once, with the mean of its samples.

    Args:
        first, second: from `pairs.pair_table`, in any row order; pairs are matched by `pair_id`.

    Raises:
        ValBenchError: no pair can be used for both.
    """
    ours, theirs = _by_pair(first), _by_pair(second)
    common = ours.index.intersection(theirs.index).sort_values()
    if common.empty:
        raise ValBenchError(
            "the two models have no used pair in common; compare responses to the same prompts"
        )
    both = np.hstack([ours.loc[common, list(SUMS)], theirs.loc[common, list(SUMS)]])
    sums = cluster_sums(both, ours.loc[common, "cluster"])
    draws = bootstrap_sums(sums, n_resamples, seed)
    return PairedDifference(
        n=len(common),
        only_first=len(ours) - len(common),
        only_second=len(theirs) - len(common),
        first=_values(sums[:, : len(SUMS)]),
        second=_values(sums[:, len(SUMS) :]),
        differences={name: _difference(s, sums, draws) for name, s in STATISTICS.items()},
    )


def _by_pair(pairs: pd.DataFrame) -> pd.DataFrame:
    """The sums of each used pair, shape (pairs, len(SUMS)) with `cluster`, by pair_id."""
    used = pairs[pairs["used"]]
    table = pd.DataFrame(contributions(used), columns=list(SUMS))
    grouped = table.groupby(used["pair_id"].to_numpy()).mean()
    clusters = used.drop_duplicates("pair_id").set_index("pair_id")["cluster"]
    return grouped.assign(cluster=clusters)


def _values(sums: NDArray[np.float64]) -> dict[str, float]:
    total = sums.sum(axis=0, keepdims=True)
    return {name: float(statistic.of(total)[0]) for name, statistic in STATISTICS.items()}


def _difference(
    statistic: Statistic, sums: NDArray[np.float64], draws: NDArray[np.float64]
) -> Estimate:
    def difference(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return statistic.of(rows[:, : len(SUMS)]) - statistic.of(rows[:, len(SUMS) :])

    value = float(difference(sums.sum(axis=0, keepdims=True))[0])
    width = statistic.unit.ceiling - statistic.unit.floor
    # What a statistic leaves out (refusals, say) is no witness: the model with less to show counts.
    pairs = sums[:, [SUMS.index(statistic.under), len(SUMS) + SUMS.index(statistic.under)]]
    n, clusters = round(pairs.sum(axis=0).min()), int((pairs > 0).sum(axis=0).min())
    return interval_of(value, difference(draws), (-width, width), n, clusters)
