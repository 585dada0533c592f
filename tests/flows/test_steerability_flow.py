"""Steerability end to end: planted models recovered, kills survived, plans priced."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from tables.places import read_table
from tests.flows.conftest import FlowRun, Scratch
from tests.model_server import ModelServer, ServerProcess
from tests.processes import stored_in, task_of, wait_for

FLOW = "steerability_flow.py"
PERSONAS = Path(__file__).parents[2] / "data/personas"


@pytest.fixture(scope="module")
def planted(shared_scratch: Scratch) -> tuple[Path, FlowRun]:
    """Three models with planted behaviour in one run: with a curve, name and coins beside it."""
    run = shared_scratch.ok(
        FLOW,
        "run",
        "--model_id",
        "sim/follower,sim/stubborn,sim/yes",
        "--n_steer_observations_per_persona",
        "0,4",
        "--steerable_system",
        "few_shot,few_shot_named,random",
        "--max_observations",
        "16",
        "--n_resamples",
        "400",
        "--results_dir",
        "results",
    )
    return shared_scratch.folder / "results", run


def condition(folder: Path, model: str, system: str, n_steer: int) -> dict:
    found = json.loads((folder / "metrics.json").read_text())["conditions"]
    key = (model, system, n_steer)
    (row,) = [c for c in found if (c["model"], c["system"], c["n_steer"]) == key]
    return row


def test_planted_models_are_recovered(planted: tuple[Path, FlowRun]) -> None:
    folder, run = planted
    assert condition(folder, "sim/follower", "few_shot", 4)["steerability"]["value"] > 0.95
    stubborn = condition(folder, "sim/stubborn", "few_shot", 4)
    assert stubborn["steerability"]["low"] <= 0.5 <= stubborn["steerability"]["high"]
    assert stubborn["pattern"]["verdict"] == "ignores its steering"
    yes = condition(folder, "sim/yes", "few_shot", 4)
    assert yes["steerability"]["value"] == 0.5 and yes["pattern"]["constant"]
    assert yes["steerability_published"]["value"] == 1.0
    coins = condition(folder, "sim/yes", "random", 0)["steerability"]
    assert coins["low"] <= 0.5 <= coins["high"]
    assert "ALWAYS AGREES" in run.text and "IGNORES ITS STEERING" in run.text
    assert "SIMULATED" in run.text and "chance" in run.text


def test_files_of_a_run(planted: tuple[Path, FlowRun]) -> None:
    folder, _ = planted
    results = pd.read_csv(folder / "results.csv")
    assert {"persona_id", "persona_description", "framework", "sensitivity", "specificity"} <= set(
        results.columns
    )
    assert {"sensitivity_mid_rank", "specificity_mid_rank", "accuracy", "gain"} <= set(
        results.columns
    )
    scores = pd.read_csv(folder / "scores.csv")
    assert len(scores) == 3 * (12 + 12 + 12 + 12 + 1)  # 0 named, 4, 4 named, coins; the baseline
    summary = pd.read_csv(folder / "summary.csv")
    assert {"low", "high", "chance"} <= set(summary.columns)
    comparisons = pd.read_csv(folder / "comparisons.csv")
    pair = comparisons[
        (comparisons["model"] == "sim/follower")
        & (comparisons["model_2"] == "sim/stubborn")
        & (comparisons["system"] == "few_shot")
        & (comparisons["measure"] == "sensitivity_mid_rank")
    ]
    assert len(pair) == 1 and pair["low"].iloc[0] > 0
    answers = read_table(str(folder / "answers")).to_pandas()
    assert {"steered_persona", "tested_persona", "statement_id", "answer", "correct"} <= set(
        answers.columns
    )
    assert answers["answer"].notna().all()
    agreement = pd.read_csv(folder / "batch_agreement.csv")
    assert (agreement["agreement"] == 1).all() and (agreement["compared"] > 0).all()


def test_pictures_and_manifest(planted: tuple[Path, FlowRun]) -> None:
    folder, _ = planted
    names = {path.stem for path in folder.glob("*.png")}
    matrices = {f"accuracy_matrix-sim-{name}" for name in ("follower", "stubborn", "yes")}
    assert names == matrices | {
        "sensitivity_vs_specificity",
        "sensitivity_distribution",
        "gain_by_framework",
        "conditions",
    }
    for path in folder.glob("*.svg"):
        assert "simulated models" in path.read_text()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["simulated"] and manifest["settings"]["n_steer"] == [0, 4]
    assert manifest["dataset"]["personas"] == 12 and manifest["dataset"]["fingerprint"]
    assert [model["id"] for model in manifest["models"]] == [
        "sim/follower",
        "sim/stubborn",
        "sim/yes",
    ]
    assert manifest["usage"]["failed"] == {} and manifest["prompt_hash"] and manifest["work"]


@pytest.mark.slow
def test_kill_9_then_resume_asks_nothing_again(scratch: Scratch) -> None:
    with ServerProcess(reply="tests.simulated_reply:reply", latency=0.3) as server:
        words = (
            *("run", "--model_id", "follower", "--inference_url", server.openai_url),
            *("--max_personas", "5", "--max_observations", "12", "--batch_size", "6"),
            *("--foils", "3", "--n_resamples", "100"),
        )
        launcher = scratch.start(FLOW, *words, "--results_dir", "./broken")
        wait_for(lambda: server.stats()["requests"] > 25)
        os.kill(task_of(launcher.pid), signal.SIGKILL)
        os.kill(launcher.pid, signal.SIGKILL)
        launcher.communicate()
        sent = len(server.log.entries)
        stored = len(stored_in(scratch.folder / "local_data/store"))
        assert stored > 12
        scratch.ok(FLOW, "resume")
        asked = Counter(entry.key for entry in server.log.entries)
        planned = json.loads((scratch.folder / "broken/manifest.json").read_text())["usage"]
        assert planned["from_store"] >= stored
        assert len(asked) == planned["from_store"] + planned["answered"]
        assert asked.total() - sent == len(asked) - stored
        scratch.ok(FLOW, *words, "--results_dir", "./whole", "--store_path", "./other")
    for name in ("scores.csv", "results.csv", "summary.csv", "metrics.json"):
        broken, whole = (scratch.folder / f / name for f in ("broken", "whole"))
        assert broken.read_text() == whole.read_text(), name
    scores = pd.read_csv(scratch.folder / "whole/scores.csv", index_col="steered_persona")
    assert (scores.iloc[:, 3:].notna().sum(axis=1).iloc[:5] == 4).all()  # itself and three foils


def test_plan_only_prices_the_published_config_and_sends_nothing(scratch: Scratch) -> None:
    config = {
        "experiment_name": "one",
        "output_base_dir": "out",
        "personas_path": str(PERSONAS / "personas.csv"),
        "observations_path": str(PERSONAS / "statements.csv"),
        "max_personas": 6,
        "n_steer_observations_per_persona": 4,
        "max_concurrent_tests": 8,
        "steerable_system_type": "FewShotSteerable",
        "steerable_system_config": {"llm_provider": "openai", "model": "gpt-4.1-nano"},
    }
    path = scratch.folder / "config.json"
    path.write_text(json.dumps(config))
    with ModelServer() as server:
        run = scratch.ok(
            *(FLOW, "run", "--config_path", path, "--plan_only", "--inference_batch_size", "9"),
            OPENAI_BASE_URL=server.openai_url,
            OPENAI_API_KEY="sk-planted-0123456789abcdef",
        )
        assert not server.log.entries
    # 6 personas are asked 216 texts each, nine a request, and 5 of them singly; the labels
    # exchanged, 36 texts and 1; the unsteered model, 216 and 5.
    expected = 6 * (24 + 5) + 6 * (4 + 1) + 24 + 5
    assert f"gpt-4.1-nano: {expected:,} requests" in run.text and ", $0." in run.text
    assert "few_shot_named" in run.text and "max_concurrent_tests has no effect" in run.text
    assert not (scratch.folder / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--n_steer_observations_per_persona", "3"), ("is 3", "even number")),
        (("--n_steer_observations_per_persona", "40"), ("too few statements", "to steer")),
        (("--personas_path", "no.csv", "--observations_path", "no.csv"), ("no file no.csv",)),
        (("--steerable_system", "nowhere.at_all:Mine"), ("nowhere.at_all", "cannot import")),
    ],
)
def test_mistakes_are_one_line(
    shared_scratch: Scratch, words: tuple[str, ...], said: tuple[str, ...]
) -> None:
    run = shared_scratch.run(FLOW, "run", "--model_id", "sim/yes", *words)
    assert run.code != 0 and "Traceback" not in run.text
    assert any(all(part in line for part in said) for line in run.text.splitlines()), run.text


@pytest.mark.slow
def test_failures_are_null_with_a_reason(scratch: Scratch) -> None:
    """A provider that withholds some answers: their batches come through singly, the rest null."""
    from tests.simulated_reply import reply

    with ModelServer(reply=reply, sticky_faults={"content_filter": 0.1}) as server:
        words = (
            *("run", "--model_id", "follower", "--inference_url", server.openai_url),
            *("--max_personas", "3", "--n_resamples", "50", "--num_shards", "2"),
        )
        failed = scratch.run(FLOW, *words)
        assert failed.code != 0 and "answers failed, more than --max_failure_rate" in failed.text
        assert "filtered" in failed.text and not (scratch.folder / "out").exists()
        scratch.ok(FLOW, *words, "--max_failure_rate", "0.2", "--results_dir", "out")
    answers = read_table(str(scratch.folder / "out/answers")).to_pandas()
    lost = answers[answers["answer"].isna()]
    assert 0 < len(lost) < 0.05 * len(answers)  # far fewer than the batches that were withheld
    assert set(lost["reason"]) == {"filtered"} and lost["correct"].isna().all()
    coverage = pd.read_csv(scratch.folder / "out/coverage.csv")
    assert coverage["planned"].sum() - coverage["answered"].sum() == len(lost)
    assert coverage["unanswered"].str.contains("filtered").any()
