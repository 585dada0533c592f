"""For all tests: Ctrl-C reaches the processes they start, and nothing of the user's Hub is touched.

A job in the background of a shell ignores SIGINT, and so would every child of it. The Hub's library
keeps its token and what it learns of an endpoint in the user's home, for days.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.batch.loopback_s3 import LoopbackS3

if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)

_hub_home = tempfile.TemporaryDirectory(prefix="plumbline-hub-")
os.environ["HF_HOME"] = _hub_home.name


@pytest.fixture(scope="session")
def s3() -> Iterator[LoopbackS3]:
    """One S3 on loopback for all tests of a process: Metaflow keeps the client it made first."""
    from tests.batch.loopback_s3 import LoopbackS3

    with LoopbackS3() as server:
        yield server


@pytest.fixture
def root(s3: LoopbackS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A prefix of its own on that S3, which the process uses; the working folder is fresh too."""
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return f"s3://{s3.bucket}/{tmp_path.name}"
