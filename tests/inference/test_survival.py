"""Processes that are ended in the middle: what had been answered is never asked again."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.inference.asking import ask_all, endpoint
from tests.model_server import ServerProcess
from tests.processes import stored_in, wait_for

ROOT = Path(__file__).resolve().parents[2]
COUNT = 400
AT_ONCE = 16
"""How many requests the child has in flight."""


def start(server: ServerProcess, root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.inference.child", server.openai_url, str(root), str(COUNT)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end_in_the_middle(process: subprocess.Popen[str], number: int) -> tuple[int, str]:
    """Signal the process when it has given 150 results: how many it gave, its last words."""
    assert process.stdout is not None and process.stderr is not None
    for line in process.stdout:
        if line == "answered 150\n":
            break
    process.send_signal(number)
    given = 151 + process.stdout.read().count("answered")
    words = process.stderr.read()
    process.wait(60)
    return given, words


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_what_was_stored_is_not_asked_again(number: int, tmp_path: Path) -> None:
    with ServerProcess(latency=0.05) as server:
        process = start(server, tmp_path)
        given, words = end_in_the_middle(process, number)
        # A process that was killed has its exit status from the signal, one that was asked to go
        # says so itself.
        assert process.returncode == (143 if number == signal.SIGTERM else -number)
        assert "Traceback" not in words or number == signal.SIGINT
        before = server.log
        answered = {e.key for e in before.entries if e.outcome == "ok"}
        stored = len(stored_in(tmp_path))
        assert given <= stored, "what the caller was given is never paid for again"
        assert stored <= len(answered) < COUNT
        assert len(answered) <= stored + AT_ONCE, "only what was in flight is lost"
        start(server, tmp_path).wait(120)
        after = server.log.entries[len(before.entries) :]
        again = {e.key for e in after}
        assert len(after) == COUNT - stored, "exactly what was not stored"
        if number != signal.SIGKILL:
            assert not again & answered, "what was in flight came home"
        assert len({e.key for e in server.log.entries if e.outcome == "ok"}) == COUNT


def test_sigterm_ends_a_run_that_hangs(tmp_path: Path) -> None:
    with ServerProcess(faults={"hang": 1.0}) as server:
        process = start(server, tmp_path)
        wait_for(lambda: server.log.entries)
        process.terminate()
        assert process.wait(60) == 143


def test_two_processes_that_ask_the_same_lose_nothing(tmp_path: Path) -> None:
    with ServerProcess(latency=0.02) as server:
        both = [start(server, tmp_path) for _ in range(2)]
        for process in both:
            out, err = process.communicate(timeout=120)
            assert process.returncode == 0, err
            assert out.endswith("done\n") and out.count("answered") == COUNT
        asked = len(server.log.entries)
        from inference import Message, Request

        model = endpoint(server)
        requests = [Request(model, (Message("user", f"question {n}"),)) for n in range(COUNT)]
        results = ask_all(requests, tmp_path)
        assert all(r.stored for r in results) and len(server.log.entries) == asked
