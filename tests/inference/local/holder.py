"""Another process that holds the turn of this machine's devices."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.flows.conftest import ROOT

HOLD = """
import time
from inference.local.turn import Turn
turn = Turn("{}")
turn.take(lambda: False)
print("held", flush=True)
time.sleep(60)
"""


@contextmanager
def held(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds it until it is killed, its lock file in `folder`."""
    words, env = [sys.executable, "-c", HOLD], os.environ | {"TMPDIR": str(folder)}
    with subprocess.Popen(words, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        try:
            yield holder
        finally:
            holder.kill()
