"""What the tabs of the page say: boards, names, colours, labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from reporting.report import scatter
from reporting.report.assemble import Report, assemble
from reporting.report.benchmark_section import board_blocks, under_display_names
from reporting.report.sections import tabs
from reporting.report.specifics import judge_table
from reporting.report.summary_section import board_words
from reporting.report.tables import all_tables
from reporting.report.values import Measure
from tests.reporting.report.worlds import judged_rows, val_bench_run

MEASURE = Measure("m", "M", "")


def texts(block: object) -> str:
    return str(block)


def test_the_summary_names_its_board_and_judge(report: Report, tmp_path: Path) -> None:
    assert "VAL-Bench: judge sim/judge" in texts(board_words(report))
    rows = judged_rows("sim/a", 0.6)
    for model in ("sim/a", "sim/b"):
        val_bench_run(tmp_path, model, rows, n_resamples=50)
    val_bench_run(tmp_path, "sim/a", rows, "other-judge", judge="gpt-4.1", n_resamples=50)
    told = texts(board_words(assemble([tmp_path / "evaluation_results"])))
    assert "VAL-Bench: board 1 of 2 (judge sim/judge); the others: see the VAL-Bench tab" in told


def test_one_model_has_rank_one_and_no_rank_is_zero(tmp_path: Path) -> None:
    val_bench_run(tmp_path, "sim/a", judged_rows("sim/a", 0.6), n_resamples=50)
    scores = all_tables(assemble([tmp_path / "evaluation_results"]))["scores"]
    first = scores[scores["headline"]].iloc[0]
    assert list(first[["rank", "rank_low", "rank_high"]]) == [1, 1, 1]
    assert scores.loc[~scores["headline"].astype(bool), "rank"].isna().all()
    assert ",1,1,1," in scores.to_csv(index=False)


def test_display_names_are_shown_with_their_ids(report: Report) -> None:
    (scored,) = report.boards["eigenbench"]
    (reading,) = scored.board.readings
    named = replace(reading, shown={"sim/a": "Kind (sim/a)"})
    scored = replace(scored, board=replace(scored.board, readings=(named,)))
    shown = under_display_names(scored)
    assert {p.model for p in shown.standings} == {"Kind (sim/a)", "sim/b", "sim/c", "sim/d"}
    assert any(d.first == "Kind (sim/a)" for d in shown.differences["elo"])
    told = texts(board_blocks(scored, report))
    assert "Kind (sim/a)" in told and "'model': 'sim/a'" not in told


def test_a_model_has_one_colour_in_all_charts(report: Report) -> None:
    domains = set()

    def walk(block: object) -> None:
        if isinstance(block, dict):
            if block.get("field") == "model" and "scale" in block:
                domains.add(tuple(block["scale"]["domain"]))
            for part in block.values():
                walk(part)
        elif isinstance(block, list | tuple):
            for part in block:
                walk(part)

    walk(tabs(report))
    assert len(domains) == 1


def test_points_on_one_place_share_a_label() -> None:
    rows = [
        {"model": f"sim/{name}", "x": x, "y": y, "x_low": None, "x_high": None}
        for name, x, y in (("a", 0.0, 1.0), ("b", 0.0, 1.0), ("c", 1.0, 0.0), ("d", 0.1, 1.0))
    ]
    table = pd.DataFrame(scatter.scatter(rows, MEASURE, MEASURE, ("x", "y"))["data"]["values"])
    assert table["label"].tolist() == ["a, b", "", "c", "d"]


def test_notes_name_the_unit_that_was_resampled(report: Report) -> None:
    for benchmark, unit in (("val_bench", "article"), ("steerability", "persona")):
        (scored,) = report.boards[benchmark]
        notes = " ".join(d.note for ds in scored.differences.values() for d in ds)
        others = {"article", "persona", "scenario"} - {unit}
        assert not any(other in notes for other in others)
        assert f"Resampled: {unit}s" in texts(board_blocks(scored, report))


def test_rates_of_a_judge_bring_their_intervals_where_the_run_has_them() -> None:
    old = {"model": "a", "order_bias": 0.1, "consistency": 0.5, "tie_rate": 0.2, "records": 9}
    new = old | {"consistency_low": 0.4, "consistency_high": 0.6}
    (bare,), (whole,) = (judge_table(pd.DataFrame([row]))["rows"] for row in (old, new))
    assert bare["consistency"]["v"] == 0.5 and bare["consistency"]["lo"] is None
    assert (whole["consistency"]["lo"], whole["consistency"]["hi"]) == (0.4, 0.6)
