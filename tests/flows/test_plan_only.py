"""`--plan_only`: nothing is sent or claimed, and a run then sends as much as was told."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from flows.evaluator_start import EvaluatorStart
from flows.suite_options import FLAGS, parameters_of
from flows.suite_spec import OURS
from flows.tags import tags_of
from inference import ModelRef
from tables.places import write_table
from tests.calibration.asked import responses
from tests.flows.conftest import ROOT, Scratch
from tests.model_server import ModelServer
from tests.simulated_reply import reply

RESPONSES = "val_bench_responses_flow.py"
EVALUATOR = "evaluator_flow.py"
CALIBRATION = "calibration_flow.py"
API = "api_inference_flow.py"
KEYS = {"OPENAI_API_KEY": "sk-planted-0123456789abcdef"}
_ARTIFACT = """
import json, sys
from metaflow import Flow, namespace
namespace(None)
print(json.dumps(Flow(sys.argv[1]).latest_run.data.request_plan))
"""


def made_plan(scratch: Scratch, flow: str) -> dict[str, Any]:
    """The plan that the latest run of a flow keeps as an artifact."""
    done = subprocess.run(
        [sys.executable, "-c", _ARTIFACT, flow],
        env=scratch.env | {"PYTHONPATH": str(ROOT)},
        cwd=scratch.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def left_behind(scratch: Scratch) -> set[str]:
    """The files that runs left, beside Metaflow's own."""
    files = (str(path.relative_to(scratch.folder)) for path in scratch.files())
    return {file for file in files if not file.startswith(".")}


@pytest.mark.parametrize(
    "flow",
    ["val_bench_responses", "evaluator", "calibration", "api_inference", "steerability"],
)
def test_the_parameter_stands_once(flow: str) -> None:
    assert parameters_of(flow)["plan_only"] is parameters_of("suite")["plan_only"]
    assert "plan_only" not in parameters_of("asking_parameters")


def test_a_suite_sets_it_itself() -> None:
    assert "plan_only" in FLAGS
    assert all("plan_only" in OURS[name] for name in OURS if name not in ("asking", "eigenbench"))


def test_a_plan_is_tagged() -> None:
    planned = SimpleNamespace(plan_only=True, judge_model_id="sim/judge")
    assert tags_of(planned, "EvaluatorFlow")[-1] == "plan_only"
    asked = SimpleNamespace(plan_only=False, judge_model_id="sim/judge")
    assert "plan_only" not in tags_of(asked, "EvaluatorFlow")


@pytest.mark.parametrize(
    ("plan_only", "judged", "local", "way"),
    [
        (True, "x", (), "plan_only"),
        (True, "", ("vllm/a/b",), "plan_only"),
        (False, "x", ("vllm/a/b",), "measure"),
        (False, "", ("vllm/a/b",), "here"),
        (False, "", (), "elsewhere"),
    ],
)
def test_a_plan_wins_over_every_other_way(
    plan_only: bool, judged: str, local: tuple[str, ...], way: str
) -> None:
    class Started(EvaluatorStart):
        def __init__(self) -> None:
            pass

    Started.plan_only, Started.eval_output_ds_path = plan_only, judged
    Started.local_models = tuple(ModelRef(name, "vllm", name) for name in local)
    assert Started().choose_way() == way


@pytest.mark.slow
def test_responses_planned_begun_planned_and_asked(scratch: Scratch) -> None:
    """A priced and an unpriced model: first nothing is known, then the lengths of 24 answers."""
    with ModelServer(reply=reply) as server:
        env = {**KEYS, "OPENAI_BASE_URL": server.openai_url}
        words = (
            "run",
            "--model_id",
            "gpt-4.1-nano,o9-new",
            "--dataset_id",
            "builtin:val_bench_pairs",
        )
        first = scratch.ok(RESPONSES, *words, "--plan_only", **env)
        assert not server.log.entries and not left_behind(scratch)
        assert "192 requests planned, 0 of them answered in the store, 192 to send" in first.text
        assert "No price for o9-new" in first.text
        assert "320 an answer are assumed" in first.text
        plan = made_plan(scratch, "ValBenchResponsesFlow")
        nano, new = plan["models"]
        assert (nano["to_send"], nano["output_tokens"]) == (96, 96 * 320)
        assert nano["cost_usd"] > 0 and new["cost_usd"] is None and plan["cost_usd"] is None

        look = ("--limit", "12", "--output_dataset_path", "local_results/look")
        scratch.ok(RESPONSES, *words, *look, **env)
        sent = len(server.log.entries)
        assert sent == 48
        second = scratch.ok(RESPONSES, *words, "--plan_only", **env)
        assert "192 requests planned, 48 of them answered in the store, 144 to send" in second.text
        assert "an answer of gpt-4.1-nano, the mean of 24 stored ones" in second.text
        assert len(server.log.entries) == sent
        assert not (scratch.folder / "local_results/responses").exists()

        scratch.ok(RESPONSES, *words, **env)
        assert len(server.log.entries) == sent + 144
        asked = [e.body["input"] for e in server.log.entries if e.body["model"] == "gpt-4.1-nano"]
        letters = sum(len(turn["content"]) for turns in asked for turn in turns)
        assert nano["input_tokens"] == pytest.approx(letters / 4, rel=0.4)


def test_a_plan_checks_what_a_run_checks_and_wants_no_key(scratch: Scratch) -> None:
    words = ("run", "--model_id", "gpt-4.1-nano", "--dataset_id", "builtin:val_bench_pairs")
    keyless = scratch.ok(RESPONSES, *words, "--plan_only")
    assert (
        "Before a run: gpt-4.1-nano needs the environment variable OPENAI_API_KEY" in keyless.text
    )
    assert "96 to send" in keyless.text
    place = "local_results/taken"
    write_table(pa.table({"a": [1]}), str(scratch.folder / place), "other work")
    (scratch.folder / "prompts.jsonl").write_text('{"prompt": "One?"}\n')
    taken = scratch.run(
        *(API, "run", "--dataset_path", "./prompts.jsonl", "--model_id", "sim/steadfast"),
        *("--output_dataset_path", place, "--plan_only"),
    )
    assert taken.code != 0 and "holds other work" in taken.text and "Traceback" not in taken.text


@pytest.mark.slow
def test_verdicts_planned_then_judged(scratch: Scratch) -> None:
    table = responses("sim/waverer").drop_columns(["item_id", "candidate"])
    write_table(table, str(scratch.folder / "local_results/waverer"), "test")
    before = left_behind(scratch)
    words = (
        *("run", "--judge_model_id", "sim/judge", "--both_orders", "--n_resamples", "50"),
        *("--responses_ds_path", "local_results/waverer", "--num_shards", "2"),
    )
    plan = scratch.ok(EVALUATOR, *words, "--plan_only")
    assert f"{2 * table.num_rows} to send" in plan.text and "$0.00" in plan.text
    assert left_behind(scratch) == before
    scratch.ok(EVALUATOR, *words)
    again = scratch.ok(EVALUATOR, *words, "--plan_only")
    assert f"{2 * table.num_rows} of them answered in the store, 0 to send" in again.text
    judged = "local_results/waverer-judge-evaluation"
    measured = scratch.ok(EVALUATOR, "run", "--eval_output_ds_path", judged, "--plan_only")
    assert "0 requests planned" in measured.text and "PAC" not in measured.text


@pytest.mark.slow
def test_readings_of_judges_planned_then_asked(scratch: Scratch) -> None:
    """72 known answers in both orders and once again, and 10 responses, for each judge."""
    table = responses("sim/waverer").drop_columns(["item_id", "candidate"])
    write_table(table, str(scratch.folder / "local_results/waverer"), "test")
    words = (
        *("run", "--judge_model_id", "sim/judge,sim/judge-lenient", "--num_repeats", "2"),
        *("--responses_ds_path", "local_results/waverer", "--limit", "10", "--n_resamples", "100"),
    )
    scratch.ok(CALIBRATION, *words, "--plan_only")
    plan = made_plan(scratch, "CalibrationFlow")
    assert [model["planned"] for model in plan["models"]] == [3 * 72 + 10] * 2
    assert not (scratch.folder / "evaluation_results").exists()
    scratch.ok(CALIBRATION, *words)
    folder = scratch.folder / "evaluation_results/judge-calibration"
    usage = json.loads((folder / "manifest.json").read_text())["usage"]
    assert usage["answered"] + usage["from_store"] == plan["planned"]
    assert usage["answered"] == plan["to_send"]


def test_any_column_planned(scratch: Scratch) -> None:
    """Rows that say the same are asked once; a short answer is not assumed to be long."""
    rows = [{"prompt": "How are you?" if n % 2 else f"What is {n}?"} for n in range(10)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (scratch.folder / "prompts.jsonl").write_text(lines)
    (scratch.folder / "prices.yaml").write_text("models: {mine: {input: 1, output: 100}}\n")
    with ModelServer(reply=reply) as server:
        run = scratch.ok(
            *(API, "run", "--dataset_path", "./prompts.jsonl", "--model_id", "mine"),
            *("--inference_url", server.openai_url, "--output_dataset_path", "./answers"),
            *("--max_tokens", "10", "--prices_path", "prices.yaml", "--plan_only"),
        )
        assert not server.log.entries
    assert "10 requests planned, 0 of them answered in the store, 6 to send" in run.text
    assert "4 requests equal others" in run.text
    plan = made_plan(scratch, "ApiInferenceFlow")
    assert plan["output_tokens"] == 60
    tokens_in = round(
        (len("How are you?") + sum(len(f"What is {n}?") for n in range(0, 10, 2))) / 4
    )
    assert plan["input_tokens"] == tokens_in
    assert plan["cost_usd"] == pytest.approx((tokens_in + 60 * 100) / 1e6)
    assert not (scratch.folder / "answers").exists()
