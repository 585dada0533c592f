"""Both orders of a pair: pairing transposed rows, and the published tie rule.

EigenBench, Chang et al., arXiv 2509.01938. Every pair is judged in both orders. Where a judge
prefers the same *position* twice, the published procedure turns both rows into ties. That treats
order bias as indifference and stretches the scores; the default keeps the raw rows and gives each
judge a position-bias term in the fit (`btd`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.eigenbench.comparisons import TIE

_CALL = ["criterion", "scenario_index", "judge"]


class OrderPairs(NamedTuple):
    """Row positions of transposed pairs: `forward[m]` and `reverse[m]` judge the same two
    responses in opposite orders (first < second in `forward`)."""

    forward: np.ndarray
    reverse: np.ndarray


def pair_orders(rows: pd.DataFrame) -> OrderPairs:
    """Match rows with their transposes, criterion by criterion.

    Repeated samples pair as they come: the m-th row in one order with the m-th in the other.
    A row without a partner is left out, and no group is dropped for its size.
    """
    low = np.minimum(rows["first"], rows["second"])
    high = np.maximum(rows["first"], rows["second"])
    keys = rows[_CALL].assign(low=low, high=high)
    keys["forward"] = (rows["first"] < rows["second"]).to_numpy()
    keys["sample"] = keys.groupby(list(keys.columns), sort=False).cumcount()
    keys["position"] = np.arange(len(rows))
    on = [*_CALL, "low", "high", "sample"]
    forward = keys[keys["forward"]]
    paired = forward.merge(keys[~keys["forward"]], on=on, suffixes=("", "_reverse"))
    return OrderPairs(paired["position"].to_numpy(), paired["position_reverse"].to_numpy())


def inconsistent_as_ties(rows: pd.DataFrame) -> pd.DataFrame:
    """The published rule: 1 and 1, or 2 and 2, in both orders become ties; all else stays.

    Returns a copy of `rows` with the same index and row order.
    """
    outcome = rows["outcome"].to_numpy().copy()
    forward, reverse = pair_orders(rows)
    same_position = (outcome[forward] == outcome[reverse]) & (outcome[forward] != TIE)
    outcome[forward[same_position]] = TIE
    outcome[reverse[same_position]] = TIE
    return rows.assign(outcome=outcome)
