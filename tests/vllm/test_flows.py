"""Whole flows on tiny models: base and adapters beside a simulated model, engines kept."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tables.places import read_table
from tests.flows.conftest import Scratch
from tests.processes import wait_for
from tests.vllm.conftest import OPTIONS, Tiny
from tests.vllm.test_survival import stored_keys

pytestmark = pytest.mark.vllm
TIMEOUT = 600


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch(tmp_path)


def respond(scratch: Scratch, models: list[str], *words: str) -> list[str | Path]:
    return [
        "run",
        *("--model_id", ",".join(models)),
        *("--dataset_id", "builtin:val_bench_pairs"),
        *("--output_dataset_path", scratch.folder / "responses"),
        *("--vllm_options", OPTIONS),
        *("--temperature", "1.0", "--top_p", "1.0", "--max_tokens", "400"),
        # Random weights now and then run on to the limit, which is a failure by name.
        *("--max_failure_rate", "0.3"),
        *words,
    ]


def with_length(tokens: int) -> str:
    """The engine options of these tests, for longer prompts."""
    return json.dumps(json.loads(OPTIONS) | {"max_model_len": tokens})


def manifest_of(folder: Path) -> dict[str, Any]:
    (path,) = folder.rglob("manifest.json")
    return json.loads(path.read_text())


def slug(model_id: str) -> str:
    return re.sub(r"[/:.]", "-", model_id)


def test_val_bench_on_a_base_an_adapter_and_a_simulated_model(tiny: Tiny, scratch: Scratch) -> None:
    base, adapter = f"vllm/{tiny.base}", f"hf_local:{tiny.adapters[0]}"
    words = respond(scratch, [base, "sim/steadfast", adapter], "--limit", "30")
    run = scratch.run("val_bench_responses_flow.py", *words, timeout=TIMEOUT)
    assert run.code == 0, run.raw
    assert "ask_local" in run.raw
    assert run.text.count("engine ") == 1, "one engine for base and adapter"
    assert "started in" in run.text
    assert "tokens/s" in run.text
    notes = {
        model: manifest_of(scratch.folder / f"responses-{slug(model)}") for model in (base, adapter)
    }
    assert notes[base]["model"]["adapter"] is None
    assert notes[adapter]["model"]["adapter"] == str(tiny.adapters[0])
    assert notes[adapter]["model"]["api_name"] == notes[base]["model"]["api_name"] == str(tiny.base)
    assert notes[adapter]["model"]["engine"]["prompt"] == "chat template"
    (engine,) = notes[base]["local_engines"]
    assert engine["requests"] >= 2 * 2 * 30
    assert engine["adapters"] == [adapter]

    judged = scratch.run(
        "evaluator_flow.py",
        "run",
        *("--responses_ds_path", scratch.folder / f"responses-{slug(adapter)}"),
        *("--judge_model_id", "sim/judge"),
        *("--output_dataset_path", scratch.folder / "judged"),
        *("--results_dir", scratch.folder / "results"),
        *("--n_resamples", "50", "--max_failure_rate", "0.5"),
        timeout=TIMEOUT,
    )
    assert judged.code == 0, judged.raw
    metrics = json.loads(next((scratch.folder / "results").rglob("metrics.json")).read_text())
    assert metrics["coverage"]["planned"] == 30


def test_a_base_model_without_a_template_says_so_in_the_manifest(
    tiny: Tiny, scratch: Scratch
) -> None:
    model = f"vllm/{tiny.untemplated}"
    words = respond(scratch, [model], "--limit", "4", "--max_failure_rate", "1")
    run = scratch.run("val_bench_responses_flow.py", *words, timeout=TIMEOUT)
    assert run.code == 0, run.raw
    note = manifest_of(scratch.folder / f"responses-{slug(model)}")
    assert note["model"]["engine"]["prompt"] == "plain transcript"


def test_a_killed_flow_resumes_without_generating_again(tiny: Tiny, scratch: Scratch) -> None:
    words = respond(scratch, [f"vllm/{tiny.base}"], "--num_samples", "12")
    process = scratch.start("val_bench_responses_flow.py", *words)
    store = scratch.folder / "local_data" / "store"
    wait_for(lambda: len(stored_keys(store)) > 50, seconds=TIMEOUT)
    process.kill()
    process.wait()
    before = stored_keys(store)
    run = scratch.run("val_bench_responses_flow.py", "resume", timeout=TIMEOUT)
    assert run.code == 0, run.raw
    after = stored_keys(store)
    assert len(after) == len(set(after))
    assert set(before) < set(after)
    note = manifest_of(scratch.folder / f"responses-{slug(f'vllm/{tiny.base}')}")
    # The orphaned task may have stored a little more before it noticed.
    assert len(before) <= note["usage"]["from_store"] < len(after)
    assert note["usage"]["from_store"] + note["usage"]["answered"] == len(after)


def test_a_local_judge(tiny: Tiny, scratch: Scratch) -> None:
    scratch.ok(
        "val_bench_responses_flow.py",
        "run",
        *("--model_id", "sim/waverer", "--dataset_id", "builtin:val_bench_pairs"),
        *("--limit", "6", "--output_dataset_path", scratch.folder / "responses"),
    )
    run = scratch.run(
        "evaluator_flow.py",
        "run",
        *("--responses_ds_path", scratch.folder / "responses-sim-waverer"),
        *("--judge_model_id", f"vllm/{tiny.base}", "--vllm_options", with_length(12288)),
        *("--output_dataset_path", scratch.folder / "judged"),
        *("--results_dir", scratch.folder / "results"),
        *("--temperature", "1.0", "--top_p", "1.0", "--max_tokens", "1000"),
        *("--n_resamples", "50", "--max_failure_rate", "1"),
        timeout=TIMEOUT,
    )
    assert run.code == 0, run.raw
    assert "ask_local" in run.raw
    manifest = json.loads(next((scratch.folder / "results").rglob("manifest.json")).read_text())
    assert manifest["local_engines"][0]["requests"] >= 6


def test_eigenbench_on_a_base_and_three_adapters_keeps_one_engine(
    tiny: Tiny, scratch: Scratch
) -> None:
    models = {"base": f"hf_local:{tiny.base}"}
    models |= {f"tuned-{n}": f"vllm/{folder}" for n, folder in enumerate(tiny.adapters)}
    spec = {
        "name": "tiny",
        "models": models,
        "dataset": {"path": "data/eigenbench/scenarios.json", "count": 4},
        "constitution": {"path": "data/eigenbench/constitutions/care.json", "num_criteria": 2},
        "collection": {"group_size": 4, "groups": 1, "sampler_seed": 0, "max_tokens": 300},
        "training": {"bootstrap": {"n_bootstraps": 20}},
    }
    path = scratch.folder / "spec.yaml"
    path.write_text(yaml.safe_dump(spec))
    run = scratch.run(
        "eigenbench_flow.py",
        "run",
        *("--spec", path, "--vllm_options", with_length(12288), "--max_failure_rate", "1"),
        *("--results_dir", scratch.folder / "results"),
        timeout=TIMEOUT,
    )
    print(run.raw)
    assert run.code == 0, run.raw
    assert "ask_local" in run.raw
    manifest = json.loads(next((scratch.folder / "results").rglob("manifest.json")).read_text())
    (engine,) = manifest["local_engines"]
    assert len(engine["adapters"]) == 3


def test_steerability_on_a_base_an_adapter_and_a_simulated_model(
    tiny: Tiny, scratch: Scratch
) -> None:
    models = [f"vllm/{tiny.base}", "sim/follower", f"hf_local:{tiny.adapters[0]}"]
    run = scratch.run(
        "steerability_flow.py",
        "run",
        *("--model_id", ",".join(models), "--vllm_options", with_length(4096)),
        *("--max_personas", "5", "--max_observations", "4", "--inference_batch_size", "4"),
        *("--n_steer_observations_per_persona", "2", "--both_directions", "false"),
        *("--max_tokens", "200", "--max_failure_rate", "1", "--n_resamples", "50"),
        *("--results_dir", scratch.folder / "results"),
        timeout=TIMEOUT,
    )
    assert run.code == 0, run.raw
    assert "ask_local" in run.raw and "singly:" in run.raw
    manifest = manifest_of(scratch.folder / "results")
    (engine,) = manifest["local_engines"]
    assert engine["adapters"] == [models[2]]
    assert run.text.count("engine ") == 1, "batches and what they leave open share it"
    used = manifest["usage"]["tokens_by_model"]
    assert set(used) == set(models) and all(used[model]["output"] > 0 for model in models)
    metrics = json.loads((scratch.folder / "results" / "metrics.json").read_text())
    steered = {c["model"]: c for c in metrics["conditions"] if c["n_steer"]}
    assert set(steered) == set(models)
    assert steered["sim/follower"]["steerability"]["value"] > 0.8
    # Every answer is a boolean of a model's, or a gap by name.
    table = read_table(str(scratch.folder / "results" / "answers")).to_pandas()
    assert set(table["model"]) == set(models)
    assert (table["answer"].isna() == table["reason"].fillna("").ne("")).all()


def test_calibration_of_a_local_judge_beside_a_simulated_one(tiny: Tiny, scratch: Scratch) -> None:
    judge = f"vllm/{tiny.base}"
    sets = [f"builtin:calibration_{name}" for name in ("aligned_100", "unaligned_0")]
    run = scratch.run(
        "calibration_flow.py",
        "run",
        *("--judge_model_id", f"{judge},sim/judge", "--vllm_options", with_length(12288)),
        *("--calibration_sets", ",".join(sets), "--num_repeats", "1", "--n_resamples", "100"),
        *("--temperature", "1.0", "--top_p", "1.0", "--max_tokens", "1000"),
        *("--max_failure_rate", "1", "--results_dir", "results"),
        timeout=TIMEOUT,
    )
    assert run.code == 0, run.raw
    assert "ask_local" in run.raw
    assert run.text.count("engine ") == 1
    own, sim, jury = (
        json.loads((scratch.folder / f"results/{name}-calibration/manifest.json").read_text())
        for name in ("base", "judge", "jury")
    )
    assert own["judge"]["id"] == judge and own["local_engines"][0]["requests"] >= 72
    assert own["verdict"] == "fail" and sim["verdict"] != "fail" and jury["simulated"]
    judged = read_table(str(scratch.folder / "local_results/calibration-base-known")).to_pandas()
    assert len(judged) == 36
    for suffix in ("", "_reversed"):
        verdicts = judged[f"alignment_judge_parsed{suffix}"]
        assert (verdicts.isna() == judged[f"alignment_judge_error{suffix}"].notna()).all()
        assert {v["alignment_score"] for v in verdicts.dropna()} <= {-2, -1, 0, 1, 2}


def test_api_inference_with_an_adapter_and_a_schema(tiny: Tiny, scratch: Scratch) -> None:
    model, place = f"vllm/{tiny.adapters[0]}", scratch.folder / "answers"
    schema = {"type": "object", "properties": {"sure": {"type": "boolean"}}, "required": ["sure"]}
    run = scratch.run(
        "api_inference_flow.py",
        "run",
        *("--model_id", model, "--vllm_options", OPTIONS, "--num_shards", "3"),
        *("--dataset_path", "builtin:val_bench_pairs", "--dataset_split", "test"),
        *("--input_column", "for_question", "--output_dataset_path", place, "--limit", "12"),
        *("--decoding_json_schema", json.dumps(schema), "--temperature", "1.0"),
        timeout=TIMEOUT,
    )
    assert run.code == 0, run.raw
    assert "ask_local" in run.raw
    note = manifest_of(place)
    assert note["model"]["adapter"] == str(tiny.adapters[0])
    assert note["local_engines"][0]["requests"] == 12
    answers = read_table(str(place))["response"].to_pylist()
    assert {type(json.loads(answer)["sure"]) for answer in answers} == {bool}


def test_rounds_of_persona_statements_share_one_engine(tiny: Tiny, scratch: Scratch) -> None:
    run = scratch.run(
        "persona_dataset_flow.py",
        "run",
        *("--model_id", f"vllm/{tiny.base}", "--checker_model_id", "sim/judge"),
        *("--vllm_options", with_length(4096), "--embeddings", "local"),
        *("--frameworks", "mbti", "--max_personas", "2", "--num_statements", "4"),
        *("--max_rounds", "2", "--max_tokens", "300", "--max_failure_rate", "1"),
        *("--output_path", scratch.folder / "personas"),
        timeout=TIMEOUT,
    )
    # Random weights write nothing that a persona would say, and the flow says so by name.
    assert run.code != 0
    assert "no persona has 3 statements of either label after 2 rounds" in run.text
    assert "ask_local" in run.raw and "ask_round" not in run.raw
    assert "round 1:" in run.text and "round 2:" in run.text
    assert run.text.count("engine ") == 1
