"""Run other flows from within a step: start, resume, read how they ended."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import yaml

from flows.base import ROOT
from flows.suite_options import words_of
from flows.suite_runs import RESPONSES, Branch, Child

SIDE_BY_SIDE = 2
"""Runs of one stage at a time; each has many requests in flight."""
_PREFIX = re.compile(r"^\S+ \S+ (\[[^]]*\] ?)?")
_TOLD = "Plumbline:"
_NOISE = ("Step failure", "Task failed", "Workflow failed", "This failed task", "Terminating")


class Outcome(NamedTuple):
    """How a run ended.

    Attributes:
        child: the run.
        ok: whether it finished.
        run_id: Metaflow's, "" where it never started.
        told: why it failed, in one line; "" where it did not.
        seconds: wall time.
    """

    child: Child
    ok: bool
    run_id: str
    told: str
    seconds: float

    @property
    def pathspec(self) -> str:
        """Flow and run id, as Metaflow names it."""
        return f"{flow_name(self.child.entry)}/{self.run_id}"


def flow_name(entry: str) -> str:
    """The class of an entry file: val_bench_responses_flow.py -> ValBenchResponsesFlow."""
    special = {"eigenbench": "EigenBench", "api": "Api"}
    words = entry.removesuffix(".py").split("_")
    return "".join(special.get(word, word.capitalize()) for word in words)


def run_branch(branch: Branch, scratch: Path) -> list[Outcome]:
    """Run a branch stage by stage; a run whose forerunner failed is not run, and says so."""
    outcomes: list[Outcome] = []
    for stage in branch.stages:
        failed = {outcome.child.name for outcome in outcomes if not outcome.ok}
        waits = [child for child in stage if forerunner(child) in failed]
        outcomes += [
            Outcome(child, False, "", f"not run: {forerunner(child)} failed before it", 0.0)
            for child in waits
        ]
        ready = [with_existing_report(child) for child in stage if child not in waits]
        outcomes += run_side_by_side(ready, scratch)
    return outcomes


def forerunner(child: Child) -> str | None:
    """The run whose output another needs: responses, for evaluations."""
    return RESPONSES if child.entry == "evaluator_flow.py" else None


def with_existing_report(child: Child) -> Child:
    """The run without the judge report that calibration did not come to write."""
    report = child.options.get("judge_report")
    if not report or Path(report).exists():
        return child
    print(f"{child.name}: there is no judge report at {report}; it goes on without", flush=True)
    options = {name: value for name, value in child.options.items() if name != "judge_report"}
    return child._replace(options=options)


def run_side_by_side(stage: Sequence[Child], scratch: Path) -> list[Outcome]:
    """Run independent children, a few at a time; in their order."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return list(pool.map(lambda child: run_child(child, scratch), stage))


def run_again(outcomes: Sequence[Outcome], scratch: Path) -> list[Outcome]:
    """Resume what failed, then run what waited for it; what is done stays as it is."""
    done = {outcome.child.name: outcome for outcome in outcomes}
    for outcome in outcomes:
        before = forerunner(outcome.child)
        if outcome.ok or (before in done and not done[before].ok):
            continue
        child = with_existing_report(outcome.child)
        done[outcome.child.name] = run_child(child, scratch, origin=outcome.run_id)
    return [done[outcome.child.name] for outcome in outcomes]


def run_child(child: Child, scratch: Path, origin: str = "", **extra: object) -> Outcome:
    """Run a flow to its end, or resume the run `origin` of it; its output goes to a log."""
    began = time.monotonic()
    slug = child.name.replace("/", "-")
    log, id_file = scratch / f"{slug}.log", scratch / f"{slug}.run_id"
    scratch.mkdir(parents=True, exist_ok=True)
    id_file.unlink(missing_ok=True)
    words = ["--run-id-file", str(id_file)]
    if origin:
        words = ["resume", "--origin-run-id", origin, *words]
    else:
        spec = write_spec(child, scratch / f"{slug}.yaml")
        words = ["run", *words, *words_of({**child.options, **extra}, spec)]
    print(f"{child.name}: {words[0]} {child.entry}, log {log}", flush=True)
    command = [sys.executable, str(ROOT / child.entry), *words]
    with log.open("a" if origin else "w", encoding="utf-8") as file:
        code = subprocess.call(
            [sys.executable, "-m", "flows.child", str(os.getpid()), *command],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment(),
        )
    run_id = id_file.read_text().strip() if id_file.exists() else ""
    told = "" if code == 0 else last_words(log.read_text(encoding="utf-8", errors="replace"))
    seconds = time.monotonic() - began
    ended = "done" if code == 0 else f"FAILED: {told}"
    print(f"{child.name}: {ended} ({seconds:.0f} s)", flush=True)
    return Outcome(child, code == 0, run_id or origin, told, seconds)


def environment() -> dict[str, str]:
    """The task's environment with the project on the path, without what marks this task."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("METAFLOW_INTERNAL")}
    paths = [str(ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    return kept | {"PYTHONPATH": os.pathsep.join(paths)}


def write_spec(child: Child, path: Path) -> Path | None:
    """The spec of a flow that reads one, as a file; its relative paths stand as they are."""
    spec = child.options.get("spec")
    if not isinstance(spec, dict):
        return None
    path.write_text(yaml.safe_dump(spec, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def last_words(log: str) -> str:
    """Why a flow failed: its own one-line message, else the last line that says something."""
    lines = [_PREFIX.sub("", line).strip() for line in log.splitlines()]
    for at in range(len(lines) - 1, -1, -1):
        if lines[at] == _TOLD:
            told = [line for line in lines[at + 1 : at + 12] if line]
            told = [line for line in told if not line.startswith(_NOISE)]
            if told:
                return told[0]
    rest = [line for line in lines if line and not line.startswith(_NOISE)]
    return rest[-1] if rest else "it ended without a word"
