"""VAL-Bench end to end over HTTP: the published command lines, the files they leave, the scores."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pandas as pd
import pytest

from tables.places import read_table
from tests.flows.conftest import Scratch
from tests.model_server import ModelServer
from tests.simulated_reply import reply

RESPONSES = "val_bench_responses_flow.py"
EVALUATOR = "evaluator_flow.py"
PAIRS = ("--dataset_id", "builtin:val_bench_pairs")
KEY = "sk-planted-0123456789abcdef"


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer(reply=reply) as server:
        yield server


@pytest.fixture(scope="module")
def done(shared_scratch: Scratch, server: ModelServer) -> Scratch:
    """Both flows run by the published command lines: an OpenAI model, a judge behind a URL."""
    env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.openai_url}
    shared_scratch.ok(
        RESPONSES,
        "run",
        "--model_id",
        "gpt-4.1-nano",
        *PAIRS,
        "--output_dataset_path",
        "local_results/responses/val_responses",
        **env,
    )
    shared_scratch.ok(
        EVALUATOR,
        "run",
        "--responses_ds_path",
        "local_results/responses/val_responses-gpt-4-1-nano",
        "--inference_url",
        server.openai_url,
        "--output_dataset_path",
        "local_results/gpt-4-1-nano",
        **env,
    )
    return shared_scratch


def test_responses_dataset(done: Scratch) -> None:
    rows = read_table(str(done.folder / "local_results/responses/val_responses-gpt-4-1-nano"))
    assert rows.num_rows == 48
    row = rows.to_pylist()[0]
    assert row["for_prompt"][-1] == {"role": "user", "content": row["for_question"]}
    assert row["for_response"]["role"] == "assistant" and row["for_response"]["content"]
    assert row["against_response_error"] is None
    assert {"article_title", "section_title", "id", "category"} <= set(rows.column_names)


def test_both_flows_spoke_their_apis(done: Scratch, server: ModelServer) -> None:
    paths = {entry.path for entry in server.log.entries}
    assert paths == {"/v1/responses", "/v1/chat/completions"}
    judged = [e for e in server.log.entries if e.path == "/v1/chat/completions"]
    assert len(judged) == 48
    assert {e.body["model"] for e in judged} == {"google/gemma-3-27b-it"}
    assert judged[0].body["temperature"] == 0.1 and judged[0].body["max_tokens"] == 2048


def test_judged_dataset_and_results(done: Scratch) -> None:
    judged = read_table(str(done.folder / "local_results/gpt-4-1-nano-gemma-3-27b-it-evaluation"))
    assert {"evaluation_prompt", "alignment_judge_response", "alignment_judge_parsed"} <= set(
        judged.column_names
    )
    folder = done.folder / "evaluation_results/gpt-4-1-nano-gemma-3-27b-it"
    metrics = json.loads((folder / "metrics.json").read_text())
    scores = judged["alignment_score"].to_pylist()
    assert metrics["estimates"]["pac"]["value"] == pytest.approx(
        100 * (sum(scores) / len(scores) + 2) / 4
    )
    table = pd.read_csv(folder / "alignment_statistics.csv")
    assert table["Statistic"][0] == "Valid examples" and table["Value"][0] == 48
    for name in ("score_distribution", "category_metrics", "outcome_composition"):
        assert (folder / f"{name}.png").stat().st_size > 5_000


def test_manifest(done: Scratch) -> None:
    folder = done.folder / "evaluation_results/gpt-4-1-nano-gemma-3-27b-it"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["evaluated_model"] == "gpt-4.1-nano"
    assert manifest["judge"]["id"] == "google/gemma-3-27b-it"
    assert manifest["judge_prompt_hash"] and manifest["dataset"]["prompts_fingerprint"]
    assert manifest["usage"]["answered"] == 48 and manifest["usage"]["cost_usd"] is None
    assert not manifest["simulated"]


def test_planted_key_is_nowhere(done: Scratch) -> None:
    for path in done.files():
        assert KEY.encode() not in path.read_bytes(), path


@pytest.mark.slow
def test_second_run_asks_nothing(done: Scratch, server: ModelServer) -> None:
    asked = len(server.log.entries)
    run = done.ok(
        EVALUATOR,
        "run",
        "--responses_ds_path",
        "local_results/responses/val_responses-gpt-4-1-nano",
        "--inference_url",
        server.openai_url,
        "--output_dataset_path",
        "local_results/gpt-4-1-nano",
    )
    assert len(server.log.entries) == asked
    assert "from store 48" in run.text


@pytest.mark.slow
def test_reanalysis_asks_nothing_and_agrees(done: Scratch, server: ModelServer) -> None:
    asked = len(server.log.entries)
    done.ok(
        EVALUATOR,
        "run",
        "--results_dir",
        "again",
        "--eval_output_ds_path",
        "local_results/gpt-4-1-nano-gemma-3-27b-it-evaluation",
    )
    assert len(server.log.entries) == asked
    first = done.folder / "evaluation_results/gpt-4-1-nano-gemma-3-27b-it/metrics.json"
    assert (done.folder / "again/metrics.json").read_text() == first.read_text()
    noted, again = (
        json.loads((folder / "manifest.json").read_text())
        for folder in (first.parent, done.folder / "again")
    )
    for name in ("judge", "judge_orders", "judge_prompt_hash"):
        assert again[name] == noted[name]


@pytest.mark.slow
def test_planted_scores_are_recovered(scratch: Scratch) -> None:
    """Three simulated models with known scores, both orders, two shards each."""
    names = {"steadfast": 100.0, "agreeable": 0.0, "one-sided": 50.0}
    models = ",".join(f"sim/{name}" for name in names)
    scratch.ok(
        RESPONSES,
        "run",
        "--model_id",
        models,
        *PAIRS,
        "--num_shards",
        "2",
        "--output_dataset_path",
        "local_results/r",
    )
    for name, pac in names.items():
        run = scratch.ok(
            EVALUATOR,
            "run",
            "--judge_model_id",
            "sim/judge",
            "--both_orders",
            "--responses_ds_path",
            f"local_results/r-sim-{name}",
            "--num_shards",
            "2",
            "--output_dataset_path",
            f"local_results/{name}",
        )
        assert "SIMULATED" in run.text
        path = scratch.folder / f"evaluation_results/{name}-judge/metrics.json"
        assert json.loads(path.read_text())["estimates"]["pac"]["value"] == pac


@pytest.mark.slow
def test_any_model_on_any_column(scratch: Scratch) -> None:
    schema = '{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}'
    with ModelServer() as server:
        scratch.ok(
            "api_inference_flow.py",
            "run",
            "--dataset_path",
            "builtin:val_bench_pairs",
            "--input_column",
            "for_question",
            "--model_id",
            "any/model",
            "--limit",
            "5",
            "--inference_url",
            server.openai_url,
            "--decoding_json_schema",
            schema,
            "--output_dataset_path",
            "./answers",
            "--output_column",
            "answer",
        )
    answers = read_table(str(scratch.folder / "answers"))["answer"].to_pylist()
    assert len(answers) == 5 and all("a" in json.loads(answer) for answer in answers)
