"""The report over planted runs: order, equality, comparability, agreement, judges, transcripts."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from reporting.report.assemble import Report, assemble
from reporting.report.transcripts import allot, sample
from reporting.report.values import Transcript
from tests.reporting.report.worlds import (
    judge_report_run,
    judged_rows,
    val_bench_run,
    write_json,
)


def test_planted_order_in_every_benchmark(report: Report) -> None:
    for name in ("val_bench", "eigenbench", "steerability"):
        (board,) = report.boards[name]
        order = [place.model for place in board.standings]
        assert order[0] == "sim/a" and order[-1] == "sim/d", name
    by_model = {p.model: p for p in report.boards["val_bench"][0].standings}
    assert (by_model["sim/b"].rank_low, by_model["sim/b"].rank_high) == (2, 3)
    assert (by_model["sim/c"].rank_low, by_model["sim/c"].rank_high) == (2, 3)
    assert by_model["sim/a"].rank_high == 1 and by_model["sim/d"].rank_low == 4


def test_models_meet_across_benchmarks(report: Report) -> None:
    assert [(a.first, a.second, len(a.models)) for a in report.agreements] == [
        ("VAL-Bench", "EigenBench", 4),
        ("VAL-Bench", "Steerability", 4),
        ("EigenBench", "Steerability", 4),
    ]
    assert all(a.rho >= 0.8 and a.low < 0 for a in report.agreements)
    assert report.simulated and report.title == "A report (simulated models)"
    assert report.problems == []


def test_pac_is_corrected_by_the_judge_report(report: Report) -> None:
    for entry in report.boards["val_bench"][0].board.entries:
        corrected = entry.values["pac_corrected"]
        assert corrected.known and corrected.low <= corrected.value <= corrected.high
        assert corrected.value == pytest.approx(entry.values["pac"].value, abs=8)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"judge_order": "forward+reversed"}, "in the same manner"),
        ({"notes": {"rubric": "another"}}, "another rubric"),
        ({"notes": {"sampling": "temperature 0.7, top_p 0.9"}}, "temperature 0.7"),
    ],
)
def test_pac_stays_as_it_is_where_the_judge_was_calibrated_otherwise(
    change: dict[str, Any], why: str, tmp_path: Path
) -> None:
    """Also in a run whose manifest does not tell in which orders it was judged."""
    order = change.get("judge_order", "forward")
    rows = [row | {"judge_order": order} for row in judged_rows("sim/a", 0.6)]
    folder = val_bench_run(tmp_path, "sim/a", rows, n_resamples=50)
    note = json.loads((folder / "manifest.json").read_text())
    del note["judge_orders"]
    write_json(folder / "manifest.json", note)
    judge_report_run(tmp_path, notes=change.get("notes", {}))
    (board,) = assemble([tmp_path / "evaluation_results"]).boards["val_bench"]
    assert not board.board.entries[0].values["pac_corrected"].known
    (warning,) = board.board.readings[0].warnings
    assert warning.startswith("PAC is not corrected") and why in warning


def test_other_judges_and_prompts_get_tables_of_their_own(tmp_path: Path) -> None:
    rows = judged_rows("sim/a", 0.6)
    for model in ("sim/a", "sim/b", "sim/c"):
        val_bench_run(tmp_path, model, rows, n_resamples=50)
    val_bench_run(tmp_path, "sim/a", rows, "other-judge", judge="gpt-4.1", n_resamples=50)
    val_bench_run(tmp_path, "sim/a", rows, "other-data", fingerprint="prompts-2", n_resamples=50)
    first, *others = assemble([tmp_path / "evaluation_results"]).boards["val_bench"]
    assert len(first.board.entries) == 3 and first.board.differs == ()
    differs = {other.board.readings[0].run.name: other.board.differs for other in others}
    assert differs["other-judge"] == ("judge: gpt-4.1 instead of sim/judge",)
    (words,) = differs["other-data"]
    assert words.startswith("prompts: 40 pairs, prompts-2 instead of")


def test_one_model_measured_twice_keeps_both_under_their_runs(tmp_path: Path) -> None:
    for name in ("first", "second"):
        val_bench_run(tmp_path, "sim/a", judged_rows("sim/a", 0.6), name, n_resamples=50)
    (board,) = assemble([tmp_path / "evaluation_results"]).boards["val_bench"]
    assert board.board.names == ("sim/a (first)", "sim/a (second)")
    (difference,) = board.differences["pac"]
    assert difference.value == 0 and not difference.clear


def test_a_failed_judge_is_told_beside_its_scores(tmp_path: Path) -> None:
    from reporting.report.summary_section import judge_notices

    val_bench_run(tmp_path, "sim/a", judged_rows("sim/a", 0.6), n_resamples=50)
    judge_report_run(tmp_path, good=False)
    (notice,) = judge_notices(assemble([tmp_path / "evaluation_results"]))
    assert notice["tone"] == "bad" and "FAILED calibration" in notice["text"]


def test_spending_is_counted_once(report: Report) -> None:
    judges = [s for s in report.spent if s.model == "sim/judge"]
    assert len(judges) == 4 and all(s.cost == 0.0 and s.input_tokens == 1000 for s in judges)
    roles = Counter(s.role for s in report.spent if s.model == "sim/a")
    assert roles == {"answers and judges": 1, "answers": 1}


def test_transcripts_hold_what_was_said(report: Report) -> None:
    by_kind: dict[str, Transcript] = {}
    for reading in report.readings:
        assert reading.transcripts is not None
        by_kind.setdefault(reading.benchmark, next(reading.transcripts.read([3])))
    pair = by_kind["val_bench"]
    texts = [part.text for panel in pair.panels for part in panel.parts]
    assert "Why is 3 right?" in texts and "Why is 3 wrong?" in texts
    assert any("<script>" in text for text in texts)
    comparison = by_kind["eigenbench"]
    (choices,) = [p for panel in comparison.panels for p in panel.parts if p.label == "Choices"]
    assert choices.text.count("\n") == 3 and "Criterion 1" in choices.text
    persona = by_kind["steerability"]
    assert "I would do thing" in persona.panels[1].parts[0].text


def test_ids_stay_the_same(results: Path, report: Report) -> None:
    again = assemble([results])
    for one, two in zip(report.readings, again.readings, strict=True):
        assert one.transcripts is not None and two.transcripts is not None
        ids = [[t.id for t in r.read([0, 5])] for r in (one.transcripts, two.transcripts)]
        assert ids[0] == ids[1] and len(set(ids[0])) == 2


def test_samples_are_even_over_runs_and_keep_outcomes() -> None:
    assert allot([5, 100, 1000], 0) == [5, 100, 1000]
    assert allot([5, 1000, 1000], 105) == [5, 50, 50]
    assert sum(allot([300, 20, 7000, 90], 1000)) == 1000
    strata = ["common"] * 900 + ["rare"] * 90 + ["once"]
    chosen = Counter(strata[i] for i in sample(strata, 100))
    assert chosen["once"] == 1 and 7 <= chosen["rare"] <= 12
    assert sample(strata, 100) == sample(strata, 100)
    assert sample(strata, 5000) == list(range(991))
