"""The published evaluations.jsonl format survives files and tables unchanged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.eigenbench.records import (
    INDEX_KEYS,
    RECORD_KEYS,
    RecordError,
    name_disagreements,
    read_records,
    records_to_table,
    responses_to_table,
    table_to_records,
    table_to_responses,
    write_records,
)

TEXT = st.one_of(st.none(), st.text(max_size=30))


@st.composite
def published_records(draw):
    record = {
        key: draw(st.integers(0, 5000)) if key in INDEX_KEYS else draw(TEXT) for key in RECORD_KEYS
    }
    for key in draw(st.sets(st.sampled_from(RECORD_KEYS), max_size=3)):
        del record[key]
    extra = draw(
        st.dictionaries(st.text(min_size=1, max_size=8), st.one_of(st.integers(), TEXT), max_size=2)
    )
    return {**extra, **record}


@settings(max_examples=60, deadline=None)
@given(st.lists(published_records(), max_size=5))
def test_table_and_back_is_the_identity(records):
    assert table_to_records(records_to_table(records)) == records


@pytest.mark.parametrize("name", ["e.jsonl", "e.jsonl.gz"])
def test_files_keep_awkward_text(tmp_path, name):
    awkward = "line\nbreak\u2028separator \ud83d half a surrogate pair «é» \x85"
    records = [dict.fromkeys(RECORD_KEYS, awkward) | dict.fromkeys(INDEX_KEYS, 3)] * 2
    assert write_records(tmp_path / name, records) == 2
    assert read_records(tmp_path / name) == records


def test_a_json_list_is_read_too(tmp_path):
    (tmp_path / "e.json").write_text(json.dumps([{"judge": 1}]), encoding="utf-8")
    assert read_records(tmp_path / "e.json") == [{"judge": 1}]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("e.jsonl", '{"judge": 1}\n{"judge": ', "line 2: not JSON"),
        ("e.jsonl", "[1]\n", "entry 0 is list"),
        ("e.json", '{"judge": 1}', "not a list"),
    ],
)
def test_a_broken_file_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(RecordError, match=message):
        read_records(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RecordError, match="no such file"):
        read_records(tmp_path / "nothing.jsonl")


def test_a_table_takes_indices_only_as_whole_numbers():
    with pytest.raises(RecordError, match="record 0: judge is '2'"):
        records_to_table([{"judge": "2"}])


def test_names_that_contradict_the_spec_are_listed():
    records = [{"judge": 0, "judge_name": "b", "eval1": 1, "eval1_name": "b"}] * 3
    table = name_disagreements(records, ["a", "b"])
    assert table.to_dict("records") == [
        {"index": 0, "name_in_records": "b", "name_in_spec": "a", "records": 3}
    ]


def test_cached_responses_round_trip_and_nulls_are_left_to_ask():
    entries: list[dict[str, Any]] = [
        {"scenario": "s", "scenario_index": 4, "responses": {"a": "x", "b": None}},
        {"scenario": "t", "scenario_index": 7, "responses": {"a": "y", "b": "z"}},
    ]
    table = responses_to_table(entries)
    assert table[["scenario_index", "model"]].values.tolist() == [[4, "a"], [7, "a"], [7, "b"]]
    entries[0]["responses"].pop("b")
    assert table_to_responses(table) == entries
    with pytest.raises(RecordError, match="entry 0"):
        responses_to_table([{"scenario": "s", "responses": {}}])
