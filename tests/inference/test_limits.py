"""Windows and buckets, by a clock of the test's own."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.limits import (
    LONGEST_WAIT,
    OPENED_AT_ONCE,
    OPENING_PAUSE,
    Opening,
    PerMinute,
    Window,
    backoff,
)


def test_a_window_opens_by_one_a_round() -> None:
    window = Window(100)
    window.limit = 10.0
    for _ in range(10):
        window.succeeded()
    assert 10.9 < window.limit < 11.01


@given(st.lists(st.sampled_from(["yes", "no", "told"]), max_size=200), st.integers(1, 512))
def test_a_window_stays_between_one_and_its_most(events: list[str], most: int) -> None:
    window, now = Window(most), 0.0
    for event in events:
        now += 1
        if event == "yes":
            window.succeeded()
        else:
            window.refused(now - 0.5, now, 2.0 if event == "told" else None)
        assert 1.0 <= window.limit <= most


def test_a_burst_of_refusals_cuts_once() -> None:
    window = Window(100)
    for _ in range(50):
        window.refused(sent_at=1.0, now=2.0, retry_after=None)
    assert window.limit == pytest.approx(70)
    window.refused(sent_at=2.5, now=3.0, retry_after=None)
    assert window.limit == pytest.approx(49)


def test_nothing_is_sent_before_the_server_allows_it() -> None:
    window = Window(100)
    window.refused(sent_at=1.0, now=2.0, retry_after=7.5)
    assert window.wait(2.0) == pytest.approx(7.5)
    window.refused(sent_at=1.0, now=3.0, retry_after=1.0)
    assert window.wait(3.0) == pytest.approx(6.5), "a shorter wait does not undo a longer one"
    assert window.wait(9.6) <= 0


def test_an_absurd_wait_is_bounded() -> None:
    window = Window(100)
    window.refused(sent_at=1.0, now=2.0, retry_after=1e9)
    assert window.wait(2.0) <= 10 * LONGEST_WAIT


def test_a_wait_of_nothing_is_no_leave_to_ask_at_once() -> None:
    window = Window(100)
    for now in (2.0, 3.0, 4.0):
        window.refused(sent_at=now - 0.5, now=now, retry_after=0.0)
    assert window.wait(4.0) >= 0.5


def test_a_window_counts_what_is_in_flight() -> None:
    window = Window(2)
    assert window.has_room()
    window.in_flight = 2
    assert not window.has_room()


@given(st.floats(1, 100_000), st.lists(st.floats(0, 30), min_size=1, max_size=300))
def test_a_cap_is_never_passed(cap: float, waits: list[float]) -> None:
    bucket, now, taken = PerMinute(cap), 0.0, 0
    for wait in waits:
        now += wait
        while bucket.wait(now) == 0.0 and taken < 10_000:
            bucket.take(1)
            taken += 1
        assert taken <= max(1.0, cap / 30) + now * cap / 60 + 1


@given(st.floats(1, 100_000))
def test_waiting_as_long_as_told_is_long_enough(cap: float) -> None:
    bucket, now = PerMinute(cap), 0.0
    for _ in range(200):
        wait = bucket.wait(now)
        if wait:
            now += wait * 1.000001 + 1e-9
            assert bucket.wait(now) == 0.0
        bucket.take(1)


def test_a_debt_delays_what_comes_next() -> None:
    bucket = PerMinute(60)
    assert bucket.wait(0) == 0
    bucket.take(62)
    assert bucket.wait(0) == pytest.approx(60, abs=0.01)


def test_no_cap_never_waits() -> None:
    bucket = PerMinute(None)
    bucket.take(1e9)
    assert bucket.wait(0) == 0


def test_backoff_doubles_with_jitter_and_ends() -> None:
    random.seed(3)
    for tries in range(20):
        waits = [backoff(tries) for _ in range(50)]
        most = min(LONGEST_WAIT, 0.5 * 2**tries)
        assert most / 2 <= min(waits) < max(waits) <= most


def test_connections_are_opened_a_few_at_a_time() -> None:
    opening, in_flight, sent_at = Opening(), 0, []
    now = 10.0
    while in_flight < 5 * OPENED_AT_ONCE:
        wait = opening.wait(now, in_flight)
        if wait:
            now += wait
            continue
        opening.take(in_flight)
        in_flight += 1
        sent_at.append(now)
    groups = [sent_at[i : i + OPENED_AT_ONCE] for i in range(0, len(sent_at), OPENED_AT_ONCE)]
    assert [len(set(group)) for group in groups] == [1] * 5
    assert now == pytest.approx(10.0 + 4 * OPENING_PAUSE)


def test_an_open_connection_is_used_again_at_once() -> None:
    opening = Opening()
    for in_flight in range(OPENED_AT_ONCE):
        opening.take(in_flight)
    assert opening.wait(0.0, OPENED_AT_ONCE - 1) == 0
    opening.take(OPENED_AT_ONCE - 1)
    assert opening.wait(0.0, OPENED_AT_ONCE - 1) == 0
