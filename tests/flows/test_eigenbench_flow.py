"""EigenBench end to end over HTTP: planted ranks, round trips, growth, survival, bad input."""

from __future__ import annotations

import json
import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from benchmarks.eigenbench.trust import eigentrust, elo, trust_matrix
from tests.flows.conftest import FlowRun, Scratch
from tests.model_server import ModelServer, ServerProcess
from tests.processes import children_of, stored_in, wait_for
from tests.simulated_reply import reply

FLOW = "eigenbench_flow.py"
QUALITIES = {"caring": 0.9, "plain": 0.6, "hasty": 0.3}
SPEC: dict[str, Any] = {
    "name": "three",
    "models": {"caring": "eigen-0.9", "plain": "eigen-0.6", "hasty": "eigen-0.3-bias-1.5"},
    "dataset": {"path": "builtin:scenarios", "count": 24, "shuffle": True},
    "constitution": {"path": "builtin:care", "num_criteria": 5},
    "collection": {"group_size": 3, "sampler_seed": 3},
    "training": {"bootstrap": {"n_bootstraps": 100}},
}
TABLES = ("summary", "pairwise_probabilities", "trust_matrix", "judges", "reasons", "coverage")
PICTURES = ("elo", "trust_matrix", "dispositions", "held_out_by_dimension", "order_bias")
OUTPUTS = (
    *(f"{name}.csv" for name in TABLES),
    *(f"{name}.png" for name in PICTURES),
    *("bootstrap.parquet", "evaluations.jsonl", "fit.json", "model.npz", "manifest.json"),
)


def write_spec(folder: Path, name: str = "spec.yaml", **changes: object) -> str:
    path = folder / name
    path.write_text(yaml.safe_dump(SPEC | changes, sort_keys=False))
    return str(path)


def records_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer(reply=reply) as server:
        yield server


@pytest.fixture(scope="module")
def done(shared_scratch: Scratch, server: ModelServer) -> Path:
    """A finished run of three models behind a URL; its results folder."""
    spec = write_spec(shared_scratch.folder)
    run = shared_scratch.ok(FLOW, "run", "--spec", spec, "--inference_url", server.openai_url)
    assert "EigenBench: three, constitution builtin:care" in run.text
    return shared_scratch.folder / "evaluation_results/three/eigenbench"


def test_every_planned_request_was_sent_once(done: Path, server: ModelServer) -> None:
    sent = Counter(entry.key for entry in server.log.entries)
    requests = json.loads((done / "manifest.json").read_text())["plan"]["requests"]
    assert requests["comparisons"] == 24 * 6 and requests["responses"] == 72
    assert len(sent) == sum(requests.values()) and set(sent.values()) == {1}
    assert {entry.body["temperature"] for entry in server.log.entries} == {1.0}
    assert {entry.body["max_tokens"] for entry in server.log.entries} == {4096}


def test_results_are_all_there(done: Path) -> None:
    assert [name for name in OUTPUTS if not (done / name).is_file()] == []
    manifest = json.loads((done / "manifest.json").read_text())
    assert [model["name"] for model in manifest["models"]] == list(QUALITIES)
    assert not manifest["simulated"] and manifest["prompt_hashes"]["comparison"]
    assert manifest["usage"]["answered"] == sum(manifest["plan"]["requests"].values())
    covered = pd.read_csv(done / "coverage.csv")
    assert (covered["planned"] == covered["answered"]).all()


def test_models_rank_as_planted_and_the_bias_is_found(done: Path) -> None:
    table = pd.read_csv(done / "summary.csv").set_index("model")
    assert list(table.index) == list(QUALITIES)
    scores = 4 * np.tile(list(QUALITIES.values()), (3, 1))
    planted = elo(eigentrust(trust_matrix(scores, np.full(3, np.log(0.5)))).trust)
    # Counts of remarks differ by scenario and the penalty shrinks: near the truth, in its order.
    assert np.abs(table["elo"].to_numpy() - planted).max() < 40
    judges = pd.read_csv(done / "judges.csv").set_index("model")
    assert judges["order_bias"]["hasty"] == pytest.approx(1.5, abs=0.5)
    assert judges["order_bias_low"]["hasty"] > 0.5
    assert judges["order_bias"].drop("hasty").abs().max() < 0.5


def test_evaluations_are_in_the_published_format(done: Path) -> None:
    records = records_of(done / "evaluations.jsonl")
    assert len(records) == 144
    assert set(records[0]) == {
        *("constitution", "scenario", "scenario_index", "judge", "judge_name", "judge response"),
        *("eval1", "eval1_name", "eval1 response", "eval1 reflection"),
        *("eval2", "eval2_name", "eval2 response", "eval2 reflection"),
    }
    orders = Counter(
        (r["scenario_index"], r["judge"], *sorted((r["eval1"], r["eval2"]))) for r in records
    )
    assert all(count % 2 == 0 for count in orders.values())


@pytest.mark.slow
def test_analysing_the_judgements_alone_gives_the_same_numbers(
    done: Path, shared_scratch: Scratch, server: ModelServer
) -> None:
    """No URL, no key, no request; the spec's collection is left alone."""
    asked = len(server.log.entries)
    spec = write_spec(shared_scratch.folder)
    words = ("--evaluations_path", done / "evaluations.jsonl", "--results_dir", "again")
    shared_scratch.ok(FLOW, "run", "--spec", spec, *words)
    again = shared_scratch.folder / "again"
    for name in ("summary", "judges", "trust_matrix", "pairwise_probabilities", "reasons"):
        assert (again / f"{name}.csv").read_text() == (done / f"{name}.csv").read_text()
    assert (again / "evaluations.jsonl").read_bytes() == (done / "evaluations.jsonl").read_bytes()
    assert len(server.log.entries) == asked


@pytest.mark.slow
def test_a_plan_says_what_a_new_model_costs_and_the_run_sends_just_that(
    done: Path, shared_scratch: Scratch, server: ModelServer
) -> None:
    before = Counter(entry.key for entry in server.log.entries)
    models = SPEC["models"] | {"late": "eigen-0.75"}
    spec = write_spec(shared_scratch.folder, "grown.yaml", models=models)
    words = ("--spec", spec, "--inference_url", server.openai_url)
    plan = shared_scratch.ok(FLOW, "run", *words, "--plan_only")
    found = re.search(
        r"(\d+) requests planned, (\d+) of them answered already.* (\d+) to send", plan.text
    )
    assert found, plan.text
    planned, answered, to_send = map(int, found.groups())
    pilot = len(server.log.entries) - before.total()
    assert 0 < pilot < 40 and planned == answered + to_send
    assert "tokens in" in plan.text and "unpriced" in plan.text
    shared_scratch.ok(FLOW, "run", *words)
    after = Counter(entry.key for entry in server.log.entries)
    assert after.total() == before.total() + pilot + to_send
    assert all(after[key] == 1 for key in after), "something was asked twice"
    records = records_of(done / "evaluations.jsonl")
    assert len(records) > 144 and {r["judge_name"] for r in records} == set(models)
    manifest = json.loads((done / "manifest.json").read_text())
    assert manifest["plan"]["stages"] == [3, 4]
    # Re-ordering the ensemble would make other records of the same indices.
    other = write_spec(shared_scratch.folder, "other.yaml", models=dict(reversed(models.items())))
    refused(
        shared_scratch.run(FLOW, "run", "--spec", other, "--inference_url", server.openai_url),
        "holds a run of other models",
        "add new models at the end",
    )


@pytest.mark.slow
def test_kill_9_in_a_shard_then_resume_asks_nothing_stored(scratch: Scratch) -> None:
    """Two shards a phase, killed among the reflections; the end equals one undisturbed task's."""
    spec = write_spec(scratch.folder)
    words = ("--spec", spec, "--batch_size", "8")
    with ServerProcess(reply="tests.simulated_reply:reply", latency=0.2) as server:
        url = ("--inference_url", server.openai_url)
        launcher = scratch.start(FLOW, "run", *words, *url, "--num_shards", "2")
        wait_for(lambda: server.stats()["requests"] > 90)
        for child in [*children_of(launcher.pid), launcher.pid]:
            os.kill(child, signal.SIGKILL)
        launcher.communicate()
        sent = len(server.log.entries)
        stored = len(stored_in(scratch.folder / "local_data/store"))
        assert stored >= 72
        scratch.ok(FLOW, "resume")
        asked = Counter(entry.key for entry in server.log.entries)
        assert asked.total() - sent == len(asked) - stored
        scratch.ok(FLOW, "run", *words, *url, "--store_path", "other", "--results_dir", "whole")
    resumed = scratch.folder / "evaluation_results/three/eigenbench"
    for name in ("evaluations.jsonl", "summary.csv", "coverage.csv"):
        assert (resumed / name).read_bytes() == (scratch.folder / "whole" / name).read_bytes()


@pytest.mark.slow
def test_responses_alone_then_direct_ratings_that_reuse_them(scratch: Scratch) -> None:
    models = {name: f"sim/eigen-{quality}" for name, quality in QUALITIES.items()}
    cache = {"cached_responses_path": "cache.jsonl"}
    alone = write_spec(
        scratch.folder,
        "alone.yaml",
        models=models,
        collection=cache | {"enabled": False},
        training={"enabled": False},
    )
    scratch.ok(FLOW, "run", "--spec", alone)
    rows = records_of(scratch.folder / "cache.jsonl")
    assert len(rows) == 24 and set(rows[0]["responses"]) == set(QUALITIES)
    manifest = json.loads((scratch.folder / "cache.jsonl.manifest.json").read_text())
    assert manifest["mode"] == "responses" and manifest["plan"]["requests"] == {"responses": 72}
    rows[0]["responses"]["plain"] = "A planted answer."
    del rows[1]["responses"]["plain"]
    (scratch.folder / "cache.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    direct = write_spec(
        scratch.folder,
        "direct.yaml",
        models=models,
        collection=cache | {"sampler_mode": "partitioned", "response_redundancy": 2},
        evaluation={"mode": "direct_rating"},
    )
    run = scratch.ok(FLOW, "run", "--spec", direct)
    assert "SIMULATED" in run.text and "71 responses come from cache.jsonl" in run.text
    folder = scratch.folder / "evaluation_results/three/eigenbench"
    covered = pd.read_csv(folder / "coverage.csv").groupby("phase").sum()
    assert covered.loc["responses", ["planned", "reused", "answered"]].tolist() == [72, 71, 1]
    assert covered.loc["ratings", "answered"] == 24 * 3 * 2
    records = records_of(folder / "evaluations.jsonl")
    assert any(r["response"] == "A planted answer." for r in records)
    completed = records_of(scratch.folder / "cache.jsonl")
    assert all(set(row["responses"]) == set(QUALITIES) for row in completed)
    assert list(pd.read_csv(folder / "summary.csv")["model"]) == list(QUALITIES)


@pytest.mark.slow
def test_failures_stop_a_run_or_are_counted(scratch: Scratch) -> None:
    spec = write_spec(scratch.folder)
    with ModelServer(reply=reply, sticky_faults={"content_filter": 0.1}) as server:
        words = ("--spec", spec, "--inference_url", server.openai_url)
        stopped = scratch.run(FLOW, "run", *words)
        assert stopped.code != 0 and "Traceback" not in stopped.text
        assert "of 72 requests failed" in stopped.text and "filtered" in stopped.text
        assert not (scratch.folder / "evaluation_results").exists()
        run = scratch.ok(FLOW, "run", *words, "--max_failure_rate", "0.5")
    folder = scratch.folder / "evaluation_results/three/eigenbench"
    records = records_of(folder / "evaluations.jsonl")
    reasons = pd.read_csv(folder / "reasons.csv")
    assert {"filtered", "not asked: a response is missing"} <= set(reasons["reason"])
    assert len(records) + reasons["records"].sum() == 144
    assert all(isinstance(value, int | str) for record in records for value in record.values())
    assert "not used:" in run.text


# Bad input -------------------------------------------------------------------------------------


def refused(run: FlowRun, *words: str) -> None:
    """The run failed with one line that has all of `words`, and no stack trace."""
    assert run.code != 0 and "Traceback" not in run.text, run.text
    lines = [line for line in run.text.splitlines() if all(word in line for word in words)]
    assert lines, f"no line with {words} in:\n{run.text}"
    assert run.raw.count("Task is starting") == 1, "start was retried"


def test_bad_input_is_one_line_before_anything_is_sent(shared_scratch: Scratch) -> None:
    folder = shared_scratch.folder

    def run(name: str, *words: str, **changes: object) -> FlowRun:
        return shared_scratch.run(
            FLOW, "run", "--spec", write_spec(folder, name, **changes), *words
        )

    bad = write_spec(folder, "a.yaml", collection={"group_sise": 3})
    refused(shared_scratch.run(FLOW, "run", "--spec", bad), "a.yaml", "group_sise is no key")
    refused(run("b.yaml", models={"a": "sim/none", "b": "sim/kind"}), "sim/none")
    refused(run("c.yaml", "--evaluations_path", "none.jsonl"), "there is no none.jsonl")
    broken = folder / "broken.jsonl"
    broken.write_text('{"scenario_index": 0}\nnot json\n')
    refused(run("d.yaml", "--evaluations_path", str(broken)), "line 2", "not JSON")
