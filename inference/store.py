"""The response store: every paid-for answer, durable before it counts as done.

One folder a model, one segment a writer, so that many shards and processes write at once without
a lock. A store finds what stood in it when it was opened and what was put through it since. Only
answers are kept (contract 3); failures go to a journal beside them that is never read back.

`Store` is the protocol that `inference.ask` uses; `inference.store_local` is the one for a local
(or mounted) folder, `inference.store_s3` the one for object storage. `inference.compaction` merges
small segments.
"""

from __future__ import annotations

import os
import re
import time
import uuid
from pathlib import Path
from typing import Any, Protocol

from inference.errors import StoreError
from inference.models import ModelRef
from inference.result import Result

DEFAULT_ROOT = "local_data/store"


class Store(Protocol):
    """Where answers are kept. Not safe for several threads; safe for several processes."""

    @property
    def full(self) -> StoreError | None:
        """Why no more should be asked, where what is in flight can still be kept; else None."""
        ...

    def get(self, model: ModelRef, key: str) -> Result | None:
        """The stored answer to the request with this key, if there is one."""
        ...

    def check_writable(self, model: ModelRef) -> None:
        """Make sure that this model's answers can be kept, before any is paid for.

        Raises:
            StoreError: they can't (disk full, read-only, unreachable).
        """
        ...

    async def put(self, model: ModelRef, result: Result) -> None:
        """Keep an answer; returns once it is durable.

        Raises:
            StoreError: it could not be written (disk full, read-only, unreachable).
        """
        ...

    def note_failure(self, model: ModelRef, result: Result) -> None:
        """Write a failure with its raw text and usage into the journal."""
        ...

    async def close(self) -> None:
        """Make everything durable and let go of files."""
        ...


def open_store(location: str) -> Store:
    """The store at a local folder or an `s3://` prefix.

    Raises:
        StoreError: the location can't be used.
    """
    if location.startswith("s3://"):
        from inference.store_s3 import S3Store

        return S3Store(location)
    from inference.store_local import LocalStore

    return LocalStore(Path(location))


def partition_name(model: ModelRef) -> str:
    """The folder of a model's answers; two models that share one only share a file."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", f"{model.provider}-{model.name}").strip(".") or "model"


def failure_line(result: Result) -> dict[str, Any]:
    """What the journal says of a failure."""
    return {
        "at": round(time.time(), 3),
        "key": result.key,
        "model": result.model,
        "failure": result.failure,
        "detail": result.detail,
        "finish": result.finish_reason,
        "usage": result.usage,
        "raw": result.raw,
    }


def write_error(where: Path | str, why: str) -> StoreError:
    """A failed write in one line."""
    return StoreError(
        f"answers can't be written to the response store {where}: {why}; "
        "mend that and resume: what was stored is not asked again"
    )


def writer_name() -> str:
    """Sorts by time, and no two writers share one."""
    return f"{time.time_ns():020d}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
