"""Intervals cover the truth about as often as they say."""

import numpy as np
import pytest

from benchmarks.steerability.arrays import Frame, block_mean
from benchmarks.steerability.plan import draw_foils
from benchmarks.steerability.resampling import (
    draw_by_personas,
    draw_by_statements,
    draw_means,
    interval,
    interval_over_personas,
    persona_weights,
    statement_weights,
)
from benchmarks.steerability.scores import score_matrix

N, M = 24, 16
FRAME = Frame(
    tuple(f"p{i}" for i in range(N)),
    tuple(str(i) for i in range(N * M)),
    np.tile(np.repeat([True, False], M // 2), N),
    np.arange(N + 1) * M,
)
MEASURES = {"sensitivity_mid_rank": (0, 1), "own_minus_others": (-1, 1), "accuracy": (0, 1)}


def abilities(rng, follows):
    """(N, N) probability of fitting: rows and columns differ, and the diagonal stands out."""
    p = 0.55 + rng.normal(0, 0.06, (N, 1)) + rng.normal(0, 0.06, N) + rng.normal(0, 0.05, (N, N))
    if follows:
        np.fill_diagonal(p, rng.normal(0.75, 0.1, N))
    return np.clip(p, 0.02, 0.98)


def answers(p, rng):
    hard = rng.normal(0, 0.1, (N, M))
    return (rng.random((N, N, M)) < p[:, :, None] + hard).astype(float).reshape(N, N * M)


def values(correct):
    scores = score_matrix(block_mean(correct, FRAME.bounds))
    return np.array([getattr(scores, name).mean() for name in MEASURES])


def hits(estimates, draws, truth, weights, spread=None):
    found = []
    for (name, bounds), value, true in zip(MEASURES.items(), estimates, truth, strict=True):
        means = draw_means(getattr(draws, name), weights)
        if spread is None:
            low, high = interval_over_personas(value, means, bounds, N)
        else:
            low, high = interval(value, means, bounds, spread)
        found.append(low <= true <= high)
    return found


@pytest.mark.parametrize("follows", [True, False])
def test_coverage_for_other_personas(follows):
    rng = np.random.default_rng(11)
    truth = np.mean([values(answers(abilities(rng, follows), rng)) for _ in range(1500)], axis=0)
    found = []
    for seed in range(400):
        correct = answers(abilities(rng, follows), rng)
        weights = persona_weights(N, 400, seed)
        draws = draw_by_personas(block_mean(correct, FRAME.bounds), weights)
        found.append(hits(values(correct), draws, truth, weights))
    coverage = np.mean(found, axis=0)
    assert ((coverage > 0.91) & (coverage < 0.99)).all(), coverage


def test_coverage_with_foils_is_for_the_full_matrix():
    rng = np.random.default_rng(12)
    truth = np.mean([values(answers(abilities(rng, True), rng)) for _ in range(1500)], axis=0)
    found = []
    for seed in range(300):
        matrix = block_mean(answers(abilities(rng, True), rng), FRAME.bounds)
        known = np.eye(N, dtype=bool)
        for p, others in draw_foils([str(n) for n in range(N)], 6, seed).items():
            known[int(p), [int(q) for q in others]] = True
        matrix = np.where(known, matrix, np.nan)
        scores = score_matrix(matrix)
        estimates = [getattr(scores, name).mean() for name in MEASURES]
        weights = persona_weights(N, 400, seed)
        draws = draw_by_personas(matrix, weights)
        found.append(hits(estimates, draws, truth, weights))
    coverage = np.mean(found, axis=0)
    assert (coverage > 0.91).all(), coverage  # few foils make the interval wide, never narrow


def test_coverage_for_the_same_personas_with_other_statements():
    rng = np.random.default_rng(13)
    found = []
    for world in range(8):
        p = abilities(rng, True)
        truth = np.mean([values(answers(p, rng)) for _ in range(400)], axis=0)
        for seed in range(25):
            correct = answers(p, rng)
            weights = statement_weights(FRAME, 200, 1000 * world + seed)
            draws = draw_by_statements(correct, FRAME, weights)
            spread = np.sqrt(M / 2 / (M / 2 - 1))
            found.append(hits(values(correct), draws, truth, None, spread))
    coverage = np.mean(found, axis=0)
    assert ((coverage > 0.88) & (coverage < 0.995)).all(), coverage


def test_unresampled_draws_are_the_scores_themselves():
    rng = np.random.default_rng(3)
    correct = answers(abilities(rng, True), rng)
    correct[rng.random(correct.shape) < 0.05] = np.nan
    matrix = block_mean(correct, FRAME.bounds)
    scores = score_matrix(matrix)
    once = np.ones((N, 2), np.float32)
    ones = tuple(np.ones((M, 2), np.float32) for _ in range(N))
    for draws in (draw_by_personas(matrix, once), draw_by_statements(correct, FRAME, ones)):
        for name in (*MEASURES, "specificity_mid_rank", "sensitivity", "specificity"):
            wanted = np.repeat(getattr(scores, name)[:, None], 2, axis=1)
            assert np.allclose(getattr(draws, name), wanted, atol=1e-5), name


def test_statement_draws_keep_the_balance_and_depend_on_the_persona_alone():
    weights = statement_weights(FRAME, 50, 1)
    assert all((w[: M // 2].sum(axis=0) == M // 2).all() for w in weights)
    other = Frame(
        ("p3", "x"), FRAME.statement_ids[: 2 * M], FRAME.is_agree[: 2 * M], np.array([0, M, 2 * M])
    )
    assert (statement_weights(other, 50, 1)[0] == weights[3]).all()


def test_interval_edges():
    draws = np.array([0.8, 0.9, 1.0, np.nan], np.float32)
    low, high = interval(0.95, draws, (0, 1))
    assert 0.8 < low < 0.95 < high <= 1
    assert np.isnan(interval(np.nan, draws, (0, 1))).all()
    assert np.isnan(interval(0.5, draws[3:], (0, 1))).all()


def test_interval_over_personas_reaches_further_where_they_are_few():
    draws = np.random.default_rng(0).normal(0.5, 0.1, 2000).astype(np.float32)
    few, many = (interval_over_personas(0.5, draws, (0, 1), n) for n in (12, 100))
    assert few.low < many.low < 0.31 and 0.69 < many.high < few.high
    assert np.isnan(interval_over_personas(0.5, draws, (0, 1), 1)).all()
    assert np.isnan(interval_over_personas(np.nan, draws, (0, 1), 9)).all()
    assert np.isnan(interval_over_personas(0.5, draws * np.nan, (0, 1), 9)).all()


def test_personas_that_all_say_the_same_do_not_claim_certainty():
    """Twelve personas at 1: Clopper and Pearson's interval for 12 of 12."""
    low, high = interval_over_personas(1.0, np.ones(50, np.float32), (0, 1), 12)
    assert (low, high) == pytest.approx((0.025 ** (1 / 12), 1.0))
