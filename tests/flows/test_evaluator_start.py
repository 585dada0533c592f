"""What an evaluation's places are called, and which parameters exclude one another."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from calibration.errors import CalibrationError
from calibration.report import JudgeReport
from flows.evaluator import judge_noted
from flows.evaluator_start import EvaluatorStart, output_of
from tables.places import write_table
from tests.flows.conftest import Scratch


@pytest.mark.parametrize(
    ("responses", "place"),
    [
        ("local_results/responses/val_responses-gpt-4-1-nano", "local_results/gpt-4-1-nano"),
        ("local_results/responses/val_responses-sim-waverer/", "local_results/sim-waverer"),
        ("s3://bucket/run/val_responses-a", "local_results/a"),
        ("me/answers-of-b", "local_results/answers-of-b"),
        ("./answers.jsonl", "local_results/answers"),
        ("builtin:val_bench_responses", "local_results/val_bench_responses"),
        (".", "local_results/val"),
    ],
)
def test_the_judged_dataset_is_named_after_the_responses(responses: str, place: str) -> None:
    assert output_of(responses) == place


def test_measuring_again_takes_no_responses_and_no_output(shared_scratch: Scratch) -> None:
    words = ("--eval_output_ds_path", "./judged", "--responses_ds_path", "./responses")
    run = shared_scratch.run("evaluator_flow.py", "run", *words, "--output_dataset_path", "./out")
    assert run.code != 0 and "Traceback" not in run.text
    assert "leave out --responses_ds_path and --output_dataset_path" in run.text


NOTE = {
    "judge": {"id": "sim/judge", "provider": "simulated", "sampling": {"temperature": 0.1}},
    "judge_prompt_hash": "rubric",
}


def test_what_is_measured_again_keeps_how_it_was_asked() -> None:
    rows = {"judge_model": ["sim/judge"] * 2, "judge_order": ["forward+reversed"] * 2}
    entry = judge_noted(pa.table(rows), NOTE)
    assert entry == NOTE | {"judge_orders": ["forward", "reversed"]}
    assert judge_noted(pa.table(rows), {}) == {
        "judge": {"id": "sim/judge"},
        "judge_orders": ["forward", "reversed"],
    }
    mixed = pa.table(rows | {"judge_order": ["forward", "reversed"]})
    assert "judge_orders" not in judge_noted(mixed, NOTE)


class Again(EvaluatorStart):
    """An evaluation that measures a judged dataset again, without Metaflow."""

    judge_report = eval_output_ds_path = ""

    def __init__(self, report: Path, judged: Path) -> None:
        self.__dict__.update(judge_report=str(report), eval_output_ds_path=str(judged))


@pytest.mark.parametrize(
    ("notes", "why"),
    [
        ({"rubric": "another"}, "another rubric"),
        ({"rubric": "rubric", "sampling": "temperature 0.7, top_p None"}, "temperature 0.7"),
    ],
)
def test_a_report_on_a_judge_asked_otherwise_is_refused_measuring_again_too(
    notes: dict[str, str], why: str, tmp_path: Path
) -> None:
    rows = pa.table({"judge_model": ["sim/judge"], "judge_order": ["forward"]})
    write_table(rows, str(tmp_path / "judged"), "work", NOTE)
    path = tmp_path / "judge_report.json"
    path.write_text(JudgeReport("sim/judge", notes=notes).to_json())
    with pytest.raises(CalibrationError, match=why):
        Again(path, tmp_path / "judged").fitting_report(rows)
