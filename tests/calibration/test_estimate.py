"""Intervals: Wilson against statsmodels, clusters against brute force, planted rates covered."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.estimate import clustered_proportion, from_draws, undefined, wilson
from calibration.resampling import bootstrap_means, bootstrap_sums, cluster_sums, dirichlet_means
from tests.calibration.figures import covers, present


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (3, 10), (10, 10), (45, 60), (1, 400)])
def test_wilson_matches_statsmodels(successes: int, trials: int) -> None:
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(successes, trials, method="wilson")
    found = wilson(successes, trials)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)
    assert covers(found, present(found.value))


def test_no_trials_is_undefined_with_a_reason() -> None:
    assert wilson(0, 0).value is None
    assert clustered_proportion([], []).reason == "no trials"


def test_clusters_widen_the_interval_and_independent_ones_do_not() -> None:
    rng = np.random.default_rng(0)
    alike = np.repeat(rng.random(200) < 0.3, 1) * 5.0
    apart = rng.binomial(5, 0.3, 200).astype(float)
    five = np.full(200, 5.0)
    assert clustered_proportion(alike, five).effective_n == pytest.approx(200, rel=0.02)
    assert present(clustered_proportion(apart, five).effective_n) > 800


def test_weighted_trials_count_for_less() -> None:
    weights = np.array([3.0] * 10 + [0.25] * 40)
    found = clustered_proportion(weights, weights, weights**2)
    assert found.value == 1.0
    assert found.effective_n == pytest.approx(weights.sum() ** 2 / (weights**2).sum())


def test_clustered_interval_covers_a_planted_rate() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        rate = rng.beta(2, 8, 80)  # mean 0.2, articles differ
        found = clustered_proportion(rng.binomial(4, rate), np.full(80, 4.0))
        covered += covers(found, 0.2)
    assert 0.92 <= covered / 400 <= 0.985


def test_scaled_swaps_the_ends_for_a_negative_factor() -> None:
    flipped = wilson(3, 10).scaled(-100, 100)
    assert flipped.value == pytest.approx(70)
    assert present(flipped.low) < present(flipped.value) < present(flipped.high)
    assert undefined("why", 3).scaled(100).reason == "why"


def test_draws_interval_contains_its_value_and_survives_nan() -> None:
    found = from_draws(1.0, [0.2, 0.4, np.nan, 0.6], 3)
    assert found.high == 1.0
    assert from_draws(float("nan"), [1.0], 3).value is None
    assert from_draws(1.0, [np.nan], 3).low is None


def test_bootstrap_of_sums_agrees_with_resampled_tables() -> None:
    rng = np.random.default_rng(2)
    values = rng.integers(-2, 3, 300).astype(float)
    clusters = np.repeat(np.arange(100), 3)
    fast = bootstrap_means(values, clusters, 4000, np.random.default_rng(3))[:, 0]
    sums = cluster_sums(np.column_stack([values, np.ones(300)]), clusters)
    picks = rng.integers(0, 100, (4000, 100))
    totals = sums[picks].sum(axis=1)
    slow = totals[:, 0] / totals[:, 1]
    assert fast.std() == pytest.approx(slow.std(), rel=0.06)
    assert fast.mean() == pytest.approx(slow.mean(), abs=4 * slow.std() / np.sqrt(4000) * 1.5)


def test_bootstrap_keeps_the_number_of_clusters() -> None:
    drawn = bootstrap_sums(np.ones((7, 1)), 50, np.random.default_rng(0))
    assert np.all(drawn == 7)


def test_dirichlet_stays_uncertain_when_all_counts_agree() -> None:
    drawn = dirichlet_means([0.0, 1.0], [0, 20], 5000, np.random.default_rng(0))[:, 0]
    assert 0.85 < np.percentile(drawn, 2.5) < 0.97
    assert drawn.mean() == pytest.approx(20.5 / 21, abs=0.003)
