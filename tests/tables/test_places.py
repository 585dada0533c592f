"""Where datasets live, and what is refused before anything is paid for."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from datasets import Dataset, DatasetDict

from tables.places import (
    BadPlace,
    check_writable,
    is_folder,
    is_hub,
    read_table,
    work_of,
    write_table,
)

TABLE = pa.table({"a": [1, 2], "b": ["x", None]})


def test_kinds_of_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there/ds").mkdir(parents=True)
    for folder in ("local_data/x", "./x", "/x", "there/ds"):
        assert is_folder(folder) and not is_hub(folder)
    assert is_hub("org/name") and not is_folder("org/name")
    for neither in ("s3://bucket/x", "builtin:val_bench_pairs", "word"):
        assert not is_hub(neither) and not is_folder(neither)


def test_write_and_read_back(tmp_path: Path) -> None:
    where = str(tmp_path / "deep" / "ds")
    write_table(TABLE, where, work="w1")
    assert read_table(where).equals(TABLE)
    assert work_of(Path(where)) == "w1"
    write_table(TABLE.slice(0, 1), where, work="w1")
    assert read_table(where).num_rows == 1


def test_a_dataset_saved_in_several_files(tmp_path: Path) -> None:
    rows = pa.table({"a": list(range(10))})
    Dataset(rows).save_to_disk(tmp_path / "ds", num_shards=3)
    assert read_table(str(tmp_path / "ds"))["a"].to_pylist() == list(range(10))


def test_the_split_of_a_folder_with_several(tmp_path: Path) -> None:
    splits = {"train": Dataset(TABLE), "test": Dataset(TABLE.slice(1))}
    DatasetDict(splits).save_to_disk(tmp_path / "ds")
    assert read_table(str(tmp_path / "ds"), "test")["a"].to_pylist() == [2]
    with pytest.raises(BadPlace, match="no split 'dev'; it has: train, test"):
        read_table(str(tmp_path / "ds"), "dev")


def test_a_dataset_with_half_a_file_is_one_line(tmp_path: Path) -> None:
    write_table(TABLE, str(tmp_path / "ds"), work="w")
    (file,) = (tmp_path / "ds").glob("*.arrow")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(BadPlace, match="ds can't be read as a dataset"):
        read_table(str(tmp_path / "ds"))


def test_a_dataset_never_leaves_its_folder(tmp_path: Path) -> None:
    for name in ("ds", "other"):
        write_table(TABLE, str(tmp_path / name), work="w")
    state = tmp_path / "ds/state.json"
    state.write_text(state.read_text().replace("data-0", "../other/data-0"))
    with pytest.raises(BadPlace, match="which is outside of it"):
        read_table(str(tmp_path / "ds"))


@pytest.mark.parametrize("splits", [["../other"], ["train", ".."], ["/etc"]])
def test_nor_do_its_splits(tmp_path: Path, splits: list[str]) -> None:
    write_table(TABLE, str(tmp_path / "other"), work="w")
    (tmp_path / "ds").mkdir()
    (tmp_path / "ds/dataset_dict.json").write_text(json.dumps({"splits": splits}))
    with pytest.raises(BadPlace, match="which is outside of it"):
        read_table(str(tmp_path / "ds"), splits[-1])


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl", "parquet"])
def test_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t.{suffix}"
    frame = TABLE.to_pandas()
    match suffix:
        case "csv":
            frame.to_csv(path, index=False)
        case "json":
            path.write_text(json.dumps(TABLE.to_pylist()))
        case "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in TABLE.to_pylist()))
        case _:
            frame.to_parquet(path)
    assert read_table(str(path))["a"].to_pylist() == [1, 2]


def test_the_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"a": 1}\n\n{"a": 2}\n{"a": "cut off')
    with pytest.raises(BadPlace, match="line 4: Unterminated string"):
        read_table(str(tmp_path / "t.jsonl"))


def test_a_file_out_of_a_saved_dataset_and_one_without_rows(tmp_path: Path) -> None:
    write_table(TABLE, str(tmp_path / "ds"), work="w")
    (file,) = (tmp_path / "ds").glob("*.arrow")
    assert read_table(str(file))["a"].to_pylist() == [1, 2]
    write_table(TABLE.slice(0, 0), str(tmp_path / "none"), work="w")
    with pytest.raises(BadPlace, match="none has no rows"):
        read_table(str(tmp_path / "none"))


def test_builtin_sets_are_read_and_unknown_ones_listed() -> None:
    assert read_table("builtin:val-bench-pairs").num_rows == 48
    with pytest.raises(BadPlace, match="builtin:val_bench_pairs"):
        read_table("builtin:nothing")
    with pytest.raises(BadPlace):
        read_table("builtin:../../etc/passwd")


@pytest.mark.parametrize("where", ["./nowhere", "word", "s3:/typo"])
def test_what_is_not_there(where: str) -> None:
    with pytest.raises(BadPlace) as caught:
        read_table(where)
    assert "\n" not in str(caught.value)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": 1}\n{broken')
    with pytest.raises(BadPlace, match=r"x\.jsonl can't be read"):
        read_table(str(path))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('{"a": 1}\n[2]\n', "row 1 is no object"),
        ("3", "row 0 is no object"),
        ('{"a": 123456789012345678901234567890}', "can't be read"),
        ('{"a": "\\ud800"}', "can't be read"),
        ("[" * 100_000, "can't be read"),
    ],
)
def test_lines_that_are_no_rows_are_one_line(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    with pytest.raises(BadPlace, match=word) as caught:
        read_table(str(path))
    assert "\n" not in str(caught.value) and "x.jsonl" in str(caught.value)


def test_a_json_file_of_columns_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"a": [1, 2]}')
    with pytest.raises(BadPlace, match="no list of objects"):
        read_table(str(path))


@pytest.mark.parametrize("name", ["t.jsonl", "t.json", "t.csv"])
def test_a_byte_order_mark_is_no_text(tmp_path: Path, name: str) -> None:
    text = {"t.jsonl": '{"a": 1}', "t.json": '[{"a": 1}]', "t.csv": "a\n1\n"}[name]
    (tmp_path / name).write_text(text, encoding="utf-8-sig")
    assert read_table(str(tmp_path / name)).to_pylist() == [{"a": 1}]


def test_a_disk_that_takes_nothing_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadPlace, match="can't be written"):
        write_table(TABLE, str(tmp_path / "file" / "ds"), work="w")


def test_other_work_is_not_overwritten(tmp_path: Path) -> None:
    where = str(tmp_path / "ds")
    write_table(TABLE, where, work="mine")
    check_writable(where, "mine")
    with pytest.raises(BadPlace, match="other work"):
        check_writable(where, "yours")
    (tmp_path / "empty").mkdir()
    check_writable(str(tmp_path / "empty"), "any")


def test_records_may_differ_in_their_columns(tmp_path: Path) -> None:
    for name, text in (
        ("t.jsonl", '{"a": 1}\n{"a": 2, "category": "x\u2028y"}\n'),
        ("t.json", '[{"a": 1}, {"a": 2, "category": "x\u2028y"}]'),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        table = read_table(str(tmp_path / name))
        assert table["category"].to_pylist() == [None, "x\u2028y"]


def test_lines_inside_csv_cells(tmp_path: Path) -> None:
    texts = [f"line {number}\n" + "more of it,\n" * 200 for number in range(2000)]
    path = tmp_path / "t.csv"
    pd.DataFrame({"text": texts}).to_csv(path, index=False)
    assert read_table(str(path))["text"].to_pylist() == texts


def test_a_hub_dataset_of_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """`create_repo(exist_ok=True)` is content with a repository that can only be read."""
    import huggingface_hub

    class Hub:
        def __init__(self, token: str) -> None: ...

        def create_repo(self, *args: object, **options: object) -> None: ...

        def auth_check(self, where: str, *, repo_type: str, write: bool) -> None:
            assert repo_type == "dataset" and write
            raise PermissionError("403 Forbidden")

    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    with pytest.raises(BadPlace, match="no write access to the Hub dataset org/theirs"):
        check_writable("org/theirs", "any")


def test_a_csv_that_is_not_utf8_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("prompt,id\nplain,1\ncafé,2\n".encode("latin-1"))
    with pytest.raises(BadPlace, match=r"latin\.csv.*'prompt' is not UTF-8"):
        read_table(str(path))


@pytest.mark.parametrize("where", ["", "  "])
def test_an_empty_output_place_is_refused(where: str) -> None:
    with pytest.raises(BadPlace, match="empty"):
        check_writable(where, "w")


def test_a_name_too_long_for_the_disk_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadPlace, match="File name too long"):
        check_writable(str(tmp_path / ("m" * 300)), "w")
