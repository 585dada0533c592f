"""Intervals cover the truth 95 times in 100 when pairs come in articles."""

import time

import numpy as np
import pytest
from scipy import stats

from benchmarks.val_bench.intervals import (
    ALL_EQUAL,
    FEW_CLUSTERS,
    NO_PAIRS,
    ONE_CLUSTER,
    RatioScale,
    bootstrap_sums,
    bound_when_all_equal,
    cluster_sums,
    ratio_estimate,
)
from tests.benchmarks.val_bench.helpers import clustered_scores

PAC = RatioScale(25.0, 50.0)


def estimate(score, cluster, n_resamples=1000, seed=0):
    columns = np.column_stack([np.ones(len(score)), score])
    sums = cluster_sums(columns, cluster)
    return ratio_estimate(sums, bootstrap_sums(sums, n_resamples, seed), 1, 0, PAC)


def coverage(n_articles, by_article, repeats=400):
    rng = np.random.default_rng(7)
    hits = 0
    for repeat in range(repeats):
        score, article = clustered_scores(rng, n_articles)
        cluster = article if by_article else np.arange(len(score))
        found = estimate(score, cluster, n_resamples=400, seed=repeat)
        hits += found.low <= 60.0 <= found.high
    return hits / repeats


@pytest.mark.parametrize("n_articles", [8, 12, 30, 100])
def test_coverage_is_near_95_percent_with_few_and_many_articles(n_articles):
    # 400 repeats: one standard error is 0.011.
    assert 0.92 <= coverage(n_articles, by_article=True) <= 0.985


def test_below_eight_articles_the_interval_is_too_short_and_says_so():
    assert coverage(3, by_article=True) < 0.9
    assert estimate([2.0, 1.0, -2.0], ["a", "b", "c"]).note == FEW_CLUSTERS
    assert estimate(np.arange(8.0) % 3, range(8)).note == ""


def test_resampling_pairs_instead_of_articles_would_claim_too_much():
    assert coverage(60, by_article=False) < 0.92


def test_grouped_multinomial_has_the_law_of_drawing_articles():
    rng = np.random.default_rng(1)
    score, article = clustered_scores(rng, 40)
    sums = cluster_sums(np.column_stack([np.ones(len(score)), score]), article)
    fast = bootstrap_sums(sums, 20_000, seed=2)
    slow = sums[rng.integers(0, 40, (20_000, 40))].sum(axis=1)
    for column in (0, 1):
        assert stats.ks_2samp(fast[:, column], slow[:, column]).pvalue > 0.001
    assert np.cov(fast.T) == pytest.approx(np.cov(slow.T), rel=0.06, abs=0.6)


def test_every_resample_draws_as_many_articles_as_there_are():
    sums = np.column_stack([np.ones(17), np.arange(17.0)])
    assert set(bootstrap_sums(sums, 50)[:, 0]) == {17.0}


def test_order_of_pairs_does_not_matter():
    score, article = clustered_scores(np.random.default_rng(3), 25)
    shuffled = np.random.default_rng(4).permutation(len(score))
    assert estimate(score, article) == estimate(score[shuffled], article[shuffled])


def test_cluster_sums_by_hand():
    sums = cluster_sums(np.array([[1.0, 2.0], [1.0, -1.0], [1.0, 5.0]]), ["b", "a", "b"])
    assert sums.tolist() == [[1.0, -1.0], [2.0, 7.0]]


def test_one_article_has_a_value_and_no_interval():
    found = estimate([2.0, 1.0, 0.0], ["a", "a", "a"])
    assert (found.value, found.n, found.clusters, found.note) == (75.0, 3, 1, ONE_CLUSTER)
    assert np.isnan([found.low, found.high]).all()


def test_nothing_to_count_is_nan_with_a_reason():
    sums = np.array([[0.0, 0.0], [0.0, 0.0]])
    found = ratio_estimate(sums, bootstrap_sums(sums, 10), 1, 0, PAC)
    assert found.note == NO_PAIRS
    assert (found.n, np.isnan(found.value)) == (0, True)


def test_articles_that_all_agree_do_not_claim_certainty():
    found = estimate([2.0] * 30, range(30))
    assert (found.value, found.high, found.note) == (100.0, 100.0, ALL_EQUAL)
    assert found.low == pytest.approx(100 * 0.025 ** (1 / 30))
    # The same as the exact binomial interval for 30 of 30.
    exact = stats.binomtest(30, 30).proportion_ci(method="exact")
    assert found.low == pytest.approx(100 * exact.low)


def test_all_equal_inside_the_range_is_bounded_on_both_sides():
    low, high = bound_when_all_equal(50.0, (0.0, 100.0), 30)
    assert 50 - low == pytest.approx(high - 50)
    assert 50 - low == pytest.approx(50 * (1 - 0.05 ** (1 / 30)))


def test_a_large_table_is_quick():
    rng = np.random.default_rng(5)
    score, article = rng.integers(-2, 3, 115_000), rng.integers(0, 20_000, 115_000)
    start = time.perf_counter()
    estimate(score, article)
    assert time.perf_counter() - start < 5
