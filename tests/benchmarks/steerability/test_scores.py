"""The published scorer to the last digit; mid-ranks by what they promise."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu

from benchmarks.steerability.errors import MissingDiagonalError, SteerabilityError
from benchmarks.steerability.plan import draw_foils
from benchmarks.steerability.scores import published_chance, score_matrix


def published_reference(matrix: np.ndarray) -> tuple[pd.Series, pd.Series]:
    """The published scorer, written down anew: its table has steered personas as columns."""
    names = [f"p{i}" for i in range(len(matrix))]
    nested = {s: {t: matrix[i, j] for j, t in enumerate(names)} for i, s in enumerate(names)}
    table = pd.DataFrame(nested)
    within_steered = table.apply(lambda column: column.rank(pct=True, method="max"), axis=0)
    within_tested = table.apply(lambda row: row.rank(pct=True, method="max"), axis=1)
    sensitivity = pd.Series({p: within_steered[p].loc[p] for p in names})
    specificity = pd.Series({p: within_tested[p].loc[p] for p in names})
    return sensitivity, specificity


@pytest.mark.parametrize("n", [2, 3, 7, 40, 97])
@pytest.mark.parametrize("m", [2, 6, 56, 10_000])
def test_published_scores_to_the_last_digit(n, m):
    rng = np.random.default_rng(n * m)
    matrix = rng.integers(0, m + 1, (n, n)) / m  # few statements give many ties
    ours = score_matrix(matrix)
    sensitivity, specificity = published_reference(matrix)
    assert ours.sensitivity.tolist() == sensitivity.tolist()
    assert ours.specificity.tolist() == specificity.tolist()
    assert pd.Series(ours.sensitivity).mean() == sensitivity.mean()


def test_mid_rank_is_the_probability_of_beating_a_random_other():
    rng = np.random.default_rng(1)
    matrix = rng.integers(0, 9, (12, 12)) / 8
    ours = score_matrix(matrix)
    for p in range(12):
        others = np.delete(matrix[p], p)
        wanted = mannwhitneyu([matrix[p, p]], others).statistic / 11
        assert ours.sensitivity_mid_rank[p] == pytest.approx(wanted)
        wanted = mannwhitneyu([matrix[p, p]], np.delete(matrix[:, p], p)).statistic / 11
        assert ours.specificity_mid_rank[p] == pytest.approx(wanted)
        assert ours.own_minus_others[p] == pytest.approx(matrix[p, p] - others.mean())


def test_a_constant_system_scores_one_by_the_published_rank_and_half_by_mid_rank():
    ours = score_matrix(np.full((9, 9), 0.5))
    assert (ours.sensitivity == 1).all() and (ours.specificity == 1).all()
    assert (ours.sensitivity_mid_rank == 0.5).all() and (ours.specificity_mid_rank == 0.5).all()
    assert (ours.own_minus_others == 0).all()


def test_ignoring_the_steering_scores_exactly_half():
    rng = np.random.default_rng(0)
    matrix = np.tile(rng.integers(0, 20, 15) / 20, (15, 1))  # the same row for everybody
    ours = score_matrix(matrix)
    assert ours.sensitivity_mid_rank.mean() == pytest.approx(0.5)
    assert (ours.specificity_mid_rank == 0.5).all()
    assert ours.own_minus_others.mean() == pytest.approx(0)


def test_a_missing_diagonal_names_the_persona():
    matrix = np.full((3, 3), 0.5)
    matrix[1, 1] = np.nan
    with pytest.raises(MissingDiagonalError, match="steered to persona INTJ has no answer"):
        score_matrix(matrix, ["ENFP", "INTJ", "ISTP"])


def test_a_matrix_must_be_square():
    with pytest.raises(SteerabilityError, match="must be square"):
        score_matrix(np.zeros((3, 4)))


def test_missing_entries_off_the_diagonal_are_left_out():
    rng = np.random.default_rng(2)
    matrix = rng.random((6, 6))
    matrix[0, 3] = np.nan
    ours = score_matrix(matrix)
    others = matrix[0, [1, 2, 4, 5]]
    assert ours.sensitivity_mid_rank[0] == (matrix[0, 0] > others).mean()
    assert ours.specificity_mid_rank[3] == (matrix[3, 3] > matrix[[1, 2, 4, 5], 3]).mean()


def test_foils_estimate_the_full_scores_without_bias():
    rng = np.random.default_rng(4)
    n, ids = 12, [str(p) for p in range(12)]
    matrix = rng.integers(0, 21, (n, n)) / 20 + 0.3 * np.eye(n) * (rng.random(n) < 0.5)
    full = score_matrix(matrix)
    names = ("sensitivity_mid_rank", "specificity_mid_rank", "sensitivity", "own_minus_others")
    draws: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for seed in range(1500):
        known = np.eye(n, dtype=bool)
        for p, others in draw_foils(ids, 4, seed).items():
            known[int(p), [int(q) for q in others]] = True
        part = score_matrix(np.where(known, matrix, np.nan))
        for name in names:
            draws[name].append(getattr(part, name))
    for name in names:
        values = np.array(draws[name])
        error = values.std(axis=0) / np.sqrt(len(values))
        distance = np.abs(values.mean(axis=0) - getattr(full, name))
        assert (distance < 4.5 * error + 1e-12).all(), name


@pytest.mark.parametrize("sizes", [[6] * 10, [56] * 40, [4, 6, 6, 8, 10]])
def test_published_chance_is_that_of_fair_coins(sizes):
    rng = np.random.default_rng(7)
    sizes = np.array(sizes)
    n = len(sizes)
    means = [
        score_matrix(rng.binomial(sizes, 0.5, (n, n)) / sizes).sensitivity.mean()
        for _ in range(1500)
    ]
    error = np.std(means) / np.sqrt(len(means))
    assert abs(np.mean(means) - published_chance(sizes)) < 4 * error
    assert published_chance(sizes) > 0.52
