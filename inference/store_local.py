"""The response store in a local folder: memory-mapped segments, grouped fsyncs."""

from __future__ import annotations

import contextlib
import json
import logging
import mmap
import os
from pathlib import Path
from typing import Any, NamedTuple

from inference import segment_index, segments
from inference.errors import StoreError
from inference.models import ModelRef
from inference.result import Result
from inference.segment_files import SegmentWriter, map_segment, rows_of, segments_in
from inference.store import failure_line, partition_name, write_error, writer_name

log = logging.getLogger(__name__)

_LISTINGS = 5
_MOST_MAPPED = 32
"""Segments of one model that are mapped at a time: each holds a file descriptor."""
_PROBE_BYTES = 64 * 1024


class LocalStore:
    """A store in a local folder. Appends are grouped: one fsync serves all that waited for it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._partitions: dict[str, _Partition] = {}
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"the response store {root} can't be made: {error.strerror}") from None

    @property
    def full(self) -> StoreError | None:
        """See `Store.full`."""
        return next((p.full for p in self._partitions.values() if p.full), None)

    def get(self, model: ModelRef, key: str) -> Result | None:
        """See `Store.get`."""
        return self._partition(model).get(key)

    def check_writable(self, model: ModelRef) -> None:
        """See `Store.check_writable`."""
        self._partition(model).check_writable()

    async def put(self, model: ModelRef, result: Result) -> None:
        """See `Store.put`."""
        await self._partition(model).append(result)

    def note_failure(self, model: ModelRef, result: Result) -> None:
        """See `Store.note_failure`."""
        self._partition(model).journal(result)

    async def close(self) -> None:
        """See `Store.close`."""
        for partition in self._partitions.values():
            await partition.close()

    def _partition(self, model: ModelRef) -> _Partition:
        name = partition_name(model)
        if name not in self._partitions:
            self._partitions[name] = _Partition(self._root / name)
        return self._partitions[name]


class _Own(NamedTuple):
    """Where an answer of our own writer stands."""

    file: int
    offset: int
    length: int


class _Partition:
    """All segments of one model: an index over what was there, and one segment of our own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mapped: dict[int, mmap.mmap] = {}
        self._own: dict[str, _Own] = {}
        self._writer: SegmentWriter | None = None
        self._journal: Any = None
        self._load()

    @property
    def full(self) -> StoreError | None:
        return None if self._writer is None else self._writer.full

    def _load(self) -> None:
        """Index every segment; begin again when a compaction took one away meanwhile."""
        self._unmap(0)
        for _ in range(_LISTINGS):
            try:
                self._paths = segments_in(self._folder)
                self._index = segment_index.SegmentIndex([rows_of(path) for path in self._paths])
                return
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _unreadable(self._folder, error) from None
        raise _restless(self._folder)

    def get(self, key: str) -> Result | None:
        record = self._read_own(key)
        if record is not None:
            return Result.from_record(key, record)
        for _ in range(_LISTINGS):
            try:
                return self._find(key)
            except FileNotFoundError:
                self._load()
            except OSError as error:
                raise _unreadable(self._folder, error) from None
        raise _restless(self._folder)

    def _read_own(self, key: str) -> dict[str, Any] | None:
        own = self._own.get(key)
        return own and segments.record_of(os.pread(own.file, own.length, own.offset))

    def _find(self, key: str) -> Result | None:
        damaged = False
        for number, entry in self._index.find(key):
            record = segments.read(self._map(number), entry)
            if record is not None:
                return Result.from_record(key, record)
            damaged = True
        if damaged:
            log.warning("a damaged answer in %s is asked again (key %s)", self._folder, key)
        return None

    def _map(self, number: int) -> mmap.mmap | bytes:
        if number not in self._mapped:
            segment = map_segment(self._paths[number])
            if segment is None:
                return b""
            self._unmap(_MOST_MAPPED - 1)
            self._mapped[number] = segment
        return self._mapped[number]

    def _unmap(self, most: int) -> None:
        """Keep `most` of the mapped segments, those that were mapped last."""
        while len(self._mapped) > most:
            self._mapped.pop(next(iter(self._mapped))).close()

    def check_writable(self) -> None:
        """Write as much as some answers need, and take it away again."""
        probe = self._folder / f".{writer_name()}.probe"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with probe.open("wb") as file:
                file.write(os.urandom(_PROBE_BYTES))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise write_error(self._folder, error.strerror or str(error)) from None
        finally:
            with contextlib.suppress(OSError):
                probe.unlink(missing_ok=True)

    async def append(self, result: Result) -> None:
        if self._writer is None:
            self._writer = SegmentWriter(self._folder)
        record = segments.frame(result.key, result.to_record())
        file, offset = await self._writer.commits.append(record)
        self._own[result.key] = _Own(file, offset, len(record))

    def journal(self, result: Result) -> None:
        """One line of JSON, written at once; durable with the operating system's next flush."""
        line = json.dumps(failure_line(result), ensure_ascii=False) + "\n"
        data = line.encode(errors="backslashreplace")
        try:
            self._write_journal(data)
        except OSError as error:
            problem = write_error(self._folder, error.strerror or str(error))
            if self._writer is None or not self._writer.make_room(error):
                raise problem from None
            self._write_journal(b"\n" + data)  # something of it may stand there already

    def _write_journal(self, data: bytes) -> None:
        if self._journal is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._journal = (self._folder / f"{writer_name()}.failures.jsonl").open("ab", 0)
        view = memoryview(data)
        while view:
            view = view[self._journal.write(view) :]

    async def close(self) -> None:
        self._own.clear()
        try:
            if self._writer is not None:
                await self._writer.close()
        finally:
            if self._journal is not None:
                self._journal.close()
            self._unmap(0)


def _unreadable(folder: Path, error: OSError) -> StoreError:
    return StoreError(f"the response store {folder} can't be read: {error.strerror or error}")


def _restless(folder: Path) -> StoreError:
    return StoreError(f"the response store {folder} keeps changing; try again")
