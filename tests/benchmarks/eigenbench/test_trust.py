"""Trust matrix, EigenTrust, Elo and the companions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from benchmarks.eigenbench.trust import (
    TrustError,
    eigentrust,
    elo,
    stationary,
    to_trust,
    trust_matrix,
    uniform_judges,
    without_judge,
    without_self,
)

SCORES = hnp.arrays(
    float, st.tuples(st.integers(2, 6), st.integers(2, 6)), elements=st.floats(-900, 900)
)


def random_matrix(n, seed=0):
    weights = np.random.default_rng(seed).exponential(size=(n, n))
    return weights / weights.sum(axis=1, keepdims=True)


def test_trust_follows_the_formula():
    rng = np.random.default_rng(0)
    scores, log_lambda = rng.standard_normal((4, 5)), rng.standard_normal(4)
    e = np.exp(scores)
    expected = np.empty_like(e)
    for i in range(4):
        for j in range(5):
            shared = sum(np.sqrt(e[i, j] * e[i, k]) for k in range(5) if k != j)
            expected[i, j] = e[i, j] + np.exp(log_lambda[i]) / 2 * shared
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(trust_matrix(scores, log_lambda), expected)


@settings(max_examples=100, deadline=None)
@given(SCORES, st.floats(-50, 50) | st.just(-np.inf), st.floats(-500, 500))
def test_rows_sum_to_one_without_overflow_and_ignore_a_shift(scores, log_lambda, shift):
    lambdas = np.full(len(scores), log_lambda)
    matrix = trust_matrix(scores, lambdas)
    np.testing.assert_allclose(matrix.sum(axis=1), 1)
    assert (matrix >= 0).all()
    np.testing.assert_allclose(trust_matrix(scores + shift, lambdas), matrix, atol=1e-9)


def test_a_batch_is_its_members():
    rng = np.random.default_rng(1)
    scores, log_lambda = rng.standard_normal((3, 4, 4)), rng.standard_normal((3, 4))
    batch = trust_matrix(scores, log_lambda)
    for member in range(3):
        np.testing.assert_allclose(batch[member], trust_matrix(scores[member], log_lambda[member]))
    np.testing.assert_allclose(stationary(batch)[1], eigentrust(batch[1]).trust)


@pytest.mark.parametrize("n", [2, 15, 300])
def test_trust_is_stationary(n):
    result = eigentrust(random_matrix(n))
    assert result.residual < 1e-12 and result.trust.sum() == pytest.approx(1)
    assert result.warning == ""


def test_large_ensembles_go_through_arpack_to_the_same_answer():
    matrix = random_matrix(1001)
    result = eigentrust(matrix)
    assert result.residual < 1e-10
    np.testing.assert_allclose(result.trust, stationary(matrix), rtol=1e-8)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 9), st.integers(0, 1000), st.floats(0, 1))
def test_elo_mean_identity(n, seed, alpha):
    ratings = elo(eigentrust(random_matrix(n, seed), alpha).trust)
    assert np.mean(10 ** ((ratings - 1500) / 400)) == pytest.approx(1)


def test_the_trust_behind_an_elo():
    trust = np.array([0.0, 0.1, 0.3, 0.6])
    np.testing.assert_allclose(to_trust(elo(trust), 4), trust)


def test_damping_mixes_in_the_pretrusted():
    matrix = random_matrix(4)
    weights = np.array([0.0, 3.0, 0.0, 0.0])
    full = eigentrust(matrix, 1.0, weights)
    np.testing.assert_allclose(full.trust, [0, 1, 0, 0], atol=1e-12)
    some = eigentrust(matrix, 0.2, weights)
    expected = 0.8 * some.trust @ matrix + 0.2 * weights / 3
    np.testing.assert_allclose(some.trust, expected)
    assert some.residual < 1e-12


def test_a_narcissist_among_the_indifferent_takes_45_percent():
    matrix = np.full((6, 6), 1 / 6)
    matrix[0] = [0.8] + [0.04] * 5
    assert eigentrust(matrix).trust[0] == pytest.approx(5 / 11)
    assert uniform_judges(matrix)[0] == pytest.approx((0.8 + 5 / 6) / 6)
    np.testing.assert_allclose(eigentrust(without_self(matrix)).trust, 1 / 6)
    np.testing.assert_allclose(without_judge(matrix, 0), 1 / 6)


def test_without_judge_weighs_the_others_by_each_others_trust():
    matrix = random_matrix(5, seed=4)
    trust = without_judge(matrix, 2)
    others = [0, 1, 3, 4]
    weights = stationary(
        matrix[np.ix_(others, others)] / matrix[np.ix_(others, others)].sum(1, keepdims=True)
    )
    np.testing.assert_allclose(trust, weights @ matrix[others])
    assert trust.sum() == pytest.approx(1)


@pytest.mark.parametrize("pretrusted", [None, np.array([3.0, 1, 0, 0]), np.array([1.0, 0, 0, 0])])
def test_without_a_judge_damping_stays(pretrusted):
    """Where all judges say the same, it matters to nobody that one of them is silent."""
    matrix = np.tile([0.4, 0.3, 0.2, 0.1], (4, 1))
    damped = eigentrust(matrix, 0.5, pretrusted).trust
    for judge in range(4):
        np.testing.assert_allclose(without_judge(matrix, judge, 0.5, pretrusted), damped)


def test_without_a_judge_the_pretrusted_among_the_others_weigh_more():
    """With full damping only the pre-trusted are heard, and all models get what they were given."""
    matrix, start = random_matrix(4), np.array([0.0, 1, 3, 0])
    nearly = without_judge(matrix, 3, 1 - 1e-9, start)
    np.testing.assert_allclose(nearly, [0, 0.25, 0.75, 0], atol=1e-8)
    half = without_judge(matrix, 1, 0.5, start)
    others = [0, 2, 3]
    among = matrix[np.ix_(others, others)] / matrix[np.ix_(others, others)].sum(1, keepdims=True)
    weights = stationary(0.5 * among + 0.5 * np.array([0, 1, 0]))
    np.testing.assert_allclose(half, 0.5 * weights @ matrix[others] + 0.5 * start / 4)


def test_a_judge_with_self_trust_only_becomes_indifferent_without_self():
    matrix = np.array([[1.0, 0, 0], [0.2, 0.4, 0.4], [0.3, 0.3, 0.4]])
    np.testing.assert_allclose(without_self(matrix)[0], [0, 0.5, 0.5])


def test_reducible_matrices_are_named():
    blocks = np.kron(np.eye(2), np.full((2, 2), 0.5))
    result = eigentrust(blocks)
    assert "2 separate groups" in result.warning and result.residual < 1e-6
    np.testing.assert_allclose(result.trust, 0.25, atol=1e-6)
    sink = np.array([[1.0, 0, 0], [0.5, 0.5, 0], [0.2, 0.4, 0.4]])
    result = eigentrust(sink)
    assert "all trust ends with 1 of 3" in result.warning
    np.testing.assert_allclose(result.trust, [1, 0, 0], atol=1e-11)
    assert elo(np.array([1.0, 0.0]))[1] == -np.inf


def test_separate_groups_share_by_what_flows_in():
    matrix = np.array([[1.0, 0, 0], [0, 1.0, 0], [0.75, 0.25, 0]])
    np.testing.assert_allclose(
        eigentrust(matrix).trust, [1 / 3 + 0.25, 1 / 3 + 1 / 12, 0], atol=1e-6
    )


def test_separate_groups_do_not_stop_a_batch():
    batch = np.stack([np.eye(3), random_matrix(3), np.full((3, 3), 1 / 3)])
    trust = stationary(batch)
    np.testing.assert_allclose(trust[[0, 2]], 1 / 3, atol=1e-3)
    np.testing.assert_allclose(trust[1] @ batch[1], trust[1], atol=1e-11)


def test_links_too_thin_to_count_are_none():
    matrix = np.array([[1 - 1e-20, 1e-20], [1e-20, 1 - 1e-20]])
    assert "2 separate groups" in eigentrust(matrix).warning


def test_periodic_matrices_are_named_and_solved():
    cycle = np.array([[0, 1.0, 0], [0, 0, 1.0], [1.0, 0, 0]])
    result = eigentrust(cycle)
    assert "cycles of 3" in result.warning and result.residual < 1e-12
    np.testing.assert_allclose(result.trust, 1 / 3)
    assert eigentrust(cycle, alpha=0.1).warning == ""


@pytest.mark.parametrize(
    ("matrix", "alpha", "weights", "message"),
    [
        (np.ones((2, 2)), 0, None, "summing to 1"),
        (np.array([[1.5, -0.5], [0.5, 0.5]]), 0, None, "non-negative"),
        (np.eye(2), 1.5, None, "between 0 and 1"),
        (np.eye(2), 0, np.zeros(2), "not all zero"),
        (np.eye(2), 0, np.ones(3), "give 2"),
    ],
)
def test_unusable_input_is_named(matrix, alpha, weights, message):
    with pytest.raises(TrustError, match=message):
        eigentrust(matrix, alpha, weights)
