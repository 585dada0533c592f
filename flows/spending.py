"""`--max_cost` over all attempts of a run: what tasks have paid stands beside the store.

Answers out of the store cost nothing, so a task that is retried or resumed can't tell from them
what it has paid before. Each call that asks under a budget therefore keeps one small file,
`<store>/spending/<run>/<step>-<shard>.<writer>.json`, which is replaced as soon as the sum has
grown. A killed task loses the last moment of it, much like the requests that were in flight.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from inference import Progress
from inference.batch_api.ledger import open_notes
from inference.errors import StoreError
from inference.store import writer_name

FOLDER = "spending"
_PAUSE = 0.01
"""Seconds between two looks at what was paid; on S3 an upload takes longer."""


class Paid(NamedTuple):
    """Dollars that a run has paid before.

    Attributes:
        own: by this task, in earlier attempts or calls.
        elsewhere: by other steps; the other shards of this one have shares of their own.
    """

    own: float = 0.0
    elsewhere: float = 0.0

    def left(self, budget: float, shards: int = 1) -> float:
        """What this task may still spend of the run's budget."""
        return max(0.0, (budget - self.elsewhere) / shards - self.own)


NOTHING = Paid()


class Spending:
    """The payments of one run, seen from one of its tasks.

    Args:
        location: of the response store.
        run: a name for the run that is the same in all its attempts.
        step, shard: the task.
    """

    def __init__(self, location: str, run: str, step: str, shard: int = 0) -> None:
        self._notes = open_notes(location, f"{FOLDER}/{run}")
        self._where = f"{location}/{FOLDER}/{run}"
        self._step, self._task = step, f"{step}-{shard}"

    def before(self) -> Paid:
        """What has been paid by now.

        Raises:
            StoreError: a note can't be read.
        """
        own = elsewhere = 0.0
        for name, data in self._notes.read_all().items():
            task = name.partition(".")[0]
            if task == self._task:
                own += self._dollars(name, data)
            elif task.rpartition("-")[0] != self._step:
                elsewhere += self._dollars(name, data)
        return Paid(own, elsewhere)

    def _dollars(self, name: str, data: bytes) -> float:
        try:
            return float(json.loads(data)["dollars"])
        except (ValueError, KeyError, TypeError):
            raise StoreError(
                f"{self._where}/{name} can't be read: what the run has paid is unknown; "
                "delete the file to go on without it"
            ) from None

    @contextmanager
    def noted(self, progress: Progress) -> Iterator[_Notebook]:
        """Write down what `progress` pays, as long as the block lasts."""
        name = f"{self._task}.{writer_name()}.json"

        def write(dollars: float) -> None:
            self._notes.write(name, json.dumps({"dollars": dollars}).encode())

        notebook = _Notebook(progress, write)
        try:
            yield notebook
        finally:
            notebook.close()
        notebook.check()

    def note(self, dollars: float) -> None:
        """Write down a payment that no `Progress` counts."""
        with self.noted(Progress(cost=dollars)):
            pass


class _Notebook:
    """A thread that writes the cost down whenever it has changed."""

    def __init__(self, progress: Progress, write: Callable[[float], None]) -> None:
        self._progress, self._write = progress, write
        self._written = 0.0
        self._closing = threading.Event()
        self._error: StoreError | None = None
        self._thread = threading.Thread(target=self._work, daemon=True, name="spending")
        self._thread.start()

    def check(self) -> None:
        """Raise what went wrong in the thread.

        Raises:
            StoreError: a payment could not be written down.
        """
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Write the last sum and end."""
        self._closing.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            while not self._closing.wait(_PAUSE):
                self._note()
            self._note()
        except StoreError as error:
            self._error = error

    def _note(self) -> None:
        dollars = self._progress.cost or 0.0
        if dollars != self._written:
            self._write(dollars)
            self._written = dollars
