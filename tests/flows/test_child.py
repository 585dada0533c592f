"""A child flow's launcher ends with the task that started it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.flows.conftest import ROOT
from tests.processes import is_alive, wait_for

TASK = """
import os, subprocess, sys, time
words = [sys.executable, "-m", "flows.child", str(os.getpid()), sys.executable, "-c", sys.argv[1]]
subprocess.Popen(words)
while not os.path.exists(sys.argv[2]):
    time.sleep(0.05)
os._exit(9)
"""
LAUNCHER = """
import os, time
open({file!r}, "w").write(str(os.getpid()))
time.sleep(60)
"""


def test_the_launcher_ends_when_its_task_is_gone(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    words = [sys.executable, "-c", TASK, LAUNCHER.format(file=str(file)), str(file)]
    assert subprocess.run(words, cwd=ROOT, timeout=30).returncode == 9
    wait_for(lambda: bool(file.read_text()))
    pid = int(file.read_text())
    wait_for(lambda: not is_alive(pid), seconds=50)


def test_its_exit_status_is_the_launchers() -> None:
    import os

    words = [sys.executable, "-m", "flows.child", str(os.getpid()), sys.executable, "-c"]
    assert subprocess.run([*words, "raise SystemExit(3)"], cwd=ROOT, timeout=30).returncode == 3
    assert subprocess.run([*words, "pass"], cwd=ROOT, timeout=30).returncode == 0
