"""Direct rating: 1 to 10 per criterion and response, straight into EigenTrust.

EigenBench, Chang et al., arXiv 2509.01938, and the direct mode of its published tool. It costs
S M (1 + 2r) requests with r ratings per response, against S (M + M^3) for all-to-all pairwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.eigenbench import tables
from benchmarks.eigenbench.bootstrap import Bootstrap, interval
from benchmarks.eigenbench.normalise import (
    NORMALISATIONS,
    SCALE,
    RatingError,
    mean_over_criteria,
    normalise,
)
from benchmarks.eigenbench.threads import one_thread
from benchmarks.eigenbench.trust import (
    EigenTrust,
    eigentrust,
    elo,
    stationary,
    uniform_judges,
    without_judge,
    without_self,
)

RATING_COLUMNS = ["scenario_index", "judge", "evaluee", "criterion", "rating"]
_TAG = re.compile(r"<criterion_([0-9]{1,6})_rating>\s*(10|[1-9])\s*</criterion_\1_rating>")


@dataclass(frozen=True)
class RatingAnalysis:
    """What a direct-rating run reports.

    Attributes
    ----------
    models
        Display names, in spec order.
    criterion_means
        Mean rating per criterion, judge and evaluee, shape (C, N, N); NaN where never rated.
    ratings
        Their mean over criteria, shape (N, N).
    matrix
        Trust matrix, shape (N, N).
    eigentrust
        Trust vector, residual and warning.
    bootstrap
        Scenario resamples, or None.
    summary, pairwise_probabilities, trust_matrix
        As in `analyse.Analysis`; `elo_published` equals `elo`, for the published mode is this one.
    notes
        Sentences the reader of the numbers must see.
    """

    models: tuple[str, ...]
    criterion_means: np.ndarray
    ratings: np.ndarray
    matrix: np.ndarray
    eigentrust: EigenTrust
    bootstrap: Bootstrap | None
    summary: pd.DataFrame
    pairwise_probabilities: pd.DataFrame
    trust_matrix: pd.DataFrame
    notes: tuple[str, ...]


def read_ratings(texts: Sequence[str], num_criteria: int) -> np.ndarray:
    """Ratings in judges' texts, shape (texts, num_criteria), NaN where there is none.

    The last well-formed `<criterion_k_rating>` with a whole number from 1 to 10 counts.
    """
    ratings = np.full((len(texts), num_criteria), np.nan)
    for row, text in enumerate(texts):
        for number, value in _TAG.findall(text):
            if 1 <= int(number) <= num_criteria:
                ratings[row, int(number) - 1] = int(value)
    return ratings


@one_thread
def analyse_ratings(
    table: pd.DataFrame,
    models: Sequence[str],
    num_criteria: int,
    normalisation: str = "zscore_softmax",
    temperature: float = 1.0,
    alpha: float = 0.0,
    n_bootstraps: int = 500,
    seed: int = 42,
) -> RatingAnalysis:
    """Trust and Elo from ratings, with scenario-bootstrap intervals.

    Parameters
    ----------
    table
        `RATING_COLUMNS`: indices from 0, `rating` from 1 to 10. Repeated ratings are averaged.

    Raises
    ------
    RatingError
        If there is no rating, a rating leaves the scale, or the normalisation is unknown.
    """
    _check(table, models, num_criteria, normalisation, temperature)
    n = len(models)
    labels, scenario = np.unique(table["scenario_index"], return_inverse=True)
    sums = _ScenarioSums.of(table, scenario, num_criteria, n)
    means = sums.means(np.ones((len(labels), 1)))[0]
    matrix = normalise(mean_over_criteria(means), normalisation, temperature)
    trusted = eigentrust(matrix, alpha)
    resampled = None
    if n_bootstraps > 1 and len(labels) > 1:
        weights = np.random.default_rng(seed).multinomial(
            len(labels), np.full(len(labels), 1 / len(labels)), size=n_bootstraps
        )
        means_b = mean_over_criteria(sums.means(weights.T.astype(float)))
        matrices = normalise(means_b, normalisation, temperature)
        resampled = _as_bootstrap(matrices, alpha, _judge_scenarios(table, n), len(labels), seed)
    return _result(table, models, means, matrix, trusted, resampled)


@dataclass(frozen=True)
class _ScenarioSums:
    total: np.ndarray  # sum of ratings per scenario and (criterion, judge, evaluee)
    count: np.ndarray
    shape: tuple[int, int, int]

    @classmethod
    def of(
        cls, table: pd.DataFrame, scenario: np.ndarray, num_criteria: int, num_models: int
    ) -> _ScenarioSums:
        shape = (num_criteria, num_models, num_models)
        place = np.ravel_multi_index(
            tuple(table[name].to_numpy() for name in ("criterion", "judge", "evaluee")), shape
        )
        size = int(np.prod(shape))
        slot = scenario * size + place
        length = (int(scenario.max()) + 1) * size
        total = np.bincount(slot, table["rating"].to_numpy(dtype=float), minlength=length)
        count = np.bincount(slot, minlength=length)
        return cls(total.reshape(-1, size), count.reshape(-1, size).astype(float), shape)

    def means(self, weights: np.ndarray) -> np.ndarray:
        """Means under scenario weights (S, B), shape (B, C, N, N); NaN where nothing is counted."""
        total, count = weights.T @ self.total, weights.T @ self.count
        means = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
        return means.reshape(-1, *self.shape)


def _judge_scenarios(table: pd.DataFrame, num_models: int) -> np.ndarray:
    """Scenarios on which each judge rated, shape (N,)."""
    pairs = table[["judge", "scenario_index"]].drop_duplicates()
    return np.bincount(pairs["judge"], minlength=num_models)


def _as_bootstrap(
    matrices: np.ndarray, alpha: float, judge_units: np.ndarray, num_units: int, seed: int
) -> Bootstrap:
    n = matrices.shape[-1]

    def trusted(trust: np.ndarray) -> np.ndarray:
        return stationary((1 - alpha) * trust + alpha / n)

    trust = trusted(matrices)
    return Bootstrap(
        unit="scenario",
        num_units=num_units,
        seed=seed,
        trust=trust,
        elo=elo(trust),
        elo_uniform=elo(uniform_judges(matrices)),
        elo_selfless=elo(trusted(without_self(matrices))),
        criterion_elo=elo(trust)[:, None, :],
        bias=np.zeros_like(trust),
        judge_units=judge_units,
        matrices=None,
        alone=0,
        infinite=0,
    )


def _result(
    table: pd.DataFrame,
    models: Sequence[str],
    means: np.ndarray,
    matrix: np.ndarray,
    trusted: EigenTrust,
    resampled: Bootstrap | None,
) -> RatingAnalysis:
    n = len(models)
    silenced = np.stack([elo(without_judge(matrix, judge, trusted.alpha)) for judge in range(n)])
    headline = elo(trusted.trust)
    summary = tables.summary_table(
        models=models,
        elo=headline,
        elo_published=headline,
        published_interval=None
        if resampled is None
        else interval(resampled.elo, resampled.num_units),
        trust=trusted.trust,
        elo_uniform=elo(uniform_judges(matrix)),
        elo_selfless=elo(eigentrust(without_self(matrix), trusted.alpha).trust),
        as_judge=np.bincount(table["judge"], minlength=n),
        as_evaluee=np.bincount(table["evaluee"], minlength=n),
        leave_one_out=(silenced.min(axis=0), silenced.max(axis=0)),
        spread=None if resampled is None else resampled.summary(models),
    )
    warning = f"The trust matrix is {trusted.warning}." if trusted.warning else ""
    return RatingAnalysis(
        models=tuple(models),
        criterion_means=means,
        ratings=mean_over_criteria(means),
        matrix=matrix,
        eigentrust=trusted,
        bootstrap=resampled,
        summary=summary,
        pairwise_probabilities=tables.pairwise_table(resampled, models),
        trust_matrix=tables.matrix_table(matrix, models),
        notes=(warning,) if warning else (),
    )


def _check(
    table: pd.DataFrame,
    models: Sequence[str],
    num_criteria: int,
    normalisation: str,
    temperature: float,
) -> None:
    if normalisation not in NORMALISATIONS:
        allowed = ", ".join(NORMALISATIONS)
        raise RatingError(f"normalization {normalisation!r}: use one of {allowed}")
    if temperature <= 0:
        raise RatingError(f"softmax_temperature {temperature}: must be above 0")
    if len(models) < 2:
        raise RatingError("EigenBench compares models: the ensemble needs at least two")
    missing = [name for name in RATING_COLUMNS if name not in table]
    if missing:
        raise RatingError(f"the ratings lack the column {missing[0]!r}")
    if len(table) == 0:
        raise RatingError("there is no rating to analyse")
    if not table["rating"].between(*SCALE).all():
        raise RatingError(f"a rating lies outside {SCALE[0]} to {SCALE[1]}")
    bounds = {"judge": len(models), "evaluee": len(models), "criterion": num_criteria}
    for name, bound in bounds.items():
        if not table[name].between(0, bound - 1).all():
            raise RatingError(f"column {name!r}: an index lies outside 0 to {bound - 1}")
