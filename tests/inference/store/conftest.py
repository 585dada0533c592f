"""A store of each kind, and answers to put into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.batch.loopback_s3 import LoopbackS3


@pytest.fixture
def bucket(s3: LoopbackS3, monkeypatch: pytest.MonkeyPatch) -> LoopbackS3:
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    return s3


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.slow)])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "store")
    request.getfixturevalue("bucket")
    return f"s3://{LoopbackS3.bucket}/{tmp_path.name}/store"
