"""Objects under an `s3://` prefix, as the response store needs them, through `metaflow.S3`."""

from __future__ import annotations

import mmap
import tempfile
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from inference.errors import StoreError
from inference.secrets import scrub

_FEW = 4
"""Up to so many objects are fetched one after another; more in parallel, by a process that takes
a second to start."""
_DELETE_AT_ONCE = 1000
Answer = TypeVar("Answer")


class ObjectGone(Exception):
    """An object that was listed is no longer there."""


class ObjectError(StoreError):
    """Object storage did not do what it was asked, in one line."""


class Listed(NamedTuple):
    """An object of a listing: its key under the prefix, its size in bytes."""

    key: str
    size: int


class Fetched(NamedTuple):
    """An object and its bytes."""

    key: str
    body: bytes


class Objects:
    """The objects under a prefix. For one thread at a time that reads, and one that writes.

    Raises:
        StoreError: the prefix is no `s3://bucket/...`.
    """

    def __init__(self, root: str) -> None:
        from metaflow import S3
        from metaflow.plugins.datatools.s3.s3util import get_s3_client

        parts = urlsplit(root)
        if parts.scheme != "s3" or not parts.netloc:
            raise StoreError(f"'{root}' is no place for a store; give s3://bucket/prefix")
        self.root = root.rstrip("/")
        self._folder = tempfile.gettempdir()
        self._reader = S3(s3root=self.root, tmproot=self._folder)
        self._writer = S3(s3root=self.root, tmproot=self._folder)
        # metaflow.S3 lists in a process of its own, which takes a second to start, and deletes not
        # at all: both are done with the client that it is made of.
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")
        self._client = get_s3_client()[0]

    def listing(self, prefix: str) -> list[Listed]:
        """Everything below a prefix."""

        def pages() -> list[dict[str, Any]]:
            found = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._name(prefix)
            )
            return [item for page in found for item in page.get("Contents", ())]

        start = len(self._name(""))
        items = _told(pages, f"{self.root} can't be listed")
        return [Listed(item["Key"][start:], item["Size"]) for item in items]

    def fetch(self, keys: list[str]) -> list[Fetched]:
        """Download objects, in the order of their keys.

        Raises:
            ObjectGone: one of them isn't there any more.
        """
        if len(keys) > _FEW:
            found = _told(
                lambda: self._reader.get_many(keys, return_missing=True, return_info=False),
                f"{self.root} can't be read",
            )
        else:
            found = [self._get(key) for key in keys]
        if not all(item.exists for item in found):
            raise ObjectGone
        bodies = {}
        for item in found:
            bodies[self._key(item)] = Path(item.path).read_bytes()
            Path(item.path).unlink()
        return [Fetched(key, bodies[key]) for key in keys]

    def read(self, key: str) -> mmap.mmap | bytes:
        """An object's bytes, mapped from a temporary file."""
        item = self._get(key)
        if not item.exists:
            raise ObjectGone
        path = Path(item.path)
        if path.stat().st_size == 0:
            return b""
        with path.open("rb") as file:
            body = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        path.unlink()
        return body

    def _name(self, key: str) -> str:
        return f"{self._prefix}/{key}".lstrip("/")

    def _key(self, item: Any) -> str:
        return item.url[len(self.root) + 1 :]

    def _get(self, key: str) -> Any:
        return _told(
            lambda: self._reader.get(key, return_missing=True, return_info=False),
            f"{self.root}/{key} can't be read",
        )

    def put(self, key: str, body: bytes) -> None:
        """Upload an object; it is durable when this returns."""
        _told(lambda: self._writer.put(key, body), f"{self.root}/{key} can't be written")

    def probe(self) -> None:
        """Put a small object under the prefix and take it away again.

        Raises:
            ObjectError: that does not go.
        """
        key = f".probe-{uuid.uuid4().hex}"
        self.put(key, b"")
        self.delete([key])

    def delete(self, keys: Iterable[str]) -> None:
        """Take objects away; one that isn't there is fine."""
        names = [{"Key": self._name(key)} for key in keys]

        def delete() -> None:
            for start in range(0, len(names), _DELETE_AT_ONCE):
                chunk = {"Objects": names[start : start + _DELETE_AT_ONCE], "Quiet": True}
                answer = self._client.delete_objects(Bucket=self._bucket, Delete=chunk)
                # S3 says inside a 200 what it did not delete.
                for error in answer.get("Errors", ()):
                    raise ObjectError(f"{error.get('Key')}: {error.get('Message')}")

        _told(delete, f"objects under {self.root} can't be deleted")

    def close(self) -> None:
        """Take away downloaded files."""
        self._reader.close()
        self._writer.close()


def _told(action: Callable[[], Answer], what: str) -> Answer:
    """Run a call of the S3 library; its errors become one line."""
    try:
        return action()
    except Exception as error:
        line = scrub(" ".join(str(error).split()))[:300]
        raise ObjectError(f"{what}: {line or type(error).__name__}") from None
