"""Summaries of replicates, and that the intervals cover what was planted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.eigenbench.analyse import analyse_rows
from benchmarks.eigenbench.bootstrap import (
    bootstrap,
    interval,
    probability_above,
    rank_interval,
)
from benchmarks.eigenbench.counts import compress
from benchmarks.eigenbench.options import Options
from benchmarks.eigenbench.problem import Form
from benchmarks.eigenbench.refit import Refitter
from benchmarks.eigenbench.simulate import draw_truth, simulate_rows
from benchmarks.eigenbench.solve import fit
from benchmarks.eigenbench.trust import (
    elo,
    stationary,
    to_trust,
    trust_matrix,
    uniform_judges,
    without_self,
)


def resampled(num_models, rows, unit="scenario", num=120, seed=0, dim=2):
    cells = compress(rows, num_models)
    base = fit(cells, cells.counts(), Form(dim))
    units = rows["scenario_index"].to_numpy() if unit == "scenario" else None
    return bootstrap(Refitter(cells, base), units, num, seed)


def ends(replicates):
    return interval(replicates.elo, replicates.num_units)


def coverage(seeds, num_models, scenarios, **truth):
    hits = []
    for seed in seeds:
        plan = draw_truth(num_models, seed=seed, **truth)
        low, high = ends(resampled(num_models, simulate_rows(plan, scenarios, seed=seed)))
        hits.append((low <= plan.elo) & (plan.elo <= high))
    return float(np.mean(hits))


def test_intervals_cover_planted_elo():
    assert 0.90 <= coverage(range(30), 4, 120, num_criteria=4) <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize(
    ("num_models", "scenarios", "seeds"),
    [(5, 100, 200), (5, 500, 200), (15, 200, 60), (15, 1000, 60)],
)
def test_coverage_is_near_95_percent(num_models, scenarios, seeds):
    assert 0.925 <= coverage(range(seeds), num_models, scenarios) <= 0.975


@pytest.mark.slow
def test_coverage_where_scenarios_matter():
    """The target is the fit's own limit on many more scenarios, not the planted Elo (see Truth)."""
    by_unit: dict[str, list[np.ndarray]] = {"scenario": [], "comparison": []}
    for seed in range(40):
        plan = draw_truth(6, seed=seed, scenario_sd=1.0)
        many = simulate_rows(plan, 20_000, seed=seed + 1000)
        cells = compress(many, 6)
        limit = fit(cells, cells.counts(), Form()).parameters
        target = elo(stationary(trust_matrix(limit.scores, limit.log_lambda)))
        rows = simulate_rows(plan, 300, seed=seed)
        for unit, hits in by_unit.items():
            low, high = ends(resampled(6, rows, unit))
            hits.append((low <= target) & (target <= high))
    assert 0.90 <= np.mean(by_unit["scenario"]) <= 0.98
    assert np.mean(by_unit["comparison"]) < 0.75


def test_rows_alone_give_intervals_far_too_narrow_where_scenarios_matter():
    rows = simulate_rows(draw_truth(5, seed=3, scenario_sd=1.2), 250, seed=3)
    whole = resampled(5, rows).elo.std(axis=0).mean()
    single = resampled(5, rows, "comparison").elo.std(axis=0).mean()
    assert 0.2 < single / whole < 0.6


def test_an_all_equal_ensemble_covers_1500():
    hits = []
    for seed in range(12):
        plan = draw_truth(4, spread=0.0, seed=seed)
        assert plan.elo == pytest.approx(1500)
        low, high = ends(resampled(4, simulate_rows(plan, 60, seed=seed), num=80))
        hits.append((low <= 1500) & (high >= 1500))
    assert np.mean(hits) >= 0.85


def test_the_same_seed_gives_the_same_replicates_and_another_does_not():
    rows = simulate_rows(draw_truth(4, seed=2), 60, seed=2)
    first, again, other = (resampled(4, rows, num=20, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.elo, again.elo)
    assert np.abs(first.elo - other.elo).max() > 0.1
    assert (first.unit, first.num_units, first.infinite) == ("scenario", 60, 0)


def test_ranks_and_probabilities_of_hand_made_replicates():
    elos = np.array([[3.0, 2, 1], [3, 1, 2], [2, 3, 1], [3, 2, 2]])
    np.testing.assert_allclose(probability_above(elos)[0], [0.5, 0.75, 1.0])
    assert probability_above(elos)[1, 2] == pytest.approx(2.5 / 4)
    low, high = rank_interval(elos, 1_000)
    assert low.tolist() == [1, 1, 2] and high.tolist() == [2, 3, 3]


def test_probabilities_of_a_pair_sum_to_one():
    elos = np.random.default_rng(0).normal(size=(50, 6))
    above = probability_above(elos)
    np.testing.assert_allclose(above + above.T, 1)


def test_the_tables_carry_every_model_and_replicate():
    rows = simulate_rows(draw_truth(3, seed=2), 40, seed=2)
    cells = compress(rows, 3)
    refitter = Refitter(cells, fit(cells, cells.counts(), Form()))
    result = bootstrap(refitter, rows["scenario_index"].to_numpy(), 15, keep_matrices=True)
    table = result.table(["a", "b", "c"])
    np.testing.assert_allclose(table[["a", "b", "c"]], result.trust)
    assert table["matrix"].map(len).eq(9).all() and len(table) == 15
    summary = result.summary(["a", "b", "c"])
    assert (summary["elo_low"] <= summary["elo_mean"]).all()
    assert (summary["elo_mean"] <= summary["elo_high"]).all()
    np.testing.assert_allclose(result.criterion_elo[:, 0], result.elo)


def thin_judge(scenarios):
    """Rows in which judge 0, who always prefers what it reads first, speaks on few scenarios."""
    rows = simulate_rows(draw_truth(4, bias_sd=0.1, num_criteria=4, seed=6), 80, seed=6)
    own = rows["judge"] == 0
    heard = rows.loc[own, "scenario_index"].unique()[:scenarios]
    rows = rows[~own | rows["scenario_index"].isin(heard)].reset_index(drop=True)
    return rows.assign(outcome=rows["outcome"].mask(rows["judge"] == 0, 1))


def test_a_judge_of_one_scenario_has_no_interval_of_its_bias():
    """Resamples without its one scenario know nothing of it: they don't say that its bias is 0."""
    found = resampled(4, thin_judge(1))
    assert found.judge_units[0] == 1
    absent = np.isnan(found.bias[:, 0]).mean()
    assert absent == pytest.approx(np.exp(-1), abs=0.15)
    low, high = found.bias_interval()
    assert np.isnan([low[0], high[0]]).all()
    assert np.isfinite([low[1:], high[1:]]).all()


def test_a_judge_of_few_scenarios_keeps_its_bias_off_zero():
    found = resampled(4, thin_judge(4), num=300)
    assert found.judge_units.tolist()[0] == 4
    low, _ = found.bias_interval()
    assert low[0] > 1  # it named the first every time; a resample without it used to say 0


def test_the_companions_are_drawn_with_the_elo():
    rows = simulate_rows(draw_truth(4, num_criteria=4, seed=8), 100, seed=8)
    found = resampled(4, rows)
    table = found.summary(list("abcd"))
    whole = fit(compress(rows, 4), compress(rows, 4).counts(), Form()).parameters
    matrix = trust_matrix(whole.scores, whole.log_lambda)
    points = {
        "elo_uniform_judges": elo(uniform_judges(matrix)),
        "elo_without_self": elo(stationary(without_self(matrix))),
        "trust": stationary(matrix),
    }
    for name, point in points.items():
        assert (table[f"{name}_low"] < point).all() and (point < table[f"{name}_high"]).all()
    by_elo = to_trust(table["elo_low"], 4)
    np.testing.assert_allclose(table["trust_low"], by_elo, rtol=1e-2)


@pytest.mark.slow
def test_every_elo_of_the_summary_covers_its_own_limit():
    """Each number aims at what it would be on many more scenarios; the published one too."""
    names = ("elo", "elo_published", "elo_uniform_judges", "elo_without_self")
    hits: dict[str, list[pd.Series]] = {name: [] for name in names}
    for seed in range(60):
        plan = draw_truth(5, num_criteria=4, seed=seed)
        many, few = (
            analyse_rows(rows, list("abcde"), 4, Options(n_bootstraps=n, dims=(2,))).summary
            for rows, n in (
                (simulate_rows(plan, 5_000, seed=seed + 1000), 0),
                (simulate_rows(plan, 150, seed=seed), 200),
            )
        )
        limit, found = many.set_index("model"), few.set_index("model").loc[many["model"]]
        for name in names:
            inside = found[f"{name}_low"] <= limit[name]
            hits[name].append(inside & (limit[name] <= found[f"{name}_high"]))
    covered = {name: float(np.mean(found)) for name, found in hits.items()}
    assert all(0.915 <= share <= 0.985 for share in covered.values()), covered
