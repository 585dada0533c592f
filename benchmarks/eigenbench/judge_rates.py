"""How each judge treats position, as rates over its verdicts with 95% intervals over scenarios.

EigenBench, Chang et al., arXiv 2509.01938. All rates come from the raw rows, before any rule turns
verdicts into ties. A scenario's verdicts share its luck, so scenarios are resampled.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.eigenbench.comparisons import FIRST, SECOND, TIE
from benchmarks.eigenbench.orders import pair_orders
from benchmarks.percentiles import all_equal, bound_when_all_equal, cut_tails, expanded_tail

RATES = ("first_rate", "tie_rate", "consistency")
N_RESAMPLES = 1000


class _Tally(NamedTuple):
    """A rate's numerator and denominator by judge and scenario, shape (N, S) each."""

    part: np.ndarray
    whole: np.ndarray


def judge_rates(rows: pd.DataFrame, num_models: int, seed: int = 0) -> pd.DataFrame:
    """One row per judge, from raw rows in both orders.

    Below five scenarios the ends are too close: no resample leaves the range of its units.

    Returns
    -------
    `judge`; `rows`; `first_rate`: share of the first position among decided rows; `tie_rate`;
    `order_pairs`: rows judged in both orders, as pairs; `consistency`: share of those pairs where
    the verdict names the same response (or a tie) in both orders; `_low` and `_high` of each rate.
    NaN where there is nothing to count, and ends NaN where a single scenario bears on a rate.
    """
    tallies = _tallies(rows, num_models)
    table = pd.DataFrame(
        {
            "judge": np.arange(num_models),
            "rows": tallies["tie_rate"].whole.sum(axis=1),
            "order_pairs": tallies["consistency"].whole.sum(axis=1),
        }
    )
    for name, tally in tallies.items():
        found = [_rate(part, whole, seed) for part, whole in zip(*tally, strict=True)]
        for end, values in zip(("", "_low", "_high"), zip(*found, strict=True), strict=True):
            table[name + end] = values
    return table


def _tallies(rows: pd.DataFrame, num_models: int) -> dict[str, _Tally]:
    judge, outcome = rows["judge"].to_numpy(), rows["outcome"].to_numpy()
    scenarios, scenario = np.unique(rows["scenario_index"], return_inverse=True)
    size = len(scenarios)
    cell = judge * size + scenario

    def count(cells: np.ndarray) -> np.ndarray:
        return np.bincount(cells, minlength=num_models * size).reshape(num_models, size)

    forward, reverse = pair_orders(rows)
    swapped = np.array([TIE, SECOND, FIRST])[outcome[reverse]]
    return {
        "first_rate": _Tally(count(cell[outcome == FIRST]), count(cell[outcome != TIE])),
        "tie_rate": _Tally(count(cell[outcome == TIE]), count(cell)),
        "consistency": _Tally(
            count(cell[forward[outcome[forward] == swapped]]), count(cell[forward])
        ),
    }


def _rate(part: np.ndarray, whole: np.ndarray, seed: int) -> tuple[float, float, float]:
    """A rate and its ends, from its counts by scenario, shape (S,)."""
    part, whole = part[whole > 0], whole[whole > 0]
    units = len(whole)
    if not units:
        return np.nan, np.nan, np.nan
    value = float(part.sum() / whole.sum())
    if units > 1 and all_equal(part / whole):
        return value, *bound_when_all_equal(value, (0.0, 1.0), units)
    drawn = _draws(units, seed)
    low, high = cut_tails(drawn @ part / (drawn @ whole), expanded_tail(units))
    return value, float(low), float(high)


@lru_cache(maxsize=4)
def _draws(units: int, seed: int) -> np.ndarray:
    """How often each unit is drawn in each resample, shape (resamples, units).

    The same for all judges and rates with as many units: no judge's ends depend on who stands
    before it.
    """
    rng = np.random.default_rng(seed)
    return rng.multinomial(units, np.full(units, 1 / units), size=N_RESAMPLES).astype(float)
