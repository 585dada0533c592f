"""A table as a Metaflow artifact that carries its own rows.

A `datasets.Dataset` that was loaded from disk pickles as a path, which works locally and fails on
remote compute; an in-memory selection pickles the table it was selected from. `Rows` pickles as
one Arrow stream of just its rows.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datasets
    import pandas as pd
    import pyarrow as pa

CHUNK_ROWS = 2_000


class Rows:
    """An Arrow table whose pickle holds its rows and nothing else."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    @classmethod
    def of(cls, records: Iterable[dict[str, Any]], schema: pa.Schema) -> Rows:
        """A table from dictionaries, built chunk by chunk so that they need not all be alive."""
        import pyarrow as pa

        batches, chunk = [], []
        for record in records:
            chunk.append(record)
            if len(chunk) == CHUNK_ROWS:
                batches.append(pa.RecordBatch.from_pylist(chunk, schema))
                chunk = []
        if chunk:
            batches.append(pa.RecordBatch.from_pylist(chunk, schema))
        return cls(pa.Table.from_batches(batches, schema))

    def __len__(self) -> int:
        return self.table.num_rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The rows as dictionaries, a chunk at a time."""
        for batch in self.table.to_batches(CHUNK_ROWS):
            yield from batch.to_pylist()

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a DataFrame."""
        return self.table.to_pandas()

    def to_dataset(self) -> datasets.Dataset:
        """The rows as a Hugging Face dataset."""
        from datasets import Dataset

        return Dataset(self.table, fingerprint=uuid.uuid4().hex[:16])

    def __getstate__(self) -> bytes:
        import pyarrow as pa

        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.ipc.new_stream(sink, self.table.schema, options=options) as writer:
            writer.write_table(self.table)
        return sink.getvalue().to_pybytes()

    def __setstate__(self, state: bytes) -> None:
        import pyarrow as pa

        self.table = pa.ipc.open_stream(state).read_all()

    def __repr__(self) -> str:
        return f"Rows({self.table.num_rows:,} x {', '.join(self.table.column_names)})"


def slices(table: pa.Table, parts: int) -> list[Rows]:
    """The table cut into `parts` runs of rows of nearly equal length, in order."""
    bounds = [round(i * table.num_rows / parts) for i in range(parts + 1)]
    return [Rows(table.slice(a, b - a)) for a, b in pairwise(bounds)]
