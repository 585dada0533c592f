"""Folders on S3, through `metaflow.S3`; the file that says that all is there goes up last."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.errors import PlumblineError
from inference.secrets import scrub

if TYPE_CHECKING:
    from inference.object_store import Objects

_KEPT: list[tempfile.TemporaryDirectory[str]] = []
"""Tables are mapped from these folders: they go when the process does."""


class BadPlace(PlumblineError):
    """A dataset that isn't there, can't be read, or must not be overwritten."""


def fetched(where: str) -> Path:
    """The folder, or the single file, at `where` as one on this machine's disk.

    Raises:
        BadPlace: there is nothing, or it can't be reached.
    """
    folder = tempfile.TemporaryDirectory(prefix="plumbline-")
    _KEPT.append(folder)
    if Path(where).suffix:
        name = where.rstrip("/").rsplit("/", 1)[1]
        found = read_object(where)
        if found is not None:
            path = Path(folder.name) / name
            path.write_bytes(found)
            return path
    download_folder(where, Path(folder.name))
    return Path(folder.name)


def download_folder(where: str, folder: Path) -> None:
    """Fetch everything under an `s3://` prefix.

    Raises:
        BadPlace: there is nothing, it can't be reached, or a key leaves the folder.
    """
    from metaflow import S3

    try:
        with S3(s3root=where.rstrip("/"), tmproot=tempfile.gettempdir()) as s3:
            found = s3.get_all()
            for item in found:
                target = folder / item.key
                if not target.resolve().is_relative_to(folder.resolve()):
                    raise BadPlace(f"{where} holds a key that leaves its folder: {item.key}")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(item.path, target)
    except BadPlace:
        raise
    except Exception as error:
        raise BadPlace(f"{where} can't be read: {line_of(error)}") from None
    if not found:
        raise BadPlace(f"there is nothing at {where}")


def upload_folder(folder: Path, where: str, last: str = "") -> None:
    """Put every file of a folder under an `s3://` prefix, the one called `last` after the others.

    Raises:
        BadPlace: it can't be written.
    """
    from metaflow import S3

    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {str(path.relative_to(folder)): str(path) for path in paths}
    final = names.pop(last, None)
    try:
        with S3(s3root=where.rstrip("/"), tmproot=tempfile.gettempdir()) as s3:
            if names:
                s3.put_files(list(names.items()))
            if final is not None:
                s3.put(last, Path(final).read_bytes())
    except Exception as error:
        raise BadPlace(f"{where} can't be written: {line_of(error)}") from None


def read_object(url: str) -> bytes | None:
    """An object's bytes, None when there is no such object.

    Raises:
        BadPlace: it can't be reached.
    """
    from metaflow import S3

    try:
        with S3(tmproot=tempfile.gettempdir()) as s3:
            item = s3.get(url, return_missing=True)
            return item.blob if item.exists else None
    except Exception as error:
        raise BadPlace(f"{url} can't be read: {line_of(error)}") from None


def read_json(url: str) -> Any:
    """The JSON in an object, None when there is none."""
    try:
        return json.loads(read_object(url) or b"null")
    except ValueError:
        return None


def list_folder(where: str) -> list[str]:
    """The keys of all objects below an `s3://` prefix, as they are called under it.

    Raises:
        BadPlace: it can't be listed.
    """
    with _objects(where, "read") as objects:
        return [item.key for item in objects.listing("")]


def delete_from(where: str, keys: Iterable[str]) -> None:
    """Take objects below a prefix away.

    Raises:
        BadPlace: that does not go.
    """
    with _objects(where, "written") as objects:
        objects.delete(keys)


def put_object(where: str, key: str, body: bytes) -> None:
    """Put one object below a prefix.

    Raises:
        BadPlace: that does not go.
    """
    with _objects(where, "written") as objects:
        objects.put(key, body)


def check_can_write(where: str) -> None:
    """Put a small object under the prefix and take it away again.

    Raises:
        BadPlace: that does not go.
    """
    with _objects(where, "written") as objects:
        objects.probe()


@contextlib.contextmanager
def _objects(where: str, done: str) -> Iterator[Objects]:
    """The objects below a prefix; an error inside says that it can't be `done`."""
    from inference.errors import StoreError
    from inference.object_store import Objects

    try:
        with contextlib.closing(Objects(where)) as objects:
            yield objects
    except StoreError as error:
        raise BadPlace(f"{where} can't be {done}: {error}") from None


def line_of(error: BaseException) -> str:
    """An error in one line without secrets."""
    return scrub(" ".join(str(error).split()))[:300] or type(error).__name__
