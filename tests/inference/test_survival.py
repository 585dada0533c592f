"""Processes that are ended in the middle: what had been answered is never asked again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.inference.asking import ask_all, endpoint
from tests.model_server import ServerProcess

ROOT = Path(__file__).resolve().parents[2]
COUNT = 400
GRACE = 0.25
"""Seconds before the end in which an answer may still have been on its way to the disk."""


def start(server: ServerProcess, root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.inference.child", server.openai_url, str(root), str(COUNT)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end_in_the_middle(process: subprocess.Popen[str], number: int) -> tuple[float, int, str]:
    """Signal the process when it has given 150 results: when, how many it gave, its last words."""
    assert process.stdout is not None and process.stderr is not None
    for line in process.stdout:
        if line == "answered 150\n":
            break
    at = time.time()
    process.send_signal(number)
    given = 151 + process.stdout.read().count("answered")
    words = process.stderr.read()
    process.wait(20)
    return at, given, words


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_what_was_stored_is_not_asked_again(number: int, tmp_path: Path) -> None:
    with ServerProcess(latency=0.05) as server:
        process = start(server, tmp_path)
        at, given, words = end_in_the_middle(process, number)
        # A process that was killed has its exit status from the signal, one that was asked to go
        # says so itself.
        assert process.returncode == (143 if number == signal.SIGTERM else -number)
        assert "Traceback" not in words or number == signal.SIGINT
        before = server.log
        answered = {e.key for e in before.entries if e.outcome == "ok"}
        early = [e for e in before.entries if e.time + e.seconds < at - GRACE]
        safe = {e.key for e in early if e.outcome == "ok"}
        assert len(safe) >= 30 and len(answered) < COUNT
        start(server, tmp_path).wait(60)
        after = server.log.entries[len(before.entries) :]
        again = {e.key for e in after}
        assert not again & safe
        assert len(after) <= COUNT - given, "what the caller was given is never paid for again"
        if number != signal.SIGKILL:
            assert not again & answered, "what was in flight came home"
        assert len({e.key for e in server.log.entries if e.outcome == "ok"}) == COUNT


def test_sigterm_ends_a_run_that_hangs(tmp_path: Path) -> None:
    with ServerProcess(faults={"hang": 1.0}) as server:
        process = start(server, tmp_path)
        while not server.log.entries:
            time.sleep(0.05)
        process.terminate()
        assert process.wait(10) == 143


def test_two_processes_that_ask_the_same_lose_nothing(tmp_path: Path) -> None:
    with ServerProcess(latency=0.02) as server:
        both = [start(server, tmp_path) for _ in range(2)]
        for process in both:
            out, err = process.communicate(timeout=60)
            assert process.returncode == 0, err
            assert out.endswith("done\n") and out.count("answered") == COUNT
        asked = len(server.log.entries)
        from inference import Message, Request

        model = endpoint(server)
        requests = [Request(model, (Message("user", f"question {n}"),)) for n in range(COUNT)]
        results = ask_all(requests, tmp_path)
        assert all(r.stored for r in results) and len(server.log.entries) == asked
