"""Anthropic: Message Batches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Set
from typing import Any

import anthropic

from inference.batch_api.api import (
    CANCELLED,
    EXPIRED,
    LOST,
    Limits,
    Line,
    Outcome,
    State,
    parsed,
    too_large,
)
from inference.models import ModelRef
from inference.providers import anthropic_messages
from inference.providers.base import RequestFailed, failed_error, understood
from inference.providers.sdk_http import told

_RECENT = 100
_CLOCKS_DIFFER = 120.0
_LATEST = 600.0
"""Seconds from our note that a batch will be made until it was made, at most."""


class AnthropicBatches:
    """POST /v1/messages/batches. The key comes from ANTHROPIC_API_KEY."""

    # The provider takes 256 MB; a body is built in memory, and a task has little of that.
    limits = Limits(100_000, 64_000_000)
    knows_intents = False
    body_of = staticmethod(anthropic_messages.body_of)

    def __init__(self, model: ModelRef, timeout: float) -> None:
        self._client = anthropic.AsyncAnthropic(
            base_url=model.base_url, max_retries=0, timeout=max(60.0, timeout)
        )
        self._batches = self._client.messages.batches

    async def submit(self, intent: str, lines: list[Line]) -> str:
        """See `BatchApi.submit`. There is no place for the intent here."""
        rows = ",".join(f'{{"custom_id":"{line.key}","params":{line.body}}}' for line in lines)
        body = f'{{"requests":[{rows}]}}'.encode()
        batch: Any = await told(
            anthropic,
            self._client.post(
                "/v1/messages/batches",
                cast_to=object,
                content=body,
                options={"headers": {"content-type": "application/json"}},
            ),
        )
        return str(batch["id"])

    async def find(
        self, intent: str, created: float, size: int, others: Set[str] = frozenset()
    ) -> str | None:
        """See `BatchApi.find`: of the batches of that size, the one made nearest to that time.

        That is a guess. Whether it is right is told by its results, which bear our keys.
        """
        found: dict[str, float] = {}
        page = await told(anthropic, self._batches.list(limit=_RECENT))
        while True:
            for batch in page.data:
                late = batch.created_at.timestamp() - created
                if late < -_CLOCKS_DIFFER:  # the newest come first
                    return min(found, key=found.__getitem__, default=None)
                if _size(batch) == size and late < _LATEST and batch.id not in others:
                    found[batch.id] = abs(late)
            if not page.has_next_page():
                return min(found, key=found.__getitem__, default=None)
            page = await told(anthropic, page.get_next_page())

    async def state(self, batch_id: str) -> State:
        """See `BatchApi.state`."""
        batch = await told(anthropic, self._batches.retrieve(batch_id))
        return State(batch.processing_status == "ended")

    async def outcomes(self, batch_id: str) -> AsyncIterator[Outcome]:
        """See `BatchApi.outcomes`."""
        manager = self._batches.with_streaming_response.results(batch_id)
        response: Any = await told(anthropic, manager.__aenter__())
        try:
            async for line in response.iter_lines():
                row = parsed(line)
                if row is not None and "custom_id" in row:
                    yield Outcome(str(row["custom_id"]), too_large(line) or _reply(row))
        finally:
            await manager.__aexit__(None, None, None)

    async def cancel(self, batch_id: str) -> None:
        """See `BatchApi.cancel`."""
        await told(anthropic, self._batches.cancel(batch_id))

    async def close(self) -> None:
        """See `BatchApi.close`."""
        await self._client.close()


def _size(batch: Any) -> int:
    counts = batch.request_counts
    ended = counts.succeeded + counts.errored + counts.canceled + counts.expired
    return int(counts.processing + ended)


def _reply(row: dict[str, Any]) -> Any:
    """The reply in a line of the results, or why there is none."""
    result = row.get("result") or {}
    match result.get("type"):
        case "succeeded":
            try:
                message = result.get("message") or {}
                read, usage_of = anthropic_messages.read_reply, anthropic_messages.usage_of
                return understood(read, usage_of, message)
            except RequestFailed as failure:
                return failure
        case "errored":
            error = result.get("error") or {}
            return failed_error(error.get("error") or error)
        case "expired":
            return EXPIRED
        case "canceled":
            return CANCELLED
    return LOST
