"""Pilots reach every model in every phase, and forecasts multiply what they saw."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.eigenbench.forecast import PILOT_JUDGEMENTS, forecast, pilot_plan
from benchmarks.eigenbench.plan import make_plan, request_counts
from benchmarks.eigenbench.samplers import SamplerSpec
from inference.result import Usage

NAMES = ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("mode", ["pairwise_btd", "direct_rating"])
def test_a_pilot_is_small_closed_and_leaves_nobody_out(mode) -> None:
    plan = make_plan(range(40), 5, SamplerSpec(group_size=3, groups=2), mode)
    pilot = pilot_plan(plan)
    whole = request_counts(plan, NAMES).set_index("model")
    part = request_counts(pilot, NAMES).set_index("model")
    assert ((part > 0) == (whole > 0)).all(axis=None)
    last = whole.columns[2]
    assert (part.loc[NAMES, last] == PILOT_JUDGEMENTS).all()
    assert part.loc["total", "total"] < whole.loc["total", "total"] / 5
    for name in ("responses", "reflections", "comparisons", "ratings"):
        rows = getattr(pilot, name).merge(getattr(plan, name), how="left", indicator=True)
        assert (rows["_merge"] == "both").all() and not rows.duplicated().any()
    answered = set(pilot.responses.itertuples(index=False, name=None))
    assert {(s, m) for s, _, m in pilot.reflections.itertuples(index=False)} <= answered


def test_a_forecast_is_the_mean_times_what_is_left() -> None:
    planned = np.array([[10, 6], [10, 0], [8, 2]])
    to_send = np.array([[8, 4], [0, 0], [7, 1]])
    seen: list[list[list[Usage]]] = [
        [[Usage(100, 10), Usage(300, 30)], [Usage(1000, 50)]],
        [[], []],
        [[Usage(5, 5)], []],
    ]
    dollars = {0: 1e-6, 1: None, 2: 1e-6}

    def cost(model: int, usage: Usage) -> float | None:
        price = dollars[model]
        return None if price is None else usage.input * price

    outlook = forecast(("responses", "comparisons"), planned, to_send, seen, cost)
    table = outlook.table(["a", "b", "c"]).set_index("model")
    assert table.loc["a", "tokens_in"] == 8 * 200 + 4 * 1000
    assert table.loc["a", "tokens_out"] == 8 * 20 + 4 * 50
    assert table.loc["a", "cost_usd"] == pytest.approx(5600e-6)
    assert table.loc["b", "tokens_in"] == 0 and np.isnan(table.loc["b", "cost_usd"])
    # Nothing is known of c's comparisons: unknown, never zero, and so is the total.
    assert np.isnan(table.loc["c", "tokens_in"]) and np.isnan(table.loc["total", "cost_usd"])
    assert table.loc["total", ["planned", "to_send"]].tolist() == [36, 20]
