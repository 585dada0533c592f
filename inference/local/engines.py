"""The thread that runs vLLM engines: one at a time, one base after another, batches always mixed.

It outlives a call of `ask`: the phases of a benchmark find the engine of the phase before them
still running. `close_engines` at the end of the task (and at the end of the process) ends it.
"""

from __future__ import annotations

import asyncio
import atexit
import heapq
import itertools
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from inference.errors import PlumblineError
from inference.local.base import Base
from inference.local.engine import Engine, EngineDied
from inference.local.jobs import Job, Line, resolve, settle
from inference.local.report import EngineReport
from inference.local.turn import Turn
from inference.models import ModelRef
from inference.providers.base import Reply, RequestFailed
from inference.request import Request
from inference.result import Failure

SETTLE = 0.1
"""An engine starts when no new request came for so long: by then its adapters are known."""
MOST_SETTLING = 50
PATIENCE = 2.0
"""So long an idle engine waits for more requests of its base before another base gets its turn."""
MOST_DEATHS = 3
ADDED_AT_ONCE = 64
"""Requests tokenised between two steps, so that tokenising never starves the engine."""


class Engines:
    """The thread, its queue, and the one engine that is alive."""

    def __init__(self) -> None:
        self.reports: list[EngineReport] = []
        self._asked: set[Job] = set()
        self._working_since: float | None = None
        self._inbox: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lines: dict[Base, Line] = defaultdict(Line)
        self._working: dict[str, Job] = {}
        self._engine: Engine | None = None
        self._holding: Turn | None = None
        self._numbers = itertools.count()
        self._deaths = 0
        self._closing = False
        self._announced: list[ModelRef] = []
        self._thread = threading.Thread(target=self._run, name="engines", daemon=True)
        self._thread.start()

    async def answer(self, request: Request) -> Reply:
        """The model's reply.

        Raises:
            RequestFailed: there is none.
            PlumblineError: no engine can be had for it.
        """
        loop = asyncio.get_running_loop()
        job = Job(request, loop, loop.create_future())
        self._asked.add(job)
        self._inbox.put(job)
        try:
            return await job.future
        finally:
            job.given_up = True
            self._asked.discard(job)

    def still_for(self) -> float:
        """Seconds since the thread last got anywhere; 0 while it rests or an engine starts."""
        since = self._working_since
        return 0.0 if since is None else time.monotonic() - since

    def break_off(self, error: Exception) -> None:
        """End the waiting of all who wait. For the event loop's thread."""
        settle([(job, error) for job in self._asked])

    def announce(self, models: Iterable[ModelRef]) -> None:
        """Name models that will be asked, so that an engine is started with all its adapters."""
        self._announced.extend(model for model in models if model.adapter is not None)

    def close(self) -> None:
        """End the thread and its engine; what is unanswered is given up."""
        self._closing = True
        self._inbox.put(None)
        self._thread.join(timeout=120)

    # The thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._closing:
                self._working_since = None
                self._take(wait=self._idle())
                self._working_since = time.monotonic()
                if self._closing:
                    break
                try:
                    self._turn()
                except EngineDied as error:
                    self._died(error)
                except Exception as error:
                    self._give_up(error)
        finally:
            self._stop()

    def _idle(self) -> bool:
        return not self._working and not any(self._lines.values())

    def _take(self, wait: bool, timeout: float | None = None) -> bool:
        """Sort what came in; True if anything did."""
        came = False
        while True:
            try:
                job = self._inbox.get(block=wait and not came, timeout=timeout)
            except queue.Empty:
                return came
            came = True
            if job is not None:
                line = self._lines[Base.of(job.request.model)]
                line.unsorted.append(job)
                self._know(line, job.request.model)

    def _know(self, line: Line, model: ModelRef) -> None:
        if model.adapter is not None:
            line.adapters.setdefault((model.adapter, model.adapter_revision), model)

    def _turn(self) -> None:
        """One round: see to the right engine, fill it, let it step."""
        if not self._working:
            self._choose()
        if self._engine is None:
            return
        self._fill(self._engine)
        self._forget(self._engine)
        if self._working:
            self._deliver(self._engine)

    def _choose(self) -> None:
        """Keep the engine while its base has work, then turn to the base that waits for most."""
        if self._engine is not None:
            if self._lines[self._engine.base]:
                return
            if self._idle() or self._take(wait=True, timeout=PATIENCE):
                return
        base = max(self._lines, key=lambda base: len(self._lines[base]), default=None)
        if base is not None and self._lines[base]:
            self._open(base)

    def _open(self, base: Base) -> None:
        """Start the engine of a base once its requests have stopped pouring in."""
        self._working_since = None
        for _ in range(MOST_SETTLING):
            if not self._take(wait=True, timeout=SETTLE):
                break
        self._stop()
        turn = Turn(base.options)
        if self._closing or not turn.take(given_up=lambda: self._closing):
            return
        self._holding = turn
        self._take(wait=False)  # what came while another engine had the devices
        line = self._lines[base]
        for model in self._announced:
            if Base.of(model) == base:
                self._know(line, model)
        line.unsorted += [entry[-1] for entry in line.waiting]
        line.waiting.clear()
        self._engine = Engine(base, list(line.adapters.values()))
        self._working_since = time.monotonic()
        self.reports.append(self._engine.report)

    def _fill(self, engine: Engine) -> None:
        """Hand over requests, those with a common beginning one after the other."""
        line = self._lines[engine.base]
        if any(not engine.fits(job.request.model) for job in line.unsorted):
            # An adapter of a higher rank came late: finish what is under way, then start anew.
            if not self._working:
                self._open(engine.base)
            return
        for job in line.unsorted:
            model = job.request.model
            order = (engine.group(model), job.request.messages, model.adapter or "")
            heapq.heappush(line.waiting, (*order, next(self._numbers), job))
        line.unsorted.clear()
        added = 0
        while line.waiting and len(self._working) < engine.capacity and added < ADDED_AT_ONCE:
            job = heapq.heappop(line.waiting)[-1]
            if not job.given_up:
                added += 1
                self._add(engine, job)

    def _add(self, engine: Engine, job: Job) -> None:
        try:
            job.number = engine.add(job.request)
        except RequestFailed as failure:
            resolve([(job, failure)])
        except EngineDied:
            self._lines[engine.base].unsorted.append(job)
            raise
        else:
            self._working[job.number] = job

    def _forget(self, engine: Engine) -> None:
        for number in [number for number, job in self._working.items() if job.given_up]:
            engine.abort(number)
            del self._working[number]

    def _deliver(self, engine: Engine) -> None:
        finished = [
            (job, done.outcome)
            for done in engine.step()
            if (job := self._working.pop(done.number, None)) is not None
        ]
        if finished:
            self._deaths = 0
            resolve(finished)

    # When things break -----------------------------------------------------------------------

    def _died(self, error: EngineDied) -> None:
        """What was under way may be tried with a new engine, but not for ever."""
        self._deaths += 1
        self._stop()
        if self._deaths >= MOST_DEATHS:
            self._give_up(
                PlumblineError(f"the vLLM engine broke {MOST_DEATHS} times in a row: {error}")
            )
            return
        failure = RequestFailed(
            Failure.SERVER_ERROR, f"the vLLM engine broke: {error}", retryable=True
        )
        jobs, self._working = list(self._working.values()), {}
        resolve([(job, failure) for job in jobs])

    def _give_up(self, error: Exception) -> None:
        """Tell everybody who waits; an engine in the midst of their requests is of no more use."""
        self._stop()
        jobs = list(self._working.values())
        for line in self._lines.values():
            jobs += [*line.unsorted, *(entry[-1] for entry in line.waiting)]
            line.unsorted.clear()
            line.waiting.clear()
        self._working.clear()
        resolve([(job, error) for job in jobs])

    def _stop(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            print(engine.report.line(), flush=True)
            engine.close()
        if self._holding is not None:
            self._holding.give_back()


_current: Engines | None = None


def open_engines() -> Engines:
    """The engines of this process."""
    global _current
    if _current is None:
        _current = Engines()
        atexit.register(close_engines)
    return _current


def announce(models: Iterable[ModelRef]) -> None:
    """Name local models that this task will ask sooner or later.

    An engine started knowing all its adapters need not be started again for a later phase.
    """
    local = [model for model in models if model.provider == "vllm"]
    if local:
        open_engines().announce(local)


def engine_reports() -> list[dict[str, Any]]:
    """What the engines of this process did so far, for a manifest."""
    return [report.entry() for report in _current.reports] if _current else []


def close_engines() -> None:
    """End the engine of this process, if there is one, and give its memory back."""
    global _current
    if _current is not None:
        current, _current = _current, None
        current.close()
        atexit.unregister(close_engines)
