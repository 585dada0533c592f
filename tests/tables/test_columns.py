"""Datasets are checked with messages that name the column and the row."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tables.columns import BadTable, Column, checked

COLUMNS = (
    Column("text"),
    Column("scale", "integer", nullable=True, required=False, allowed=frozenset({1, 2})),
)


def test_good_table_passes_and_extra_columns_stay() -> None:
    table = checked(pa.table({"text": ["a"], "extra": [1.5]}), COLUMNS, "it")
    assert table.column_names == ["text", "extra", "scale"]
    assert table["scale"].to_pylist() == [None]


def test_whole_floats_are_integers() -> None:
    table = checked(pa.table({"text": ["a", "b"], "scale": [1.0, None]}), COLUMNS, "it")
    assert table["scale"].to_pylist() == [1, None]


def test_categories_are_their_values() -> None:
    texts = pa.array(["a", "b", "a"]).dictionary_encode()
    scales = pa.array([1, 2, None]).dictionary_encode()
    table = checked(pa.table({"text": texts, "scale": scales}), COLUMNS, "it")
    assert table["text"].type == pa.string() and table["text"].to_pylist() == ["a", "b", "a"]
    assert table["scale"].to_pylist() == [1, 2, None]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"other": ["a"]}, ["it has no column 'text'", "other"]),
        ({"text": ["a", None]}, ["'text'", "row 1"]),
        ({"text": ["a", "b", ""]}, ["'text' is empty in row 2"]),
        ({"text": ["a", " \t\n\u00a0"]}, ["'text' is empty in row 1"]),
        ({"text": [1, 2]}, ["'text'", "int64", "text"]),
        ({"text": ["a", "b"], "scale": [1, 7]}, ["'scale' is 7 in row 1", "1, 2"]),
        ({"text": ["a"], "scale": [1.5]}, ["'scale'", "double"]),
        ({"text": pa.array([], pa.string())}, ["it has no rows"]),
    ],
)
def test_bad_tables_are_named(columns: dict[str, object], words: list[str]) -> None:
    with pytest.raises(BadTable) as caught:
        checked(pa.table(columns), COLUMNS, "it")
    message = str(caught.value)
    assert "\n" not in message and all(word in message for word in words), message


def test_blank_text_may_stand_where_a_null_may() -> None:
    columns = (Column("text", nullable=True),)
    table = checked(pa.table({"text": ["a", "", None]}), columns, "it")
    assert table["text"].to_pylist() == ["a", "", None]


def test_a_column_that_stands_twice_is_named() -> None:
    table = pa.table([["a"], ["b"], ["c"]], names=["text", "other", "text"])
    with pytest.raises(BadTable, match="two columns called 'text'"):
        checked(table, COLUMNS, "it")
