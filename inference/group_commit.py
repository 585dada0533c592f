"""Group commit: whoever waits when a durable write begins is served by it.

One fsync, or one upload, makes hundreds of answers durable at once. The event loop collects, one
thread writes; `flush_now` writes what waits from a signal handler, in case the process ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, NamedTuple, TypeVar

log = logging.getLogger(__name__)
Where = TypeVar("Where")


class Written(NamedTuple, Generic[Where]):
    """Where a record stands: what `write` wrote to, and the bytes before it there."""

    to: Where
    offset: int


class _Waiting(NamedTuple, Generic[Where]):
    record: bytes
    done: asyncio.Future[Written[Where]]


class GroupCommit(Generic[Where]):
    """Collects records for `write`, which gets them joined, in a thread of its own.

    Args:
        write: makes bytes durable and says where they begin, or raises; its error goes to everyone
            who waited for them.
        pause: seconds a record may wait for company.
        enough: so many records are written without waiting longer.
    """

    def __init__(self, write: Callable[[bytes], Written[Where]], pause: float, enough: int) -> None:
        self._write, self._pause, self._enough = write, pause, enough
        self._waiting: list[_Waiting[Where]] = []
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._closing = False
        self._untold: Exception | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")

    async def append(self, record: bytes) -> Written[Where]:
        """Return once `record` is durable, with where it stands."""
        done: asyncio.Future[Written[Where]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(record, done))
        if len(self._waiting) >= self._enough:
            self._hurry.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._commit())
        return await done

    async def _commit(self) -> None:
        while self._waiting:
            await self._wait_for_company()
            batch, self._waiting = self._waiting, []
            if not batch:  # `flush_now` has written it meanwhile
                return
            try:
                work = self._thread.submit(self._write, b"".join(w.record for w in batch))
                outcome: Written[Where] | Exception = await asyncio.wrap_future(work)
            except Exception as problem:
                outcome = problem
            self._tell(batch, outcome)

    async def _wait_for_company(self) -> None:
        if self._closing or len(self._waiting) >= self._enough:
            return
        self._hurry.clear()
        try:
            async with asyncio.timeout(self._pause):
                await self._hurry.wait()
        except TimeoutError:
            return

    def _tell(self, batch: list[_Waiting[Where]], outcome: Written[Where] | Exception) -> None:
        told = False
        before = 0
        for record, done in batch:
            if not done.done():
                told = True
                if isinstance(outcome, Exception):
                    done.set_exception(outcome)
                else:
                    done.set_result(Written(outcome.to, outcome.offset + before))
            before += len(record)
        if isinstance(outcome, Exception) and not told:
            self._untold = outcome

    def flush_now(self, seconds: float) -> None:
        """Write what waits, without the event loop; for a signal handler in the loop's thread.

        Whoever waits is told when the event loop runs again. What could not be written in that time
        waits on: the next commit tries it once more, and tells.
        """
        batch = list(self._waiting)
        if not batch:
            return
        # The list stays the same one: the signal may have come in the midst of an `append`.
        self._waiting.clear()
        try:
            work = self._thread.submit(self._write, b"".join(w.record for w in batch))
            written = work.result(seconds)
        except Exception as problem:
            self._waiting[:0] = batch
            log.warning("answers could not be stored at once: %s", problem or "no time was left")
            return
        batch[0].done.get_loop().call_soon_threadsafe(self._tell, batch, written)

    async def close(self) -> None:
        """Write what waits and end the thread.

        Raises:
            Exception: a write failed and nobody was left waiting to be told.
        """
        self._closing = True
        self._hurry.set()
        if self._task is not None:
            await self._task
        self._thread.shutdown(wait=True)
        if self._untold is not None:
            raise self._untold
