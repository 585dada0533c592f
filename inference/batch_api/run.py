"""`ask` by way of batch endpoints, at half the price.

The same requests, keys, store and failure names as in the live path. A batch's id is written down
before anybody waits for it, so that a run that was killed finds its batches again. Ctrl-C cancels
them; what they had finished by then is collected by the next run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable
from dataclasses import replace

from inference.batch_api.api import check_batchable
from inference.batch_api.group import Group
from inference.budget import Budget
from inference.models import ModelRef
from inference.options import AskOptions
from inference.progress import Progress
from inference.request import Request
from inference.result import Result, Usage
from inference.store import Store
from inference.verdict import stored_answer


def ask_in_batches(
    requests: Iterable[Request],
    store: Store,
    location: str,
    options: AskOptions | None = None,
    progress: Progress | None = None,
) -> Generator[Result]:
    """Ask every request through batch endpoints; yield its `Result` in the order of the requests.

    Results come when all batches have ended. `location` is the store's: the ids of batches are
    written there. The store is closed at the end.

    Raises:
        PlumblineError: a model has no batch endpoint, or the store can't be used.
        KeyboardInterrupt: running batches were asked to stop.
    """
    run = _Run(store, location, options or AskOptions(), progress or Progress())
    with asyncio.Runner() as runner:
        try:
            results = runner.run(run.results(requests))
        except KeyboardInterrupt:
            runner.run(run.cancel())
            raise
        finally:
            runner.run(run.close())
    yield from results


class _Run:
    """One call of `ask_in_batches`; see `inference.batch_api.group.Home`."""

    def __init__(
        self, store: Store, location: str, options: AskOptions, progress: Progress
    ) -> None:
        self.store, self.location = store, location
        self.options, self.progress = options, progress
        self.budget = Budget(options.max_cost)
        self._groups: dict[ModelRef, Group] = {}

    async def results(self, requests: Iterable[Request]) -> list[Result]:
        """Every request's result, in order."""
        done: dict[int, Result] = {}
        for place, request in enumerate(requests):
            check_batchable(request.model)
            keys = request.keys(self.options.max_attempts)
            stored = stored_answer(self.store, request, keys)
            if stored is not None:
                done[place] = stored
                self.progress.count(stored)
            else:
                self._group(request.model).add(request, place)
        await asyncio.gather(*(group.work() for group in self._groups.values()))
        for group in self._groups.values():
            for item in group.items:
                assert item.result is not None
                for number, place in enumerate(item.places):
                    first = number == 0
                    done[place] = item.result if first else replace(item.result, usage=Usage())
        return [done[place] for place in range(len(done))]

    def _group(self, model: ModelRef) -> Group:
        if model not in self._groups:
            if self.options.max_cost is not None:
                self.options.prices.must_have(model)
            self._groups[model] = Group(model, self)
        return self._groups[model]

    async def cancel(self) -> None:
        """Ask every batch that is out to stop."""
        await asyncio.gather(*(group.cancel() for group in self._groups.values()))

    async def close(self) -> None:
        """Let go of connections and the store."""
        try:
            for group in self._groups.values():
                await group.api.close()
        finally:
            await self.store.close()

    def tell(self) -> None:
        """Show the present state."""
        self.progress.in_flight = sum(group.waiting for group in self._groups.values())
        self.progress.limit = self.progress.in_flight
        if self.progress.on_change is not None:
            self.progress.on_change(self.progress)
