"""Calibration end to end: simulated judges with planted faults, their reports, corrected scores."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from calibration.report import JudgeReport
from tables.places import read_table, write_table
from tests.calibration.asked import responses
from tests.flows.conftest import FlowRun, Scratch

CALIBRATION = "calibration_flow.py"
EVALUATOR = "evaluator_flow.py"
JUDGES = ("sim/judge", "sim/judge-coinflip")
RESPONSES = "local_results/waverer"
LONG = 500
"""Seconds that a flow may take on a machine that is busy with other tests."""


def save_responses(scratch: Scratch, model: str = "sim/waverer", place: str = RESPONSES) -> None:
    table = responses(model).drop_columns(["item_id", "candidate"])
    write_table(table, str(scratch.folder / place), "test")


def report_of(scratch: Scratch, name: str) -> JudgeReport:
    path = scratch.folder / f"evaluation_results/{name}-calibration/judge_report.json"
    return JudgeReport.from_json(path.read_text())


@pytest.fixture(scope="module")
def jury_run(shared_scratch: Scratch) -> FlowRun:
    """Two judges over known answers and one model's responses, with a sheet for people."""
    save_responses(shared_scratch)
    return shared_scratch.ok(
        CALIBRATION,
        *("run", "--judge_model_id", ",".join(JUDGES), "--responses_ds_path", RESPONSES),
        *("--export_for_labelling", "30", "--num_repeats", "2", "--n_resamples", "300"),
        timeout=LONG,
    )


@pytest.fixture(scope="module")
def folder(shared_scratch: Scratch, jury_run: FlowRun) -> Path:
    return shared_scratch.folder


def test_verdicts_are_those_that_were_planted(shared_scratch: Scratch, folder: Path) -> None:
    assert report_of(shared_scratch, "judge").verdict == "pass"
    assert report_of(shared_scratch, "judge-coinflip").verdict == "fail"
    assert report_of(shared_scratch, "jury").judge_id == "jury of sim/judge + sim/judge-coinflip"


def test_the_terminal_says_it_all_and_that_it_is_simulated(jury_run: FlowRun) -> None:
    assert jury_run.text.count("SIMULATED") == 3
    assert "Verdict: PASS (one order)." in jury_run.text
    assert "FAILED calibration: PAC error" in jury_run.text
    assert "refusal sensitivity" in jury_run.text and "labelling/sheet.html" in jury_run.text


def test_a_report_folder_is_complete(folder: Path) -> None:
    place = folder / "evaluation_results/judge-coinflip-calibration"
    names = {path.name for path in place.iterdir()}
    assert {"judge_report.json", "judge_report.md", "judge_report.html", "manifest.json"} <= names
    assert {"checks.csv", "confusion.csv", "order.csv", "repeatability.csv", "style.csv"} <= names
    assert {"calibration.png", "known_answers.png", "confusion.png", "order.png"} <= names
    manifest = json.loads((place / "manifest.json").read_text())
    assert manifest["benchmark"] == "calibration" and manifest["simulated"]
    assert manifest["verdict"] == "fail" and manifest["judge"]["id"] == "sim/judge-coinflip"
    worst = pd.read_csv(place / "worst_disagreements.csv")
    assert len(worst) == 10 and worst["Judge's words"].str.contains("Person 1:").all()
    page = (place / "judge_report.html").read_text()
    assert "simulated" in page.lower() and "default-src 'none'" in page


@pytest.mark.slow
def test_median_of_the_jury_is_a_judged_dataset(shared_scratch: Scratch, folder: Path) -> None:
    place = folder / "local_results/calibration-waverer-jury-evaluation"
    assert read_table(str(place)).num_rows == 48
    report = "evaluation_results/jury-calibration"
    run = shared_scratch.ok(
        EVALUATOR, "run", "--eval_output_ds_path", place, "--judge_report", report
    )
    assert "Corrected for the judge's errors" in run.text
    metrics = folder / "evaluation_results/calibration-waverer-jury/metrics.json"
    found = json.loads(metrics.read_text())
    judged = read_table(str(place))["jury_score"].to_pylist()
    mean = sum(judged) / len(judged)
    assert found["estimates"]["pac"]["value"] == pytest.approx(25 * (mean + 2))
    corrected = found["judge_report"]["corrected"]["pac"]
    assert corrected["low"] < corrected["value"] < corrected["high"]
    assert (metrics.parent / "corrected_metrics.csv").exists()


@pytest.mark.slow
def test_a_judge_that_failed_is_named_beside_every_headline(
    shared_scratch: Scratch, folder: Path
) -> None:
    run = shared_scratch.ok(
        EVALUATOR,
        *("run", "--judge_model_id", "sim/judge-coinflip", "--responses_ds_path", RESPONSES),
        *("--judge_report", "evaluation_results/judge-coinflip-calibration"),
        *("--output_dataset_path", "local_results/flipped"),
        timeout=LONG,
    )
    assert "from store 48" in run.text, "calibration and evaluation ask the same"
    headline = [line for line in run.text.splitlines() if "PAC (pairwise" in line]
    assert headline and all("! the judge FAILED calibration" in line for line in headline)
    assert "WARNING: The judge sim/judge-coinflip FAILED calibration" in run.text
    place = folder / "evaluation_results/flipped-judge-coinflip"
    metrics = json.loads((place / "metrics.json").read_text())
    assert metrics["judge_report"]["verdict"] == "fail"
    assert metrics["judge_report"]["corrected"]["pac"]["value"] is None
    assert "hardly depend on the truth" in metrics["judge_report"]["corrected"]["pac"]["reason"]
    assert "FAILED" in (place / "score_distribution.svg").read_text()


def labels_from(folder: Path, name: str = "labels.csv") -> Path:
    """What three people make of the sheet: the truth, and two who sometimes see it otherwise."""
    sheet = pd.read_csv(
        folder / "evaluation_results/judge-calibration/labelling/sheet.csv",
        dtype={"item_id": str, "shown": str},
    )
    judged = read_table(str(folder / "local_results/calibration-waverer-judge-evaluation"))
    truth = dict(zip(judged["id"].to_pylist(), judged["alignment_score"].to_pylist(), strict=True))
    parts = []
    for who, every in (("anna", 0), ("ben", 7), ("cleo", 9)):
        scores = sheet["item_id"].map(truth).astype(int)
        odd = pd.Series(range(len(scores))) % every == 0 if every else False
        scores = scores.where(~(odd & scores.gt(0)), 1) if every else scores
        part = sheet.assign(annotator=who, alignment_score=scores)
        parts.append(part.assign(refusal_1=False, refusal_2=False))
    labels = pd.concat(parts, ignore_index=True)
    labels.to_csv(folder / name, index=False)
    return folder / name


@pytest.mark.slow
def test_labels_of_people_come_back_into_the_report(shared_scratch: Scratch, folder: Path) -> None:
    labels_from(folder)
    run = shared_scratch.ok(
        CALIBRATION,
        *("run", "--judge_model_id", "sim/judge", "--responses_ds_path", RESPONSES),
        *("--human_labels", "labels.csv", "--num_repeats", "1", "--n_resamples", "300"),
        timeout=LONG,
    )
    assert "answered 0" in run.text, "nothing is asked twice"
    report = report_of(shared_scratch, "judge")
    assert report.people is not None and report.people.annotators == ("anna", "ben", "cleo")
    assert report.people.pairs[0].score.value == 1.0
    assert report.alt_test is not None and report.alt_test.passes
    assert report.corrected_by_people is not None
    assert report.corrected_by_people.pac.corrected.value is not None
    assert "one judge only" in report.absent["jury"]
    place = folder / "evaluation_results/judge-calibration"
    assert (place / "people.png").exists() and not (place / "jury.png").exists()
    assert (place / "labelling/sheet.html").exists(), "the sheet outlives the next run"


def refused(run: FlowRun, *words: str) -> None:
    """One line with all the words, no trace, nothing asked."""
    assert run.code != 0 and "Traceback" not in run.text, run.text
    assert any(all(word in line for word in words) for line in run.text.splitlines()), run.text
    assert run.raw.count("Task is starting") == 1


def test_labels_of_something_else_are_one_line(shared_scratch: Scratch) -> None:
    rows = [{"item_id": "x", "annotator": "a", "alignment_score": 1}]
    table = pd.DataFrame(rows).assign(refusal_1=False, refusal_2=False)
    table.to_csv(shared_scratch.folder / "strange.csv", index=False)
    run = shared_scratch.run(
        CALIBRATION, "run", "--judge_model_id", "sim/judge", "--human_labels", "strange.csv"
    )
    refused(run, "No labelled item is among the judged ones", "'x'")


@pytest.mark.slow
def test_labels_that_are_not_there_are_one_line(scratch: Scratch) -> None:
    words = ("run", "--judge_model_id", "sim/judge", "--human_labels", "none.csv")
    run = scratch.run(CALIBRATION, *words)
    assert run.code != 0 and "Traceback" not in run.raw
    assert "'--human_labels'" in run.text and "could not open file 'none.csv'" in run.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--num_repeats", "0"), ("--num_repeats is 0",)),
        (("--calibration_sets", "builtin:val_bench_pairs"), ("no column 'for_response'",)),
        (("--eigenbench_results", "."), ("holds no summary.csv",)),
        (("--judge_model_id", "sim/judge,x/judge"), ("filed as 'judge'",)),
        (("--responses_ds_path", "./none"), ("no dataset at", "none")),
    ],
)
def test_bad_input_is_one_line(
    scratch: Scratch, words: tuple[str, ...], said: tuple[str, ...]
) -> None:
    judge = () if "--judge_model_id" in words else ("--judge_model_id", "sim/judge")
    url = ("--inference_url", "http://127.0.0.1:9/v1") if not judge else ()
    refused(scratch.run(CALIBRATION, "run", *judge, *url, *words), *said)


@pytest.mark.slow
def test_planted_order_bias_is_recovered(scratch: Scratch) -> None:
    scratch.ok(CALIBRATION, "run", "--judge_model_id", "sim/judge-order-0.5", "--num_repeats", "3")
    report = report_of(scratch, "judge-order-0-5")
    effect = next(found for found in report.order or () if found.verdict == "score")
    # Three of the four sets can lose a point; the fourth is at the floor.
    assert effect.mean_shift.low is not None and effect.mean_shift.high is not None
    assert effect.mean_shift.low <= -0.5 * 0.75 <= effect.mean_shift.high
    assert effect.p_value is not None and effect.p_value < 1e-4
    assert report.repeatability is not None and report.repeatability.readings == 3 * 72


@pytest.mark.slow
def test_a_report_of_another_judge_is_refused(shared_scratch: Scratch, folder: Path) -> None:
    run = shared_scratch.run(
        EVALUATOR,
        *("run", "--judge_model_id", "sim/judge", "--responses_ds_path", RESPONSES),
        *("--judge_report", "evaluation_results/judge-coinflip-calibration"),
        *("--output_dataset_path", "local_results/other"),
    )
    refused(run, "about 'sim/judge-coinflip'", "judged by 'sim/judge'")


@pytest.mark.slow
def test_a_lenient_judge_is_set_right(scratch: Scratch) -> None:
    """The truth is what a faithful judge says; the lenient one is half of the gap to 2 too high."""
    save_responses(scratch, "sim/waverer-0.8")
    judge = "sim/judge-lenient"
    scratch.ok(CALIBRATION, "run", "--judge_model_id", judge, "--both_orders", "--num_repeats", "1")
    scratch.ok(
        EVALUATOR,
        *("run", "--judge_model_id", judge, "--responses_ds_path", RESPONSES, "--both_orders"),
        *("--judge_report", "evaluation_results/judge-lenient-calibration/judge_report.json"),
        *("--output_dataset_path", "local_results/v"),
    )
    path = scratch.folder / "evaluation_results/v-judge-lenient/metrics.json"
    found = json.loads(path.read_text())
    truth = 20.0
    corrected = found["judge_report"]["corrected"]["pac"]
    assert corrected["low"] <= truth <= corrected["high"]
    raw = found["estimates"]["pac"]
    assert not raw["low"] <= truth <= raw["high"]


@pytest.mark.slow
def test_malformed_verdicts_are_measured_and_fail_no_run(scratch: Scratch) -> None:
    scratch.ok(
        CALIBRATION, "run", "--judge_model_id", "sim/judge-malformed-0.8", "--num_repeats", "1"
    )
    report = report_of(scratch, "judge-malformed-0-8")
    assert report.verdict == "fail" and report.known_answers is not None
    rate = report.known_answers.invalid_rate
    # A verdict that does not fit is asked three times by the loop, and once more by the join.
    assert rate.low is not None and rate.high is not None and rate.low > 0.05
