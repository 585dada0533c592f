"""EigenBench's pictures and tables say what was measured, and keep their words on the page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.eigenbench.analyse import analyse
from benchmarks.eigenbench.direct_rating import RATING_COLUMNS, analyse_ratings
from benchmarks.eigenbench.options import Options
from benchmarks.eigenbench.samplers import SamplerSpec
from benchmarks.eigenbench.simulate import draw_truth, simulate_records, simulate_rows
from reporting.eigenbench_plots import Caption, save_all
from reporting.eigenbench_results import REASON_COLUMNS, Outcome, write_results
from tests.reporting.test_val_bench_plots import assert_words_on_the_page, error_bars, words

LONG = "a model with a display name that is far too long for any picture"
MANIFEST = {
    "name": "planted",
    "constitution": {"source": "somewhere/kindness.json"},
    "flow": "EigenBenchFlow",
    "run_id": "1",
    "simulated": True,
}
NOTHING_LOST = pd.DataFrame(columns=REASON_COLUMNS)


def names_of(count: int) -> list[str]:
    return [LONG, *(f"model {n}" for n in range(1, count))]


def records_by(count: int, criteria: int, scenarios: int, groups: int) -> list[dict]:
    truth = draw_truth(count, num_criteria=criteria, seed=5)
    rows = simulate_rows(truth, scenarios, SamplerSpec(groups=groups), seed=5)
    return simulate_records(truth, rows, names_of(count)).records


@pytest.fixture(scope="module")
def records():
    return records_by(4, criteria=3, scenarios=20, groups=2)


def analysis_of(records, **options):
    return analyse(records, names_of(4), 3, Options(n_bootstraps=50, **options))


@pytest.mark.parametrize("options", [{"dims": (1,)}, {"dims": (2,)}, {"procedure": "published"}])
def test_words_stay_on_the_page_and_say_simulated(records, options) -> None:
    from reporting import eigenbench_plots as plots

    result = analysis_of(records, **options)
    for draw in (
        plots.elo_with_intervals,
        plots.trust_heat_map,
        plots.order_bias,
        plots.dispositions,
        plots.held_out_by_dimension,
    ):
        figure = draw(result, Caption("a run", "A source.", simulated=True))
        assert_words_on_the_page(figure)
        assert any("simulated models" in text.get_text() for text in words(figure))


def test_the_elo_picture_shows_the_numbers(records) -> None:
    from reporting.eigenbench_plots import elo_with_intervals

    result = analysis_of(records)
    figure = elo_with_intervals(result, Caption("a run"))
    line = error_bars(figure.axes[0]).lines[0]
    np.testing.assert_allclose(np.asarray(line.get_xdata(), float), result.summary["elo"])
    lines = error_bars(figure.axes[0]).lines[2][0].get_segments()
    ends = np.array([[left, right] for (left, _), (right, _) in lines], dtype=float)
    np.testing.assert_allclose(ends, result.summary[["elo_low", "elo_high"]].to_numpy(float))
    for number, name in enumerate(("elo_published", "elo_uniform_judges"), start=1):
        bars = error_bars(figure.axes[0], number).lines[2][0].get_segments()
        ends = np.array([[left, right] for (left, _), (right, _) in bars], dtype=float)
        shown = result.summary[[f"{name}_low", f"{name}_high"]].to_numpy(float)
        np.testing.assert_allclose(ends, shown)


def test_judges_look_right_and_up(records) -> None:
    """The axes' signs are free; in the picture the judges together point to larger numbers."""
    from reporting.eigenbench_plots import dispositions

    result = analysis_of(records, dims=(2,))
    points = dispositions(result, Caption("a run")).axes[0].lines[-1].get_xydata()
    mean_lens = np.abs(result.arrays["u"].mean(axis=0))
    liked = points @ mean_lens
    scores = result.arrays["scores"].mean(axis=0)
    assert np.corrcoef(liked, scores)[0, 1] > 0.99


@pytest.mark.filterwarnings("error:constrained_layout")
@pytest.mark.parametrize("count", [2, 20])
def test_small_and_large_ensembles_draw(tmp_path: Path, count: int) -> None:
    records = records_by(count, criteria=2, scenarios=30, groups=3)
    options = Options(n_bootstraps=10, dims=(2,), procedure="published")
    result = analyse(records, names_of(count), 2, options)
    assert len(save_all(result, tmp_path, Caption("r"), svg=False)) == 5


def test_everything_is_written_and_the_manifest_last(records, tmp_path: Path) -> None:
    (tmp_path / "criteria.csv").write_text("of an earlier run")
    lost = pd.DataFrame(
        [("filtered", 2, 6, "never collected (comparisons)")], columns=REASON_COLUMNS
    )
    analysis = analysis_of(records)
    outcome = Outcome(records, analysis, None, lost, ("A note.",))
    summary = write_results(outcome, tmp_path, MANIFEST)
    assert not (tmp_path / "criteria.csv").exists()
    written = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert max(written, key=written.__getitem__) == "manifest.json"
    assert pd.read_csv(tmp_path / "reasons.csv")["reason"][0] == "filtered"
    assert json.loads((tmp_path / "fit.json").read_text())["notes"] == ["A note."]
    assert len(pd.read_parquet(tmp_path / "bootstrap.parquet")) == 50
    with np.load(tmp_path / "model.npz") as arrays:
        assert arrays["trust_matrix"].sum(axis=1) == pytest.approx(np.ones(4))
    assert "SIMULATED" in summary and "A note." in summary
    assert "WARNING" not in summary and "report_flow's ranks hold for all models" in summary
    assert "not used: 6 verdicts of 2 records" in summary
    assert "constitution kindness.json" in summary
    published = analysis.summary.iloc[0]
    low, high = published["elo_published_low"], published["elo_published_high"]
    assert f"{published['elo_published']:.0f} ({low:.0f} to {high:.0f})" in summary


def test_too_few_scenarios_and_a_silent_judge_are_said(tmp_path: Path) -> None:
    records = [r for r in records_by(4, 3, scenarios=4, groups=2) if r["judge_name"] != "model 2"]
    outcome = Outcome(records, analysis_of(records), None, NOTHING_LOST, ())
    few = MANIFEST | {"dataset": {"scenarios": 4, "count": 100}}
    told = write_results(outcome, tmp_path, few)
    assert "WARNING: 4 scenarios (100 asked for); " in told
    assert "model 2 judged none; fewer than 8 scenarios: intervals too short" in told


def test_ratings_and_bare_judgements_are_written_too(records, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [(s, j, e, 0, rng.integers(1, 11)) for s in range(9) for j in range(3) for e in range(3)]
    table = pd.DataFrame(rows, columns=RATING_COLUMNS)
    rated = analyse_ratings(table, names_of(3), 1, n_bootstraps=20)
    write_results(Outcome(records, rated, None, NOTHING_LOST, ()), tmp_path / "r", MANIFEST)
    assert (tmp_path / "r/elo.png").exists() and not (tmp_path / "r/judges.csv").exists()
    summary = write_results(
        Outcome(records, None, None, NOTHING_LOST, ()), tmp_path / "b", MANIFEST
    )
    files = {path.name for path in (tmp_path / "b").iterdir()}
    assert files == {"evaluations.jsonl", "reasons.csv", "manifest.json"}
    assert f"{len(records):,} judgements read" in summary
