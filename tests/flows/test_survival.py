"""Runs that break in the middle: nothing paid for is lost or paid for twice."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from tables.places import read_table
from tests.flows.conftest import Scratch
from tests.model_server import ModelServer, ServerProcess
from tests.processes import is_alive, stored_in, task_of, wait_for
from tests.simulated_reply import reply

RESPONSES = "val_bench_responses_flow.py"
PAIRS = ("--dataset_id", "builtin:val_bench_pairs")


def answers_of(folder: Path) -> pa.Table:
    return read_table(str(folder))


@pytest.mark.slow
def test_kill_9_in_a_shard_then_resume(scratch: Scratch) -> None:
    """No stored answer is asked again, and the dataset equals that of an undisturbed run."""
    with ServerProcess(reply="tests.simulated_reply:reply", latency=0.3) as server:
        words = (
            "--model_id",
            "waverer",
            *PAIRS,
            "--inference_url",
            server.openai_url,
            "--batch_size",
            "8",
        )
        launcher = scratch.start(
            RESPONSES,
            "run",
            *words,
            "--output_dataset_path",
            "./broken",
        )
        wait_for(lambda: server.stats()["requests"] > 30)
        os.kill(task_of(launcher.pid), signal.SIGKILL)
        os.kill(launcher.pid, signal.SIGKILL)
        launcher.communicate()
        sent = len(server.log.entries)
        stored = len(stored_in(scratch.folder / "local_data/store"))
        assert stored > 15
        scratch.ok(RESPONSES, "resume")
        asked = Counter(entry.key for entry in server.log.entries)
        assert len(asked) == 96
        assert asked.total() - sent == 96 - stored, "exactly what was not stored"
        scratch.ok(
            RESPONSES, "run", *words, "--output_dataset_path", "./whole", "--store_path", "./other"
        )
    assert answers_of(scratch.folder / "broken-waverer").equals(
        answers_of(scratch.folder / "whole-waverer")
    )


@pytest.mark.slow
def test_after_ctrl_c_what_was_in_flight_is_not_asked_again(scratch: Scratch) -> None:
    with ServerProcess(reply="tests.simulated_reply:reply", latency=0.5) as server:
        asking = ("--inference_url", server.openai_url, "--batch_size", "8")
        launcher = scratch.start(RESPONSES, "run", "--model_id", "waverer", *PAIRS, *asking)
        wait_for(lambda: server.stats()["requests"] > 20)
        os.killpg(launcher.pid, signal.SIGINT)
        assert "`resume` goes on" in launcher.communicate(timeout=120)[0]
        scratch.ok(RESPONSES, "resume")
        assert server.stats()["requests"] == 96


@pytest.mark.slow
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM])
def test_a_shard_stops_when_its_launcher_is_gone(scratch: Scratch, blow: signal.Signals) -> None:
    with ServerProcess(reply="tests.simulated_reply:reply", latency=0.5) as server:
        launcher = scratch.start(
            RESPONSES,
            "run",
            "--model_id",
            "waverer",
            *PAIRS,
            "--inference_url",
            server.openai_url,
            "--batch_size",
            "2",
            "--output_dataset_path",
            "./out",
        )
        wait_for(lambda: server.stats()["requests"] > 4)
        task = task_of(launcher.pid)
        os.kill(launcher.pid, blow)
        before = server.stats()["requests"]
        wait_for(lambda: not is_alive(task), seconds=60)
        # Two at a time, half a second each: the second it may take is four requests, and the
        # other ninety are not sent on a machine that is ten times slower either.
        assert server.stats()["requests"] <= before + 40
        launcher.communicate(timeout=60)


@pytest.mark.slow
def test_too_many_failures_fail_the_join_and_resume_mends(scratch: Scratch) -> None:
    """The table of reasons is printed, nothing is saved, and resume re-runs only the join."""
    with ModelServer(reply=reply, sticky_faults={"content_filter": 0.2}) as server:
        words = (
            "run",
            "--model_id",
            "waverer",
            *PAIRS,
            "--inference_url",
            server.openai_url,
            "--output_dataset_path",
            "./out",
        )
        failed = scratch.run(RESPONSES, *words)
        assert failed.code != 0 and "Traceback" not in failed.text
        assert "of 96 requests failed" in failed.text and "filtered" in failed.text
        assert not (scratch.folder / "out-waverer").exists()
        allowed = scratch.ok(RESPONSES, *words, "--max_failure_rate", "0.5")
        assert "-> ./out-waverer" in allowed.text
    rows = answers_of(scratch.folder / "out-waverer").to_pylist()
    errors = [row["for_response_error"] for row in rows if row["for_response"] is None]
    assert errors and all(error.startswith("filtered") for error in errors)
    assert all(row["for_response"]["content"] for row in rows if row["for_response"])


@pytest.mark.slow
def test_resume_reruns_only_the_join(scratch: Scratch) -> None:
    with ModelServer(reply=reply, faults={"500": 1.0}) as server:
        words = (
            "run",
            "--model_id",
            "waverer",
            *PAIRS,
            "--inference_url",
            server.openai_url,
            "--output_dataset_path",
            "./out",
            "--limit",
            "6",
            "--batch_size",
            "12",
        )
        failed = scratch.run(RESPONSES, *words)
        assert "server_error" in failed.text and failed.code != 0
        server.configure(faults={})
        server.reset()
        resumed = scratch.ok(RESPONSES, "resume")
        assert "ask/" not in "".join(
            line for line in resumed.raw.splitlines() if "Task is starting" in line
        )
        assert len(server.log.entries) == 12
    assert answers_of(scratch.folder / "out-waverer").num_rows == 6


@pytest.mark.slow
def test_resume_goes_on_with_another_key(scratch: Scratch) -> None:
    with ModelServer(reply=reply, faults={"401": 1.0}) as server:
        words = (
            "run",
            "--model_id",
            "waverer",
            *PAIRS,
            "--inference_url",
            server.openai_url,
            "--output_dataset_path",
            "./out",
            "--limit",
            "6",
        )
        failed = scratch.run(RESPONSES, *words)
        assert "12  auth" in failed.text or "auth: not sent after" in failed.text
        assert "`resume`" in failed.text and failed.code != 0
        server.configure(faults={})
        server.reset()
        scratch.ok(RESPONSES, "resume")
        assert len(server.log.entries) == 12
    assert answers_of(scratch.folder / "out-waverer").num_rows == 6


@pytest.mark.slow
def test_fresh_asks_again_but_resume_pays_once(scratch: Scratch) -> None:
    with ModelServer(reply=reply) as server:
        words = (
            "run",
            "--model_id",
            "waverer",
            *PAIRS,
            "--inference_url",
            server.openai_url,
            "--output_dataset_path",
            "./out",
            "--limit",
            "4",
        )
        scratch.ok(RESPONSES, *words)
        scratch.ok(RESPONSES, *words)
        assert len(server.log.entries) == 8
        scratch.ok(RESPONSES, *words, "--fresh")
        assert len(server.log.entries) == 16
