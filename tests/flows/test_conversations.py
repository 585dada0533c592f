"""Conversations that and texts that can't be asked are found before anything is sent."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from flows.api_inference import ApiInferenceFlow, first_bad_conversation
from tables.columns import BadTable


def turns(*contents: str | None) -> list[dict[str, str | None]]:
    return [{"role": "user", "content": content} for content in contents]


def test_texts_have_no_turns() -> None:
    assert first_bad_conversation(pa.chunked_array([["a", "b"]])) is None


def test_bad_rows_are_found() -> None:
    good = turns("hello", "again")
    kind = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    for bad in (turns("x", None), turns(" \n"), [None], []):
        assert first_bad_conversation(pa.chunked_array([[good, bad]], kind)) == 1
    assert first_bad_conversation(pa.chunked_array([[good, good]], kind)) is None


def test_a_blank_text_is_named_by_its_row(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    path.write_text('id,prompt\n1,hello\n2,""\n3,\n')
    given: Any = SimpleNamespace(
        dataset_path=str(path), dataset_split="train", input_column="prompt", limit=0
    )
    with pytest.raises(BadTable, match="column 'prompt' is empty in row 1"):
        ApiInferenceFlow.load(given)
