"""How much is sent at once: adaptive concurrency, per-minute caps and waits the server asked for.

Additive increase, multiplicative decrease, as in TCP (Chiu and Jain, 1989): every answer raises the
limit by 1/limit, a 429 or 529 cuts it. A burst of refusals counts as one: only a request that was
sent after the last cut can cut again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

CUT = 0.7
CUT_SHORT_WAIT = 0.9
SHORT_WAIT = 0.5
"""A server that asks for a short wait will be heard again soon: small steps find its rate."""
LONGEST_WAIT = 60.0
OPENED_AT_ONCE = 8
OPENING_PAUSE = 0.005
"""Seconds between two such groups of new connections."""
LONGEST_RETRY_AFTER = 600.0
"""Seconds that a server may make us wait before it is asked again."""


class Window:
    """The adaptive concurrency limit of one endpoint; times are seconds of a monotonic clock."""

    def __init__(self, most: int) -> None:
        self.limit = float(most)
        self.in_flight = 0
        self.open_at = 0.0
        self._most = most
        self._last_cut = -1.0
        self._cuts_in_a_row = 0

    def wait(self, now: float) -> float:
        """Seconds until anything may be sent, by what the server said; 0 or less for now."""
        return self.open_at - now

    def has_room(self) -> bool:
        """Whether one more request may be in flight."""
        return self.in_flight < max(1, int(self.limit))

    def succeeded(self) -> None:
        """An answer came: probe for a little more."""
        self._cuts_in_a_row = 0
        self.limit = min(float(self._most), self.limit + 1.0 / self.limit)

    def refused(self, sent_at: float, now: float, retry_after: float | None) -> None:
        """The server said "slow down": cut once a round, and send nothing until it says so."""
        if sent_at > self._last_cut:
            self._last_cut = now
            self._cuts_in_a_row += 1
            soon = retry_after is not None and retry_after < SHORT_WAIT
            factor = CUT_SHORT_WAIT if soon else CUT
            self.limit = max(1.0, self.limit * factor)
        # "Retry-After: 0" names no wait, and is no leave to ask as fast as the wire allows.
        wait = retry_after or backoff(max(0, self._cuts_in_a_row - 1))
        # The refusals of a burst trickle in, but the server refused it at one moment.
        self.open_at = max(self.open_at, self._last_cut + min(wait, LONGEST_RETRY_AFTER))


class Opening:
    """Opens connections a few at a time.

    Were all opened together, none would carry its request before the last of them stands.
    """

    def __init__(self) -> None:
        self._opened = 0
        self._began = -1.0
        self._since = 0

    def wait(self, now: float, in_flight: int) -> float:
        """Seconds until one more may be opened; 0 where it may be now, or where one is free."""
        if in_flight < self._opened:
            return 0.0
        if now - self._began >= OPENING_PAUSE:
            self._began, self._since = now, 0
        return 0.0 if self._since < OPENED_AT_ONCE else self._began + OPENING_PAUSE - now

    def take(self, in_flight: int) -> None:
        """A request goes beside `in_flight` others, on a new connection if none is free."""
        if in_flight >= self._opened:
            self._opened += 1
            self._since += 1


@dataclass(slots=True)
class PerMinute:
    """A per-minute cap as a bucket that refills evenly and holds at most `burst_seconds` of it.

    Attributes:
        cap: units a minute; None for no cap.
    """

    cap: float | None
    burst_seconds: float = 2.0
    _level: float = 0.0
    _seen: float = -1.0

    def wait(self, now: float) -> float:
        """Seconds until something may be taken; 0 when it may be now."""
        if self.cap is None:
            return 0.0
        self._refill(now)
        return 0.0 if self._level > 0 else (1e-3 - self._level) * 60.0 / self.cap

    def take(self, units: float) -> None:
        """Take `units`, possibly below zero: what is owed delays what comes next."""
        if self.cap is not None:
            self._level -= units

    def _refill(self, now: float) -> None:
        assert self.cap is not None
        most = max(1.0, self.cap * self.burst_seconds / 60.0)
        if self._seen < 0:
            self._level = most
        else:
            self._level = min(most, self._level + (now - self._seen) * self.cap / 60.0)
        self._seen = now


def backoff(tries: int, base: float = 0.5) -> float:
    """Exponential wait with jitter after `tries` failures: half to all of base * 2^tries."""
    return min(LONGEST_WAIT, base * 2.0**tries) * random.uniform(0.5, 1.0)
