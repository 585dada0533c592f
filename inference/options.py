"""How hard to ask: concurrency, patience, caps and budget of one call of `inference.ask.ask`."""

from __future__ import annotations

from dataclasses import dataclass, field

from inference.usage import PriceList, load_prices

GRACE = 3.0
"""Seconds: Metaflow's launcher kills its local tasks five seconds after Ctrl-C."""


@dataclass(frozen=True, slots=True)
class AskOptions:
    """How hard to ask. Per-minute caps and the budget are those of this one call.

    Attributes:
        batch_size: requests in flight at most, for each model.
        timeout: seconds for one sending.
        max_tries: sendings of one request that end in server errors or timeouts.
        max_attempts: answers of one request that may be empty or not fit the schema.
        grace: seconds in which what is in flight may come home when asking breaks off.
        patience: seconds a request may spend being refused with 429 or 529.
        requests_per_minute, tokens_per_minute: caps for each model; None for none.
        max_cost: dollars after which nothing more is sent; None for no limit.
        prices: what the tokens cost.
    """

    batch_size: int = 128
    timeout: float = 600.0
    max_tries: int = 6
    max_attempts: int = 3
    grace: float = GRACE
    patience: float = 1800.0
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    max_cost: float | None = None
    prices: PriceList = field(default_factory=load_prices)
