"""Compaction: many small segments become a few large ones with an index beside each.

    python -m inference.compaction local_data/store
    python -m inference.compaction s3://bucket/prefix

A flow's join does it by itself where many small segments have gathered. It is safe beside running
tasks: new segments are complete before old ones go, a local segment that is being written is
locked and left alone, and objects are never changed. Damaged records are dropped (they would be
asked again anyway); an answer that was stored twice is kept once.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import mmap
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from inference import segment_index, segments
from inference.errors import PlumblineError, StoreError
from inference.segment_files import fsync_folder, map_segment, segments_in
from inference.store import writer_name

log = logging.getLogger(__name__)

SMALL = 16 * 2**20
"""Segments below this many bytes are merged."""
MOST = 64 * 2**20
"""About so many bytes go into one merged segment: what a task on S3 fetches for one answer."""
WORTH_IT = 64
"""A join merges when a partition has at least so many small segments."""
AT_ONCE = 64
"""Local segments merged at a time: each holds two file descriptors."""


class Compacted(NamedTuple):
    """What became of a partition: its segments before and after."""

    partition: str
    before: int
    after: int


def compact(location: str, at_least: int = 2) -> list[Compacted]:
    """Merge the small segments of every partition that has `at_least` of them.

    Raises:
        StoreError: the store can't be read or written.
    """
    try:
        if location.startswith("s3://"):
            return list(_compact_objects(location, at_least))
        return list(_compact_folders(Path(location), at_least))
    except OSError as error:
        raise StoreError(f"the response store {location} can't be compacted: {error}") from None


def tidy(location: str) -> None:
    """Compact where it is worth it; a store that can't be compacted serves as well as before."""
    try:
        if location.startswith("s3://") or Path(location).is_dir():
            compact(location, WORTH_IT)
    except StoreError as error:
        log.warning("%s", error)


def merged(parts: Sequence[Any]) -> Iterator[bytes]:
    """The sound records of segments (bytes or mmap), each key once, as segments of about `MOST`."""
    seen: set[bytes] = set()
    whole: list[bytes] = []
    size = 0
    for part in parts:
        for entry in segments.entries(part):
            key = bytes.fromhex(entry.key)
            if key in seen or not segments.is_sound(part, entry):
                continue
            seen.add(key)
            start = entry.offset - segments.HEADER_BYTES
            whole.append(bytes(part[start : entry.offset + entry.length + 1]))
            size += len(whole[-1])
            if size >= MOST:
                yield b"".join(whole)
                whole, size = [], 0
    if whole:
        yield b"".join(whole)


# A local folder ----------------------------------------------------------------------------------


def _compact_folders(root: Path, at_least: int) -> Iterator[Compacted]:
    if not root.is_dir():
        raise StoreError(f"there is no response store at {root}")
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        if len(_small_in(folder)) < at_least:
            continue
        with _only_one(folder) as alone:
            if alone:
                before = len(segments_in(folder))
                small = _small_in(folder)
                for start in range(0, len(small), AT_ONCE):
                    _merge_unused(folder, small[start : start + AT_ONCE])
                yield Compacted(folder.name, before, len(segments_in(folder)))


def _small_in(folder: Path) -> list[Path]:
    """The small segments of a folder; one may go while we look."""
    found = []
    for path in segments_in(folder):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_size < SMALL:
                found.append(path)
    return found


def _merge_unused(folder: Path, paths: list[Path]) -> None:
    """Merge those that nobody writes, unless that is one: it would only be written anew."""
    with contextlib.ExitStack() as locks:
        unused = [path for path in paths if locks.enter_context(_unused(path))]
        if len(unused) > 1:
            _merge_files(folder, unused)


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[bool]:
    """Whether no other compaction is at work in the folder; it stays so within the block."""
    with (folder / ".compaction").open("w") as file:
        yield _locked(file.fileno())


@contextlib.contextmanager
def _unused(path: Path) -> Iterator[bool]:
    """Whether a segment is small and nobody writes it; it stays so within the block."""
    with path.open("rb") as file:
        small = os.fstat(file.fileno()).st_size < SMALL
        yield small and _locked(file.fileno())


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _merge_files(folder: Path, paths: list[Path]) -> None:
    parts: list[mmap.mmap] = [part for path in paths if (part := map_segment(path)) is not None]
    for whole in merged(parts):
        stem = folder / f"{writer_name()}-merged"
        index = segment_index.encode(segment_index.scan(whole), len(whole))
        # Written under another name first: a segment that is there is whole.
        for suffix, data in ((".idx", index), (".seg", whole)):
            staging = stem.with_suffix(f"{suffix}.writing")
            with staging.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            staging.rename(stem.with_suffix(suffix))
    fsync_folder(folder)
    for part in parts:
        part.close()
    for path in paths:
        path.unlink()
        path.with_suffix(".idx").unlink(missing_ok=True)


# Object storage ----------------------------------------------------------------------------------


def _compact_objects(root: str, at_least: int) -> Iterator[Compacted]:
    from inference.object_store import Listed, Objects

    objects = Objects(root)
    try:
        partitions: dict[str, list[Listed]] = {}
        for item in objects.listing(""):
            if item.key.endswith(".seg") and "/" in item.key:
                partitions.setdefault(item.key.partition("/")[0], []).append(item)
        for name, found in sorted(partitions.items()):
            small = sorted(item for item in found if item.size < SMALL)
            if len(small) >= at_least:
                objects.probe()  # where nothing can be deleted, merging would only add
                made = _merge_objects(objects, name, small)
                yield Compacted(name, len(found), len(found) - len(small) + made)
    finally:
        objects.close()


def _merge_objects(objects: Any, name: str, small: list[Any]) -> int:
    """Replace small segments, some at a time; returns how many there are instead."""
    from inference.object_store import ObjectGone
    from inference.store_s3 import put_indexed

    made = 0
    for keys in _batches(small):
        if len(keys) == 1:
            made += 1  # it would only be written anew
            continue
        try:
            bodies = [item.body for item in objects.fetch(keys)]
        except ObjectGone:
            # Another compaction is at work on these, or their writer has folded them.
            made += len(keys)
            continue
        for whole in merged(bodies):
            put_indexed(objects, f"{name}/{writer_name()}-merged", whole)
            made += 1
        objects.delete(keys)
        objects.delete(key.removesuffix(".seg") + ".idx" for key in keys)
    return made


def _batches(items: list[Any]) -> Iterator[list[str]]:
    """Keys of objects that together have about `MOST` bytes."""
    keys: list[str] = []
    size = 0
    for item in items:
        keys.append(item.key)
        size += item.size
        if size >= MOST:
            yield keys
            keys, size = [], 0
    if keys:
        yield keys


def main(words: list[str]) -> int:
    """The command line: locations of stores."""
    for location in words:
        try:
            done = compact(location)
        except PlumblineError as error:
            print(error, file=sys.stderr)
            return 1
        for partition, before, after in done:
            print(f"{location}/{partition}: {before:,} segments -> {after:,}")
        if not done:
            print(f"{location}: nothing to merge")
    return 0 if words else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
