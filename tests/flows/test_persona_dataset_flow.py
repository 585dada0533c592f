"""A data set from nothing: rounds, a kill in the middle, embeddings, and the benchmark on top."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter

import pandas as pd
import pytest

from benchmarks.steerability.data import check_data
from flows.persona_tables import read_persona_tables
from tests.flows.conftest import Scratch
from tests.model_server import ServerProcess
from tests.processes import stored_in, task_of, wait_for

FLOW = "persona_dataset_flow.py"
HUMOURS = """
name: Humours
description: Four temperaments after the fluids of old medicine.
personas:
  - {name: Sanguine, summary: Goes to every party and loves a crowd and laughter.}
  - {name: Melancholic, summary: Seeks solitude and silence and worries a lot.}
  - {name: Choleric, summary: Takes command and wants to win every competition.}
"""


@pytest.mark.slow
def test_killed_in_the_second_round_then_resumed(scratch: Scratch) -> None:
    (scratch.folder / "humours.yaml").write_text(HUMOURS)
    with ServerProcess(reply="tests.simulated_reply:reply", latency=0.25) as server:
        words = (
            *("run", "--model_id", "plain", "--checker_model_id", "judge"),
            *("--inference_url", server.openai_url, "--embeddings_url", server.openai_url),
            *("--frameworks", "./humours.yaml", "--num_statements", "8", "--batch_size", "2"),
            *("--generation_batch_size", "5", "--max_rounds", "9"),
            *("--surplus", "1.0"),
        )
        launcher = scratch.start(FLOW, *words, "--output_path", "./broken")
        wait_for(lambda: any("embeddings" in e.path for e in server.log.entries))
        wait_for(lambda: last_is_writing(server))
        os.kill(task_of(launcher.pid, "ask_round"), signal.SIGKILL)
        os.kill(launcher.pid, signal.SIGKILL)
        launcher.communicate()
        before = chats(server)
        store = scratch.folder / "local_data/store"
        stored = sum(len(stored_in(store / f"endpoint-{name}")) for name in ("plain", "judge"))
        resumed = scratch.ok(FLOW, "resume")
        asked = chats(server)
        again = sum(asked[key] - n for key, n in before.items())
        assert stored and again == before.total() - stored, "exactly what was not stored"
        assert resumed.raw.count("Cloning task") >= 2 or "Cloning" in resumed.raw
        scratch.ok(FLOW, *words, "--output_path", "./whole", "--store_path", "./other")
    for name in ("statements.csv", "rounds.csv", "dropped.csv"):
        broken, whole = (scratch.folder / f / name for f in ("broken", "whole"))
        assert broken.read_text() == whole.read_text(), name
    rounds = pd.read_csv(scratch.folder / "whole/rounds.csv")
    assert len(rounds) >= 2 and rounds["still_missing"].iloc[-1] == 0
    assert {"label_refuted", "near_duplicate"} <= set(rounds.columns)
    data = check_data(*read_persona_tables(str(scratch.folder / "whole"), ""))
    assert (data.statements.groupby(["persona_id", "is_agree"]).size() == 8).all()
    manifest = json.loads((scratch.folder / "whole/manifest.json").read_text())
    assert manifest["outcome"] == "complete" and len(manifest["rounds"]) == len(rounds)


def chats(server: ServerProcess) -> Counter[str]:
    """Requests that came, embeddings aside: one of those carries many texts, each stored alone."""
    return Counter(entry.key for entry in server.log.entries if "embeddings" not in entry.path)


def last_is_writing(server: ServerProcess) -> bool:
    """Whether the second round has begun to write."""
    entries = server.log.entries
    embedded = [i for i, entry in enumerate(entries) if "embeddings" in entry.path]
    return bool(embedded) and len(entries) > embedded[0] + 1


@pytest.mark.slow
def test_out_of_rounds_names_who_is_short_and_the_rest_is_benchmarked(scratch: Scratch) -> None:
    made = scratch.ok(
        *(FLOW, "run", "--model_id", "sim/plain", "--checker_model_id", "sim/judge"),
        *("--frameworks", "zodiac", "--max_personas", "4", "--num_statements", "24"),
        *("--embeddings", "local", "--max_rounds", "1", "--output_path", "local_results/mine"),
        *("--output_dataset_path", "local_results/set"),
    )
    short = pd.read_csv(scratch.folder / "local_results/mine/short.csv")
    assert len(short) and not short["left_out"].any()
    assert "short.csv" in made.text and "SIMULATED" in made.text
    run = scratch.ok(
        *("steerability_flow.py", "run", "--model_id", "sim/follower"),
        *("--personas_path", "local_results/mine", "--n_resamples", "50"),
    )
    assert "4 personas" in run.text and "sim/follower" in run.text
    files = read_persona_tables(str(scratch.folder / "local_results/mine"), "")
    tables = read_persona_tables(
        *(str(scratch.folder / f"local_results/set-{name}") for name in ("personas", "statements"))
    )
    ours, theirs = check_data(*tables), check_data(*files)
    pd.testing.assert_frame_equal(ours.personas, theirs.personas)
    pd.testing.assert_frame_equal(ours.statements, theirs.statements)
    note = json.loads((scratch.folder / "local_results/set-personas/manifest.json").read_text())
    assert note["benchmark"] == "persona_dataset" and note["simulated"]
