"""Reads requests ahead, looks into the store, hands the rest to endpoints, orders results."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import replace

from inference.budget import Budget
from inference.endpoint import Endpoint
from inference.errors import StoreError
from inference.item import Item
from inference.models import ModelRef
from inference.options import AskOptions
from inference.progress import Progress
from inference.request import Request
from inference.result import Result, Usage
from inference.store import Store
from inference.verdict import stored_answer

log = logging.getLogger(__name__)

CHUNK = 512
"""Results handed out at once at most; also how often the feeder lets others run."""
FEW = 64
LINGER = 0.02
"""Fewer than `FEW` results wait so many seconds for company: handing out one by one is dear."""
SHORT_PAUSE = 0.25
READ_AHEAD = 64 * CHUNK
"""Results that may wait for an earlier one before the feeder stops reading."""


class Loop:
    """The state of one call of `ask`, driven by `next_chunk`.

    Attributes:
        options, store, budget, progress: see `inference.item.Home`.
        error: what broke that is no request's fault; `next_chunk` raises it.
        stopped: `stop` was called; `next_chunk` gives nothing more.
    """

    def __init__(
        self, requests: Iterator[Request], store: Store, options: AskOptions, progress: Progress
    ) -> None:
        self.options = options
        self.store = store
        self.budget = Budget(options.max_cost)
        self.progress = progress
        self.error: Exception | None = None
        self.stopped = False
        self._requests = requests
        self._endpoints: dict[tuple[object, ...], Endpoint] = {}
        self._under_way: dict[str, Item] = {}
        self._done: dict[int, Result] = {}
        self._widest = options.batch_size
        self._next_in = 0
        self._next_out = 0
        self._exhausted = False
        self._stood_still_at: float | None = None
        self._stopped_at: float | None = None
        self._keeps = True
        self._helpers: list[asyncio.Task[None]] = []
        self._change = asyncio.Event()
        self._room = asyncio.Event()

    async def next_chunk(self) -> list[Result]:
        """The next results in order, at least one; an empty list at the end."""
        self._wake_up()
        await self._something_to_give()
        if self._next_out + FEW > self._next_in or self._next_out + FEW - 1 not in self._done:
            await self._linger()
        chunk: list[Result] = []
        while len(chunk) < CHUNK and self._next_out in self._done and not self.stopped:
            chunk.append(self._done.pop(self._next_out))
            self._next_out += 1
        self._room.set()
        self._stood_still_at = asyncio.get_running_loop().time()
        return chunk

    def _wake_up(self) -> None:
        """Between two chunks the event loop stands still: that time is no request's fault."""
        if not self._helpers:
            self._helpers = [asyncio.create_task(self._feed()), asyncio.create_task(self._report())]
        if self._stood_still_at is not None:
            pause = asyncio.get_running_loop().time() - self._stood_still_at
            if pause < SHORT_PAUSE:
                return
            for endpoint in self._endpoints.values():
                endpoint.forgive(pause)

    async def _something_to_give(self) -> None:
        while self._next_out not in self._done and not self.stopped:
            if self.error is not None:
                raise self.error
            if self._exhausted and self._next_out >= self._next_in:
                return
            self._change.clear()
            await self._change.wait()

    def stop(self) -> None:
        """Give nothing more, so that the caller closes."""
        self.stopped = True
        self._stopped_at = asyncio.get_running_loop().time()
        self._change.set()

    async def _linger(self) -> None:
        if self._under_way or not self._exhausted:
            await asyncio.sleep(LINGER)

    async def close(self) -> None:
        """Stop sending, keep what comes, let go of everything."""
        for endpoint in self._endpoints.values():
            endpoint.stop()
        for helper in self._helpers:
            helper.cancel()
        await self._come_home()
        for task in self._in_flight():
            task.cancel()
        await asyncio.gather(*self._helpers, *self._in_flight(), return_exceptions=True)
        try:
            for endpoint in self._endpoints.values():
                await _close_quietly(endpoint)
        finally:
            await self.store.close()
        self._tell()

    async def _come_home(self) -> None:
        """Wait for what is in flight, as long as it can be kept: it is paid for."""
        begun = asyncio.get_running_loop().time()
        if self.store.full and self._in_flight():
            count = len(self._in_flight())
            log.warning("waiting for %d answers in flight: for these there is room", count)
        with contextlib.suppress(asyncio.CancelledError):  # a second Ctrl-C ends the wait
            while (in_flight := self._in_flight()) and self._keeps:
                left = self._waits_until(begun) - asyncio.get_running_loop().time()
                if left <= 0:
                    return
                await asyncio.wait(in_flight, timeout=min(left, SHORT_PAUSE))

    def _waits_until(self, begun: float) -> float:
        """Nobody hurries where the disk is full, unless SIGTERM comes too."""
        if self._stopped_at is not None:
            return max(begun, self._stopped_at) + self.options.grace
        return begun + (self.options.timeout if self.store.full else self.options.grace)

    def _in_flight(self) -> list[asyncio.Task[None]]:
        return [task for endpoint in self._endpoints.values() for task in endpoint.tasks]

    async def keep(self, model: ModelRef, result: Result) -> None:
        """Store an answer. With the last room it takes, everything is stopped.

        Raises:
            StoreError: it can't be kept.
        """
        try:
            await self.store.put(model, result)
        except StoreError:
            self._keeps = False
            raise
        if self.store.full is not None:
            self.fail(self.store.full)

    def finish(self, item: Item, result: Result) -> None:
        """An item has ended: fill every place that waits for it."""
        self._under_way.pop(item.request.key_for(0), None)
        for number, place in enumerate(item.places):
            self._done[place] = result if number == 0 else replace(result, usage=Usage())
            self.progress.count(result)
        self._change.set()
        self._room.set()

    def fail(self, error: Exception) -> None:
        """Something broke that is no request's fault: nothing more is sent, the caller is told."""
        self.error = self.error or error
        for endpoint in self._endpoints.values():
            endpoint.stop()
        self._change.set()

    def money_is_back(self) -> None:
        """Let every endpoint look at the budget again; it may have waited for another's answer."""
        if self.budget.limit is not None:
            for endpoint in self._endpoints.values():
                asyncio.get_running_loop().call_soon(endpoint.pump)

    async def _feed(self) -> None:
        try:
            for request in self._requests:
                if self.error is not None:
                    break
                place = self._next_in
                self._next_in += 1
                self._take(request, place)
                if place % CHUNK == CHUNK - 1:
                    self._change.set()
                    await asyncio.sleep(0)
                await self._wait_for_room()
        except Exception as error:
            self.fail(error)
        self._exhausted = True
        self._change.set()

    async def _wait_for_room(self) -> None:
        """Read ahead far enough to keep every slot busy, not a whole data set into memory."""
        while (
            len(self._under_way) >= max(4 * self._widest, 2 * CHUNK) or len(self._done) > READ_AHEAD
        ):
            self._change.set()
            self._room.clear()
            await self._room.wait()

    def _take(self, request: Request, place: int) -> None:
        keys = request.keys(self.options.max_attempts)
        item = self._under_way.get(keys[0])
        if item is not None:
            item.places.append(place)
            return
        stored = stored_answer(self.store, request, keys)
        if stored is not None:
            self._done[place] = stored
            self.progress.count(stored)
            return
        item = self._under_way[keys[0]] = Item(request, [place])
        self._endpoint(request.model).put(item)

    def _endpoint(self, model: ModelRef) -> Endpoint:
        """Adapters of one base share an endpoint, and with it the engine that serves them."""
        key = model.endpoint
        if key not in self._endpoints:
            if self.options.max_cost is not None:
                self.options.prices.must_have(model)
            self.store.check_writable(model)
            self._endpoints[key] = endpoint = Endpoint(model, self)
            self._widest = max(self._widest, endpoint.limits.concurrency)
        return self._endpoints[key]

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            self._tell()

    def _tell(self) -> None:
        endpoints = self._endpoints.values()
        self.progress.in_flight = sum(e.window.in_flight for e in endpoints)
        self.progress.limit = sum(int(e.window.limit) for e in endpoints)
        if self.progress.on_change is not None:
            self.progress.on_change(self.progress)


async def _close_quietly(endpoint: Endpoint) -> None:
    """A connection that can't be closed must not keep the store from being closed."""
    try:
        await endpoint.provider.close()
    except Exception:
        log.warning("closing a connection pool failed", exc_info=True)
