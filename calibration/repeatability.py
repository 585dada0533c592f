"""Repeatability: how much of a score is the item, and how much the moment it was asked?

Each item is judged several times under the same settings. A one-way random-effects analysis of
variance splits the variance into that between items and that between readings of one item.

Source: P. E. Shrout and J. L. Fleiss, Intraclass correlations: uses in assessing rater reliability,
Psychological Bulletin 86, 1979 (ICC(1,1) and ICC(1,k)); unequal numbers of readings after Searle,
Casella and McCulloch, Variance Components, 1992, section 3.6.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from calibration.errors import CalibrationError
from calibration.estimate import Estimate, from_draws, share_of_items, undefined
from calibration.resampling import DRAWS, Array, bootstrap_sums, cluster_sums


@dataclass(frozen=True)
class Repeatability:
    """How steady a judge is on the same item.

    Attributes:
        items: Items with at least two valid readings, on which all the rest stands.
        readings: Valid readings of those items.
        within_sd: Standard deviation of one item's readings, in score points.
        noise_share: Share of the total variance that lies within items, 0 to 1.
        icc: Intraclass correlation of one reading, ICC(1,1).
        icc_mean: Reliability of the mean of all of an item's readings, ICC(1,k).
        stable: Share of items whose readings are all the same.
    """

    items: int
    readings: int
    within_sd: Estimate
    noise_share: Estimate
    icc: Estimate
    icc_mean: Estimate
    stable: Estimate


def repeatability(table: pd.DataFrame, *, draws: int = DRAWS, seed: int = 0) -> Repeatability:
    """Split the variance of repeated readings.

    Args:
        table: One row a reading: `item_id`, `score` (NaN where invalid), optionally `cluster`, the
            unit that every interval counts or resamples (the item by default).
        draws: Bootstrap draws.
        seed: Their seed.

    Raises:
        CalibrationError: a missing column.
    """
    for column in ("item_id", "score"):
        if column not in table:
            raise CalibrationError(f"The repeat table has no '{column}' column.")
    grouped = table.dropna(subset=["score"]).groupby("item_id", sort=False)
    readings = grouped["score"].agg(["count", "sum", "var", "nunique"])
    if "cluster" in table:
        readings["cluster"] = grouped["cluster"].first()
    items = readings[readings["count"] >= 2]
    if len(items) < 2:
        none = undefined("needs at least two items with two valid readings each", len(items))
        return Repeatability(len(items), int(items["count"].sum()), none, none, none, none, none)
    parts = _parts(items)
    sums = cluster_sums(parts, items.get("cluster"))
    drawn = _components(bootstrap_sums(sums, draws, np.random.default_rng(seed)))
    point = _components(parts.sum(axis=0, keepdims=True))
    n = len(items)
    constant = "every reading of every item is the same: there is no variance to share out"
    sd, noise, icc, icc_mean = (
        undefined(constant, n)
        if np.isnan(value[0])
        else from_draws(float(value[0]), draw, n, len(sums))
        for value, draw in zip(point, drawn, strict=True)
    )
    stable = share_of_items(items["nunique"] == 1, items.get("cluster"))
    if stable.value == 1.0:
        steady = "no reading differed; how sure that is, the share of stable items says"
        sd, noise, icc, icc_mean = (
            replace(found, low=None, high=None, reason=found.reason or steady)
            for found in (sd, noise, icc, icc_mean)
        )
    return Repeatability(n, int(items["count"].sum()), sd, noise, icc, icc_mean, stable)


def _parts(items: pd.DataFrame) -> Array:
    """What the variance components are made of, summed over items: shape (N, 6).

    Columns: 1, readings, squared readings, sum, sum squared over readings, squares about the mean.
    """
    count, total = items["count"].to_numpy(float), items["sum"].to_numpy(float)
    within = items["var"].to_numpy(float) * (count - 1)
    return np.column_stack([np.ones(len(items)), count, count**2, total, total**2 / count, within])


def _components(sums: Array) -> tuple[Array, Array, Array, Array]:
    """Within-item sd, noise share, ICC(1,1) and ICC(1,k) from sums of shape (B, 6): (B,) each."""
    items, readings, squares, total, means, within = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_within = within / (readings - items)
        mean_between = (means - total**2 / readings) / (items - 1)
        per_item = (readings - squares / readings) / (items - 1)
        between = np.maximum(0.0, (mean_between - mean_within) / per_item)
        noise = mean_within / (between + mean_within)
        averaged = between / (between + mean_within / (readings / items))
    return np.sqrt(mean_within), noise, 1 - noise, averaged
