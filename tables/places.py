"""Where datasets live: `path`, `s3://...`, `org/name` on the Hub, `builtin:name`.

What starts with `local`, `.`, `/` or `s3://`, or exists on disk, is a folder (or a file);
`builtin:name` is a data set of this project; any other `org/name` is the Hub.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.secrets import hub_token
from tables.files import FILE_KINDS, read_file
from tables.located import located, remote_root
from tables.on_hub import MANIFEST, WORK_FILE, check_hub, notes_of, push
from tables.on_s3 import (
    BadPlace,
    check_can_write,
    delete_from,
    download_folder,
    fetched,
    line_of,
    list_folder,
    put_object,
    read_json,
    upload_folder,
)
from tables.saved import plain_table, read_saved
from tables.staging import name_beside, put_in_place, staged_beside

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

DATA = Path(__file__).parent.parent / "data"
__all__ = ["BadPlace", "check_writable", "download_folder", "read_table", "upload_folder"]
UPLOADING = "plumbline-uploading.json"
"""Stands beside an upload to S3 until it is complete, and names its work."""
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_HINT = "; a remote task does not see a folder of the launcher: copy it to s3:// and give that"


class OtherWork(BadPlace):
    """A place that holds the result of other work."""


def is_folder(where: str) -> bool:
    """Whether a place is a local path, as against the Hub, S3 or a built-in set."""
    if where.startswith(("s3://", "builtin:")):
        return False
    return where.startswith(("local", ".", "/")) or Path(where).exists()


def is_hub(where: str) -> bool:
    """Whether a place is a Hub dataset id."""
    return (
        not where.startswith(("s3://", "builtin:"))
        and not is_folder(where)
        and Path(where).suffix not in FILE_KINDS
        and bool(_HUB_ID.fullmatch(where))
    )


def standing(where: str) -> str:
    """Where a dataset stands for this task: a path as `located` says, a Hub id as it is."""
    return where if is_hub(where) or where.startswith("builtin:") else located(where)


def read_table(where: str, split: str = "train") -> pa.Table:
    """All rows of a dataset. A saved folder is memory-mapped, not read.

    `split` is used for the Hub and for folders that hold several splits.

    Raises:
        BadPlace: one line that names the place and what to do.
    """
    if where.startswith("builtin:"):
        return read_file(_builtin(where), where)
    if where.startswith("s3://"):
        return _read_local(_whole(fetched(where), where), split)
    if is_folder(where):
        if remote_root() and not Path(where).exists():
            return _read_local(_fetched_for_remote(where), split)
        return _read_local(Path(where), split)
    if is_hub(where):
        return _read_hub(where, split)
    if Path(where).suffix in FILE_KINDS:
        raise BadPlace(f"there is no file {where}")
    raise BadPlace(
        f"'{where}' is no dataset: give a folder, a file ({', '.join(sorted(FILE_KINDS))}), "
        "s3://..., a Hub id org/name, or builtin:name"
    )


def _whole(path: Path, where: str) -> Path:
    """A downloaded data set, unless its upload was never finished."""
    if (path / UPLOADING).exists() and not (path / WORK_FILE).exists():
        raise BadPlace(f"{where} is incomplete: the run that wrote it broke off; resume that one")
    return path


def _builtin(where: str) -> Path:
    name = where.removeprefix("builtin:").replace("-", "_")
    path = DATA / f"{name}.jsonl"
    if not re.fullmatch(r"\w+", name) or not path.exists():
        names = ", ".join(sorted(f"builtin:{p.stem}" for p in DATA.glob("*.jsonl")))
        raise BadPlace(f"there is no {where}; there are: {names}")
    return path


def _read_local(path: Path, split: str) -> pa.Table:
    if not path.exists():
        raise BadPlace(f"there is no dataset at {path}")
    if path.is_file():
        return read_file(path, str(path))
    return read_saved(path, split)


def _read_hub(where: str, split: str) -> pa.Table:
    from datasets import load_dataset

    try:
        return plain_table(load_dataset(where, split=split, token=hub_token()))
    except Exception as error:
        raise BadPlace(
            f"the Hub dataset {where} (split {split}) can't be loaded: {line_of(error)}; "
            f"check the name, the network and HF_TOKEN{_HINT if remote_root() else ''}"
        ) from None


def _fetched_for_remote(where: str) -> Path:
    """What stands on S3 for a local path; a folder of the launcher's own is not there."""
    try:
        return fetched(located(where))
    except BadPlace as error:
        raise BadPlace(
            f"a remote task does not see {where} on the launcher, and {error}; "
            f"copy it there (aws s3 cp --recursive {where} s3://...) and give the s3:// place"
        ) from None


# Writing --------------------------------------------------------------------------------------


def check_writable(where: str, work: str) -> None:
    """Make sure that a result can be written to `where`, before anything is paid for.

    `work` names the work whose result it will be: an output of the same work is overwritten.

    Raises:
        BadPlace: it holds other work, is no dataset place, or can't be written.
    """
    if not where.strip():
        raise BadPlace("the output path is empty; give a folder, s3://... or a Hub id org/name")
    where = standing(where)
    if where.startswith("s3://"):
        _check_s3(where, work)
        return
    if is_hub(where):
        check_hub(where, work)
        return
    if where.startswith("builtin:"):
        raise BadPlace(f"{where} can't be written to; give a folder")
    try:
        _check_here(Path(where), work)
    except OSError as error:
        raise BadPlace(f"{where} can't be written: {error.strerror}") from None


def _check_here(path: Path, work: str) -> None:
    name_beside(path).exists()  # the longest name that will be used: an error where it is too long
    if path.is_file() or (path.is_dir() and any(path.iterdir()) and work_of(path) != work):
        raise OtherWork(
            f"{path} exists and holds other work; move it away or give another output path"
        )
    parent = next(p for p in [path, *path.absolute().parents] if p.exists())
    if not _can_write(parent):
        raise BadPlace(f"{path} can't be written: no write access to {parent}")


def _check_s3(where: str, work: str) -> None:
    if not _is_free(where, work):
        raise OtherWork(f"{where} holds other work; move it away or give another output path")
    check_can_write(where)


def _is_free(where: str, work: str) -> bool:
    """Whether an S3 prefix holds nothing, this work's result, or an upload of it that broke off."""
    names = set(list_folder(where))
    if WORK_FILE in names:
        return work_of(where) == work
    if UPLOADING in names:
        return _json_beside(where, UPLOADING).get("work") == work
    return not names


def _can_write(folder: Path) -> bool:
    import os

    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def work_of(place: Path | str) -> str | None:
    """The name of the work whose result a folder holds, None when it isn't one of ours."""
    return _json_beside(place, WORK_FILE).get("work")


def manifest_of(place: Path | str) -> dict[str, Any]:
    """The manifest.json of a dataset in a folder or on S3; empty where there is none."""
    return _json_beside(place, MANIFEST)


def _json_beside(place: Path | str, name: str) -> dict[str, Any]:
    try:
        if str(place).startswith("s3://"):
            content = read_json(f"{str(place).rstrip('/')}/{name}")
        else:
            content = json.loads((Path(place) / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_table(table: pa.Table, where: str, work: str, note: dict[str, Any] | None = None) -> str:
    """Save a dataset, with `note` as its manifest.json; return where it is.

    The file that names the work is written last. The table may be memory-mapped; it is written in
    batches.

    Raises:
        BadPlace: it can't be written, or the S3 prefix has come to hold other work.
    """
    from datasets import Dataset

    # Without a name for its content the library pickles and hashes the table: five times its size.
    dataset = Dataset(table, fingerprint=hashlib.blake2b(work.encode(), digest_size=8).hexdigest())
    if is_hub(where):
        push(dataset, where, notes_of(work, note))
        return where
    where = located(where)
    notes = notes_of(work, note)
    try:
        if where.startswith("s3://"):
            _save_on_s3(dataset, where, work, notes)
        else:
            _save_here(dataset, Path(where), notes)
    except OSError as error:
        raise BadPlace(f"{where} can't be written: {line_of(error)}") from None
    return where


def _save_here(dataset: datasets.Dataset, target: Path, notes: dict[str, bytes]) -> None:
    """Under another name first, so that a folder that is there is whole."""
    with staged_beside(target) as staging:
        dataset.save_to_disk(str(staging))
        _write_notes(staging, notes)
        put_in_place(staging, target)


def _write_notes(folder: Path, notes: dict[str, bytes]) -> None:
    for name, content in notes.items():
        (folder / name).write_bytes(content)


def _save_on_s3(dataset: datasets.Dataset, where: str, work: str, notes: dict[str, bytes]) -> None:
    """Between two marks: one, taken away at the end, says whose upload has begun; the work file,
    which goes up last, that all of it is there. What an earlier run left goes first."""
    if not _is_free(where, work):
        raise BadPlace(f"{where} has come to hold other work; move it away and resume")
    with tempfile.TemporaryDirectory(prefix="plumbline-") as folder:
        dataset.save_to_disk(folder)
        _write_notes(Path(folder), notes)
        put_object(where, UPLOADING, json.dumps({"work": work}).encode())
        delete_from(where, set(list_folder(where)) - {UPLOADING})
        upload_folder(Path(folder), where, last=WORK_FILE)
        delete_from(where, {UPLOADING})
