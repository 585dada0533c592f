"""What the tabs of the page say: boards, names, colours, labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.val_bench.scores import OUTCOMES
from calibration.estimate import Estimate
from reporting.calibration_words import in_words, judge_title, percent
from reporting.report import charts, model_colors, scatter
from reporting.report.assemble import Report, assemble
from reporting.report.benchmark_section import board_blocks, under_display_names
from reporting.report.runs_section import spending
from reporting.report.sections import tabs
from reporting.report.specifics import judge_table
from reporting.report.summary_section import board_words
from reporting.report.tables import all_tables
from reporting.report.values import Measure
from reporting.val_bench_outcomes import OUTCOME_COLORS, OUTCOME_LABELS
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
    found: dict[str, set[int]] = {}
    charts_drawn = 0

    def walk(block: object) -> None:
        nonlocal charts_drawn
        if isinstance(block, dict):
            if block.get("field") == "model" and "scale" in block:
                charts_drawn += 1
                for name in block["legend"]["values"]:
                    found.setdefault(name, set()).add(block["scale"]["domain"].index(name))
            for part in block.values():
                walk(part)
        elif isinstance(block, list | tuple):
            for part in block:
                walk(part)

    walk(tabs(report))
    assert charts_drawn > 2 and len(found) == 4
    assert all(len(at) == 1 for at in found.values())
    assert len({min(at) for at in found.values()}) == 4


def test_no_two_models_of_a_chart_share_a_colour() -> None:
    boards = [[f"m{n}" for n in range(12)], [f"m{n}" for n in range(6, 20)], ["x", "m0", "y"]]
    given = model_colors.places(boards)
    for board in boards:
        names = model_colors.domain(board, given)
        assert len({names.index(model) for model in board}) == len(board)
        assert all(names.index(model) == given[model] for model in board)
        assert len(names) == model_colors.COLORS
    few = model_colors.places([["a", "b"], ["c", "d", "a"], ["e", "f"]])
    assert sorted(few.values()) == [0, 1, 2, 3, 4, 5]
    crowd = [f"m{n}" for n in range(model_colors.COLORS + 3)]
    names = model_colors.domain(crowd, model_colors.places([crowd]))
    assert len({names.index(model) for model in crowd}) == len(crowd)
    assert model_colors.shapes(names)[:9] == ["circle"] * 8 + ["square"]


def test_outcomes_have_one_colour_on_page_and_pictures() -> None:
    scale = charts.outcomes([], [])["encoding"]["color"]["scale"]
    shown = dict(zip(scale["domain"], scale["range"], strict=True))
    assert shown == {OUTCOME_LABELS[name]: color for name, color in OUTCOME_COLORS.items()}
    assert list(OUTCOME_LABELS) == list(OUTCOMES)


def test_labels_of_two_models_name_both() -> None:
    named = ["kind (org/model-one)", "curt (org/model-two)", "kind (org/model-three)"]
    assert charts.short_names(named[:2]) == {named[0]: "kind", named[1]: "curt"}
    assert list(charts.short_names(named).values()) == named  # two kinds: the ids tell
    assert charts.short_names(["sim/a", "sim/b"]) == {"sim/a": "a", "sim/b": "b"}
    long = [f"organisation/{'x' * 40}-{n}" for n in (1, 2)]
    short = charts.short_names(long)
    assert all(
        len(label) <= charts.NAME_LETTERS and label.endswith(name[-3:])
        for name, label in short.items()
    )


def test_axes_say_their_unit_or_their_ends() -> None:
    def title(label: str, **more: Any) -> str:
        return charts.axis_title(Measure("m", label, "", **more))

    assert title("PAC", limits=(0.0, 100.0)) == "PAC (0 to 100)"
    assert title("REF", unit="%", limits=(0.0, 100.0)) == "REF (%)"
    assert title("Mean (mid-rank)", limits=(0.0, 1.0)) == "Mean (mid-rank, 0 to 1)"
    assert title("Elo") == "Elo"


def test_coverage_says_what_its_items_are(report: Report) -> None:
    table = next(block for block in spending(report) if block["kind"] == "table")
    labels = [column["label"] for column in table["columns"]]
    assert labels[1:4] == ["VAL-Bench: pairs", "EigenBench: judgements", "Steerability: statements"]
    cells = [row["val_bench"] for row in table["rows"] if row["model"] == "sim/a"]
    assert " of " in cells[0]["text"]


def test_judges_numbers_have_one_style() -> None:
    share = Estimate(1.0, 0.9485, 1.0, 72)
    assert percent(share) == "100.0% (94.8 to 100.0)"
    assert in_words(Estimate(9.72, 5.45, 20.0, 18), 1) == "9.7 (5.5 to 20.0)"
    assert in_words(Estimate(1.0, None, None, 9, "no two differ")) == (
        "1.00 (no interval: no two differ)"
    )
    assert judge_title("jury of a + b") == "Jury of a + b"
    assert judge_title("sim/judge") == "Judge sim/judge"


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
