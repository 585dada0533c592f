"""`--max_cost`: what the next request will probably cost, and whether that is still allowed."""

from __future__ import annotations

import math
from enum import Enum

from inference.request import Request
from inference.result import Usage

CHARACTERS_PER_TOKEN = 4


class Expectation:
    """What one endpoint's requests use, told by what has come back so far."""

    def __init__(self) -> None:
        self._replies = 0
        self._output = 0
        self._input = 0
        self._characters = 0

    def careful(self, request: Request) -> Usage:
        """The tokens to reserve for `request`: the worst case counts as one more reply.

        So the first requests are let out as if each would use all it may, later ones as the mean.
        """
        sampling = request.sampling
        worst = sampling.max_tokens + (sampling.thinking_budget if sampling.thinking else 0)
        output = (worst + self._output) / (1 + self._replies)
        return Usage(self._input_of(request), math.ceil(output))

    def probable(self, request: Request) -> Usage:
        """The tokens that `request` will use if it is like those before it."""
        return Usage(self._input_of(request), round(self._output / max(1, self._replies)))

    def _input_of(self, request: Request) -> int:
        characters = _characters(request)
        if not self._characters:
            return characters // CHARACTERS_PER_TOKEN
        return round(characters * self._input / self._characters)

    def learn(self, request: Request, usage: Usage) -> None:
        """Take in what a request did use."""
        self._replies += 1
        self._output += usage.output
        self._input += usage.input
        self._characters += _characters(request)


def _characters(request: Request) -> int:
    return sum(len(message.content) for message in request.messages)


class May(Enum):
    """Whether another request may be sent."""

    SEND = "send"
    WAIT = "wait"
    STOP = "stop"


class Budget:
    """Holds back what requests in flight will probably cost, and stops before the limit is passed.

    Attributes:
        limit: dollars; None for no limit.
        spent: dollars paid.
        held: dollars that requests in flight may cost.
    """

    def __init__(self, limit: float | None) -> None:
        self.limit = limit
        self.spent = 0.0
        self.held = 0.0
        self._in_flight = 0
        self._paid = False

    def may(self, careful: float, probable: float) -> May:
        """Whether a request that costs `careful` dollars at most, `probable` ones likely, may go.

        Near the limit the answer is WAIT: what is in flight may turn out cheaper. One request is
        let through before any cost is known, even where the worst case exceeds the limit.
        """
        free = careful <= 0 and probable <= 0
        if self.limit is None or free or self.spent + self.held + careful <= self.limit:
            return May.SEND
        if self._in_flight:
            return May.WAIT
        too_dear = self._paid and self.spent + probable > self.limit
        return May.STOP if too_dear or self.spent >= self.limit else May.SEND

    def hold(self, dollars: float) -> None:
        """A request is on its way that may cost as much."""
        self._in_flight += 1
        self.held += dollars

    def settle(self, held: float, cost: float | None) -> None:
        """It has come back: with what it cost, or None where nothing was paid."""
        self._in_flight -= 1
        self.held = self.held - held if self._in_flight else 0.0
        if cost is not None:
            self.spent += cost
            self._paid = True
