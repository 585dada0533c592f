"""What the batch endpoints of both providers have in common."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Set
from typing import Any, NamedTuple, Protocol

from inference.errors import PlumblineError
from inference.models import ModelRef
from inference.providers.base import MAX_BODY_BYTES, Reply, RequestFailed
from inference.request import Request
from inference.result import Failure

DISCOUNT = 0.5
"""Both providers charge half of the live price."""
PROVIDERS = ("openai", "anthropic")


class Limits(NamedTuple):
    """How large a batch may be: its requests, and the bytes of all of them."""

    requests: int
    size: int


class Line(NamedTuple):
    """One request of a batch: its key, which is its custom id, and its body as JSON."""

    key: str
    body: str


class State(NamedTuple):
    """How far a batch is: whether it has ended, and why it failed as a whole."""

    ended: bool
    failed: RequestFailed | None = None


class Outcome(NamedTuple):
    """What became of one line: a reply, or why there is none."""

    key: str
    reply: Reply | RequestFailed


class BatchApi(Protocol):
    """The batch endpoint of one provider. Every method may raise `RequestFailed`.

    Attributes:
        limits: of one batch.
        knows_intents: the provider keeps our name with a batch, so that `find` is no guess.
    """

    limits: Limits
    knows_intents: bool

    def body_of(self, request: Request) -> dict[str, Any]:
        """The request as the live API takes it."""
        ...

    async def submit(self, intent: str, lines: list[Line]) -> str:
        """Create a batch; returns its id. `intent` is our own name for it."""
        ...

    async def find(
        self, intent: str, created: float, size: int, others: Set[str] = frozenset()
    ) -> str | None:
        """The id of a batch that was created but whose id was lost; of `others` it is none."""
        ...

    async def state(self, batch_id: str) -> State:
        """How far it is."""
        ...

    def outcomes(self, batch_id: str) -> AsyncIterator[Outcome]:
        """What became of its lines, in any order, once it has ended."""
        ...

    async def cancel(self, batch_id: str) -> None:
        """Ask it to stop. What is done by then can still be collected."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


EXPIRED = RequestFailed(Failure.TIMEOUT, "the batch expired before this was run", retryable=True)
CANCELLED = RequestFailed(Failure.TIMEOUT, "the batch was cancelled before this", retryable=True)
LOST = RequestFailed(Failure.SERVER_ERROR, "the batch has no result for this", retryable=True)


def open_api(model: ModelRef, timeout: float) -> BatchApi:
    """The batch endpoint that serves a model.

    Raises:
        PlumblineError: its provider has none.
    """
    check_batchable(model)
    if model.provider == "openai":
        from inference.batch_api.openai_batches import OpenAIBatches

        return OpenAIBatches(model, timeout)
    from inference.batch_api.anthropic_batches import AnthropicBatches

    return AnthropicBatches(model, timeout)


def check_batchable(model: ModelRef) -> None:
    """Refuse a model without a batch endpoint.

    Raises:
        PlumblineError: its provider has none.
    """
    if model.provider not in PROVIDERS:
        raise PlumblineError(
            f"{model.label} has no batch endpoint here: --execution batch_api works with OpenAI "
            "and Anthropic models; leave it out for the others"
        )


def line_of(api: BatchApi, request: Request) -> Line:
    """A request as a line of a batch."""
    return Line(request.key, json.dumps(api.body_of(request), ensure_ascii=True))


def split(lines: Iterable[Line], limits: Limits) -> Iterator[list[Line]]:
    """Lines in batches within the limits, in order."""
    batch: list[Line] = []
    size = 0
    for line in lines:
        # The frame around a body is about 150 bytes with either provider.
        mine = len(line.body) + len(line.key) + 150
        if batch and (len(batch) == limits.requests or size + mine > limits.size):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += mine
    if batch:
        yield batch


def parsed(line: str) -> dict[str, Any] | None:
    """A line of a results file, None when it is no JSON object."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def too_large(line: str) -> RequestFailed | None:
    """The failure of a line above the limit for one answer."""
    if len(line) <= MAX_BODY_BYTES:
        return None
    detail = f"the answer has {len(line):,} bytes; at most {MAX_BODY_BYTES:,} are read"
    return RequestFailed(Failure.TOO_LARGE, detail)
