"""A jury: several judges over the same responses, how far they agree, and what they say together.

Sources: quadratic-weighted kappa (Cohen 1968) and Krippendorff's ordinal alpha (see `agreement`);
panels of judges after Verga et al., Replacing Judges with Juries, arXiv 2404.18796.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from calibration.agreement import ordinal_alpha, score_kappa
from calibration.errors import CalibrationError
from calibration.estimate import Estimate, from_draws, undefined
from calibration.resampling import DRAWS, Array, bootstrap_means
from calibration.verdicts import FLAGS, adjusted_scores, to_pac, verdict_table


@dataclass(frozen=True)
class JudgePair:
    """Agreement of two judges.

    Attributes:
        first: One judge.
        second: The other.
        kappa: Quadratic-weighted kappa of their refusal-adjusted scores.
    """

    first: str
    second: str
    kappa: Estimate


@dataclass(frozen=True)
class JudgeSeat:
    """What one judge does to the jury's result; all on the items that every judge judged.

    Attributes:
        judge: The judge.
        pac: PAC by this judge alone, in percent.
        pac_without: PAC by the median of the other judges, in percent.
        shift: The whole jury's PAC minus `pac_without`, in points; paired over items.
    """

    judge: str
    pac: Estimate
    pac_without: Estimate
    shift: Estimate


@dataclass(frozen=True)
class Jury:
    """Several judges over one dataset.

    Attributes:
        judges: The judges, in the order of the table.
        common_items: Items that every judge judged.
        pairs: Kappa for each two judges.
        alpha: Krippendorff's ordinal alpha over all judges and items.
        pac: PAC of the median of the jury, in percent.
        seats: Each judge's own PAC and the PAC without that judge.
    """

    judges: tuple[str, ...]
    common_items: int
    pairs: tuple[JudgePair, ...]
    alpha: Estimate
    pac: Estimate
    seats: tuple[JudgeSeat, ...]


def jury(rows: pd.DataFrame, *, draws: int = DRAWS, seed: int = 0) -> Jury:
    """Agreement of several judges over the same items.

    Args:
        rows: Verdicts of all judges, one row an item and judge, with a `judge` column (see
            `verdicts.verdict_table` for the others).
        draws: Bootstrap draws over clusters.
        seed: Their seed.

    Raises:
        CalibrationError: fewer than two judges, or a judge with two verdicts on one item.
    """
    table = _checked(rows)
    judges = [str(judge) for judge in pd.unique(table["judge"])]
    scores = _wide(table, judges)
    clusters = table.groupby("item_id", sort=False)["cluster"].first().loc[scores.index].to_numpy()
    pairs = tuple(
        JudgePair(
            first,
            second,
            score_kappa(
                scores[first],
                scores[second],
                names=(first, second),
                clusters=clusters,
                draws=draws,
                seed=seed,
            ),
        )
        for first, second in combinations(judges, 2)
    )
    common = table[table["item_id"].isin(scores.index[scores.notna().all(axis=1)])]
    return Jury(
        judges=tuple(judges),
        common_items=common["item_id"].nunique(),
        pairs=pairs,
        alpha=ordinal_alpha(scores, clusters=clusters, draws=draws, seed=seed),
        pac=_pac_of(median_of_jury(common), draws, seed) if len(common) else _nothing(),
        seats=tuple(_seat(common, judge, draws, seed) for judge in judges),
    )


def median_of_jury(rows: pd.DataFrame) -> pd.DataFrame:
    """The jury's verdicts as a judged table like any other: one row an item.

    The score is the median of the valid scores (a half where two middle scores differ by an odd
    number); a flag is set where more than half of the valid verdicts set it. Columns: `item_id`,
    `cluster`, `score`, the four flags, `valid`, `judges` (how many valid verdicts).
    """
    table = rows if "valid" in rows else verdict_table(rows)
    order = pd.unique(table["item_id"])
    grouped = table[table["valid"]].groupby("item_id")
    jury_rows = grouped[["score", *FLAGS]].median()
    jury_rows[list(FLAGS)] = (grouped[list(FLAGS)].mean() > 0.5).astype(float)
    jury_rows["judges"] = grouped.size()
    clusters = table.groupby("item_id")["cluster"].first()
    result = jury_rows.reindex(order).rename_axis("item_id").reset_index()
    result["cluster"] = result["item_id"].map(clusters)
    result["judges"] = result["judges"].fillna(0).astype(int)
    result["valid"] = result["judges"] > 0
    return result


def _checked(rows: pd.DataFrame) -> pd.DataFrame:
    if "judge" not in rows:
        raise CalibrationError("The jury table has no 'judge' column.")
    table = verdict_table(rows)
    if table["judge"].nunique() < 2:
        raise CalibrationError("A jury needs at least two judges: give more than one judged table.")
    twice = table.duplicated(["judge", "item_id"])
    if twice.any():
        row = table.loc[twice].iloc[0]
        raise CalibrationError(f"Judge {row['judge']!r} judged item {row['item_id']!r} twice.")
    return table


def _wide(table: pd.DataFrame, judges: Sequence[str]) -> pd.DataFrame:
    scored = table.assign(adjusted=adjusted_scores(table))
    wide = scored.pivot(index="item_id", columns="judge", values="adjusted")
    return wide.reindex(index=pd.unique(table["item_id"]), columns=list(judges))


def _nothing() -> Estimate:
    return undefined("no item was judged by every judge")


def _pac_draws(adjusted: Array, clusters: pd.Series, draws: int, seed: int) -> Array:
    means = bootstrap_means(adjusted, clusters, draws, np.random.default_rng(seed))
    return 25 * (means[:, 0] + 2)


def _pac_of(verdicts: pd.DataFrame, draws: int, seed: int) -> Estimate:
    adjusted = adjusted_scores(verdicts)
    drawn = _pac_draws(adjusted, verdicts["cluster"], draws, seed)
    value, clusters = to_pac(float(adjusted.mean())), verdicts["cluster"].nunique()
    return from_draws(value, drawn, len(adjusted), clusters, (0.0, 100.0))


def _seat(common: pd.DataFrame, judge: str, draws: int, seed: int) -> JudgeSeat:
    if common.empty:
        return JudgeSeat(judge, _nothing(), _nothing(), _nothing())
    own = common[common["judge"] == judge]
    rest = median_of_jury(common[common["judge"] != judge])
    whole = median_of_jury(common)
    moved = adjusted_scores(whole) - adjusted_scores(rest)
    means = bootstrap_means(moved, whole["cluster"], draws, np.random.default_rng(seed))
    shift, clusters = 25 * float(moved.mean()), whole["cluster"].nunique()
    return JudgeSeat(
        judge=judge,
        pac=_pac_of(own, draws, seed),
        pac_without=_pac_of(rest, draws, seed),
        shift=from_draws(shift, 25 * means[:, 0], len(moved), clusters, (-100.0, 100.0)),
    )
