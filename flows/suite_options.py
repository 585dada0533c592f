"""Options of the flows as a suite's YAML gives them: which there are, what they take, as words."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from metaflow import IncludeFile, Parameter

from inference.errors import PlumblineError

FLAGS = frozenset(
    {
        "fresh",
        "enable_thinking",
        "enable_web_search",
        "reverse_pair_order",
        "both_orders",
        "plan_only",
    }
)
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


class SpecError(PlumblineError):
    """A suite that can't be read; one line that names the key."""


def check_options(options: Mapping[str, Any], flow: str, where: str, *more: str) -> None:
    """Refuse options that a flow does not have, or that it would not take.

    Args:
        options: by name.
        flow: module in flows/ without which the option means nothing.
        where: they stand, for the message.
        more: names that are no parameters, and are fine.

    Raises:
        SpecError: one line that names the key.
    """
    known = parameters_of(flow)
    only(options, (*known, *more), where)
    for name, value in options.items():
        if name in known and value is not None:
            _check_value(known[name], value, f"{where}: {name}")


def only(mapping: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Refuse keys that are not known.

    Raises:
        SpecError: one line that names the key.
    """
    known = tuple(dict.fromkeys(known))
    for key in mapping:
        if key not in known:
            raise SpecError(f"{where}: unknown key {key!r}; known are {', '.join(known)}")


def parameters_of(flow: str) -> dict[str, Parameter]:
    """A flow's parameters by name."""
    module = importlib.import_module(f"flows.{flow}")
    name = flow if flow == "asking_parameters" else f"{flow}_flow"
    cls = getattr(module, "".join(word.capitalize() for word in name.split("_")))
    return {
        name: value
        for parent in cls.__mro__
        for name, value in vars(parent).items()
        if isinstance(value, Parameter)
    }


def _check_value(parameter: Parameter, value: Any, where: str) -> None:
    if isinstance(parameter, IncludeFile):
        if not Path(str(value)).is_file():
            raise SpecError(f"{where}: there is no file {value}")
        return
    given = {**parameter._override_kwargs, **parameter.kwargs}
    kind = given.get("type") or type(given.get("default"))
    if kind in _WORDS and not _fits(value, kind):
        raise SpecError(f"{where} is {value!r}; give {_WORDS[kind]}")


def _fits(value: Any, kind: type) -> bool:
    """Whether a value of YAML may stand for a parameter of this kind; lists become a,b,c."""
    if kind is str:
        return not isinstance(value, Mapping)
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, int) or (
        kind is float and isinstance(value, float) and math.isfinite(value)
    )


def words_of(options: Mapping[str, Any], spec_path: Path | None = None) -> list[str]:
    """Options as a command line; flags without a value, a nested spec as its file."""
    words: list[str] = []
    for name, value in options.items():
        if name == "spec" and isinstance(value, Mapping):
            words += ["--spec", str(spec_path)]
        elif value is True and name in FLAGS:
            words.append(f"--{name}")
        elif (value is False and name in FLAGS) or value is None:
            continue
        else:
            words += [f"--{name}", _word(value)]
    return words


def _word(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
