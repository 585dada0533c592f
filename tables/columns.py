"""What a dataset must hold, checked at every boundary with a message that names column and row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inference.errors import PlumblineError

if TYPE_CHECKING:
    import pyarrow as pa


class BadTable(PlumblineError):
    """A dataset without a column, with an empty cell or with a value it must not have."""


@dataclass(frozen=True, slots=True)
class Column:
    """A declared column.

    Attributes:
        name: as in the data.
        kind: "text", "integer", "boolean", "message" ({role, content}) or "any".
        nullable: whether a null is allowed, and with it blank text.
        required: whether the column itself must be there; a missing optional one is added as nulls.
        allowed: the values there may be, None for all.
    """

    name: str
    kind: str = "text"
    nullable: bool = False
    required: bool = True
    allowed: frozenset[Any] | None = field(default=None)


def checked(table: pa.Table, columns: tuple[Column, ...], where: str) -> pa.Table:
    """The table with every declared column present and right; other columns pass through.

    Raises:
        BadTable: a column is missing or there twice, has another type, an empty cell or a value
            that is not allowed.
    """
    if table.num_rows == 0:
        raise BadTable(f"{where} has no rows")
    names = table.column_names
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadTable(f"{where} has two columns called '{twice}'; rename one")
    for column in columns:
        table = _checked_column(table, column, where)
    return table


def _checked_column(table: pa.Table, column: Column, where: str) -> pa.Table:
    if column.name not in table.column_names:
        if column.required:
            there = ", ".join(table.column_names)
            raise BadTable(f"{where} has no column '{column.name}'; it has: {there}")
        return table.append_column(column.name, _nulls(table.num_rows, column.kind))
    table = _cast_loosely(table, column)
    values = table[column.name]
    if not column.required and values.type == "null":
        return table
    if not _fits(values.type, column.kind):
        raise BadTable(f"{where}: column '{column.name}' holds {values.type}, wanted {column.kind}")
    row = -1 if column.nullable else _first_empty(values, column.kind)
    if row >= 0:
        raise BadTable(f"{where}: column '{column.name}' is empty in row {row} (from 0)")
    if column.allowed is not None:
        _check_allowed(values, column, where)
    return table


def _first_empty(values: pa.ChunkedArray, kind: str) -> int:
    """The first row with a null or, in text, with nothing but space: so a CSV has it. -1: none."""
    import pyarrow.compute as pc

    empty = pc.is_null(values)
    if kind == "text":
        blank = pc.or_(pc.equal(pc.binary_length(values), 0), pc.utf8_is_space(values))
        empty = pc.or_(empty, pc.fill_null(blank, True))
    return pc.index(empty, True).as_py()


def _nulls(rows: int, kind: str) -> pa.Array:
    import pyarrow as pa

    types = {"integer": pa.int64(), "boolean": pa.bool_()}
    return pa.nulls(rows, types.get(kind, pa.string()))


def _fits(arrow_type: pa.DataType, kind: str) -> bool:
    from pyarrow import types

    match kind:
        case "text":
            return types.is_string(arrow_type) or types.is_large_string(arrow_type)
        case "integer":
            return types.is_integer(arrow_type)
        case "boolean":
            return types.is_boolean(arrow_type)
        case "message":
            return types.is_struct(arrow_type) and arrow_type.get_field_index("content") >= 0
        case _:
            return True


def _cast_loosely(table: pa.Table, column: Column) -> pa.Table:
    """Whole-numbered floats count as integers (pandas makes floats of integers with nulls), and
    what is stored as a dictionary (pandas makes one of a category) as its values."""
    import pyarrow as pa

    values = table[column.name]
    if pa.types.is_dictionary(values.type):
        place = table.column_names.index(column.name)
        values = values.cast(values.type.value_type)
        table = table.set_column(place, column.name, values)
    if column.kind == "integer" and pa.types.is_floating(values.type):
        try:
            values = values.cast(pa.int64())
        except pa.ArrowInvalid:
            return table
        place = table.column_names.index(column.name)
        return table.set_column(place, column.name, values)
    return table


def _check_allowed(values: pa.ChunkedArray, column: Column, where: str) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    assert column.allowed is not None
    allowed = pa.array(sorted(column.allowed), values.type)
    fine = pc.or_(pc.is_in(values, allowed), pc.is_null(values))
    row = pc.index(fine, False).as_py()
    if row >= 0:
        raise BadTable(
            f"{where}: column '{column.name}' is {values[row].as_py()!r} in row {row} (from 0); "
            f"allowed are {', '.join(map(str, sorted(column.allowed)))}"
        )
