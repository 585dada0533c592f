"""What tests of kills and crashes ask the machine: who runs, what is stored, whether it is time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from inference import segments


def children_of(pid: int) -> list[int]:
    """Living descendants of a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            child = int(stat.parent.name)
            found += [child, *children_of(child)]
    return found


def find_task(launcher: int, step: str) -> int | None:
    """The process of a step's task below a launcher, None while there is none."""
    for child in children_of(launcher):
        try:
            words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"step" in words and words[words.index(b"step") + 1] == step.encode():
            return child
    return None


def task_of(launcher: int, step: str = "ask") -> int:
    """The same, where there must be one.

    Raises:
        LookupError: there is none.
    """
    found = find_task(launcher, step)
    if found is None:
        raise LookupError(f"no task of {step} is running")
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def stored_in(store: Path) -> set[str]:
    """Keys of the answers in a local store, read from the files as they are now."""
    return {
        entry.key for path in store.rglob("*.seg") for entry in segments.entries(path.read_bytes())
    }


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    """Poll until a condition holds; the time is for a slow machine, and no promise of any part."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
