"""Direct ratings: parsing, normalisation, planted order, scenario intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from benchmarks.eigenbench.direct_rating import RATING_COLUMNS, analyse_ratings, read_ratings
from benchmarks.eigenbench.normalise import NORMALISATIONS, RatingError, normalise
from benchmarks.eigenbench.plan import make_plan
from benchmarks.eigenbench.samplers import SamplerSpec

NAMES = list("abcd")


def planted_ratings(quality, scenarios=120, criteria=3, seed=0):
    rng = np.random.default_rng(seed)
    spec = SamplerSpec("partitioned_random_judge", group_size=4, redundancy=2)
    edges = make_plan(range(scenarios), len(quality), spec, "direct_rating").ratings
    table = edges.loc[edges.index.repeat(criteria)].reset_index(drop=True)
    table["criterion"] = np.tile(np.arange(criteria), len(edges))
    strict = rng.normal(0, 1, len(quality))[table["judge"]]
    raw = np.asarray(quality)[table["evaluee"]] + strict + rng.normal(0, 1, len(table))
    return table.assign(rating=np.clip(np.round(raw), 1, 10).astype(int))[RATING_COLUMNS]


@pytest.mark.parametrize("method", NORMALISATIONS)
def test_the_planted_order_is_found(method):
    table = planted_ratings([8, 6.5, 5, 4])
    result = analyse_ratings(table, NAMES, 3, method, n_bootstraps=60)
    assert result.summary["model"].tolist() == NAMES
    # Ranks so far apart never change, and then neither does Elo.
    width = result.summary["elo_high"] - result.summary["elo_low"]
    assert (width >= 0).all() if method == "rank_softmax" else (width > 0).all()
    np.testing.assert_allclose(result.matrix.sum(axis=1), 1)
    np.testing.assert_allclose((10 ** ((result.summary["elo"] - 1500) / 400)).mean(), 1)


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_judges_of_one_taste_can_each_be_left_out(alpha):
    summary = analyse_ratings(alike_ratings(), NAMES, 1, alpha=alpha, n_bootstraps=0).summary
    assert np.abs(summary["elo_leave_one_out_low"] - summary["elo"]).max() < 10
    assert np.abs(summary["elo_leave_one_out_high"] - summary["elo"]).max() < 10


def alike_ratings():
    """Four judges who like four models alike."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(np.argwhere(np.ones((40, 4, 4, 1))), columns=RATING_COLUMNS[:4])
    raw = 8 - 2 * table["evaluee"] + rng.normal(size=len(table))
    return table.assign(rating=np.clip(np.round(raw), 1, 10).astype(int))


def test_equal_models_cover_1500():
    hits = []
    for seed in range(10):
        table = planted_ratings([6, 6, 6, 6], seed=seed)
        summary = analyse_ratings(table, NAMES, 3, "raw_l1", n_bootstraps=100).summary
        hits.append((summary["elo_low"] <= 1500) & (summary["elo_high"] >= 1500))
    assert np.mean(hits) >= 0.8


def test_normalisations_by_hand():
    row = np.array([[2.0, 4.0, 9.0]] * 3)
    z = (row[0] - 5) / row[0].std()
    np.testing.assert_allclose(normalise(row, "zscore_softmax")[0], np.exp(z) / np.exp(z).sum())
    warm = np.exp(z / 2) / np.exp(z / 2).sum()
    np.testing.assert_allclose(normalise(row, "zscore_softmax", 2.0)[0], warm)
    ranks = np.array([-1, 0, 1]) / np.sqrt(2 / 3)
    np.testing.assert_allclose(
        normalise(row, "rank_softmax")[0], np.exp(ranks) / np.exp(ranks).sum()
    )
    np.testing.assert_allclose(normalise(row, "raw_l1")[0], np.array([2, 4, 9]) / 15)
    np.testing.assert_allclose(normalise(row, "minmax_l1")[0], np.array([0, 2, 7]) / 9)
    np.testing.assert_allclose(normalise(row, "positive_centered_l1")[0], [0, 0, 1])


RATINGS = hnp.arrays(
    float, (4, 4), elements=st.one_of(st.just(np.nan), st.floats(1, 10, allow_nan=False))
)


@settings(max_examples=80, deadline=None)
@given(RATINGS, st.sampled_from(NORMALISATIONS))
def test_rows_sum_to_one_and_unrated_models_get_nothing(ratings, method):
    matrix = normalise(ratings, method)
    np.testing.assert_allclose(matrix.sum(axis=1), 1)
    rated = ~np.isnan(ratings)
    some = rated.any(axis=1)
    assert (matrix[some][~rated[some]] == 0).all()
    np.testing.assert_allclose(matrix[~some], 1 / 4)


@pytest.mark.parametrize("method", NORMALISATIONS)
def test_a_judge_who_rates_all_alike_is_indifferent(method):
    np.testing.assert_allclose(normalise(np.full((3, 3), 5.0), method), 1 / 3)


def test_separate_groups_are_warned_of_and_survive():
    edges = [(s, j, e) for s in range(6) for j in range(4) for e in range(4)]
    table = pd.DataFrame(edges, columns=RATING_COLUMNS[:3]).assign(criterion=0)
    table["rating"] = np.where(table["judge"] == table["evaluee"], 10, 1)
    result = analyse_ratings(table, NAMES, 1, "minmax_l1", n_bootstraps=20)
    assert "4 separate groups" in result.notes[0]
    np.testing.assert_allclose(result.summary["elo"], 1500, atol=1)


def test_the_last_well_formed_rating_is_read():
    text = (
        "<criterion_1_rating>7</criterion_1_rating> "
        "then <criterion_1_rating> 9 </criterion_1_rating>"
        "<criterion_2_rating>11</criterion_2_rating><criterion_3_rating>10</criterion_3_rating>"
    )
    np.testing.assert_array_equal(read_ratings([text, ""], 3), [[9, np.nan, 10], [np.nan] * 3])


def test_unusable_ratings_are_named():
    table = planted_ratings([5, 5, 5, 5], scenarios=5)
    for change, message in (
        ({"rating": 11}, "outside 1 to 10"),
        ({"judge": 4}, "'judge'"),
        ({"criterion": 3}, "'criterion'"),
    ):
        with pytest.raises(RatingError, match=message):
            analyse_ratings(table.assign(**change), NAMES, 3)
    with pytest.raises(RatingError, match="normalization 'l2'"):
        analyse_ratings(table, NAMES, 3, "l2")
    with pytest.raises(RatingError, match="no rating"):
        analyse_ratings(table.iloc[:0], NAMES, 3)
    with pytest.raises(RatingError, match="softmax_temperature"):
        analyse_ratings(table, NAMES, 3, temperature=0)


def test_a_model_that_nobody_trusts_has_an_interval_all_the_same():
    """Under minmax_l1 whom every judge rates lowest gets no trust: even judges' Elo has no end."""
    rows = [(s, j, e, 0, 3 * e + 1) for s in range(10) for j in range(3) for e in range(3)]
    table = pd.DataFrame(rows, columns=RATING_COLUMNS)
    result = analyse_ratings(table, list("abc"), 1, "minmax_l1", n_bootstraps=50)
    worst = result.summary.set_index("model").loc["a"]
    ends = [worst[f"elo_uniform_judges{end}"] for end in ("", "_low", "_high")]
    assert ends == [-np.inf] * 3
    assert worst["elo_low"] <= worst["elo"] <= worst["elo_high"] < 0
