"""What the requests of one model may cost, out of the budget that all models of a run share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from inference.batch_api.api import DISCOUNT
from inference.budget import Budget, Expectation
from inference.models import ModelRef
from inference.request import Request
from inference.result import Usage
from inference.usage import PriceList

Kind = TypeVar("Kind")


class Purse:
    """The budget as one model's batches see it."""

    def __init__(self, model: ModelRef, prices: PriceList, budget: Budget) -> None:
        self._price = prices.of(model)
        self._budget = budget
        self._expectation = Expectation()

    def reserve(self, requests: Iterable[Request]) -> Reserved:
        """Hold what requests cost if each uses all it may; those that are too dear are left out."""
        taken: list[bool] = []
        dollars = 0.0
        for request in requests:
            mine = self._most(request)
            room = self._left() - dollars
            taken.append(mine <= 0 or mine <= room)
            dollars += mine if taken[-1] else 0.0
        self._budget.held += dollars
        return Reserved(taken, dollars)

    def release(self, reserved: Reserved) -> None:
        """The requests have come back, and what they did cost is paid."""
        self._budget.held -= reserved.dollars

    def others_hold(self) -> bool:
        """Whether money may come back from batches that are out."""
        return self._budget.held > 1e-9

    def pay(self, request: Request, usage: Usage) -> float | None:
        """Take in what a request used; returns the dollars, None where there is no price."""
        self._expectation.learn(request, usage)
        if self._price is None:
            return None
        cost = self._price.cost(usage) * DISCOUNT
        self._budget.spent += cost
        return cost

    def _most(self, request: Request) -> float:
        if self._price is None or self._budget.limit is None:
            return 0.0
        return self._price.cost(self._expectation.careful(request)) * DISCOUNT

    def _left(self) -> float:
        limit = self._budget.limit
        return float("inf") if limit is None else limit - self._budget.spent - self._budget.held


class Reserved(NamedTuple):
    """Which requests may be sent, and the dollars held for them."""

    taken: list[bool]
    dollars: float
