"""`kill -9` at a chosen moment of a flow, and what the store and the server know of it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.flows.conftest import Scratch
from tests.model_server import ServerProcess
from tests.processes import find_task, is_alive, stored_in, wait_for

PATIENCE = 120.0


@dataclass(frozen=True)
class Point:
    """When to strike.

    Attributes:
        entry: the flow.
        step: the step that is running at the moment.
        answers: and so many requests have come to the server in this run.
        blow: "task" kills the step's process, "launcher" the launcher, "all" everything at once.
    """

    entry: str
    step: str
    answers: int = 0
    blow: str = "task"

    def __str__(self) -> str:
        return f"{self.entry.removesuffix('_flow.py')}-{self.step}-{self.answers}-{self.blow}"


class Aftermath(NamedTuple):
    """What was there when the blow fell.

    Attributes:
        asked: requests the server had got in this run.
        stored: keys of durably stored answers.
    """

    asked: int
    stored: set[str]


def wait_until(condition: Callable[[], object], launcher: subprocess.Popen[str]) -> None:
    """Poll until a condition holds, while the launcher lives."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert launcher.poll() is None, launcher.communicate()[0]
        assert time.monotonic() < end, "the moment never came"
        time.sleep(0.02)


def strike(
    scratch: Scratch, point: Point, server: ServerProcess, store: Path, *words: str
) -> Aftermath:
    """Run a flow, kill at the point, then retry or resume until it is done."""
    before = len(asked(server))
    count_before = server.stats()["requests"]
    launcher = scratch.start(point.entry, "run", *words)
    wait_until(lambda: find_task(launcher.pid, point.step), launcher)
    wait_until(lambda: server.stats()["requests"] - count_before >= point.answers, launcher)
    task = find_task(launcher.pid, point.step)
    if point.blow in ("task", "all") and task is not None:
        os.kill(task, signal.SIGKILL)
    if point.blow in ("launcher", "all"):
        os.kill(launcher.pid, signal.SIGKILL)
    if point.blow == "launcher":
        wait_for(lambda: task is None or not is_alive(task))  # an orphan ends by itself
    aftermath = Aftermath(sum(server.log.asked().values()) - before, stored_in(store))
    launcher.communicate(timeout=PATIENCE * 2)
    if launcher.returncode != 0:
        scratch.ok(point.entry, "resume")
    return aftermath


def asked(server: ServerProcess) -> list[str]:
    """Every request that came, by hash of its body, repetitions included."""
    return list(Counter(server.log.asked()).elements())
