"""One model at one address: its queue, its limits, its requests in flight, its retries."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import replace

from inference.budget import Expectation, May
from inference.errors import PlumblineError
from inference.giving_up import GivingUp
from inference.item import Home, Item
from inference.limits import Opening, PerMinute, Window, backoff
from inference.models import ModelRef
from inference.providers import open_provider
from inference.providers.base import (
    Provider,
    ProviderOptions,
    Reply,
    RequestFailed,
    limits_of,
)
from inference.request import Request
from inference.result import Failure, Result, Usage
from inference.verdict import REASKED, judge

log = logging.getLogger(__name__)


class Endpoint:
    """Sends the requests of one model at one address, as many at once as it stands.

    A request is in exactly one of these: `_queue` (not sent yet), `_again` (to be sent anew, and
    before the queue), `_resting` (waits for its backoff), or one of `tasks` (in flight, or its
    answer on the way into the store).
    """

    def __init__(self, model: ModelRef, home: Home) -> None:
        options = home.options
        wished = ProviderOptions(options.batch_size, options.timeout)
        self.provider: Provider = open_provider(model, wished)
        self.limits = limits_of(self.provider, wished)
        self.window = Window(self.limits.concurrency)
        self.tasks: set[asyncio.Task[None]] = set()
        self._home = home
        self._price = options.prices.of(model)
        self._queue: deque[Item] = deque()
        self._again: deque[Item] = deque()
        self._resting: dict[Item, asyncio.TimerHandle] = {}
        self._deadlines: set[asyncio.Timeout] = set()
        self._clock = asyncio.get_running_loop()
        self._requests = PerMinute(options.requests_per_minute)
        self._tokens = PerMinute(options.tokens_per_minute)
        self._expectation = Expectation()
        self._opening = Opening()
        self._timer: asyncio.TimerHandle | None = None
        self._giving_up = GivingUp()
        self._stopped = False

    def put(self, item: Item) -> None:
        """Queue a request and send what may be sent."""
        self._queue.append(item)
        self.pump()

    def pump(self) -> None:
        """Send what may be sent now; where a wait is needed, come back when it is over."""
        if self._stopped:
            return
        try:
            while self._again or self._queue:
                if self._giving_up.because or not self._may_send(self._again or self._queue):
                    break
            if self._giving_up.because:
                self._end_all(self._giving_up.because)
        except Exception as error:
            self._home.fail(error)

    def forgive(self, pause: float) -> None:
        """The event loop stood still for `pause` seconds: that time does not count as waiting."""
        for deadline in self._deadlines:
            when = deadline.when()
            if when is not None and not deadline.expired():
                deadline.reschedule(when + pause)

    def _may_send(self, line: deque[Item]) -> bool:
        """Send the first of `line` if limits and budget allow it; False when they don't."""
        now = self._clock.time()
        wait = max(self._requests.wait(now), self._tokens.wait(now), self.window.wait(now))
        if wait > 0:
            self._pump_at(now + wait)
            return False
        if not self.window.has_room():
            return False
        pause = self._opening.wait(now, self.window.in_flight)
        if pause > 0:
            self._pump_at(now + pause)
            return False
        careful = self._expectation.careful(line[0].request)
        probable = self._expectation.probable(line[0].request)
        dollars = self._dollars(careful)
        may = self._home.budget.may(dollars, self._dollars(probable))
        if may is May.STOP:
            self._giving_up.over_budget()
        if may is not May.SEND:
            return False
        self._send(line.popleft(), careful, dollars)
        return True

    def _dollars(self, usage: Usage) -> float:
        return self._price.cost(usage) if self._price else 0.0

    def _pump_at(self, when: float) -> None:
        """One timer, set for the earliest wait that anybody asked for."""
        if self._timer is not None:
            if self._timer.when() <= when and self._timer.when() > self._clock.time():
                return
            self._timer.cancel()
        self._timer = self._clock.call_at(when + 0.001, self.pump)

    def _send(self, item: Item, reserved: Usage, dollars: float) -> None:
        item.reserved, item.held = reserved, dollars
        self._opening.take(self.window.in_flight)
        self.window.in_flight += 1
        self._requests.take(1)
        self._tokens.take(_tokens(reserved))
        self._home.budget.hold(dollars)
        task = self._clock.create_task(self._work(item))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _work(self, item: Item) -> None:
        """Send once; then answer, retry or fail."""
        sent_at = self._clock.time()
        outcome = await self._sent(item.request)
        self.window.in_flight -= 1
        try:
            if isinstance(outcome, RequestFailed):
                self._failed(item, outcome, sent_at)
            else:
                await self._replied(item, outcome)
        except Exception as error:
            self._home.fail(error)
        self.pump()

    async def _sent(self, request: Request) -> Reply | RequestFailed:
        seconds = self.limits.timeout
        try:
            async with asyncio.timeout(seconds) as deadline:
                self._deadlines.add(deadline)
                try:
                    return await self.provider.send(request)
                finally:
                    self._deadlines.discard(deadline)
        except RequestFailed as failure:
            return failure
        except TimeoutError:
            return RequestFailed(Failure.TIMEOUT, f"no answer within {seconds:g} s", retryable=True)
        except PlumblineError as error:
            # No fault of the request: nothing can be asked of this endpoint.
            self._home.fail(error)
            return RequestFailed(Failure.SERVER_ERROR, str(error))
        except Exception as error:
            # A fault of ours or the SDK's in one request must not cost the others.
            log.exception("a request to %s broke", request.model.label)
            return RequestFailed(Failure.SERVER_ERROR, f"{type(error).__name__}: {error}")

    async def _replied(self, item: Item, reply: Reply) -> None:
        self._giving_up.answered()
        self.window.succeeded()
        self._pay(item, reply.usage)
        result = judge(item.request, reply, reply.usage)
        if result.failure is not None:
            self._home.store.note_failure(item.request.model, result)
            if result.failure in REASKED and self._may_reask(item):
                item.request = replace(item.request, attempt=item.request.attempt + 1)
                self._again.append(item)
                return
        result = replace(result, usage=item.usage)
        # The slot is free: let the next request go before waiting for the store.
        self.pump()
        if result.ok:
            await self._home.keep(item.request.model, result)
        self._home.finish(item, result)

    def _may_reask(self, item: Item) -> bool:
        return item.request.attempt + 1 < self._home.options.max_attempts

    def _pay(self, item: Item, usage: Usage) -> None:
        item.usage = item.usage.plus(usage)
        self._expectation.learn(item.request, usage)
        self._tokens.take(_tokens(usage) - _tokens(item.reserved))
        cost = None if self._price is None else self._price.cost(usage)
        self._home.progress.pay(item.request.model.label, usage, cost)
        self._home.budget.settle(item.held, cost)
        self._home.money_is_back()

    def _failed(self, item: Item, failure: RequestFailed, sent_at: float) -> None:
        now = self._clock.time()
        self._settle(item, failure)
        if failure.cuts:
            self.window.refused(sent_at, now, failure.retry_after)
        given_up = self._giving_up.because is not None
        if not given_up and failure.retryable and self._may_retry(item, failure, now):
            self._rest(item, failure)
            return
        self._giving_up.failed(failure)
        self._end(item, failure)

    def _settle(self, item: Item, failure: RequestFailed) -> None:
        """Give back what was reserved, or pay where tokens were used all the same."""
        if any(failure.usage):
            self._pay(item, failure.usage)
            return
        self._home.budget.settle(item.held, None)
        self._home.money_is_back()
        if failure.failure is not Failure.TIMEOUT:
            self._tokens.take(-_tokens(item.reserved))

    def _may_retry(self, item: Item, failure: RequestFailed, now: float) -> bool:
        """Being told to slow down is bounded by time, being failed by a number of tries."""
        if failure.cuts:
            if item.refused_since is None:
                item.refused_since = now
            return now - item.refused_since < self._home.options.patience
        item.tries += 1
        return item.tries < self._home.options.max_tries

    def _rest(self, item: Item, failure: RequestFailed) -> None:
        """A refusal makes the whole endpoint wait, an error only the request that met it."""
        if failure.cuts:
            self._again.append(item)
            return
        wait = backoff(item.tries - 1)
        if failure.retry_after:
            wait = failure.retry_after
        self._resting[item] = self._clock.call_later(wait, self._rested, item)

    def _rested(self, item: Item) -> None:
        del self._resting[item]
        self._again.append(item)
        self.pump()

    def stop(self) -> None:
        """Send nothing more and forget what waits; what is in flight stays in `tasks`."""
        self._stopped = True
        self._let_go()
        if self._timer is not None:
            self._timer.cancel()

    def _let_go(self) -> list[Item]:
        """Everything that is not in flight."""
        for timer in self._resting.values():
            timer.cancel()
        waiting = [*self._again, *self._resting, *self._queue]
        self._again.clear()
        self._resting.clear()
        self._queue.clear()
        return waiting

    def _end_all(self, failure: RequestFailed) -> None:
        for item in self._let_go():
            self._end(item, failure)

    def _end(self, item: Item, failure: RequestFailed) -> None:
        request = item.request
        result = Result(
            key=request.key,
            model=request.model.label,
            failure=failure.failure,
            detail=failure.detail,
            usage=item.usage,
        )
        self._home.store.note_failure(request.model, replace(result, usage=failure.usage))
        self._home.finish(item, result)


def _tokens(usage: Usage) -> int:
    return usage.input + usage.output
