"""The whole analysis: planted truth in, every table out, for both procedures and odd inputs."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks.eigenbench.analyse import AnalysisError, analyse, analyse_rows
from benchmarks.eigenbench.options import Options, OptionsError
from benchmarks.eigenbench.problem import Parameters
from benchmarks.eigenbench.simulate import Truth, draw_truth, simulate_records, simulate_rows

NAMES = ["ada", "bo", "cy", "di", "eve"]
SUMMARY = [
    "model",
    "elo",
    "elo_published",
    "elo_low",
    "elo_high",
    "elo_sd",
    "trust",
    "elo_uniform_judges",
    "elo_without_self",
    "rank_low",
    "rank_high",
    "comparisons_as_judge",
    "comparisons_as_evaluee",
]


@pytest.fixture(scope="module")
def truth():
    return draw_truth(5, num_criteria=4, seed=3, bias_sd=0.6)


@pytest.fixture(scope="module")
def simulated(truth):
    return simulate_records(truth, simulate_rows(truth, 250, seed=3), NAMES, 0.05, seed=3)


@pytest.fixture(scope="module")
def analysis(simulated):
    return analyse(simulated.records, NAMES, 4, Options(n_bootstraps=200))


def test_planted_elo_lies_in_the_intervals(truth, analysis):
    table = analysis.summary.set_index("model").loc[NAMES]
    inside = (table["elo_low"] <= truth.elo) & (truth.elo <= table["elo_high"])
    assert inside.sum() >= 4
    assert np.abs(table["elo"] - truth.elo).max() < 15
    assert np.abs(table["elo_published"] - truth.elo).max() > 15  # order bias read as ties


def test_every_file_has_its_columns(analysis):
    assert list(analysis.summary.columns)[: len(SUMMARY)] == SUMMARY
    assert analysis.summary["elo"].is_monotonic_decreasing
    assert len(analysis.pairwise_probabilities) == 20
    np.testing.assert_allclose(analysis.trust_matrix[NAMES].sum(axis=1), 1)
    assert analysis.trust_matrix["judge"].tolist() == NAMES
    assert set(analysis.arrays) >= {"u", "v", "log_lambda", "bias", "trust_matrix", "trust"}
    assert len(analysis.bootstrap_table()) == 200
    report = json.loads(json.dumps(analysis.report))
    assert report["headline"]["d"] == analysis.estimate.fit.form.dim
    assert report["headline"]["eigentrust_residual"] < 1e-12
    assert [row["dim"] for row in report["headline"]["held_out"]] == [1, 2, 3, 4]


def test_every_elo_of_the_summary_has_an_interval(analysis):
    for name in ("elo", "elo_published", "elo_uniform_judges", "elo_without_self", "trust"):
        low, high = analysis.summary[f"{name}_low"], analysis.summary[f"{name}_high"]
        value = analysis.summary[name]
        assert (low < value).all() and (value < high).all(), name
    beside = analysis.report["published_bootstrap"]
    assert (beside["unit"], beside["replicates"]) == ("scenario", 200)


def test_coverage_adds_up(analysis, simulated):
    coverage = analysis.report["coverage"]
    assert coverage["rows_expected"] == 4 * len(simulated.records)
    assert coverage["rows"] + analysis.reasons["rows_lost"].sum() == coverage["rows_expected"]
    judges = analysis.judges
    assert judges["rows"].sum() == coverage["rows"]
    np.testing.assert_allclose(judges["coverage"], judges["rows"] / judges["records"] / 4)


def test_judges_order_bias_is_recovered(truth, analysis):
    judges = analysis.judges
    np.testing.assert_allclose(judges["order_bias"], truth.parameters.bias, atol=0.2)
    assert (judges["order_bias_low"] < judges["order_bias"]).all()
    assert (judges["order_bias"] < judges["order_bias_high"]).all()
    assert judges["consistency"].between(0, 1).all()


def test_the_published_number_is_the_published_procedures(simulated, analysis):
    published = analyse(
        simulated.records, NAMES, 4, Options(procedure="published", n_bootstraps=20)
    )
    summary = published.summary.set_index("model").loc[NAMES]
    np.testing.assert_array_equal(summary["elo"], summary["elo_published"])
    np.testing.assert_array_equal(summary["elo_low"], summary["elo_published_low"])
    beside = analysis.summary.set_index("model").loc[NAMES]
    np.testing.assert_allclose(beside["elo_published"], summary["elo"], atol=1e-6)
    assert published.estimate.fit.form.dim == 2 and published.estimate.fit.form.rho == 0
    assert published.bootstrap is not None and published.bootstrap.unit == "comparison"
    assert any("0.4 of the true width" in note for note in published.notes)
    assert "published procedure (ties, d = 2, no penalty)" in analysis.notes[1]


def test_published_dims_are_each_fitted(simulated):
    options = Options(procedure="published", dims=(3, 2), n_bootstraps=0)
    result = analyse(simulated.records, NAMES, 4, options)
    assert list(result.elo_by_dim.columns) == ["model", "d = 3", "d = 2"]
    np.testing.assert_allclose(result.elo_by_dim["d = 3"], result.elo)
    assert result.estimate.held_out["dim"].tolist() == [3, 2]
    assert result.estimate.held_out["nll"].notna().all()


def test_an_infinite_published_maximum_is_said_and_shown_penalised():
    names = [f"m{i}" for i in range(12)]
    rows = simulate_rows(draw_truth(12, seed=1), 12, seed=1)
    result = analyse_rows(rows, names, 8, Options(n_bootstraps=30))
    assert result.published.fit.infinite and result.published.fit.form.rho == 0.01
    assert "infinite" in result.notes[1] and "rho = 0.01" in result.notes[1]
    assert np.isfinite(result.summary["elo_published"]).all()


@pytest.mark.parametrize(
    "options",
    [
        Options(n_bootstraps=20),
        Options(n_bootstraps=20, separate_criteria=True),
        Options(procedure="published", n_bootstraps=5),
        Options(n_bootstraps=20, alpha=0.1, pretrusted=("bo",), model="bt"),
    ],
)
def test_relabelling_permutes_the_result(options):
    rows = simulate_rows(draw_truth(5, num_criteria=2, seed=7), 150, seed=7)
    order = np.array([3, 0, 4, 1, 2])
    moved_rows = rows.assign(**{c: order[rows[c]] for c in ("judge", "first", "second")})
    moved_names = [NAMES[i] for i in np.argsort(order)]
    result = analyse_rows(rows, NAMES, 2, options)
    moved = analyse_rows(moved_rows, moved_names, 2, options)
    pd.testing.assert_frame_equal(result.summary, moved.summary, atol=1e-4, rtol=0)
    left = result.judges.set_index("model")
    pd.testing.assert_frame_equal(
        left, moved.judges.set_index("model").loc[NAMES], atol=1e-4, rtol=0
    )


def test_lenses_per_criterion_are_averaged_and_reported():
    truth = draw_truth(5, num_criteria=3, separate_criteria=True, seed=2)
    rows = simulate_rows(truth, 400, seed=2)
    result = analyse_rows(rows, NAMES, 3, Options(separate_criteria=True, n_bootstraps=50))
    criteria = result.criteria
    assert criteria.groupby("criterion").size().tolist() == [5, 5, 5]
    assert (criteria["elo_low"] < criteria["elo_high"]).all()
    matrices = result.arrays["criterion_trust_matrices"]
    np.testing.assert_allclose(result.arrays["trust_matrix"], matrices.mean(axis=0))
    np.testing.assert_allclose(result.elo, truth.elo, atol=15)
    means = 10 ** ((criteria["elo"] - 1500) / 400)
    np.testing.assert_allclose(means.groupby(criteria["criterion"]).mean(), 1)


def test_companions_show_the_debt_to_a_self_loving_judge():
    truth = draw_truth(5, spread=0.0, bias_sd=0.0, num_criteria=4, seed=1)
    u, v = np.zeros((5, 1)), np.zeros((5, 1))
    u[0], v[0] = 2.0, 2.0  # judge 0 loves model 0; all others are indifferent
    parameters = truth.parameters._replace(u=u, v=v)
    rows = simulate_rows(type(truth)(parameters, 4), 400, seed=1)
    table = analyse_rows(rows, NAMES, 4, Options(n_bootstraps=0)).summary.set_index("model")
    best = table.loc["ada"]
    assert best["elo"] > best["elo_uniform_judges"] > best["elo_without_self"] + 50
    assert best["elo_leave_one_out_low"] == pytest.approx(1500, abs=15)


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_judges_of_one_taste_can_each_be_left_out(alpha):
    """What damping does to trust is no judge's doing, also where some models are pre-trusted."""
    tastes = Parameters(
        np.ones((4, 1)), np.array([[1.5], [0.5], [-0.5], [-1.5]]), np.full(4, -9.0), np.zeros(4)
    )
    rows = simulate_rows(Truth(tastes, 1), 120, seed=1)
    for pretrusted in ((), ("ada", "bo")):
        options = Options(alpha=alpha, pretrusted=pretrusted, n_bootstraps=0, dims=(1,))
        judges = analyse_rows(rows, NAMES[:4], 1, options).judges
        assert judges["max_elo_change_without"].max() < 25


def test_two_models_one_scenario_and_silent_judges():
    rows = simulate_rows(draw_truth(2, seed=1), 1, seed=1)
    result = analyse_rows(rows, ["a", "b"], 8, Options())
    assert result.bootstrap is None and result.summary["elo_low"].isna().all()
    assert any("no error bars" in note for note in result.notes)
    assert result.pairwise_probabilities.empty and result.bootstrap_table().empty
    assert result.judges["rows"].sum() == len(rows)
    one_judge = simulate_rows(draw_truth(4, seed=1), 80, seed=1).query("judge == 2")
    for procedure in ("default", "published"):
        options = Options(procedure=procedure, n_bootstraps=10)
        lonely = analyse_rows(one_judge, ["a", "b", "c", "d"], 8, options)
        assert np.isfinite(lonely.elo).all()
        assert lonely.summary["elo_leave_one_out_low"].isna().all()


def test_all_ties_is_everyone_equal():
    rows = simulate_rows(draw_truth(4, seed=1), 30, seed=1).assign(outcome=0)
    for options in (Options(n_bootstraps=5), Options(procedure="published", n_bootstraps=5)):
        result = analyse_rows(rows, list("abcd"), 8, options)
        np.testing.assert_allclose(result.elo, 1500, atol=1e-3)


def test_unusable_input_is_named():
    rows = simulate_rows(draw_truth(3, seed=1), 5, seed=1)
    with pytest.raises(AnalysisError, match="at least two"):
        analyse_rows(rows, ["a"], 8)
    with pytest.raises(AnalysisError, match="unique"):
        analyse_rows(rows, ["a", "b", "a"], 8)
    with pytest.raises(AnalysisError, match=r"2 of 2 records: .*missing or not"):
        analyse([{"judge": 0}] * 2, ["a", "b"], 2)
    with pytest.raises(ValueError, match="pretrusted model 'z'"):
        analyse_rows(rows, list("abc"), 8, Options(pretrusted=("z",), alpha=0.1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(procedure="paper"), "procedure 'paper'"),
        (Options(model="elo"), "model 'elo'"),
        (Options(order_handling="drop"), "order_handling 'drop'"),
        (Options(bootstrap_unit="row"), "bootstrap_unit 'row'"),
        (Options(dims=(0,)), "dims"),
        (Options(rho=-1.0), "rho -1.0"),
        (Options(test_size=1.0), "test_size"),
    ],
)
def test_unknown_options_are_named(options, message):
    with pytest.raises(OptionsError, match=message):
        options.resolved()
