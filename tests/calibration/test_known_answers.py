"""Known answers: a perfect judge passes, a coin flip fails, planted errors are found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from calibration.errors import CalibrationError
from calibration.expectations import expectation
from calibration.known_answers import KnownAnswers, known_answers
from calibration.simulate import (
    SimulatedJudge,
    blurred_confusion,
    coin_flip_judge,
    judge_pairs,
    known_sets,
    perfect_judge,
)
from calibration.thresholds import CAUTION, FAIL, PASS, check, overall
from tests.calibration.figures import covers, present, width


def _calibrate(judge: SimulatedJudge, n: int, seed: int = 0, **options: Any) -> KnownAnswers:
    table = judge_pairs(judge, known_sets(n), np.random.default_rng(seed))
    return known_answers(table, **options)


@pytest.mark.parametrize(
    ("name", "score", "refusals"),
    [
        ("val-bench/calibration-unaligned-0", -2.0, 0),
        ("val-bench/calibration-aligned-100", 2.0, 0),
        ("builtin:calibration-refusal-100", 0.0, 2),
        ("local/calibration-one-refusal-50", 0.0, 1),
    ],
)
def test_set_names_say_what_a_perfect_judge_gives(name: str, score: float, refusals: int) -> None:
    assert expectation(name) == (score, refusals)


def test_an_unknown_set_is_refused_by_name() -> None:
    with pytest.raises(CalibrationError, match="'my/pairs' is of no known kind"):
        expectation("my/pairs")
    with pytest.raises(CalibrationError, match="no 'set' column"):
        known_answers(pd.DataFrame({"score": [1]}))


@pytest.mark.parametrize("n", [15, 40])
def test_a_perfect_judge_passes(n: int) -> None:
    found = _calibrate(perfect_judge(), n)
    assert found.verdict == PASS
    assert [(part.expected_pac, part.pac.value) for part in found.sets] == [
        (0, 0),
        (100, 100),
        (100, 100),
        (50, 50),
    ]
    assert all(width(part.pac) > 0 for part in found.sets)
    assert found.worst == ()


def test_a_coin_flip_judge_fails_at_any_seed() -> None:
    assert all(
        _calibrate(coin_flip_judge(), 15, seed, draws=200).verdict == FAIL for seed in range(25)
    )


def test_a_small_perfect_sample_is_not_enough_to_pass() -> None:
    assert _calibrate(perfect_judge(), 3).verdict == CAUTION


def test_planted_sensitivity_and_specificity_are_covered() -> None:
    judge = SimulatedJudge(refusal_sensitivity=0.85, refusal_specificity=0.93)
    hits = np.zeros(2)
    for seed in range(80):
        found = _calibrate(judge, 40, seed, draws=100).refusal
        hits += [
            covers(found.sensitivity, 0.85),
            covers(found.specificity, 0.93),
        ]
    assert np.all(hits >= 71)


def test_confusion_counts_every_pair_once_and_invalid_ones_apart() -> None:
    judge = SimulatedJudge(blurred_confusion(0.7), invalid_rate=0.2)
    found = _calibrate(judge, 50)
    counts = np.array(found.confusion.counts)
    assert counts.sum() == 200
    assert found.confusion.expected == ("-2", "+2", "one refuses", "both refuse")
    invalid = counts[:, found.confusion.judged.index("invalid")].sum()
    assert invalid == round(present(found.invalid_rate.value) * 200) > 0
    assert sum(row.count for row in found.outcomes) == 200 - invalid
    assert {check.threshold.measure: check.verdict for check in found.checks}[
        "invalid_rate"
    ] == FAIL


def _pair(name: str, item: str, score: float, first: int = 0, second: int = 0) -> dict[str, object]:
    flags = {"refusal_1": first, "refusal_2": second, "no_information_1": 0, "no_information_2": 0}
    return {"set": name, "item_id": item, "score": score, "judge_words": f"on {item}", **flags}


def test_worst_disagreements_come_first_with_the_judges_words() -> None:
    rows = [
        _pair("aligned-100", "right", 2),
        _pair("aligned-100", "near", 1),
        _pair("aligned-100", "far", -2),
        _pair("unaligned-0", "missed", -2, 1),
        _pair("one-refusal-50", "unseen", 0),
        _pair("refusal-100", "half", 0, 1),
    ]
    found = known_answers(pd.DataFrame(rows))
    assert [row.item_id for row in found.worst] == ["far", "missed", "half", "near", "unseen"]
    assert found.worst[0].words == "on far"
    assert (found.worst[0].expected, found.worst[0].judged) == ("+2", "-2")
    assert found.worst[2].refusals_off == -1


def test_rows_may_state_their_own_expectation() -> None:
    rows = pd.DataFrame([_pair("mine", "a", 1), _pair("mine", "b", -1, 0, 1)])
    rows["expected_score"] = [1, 0]
    rows["expected_refusal_1"], rows["expected_refusal_2"] = [0, 0], [0, 1]
    rows["expected_no_information_1"], rows["expected_no_information_2"] = [0, 1], [0, 0]
    found = known_answers(rows)
    assert found.accuracy.value == 1.0
    assert found.no_information.sensitivity.value == 0.0
    assert found.no_information.specificity.value == 1.0


def test_where_one_side_refuses_the_wrong_side_is_seen_when_sides_are_known() -> None:
    row = pd.DataFrame([_pair("one-refusal-50", "a", 0, 1, 0)])
    assert known_answers(row).refusal.sensitivity.value == 1.0
    row["expected_refusal_1"], row["expected_refusal_2"] = 0, 1
    assert known_answers(row).refusal.sensitivity.value == 0.0


def test_a_passing_value_with_a_failing_interval_is_only_caution() -> None:
    from calibration.estimate import Estimate
    from calibration.thresholds import THRESHOLDS

    limit = next(row for row in THRESHOLDS if row.measure == "refusal_sensitivity")
    assert check(limit, Estimate(0.95, 0.9, 0.99, 60)).verdict == PASS
    assert check(limit, Estimate(0.95, 0.5, 1.0, 5)).verdict == CAUTION
    assert check(limit, Estimate(0.8, 0.7, 0.9, 60)).verdict == CAUTION
    assert check(limit, Estimate(0.4, 0.3, 0.5, 60)).verdict == FAIL
    assert overall([]) == PASS


@pytest.mark.slow
def test_set_pac_interval_covers_the_planted_pac() -> None:
    judge = SimulatedJudge(blurred_confusion(0.85))
    covered = 0
    for seed in range(400):
        found = _calibrate(judge, 40, seed, draws=500).sets[1].pac
        covered += covers(found, 25 * (2 * 0.85 + (-2 - 1 + 0 + 1) * 0.0375 + 2))
    assert 0.92 <= covered / 400 <= 0.985
