"""Tables in one file: JSON, JSON lines, CSV, Parquet, Arrow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tables.on_s3 import BadPlace, line_of

if TYPE_CHECKING:
    import pyarrow as pa

FILE_KINDS = {".jsonl", ".json", ".csv", ".parquet", ".arrow"}


def read_file(path: Path, where: str) -> pa.Table:
    """All rows of a file; `where` is what messages call it.

    Raises:
        BadPlace: it is of no known kind, or can't be read.
    """
    from pyarrow import csv, parquet

    if path.suffix not in FILE_KINDS:
        raise BadPlace(f"{where} is no dataset file; known are {', '.join(sorted(FILE_KINDS))}")
    try:
        match path.suffix:
            case ".csv":
                return _in_utf8(
                    csv.read_csv(path, parse_options=csv.ParseOptions(newlines_in_values=True))
                )
            case ".parquet":
                return parquet.read_table(path)
            case ".arrow":
                return _arrow(path)
            case ".json":
                return _of_records(json.loads(path.read_text(encoding="utf-8-sig")))
            case _:
                # Not splitlines: JSON text may hold U+2028 and its like, which end no record.
                lines = enumerate(path.read_text(encoding="utf-8-sig").split("\n"), 1)
                return _of_records([_parsed(n, line) for n, line in lines if line.strip()])
    except Exception as error:
        # Whatever Arrow, JSON or the disk has to say of somebody else's file.
        raise BadPlace(f"{where} can't be read: {line_of(error)}") from None


def _parsed(number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise ValueError(f"line {number}: {getattr(error, 'msg', error)}") from None


def _arrow(path: Path) -> pa.Table:
    """A file of either kind: `save_to_disk` writes streams."""
    import pyarrow as pa
    from pyarrow import feather

    try:
        return feather.read_table(path)
    except pa.ArrowInvalid:
        return pa.ipc.open_stream(pa.memory_map(str(path))).read_all()


def _in_utf8(table: pa.Table) -> pa.Table:
    """The table of a CSV, whose texts Arrow takes for bytes where they are in another encoding."""
    import pyarrow as pa

    for column in table.schema:
        if pa.types.is_binary(column.type):
            raise ValueError(f"column '{column.name}' is not UTF-8; save the file as UTF-8")
    return table


def _of_records(records: Any) -> pa.Table:
    """A table with the columns of every record; Arrow alone would take those of the first."""
    import pyarrow as pa

    if not isinstance(records, list):
        raise ValueError("it is no list of objects")
    for row, record in enumerate(records):
        if not isinstance(record, dict):
            raise ValueError(f"row {row} is no object, but {record!r:.40}")
    names = list(dict.fromkeys(name for record in records for name in record))
    return pa.table({name: _column_of(records, name) for name in names})


def _column_of(records: list[dict[str, Any]], name: str) -> pa.Array:
    """One column of the records, null where one lacks it.

    Raises:
        ValueError: naming the column, whose values are of several types.
    """
    import pyarrow as pa

    try:
        return pa.array([record.get(name) for record in records])
    except (pa.ArrowException, OverflowError, UnicodeError) as error:
        raise ValueError(f"column '{name}': {line_of(error)}") from None
