"""Other work at an output place is told apart by its parameters."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from flows import outputs
from flows.outputs import check_output, differences
from tables.places import OtherWork, write_table


def test_other_work_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = str(tmp_path / "out")
    write_table(pa.table({"a": [1]}), place, "two pairs", {"parameters": {"limit": 2}})
    monkeypatch.setattr(outputs, "parameters_of", lambda flow: {"limit": 0})
    check_output(None, place, "two pairs")
    with pytest.raises(OtherWork) as caught:
        check_output(None, place, "all pairs")
    assert (
        "give another output path (--output_dataset_path); it was made with --limit 2 (now 0)"
        in str(caught.value)
    )
    assert "\n" not in str(caught.value)


def test_nothing_is_told_where_nothing_tells() -> None:
    assert differences(None, {"limit": 0}) == ""
    assert differences({"limit": 0, "batch_size": 1}, {"limit": 0, "batch_size": 2, "x": 1}) == ""


def test_long_and_many_differences_stay_one_line() -> None:
    told = differences(dict.fromkeys("abcde", 1), dict.fromkeys("abcde", "long\n" * 99))
    assert "--c 1 (now long" in told and "and 2 more" in told
    assert "--d" not in told and "\n" not in told and len(told) < 300
