"""Kappa and alpha against scikit-learn, evalica and examples worked by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from calibration.agreement import (
    alpha_of_coincidences,
    flag_kappa,
    kappa_of_tables,
    ordinal_alpha,
    score_kappa,
)
from tests.calibration.figures import covers, present


def _two_raters(n: int, same: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    first = rng.integers(-2, 3, n).astype(float)
    return first, np.where(rng.random(n) < same, first, rng.integers(-2, 3, n)).astype(float)


def test_weighted_kappa_matches_scikit_learn() -> None:
    from sklearn.metrics import cohen_kappa_score

    first, second = _two_raters(200, 0.6, 0)
    expected = cohen_kappa_score(
        first.astype(int), second.astype(int), labels=[-2, -1, 0, 1, 2], weights="quadratic"
    )
    found = score_kappa(first, second)
    assert found.value == pytest.approx(expected)
    assert found.low < expected < found.high


def test_kappa_of_a_hand_worked_table() -> None:
    # Observed agreement 0.7, expected 0.5 * 0.6 + 0.5 * 0.4 = 0.5, so kappa = 0.2 / 0.5 = 0.4.
    table = np.array([[[20.0, 5.0], [10.0, 15.0]]])
    assert kappa_of_tables(table, None)[0] == pytest.approx(0.4)
    first = [0] * 25 + [1] * 25
    second = [0] * 20 + [1] * 5 + [0] * 10 + [1] * 15
    assert flag_kappa(first, second).value == pytest.approx(0.4)


def test_half_scores_keep_the_quadratic_kappa() -> None:
    first, second = _two_raters(150, 0.5, 1)
    whole = score_kappa(first, second).value
    halved = score_kappa(np.append(first, 0.5), np.append(second, 0.5)).value
    assert halved == pytest.approx(whole, abs=0.02)


def test_constant_ratings_are_undefined_and_say_who() -> None:
    found = score_kappa([1, 1, 1, 1], [1, 0, -1, 2], names=("anna", "the judge"))
    assert found.value is None
    assert "anna" in str(found.reason) and "undefined" in str(found.reason)
    both = pd.DataFrame({"a": [1.0, 1.0], "b": [1.0, 1.0]})
    assert "every rating is 1" in str(ordinal_alpha(both).reason)


def test_no_common_item_is_undefined() -> None:
    nan = float("nan")
    assert "no item in common" in str(score_kappa([1, nan], [nan, 2]).reason)
    assert ordinal_alpha(pd.DataFrame({"a": [1.0, nan], "b": [nan, 2.0]})).value is None


def test_alpha_of_krippendorffs_published_example() -> None:
    # Krippendorff 2018, chapter 12: four observers, twelve units, ordinal alpha 0.815.
    nan = float("nan")
    ratings = pd.DataFrame(
        {
            "A": [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
            "B": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
            "C": [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
            "D": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
        }
    )
    assert ordinal_alpha(ratings).value == pytest.approx(0.815, abs=5e-4)


def test_alpha_recomputation_matches_evalica() -> None:
    import evalica

    from calibration.agreement import _coincidences

    rng = np.random.default_rng(3)
    ratings = rng.integers(-2, 3, (40, 3)).astype(float)
    ratings[rng.random((40, 3)) < 0.2] = np.nan
    ratings = ratings[np.isfinite(ratings).sum(axis=1) >= 2]
    expected = evalica.alpha(pd.DataFrame(ratings).T, distance="ordinal").alpha
    values = np.unique(ratings[np.isfinite(ratings)])
    whole = _coincidences(ratings, values).sum(axis=0, keepdims=True)
    assert alpha_of_coincidences(whole)[0] == pytest.approx(expected, abs=1e-12)


def _population_kappa(same: float) -> float:
    truth = np.full((5, 5), (1 - same) / 25) + np.eye(5) * same / 5
    return float(kappa_of_tables(truth[None], "quadratic")[0])


def test_kappa_interval_covers_the_planted_kappa() -> None:
    planted, covered = _population_kappa(0.6), 0
    for seed in range(120):
        found = score_kappa(*_two_raters(120, 0.6, seed), draws=400, seed=seed)
        covered += covers(found, planted)
    assert covered >= 108


@pytest.mark.slow
def test_alpha_and_kappa_intervals_cover_over_many_seeds() -> None:
    planted = ordinal_alpha(pd.DataFrame(np.column_stack(_two_raters(400_000, 0.6, 0))), draws=2)
    kappa, covered, kappa_covered = _population_kappa(0.6), 0, 0
    for seed in range(400):
        raters = _two_raters(120, 0.6, seed + 1)
        found = ordinal_alpha(pd.DataFrame(np.column_stack(raters)), draws=600, seed=seed)
        covered += covers(found, present(planted.value))
        found = score_kappa(*raters, draws=600, seed=seed)
        kappa_covered += covers(found, kappa)
    assert 0.92 <= covered / 400 <= 0.98
    assert 0.92 <= kappa_covered / 400 <= 0.98
