"""Structured output: the JSON schema a provider is given and the check its answer must pass."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inference.errors import PlumblineError

if TYPE_CHECKING:
    from pydantic import BaseModel

_FENCE = re.compile(r"^\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*$", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Schema:
    """A named JSON schema with the check that decides whether a text fits it.

    Attributes:
        name: letters, digits, dashes; providers show it to the model.
        json_text: the JSON schema, canonically serialised (it is part of the request's key).
        check: returns None when the text fits, else the reason in one line.
    """

    name: str
    json_text: str
    check: Callable[[str], str | None]

    @property
    def json_schema(self) -> dict[str, Any]:
        """The schema as a fresh dictionary."""
        return json.loads(self.json_text)

    @property
    def is_strict(self) -> bool:
        """Whether it keeps to the dialect of strict modes: all properties required, no others."""
        schema = self.json_schema
        return is_closed(schema) and _requires_all(schema)

    @classmethod
    def of(cls, model: type[BaseModel], check: Callable[[str], str | None] | None = None) -> Schema:
        """A schema from a pydantic model, checked by it unless a stricter parser is given."""
        return cls(
            name=model.__name__,
            json_text=_canonical(strict_schema(model.model_json_schema())),
            check=check or _PydanticCheck(model),
        )

    @classmethod
    def from_json(cls, text: str, name: str = "answer") -> Schema:
        """A user's own JSON schema.

        Raises:
            PlumblineError: the text is not JSON or not a JSON schema.
        """
        from jsonschema import Draft202012Validator, SchemaError

        try:
            schema = json.loads(text)
            Draft202012Validator.check_schema(schema)
        except (ValueError, RecursionError, SchemaError) as error:
            line = str(error).splitlines()[0]
            raise PlumblineError(f"the decoding schema is not a JSON schema: {line}") from None
        return cls(name=name, json_text=_canonical(_closed(schema)), check=_JsonSchemaCheck(text))


def unfence(text: str) -> str:
    """The text inside one Markdown code fence, or the text as it is."""
    match = _FENCE.match(text)
    return match.group(1) if match else text


def strict_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A copy in the dialect strict modes want: every field required, no others allowed."""

    def strict(node: dict[str, Any]) -> dict[str, Any]:
        plain = {key: value for key, value in node.items() if key not in ("default", "title")}
        if "properties" in plain:
            plain["required"] = list(plain["properties"])
            plain["additionalProperties"] = False
        return plain

    return _changed(schema, strict)


def without_bounds(schema: dict[str, Any]) -> dict[str, Any]:
    """A copy without the limits on numbers and lengths that Claude's native output refuses.

    The answer is still held to them: see `Schema.check`.
    """
    return _changed(schema, lambda node: {k: v for k, v in node.items() if k not in _BOUNDS})


def is_closed(schema: dict[str, Any]) -> bool:
    """Whether every object forbids fields that it does not name, as native output insists."""
    return all(node.get("additionalProperties") is False for node in _objects(schema))


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with objects that say nothing of other properties closed to them: providers that
    enforce a schema insist on it."""

    def close(node: dict[str, Any]) -> dict[str, Any]:
        if "properties" in node and node.get("type", "object") == "object":
            return {"additionalProperties": False, **node}
        return node

    return _changed(schema, close)


_BOUNDS = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    | {"minLength", "maxLength", "minItems", "maxItems", "uniqueItems"}
)
_NAMED = ("properties", "patternProperties", "$defs", "definitions")
"""These map names to schemas: a field may itself be called "title" or "minimum"."""
_DATA = ("enum", "const", "default", "examples", "required")
"""These hold values, not schemas."""


def _changed(node: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """A copy with `change` made to every schema inside, innermost first."""
    if isinstance(node, list):
        return [_changed(item, change) for item in node]
    if not isinstance(node, dict):
        return node
    copy = {}
    for key, value in node.items():
        if key in _NAMED and isinstance(value, dict):
            copy[key] = {name: _changed(inner, change) for name, inner in value.items()}
        else:
            copy[key] = value if key in _DATA else _changed(value, change)
    return change(copy)


def _objects(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Every schema of an object inside a schema."""
    found: list[dict[str, Any]] = []

    def look(node: dict[str, Any]) -> dict[str, Any]:
        if node.get("type") == "object" or "properties" in node:
            found.append(node)
        return node

    _changed(schema, look)
    return found


def _requires_all(schema: dict[str, Any]) -> bool:
    return all(
        set(node.get("required", ())) == set(node.get("properties", ()))
        for node in _objects(schema)
    )


def _canonical(schema: dict[str, Any]) -> str:
    # The order of properties is kept: it is the order a model writes its fields in.
    return json.dumps(schema, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class _PydanticCheck:
    model: type[BaseModel]

    def __call__(self, text: str) -> str | None:
        from pydantic import ValidationError

        try:
            self.model.model_validate_json(unfence(text), strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the answer"
            return f"{where}: {first['msg']}"
        return None


@dataclass(frozen=True, slots=True)
class _JsonSchemaCheck:
    schema_text: str

    def __call__(self, text: str) -> str | None:
        from jsonschema import Draft202012Validator

        try:
            answer = json.loads(unfence(text))
        except (ValueError, RecursionError) as error:
            return f"not JSON: {error}"
        problems = Draft202012Validator(json.loads(self.schema_text)).iter_errors(answer)
        first = next(problems, None)
        return None if first is None else f"{first.json_path}: {first.message}"
