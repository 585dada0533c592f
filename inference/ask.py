"""The sending loop: an iterable of requests in, one `Result` for each out, in order.

One event loop, one retry layer, one slot per request in flight. A request that may be answered
from the store never reaches a provider; an answer counts as done only when the store says that it
is durable; whatever can't be answered ends as a named failure.

`inference.loop` reads ahead and keeps the order, `inference.endpoint` sends and retries,
`inference.limits` and `inference.budget` say when, `inference.verdict` says what a reply is.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator

from inference.loop import Loop
from inference.options import AskOptions
from inference.progress import Progress
from inference.request import Request
from inference.result import Result
from inference.store import Store

__all__ = ["AskOptions", "ask"]

TERMINATED = 128 + signal.SIGTERM


def ask(
    requests: Iterable[Request],
    store: Store,
    options: AskOptions | None = None,
    progress: Progress | None = None,
) -> Generator[Result]:
    """Ask every request; yield its `Result` in the order of the requests.

    Equal requests are sent once: the store finds what was put through it. Sending goes on only
    while the iterator is being asked for more. The store is closed when the iterator ends, is
    closed, or breaks off with an error, Ctrl-C or SIGTERM.

    Raises:
        StoreError: answers can't be kept, which is tried before the first request of a model is
            sent; or one could not be: everything is stopped.
        PlumblineError: a budget was given and a model has no price.
        SystemExit: SIGTERM came, and nobody else listens to it; what was answered is stored.
    """
    progress = progress if progress is not None else Progress()
    with asyncio.Runner() as runner:
        loop = Loop(iter(requests), store, options or AskOptions(), progress)
        with _on_sigterm(lambda: _stop(runner, loop)):
            try:
                while chunk := runner.run(loop.next_chunk()):
                    yield from chunk
            finally:
                runner.run(loop.close())
        if loop.stopped:
            raise SystemExit(TERMINATED)


def _stop(runner: asyncio.Runner, loop: Loop) -> None:
    """End now: through the event loop where it runs, else right where the caller is."""
    if not runner.get_loop().is_running():
        raise SystemExit(TERMINATED)
    runner.get_loop().call_soon_threadsafe(loop.stop)


@contextlib.contextmanager
def _on_sigterm(act: Callable[[], None]) -> Iterator[None]:
    """Act on SIGTERM, which AWS Batch, Kubernetes and spot instances say before they kill."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, lambda *_: act())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
