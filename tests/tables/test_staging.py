"""A folder is put in its place whole, also where several writers want the same one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tables import staging
from tables.staging import put_in_place, staged_beside


def write(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows").write_text(text)


def test_two_writers_at_once_do_not_meet(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "data"
    with staged_beside(target) as first, staged_beside(target) as second:
        write(first, "first")
        write(second, "second")
        put_in_place(second, target)
        put_in_place(first, target)
    assert (target / "rows").read_text() == "first"
    assert [path.name for path in target.parent.iterdir()] == ["data"]


def test_what_a_killed_writer_left_goes(tmp_path: Path) -> None:
    target = tmp_path / "data"
    write(tmp_path / f".data{staging.MARK}dead", "half")
    with staged_beside(target) as alive:
        with staged_beside(target) as folder:
            write(folder, "whole")
            put_in_place(folder, target)
        assert alive.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_target_that_vanishes_meanwhile_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "data"
    write(target, "old")
    rename = Path.rename

    def vanishing(self: Path, to: Path) -> Path:
        if self == target:
            shutil.rmtree(target)
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", vanishing)
    with staged_beside(target) as folder:
        write(folder, "new")
        put_in_place(folder, target)
    assert (target / "rows").read_text() == "new"


def test_a_target_that_comes_back_meanwhile_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "data"
    rename, others = Path.rename, iter(["other", "another"])

    def crowded(self: Path, to: Path) -> Path:
        if to == target:
            for text in others:
                write(target, text)
                break
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", crowded)
    with staged_beside(target) as folder:
        write(folder, "ours")
        put_in_place(folder, target)
    assert (target / "rows").read_text() == "ours"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_what_stood_there_stays_where_the_new_one_cannot_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "data"
    write(target, "old")
    rename = Path.rename

    def refused(self: Path, to: Path) -> Path:
        if (self / "rows").read_text() == "new":
            raise PermissionError(13, "Permission denied")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", refused)
    with staged_beside(target) as folder:
        write(folder, "new")
        with pytest.raises(PermissionError):
            put_in_place(folder, target)
    assert (target / "rows").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_what_a_killed_writer_had_moved_aside_stands_again(tmp_path: Path) -> None:
    target = tmp_path / "data"
    write(tmp_path / f".data{staging.MARK}dead", "new")
    write(tmp_path / f".data{staging.MARK}dead-old", "old")
    with staged_beside(target):
        assert (target / "rows").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
