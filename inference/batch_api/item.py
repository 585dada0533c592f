"""What a batch is made of, and what a group of them needs of its run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from inference.batch_api.api import LOST
from inference.budget import Budget
from inference.options import AskOptions
from inference.progress import Progress
from inference.providers.base import RequestFailed
from inference.request import Request
from inference.result import Result, Usage
from inference.store import Store


@dataclass(slots=True, eq=False)
class Item:
    """A request that has no answer yet.

    Attributes:
        request: as it will be sent next.
        places: positions in the output that wait for it.
        usage: tokens of all its replies so far.
        last: why its last sending gave nothing.
        result: how it ended, None before.
    """

    request: Request
    places: list[int]
    usage: Usage = field(default_factory=Usage)
    last: RequestFailed = LOST
    result: Result | None = None


class Home(Protocol):
    """What a group needs of the run that it belongs to.

    Attributes:
        location: of the store; the ids of batches are written there.
    """

    store: Store
    location: str
    options: AskOptions
    progress: Progress
    budget: Budget

    def tell(self) -> None:
        """Show the present state."""
        ...
