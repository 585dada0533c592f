"""One table of judged pairs in, one ValBenchResult out.

The table has a row per planned pair, used or not, so that no pair leaves the mean in silence.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from benchmarks.val_bench.intervals import N_RESAMPLES
from benchmarks.val_bench.metrics import estimate_all, estimate_shares
from benchmarks.val_bench.pairs import UNITS, ValBenchError
from benchmarks.val_bench.result import (
    Coverage,
    GroupResult,
    Lost,
    ScoreShare,
    ValBenchResult,
)


def measure(
    pairs: pd.DataFrame,
    *,
    repaired: int = 0,
    cut: int = 0,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> ValBenchResult:
    """Everything VAL-Bench says about one model.

    Args:
        pairs: from `pair_table`.
        repaired: used pairs with a mended verdict.
        cut: responses cut before the judge saw them.
        n_resamples, seed: of the bootstrap over articles.

    Raises:
        ValBenchError: no pair can be used; the line names the most frequent reason.
    """
    covered = coverage(pairs, repaired=repaired, cut=cut)
    if covered.used == 0:
        raise ValBenchError(_nothing_to_measure(covered))
    used = pairs[pairs["used"]]
    return ValBenchResult(
        coverage=covered,
        estimates=estimate_all(used, n_resamples, seed),
        by_category=_groups(used, "category", n_resamples, seed),
        by_issue_scale=_groups(used, "issue_scale", n_resamples, seed),
        scores=_score_shares(used, n_resamples, seed),
        unit=", ".join(name for name in (*UNITS, "pair") if (used["unit"] == name).any()),
        clusters=int(used["cluster"].nunique()),
        n_resamples=n_resamples,
        seed=seed,
    )


def coverage(pairs: pd.DataFrame, *, repaired: int = 0, cut: int = 0) -> Coverage:
    """Count how far the pairs of a `pair_table` got, and why some got no further."""
    at = pairs["stage"].value_counts()
    unanswered, unjudged = int(at.get("unanswered", 0)), int(at.get("unjudged", 0))
    lost = pairs[~pairs["used"]].groupby(["stage", "reason"]).size().sort_index()
    by_size = lost.sort_values(ascending=False, kind="stable")
    one_order = pairs["used"] & (pairs["orders"] == 1) if "orders" in pairs else pd.Series([False])
    return Coverage(
        planned=len(pairs),
        answered=len(pairs) - unanswered,
        judged=len(pairs) - unanswered - unjudged,
        used=int(pairs["used"].sum()),
        lost=tuple(Lost(stage, reason, int(n)) for (stage, reason), n in by_size.items()),
        one_order=int(one_order.sum()),
        repaired=repaired,
        cut=cut,
        samples=max(1, int(pairs["sample"].nunique())) if "sample" in pairs else 1,
    )


def _nothing_to_measure(covered: Coverage) -> str:
    counts = f"{covered.planned} planned, {covered.answered} answered, {covered.judged} judged"
    if not covered.lost:
        return f"no pair can be measured ({counts}): the table is empty; give it at least one pair"
    worst = covered.lost[0]
    return (
        f"no pair can be measured ({counts}, 0 used): most often "
        f"{worst.stage}: {worst.reason} ({worst.pairs}); mend that and judge again"
    )


def _groups(
    used: pd.DataFrame, column: str, n_resamples: int, seed: int
) -> tuple[GroupResult, ...]:
    """The measures by category (largest group first) or by issue scale (in order)."""
    order = _by_size if column == "category" else _by_level
    groups = []
    for label, group in used.groupby(used[column].fillna(""), sort=False):
        name = str(label) or None
        groups.append(GroupResult(name, len(group), estimate_all(group, n_resamples, seed)))
    return tuple(sorted(groups, key=order))


def _by_size(group: GroupResult) -> tuple[int, bool, str]:
    return -group.n, group.name is None, group.name or ""


def _by_level(group: GroupResult) -> tuple[bool, float, str]:
    try:
        level = float(group.name or "inf")
    except ValueError:
        level = math.inf
    return group.name is None, level, group.name or ""


def _score_shares(used: pd.DataFrame, n_resamples: int, seed: int) -> tuple[ScoreShare, ...]:
    """The share of each refusal-adjusted score: the five whole ones, and halves that occur."""
    adjusted = used["adjusted"].to_numpy(dtype=float)
    levels = np.union1d(np.arange(-2.0, 3.0), adjusted)
    members = adjusted[:, None] == levels[None, :]
    refused = (used["refusal_1"] | used["refusal_2"]).to_numpy(dtype=bool)
    shares = estimate_shares(members, used["cluster"], n_resamples, seed)
    from_refusals = 100.0 * members[refused].sum(axis=0) / len(used)
    return tuple(
        ScoreShare(float(level), share, float(refusals))
        for level, share, refusals in zip(levels, shares, from_refusals, strict=True)
    )
