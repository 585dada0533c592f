"""Data sets and results on S3: round trips, other work, keys that leave their folder, no bucket."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from flows import remote
from flows.naming import claim_results, results_folder
from inference.errors import PlumblineError
from tables import places
from tables.located import ROOT_VARIABLE, NotHere, located
from tables.on_s3 import BadPlace, download_folder
from tables.places import check_writable, read_table, work_of, write_table
from tests.batch.loopback_s3 import LoopbackS3

TABLE = pa.table({"question": ["a", "b"], "n": [1, 2]})


def test_a_table_goes_there_and_back(root: str) -> None:
    check_writable(f"{root}/t", "mine")
    assert write_table(TABLE, f"{root}/t", "mine") == f"{root}/t"
    assert read_table(f"{root}/t").equals(TABLE)
    assert work_of(f"{root}/t") == "mine"
    check_writable(f"{root}/t", "mine")
    with pytest.raises(BadPlace, match="other work"):
        check_writable(f"{root}/t", "another")


def test_objects_of_nobody_known_are_other_work(root: str, s3: LoopbackS3, tmp_path: Path) -> None:
    s3.client().put_object(Bucket=s3.bucket, Key=f"{tmp_path.name}/t/theirs.csv", Body=b"x")
    with pytest.raises(BadPlace, match="holds other work"):
        check_writable(f"{root}/t", "mine")
    with pytest.raises(BadPlace, match="other work"):
        write_table(TABLE, f"{root}/t", "mine")
    assert s3.keys(f"{tmp_path.name}/t") == [f"{tmp_path.name}/t/theirs.csv"]
    check_writable(f"{root}/t2", "mine")  # beside it, not below


@pytest.mark.slow
def test_an_upload_that_broke_off_is_no_data_set_and_may_be_written_again(
    root: str, s3: LoopbackS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: Path, where: str, last: str = "") -> None:
        raise BadPlace("the line is dead")

    write_table(TABLE, f"{root}/t", "mine")
    with monkeypatch.context() as patched:
        patched.setattr(places, "upload_folder", broken)
        with pytest.raises(BadPlace, match="dead"):
            write_table(TABLE, f"{root}/t", "mine")
    with pytest.raises(BadPlace, match="incomplete"):
        read_table(f"{root}/t")
    with pytest.raises(BadPlace, match="other work"):
        check_writable(f"{root}/t", "another")
    check_writable(f"{root}/t", "mine")
    write_table(TABLE, f"{root}/t", "mine")
    assert read_table(f"{root}/t").equals(TABLE)


def test_nothing_of_an_earlier_result_stays(root: str, s3: LoopbackS3, tmp_path: Path) -> None:
    write_table(TABLE, f"{root}/t", "mine")
    first = set(s3.keys(f"{tmp_path.name}/t/"))
    s3.client().put_object(Bucket=s3.bucket, Key=f"{tmp_path.name}/t/data-1.arrow", Body=b"old")
    write_table(TABLE, f"{root}/t", "mine")
    assert set(s3.keys(f"{tmp_path.name}/t/")) == first


def test_a_single_file_is_a_data_set(root: str, s3: LoopbackS3, tmp_path: Path) -> None:
    s3.client().put_object(
        Bucket=s3.bucket, Key=f"{tmp_path.name}/x.jsonl", Body=b'{"question": "a"}\n'
    )
    assert read_table(f"{root}/x.jsonl")["question"].to_pylist() == ["a"]


def test_what_is_not_there_is_one_line(root: str) -> None:
    with pytest.raises(BadPlace, match="there is nothing at"):
        read_table(f"{root}/nothing")
    with pytest.raises(BadPlace, match="no-such-bucket"):
        check_writable("s3://no-such-bucket/t", "mine")


def test_a_key_never_leaves_its_folder(root: str, s3: LoopbackS3, tmp_path: Path) -> None:
    for key in ("state.json", "../outside.txt"):
        s3.client().put_object(Bucket=s3.bucket, Key=f"{tmp_path.name}/bad/{key}", Body=b"x")
    folder = tmp_path / "inner" / "folder"
    folder.mkdir(parents=True)
    with pytest.raises(BadPlace, match="leaves its folder"):
        download_folder(f"{root}/bad", folder)
    assert not (tmp_path / "inner" / "outside.txt").exists()


def test_results_go_up_at_the_end_of_a_step(root: str, s3: LoopbackS3, tmp_path: Path) -> None:
    folder = results_folder(f"{root}/results", "x")
    assert remote.shown(folder) == f"{root}/results" and folder.is_dir()
    (folder / "a.csv").write_text("a\n1\n")
    (folder / "manifest.json").write_text('{"work": "mine"}')
    remote.publish()
    assert set(s3.keys(f"{tmp_path.name}/results")) == {
        f"{tmp_path.name}/results/a.csv",
        f"{tmp_path.name}/results/manifest.json",
    }
    remote._staged.clear()
    again = results_folder(f"{root}/results", "x")
    claim_results(again, "mine")
    with pytest.raises(PlumblineError, match=f"{root}/results holds the results of other work"):
        claim_results(again, "another")
    remote._staged.clear()


def test_a_working_folder_on_s3(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert located("local_data/store") == "local_data/store"
    monkeypatch.setenv(ROOT_VARIABLE, f"{root}/home")
    assert located("local_data/store") == f"{root}/home/local_data/store"
    assert located("s3://b/x") == "s3://b/x"
    for path in ("/home/me/store", "../store", "a/../../b"):
        with pytest.raises(NotHere, match="launcher's machine"):
            located(path)
    write_table(TABLE, "local_results/t", "mine")
    assert read_table("local_results/t").equals(TABLE)
    with pytest.raises(BadPlace, match=r"does not see \./mine on the launcher"):
        read_table("./mine")
