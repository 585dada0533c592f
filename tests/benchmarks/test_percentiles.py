"""The ends of percentile intervals, by hand and by what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.percentiles import cut_tails, expanded_tail

PLAIN = expanded_tail(math.inf)


def test_few_units_move_the_ends_outwards():
    tails = [expanded_tail(n) for n in (2, 5, 30, 10_000)]
    assert tails == sorted(tails)
    assert tails[-1] == pytest.approx(PLAIN, rel=0.01) and pytest.approx(0.025) == PLAIN
    reach = stats.t.ppf(0.975, 29) * np.sqrt(30 / 29)
    assert tails[2] == pytest.approx(stats.norm.cdf(-reach))
    assert math.isnan(expanded_tail(1)) and math.isnan(expanded_tail(0))


@pytest.mark.parametrize(("draws", "first"), [(39, 1), (119, 3), (199, 5)])
def test_the_share_p_of_b_draws_is_number_p_times_b_plus_one(draws, first):
    shuffled = np.random.default_rng(0).permutation(np.arange(1.0, draws + 1))
    low, high = cut_tails(shuffled, PLAIN)
    assert low == pytest.approx(first) and high == pytest.approx(draws + 1 - first)


@pytest.mark.parametrize("draws", [60, 120, 500])
def test_another_draw_falls_inside_95_times_in_100_however_many_draws_there_are(draws):
    """Where draws and truth have one law, a percentile interval must keep its promise exactly."""
    rng = np.random.default_rng(1)
    truth, many = rng.normal(size=8_000), rng.normal(size=(draws, 8_000))
    low, high = cut_tails(many, PLAIN)
    covered = float(np.mean((low <= truth) & (truth <= high)))
    assert covered == pytest.approx(0.95, abs=0.008)  # 3.3 standard errors


def test_columns_are_cut_each_for_itself():
    draws = np.column_stack([np.arange(39.0), -np.arange(39.0)])
    low, high = cut_tails(draws, PLAIN)
    np.testing.assert_allclose(low, [0, -38], atol=1e-12)
    np.testing.assert_allclose(high, [38, 0], atol=1e-12)


def test_minus_infinity_is_an_end_like_any_other():
    """A model whom nobody trusts has Elo minus infinity; it must not turn an end into NaN."""
    few, many = np.arange(100.0), np.arange(100.0)
    few[0], many[:5] = -np.inf, -np.inf
    (low, high), (abyss, _) = cut_tails(few, PLAIN), cut_tails(many, PLAIN)
    assert low == pytest.approx(1.525) and high == pytest.approx(97.475)
    assert abyss == -np.inf


def test_without_draws_or_units_there_is_no_interval():
    assert np.isnan(cut_tails(np.empty((0, 3)), PLAIN)).shape == (2, 3)
    assert np.isnan(cut_tails(np.arange(9.0), expanded_tail(1))).all()
