"""One engine at a time on a device: a second one would not find the memory it asks for.

The branches of a suite, or two runs, would otherwise start theirs side by side. The turn is a lock
on a file for each device, which the system takes back however its holder ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

_LOOK_EVERY = 0.25
_SMALL_SHARE = 0.5


class Turn:
    """The right to hold an engine on this process's devices."""

    def __init__(self, options: str) -> None:
        """For an engine with these options (JSON)."""
        self._free = _plans_its_memory(json.loads(options))
        self._files = ExitStack()

    def take(self, given_up: Callable[[], bool]) -> bool:
        """Wait for it; False when `given_up` says that it is wanted no longer."""
        told = False
        while not self._free and not self._locked():
            if given_up():
                return False
            if not told:
                print("Waiting: another vLLM engine of yours is on the same devices", flush=True)
                told = True
            time.sleep(_LOOK_EVERY)
        return True

    def _locked(self) -> bool:
        """Lock all of the files or, where one is taken, none: nobody waits holding another."""
        with ExitStack() as files:
            for path, how in locks():
                file = files.enter_context(path.open("ab"))
                try:
                    fcntl.flock(file, how | fcntl.LOCK_NB)
                except BlockingIOError:
                    return False
            self._files = files.pop_all()
        return True

    def give_back(self) -> None:
        """Let the next one start its engine. May be called twice."""
        self._files.close()


def locks() -> list[tuple[Path, int]]:
    """The files to lock, and how: all devices alone, or a share of "all" and each device alone."""
    named = sorted(set(filter(None, os.environ.get("CUDA_VISIBLE_DEVICES", "").split(","))))
    if not named:
        return [(_file("all"), fcntl.LOCK_EX)]
    return [(_file("all"), fcntl.LOCK_SH), *((_file(name), fcntl.LOCK_EX) for name in named)]


def _file(device: str) -> Path:
    name = re.sub(r"[^\w-]", "_", device.strip())
    return Path(tempfile.gettempdir()) / f"plumbline-engine-{os.getuid()}-{name}.lock"


def _plans_its_memory(options: dict[str, object]) -> bool:
    """Whether the user has divided the memory: such engines may stand side by side."""
    share = options.get("gpu_memory_utilization")
    return "kv_cache_memory_bytes" in options or (
        isinstance(share, int | float) and share <= _SMALL_SHARE
    )
