"""Writing a folder under a name of its own first, so that a folder that is there is whole.

Every writer has its own name and holds a lock on that folder: two writers of one target never
meet, and what a killed one left is told from what a living one is writing.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MARK = ".writing-"
_OLD = "-old"
_TRIES = 5


def name_beside(target: Path) -> Path:
    """A name for a folder beside `target` that no other writer has."""
    target = target.absolute()
    return target.with_name(f".{target.name}{MARK}{uuid.uuid4().hex[:12]}")


@contextmanager
def staged_beside(target: Path) -> Iterator[Path]:
    """An empty folder beside `target`; it is gone afterwards, unless it was put in its place."""
    target.absolute().parent.mkdir(parents=True, exist_ok=True)
    folder = name_beside(target)
    folder.mkdir()
    lock = _locked(folder)
    try:
        _sweep(target)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def put_in_place(folder: Path, target: Path) -> None:
    """Rename a folder to `target`; what stood there, and came there meanwhile, goes after that.

    Raises:
        OSError: it can't be renamed; what stood there stands there again.
    """
    target = target.absolute()
    old = folder.with_name(f"{folder.name}{_OLD}")
    for left in reversed(range(_TRIES)):
        with suppress(FileNotFoundError):
            target.rename(old)
        try:
            folder.rename(target)
        except OSError as error:
            _put_back(old, target)
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not left:
                raise
        else:
            shutil.rmtree(old, ignore_errors=True)
            return


def _put_back(old: Path, target: Path) -> None:
    """Let what was moved aside stand at `target` again; where something newer does, it goes."""
    with suppress(OSError):
        old.rename(target)
    if target.exists():
        shutil.rmtree(old, ignore_errors=True)


def _locked(folder: Path) -> int | None:
    """A descriptor that holds the folder's lock; None where another has it or there are none."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _sweep(target: Path) -> None:
    """Take away what killed writers of `target` left: what nobody holds.

    What one of them had moved aside, and put nothing in the place of, stands there again.
    """
    target = target.absolute()
    start = f".{target.name}{MARK}"
    for path in target.parent.iterdir():
        if path.name.startswith(start):
            if path.name.endswith(_OLD):
                _put_back(path, target)
                continue
            lock = _locked(path)
            if lock is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)
