"""A request on its way, and what an endpoint needs of the loop that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from inference.budget import Budget
from inference.models import ModelRef
from inference.options import AskOptions
from inference.progress import Progress
from inference.request import Request
from inference.result import Result, Usage
from inference.store import Store


@dataclass(slots=True, eq=False)
class Item:
    """A request on its way.

    Attributes:
        request: as it will be sent next.
        places: positions in the output that wait for it.
        usage: tokens of all its replies so far.
        tries: sendings that ended in a server error or a timeout.
        refused_since: when the server first said "slow down"; None if it has not.
        reserved: tokens that the sending under way may use, taken from the cap.
        held: the dollars of that, held back from the budget.
    """

    request: Request
    places: list[int]
    usage: Usage = field(default_factory=Usage)
    tries: int = 0
    refused_since: float | None = None
    reserved: Usage = field(default_factory=Usage)
    held: float = 0.0


class Home(Protocol):
    """What an endpoint needs of the loop that it belongs to."""

    options: AskOptions
    store: Store
    budget: Budget
    progress: Progress

    async def keep(self, model: ModelRef, result: Result) -> None:
        """Store an answer; returns once it is durable."""
        ...

    def finish(self, item: Item, result: Result) -> None:
        """An item has ended."""
        ...

    def fail(self, error: Exception) -> None:
        """Something broke that is no request's fault."""
        ...

    def money_is_back(self) -> None:
        """A request has come back: endpoints that wait for the budget may look again."""
        ...
