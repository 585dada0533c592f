"""The response store on object storage, through `metaflow.S3`: for tasks on many machines.

Objects can't be appended to, so each writer uploads what came in during the last second as a small
segment of its own, and folds its small ones into a larger one, with its index beside it, whenever
enough have gathered and when it ends. A larger segment is there before the small ones go: whoever
reads meanwhile finds an answer twice, never not at all. A store is opened by fetching indexes and
small segments; a large segment is fetched when an answer in it is first wanted.
"""

from __future__ import annotations

import contextlib
import json
import logging
import mmap
from typing import Any, NamedTuple

import numpy as np

from inference import segment_index, segments
from inference.errors import StoreError
from inference.group_commit import GroupCommit, Written
from inference.last_words import LastWords
from inference.models import ModelRef
from inference.object_store import Listed, ObjectError, ObjectGone, Objects
from inference.result import Result
from inference.store import failure_line, partition_name, write_error, writer_name

log = logging.getLogger(__name__)

_PAUSE = 1.0
"""Seconds an answer waits for company; with the upload it stays below the promised two."""
_ENOUGH = 512
_FOLD_PARTS = 32
_FOLD_BYTES = 16 * 2**20
_JOURNAL_BYTES = 256 * 2**10
_LISTINGS = 5


class S3Store:
    """A store under an `s3://` prefix."""

    def __init__(self, root: str) -> None:
        self._objects = Objects(root)
        self._partitions: dict[str, _Partition] = {}
        self._last_words = LastWords(self._flush_now)
        self._is_writable = False

    @property
    def full(self) -> None:
        """See `Store.full`: object storage is never full."""
        return None

    def get(self, model: ModelRef, key: str) -> Result | None:
        """See `Store.get`."""
        return self._partition(model).get(key)

    def check_writable(self, model: ModelRef) -> None:
        """See `Store.check_writable`; what holds for one model's answers holds for all."""
        if self._is_writable:
            return
        try:
            self._objects.probe()
        except ObjectError as error:
            raise write_error(self._objects.root, str(error)) from None
        self._is_writable = True

    async def put(self, model: ModelRef, result: Result) -> None:
        """See `Store.put`."""
        self._last_words.listen()
        await self._partition(model).append(result)

    def note_failure(self, model: ModelRef, result: Result) -> None:
        """See `Store.note_failure`."""
        self._partition(model).writer.journal(json.dumps(failure_line(result), ensure_ascii=False))

    async def close(self) -> None:
        """See `Store.close`."""
        try:
            for partition in self._partitions.values():
                await partition.close()
        finally:
            self._last_words.forget()
            self._objects.close()

    def _flush_now(self) -> None:
        for partition in self._partitions.values():
            partition.writer.flush_now()

    def _partition(self, model: ModelRef) -> _Partition:
        name = partition_name(model)
        if name not in self._partitions:
            self._partitions[name] = _Partition(self._objects, name)
        return self._partitions[name]


class _Segment(NamedTuple):
    """A segment of the listing: its object, and its bytes once they were fetched."""

    key: str
    body: bytes | mmap.mmap | None


class _Group:
    """Answers of our own writer: in memory until they are folded, then in an object.

    Attributes:
        body: the records, None once they are folded.
        key: of the object that they were folded into.
    """

    def __init__(self) -> None:
        self.body: bytearray | None = bytearray()
        self.key = ""
        self.fetched: bytes | mmap.mmap | None = None

    def read(self, objects: Objects, start: int, length: int) -> bytes:
        """Some of its bytes.

        Raises:
            ObjectGone: a compaction took the object away.
        """
        # The writer's thread gives `key` before it takes `body`.
        body = self.body
        if body is not None:
            return bytes(body[start : start + length])
        if self.fetched is None:
            self.fetched = objects.read(self.key)
        return bytes(self.fetched[start : start + length])


class _Own(NamedTuple):
    """Where an answer of our own writer stands."""

    group: _Group
    offset: int
    length: int


class _Partition:
    """All segments of one model: an index over what was there, and one writer of our own."""

    def __init__(self, objects: Objects, name: str) -> None:
        self._objects, self._name = objects, name
        self._segments: list[_Segment] = []
        self._own: dict[str, _Own] = {}
        self._load()
        self.writer = _PartWriter(objects, name)

    def _load(self) -> None:
        """Fetch indexes and small segments; begin again when a compaction took one away."""
        for _ in range(_LISTINGS):
            try:
                tables = self._fetch(self._objects.listing(f"{self._name}/"))
            except ObjectGone:
                continue
            self._index = segment_index.SegmentIndex(tables)
            # What is in objects by now was in the listing, under whatever name it has.
            self._own = {key: own for key, own in self._own.items() if own.group.body is not None}
            return
        raise StoreError(f"the response store {self._objects.root} keeps changing; try again")

    def _fetch(self, listed: list[Listed]) -> list[np.ndarray]:
        found = sorted(item for item in listed if item.key.endswith(".seg"))
        indexed = {item.key for item in listed if item.key.endswith(".idx")}
        beside = {item.key: item.key.removesuffix(".seg") + ".idx" for item in found}
        wanted = [beside[i.key] if beside[i.key] in indexed else i.key for i in found]
        self._segments, tables = [], []
        for item, (key, data) in zip(found, self._objects.fetch(wanted), strict=True):
            rows = body = None
            if key != item.key:
                rows = segment_index.decode(data, item.size)
            if rows is None:
                body = data if key == item.key else self._objects.read(item.key)
                rows = segment_index.scan(body)
            self._segments.append(_Segment(item.key, body))
            tables.append(rows)
        return tables

    def get(self, key: str) -> Result | None:
        for _ in range(_LISTINGS):
            try:
                return self._get(key)
            except ObjectGone:
                self._load()
        raise StoreError(f"the response store {self._objects.root} keeps changing; try again")

    def _get(self, key: str) -> Result | None:
        record = self._read_own(key)
        if record is not None:
            return Result.from_record(key, record)
        damaged = False
        for number, entry in self._index.find(key):
            record = segments.read(self._body(number), entry)
            if record is not None:
                return Result.from_record(key, record)
            damaged = True
        if damaged:
            log.warning("a damaged answer in %s is asked again (key %s)", self._name, key)
        return None

    def _read_own(self, key: str) -> dict[str, Any] | None:
        own = self._own.get(key)
        if own is None:
            return None
        return segments.record_of(own.group.read(self._objects, own.offset, own.length))

    def _body(self, number: int) -> bytes | mmap.mmap:
        segment = self._segments[number]
        if segment.body is None:
            segment = segment._replace(body=self._objects.read(segment.key))
            self._segments[number] = segment
        assert segment.body is not None
        return segment.body

    async def append(self, result: Result) -> None:
        record = segments.frame(result.key, result.to_record())
        group, offset = await self.writer.commits.append(record)
        self._own[result.key] = _Own(group, offset, len(record))

    async def close(self) -> None:
        self._own.clear()
        try:
            await self.writer.close()
        finally:
            self._segments.clear()


class _PartWriter:
    """Uploads small segments and folds them. Everything but `journal` runs in one thread."""

    def __init__(self, objects: Objects, partition: str) -> None:
        self.commits = GroupCommit(self._write, _PAUSE, _ENOUGH)
        self._objects = objects
        self._stem = f"{partition}/{writer_name()}"
        self._next = 0
        self._parts: list[str] = []
        self._group = _Group()
        self._lines: list[str] = []
        self._writes_to_wait = 0
        self._has_warned = False

    def journal(self, line: str) -> None:
        """Keep a failure for the next upload; a kill may cost the last ones."""
        self._lines.append(line)

    def flush_now(self) -> None:
        """Upload what waits, from a signal handler."""
        self.commits.flush_now(20.0)

    def _write(self, data: bytes) -> Written[_Group]:
        try:
            place = self._put_part(data)
        except ObjectError as error:
            raise write_error(self._objects.root, str(error)) from None
        if self._writes_to_wait:
            self._writes_to_wait -= 1
        else:
            self._tidy()
        return place

    def _tidy(self) -> None:
        """Fold and journal where enough has gathered.

        The answers are stored by now, so what fails only waits for a later write. Not for the next
        one: an upload fails after many tries, and whoever waits for the next answers would wait.
        """
        assert self._group.body is not None
        try:
            if len(self._parts) >= _FOLD_PARTS or len(self._group.body) >= _FOLD_BYTES:
                self._fold()
            if sum(map(len, self._lines)) >= _JOURNAL_BYTES:
                self._put_journal()
        except ObjectError as error:
            self._writes_to_wait = _FOLD_PARTS
            if not self._has_warned:
                log.warning("answers are stored, but not merged yet: %s", error)
            self._has_warned = True

    def _put_part(self, data: bytes) -> Written[_Group]:
        key = f"{self._stem}-{self._next:06d}.seg"
        self._objects.put(key, data)
        self._next += 1
        self._parts.append(key)
        assert self._group.body is not None
        place = Written(self._group, len(self._group.body))
        self._group.body += data
        return place

    def _fold(self) -> None:
        """One segment and its index instead of many small ones, which go last."""
        group, parts = self._group, self._parts
        stem = f"{self._stem}-{self._next:06d}-folded"
        put_indexed(self._objects, stem, bytes(group.body or b""))
        self._next += 1
        group.key = f"{stem}.seg"
        group.body = None
        self._group, self._parts = _Group(), []
        with contextlib.suppress(ObjectError):  # then they are found twice
            self._objects.delete(parts)

    def _put_journal(self) -> None:
        lines = list(self._lines)
        text = "".join(f"{line}\n" for line in lines)
        self._objects.put(
            f"{self._stem}-{self._next:06d}.failures.jsonl", text.encode("utf-8", "replace")
        )
        self._next += 1
        del self._lines[: len(lines)]  # `journal` may have added some meanwhile

    async def close(self) -> None:
        """Write what waits and fold what is small.

        Raises:
            StoreError: an answer could not be uploaded.
        """
        await self.commits.close()
        with contextlib.suppress(ObjectError):  # what is already stored reads without this too
            if self._parts:
                self._fold()
        with contextlib.suppress(ObjectError):
            if self._lines:
                self._put_journal()


def put_indexed(objects: Objects, stem: str, segment: bytes) -> None:
    """Upload a segment, then the index beside it."""
    objects.put(f"{stem}.seg", segment)
    rows = segment_index.scan(segment)
    objects.put(f"{stem}.idx", segment_index.encode(rows, len(segment)))
