"""What every flow that asks models shares: its shares of the limits, its asking, its join."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain, islice
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.gaps import Asker, Filled
from flows.asking_parameters import AskingParameters
from flows.failures import check_failures, worth_another_try
from flows.manifest import merge_usage, usage_entry
from flows.parent import is_remote
from flows.spending import NOTHING, Paid, Spending
from inference import AskOptions, Failure, Progress, Request, Result, ask
from inference.batch_api import ask_in_batches
from inference.local import announce, engine_reports
from inference.options import GRACE
from inference.progress import TerminalBar
from inference.store import open_store
from tables.located import located
from tables.spill import Spill

if TYPE_CHECKING:
    import pyarrow as pa

REMOTE_GRACE = 20.0
"""Seconds for what is in flight when a remote task is taken away; AWS Batch kills after thirty."""


class Part(SimpleNamespace):
    """A shard's artifacts in the very task that asked it, for what a join does with its inputs.

    A join reads an artifact anew whenever it needs it and drops it in between; here there is
    nowhere to read it from again.
    """

    def __delattr__(self, name: str) -> None:
        """Keep it."""


class Joined(NamedTuple):
    """The rows of many shards, mapped from disk, and why each gap in them is there."""

    table: pa.Table
    reasons: list[str]


class AskingFlow(AskingParameters):
    """A flow that asks models.

    A task that asks leaves its shard's table as `rows` (a `Rows`), what it lacks as `gaps`, and
    what it took as `usage`; `gather` and `joined` bring these together.

    Attributes:
        usage: tokens and dollars of this task, or of the run where tasks came together.
        local_engines: what the engines of local models did in this task.
    """

    usage: dict[str, Any]
    local_engines: list[dict[str, Any]]

    # Asking --------------------------------------------------------------------------------------

    def ask_all(
        self,
        requests: Iterable[Request],
        planned: int,
        title: str,
        shards: int = 1,
        models: int = 1,
    ) -> tuple[Generator[Result], Progress]:
        """Ask, with progress in the terminal and in the step's card; see `ask_options`."""
        progress = Progress(planned=planned)
        return self._watched(requests, progress, title, shards, models), progress

    def ask_parts(
        self,
        parts: Sequence[tuple[Iterable[Request], int]],
        title: str,
        shards: int = 1,
        models: int = 1,
    ) -> tuple[Iterator[Iterator[Result]], Progress]:
        """Ask several runs of requests, given with their lengths, in one pass.

        The results come as one iterator a run; each must be used up before the next. Local models
        of one base then share an engine and its batches, and APIs are asked beside them.
        """
        requests = chain.from_iterable(some for some, _ in parts)
        planned = sum(length for _, length in parts)
        results, progress = self.ask_all(requests, planned, title, shards, models)

        def runs() -> Iterator[Iterator[Result]]:
            for _, length in parts:
                yield islice(results, length)
            for _ in results:
                raise AssertionError("more requests than their lengths say")

        return runs(), progress

    def ask_options(self, shards: int = 1, models: int = 1, paid: Paid = NOTHING) -> AskOptions:
        """This task's share of the limits.

        Args:
            shards: tasks that share the budget.
            models: among how many models they are dealt out; per-minute caps are for each.
            paid: what the run has paid before.
        """

        def share(value: float) -> float | None:
            return value / shards if value else None

        return AskOptions(
            batch_size=self.batch_size,
            timeout=self.request_timeout,
            grace=REMOTE_GRACE if is_remote() else GRACE,
            requests_per_minute=share(self.requests_per_minute * models),
            tokens_per_minute=share(self.tokens_per_minute * models),
            max_cost=paid.left(self.max_cost, shards) if self.max_cost else None,
            prices=self.prices(),
        )

    def spending(self) -> Spending:
        """What this run has paid, in all its attempts, seen from this task."""
        from metaflow import current

        place = located(self.store_path)
        return Spending(place, self.paying_run, current.step_name, self.index or 0)

    def _watched(
        self, requests: Iterable[Request], progress: Progress, title: str, shards: int, models: int
    ) -> Generator[Result]:
        from flows.cards import ProgressCard

        bar, card = TerminalBar(title, progress.planned), ProgressCard(title)

        def show(state: Progress) -> None:
            bar(state)
            card(state)

        progress.on_change = show
        local = getattr(self, "local_models", ())
        announce(local)
        try:
            if self.max_cost:
                yield from self._within_budget(requests, progress, shards, models)
            else:
                yield from self._sent(requests, progress, self.ask_options(shards, models))
        finally:
            bar.close(progress)
            card.close(progress)
            if local:
                self.local_engines = engine_reports()

    def _within_budget(
        self, requests: Iterable[Request], progress: Progress, shards: int, models: int
    ) -> Iterator[Result]:
        """Ask with what earlier attempts left of the budget, and write down what that takes."""
        spending = self.spending()
        options = self.ask_options(shards, models, spending.before())
        results = self._sent(requests, progress, options)
        with spending.noted(progress) as notebook, closing(results):
            for result in results:
                notebook.check()
                yield result

    def _sent(
        self, requests: Iterable[Request], progress: Progress, options: AskOptions
    ) -> Generator[Result]:
        place = located(self.store_path)
        store = open_store(place)
        if self.execution == "batch_api":
            yield from ask_in_batches(requests, store, place, options, progress)
        else:
            yield from ask(requests, store, options, progress)

    # Joining -------------------------------------------------------------------------------------

    def mend(
        self, gaps: Sequence[tuple[list[Request], list[Failure]]], title: str
    ) -> tuple[list[Result | None], Progress]:
        """Ask once more what failed for a passing reason.

        `gaps` holds, for each shard, the requests without an answer and their failures. Returns a
        new result for each gap in one list, None for those whose failure is final.
        """
        from metaflow import current

        from inference.compaction import tidy

        passing = worth_another_try(resumed=bool(current.origin_run_id))
        tidy(located(self.store_path))
        requests = [request for shard, _ in gaps for request in shard]
        failures = [failure for _, shard in gaps for failure in shard]
        again = [i for i, failure in enumerate(failures) if failure in passing]
        mended: list[Result | None] = [None] * len(requests)
        if not again:
            return mended, Progress(planned=0)
        results, progress = self.ask_all((requests[i] for i in again), len(again), title)
        for place, result in zip(again, results, strict=True):
            mended[place] = result
        return mended, progress

    def take_on(self, inputs: Any, names: Iterable[str]) -> None:
        """Take artifacts on that are the same in every task that a join brings together."""
        self.merge_artifacts(inputs, include=["paying_run", "local_models", *names])

    def gather(
        self, tasks: Sequence[Any], asker_of: Callable[[Any], Asker], title: str
    ) -> Iterator[Filled]:
        """The tasks' shards, one at a time, with what failed for a passing reason asked once more.

        Sums the usage up before it returns.
        """
        again = [asker_of(task).request_again(filled_of(task)) for task in tasks if task.gaps]
        results, progress = self.mend(again, title)
        self.usage = merge_usage([*(task.usage for task in tasks), usage_entry(progress)])
        rest = iter(results)
        return (
            asker_of(task).mended(filled_of(task), list(islice(rest, len(task.gaps))))
            for task in tasks
        )

    @contextmanager
    def joined(self, parts: Iterable[Filled], planned: int) -> Iterator[Joined]:
        """One table of many shards; fails where more of `planned` requests is missing than may be.

        Raises:
            TooManyFailures: so it is.
        """
        reasons: list[str] = []
        with Spill() as spill:
            for part in parts:
                reasons += [gap.reason for gap in part.gaps]
                spill.add(part.table)
            self.judge_failures(reasons, planned)
            yield Joined(spill.table(), reasons)

    def judge_failures(self, reasons: Iterable[str], planned: int, what: str = "requests") -> None:
        """Fail above `--max_failure_rate` (see `flows.failures.check_failures`)."""
        check_failures(reasons, planned, self.max_failure_rate, what, self.max_cost)


def usages_of(shards: int, *passes: Progress) -> list[dict[str, Any]]:
    """The usage of shards that were asked together: all of it stands with the first."""
    whole = merge_usage([usage_entry(progress) for progress in passes])
    return [whole, *(merge_usage([]) for _ in range(shards - 1))]


def filled_of(task: Any) -> Filled:
    """A shard's rows, read from its artifacts.

    Metaflow keeps an artifact once it was read: the join would end up with every shard in memory.
    """
    filled = Filled(task.rows.table, task.gaps)
    del task.rows
    return filled
