"""Leaderboards, differences and agreement recover what was planted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reporting.report.agreement import Scored, agreement, exact_p, fisher_interval
from reporting.report.differences import differences_of_draws, differences_of_items
from reporting.report.leaderboard import leaderboard
from reporting.report.resampling import Draws, Items, mean_draws

NAMES = ("a", "b", "c", "d", "e")


def world(rng: np.random.Generator, means: list[float], clusters: int = 30, each: int = 4) -> Items:
    """Items whose article moves all models, and each model a little for itself."""
    labels = np.repeat(np.arange(clusters), each)
    shared = rng.normal(0, 12, clusters)[labels][:, None]
    own = rng.normal(0, 6, (clusters, len(means)))[labels]
    noise = rng.normal(0, 5, (len(labels), len(means)))
    values = np.array(means) + shared + own + noise
    return Items(NAMES[: len(means)], values, labels, (-np.inf, np.inf))


def test_planted_order_is_found_and_equal_models_share_ranks() -> None:
    rng = np.random.default_rng(1)
    table = world(rng, [80, 60, 60, 40, 40], clusters=60)
    found = leaderboard(
        dict(zip(NAMES, mean_draws(table).values, strict=True)), differences_of_items(table)
    )
    assert found[0].model == "a" and (found[0].rank_low, found[0].rank_high) == (1, 1)
    ranges = {row.model: (row.rank_low, row.rank_high) for row in found}
    assert ranges["b"] == ranges["c"] == (2, 3)
    assert ranges["d"] == ranges["e"] == (4, 5)


def test_lower_can_be_better() -> None:
    table = world(np.random.default_rng(2), [10, 50], clusters=40)
    values = dict(zip(NAMES, mean_draws(table).values, strict=False))
    found = leaderboard(values, differences_of_items(table), higher_is_better=False)
    assert [row.model for row in found] == ["a", "b"]
    assert found[0][2:] == (1, 1, 1) and found[1][2:] == (2, 2, 2)


@pytest.mark.parametrize("clusters", [10, 30])
def test_equal_models_are_seldom_told_apart_and_intervals_cover(clusters: int) -> None:
    """Over 300 worlds of five equal models: any false difference in about 5%, together; a single
    interval covers 0 in about 94%; all ten at once in 92% (10 articles) to 94% (30)."""
    rng = np.random.default_rng(clusters)
    false, covered, all_covered, rounds = 0, [], [], 300
    for seed in range(rounds):
        found = differences_of_items(world(rng, [50.0] * 5, clusters), 400, seed)
        false += any(d.clear for d in found)
        covered.append(np.mean([d.low <= 0 <= d.high for d in found]))
        all_covered.append(all(d.low_all <= 0 <= d.high_all for d in found))
    assert false / rounds < 0.09
    assert 0.93 < np.mean(covered) < 0.98
    assert 0.90 < np.mean(all_covered) <= 0.99


@pytest.mark.parametrize("clusters", [4, 12, 40])
def test_interval_p_value_and_ranks_tell_the_same(clusters: int) -> None:
    """In worlds where many differences are at the edge, also with skewed and with tied items."""
    rng = np.random.default_rng(clusters)
    told = set()
    for seed in range(60):
        plain = world(rng, [50.0, 52.0, 54.0, 56.0, 60.0], clusters)
        skewed = Items(NAMES, np.exp(plain.values / 20), plain.clusters, (-np.inf, np.inf))
        tied = Items(NAMES, np.round(plain.values / 25) * 25, plain.clusters, (-300.0, 300.0))
        for table in (plain, skewed, tied):
            found = differences_of_items(table, 300, seed)
            rows = leaderboard(dict(zip(NAMES, mean_draws(table, 50).values, strict=True)), found)
            ranks = {row.model: row for row in rows}
            for d in found:
                assert d.clear == (d.p_all < 0.05) == (not d.low_all <= 0 <= d.high_all)
                assert (d.p < 0.05) == (not d.low <= 0 <= d.high) and d.p <= d.p_all
                assert d.low_all <= d.low <= d.high <= d.high_all
                better, worse = (d.first, d.second) if d.value > 0 else (d.second, d.first)
                apart = ranks[better].rank_low < ranks[worse].rank_low
                assert apart or not d.clear
                told.add(d.clear)
    assert told == {True, False}


def test_ranks_cover_all_true_ranks_at_once() -> None:
    rng = np.random.default_rng(3)
    means = [60.0, 55.0, 55.0, 52.0, 45.0]
    hits = []
    for seed in range(200):
        table = world(rng, means)
        values = dict(zip(NAMES, mean_draws(table, 50, seed).values, strict=True))
        rows = leaderboard(values, differences_of_items(table, 400, seed))
        by_model = {row.model: row for row in rows}
        truth = zip(NAMES, [(1, 1), (2, 3), (2, 3), (4, 4), (5, 5)], strict=True)
        hits.append(
            all(by_model[m].rank_low <= lo and hi <= by_model[m].rank_high for m, (lo, hi) in truth)
        )
    assert np.mean(hits) > 0.93


def test_pairing_uses_what_models_share() -> None:
    """What an article does to both models drops out of their difference."""
    table = world(np.random.default_rng(4), [60, 55], clusters=40)
    (d,) = differences_of_items(table)
    shuffled = np.random.default_rng(5).permutation(40)
    rows = np.concatenate([np.flatnonzero(table.clusters == c) for c in shuffled])
    broken = Items(
        table.models,
        np.column_stack([table.values[:, 0], table.values[rows, 1]]),
        table.clusters,
        table.limits,
    )
    (unpaired,) = differences_of_items(broken)
    assert d.high - d.low < 0.7 * (unpaired.high - unpaired.low)


def test_identical_answers_in_every_article_are_bounded_not_certain() -> None:
    values = np.column_stack([np.full(20, 100.0), np.zeros(20), np.full(20, 100.0)])
    table = Items(NAMES[:3], values, np.repeat(np.arange(10), 2), (0.0, 100.0))
    ab, ac, bc = differences_of_items(table)
    assert ab.value == 100 and 20 < ab.low_all < ab.low < 60 and ab.high == 100
    assert ab.p == pytest.approx(2 / 2**10) and ab.clear
    assert ab.p_all == pytest.approx(3 * ab.p) and ac.p_all == 1
    assert ac.value == 0 and ac.p == 1 and not ac.clear and ac.low < 0 < ac.high
    assert bc.value == -100 and bc.clear


def test_models_without_common_items_are_not_compared() -> None:
    values = np.array([[1.0, np.nan], [2.0, np.nan], [np.nan, 5.0], [np.nan, 6.0]])
    (d,) = differences_of_items(Items(NAMES[:2], values, np.arange(4), (0, 10)))
    assert np.isnan(d.value) and np.isnan(d.p) and d.items == 0 and d.note and not d.clear
    rows = leaderboard({"a": 1.5, "b": 5.5}, [d])
    assert all((row.rank_low, row.rank_high) == (1, 2) for row in rows)


def test_differences_of_draws_agree_with_those_of_items() -> None:
    table = world(np.random.default_rng(6), [60, 55, 50], clusters=50)
    of_items = differences_of_items(table, 4000)
    of_draws = differences_of_draws(mean_draws(table, 4000))
    for x, y in zip(of_items, of_draws, strict=True):
        assert (x.first, x.second) == (y.first, y.second)
        assert x.value == pytest.approx(y.value)
        assert x.low_all == pytest.approx(y.low_all, abs=0.5)


def test_one_model_and_no_value() -> None:
    table = Draws(("a",), np.array([1.0]), np.ones((5, 1)), 5, (0, 1))
    assert differences_of_draws(table) == []
    rows = leaderboard({"a": 1.0, "b": float("nan")})
    assert [row.model for row in rows] == ["a", "b"] and rows[1].rank == 0


def test_rank_correlation_covers_over_models() -> None:
    """With planted correlation .7 (Spearman .68) the interval covers in 93 to 99% from five up."""
    rng = np.random.default_rng(7)
    planted = 6 / np.pi * np.arcsin(0.7 / 2)
    for n in (5, 8, 15):
        hits = 0
        for _ in range(600):
            x = rng.normal(size=n)
            y = 0.7 * x + np.sqrt(1 - 0.49) * rng.normal(size=n)
            low, high = fisher_interval(float(stats.spearmanr(x, y).statistic), n)
            hits += low <= planted <= high
        assert 0.925 < hits / 600 < 0.995, n


def test_perfect_order_of_few_models_is_no_proof() -> None:
    five = agreement(Scored("x", NAMES, np.arange(5.0)), Scored("y", NAMES, np.arange(5.0) ** 2))
    assert five.rho == 1 and five.high == 1 and five.low < 0.5
    assert five.p == pytest.approx(2 / 120)
    three = agreement(
        Scored("x", NAMES[:3], np.arange(3.0)), Scored("y", NAMES[:3], np.arange(3.0))
    )
    assert np.isnan(three.low) and "too few" in three.note and three.p == pytest.approx(2 / 6)


def test_p_value_matches_scipy_and_is_uniform_enough() -> None:
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=7), rng.normal(size=7)
    by_hand = stats.permutation_test(
        (x,), lambda v: stats.spearmanr(v, y).statistic, permutation_type="pairings"
    )
    assert exact_p(x, y) == pytest.approx(by_hand.pvalue, abs=1e-9)
    assert exact_p(rng.normal(size=12), rng.normal(size=12)) > 0.001


def test_measuring_again_widens_where_models_are_close() -> None:
    rng = np.random.default_rng(9)
    sharp = Scored("x", NAMES, np.arange(5.0), np.arange(5.0) + rng.normal(0, 0.05, (500, 5)))
    blurred = Scored("y", NAMES, np.arange(5.0), np.arange(5.0) + rng.normal(0, 2, (500, 5)))
    clear, vague = agreement(sharp, sharp), agreement(sharp, blurred)
    assert np.isnan(clear.measured_low) and "hardly ever changed: no interval" in clear.note
    assert vague.measured_low < 0.6 < vague.measured_high


def test_agreement_without_common_models_or_without_order() -> None:
    apart = agreement(Scored("x", ("a",), np.ones(1)), Scored("y", ("b",), np.ones(1)))
    assert np.isnan(apart.rho) and apart.note == "0 models in common: no order"
    flat = agreement(Scored("x", NAMES, np.ones(5)), Scored("y", NAMES, np.arange(5.0)))
    assert np.isnan(flat.rho) and "same" in flat.note
