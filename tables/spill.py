"""Joining many tables into one without holding them all: through an Arrow file on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from inference.errors import PlumblineError

if TYPE_CHECKING:
    import pyarrow as pa


class Spill:
    """Tables go in one after another; `table()` gives them back as one memory-mapped table.

    The file lives until the `with` block ends.

    Raises:
        PlumblineError: the folder for temporary files can't be written, or is full.
    """

    def __init__(self) -> None:
        with _told():
            self._folder = tempfile.TemporaryDirectory(prefix="plumbline-")
        self._path = Path(self._folder.name) / "rows.arrow"
        self._writer: pa.RecordBatchFileWriter | None = None

    def __enter__(self) -> Spill:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):  # of a file that goes now anyway
            self._finish()
        self._folder.cleanup()

    def add(self, table: pa.Table) -> None:
        """Append rows; later tables are brought to the first one's columns and types."""
        import pyarrow as pa

        with _told():
            if self._writer is None:
                self._writer = pa.ipc.new_file(str(self._path), table.schema)
                self._schema = table.schema
            self._writer.write_table(table.select(self._schema.names).cast(self._schema))

    def table(self) -> pa.Table:
        """All rows, mapped from disk."""
        import pyarrow as pa

        with _told():
            self._finish()
            return pa.ipc.open_file(pa.memory_map(str(self._path))).read_all()

    def _finish(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()


@contextmanager
def _told() -> Iterator[None]:
    """A failed write in one line that says where, and how to have it elsewhere."""
    try:
        yield
    except OSError as error:
        what = " ".join((error.strerror or str(error)).split())
        raise PlumblineError(
            f"the folder for temporary files {_folder()} can't be written: {what}; "
            "make room there, or name another in TMPDIR, and resume"
        ) from None


def _folder() -> str:
    try:
        return tempfile.gettempdir()
    except OSError:
        return "of this machine"
