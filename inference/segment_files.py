"""Segment files in a folder: one is written, many are mapped, a finished one gets an index."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
from pathlib import Path

import numpy as np

from inference import segment_index
from inference.errors import StoreError
from inference.group_commit import GroupCommit, Written
from inference.reserve import Reserve
from inference.store import write_error, writer_name

PAUSE = 0.004
"""Lets more answers share the fsync; it is far below any model's latency."""
ENOUGH = 512
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class SegmentWriter:
    """Appends to one new file, on which it holds a shared lock as long as it lives.

    Attributes:
        full: why nothing more should be asked: the disk is full, and what is written now goes where
            space had been set aside for it. None while all is well, and when that is full too.
    """

    def __init__(self, folder: Path) -> None:
        self.full: StoreError | None = None
        self.commits = GroupCommit(self._write, PAUSE, ENOUGH)
        self._folder = folder
        self._path = folder / f"{writer_name()}.seg"
        self._file: int | None = None
        self._good = 0
        self._files: dict[Path, int] = {}
        self._reserve: Reserve | None = None

    def _write(self, data: bytes) -> Written[int]:
        try:
            return self._kept(data)
        except OSError as error:
            problem = write_error(self._folder, error.strerror or str(error))
            if not self.make_room(error):
                raise problem from None
        try:
            written = self._kept(data)
        except OSError:
            self.full = None
            raise problem from None
        return written

    def make_room(self, error: OSError) -> bool:
        """Give back what was set aside, where the disk is full; whether there is room by that."""
        if error.errno not in _NO_SPACE:
            return False
        room = self._reserve is not None and self._reserve.release()
        self.full = write_error(self._folder, error.strerror or str(error)) if room else None
        return room

    def _kept(self, data: bytes) -> Written[int]:
        try:
            if self._file is None:
                self._file = self._files[self._path] = self._create()
            return Written(self._file, self._append(self._file, data))
        except OSError:
            self._abandon()
            raise

    def _create(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._reserve = self._reserve or Reserve(self._folder)
        while True:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_EXCL
            file = os.open(self._path, flags, 0o666)
            with contextlib.suppress(OSError):  # some file systems have no locks
                fcntl.flock(file, fcntl.LOCK_SH)
            # A compaction that came between the two lines above has taken the empty file away.
            if os.fstat(file).st_nlink:
                fsync_folder(self._folder)
                return file
            os.close(file)

    def _append(self, file: int, data: bytes) -> int:
        """Make `data` durable at the end of the file; returns how much stood there before."""
        before = self._good
        view = memoryview(data)
        while view:
            view = view[os.write(file, view) :]
        os.fsync(file)
        self._good += len(data)
        return before

    def _abandon(self) -> None:
        """After a failed write: cut off what was half written, and begin a new file next time."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._good)
        self._file, self._good = None, 0
        self._path = self._folder / f"{writer_name()}.seg"

    async def close(self) -> None:
        """Write what waits, and the index beside every segment."""
        try:
            await self.commits.close()
        finally:
            if self._reserve is not None:
                self._reserve.release()
            for path, file in self._files.items():
                with contextlib.suppress(OSError):  # without an index the segment is scanned
                    write_index(path)
                os.close(file)
            self._files.clear()


def segments_in(folder: Path) -> list[Path]:
    """Not by `glob`, to which a folder that can't be read is an empty one."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".seg")
    except FileNotFoundError:
        return []


def map_segment(path: Path) -> mmap.mmap | None:
    """The file as memory, None when it is empty."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return None
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def rows_of(path: Path) -> np.ndarray:
    """A segment's index: from the file beside it where that fits, else by scanning."""
    with contextlib.suppress(FileNotFoundError):
        index = path.with_suffix(".idx").read_bytes()
        rows = segment_index.decode(index, path.stat().st_size)
        if rows is not None:
            return rows
    segment = map_segment(path)
    if segment is None:
        return np.empty(0, segment_index.ROW)
    with segment:
        return segment_index.scan(segment)


def write_index(path: Path) -> None:
    """Write the index file of a finished segment; it appears whole or not at all."""
    segment = map_segment(path)
    if segment is None:
        return
    staging = path.with_suffix(".idx.writing")
    with segment:
        index = segment_index.encode(segment_index.scan(segment), len(segment))
    try:
        staging.write_bytes(index)
    except OSError:
        staging.unlink(missing_ok=True)
        raise
    staging.rename(path.with_suffix(".idx"))


def fsync_folder(folder: Path) -> None:
    """Makes new file names durable too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
