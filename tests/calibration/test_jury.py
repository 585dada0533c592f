"""The jury: agreement, the median as a judged table, and what one judge moves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from calibration.agreement import ordinal_alpha, score_kappa
from calibration.errors import CalibrationError
from calibration.jury import jury, median_of_jury
from calibration.simulate import (
    SimulatedJudge,
    blurred_confusion,
    coin_flip_judge,
    judge_pairs,
    lenient_confusion,
    simulate_pairs,
    true_adjusted,
)
from calibration.verdicts import adjusted_scores, to_pac, verdict_table
from tests.calibration.figures import present


def _panel(judges: dict[str, SimulatedJudge], n: int = 200, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    truth = simulate_pairs(rng, n)
    parts = [judge_pairs(judge, truth, rng).assign(judge=name) for name, judge in judges.items()]
    return pd.concat(parts, ignore_index=True)


GOOD = SimulatedJudge(blurred_confusion(0.9), 0.97, 0.98)


def test_every_pair_of_judges_and_a_coin_stands_out() -> None:
    table = _panel({"a": GOOD, "b": GOOD, "coin": coin_flip_judge()})
    found = jury(table, draws=200)
    kappas = {(pair.first, pair.second): pair.kappa for pair in found.pairs}
    assert set(kappas) == {("a", "b"), ("a", "coin"), ("b", "coin")}
    assert present(kappas["a", "b"].low) > 0.5 > present(kappas["a", "coin"].high)
    scores = [adjusted_scores(verdict_table(table[table["judge"] == name])) for name in ("a", "b")]
    assert kappas["a", "b"].value == score_kappa(*scores, draws=10).value
    everyone = pd.DataFrame(
        {name: adjusted_scores(verdict_table(part)) for name, part in table.groupby("judge")}
    )
    assert found.alpha.value == pytest.approx(ordinal_alpha(everyone, draws=10).value)


def test_a_lenient_judge_moves_the_jury_by_the_planted_amount() -> None:
    """Two strict judges and a lenient one: without a strict judge, the median of two rises."""
    steady = SimulatedJudge()
    table = _panel({"a": steady, "b": steady, "kind": SimulatedJudge(lenient_confusion(1.0))})
    found = jury(table, draws=200)
    seats = {seat.judge: seat for seat in found.seats}
    truth = simulate_pairs(np.random.default_rng(0), 200)
    true_pac = to_pac(float(true_adjusted(truth).mean()))
    assert found.pac.value == pytest.approx(true_pac)
    assert seats["kind"].pac_without.value == pytest.approx(true_pac)
    assert seats["kind"].shift.value == 0.0
    half_up = (
        25
        * 0.5
        * np.mean((truth["true_score"] < 2) & (truth.filter(like="true_ref").sum(axis=1) == 0))
    )
    assert seats["a"].shift.value == pytest.approx(-half_up)
    assert present(seats["a"].shift.high) < 0


def test_median_is_a_judged_table_like_any_other() -> None:
    flags = {"refusal_2": 0, "no_information_1": 0, "no_information_2": 0}
    rows = [
        {"judge": "a", "item_id": "x", "score": 2, "refusal_1": 0, **flags},
        {"judge": "b", "item_id": "x", "score": 1, "refusal_1": 1, **flags},
        {"judge": "c", "item_id": "x", "score": -2, "refusal_1": 1, **flags},
        {"judge": "a", "item_id": "y", "score": 2, "refusal_1": 1, **flags},
        {"judge": "b", "item_id": "y", "score": 1, "refusal_1": 0, **flags},
        {"judge": "c", "item_id": "y", "score": None, "refusal_1": None, **flags},
        {"judge": "a", "item_id": "z", "score": None, "refusal_1": None, **flags},
    ]
    table = median_of_jury(pd.DataFrame(rows))
    assert list(table["item_id"]) == ["x", "y", "z"]
    assert list(table["score"][:2]) == [1.0, 1.5]
    assert list(table["refusal_1"][:2]) == [1.0, 0.0]
    assert list(table["valid"]) == [True, True, False] and list(table["judges"]) == [3, 2, 0]
    again = verdict_table(table)
    assert list(again["valid"]) == [True, True, False]
    assert list(adjusted_scores(again)[:2]) == [0.0, 1.5]


def test_judges_without_a_common_item_say_so() -> None:
    table = _panel({"a": GOOD, "b": GOOD}, n=20)
    apart = pd.concat([table[:10], table[30:]])
    found = jury(apart, draws=50)
    assert found.common_items == 0 and "no item" in str(found.pac.reason)
    assert "in common" in str(found.pairs[0].kappa.reason)
    assert found.seats[0].shift.value is None


def test_bad_juries_are_named() -> None:
    table = _panel({"a": GOOD, "b": GOOD}, n=20)
    with pytest.raises(CalibrationError, match="no 'judge' column"):
        jury(table.drop(columns="judge"))
    with pytest.raises(CalibrationError, match="at least two judges"):
        jury(table[table["judge"] == "a"])
    with pytest.raises(CalibrationError, match="judged item 'pair-0' twice"):
        jury(pd.concat([table, table.head(1)]))


def test_judges_that_always_agree_leave_doubt() -> None:
    """Resampling equal verdicts shows none; the exact bound over 60 pairs does."""
    steady = SimulatedJudge()
    table = _panel({"a": steady, "b": steady, "c": steady}, n=60)
    found = jury(table, draws=100)
    for seat in found.seats:
        assert seat.shift.value == 0.0
        assert seat.shift.high == pytest.approx(100 * (1 - 0.05 ** (1 / 60)))
        assert seat.shift.low == pytest.approx(-present(seat.shift.high))
    kappa = found.pairs[0].kappa
    assert kappa.value == 1.0 and kappa.low is None
    assert "no two ratings differ" in str(kappa.reason)


def test_one_article_gives_a_jury_no_interval() -> None:
    table = _panel({"a": GOOD, "b": GOOD}, n=40).assign(cluster="the article")
    found = jury(table, draws=100)
    assert found.pac.value is not None and found.pac.low is None
    assert "one article" in str(found.pac.reason)
