"""Killing a run, and killing an engine, cost what was in flight and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inference import Failure, Progress
from inference.local import engine_reports
from inference.store import open_store
from tests.vllm.conftest import Tiny
from tests.vllm.helpers import answers, model, requests

pytestmark = pytest.mark.vllm
ROOT = Path(__file__).parent.parent.parent
COUNT = 600


def start_worker(tiny: Tiny, store: Path, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.vllm.worker", str(tiny.base), str(store), str(COUNT)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def stored_keys(store: Path) -> list[str]:
    from inference.segments import entries

    segments = [path.read_bytes() for path in store.rglob("*.seg")]
    return [str(entry.key) for segment in segments for entry in entries(segment)]


def children(pid: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue
        if parent == pid:
            found += [int(folder.name), *children(int(folder.name))]
    return found


def test_kill_and_resume_generate_nothing_again_that_is_stored(tiny: Tiny, tmp_path: Path) -> None:
    store = tmp_path / "store"
    worker = start_worker(tiny, store)
    assert worker.stdout is not None
    worker.stdout.readline()
    deadline = time.monotonic() + 60
    while len(stored_keys(store)) < 60 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    before = stored_keys(store)
    assert 60 <= len(before) < COUNT

    again = start_worker(tiny, store)
    assert again.stdout is not None
    lines = again.stdout.read().splitlines()
    assert again.wait() == 0
    told = [line.split() for line in lines if line[0].isdigit()]
    assert len(told) == COUNT
    assert sum(stored == "True" for _, stored, _ in told) == len(before)
    after = stored_keys(store)
    assert set(before) < set(after)
    answered = sum(failure == "None" for *_, failure in told)
    assert len(after) == len(set(after)) == answered


def test_a_killed_run_leaves_no_engine_behind(tiny: Tiny, tmp_path: Path) -> None:
    worker = start_worker(tiny, tmp_path / "store", VLLM_ENABLE_V1_MULTIPROCESSING="1")
    assert worker.stdout is not None
    worker.stdout.readline()
    engines = children(worker.pid)
    assert engines, "in this mode the engine has a process of its own"
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    deadline = time.monotonic() + 30
    while any(alive(pid) for pid in engines) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not [pid for pid in engines if alive(pid)]


def words(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_an_engine_that_dies_is_replaced_and_its_requests_are_asked_again(
    tiny: Tiny, tmp_path: Path
) -> None:
    worker = start_worker(tiny, tmp_path / "store", VLLM_ENABLE_V1_MULTIPROCESSING="1")
    assert worker.stdout is not None
    worker.stdout.readline()
    # vLLM gives its processes names only where setproctitle is installed.
    names = (b"EngineCore", b"spawn_main")
    cores = [pid for pid in children(worker.pid) if any(name in words(pid) for name in names)]
    assert cores, "in this mode the engine has a process of its own"
    for pid in cores:
        os.kill(pid, signal.SIGKILL)
    lines = worker.stdout.read().splitlines()
    assert worker.wait() == 0
    failures = {line.split()[2] for line in lines if line[0].isdigit()}
    assert failures <= {"None", "truncated"}
    assert sum(line.startswith("engine ") for line in lines) == 2


def test_giving_up_early_leaves_the_engine_fit_for_use(tiny: Tiny, tmp_path: Path) -> None:
    from inference import ask

    base = model(tiny.base)
    asked = requests([base], [f"Question {n}" for n in range(300)])
    results = ask(asked, open_store(str(tmp_path / "a")))
    next(results)
    results.close()
    progress = Progress()
    again = answers(requests([base]), tmp_path / "b", progress)
    assert {r.failure for r in again} <= {None, Failure.TRUNCATED}
    assert len(engine_reports()) == 1
    assert json.dumps(engine_reports())
