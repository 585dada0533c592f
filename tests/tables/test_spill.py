"""Tables joined on disk; a disk that is full or not there is one line."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pyarrow as pa
import pytest

from inference.errors import PlumblineError
from tables.spill import Spill

TABLE = pa.table({"a": [1, 2]})


def test_tables_come_back_as_one() -> None:
    with Spill() as spill:
        spill.add(TABLE)
        spill.add(TABLE)
        assert spill.table()["a"].to_pylist() == [1, 2, 1, 2]


def test_a_temporary_folder_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(PlumblineError, match=r"none can't be written.*TMPDIR"):
        Spill()


def test_a_disk_that_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with Spill() as spill:
        monkeypatch.setattr(spill, "_path", Path("/dev/full"))
        with pytest.raises(
            PlumblineError,
            match=r"folder for temporary files /\S+ can't be written: .*No space left.*TMPDIR",
        ) as caught:
            for _ in range(100):
                spill.add(pa.table({"a": list(range(100_000))}))
    assert "\n" not in str(caught.value)
