"""Trust against accuracy: scipy's rho, an exact p-value by hand, few judges said to be few."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from calibration.errors import CalibrationError
from calibration.estimate import undefined, wilson
from calibration.trust_accuracy import trust_accuracy
from tests.calibration.figures import present


def test_rho_matches_scipy_and_unmatched_judges_are_listed() -> None:
    trust = {"a": 0.4, "b": 0.3, "c": 0.15, "d": 0.1, "e": 0.05, "x": 0.0}
    right = {"a": 50, "b": 58, "c": 40, "d": 45, "e": 30, "y": 60}
    accuracy = {name: wilson(hits, 60) for name, hits in right.items()}
    found = trust_accuracy(trust, accuracy)
    expected = spearmanr([trust[k] for k in "abcde"], [right[k] for k in "abcde"]).statistic
    assert found.spearman.value == pytest.approx(expected)
    assert found.spearman.low < expected < found.spearman.high
    assert found.unmatched == ("x", "y")
    assert [point.judge for point in found.points] == list("abcde")


def test_exact_p_value_of_a_perfect_order_of_four() -> None:
    trust = {name: rank for rank, name in enumerate("abcd")}
    found = trust_accuracy(trust, {name: wilson(10 + rank, 20) for name, rank in trust.items()})
    assert found.spearman.value == 1.0 and found.spearman.low is None
    assert found.p_value == pytest.approx(2 / 24)


def test_many_judges_shuffle_and_hold_the_level() -> None:
    small = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        names = [f"m{number}" for number in range(12)]
        trust = dict(zip(names, rng.random(12), strict=True))
        accuracy = {name: wilson(float(rng.integers(20, 60)), 60) for name in names}
        small += present(trust_accuracy(trust, accuracy, seed=seed).p_value) < 0.05
    assert small <= 7


def test_too_few_or_constant_judges_are_undefined() -> None:
    three = dict.fromkeys("abc", 0.1)
    few = trust_accuracy(three, {n: wilson(5, 9) for n in "abc"})
    assert "at least 4" in str(few.spearman.reason)
    four = dict.fromkeys("abcd", 0.25)
    accuracy = {name: wilson(5 + rank, 9) for rank, name in enumerate("abcd")}
    assert "same trust" in str(trust_accuracy(four, accuracy).spearman.reason)
    accuracy["d"] = undefined("no known answers")
    assert trust_accuracy(four, accuracy).unmatched == ("d",)
    with pytest.raises(CalibrationError, match="must be a number"):
        trust_accuracy({"a": float("nan")}, {})
