"""Repeat noise: variance components by hand, the planted within-item spread recovered."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from calibration.repeatability import repeatability
from calibration.simulate import (
    SCORES,
    SimulatedJudge,
    first_reading,
    judge_pairs,
    planted_within_variance,
    simulate_pairs,
)
from tests.calibration.figures import covers, present


def test_shrout_and_fleiss_table_by_hand() -> None:
    # Shrout and Fleiss 1979, table 2: six targets, four judges; ICC(1,1) 0.17, ICC(1,4) 0.44.
    ratings = np.array(
        [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    )
    long = pd.DataFrame({"item_id": np.repeat(np.arange(6), 4), "score": ratings.ravel()})
    found = repeatability(long, draws=100)
    assert found.icc.value == pytest.approx(0.166, abs=5e-4)
    assert found.icc_mean.value == pytest.approx(0.443, abs=5e-4)
    assert found.within_sd.value == pytest.approx(np.sqrt(6.264), abs=1e-3)
    assert found.noise_share.value == pytest.approx(1 - present(found.icc.value))


def _readings(judge: SimulatedJudge, n: int, repeats: int, seed: int) -> tuple[pd.DataFrame, float]:
    rng = np.random.default_rng(seed)
    truth = simulate_pairs(rng, n)
    settled = first_reading(judge, truth, rng)
    parts = [judge_pairs(judge, truth, rng, settled=settled) for _ in range(repeats)]
    return pd.concat(parts), planted_within_variance(judge, settled)


def test_planted_noise_is_covered() -> None:
    judge = SimulatedJudge(repeat_noise=0.2)
    shares = np.array([0.3, 0.1, 0.1, 0.1, 0.4])
    planted = planted_within_variance(judge, SCORES.astype(float).repeat((shares * 10).astype(int)))
    covered = 0
    for seed in range(80):
        table, in_sample = _readings(judge, 80, 4, seed)
        found = repeatability(table, draws=400, seed=seed).within_sd
        covered += found.low <= np.sqrt(planted) <= found.high
        assert in_sample == pytest.approx(planted, rel=0.25)
    assert covered >= 71


def test_items_of_one_article_count_together() -> None:
    """In 40% of articles all five pairs waver: item by item the planted share of stable items was
    covered in 65% of worlds."""
    covered = 0
    for seed in range(200):
        wavers = np.random.default_rng(seed).random(24) < 0.4
        table = pd.DataFrame(
            {
                "item_id": np.arange(120).repeat(2),
                "cluster": np.arange(24).repeat(10),
                "score": np.where(wavers.repeat(10), np.tile([0.0, 1.0], 120), 1.0),
            }
        )
        covered += covers(repeatability(table, draws=20).stable, 0.6)
    assert covered > 0.91 * 200


def test_a_steady_judge_has_no_noise_and_invalid_readings_do_not_count() -> None:
    table, _ = _readings(SimulatedJudge(invalid_rate=0.1), 60, 3, 0)
    found = repeatability(table, draws=100)
    assert found.within_sd.value == 0 and found.icc.value == 1 and found.stable.value == 1
    assert found.readings == table.groupby("item_id")["score"].count().loc[lambda c: c > 1].sum()


def test_constant_readings_have_no_variance_to_share() -> None:
    table = pd.DataFrame({"item_id": ["a", "a", "b", "b"], "score": [1, 1, 1, 1]})
    found = repeatability(table, draws=50)
    assert found.within_sd.value == 0
    assert found.icc.value is None and "no variance" in str(found.icc.reason)
    single = pd.DataFrame({"item_id": ["a", "b"], "score": [1, 2]})
    assert "two items" in str(repeatability(single).icc.reason)
