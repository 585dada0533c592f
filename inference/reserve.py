"""Disk space set aside, given back when the disk is full: for answers that are paid for by then."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import tempfile
import threading
from pathlib import Path

log = logging.getLogger(__name__)

_SIZES = (4 * 2**20, 512 * 2**10)
"""Bytes: as much as hundreds of answers in flight may need; less where there is less."""


class Reserve:
    """A file without a name: however the process ends, the space is free again."""

    def __init__(self, folder: Path) -> None:
        self._file: int | None = None
        self._lock = threading.Lock()
        for size in _SIZES:
            with contextlib.suppress(OSError):
                self._file = _file_of(folder, size)
                return
        log.warning("%s has almost no room: what is in flight when it is full will be lost", folder)

    def release(self) -> bool:
        """Give the space back; False where none was set aside, or it is back already."""
        with self._lock:  # the store's thread and the event loop's may both find the disk full
            file, self._file = self._file, None
        if file is not None:
            os.close(file)
        return file is not None


def _file_of(folder: Path, size: int) -> int:
    file, name = tempfile.mkstemp(prefix=".reserve-", dir=folder)
    Path(name).unlink()
    try:
        if hasattr(os, "posix_fallocate"):  # not on macOS
            os.posix_fallocate(file, 0, size)
        elif os.write(file, os.urandom(size)) < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError:
        os.close(file)
        raise
    return file
