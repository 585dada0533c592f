"""The alternative annotator test: may the judge stand in for a human annotator?

Each annotator is left out in turn. On every item, the judge and the left-out human are compared by
how well each matches the remaining humans; the judge wins against that human when its advantage,
with an allowance epsilon for being cheaper, is significant. The winning rate is the share of humans
beaten after false-discovery control; the judge may replace them when it is at least one half.

Source: N. Calderon, R. Reichart and R. Dror, The Alternative Annotator Test for LLM-as-a-Judge,
arXiv 2501.10970 (epsilon 0.2 for experts, 0.15 for skilled annotators, 0.1 for crowd workers;
Benjamini-Yekutieli at q = 0.05; a signed-rank test below 30 items).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from calibration.errors import CalibrationError
from calibration.estimate import Estimate, from_draws, undefined
from calibration.people import check_labels
from calibration.resampling import DRAWS, Array, bootstrap_means
from calibration.verdicts import adjusted_scores, verdict_table

EPSILON = 0.2
FDR = 0.05
WINNING = 0.5
ENOUGH_FOR_T = 30


@dataclass(frozen=True)
class Contest:
    """The judge against one left-out annotator.

    Attributes:
        annotator: The annotator left out.
        n: Items that this annotator and at least one other labelled.
        judge_advantage: Share of items where the judge matches the others at least as well.
        human_advantage: Share of items where the annotator does.
        p_value: One-sided p-value against "the judge's advantage is at most the human's minus
            epsilon".
        test: 't', or 'signed-rank' below 30 items.
        won: Whether the judge beats this annotator after false-discovery control.
    """

    annotator: str
    n: int
    judge_advantage: float
    human_advantage: float
    p_value: float
    test: str
    won: bool


@dataclass(frozen=True)
class AltTest:
    """Outcome of the alternative annotator test.

    Attributes:
        skipped: Why the test was not run; None when it was.
        epsilon: The allowance for the judge's lower cost.
        score: How a rater is matched with the others: 'rmse' or 'accuracy'.
        winning_rate: Share of annotators that the judge beats; None when skipped.
        passes: Whether the winning rate reaches one half; None when skipped.
        advantage: Average advantage probability of the judge, the mean of the contests'
            `judge_advantage`; its interval resamples clusters of items.
        contests: One contest an annotator.
    """

    skipped: str | None
    epsilon: float
    score: str
    winning_rate: float | None
    passes: bool | None
    advantage: Estimate
    contests: tuple[Contest, ...]


def _accuracy(rating: float, others: Array) -> float:
    return float(np.mean(others == rating))


def _negative_rmse(rating: float, others: Array) -> float:
    return -float(np.sqrt(np.mean((others - rating) ** 2)))


SCORES: dict[str, Callable[[float, Array], float]] = {
    "rmse": _negative_rmse,
    "accuracy": _accuracy,
}


def alt_test(
    labels: pd.DataFrame,
    judged: pd.DataFrame,
    *,
    epsilon: float = EPSILON,
    score: str = "rmse",
    draws: int = DRAWS,
    seed: int = 0,
) -> AltTest:
    """Run the test on refusal-adjusted scores.

    Args:
        labels: Human labels (see `people.check_labels`).
        judged: The judged table.
        epsilon: Cost-benefit allowance, 0 to 1.
        score: 'rmse' (near misses count, for an ordered scale) or 'accuracy'.
        draws: Bootstrap draws over the judged items' clusters.
        seed: Their seed.

    Raises:
        LabelsError: as `check_labels`.
        CalibrationError: epsilon outside 0..1, or an unknown score.
    """
    if not 0 <= epsilon <= 1:
        raise CalibrationError(f"The alt-test's epsilon is {epsilon:g}: it lies in 0..1.")
    if score not in SCORES:
        raise CalibrationError(f"The alt-test's score is {score!r}: use {' or '.join(SCORES)}.")
    ratings, verdicts, clusters = _ratings(labels, judged)
    if ratings.shape[1] < 2:
        return _skip("one annotator only: nobody is left to compare with", epsilon, score)
    matched = {
        str(name): _match(ratings, verdicts, str(name), SCORES[score]) for name in ratings.columns
    }
    matched = {name: wins for name, wins in matched.items() if len(wins)}
    if len(matched) < 2:
        return _skip("no item was labelled by two annotators", epsilon, score)
    won = _contests(matched, epsilon)
    rate = float(np.mean([contest.won for contest in won]))
    advantage = _advantage(matched, clusters, draws, seed)
    return AltTest(None, epsilon, score, rate, rate >= WINNING, advantage, won)


def _skip(reason: str, epsilon: float, score: str) -> AltTest:
    return AltTest(reason, epsilon, score, None, None, undefined(reason), ())


def _ratings(
    labels: pd.DataFrame, judged: pd.DataFrame
) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Humans' adjusted scores (items by annotators), the judge's, and the items' clusters.

    Validly judged items only.
    """
    table = verdict_table(judged)
    valid = table[table["valid"]]
    verdicts = pd.Series(adjusted_scores(valid), index=valid["item_id"])
    checked = check_labels(labels, judged)
    checked = checked.assign(adjusted=adjusted_scores(checked))
    ratings = checked.pivot(index="item_id", columns="annotator", values="adjusted")
    ratings = ratings.loc[ratings.index.isin(verdicts.index)]
    clusters = pd.Series(valid["cluster"].to_numpy(), index=valid["item_id"])
    return ratings, verdicts.loc[ratings.index], clusters.loc[ratings.index]


def _match(
    ratings: pd.DataFrame,
    verdicts: pd.Series,
    left_out: str,
    score: Callable[[float, Array], float],
) -> pd.DataFrame:
    """Per item: whether the judge, and whether the human, matches the rest at least as well.

    Columns `judge` and `human`, 0 or 1; both are 1 on a tie.
    """
    rest = ratings.drop(columns=left_out)
    usable = ratings[left_out].notna() & rest.notna().any(axis=1)
    rows = []
    for item in ratings.index[usable]:
        others = rest.loc[item].dropna().to_numpy(dtype=float)
        judge = score(float(verdicts[item]), others)
        human = score(float(ratings.loc[item, left_out]), others)
        rows.append((item, float(judge >= human), float(human >= judge)))
    return pd.DataFrame(rows, columns=["item_id", "judge", "human"]).set_index("item_id")


def _p_value(wins: pd.DataFrame, epsilon: float) -> tuple[float, str]:
    """One-sided test that the human's mean advantage over the judge is below epsilon."""
    from scipy.stats import ttest_1samp, wilcoxon

    gap = (wins["human"] - wins["judge"]).to_numpy(dtype=float)
    if len(gap) < ENOUGH_FOR_T:
        if np.all(gap == epsilon):
            return 1.0, "signed-rank"
        return float(wilcoxon(gap - epsilon, alternative="less").pvalue), "signed-rank"
    if np.ptp(gap) == 0:  # no spread: the t statistic is infinite, its sign decides
        return (0.0 if gap[0] < epsilon else 1.0), "t"
    return float(ttest_1samp(gap, epsilon, alternative="less").pvalue), "t"


def _contests(matched: dict[str, pd.DataFrame], epsilon: float) -> tuple[Contest, ...]:
    """Every annotator's contest, won or lost after false-discovery control."""
    from statsmodels.stats.multitest import multipletests

    tested = {name: _p_value(wins, epsilon) for name, wins in matched.items()}
    p_values = [p_value for p_value, _ in tested.values()]
    won = multipletests(p_values, alpha=FDR, method="fdr_by")[0]
    return tuple(
        Contest(
            annotator=name,
            n=len(wins),
            judge_advantage=float(wins["judge"].mean()),
            human_advantage=float(wins["human"].mean()),
            p_value=tested[name][0],
            test=tested[name][1],
            won=bool(beaten),
        )
        for (name, wins), beaten in zip(matched.items(), won, strict=True)
    )


def _advantage(
    matched: dict[str, pd.DataFrame], clusters: pd.Series, draws: int, seed: int
) -> Estimate:
    """Mean over annotators of the judge's advantage; clusters are resampled with all contests."""
    wide = pd.DataFrame({name: wins["judge"] for name, wins in matched.items()})
    values = wide.to_numpy(dtype=float)
    present = np.isfinite(values).astype(float)
    both = np.column_stack([np.nan_to_num(values), present])
    units = clusters.loc[wide.index].to_numpy()
    means = bootstrap_means(both, units, draws, np.random.default_rng(seed))
    half = values.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = np.nanmean(means[:, :half] / means[:, half:], axis=1)
    value = float(np.nanmean(np.nanmean(values, axis=0)))
    return from_draws(value, drawn, len(wide), len(np.unique(units)), (0.0, 1.0))
