"""Waiting for a provider: a batch may take a day, and a connection may break many times in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TypeVar

from inference.batch_api.api import Outcome
from inference.limits import backoff
from inference.providers.base import RequestFailed
from inference.result import Failure

Told = TypeVar("Told")
FIRST_LOOK = 1.0
LONGEST_PAUSE = 60.0
_SLOWER = 1.5


def pauses() -> Iterator[float]:
    """Seconds between looks at something that takes its time: ever more, without end."""
    pause = FIRST_LOOK
    while True:
        yield pause
        pause = min(LONGEST_PAUSE, pause * _SLOWER)


async def patiently(call: Callable[[], Awaitable[Told]], patience: float) -> Told:
    """Make a call that changes nothing until it goes through, for `patience` seconds.

    Raises:
        RequestFailed: it can't go through, or did not in that time.
    """
    since = asyncio.get_running_loop().time()
    number = 0
    while True:
        try:
            return await call()
        except RequestFailed as error:
            waited = asyncio.get_running_loop().time() - since
            if not error.retryable or waited > patience:
                raise
            await asyncio.sleep(error.retry_after or backoff(number))
            number += 1


async def unbroken(outcomes: AsyncIterator[Outcome]) -> AsyncIterator[Outcome]:
    """The same, with a connection that breaks on the way told as a failure of ours."""
    try:
        async for outcome in outcomes:
            yield outcome
    except (RequestFailed, GeneratorExit, asyncio.CancelledError):
        raise
    except Exception as error:
        detail = f"the results broke off: {type(error).__name__}: {error}"
        raise RequestFailed(Failure.SERVER_ERROR, detail, retryable=True) from None
