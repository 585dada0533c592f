"""Which batches are out: written down before anybody waits for them, in the response store.

For each batch `<intent>.json` (its keys, before it is submitted), `<intent>.id.json` (its id, as
soon as there is one) and `<intent>.seen-<n>.json` (keys whose outcome has been collected). Files
are only ever added, so that several tasks may write at once, on a disk or on object storage.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from inference.errors import StoreError
from inference.models import ModelRef
from inference.store import partition_name, write_error

FOLDER = "batches"
_ID = ".id.json"


@dataclass
class Entry:
    """One batch.

    Attributes:
        intent: our name for it.
        created: seconds since the epoch, before it was submitted.
        keys: of its requests.
        id: the provider's name for it, None when that was lost.
        seen: keys whose outcome has been collected.
    """

    intent: str
    created: float
    keys: list[str]
    id: str | None = None
    seen: set[str] = field(default_factory=set)


class Notes(Protocol):
    """Small files by name."""

    def read_all(self) -> dict[str, bytes]:
        """Every file."""
        ...

    def read_beside(self, ending: str) -> dict[str, bytes]:
        """Every file with a name that ends so, here and in the folders like this one beside it."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Add a file; it is durable when this returns."""
        ...


class Ledger:
    """The batches of one model."""

    def __init__(self, location: str, model: ModelRef) -> None:
        self._notes = open_notes(location, f"{partition_name(model)}/{FOLDER}")

    def entries(self) -> list[Entry]:
        """Every batch that was meant to be submitted, oldest first."""
        found: dict[str, Entry] = {}
        notes = self._notes.read_all()
        for name in sorted(notes, key=lambda name: name.count(".")):
            row = _json(notes[name])
            intent, _, kind = name.removesuffix(".json").partition(".")
            if row is None:
                continue
            if not kind:
                found[intent] = Entry(intent, row["created"], row["keys"])
            elif intent in found and kind == "id":
                found[intent].id = row["id"]
            elif intent in found:
                found[intent].seen.update(row["keys"])
        return sorted(found.values(), key=lambda entry: entry.created)

    def ids(self) -> dict[str, str]:
        """The ids of all batches of the store, of every model, by our names for them."""
        notes = self._notes.read_beside(_ID)
        rows = {name.removesuffix(_ID): _json(data) for name, data in notes.items()}
        return {intent: row["id"] for intent, row in rows.items() if row is not None}

    def intend(self, keys: list[str]) -> Entry:
        """Write down that a batch of these requests is about to be submitted."""
        entry = Entry(uuid.uuid4().hex, time.time(), keys)
        self._write(f"{entry.intent}.json", {"created": entry.created, "keys": keys})
        return entry

    def submitted(self, entry: Entry, batch_id: str) -> None:
        """Write down a batch's id, before waiting for it."""
        entry.id = batch_id
        self._write(f"{entry.intent}{_ID}", {"id": batch_id})

    def collected(self, entry: Entry, keys: list[str]) -> None:
        """Write down whose outcomes have been taken in: they are not looked for again."""
        entry.seen.update(keys)
        self._write(f"{entry.intent}.seen-{uuid.uuid4().hex[:8]}.json", {"keys": keys})

    def _write(self, name: str, row: dict[str, Any]) -> None:
        self._notes.write(name, json.dumps(row).encode())


def _json(data: bytes) -> dict[str, Any] | None:
    """A note, None when it is damaged: an unreadable batch is like none."""
    try:
        row = json.loads(data)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def open_notes(location: str, folder: str) -> Notes:
    """The notes in a folder of a store."""
    if location.startswith("s3://"):
        return _ObjectNotes(location, folder)
    return _FileNotes(Path(location), folder)


class _FileNotes:
    def __init__(self, root: Path, folder: str) -> None:
        self._folder = root / folder

    def read_all(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self._folder.glob("*.json")}

    def read_beside(self, ending: str) -> dict[str, bytes]:
        root, kind = self._folder.parents[1], self._folder.name
        return {path.name: path.read_bytes() for path in root.glob(f"*/{kind}/*{ending}")}

    def write(self, name: str, data: bytes) -> None:
        from inference.segment_files import fsync_folder

        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            staging = self._folder / f"{name}.writing"
            with staging.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            staging.rename(self._folder / name)
            fsync_folder(self._folder)
        except OSError as error:
            raise write_error(self._folder, error.strerror or str(error)) from None


class _ObjectNotes:
    def __init__(self, location: str, prefix: str) -> None:
        from inference.object_store import Objects

        self._objects, self._prefix = Objects(location), prefix

    def read_all(self) -> dict[str, bytes]:
        return self._read([item.key for item in self._objects.listing(f"{self._prefix}/")])

    def read_beside(self, ending: str) -> dict[str, bytes]:
        kind = self._prefix.rsplit("/", 1)[1]
        keys = [item.key for item in self._objects.listing("")]
        return self._read([k for k in keys if f"/{kind}/" in k and k.endswith(ending)])

    def _read(self, keys: list[str]) -> dict[str, bytes]:
        return {item.key.rsplit("/", 1)[1]: item.body for item in self._objects.fetch(keys)}

    def write(self, name: str, data: bytes) -> None:
        try:
            self._objects.put(f"{self._prefix}/{name}", data)
        except StoreError as error:
            raise write_error(self._objects.root, str(error)) from None
