"""Each judge's rates and their intervals: counted by hand, and planted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.eigenbench.judge_rates import judge_rates
from tests.benchmarks.eigenbench.test_orders import COLUMNS, rows_of

JUDGES, SCENARIOS, PAIRS, KEPT = 40, 30, 6, 0.7


def test_a_judge_who_always_names_the_first_and_one_who_does_not():
    rows = [(0, s, 0, a, b, 1) for s in range(3) for a, b in ((0, 1), (1, 0))]
    rows += [(0, 0, 1, 0, 1, 2), (0, 0, 1, 1, 0, 1), (0, 1, 1, 0, 1, 0), (0, 1, 1, 1, 0, 0)]
    table = judge_rates(rows_of(*rows), 3).set_index("judge")
    counted = ["first_rate", "consistency", "tie_rate", "order_pairs"]
    assert table.loc[0, counted].tolist() == [1, 0, 0, 3]
    assert table.loc[1, counted].tolist() == [0.5, 1, 0.5, 2]
    assert table.loc[2, "rows"] == 0
    assert table.loc[2, ["first_rate", "consistency", "tie_rate"]].isna().all()


def test_where_all_scenarios_say_the_same_the_bound_is_exact():
    rows = [(0, s, 0, a, b, 1) for s in range(3) for a, b in ((0, 1), (1, 0))]
    judge = judge_rates(rows_of(*rows), 1).iloc[0]
    # Clopper and Pearson for 0 of 3 scenarios, and for 3 of 3.
    assert [judge["consistency_low"], judge["consistency_high"]] == pytest.approx(
        [0, 0.7076], abs=1e-4
    )
    assert [judge["first_rate_low"], judge["first_rate_high"]] == pytest.approx(
        [0.2924, 1], abs=1e-4
    )


def test_one_scenario_has_no_interval():
    judge = judge_rates(rows_of((0, 5, 0, 0, 1, 1), (0, 5, 0, 1, 0, 2)), 1).iloc[0]
    assert judge["consistency"] == 1 and np.isnan(judge["consistency_low"])


def test_intervals_hold_the_planted_consistency():
    """Scenarios differ in how easy they are, so that rows alone would make them far too short."""
    rng = np.random.default_rng(5)
    inside = [
        (table["consistency_low"] <= KEPT) & (table["consistency_high"] >= KEPT)
        for table in (judge_rates(planted(rng), JUDGES) for _ in range(15))
    ]
    assert 0.925 < np.mean(inside) < 0.975


def planted(rng: np.random.Generator) -> pd.DataFrame:
    """Every judge reads pairs in both orders, consistently with a chance that each scenario has."""
    judge, scenario, pair = np.indices((JUDGES, SCENARIOS, PAIRS)).reshape(3, -1)
    chance = rng.beta(2 * KEPT, 2 * (1 - KEPT), size=(JUDGES, SCENARIOS))[judge, scenario]
    forward = rng.integers(1, 3, size=len(judge))
    kept = rng.random(len(judge)) < chance
    a, b, zeros = 2 * pair, 2 * pair + 1, np.zeros(len(judge), dtype=int)
    there = (zeros, scenario, judge, a, b, forward)
    back = (zeros, scenario, judge, b, a, np.where(kept, 3 - forward, forward))
    both = np.concatenate([np.column_stack(there), np.column_stack(back)])
    return pd.DataFrame(both, columns=COLUMNS)
