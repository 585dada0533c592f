"""Reading a spec section by section: every wrong value is one line that names it and the mend."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inference.errors import PlumblineError


class SpecError(PlumblineError):
    """A spec that can't be followed; the message names the file, the key and the mend."""


class Section:
    """One mapping of a spec file.

    Attributes:
        where: how messages call it, such as "spec.yaml: collection".
        values: the mapping; an absent or null section is an empty one.
    """

    def __init__(self, where: str, values: Any, whole_file: bool = False) -> None:
        if values is None:
            values = {}
        if not isinstance(values, Mapping):
            raise SpecError(f"{where} is {_shown(values)}; it must be a mapping of keys to values")
        self.where = where
        self.values: Mapping[str, Any] = {str(key): value for key, value in values.items()}
        self._joint = ": " if whole_file else "."

    def name(self, key: str) -> str:
        """How messages call a key."""
        return f"{self.where}{self._joint}{key}"

    def known(self, keys: Iterable[str], without_effect: Iterable[str] = ()) -> list[str]:
        """Refuse every key that means nothing; returns a warning for each that does nothing."""
        keys, without_effect = tuple(keys), tuple(without_effect)
        for key in self.values:
            if key not in keys and key not in without_effect:
                raise SpecError(
                    f"{self.name(key)} is no key of a spec; known here are: {', '.join(keys)}"
                )
        return [f"{self.name(key)} has no effect" for key in without_effect if key in self.values]

    def section(self, key: str) -> Section:
        """The mapping under a key."""
        return Section(self.name(key), self.values.get(key))

    def has(self, key: str) -> bool:
        """Whether a key has a value other than null."""
        return self.values.get(key) is not None

    def text(self, key: str, default: str = "") -> str:
        """A text; numbers are taken as they are written."""
        value = self.values.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise SpecError(f"{self.name(key)} is {_shown(value)}; it must be a text")
        return str(value).strip()

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise SpecError(f"{self.name(key)} is {_shown(value)}; it must be true or false")
        return value

    def whole(self, key: str, default: int, least: int = 0, most: int | None = None) -> int:
        """A whole number from `least` to `most`."""
        value = self.values.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            raise SpecError(f"{self.name(key)} is {_shown(value)}; it must be a whole number")
        if value < least:
            raise SpecError(f"{self.name(key)} is {value}; it must be {least} or more")
        if most is not None and value > most:
            raise SpecError(f"{self.name(key)} is {value}; it must be {most:,} or less")
        return value

    def number(self, key: str, default: float, least: float = 0.0, most: float = math.inf) -> float:
        """A number from `least` to `most`."""
        value = self.values.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise SpecError(f"{self.name(key)} is {_shown(value)}; it must be a number")
        if not math.isfinite(value):
            raise SpecError(f"{self.name(key)} is {value}; it must be a finite number")
        if value < least:
            raise SpecError(f"{self.name(key)} is {value}; it must be {least:g} or more")
        if value > most:
            raise SpecError(f"{self.name(key)} is {value}; it must be at most {most:g}")
        return float(value)

    def choice(
        self,
        key: str,
        default: str,
        allowed: Sequence[str],
        aliases: Mapping[str, str] | None = None,
    ) -> str:
        """One of a few words, or an alias of one."""
        value = self.text(key, default).lower()
        value = (aliases or {}).get(value, value)
        if value not in allowed:
            raise SpecError(f"{self.name(key)} is '{value}'; use one of: {', '.join(allowed)}")
        return value

    def list_of(self, key: str, kind: type) -> list[Any] | None:
        """A list of texts or of whole numbers, None where there is none; one value is a list."""
        value = self.values.get(key)
        if value is None:
            return None
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(item, kind) and not isinstance(item, bool) for item in values):
            what = "whole numbers" if kind is int else "texts"
            raise SpecError(f"{self.name(key)} is {_shown(value)}; it must be a list of {what}")
        return values


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
