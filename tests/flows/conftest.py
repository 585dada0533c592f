"""Whole flows in scratch folders: their own Metaflow root, no keys, no network but loopback."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from inference.secrets import SECRET_VARIABLES

ROOT = Path(__file__).parent.parent.parent
_PREFIX = re.compile(r"^\S+ \S+ \[[^]]*\] ?", re.MULTILINE)


@dataclass
class FlowRun:
    """A finished run of a flow.

    Attributes:
        code: exit status.
        text: all output, without Metaflow's time and task prefixes.
        raw: all output as printed.
        seconds: wall time.
    """

    code: int
    text: str
    raw: str
    seconds: float


class Scratch:
    """A folder to run flows in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".metaflow").mkdir(exist_ok=True)
        self.env = {
            name: value
            for name, value in os.environ.items()
            if name not in SECRET_VARIABLES
            and not name.startswith(("METAFLOW_", "OPENAI_", "AWS_"))
        }
        self.env |= {
            "HOME": str(folder),
            "USERNAME": "tester",
            "HF_HUB_OFFLINE": "1",
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder),
            "METAFLOW_CARD_LOCALROOT": str(folder / "cards"),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self, entry: str, *words: str | Path, **env: str) -> subprocess.Popen[str]:
        """Start a flow in a session of its own."""
        return subprocess.Popen(
            [sys.executable, str(ROOT / entry), *map(str, words)],
            cwd=self.folder,
            env=self.env | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, entry: str, *words: str | Path, timeout: float = 900, **env: str) -> FlowRun:
        """Run a flow to its end."""
        began = time.monotonic()
        process = self.start(entry, *words, **env)
        try:
            raw, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        seconds = time.monotonic() - began
        return FlowRun(process.returncode, _PREFIX.sub("", raw), raw, seconds)

    def ok(self, entry: str, *words: str | Path, **more: Any) -> FlowRun:
        """Run a flow that must succeed; `more` is the timeout and environment of `run`."""
        run = self.run(entry, *words, **more)
        assert run.code == 0, run.raw
        return run

    def files(self) -> list[Path]:
        """Every file a run left behind, artifacts and logs included."""
        return [path for path in self.folder.rglob("*") if path.is_file()]


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    """A fresh folder."""
    return Scratch(tmp_path)


@pytest.fixture(scope="module")
def shared_scratch(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """One folder for all tests of a module."""
    return Scratch(tmp_path_factory.mktemp("flows"))
