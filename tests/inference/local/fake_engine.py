"""An engine without vLLM: it answers what it is given, a few requests a step, or breaks as told."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from inference.local.base import Base
from inference.local.engine import Finished
from inference.local.report import EngineReport
from inference.models import ModelRef
from inference.providers.base import Reply, RequestFailed
from inference.request import Request
from inference.result import Failure, Usage

A_STEP = 4


class FakeEngine:
    """What `Engines` needs of an engine.

    Attributes:
        started: all of them in order, those of every test from the beginning of that test.
        act: called before each step; may raise.
        aborted: numbers of the requests it was told to forget.
    """

    started: list[FakeEngine] = []
    act: Callable[[FakeEngine], None] = staticmethod(lambda engine: None)
    capacity = 16

    def __init__(self, base: Base, adapters: Sequence[ModelRef]) -> None:
        self.base = base
        self.report = EngineReport(base.name)
        self.known = {model.adapter for model in adapters}
        self.aborted: list[str] = []
        self.closed = False
        self.steps = 0
        self._working: dict[str, Request] = {}
        self._numbers = itertools.count()
        assert all(engine.closed for engine in self.started), "two engines at once"
        self.started.append(self)

    def group(self, model: ModelRef) -> int:
        return 0

    def fits(self, model: ModelRef) -> bool:
        return model.adapter is None or model.adapter in self.known

    def add(self, request: Request) -> str:
        if request.messages[0].content.startswith("bad"):
            raise RequestFailed(Failure.BAD_REQUEST, "too long", counts=False)
        number = str(next(self._numbers))
        self._working[number] = request
        return number

    def step(self) -> list[Finished]:
        self.steps += 1
        type(self).act(self)
        ended = [number for number in self._working if not self.waits(number)][:A_STEP]
        return [Finished(number, self._answer(self._working.pop(number))) for number in ended]

    def waits(self, number: str) -> bool:
        """Whether a request is one that is never answered."""
        return self._working[number].messages[0].content.startswith("slow")

    def _answer(self, request: Request) -> Reply:
        self.report.requests += 1
        return Reply(f"{self.base.name}: {request.messages[0].content}", "stop", "stop", Usage())

    def abort(self, number: str) -> None:
        self.aborted.append(number)
        self._working.pop(number, None)

    def close(self) -> None:
        self.closed = True
