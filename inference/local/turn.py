"""One engine at a time on the same devices: a second one would not find the memory it asks for.

The branches of a suite, or two runs, would otherwise start theirs side by side. The turn is a lock
on a file, which the system takes back however its holder ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

_LOOK_EVERY = 0.25
_SMALL_SHARE = 0.5


class Turn:
    """The right to hold an engine on this process's devices."""

    def __init__(self, options: str) -> None:
        """For an engine with these options (JSON)."""
        self._free = _plans_its_memory(json.loads(options))
        self._file: IO[bytes] | None = None

    def take(self, given_up: Callable[[], bool]) -> bool:
        """Wait for it; False when `given_up` says that it is wanted no longer."""
        if self._free:
            return True
        file = lock_file().open("ab")
        told = False
        while not _locked(file):
            if given_up():
                file.close()
                return False
            if not told:
                print("Waiting: another vLLM engine of yours is on the same devices", flush=True)
                told = True
            time.sleep(_LOOK_EVERY)
        self._file = file
        return True

    def give_back(self) -> None:
        """Let the next one start its engine. May be called twice."""
        if self._file is not None:
            self._file.close()
            self._file = None


def lock_file() -> Path:
    """The file that stands for the devices this process may use."""
    devices = re.sub(r"[^\w,-]", "_", os.environ.get("CUDA_VISIBLE_DEVICES", "all"))
    return Path(tempfile.gettempdir()) / f"plumbline-engine-{os.getuid()}-{devices}.lock"


def _plans_its_memory(options: dict[str, object]) -> bool:
    """Whether the user has divided the memory: such engines may stand side by side."""
    share = options.get("gpu_memory_utilization")
    return "kv_cache_memory_bytes" in options or (
        isinstance(share, int | float) and share <= _SMALL_SHARE
    )


def _locked(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
