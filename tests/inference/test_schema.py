"""Structured output: the dialects of the APIs, and checks that nothing unfit passes."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from inference import PlumblineError, Schema
from inference.schema import is_closed, strict_schema, unfence, without_bounds


class Inner(BaseModel):
    title: str
    minimum: int = Field(ge=0, le=5)


class Outer(BaseModel):
    """Field names that are also keywords must stay."""

    default: str = "x"
    properties: list[Inner]
    choice: Literal["title", "default"] = "title"


GOOD = '{"default": "a", "properties": [{"title": "t", "minimum": 3}], "choice": "title"}'


def test_every_field_is_required_and_no_other_allowed() -> None:
    schema = Schema.of(Outer)
    outer, inner = schema.json_schema, schema.json_schema["$defs"]["Inner"]
    assert outer["required"] == ["default", "properties", "choice"]
    assert inner["required"] == ["title", "minimum"]
    assert outer["additionalProperties"] is inner["additionalProperties"] is False
    assert outer["properties"]["choice"]["enum"] == ["title", "default"]
    assert "default" not in outer["properties"]["default"] and "title" not in inner
    assert schema.is_strict and schema.name == "Outer"


def test_bounds_are_left_out_but_fields_of_that_name_stay() -> None:
    loose = without_bounds(Schema.of(Outer).json_schema)
    assert loose["$defs"]["Inner"]["properties"]["minimum"] == {"type": "integer"}
    assert loose["required"] == ["default", "properties", "choice"]


def test_the_original_is_not_changed() -> None:
    schema = Outer.model_json_schema()
    before = json.dumps(schema)
    strict_schema(schema)
    without_bounds(schema)
    assert json.dumps(schema) == before


@pytest.mark.parametrize("text", [GOOD, f"```json\n{GOOD}\n```", f"```\n{GOOD}```", f" {GOOD}\n"])
def test_what_fits_passes(text: str) -> None:
    assert Schema.of(Outer).check(text) is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "JSON"),
        ("Sure! " + GOOD, "JSON"),
        (GOOD[:-1], "JSON"),
        ("[]", "object"),
        (GOOD.replace("3", "9"), "minimum"),
        (GOOD.replace("3", '"3"'), "minimum"),
        (GOOD.replace("3", "true"), "minimum"),
        (GOOD.replace('"title"}', '"other"}'), "choice"),
        ("NaN", "object"),
        ("[" * 100_000, "JSON"),
    ],
)
def test_what_does_not_fit_gets_a_reason_in_one_line(text: str, word: str) -> None:
    reason = Schema.of(Outer).check(text)
    assert reason is not None and word in reason and "\n" not in reason


def test_a_stricter_parser_may_take_the_place_of_the_model() -> None:
    schema = Schema.of(Outer, check=lambda text: None if text == "yes" else "not yes")
    assert schema.check("yes") is None and schema.check(GOOD) == "not yes"


OWN = '{"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": []}'


def test_a_users_schema_is_closed_and_checked() -> None:
    schema = Schema.from_json(OWN)
    assert is_closed(schema.json_schema) and not schema.is_strict
    assert schema.check('{"n": 1}') is None
    assert "minimum" in (schema.check('{"n": 0}') or "")
    assert "JSON" in (schema.check("no") or "")
    assert schema.check("[" * 100_000) is not None
    assert schema.check('{"n": ' + "9" * 10_000 + "}") is not None


def test_a_users_open_schema_stays_open() -> None:
    text = '{"type": "object", "properties": {}, "additionalProperties": {"type": "string"}}'
    assert not is_closed(Schema.from_json(text).json_schema)


def test_a_users_field_may_be_called_properties() -> None:
    text = '{"type": "object", "properties": {"properties": {"type": "object"}}}'
    assert Schema.from_json(text).json_schema["properties"] == {"properties": {"type": "object"}}


@pytest.mark.parametrize("text", ["{", '{"type": "objekt"}', "[1]", "[" * 100_000])
def test_what_is_no_schema_is_one_line(text: str) -> None:
    with pytest.raises(PlumblineError, match="not a JSON schema") as caught:
        Schema.from_json(text)
    assert "\n" not in str(caught.value)


def test_only_a_whole_fence_is_taken_off() -> None:
    assert unfence("```json\n{}\n```") == "{}"
    assert unfence("text ```json\n{}\n```") == "text ```json\n{}\n```"
