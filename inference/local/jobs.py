"""Requests between the event loop that asks and the thread that runs engines."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from inference.models import ModelRef
from inference.providers.base import Reply
from inference.request import Request


@dataclass(slots=True, eq=False)
class Job:
    """A request with the future that waits for its outcome."""

    request: Request
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Reply]
    given_up: bool = False
    number: str = ""


@dataclass(slots=True)
class Line:
    """The requests that wait for one base, and the adapters it is known to need."""

    waiting: list[tuple[Any, ...]] = field(default_factory=list)
    unsorted: list[Job] = field(default_factory=list)
    adapters: dict[tuple[str | None, str | None], ModelRef] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.waiting) + len(self.unsorted)


def resolve(outcomes: list[tuple[Job, Any]]) -> None:
    """Wake those who wait, with one call into each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Job, Any]]] = defaultdict(list)
    for job, outcome in outcomes:
        by_loop[job.loop].append((job, outcome))
    for loop, mine in by_loop.items():
        # The loop may have been closed by an interrupt: then nobody waits.
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, mine)


def settle(outcomes: list[tuple[Job, Any]]) -> None:
    """Give those who wait their outcomes; for the event loop's own thread."""
    for job, outcome in outcomes:
        if job.future.done():
            continue
        if isinstance(outcome, BaseException):
            job.future.set_exception(outcome)
        else:
            job.future.set_result(outcome)
