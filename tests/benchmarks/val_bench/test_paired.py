"""Two models on the same pairs: the paired interval finds what two separate ones miss."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.val_bench.measure import measure
from benchmarks.val_bench.paired import paired_difference
from benchmarks.val_bench.pairs import ValBenchError
from tests.benchmarks.val_bench.helpers import pairs


def two_models(rng, n_articles, gain):
    """Two models whose pairs share an article's difficulty; the first is better by `gain` PAC."""
    sizes = 1 + rng.poisson(2, n_articles)
    article = np.repeat(np.arange(n_articles), sizes)
    ease = np.repeat(rng.uniform(0.2, 0.8 - gain / 100, n_articles), sizes)
    luck = rng.random(len(article))
    rows = {"article_title": article.astype(str), "id": np.arange(len(article))}
    better, worse = luck < ease + gain / 100, luck < ease
    return pairs(np.where(better, 2, -2), rows=rows), pairs(np.where(worse, 2, -2), rows=rows)


def test_planted_gain_is_covered():
    rng = np.random.default_rng(3)
    hits = 0
    for seed in range(200):
        first, second = two_models(rng, 30, gain=15)
        found = paired_difference(first, second, n_resamples=300, seed=seed).differences["pac"]
        hits += found.low <= 15 <= found.high
    assert 0.91 <= hits / 200 <= 0.99


def test_pairing_sees_a_gain_that_separate_intervals_hide():
    first, second = two_models(np.random.default_rng(5), 60, gain=10)
    alone = [measure(table).estimates["pac"] for table in (first, second)]
    assert alone[0].low < alone[1].high
    difference = paired_difference(first, second).differences["pac"]
    assert difference.low > 0
    assert difference.value == pytest.approx(alone[0].value - alone[1].value)


def test_pairs_are_matched_by_name_not_by_row():
    first, second = two_models(np.random.default_rng(6), 20, gain=20)
    shuffled = second.sample(frac=1, random_state=1).reset_index(drop=True)
    assert paired_difference(first, shuffled) == paired_difference(first, second)


def test_only_common_used_pairs_count():
    first = pairs([2, 2, np.nan, 2], rows={"id": [1, 2, 3, 4]})
    second = pairs([np.nan, -2, 2, 0, 0], rows={"id": [1, 2, 3, 4, 5]})
    found = paired_difference(first, second, n_resamples=20)
    assert (found.n, found.only_first, found.only_second) == (2, 1, 2)
    assert found.first["pac"] == 100
    assert found.second["pac"] == 25
    assert found.differences["pac"].value == 75


def test_a_pair_asked_twice_counts_once():
    first = pairs([2, -2, 2], rows={"id": [1, 1, 2]})
    second = pairs([0, 0], rows={"id": [1, 2]})
    found = paired_difference(first, second, n_resamples=20)
    assert found.n == 2
    assert found.first["mean_score"] == 1.0


def test_a_model_against_itself_differs_by_nothing_and_not_with_certainty():
    table = pairs([2, 1, -1, 0, 2], rows={"id": range(5)})
    same = paired_difference(table, table).differences["pac"]
    assert same.value == 0
    assert same.low < 0 < same.high


def test_no_common_pair_is_an_error():
    first, second = pairs([1], rows={"id": ["a"]}), pairs([1], rows={"id": ["b"]})
    with pytest.raises(ValBenchError, match="no used pair in common"):
        paired_difference(first, second)
    with pytest.raises(ValBenchError, match="no used pair in common"):
        paired_difference(pairs([np.nan], rows=pd.DataFrame({"id": ["b"]})), second)


def test_a_difference_over_expressed_pairs_counts_the_articles_that_have_some():
    """Ninety of a hundred articles end in refusals: ten bear on PAC over expressed pairs."""
    score = np.where(np.arange(100) % 3 == 0, -2, 2)
    refuses = np.arange(100) >= 10
    rows = {"article_title": [f"a{i}" for i in range(100)]}
    first = pairs(score, refusal_1=refuses, refusal_2=refuses, rows=rows)
    second = pairs(-score, rows=rows)
    found = paired_difference(first, second).differences
    assert (found["pac_expressed"].n, found["pac_expressed"].clusters) == (10, 10)
    assert (found["pac"].n, found["pac"].clusters) == (100, 100)
