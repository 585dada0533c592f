"""The requests of one model: submit, wait, collect, send again what is missing."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from inference.batch_api.api import (
    LOST,
    BatchApi,
    Line,
    Outcome,
    line_of,
    open_api,
    split,
)
from inference.batch_api.item import Home, Item
from inference.batch_api.ledger import Entry, Ledger
from inference.batch_api.lost import Finder
from inference.batch_api.patience import patiently, pauses, unbroken
from inference.batch_api.purse import Purse, Reserved
from inference.giving_up import OVER_BUDGET
from inference.limits import backoff
from inference.models import ModelRef
from inference.providers.base import HALF_A_CHARACTER, RequestFailed
from inference.request import Request
from inference.result import Failure, Result, Usage
from inference.verdict import REASKED, judge

log = logging.getLogger(__name__)
_AT_ONCE = 512


class Group:
    """The requests of one model.

    Attributes:
        items: all of them.
        waiting: how many are in batches that are out.
    """

    def __init__(self, model: ModelRef, run: Home) -> None:
        self.items: list[Item] = []
        self.waiting = 0
        self.api: BatchApi = open_api(model, run.options.timeout)
        self._model, self._run, self._options = model, run, run.options
        self._purse = Purse(model, run.options.prices, run.budget)
        self._ledger = Ledger(run.location, model)
        self._finder = Finder(self.api, self._ledger, self._options.patience)
        self._by_key: dict[str, Item] = {}
        self._out: set[str] = set()

    def add(self, request: Request, place: int) -> None:
        """Take a request in; an equal one only gets another place."""
        keys = request.keys(self._options.max_attempts)
        item = self._by_key.get(keys[0])
        if item is not None:
            item.places.append(place)
            return
        item = Item(request, [place])
        self.items.append(item)
        # An answer to an earlier run's second attempt is an answer too.
        self._by_key |= dict.fromkeys(keys, item)

    async def work(self) -> None:
        """Find batches of an earlier run, then submit what is missing until nothing is."""
        await self._find_again()
        tries = rounds = 0
        refused_since: float | None = None
        while tries < self._options.max_tries and (missing := self._missing()):
            if rounds:
                await asyncio.sleep(backoff(rounds))
            began = asyncio.get_running_loop().time()
            await self._submit_and_collect(missing)
            rounds += 1
            # A full queue at the provider is no try: being told to wait is bounded by time.
            refused = all(item.last.cuts for item in self._missing())
            refused_since = (refused_since or began) if refused else None
            tries += refused_since is None or began - refused_since >= self._options.patience
        for item in self._missing():
            self._fail(item, item.last)

    def _missing(self) -> list[Item]:
        return [item for item in self.items if item.result is None]

    async def _find_again(self) -> None:
        missing = {key for key, item in self._by_key.items() if item.result is None}
        entries = [e for e in self._ledger.entries() if missing & (set(e.keys) - e.seen)]
        await asyncio.gather(*(self._adopt(entry) for entry in entries))

    async def _adopt(self, entry: Entry) -> None:
        try:
            if entry.id is not None or await self._finder.find(entry):
                await self._collect(entry)
        except RequestFailed as error:
            # A batch that is gone: its requests are sent again.
            log.warning("batch %s can't be collected: %s", entry.id, error.detail)

    async def _submit_and_collect(self, items: list[Item]) -> None:
        self._run.store.check_writable(self._model)
        texts = [item for item in items if self._is_text(item)]
        reserved = await self._reserved(texts)
        try:
            await self._round([i for i, taken in zip(texts, reserved.taken, strict=True) if taken])
        finally:
            self._purse.release(reserved)

    async def _reserved(self, items: list[Item]) -> Reserved:
        """Those that the budget allows; the others wait for a later round, if there will be one."""
        reserved = self._purse.reserve(item.request for item in items)
        pause = pauses()
        while items and not any(reserved.taken) and self._purse.others_hold():
            await asyncio.sleep(next(pause))
            reserved = self._purse.reserve(item.request for item in items)
        for item, taken in zip(items, reserved.taken, strict=True):
            if taken:
                continue
            item.last = OVER_BUDGET
            if not any(reserved.taken):
                self._fail(item, OVER_BUDGET)
        return reserved

    async def _round(self, items: list[Item]) -> None:
        lines = (line_of(self.api, item.request) for item in items)
        entries = []
        for batch in split(lines, self.api.limits):
            entry = self._ledger.intend([line.key for line in batch])
            try:
                await self._submit(entry, batch)
                entries.append(entry)
            except RequestFailed as error:
                self._all_failed(entry.keys, error)
        await asyncio.gather(*(self._collect_or_fail(entry) for entry in entries))

    def _is_text(self, item: Item) -> bool:
        """One line that is no text would fail a whole file."""
        try:
            for message in item.request.messages:
                message.content.encode()
        except UnicodeEncodeError:
            self._fail(item, RequestFailed(Failure.BAD_REQUEST, HALF_A_CHARACTER))
            return False
        return True

    async def _submit(self, entry: Entry, batch: list[Line]) -> None:
        """Create the batch once, even where the answer to the first try was lost.

        It may be there then, and without an id: `_collect_or_fail` finds out.
        """
        may_be_out = False
        for number in range(self._options.max_tries):
            try:
                if may_be_out and await self._finder.is_likely(entry):
                    return None
                batch_id = await self.api.submit(entry.intent, batch)
                return self._ledger.submitted(entry, batch_id)
            except RequestFailed as error:
                if not error.retryable or number + 1 == self._options.max_tries:
                    raise
                # Where we are told to slow down nothing was made; else nobody knows.
                may_be_out = may_be_out or not error.cuts
                await asyncio.sleep(error.retry_after or backoff(number))
        return None

    async def _collect_or_fail(self, entry: Entry) -> None:
        try:
            if entry.id is not None or await self._finder.find(entry):
                await self._collect(entry)
            else:
                self._all_failed(entry.keys, LOST)
        except RequestFailed as error:
            self._all_failed(entry.keys, error)

    async def _collect(self, entry: Entry) -> None:
        """Wait for a batch and take in what became of our requests in it."""
        assert entry.id is not None
        mine = [key for key in entry.keys if key in self._by_key]
        self._out.add(entry.id)
        self.waiting += len(mine)
        try:
            await self._ended(entry.id)
            told: set[str] = set()
            await patiently(lambda: self._take_in(str(entry.id), told), self._options.patience)
        finally:
            self.waiting -= len(mine)
        self._out.discard(entry.id)
        for key in set(mine) - told:
            self._by_key[key].last = LOST
        self._ledger.collected(entry, mine)

    async def _ended(self, batch_id: str) -> None:
        """Look again and again, ever less often, until the batch has ended.

        Raises:
            RequestFailed: it failed as a whole.
        """
        pause = pauses()
        while True:
            state = await patiently(lambda: self.api.state(batch_id), self._options.patience)
            if state.failed is not None:
                raise state.failed
            if state.ended:
                return
            self._run.tell()
            await asyncio.sleep(next(pause))

    async def _take_in(self, batch_id: str, told: set[str]) -> None:
        """Store answers and name failures; adds the keys that the batch told of to `told`.

        What is in there already was taken in before the connection broke.
        """
        chunk: dict[str, Outcome] = {}
        async for outcome in unbroken(self.api.outcomes(batch_id)):
            if outcome.key in self._by_key and outcome.key not in told:
                chunk.setdefault(outcome.key, outcome)
            if len(chunk) == _AT_ONCE:
                await self._all_of(chunk, told)
                chunk = {}
        await self._all_of(chunk, told)
        self._run.tell()

    async def _all_of(self, chunk: dict[str, Outcome], told: set[str]) -> None:
        told.update(chunk)
        await asyncio.gather(*map(self._one, chunk.values()))

    async def _one(self, outcome: Outcome) -> None:
        item = self._by_key[outcome.key]
        if item.result is not None:
            return
        request = self._as_asked(item, outcome.key)
        if isinstance(outcome.reply, RequestFailed):
            if any(outcome.reply.usage):
                self._pay(item, outcome.reply.usage)
            item.last = outcome.reply
            if not outcome.reply.retryable:
                self._fail(item, outcome.reply)
            return
        self._pay(item, outcome.reply.usage)
        result = judge(request, outcome.reply, item.usage)
        if result.ok:
            await self._run.store.put(self._model, result)
        else:
            self._run.store.note_failure(self._model, result)
        if result.failure in REASKED and request.attempt + 1 < self._options.max_attempts:
            item.request = replace(item.request, attempt=request.attempt + 1)
            item.last = RequestFailed(result.failure, result.detail, retryable=True)
            return
        self._finish(item, result)

    def _as_asked(self, item: Item, key: str) -> Request:
        """The request with the attempt that this key belongs to."""
        attempt = item.request.keys(self._options.max_attempts).index(key)
        return replace(item.request, attempt=attempt)

    def _pay(self, item: Item, usage: Usage) -> None:
        item.usage = item.usage.plus(usage)
        cost = self._purse.pay(item.request, usage)
        self._run.progress.pay(self._model.label, usage, cost)

    def _all_failed(self, keys: list[str], error: RequestFailed) -> None:
        for key in keys:
            item = self._by_key.get(key)
            if item is None or item.result is not None:
                continue
            item.last = error
            if not error.retryable:
                self._fail(item, error)

    def _fail(self, item: Item, error: RequestFailed) -> None:
        result = Result(
            key=item.request.key,
            model=self._model.label,
            failure=error.failure,
            detail=error.detail,
            usage=item.usage,
        )
        self._run.store.note_failure(self._model, replace(result, usage=error.usage))
        self._finish(item, result)

    def _finish(self, item: Item, result: Result) -> None:
        item.result = result
        for _ in item.places:
            self._run.progress.count(result)

    async def cancel(self) -> None:
        """Ask every batch that is out to stop."""
        for batch_id in list(self._out):
            try:
                await self.api.cancel(batch_id)
            except RequestFailed as error:
                log.warning("batch %s can't be cancelled: %s", batch_id, error.detail)
