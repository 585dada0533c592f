"""Steerable systems: what the benchmark measures.

A system is steered to a persona by observations of it and then says of statements whether the
persona agrees. There are two kinds. A *prompt builder* only turns a question into chat messages; a
flow sends them in bulk. Any other system answers by itself, however it likes. A user's own class is
named `package.module:Class` and needs only a `name` and `steer`:

    class MySystem:
        name = "my_system"

        def steer(self, persona, observations):
            return MySteered(persona, observations)


    class MySteered(SteeredSystem):
        async def prepare(self): ...
        async def answers(self, items): ...

Method: trade-off steerable benchmarks, Sorensen et al., "A Roadmap to Pluralistic Alignment",
arXiv 2402.05070.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from benchmarks.steerability.conditions import BUILT_IN_NAMES
from benchmarks.steerability.data import Item, Observation, Persona
from benchmarks.steerability.errors import SteerabilityError
from inference.request import Message

State = dict[str, Any]


class SteeredSystem:
    """A system steered to one persona. Every method but `answers` may be left as it is."""

    async def prepare(self) -> None:
        """Do what must be done once before answering; awaited once, never after `restore`."""

    async def is_ready(self) -> bool:
        """Whether it can answer now; asked again after a pause until it can."""
        return True

    async def answers(self, items: Sequence[Item]) -> Mapping[str, bool | None]:
        """Whether the persona agrees, by `text_id`; None or a missing id is no answer."""
        raise NotImplementedError(f"{type(self).__name__} has no method `answers`")

    def save_state(self) -> State | None:
        """What `restore` needs to bring it back, as JSON values; None if it keeps nothing."""
        return None


class PromptSteered(SteeredSystem):
    """A steered system that is only a prompt: `messages` is all there is to it."""

    def messages(self, items: Sequence[Item]) -> tuple[Message, ...]:
        """The conversation that asks about these items, whose answer `parse_answers` reads."""
        raise NotImplementedError


@runtime_checkable
class SteerableSystem(Protocol):
    """A system that can be steered to personas.

    `restore(persona, observations, state)` is optional: without it a system that has a saved state
    is steered and prepared anew.
    """

    @property
    def name(self) -> str:
        """What the answers are filed under; no two systems of a run share one."""

    def steer(self, persona: Persona | None, observations: Sequence[Observation]) -> SteeredSystem:
        """The system steered to a persona; None for the unsteered baseline."""


def revived(
    system: SteerableSystem,
    persona: Persona | None,
    observations: Sequence[Observation],
    state: State | None,
) -> tuple[SteeredSystem, bool]:
    """The steered system and whether it came from a saved state (so needs no `prepare`)."""
    restore = getattr(system, "restore", None)
    if state is not None and restore is not None:
        return restore(persona, observations, state), True
    return system.steer(persona, observations), False


def load_system(path: str, config: Mapping[str, Any] | None = None) -> SteerableSystem:
    """The user's class `package.module:Class`, made with `config` as keyword arguments.

    Raises:
        SteerabilityError: the path has no such form, the module or class is not there, the class
            does not take the config, or what it makes has no `steer`.
    """
    module_name, colon, class_name = path.partition(":")
    if not (colon and class_name and all(module_name.split("."))):
        raise SteerabilityError(
            f"steerable system {path!r} is not known; give the class as package.module:Class"
        )
    try:
        cls = getattr(importlib.import_module(module_name), class_name)
    except ImportError as error:
        raise SteerabilityError(
            f"steerable system {path!r}: cannot import {module_name!r}: {error}"
        ) from None
    except AttributeError:
        raise SteerabilityError(
            f"steerable system {path!r}: module {module_name!r} has no class {class_name!r}"
        ) from None
    try:
        system = cls(**(config or {}))
    except TypeError as error:
        raise SteerabilityError(
            f"steerable system {path!r} does not take its config: {error}"
        ) from None
    if not callable(getattr(system, "steer", None)):
        raise SteerabilityError(f"steerable system {path!r} has no method steer")
    name = getattr(system, "name", None)
    if not isinstance(name, str) or not name or name in BUILT_IN_NAMES:
        raise SteerabilityError(
            f"steerable system {path!r} needs an attribute `name` of its own, not {name!r}"
        )
    return system
