"""A server that lets 50 requests a second through: nothing is lost, and the client feels its way.

With answers that take 0.2 seconds it has room for ten at once. How little time is lost is measured
by `perf.inference`; how few are refused depends on the machine, so that is seen in simulated time.
"""

from __future__ import annotations

import heapq
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from inference import AskOptions
from inference import endpoint as sending
from inference.limits import Window
from inference.providers import sdk_http
from tests.inference.asking import ask_all, endpoint, question
from tests.model_server import ServerProcess, fates
from tests.model_server.fates import TokenBucket

OPTIONS = AskOptions(batch_size=128, timeout=30)
LATENCY, RATE, BURST = 0.2, 50, 50
ROOM = LATENCY * RATE


class Uncut(Window):
    """Waits as it is told, and then sends as many at once as before."""

    def refused(self, sent_at: float, now: float, retry_after: float | None) -> None:
        super().refused(sent_at, now, retry_after)
        self.limit = float(self._most)


def simulated(window: Window, requests: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often the server says no until so many requests are answered; takes no time."""
    clock: Any = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(fates, "time", clock)
    bucket, order, refused = TokenBucket(RATE, BURST), count(), 0
    events: list[tuple[float, int, float, float]] = []  # when, order, sent at, wait or 0
    while requests or events:
        while requests and window.has_room() and window.wait(clock.now) <= 0:
            requests, window.in_flight = requests - 1, window.in_flight + 1
            wait = bucket.take()
            arrives = clock.now + (0.01 if wait else LATENCY)
            heapq.heappush(events, (arrives, next(order), clock.now, wait))
        opens = window.open_at if requests and window.has_room() else float("inf")
        if not events or opens < events[0][0]:
            clock.now = opens
            continue
        clock.now, _, sent_at, wait = heapq.heappop(events)
        window.in_flight -= 1
        if wait:
            window.refused(sent_at, clock.now, wait)
            requests, refused = requests + 1, refused + 1
        else:
            window.succeeded()
    return refused


def test_a_limit_is_not_hammered(monkeypatch: pytest.MonkeyPatch) -> None:
    window = Window(128)
    refused = simulated(window, 1000, monkeypatch)
    uncut = simulated(Uncut(128), 1000, monkeypatch)
    assert refused < 1000 < uncut / 2
    assert ROOM / 2 < window.limit < 2 * ROOM


@pytest.mark.parametrize(
    ("said", "requests", "at_most"),
    [
        ("exact", 200, 0.8 * OPTIONS.batch_size),
        *(
            pytest.param(said, 1000, 4 * ROOM, marks=pytest.mark.slow)
            for said in ("exact", "whole seconds", "nothing")
        ),
    ],
)
def test_a_limit_is_felt_out(
    said: str, requests: int, at_most: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if said == "nothing":
        monkeypatch.setattr(sdk_http, "parse_retry_after", lambda headers: None)
    windows: list[Window] = []

    def window(most: int) -> Window:
        windows.append(Window(most))
        return windows[-1]

    monkeypatch.setattr(sending, "Window", window)
    exact = said == "exact"
    with ServerProcess(latency=LATENCY, rpm=60 * RATE, burst=BURST, retry_after_ms=exact) as server:
        wanted = [question(endpoint(server), f"question {n}") for n in range(requests)]
        results = ask_all(wanted, tmp_path, OPTIONS)
        assert all(r.ok for r in results), "none is lost"
        assert len(server.log.answered()) == requests == server.log.outcomes()["ok"]
    assert [w.limit <= at_most for w in windows] == [True], windows[0].limit


@pytest.mark.slow
def test_a_server_that_takes_few_at_once_is_not_flooded(tmp_path: Path) -> None:
    with ServerProcess(latency=0.05, max_concurrent=8, retry_after=0.1) as server:
        requests = [question(endpoint(server), f"question {n}") for n in range(300)]
        results = ask_all(requests, tmp_path, OPTIONS)
        assert all(r.ok for r in results)
        assert len(server.log.answered()) == 300
        asked = [e.outcome for e in server.log.entries]
    assert asked[-150:].count("limited") < 75, "it settles"
