"""OpenAI: a file of requests through the Files API, run by the Batches API."""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator, Set
from typing import Any, Literal

import openai

from inference.batch_api.api import (
    CANCELLED,
    EXPIRED,
    Limits,
    Line,
    Outcome,
    State,
    parsed,
    too_large,
)
from inference.models import ModelRef
from inference.providers import openai_responses
from inference.providers.base import RequestFailed, failed_error, failed_status, understood
from inference.providers.sdk_http import told
from inference.result import Failure

_ENDPOINT: Literal["/v1/responses"] = "/v1/responses"
_TAG = "plumbline"
_RECENT = 100
_ENDED = ("completed", "expired", "cancelled")
_DROPPED = {"batch_expired": EXPIRED, "batch_cancelled": CANCELLED}
_WAITS = ("token_limit_exceeded", "rate_limit_exceeded")


class OpenAIBatches:
    """POST /files, then /batches. The key comes from OPENAI_API_KEY."""

    limits = Limits(50_000, 200_000_000)
    knows_intents = True
    body_of = staticmethod(openai_responses.body_of)

    def __init__(self, model: ModelRef, timeout: float) -> None:
        self._client = openai.AsyncOpenAI(
            base_url=model.base_url, max_retries=0, timeout=max(60.0, timeout)
        )

    async def submit(self, intent: str, lines: list[Line]) -> str:
        """See `BatchApi.submit`."""
        with tempfile.TemporaryFile() as file:
            for line in lines:
                head = f'{{"custom_id":"{line.key}","method":"POST","url":"{_ENDPOINT}","body":'
                file.write(f"{head}{line.body}}}\n".encode())
            file.seek(0)
            upload = self._client.files.create(file=(f"{intent}.jsonl", file), purpose="batch")
            uploaded = await told(openai, upload)
        batch = await told(
            openai,
            self._client.batches.create(
                input_file_id=uploaded.id,
                endpoint=_ENDPOINT,
                completion_window="24h",
                metadata={_TAG: intent},
            ),
        )
        return batch.id

    async def find(
        self, intent: str, created: float, size: int, others: Set[str] = frozenset()
    ) -> str | None:
        """See `BatchApi.find`: the intent stands in the batch's metadata."""
        page = await told(openai, self._client.batches.list(limit=_RECENT))
        while True:
            for batch in page.data:
                if (batch.metadata or {}).get(_TAG) == intent:
                    return batch.id
                if batch.created_at < created - 3600:
                    return None
            if not page.has_next_page():
                return None
            page = await told(openai, page.get_next_page())

    async def state(self, batch_id: str) -> State:
        """See `BatchApi.state`."""
        batch = await told(openai, self._client.batches.retrieve(batch_id))
        if batch.status != "failed":
            return State(batch.status in _ENDED)
        errors = batch.errors.data if batch.errors and batch.errors.data else []
        detail = "; ".join(f"{e.code}: {e.message}" for e in errors[:3]) or "no reason given"
        later = any(error.code in _WAITS for error in errors)
        kind = Failure.RATE_LIMITED if later else Failure.BAD_REQUEST
        failed = RequestFailed(kind, f"the batch failed: {detail}", retryable=later, cuts=later)
        return State(True, failed)

    async def outcomes(self, batch_id: str) -> AsyncIterator[Outcome]:
        """See `BatchApi.outcomes`: answers in one file, errors in another."""
        batch = await told(openai, self._client.batches.retrieve(batch_id))
        for file_id in (batch.output_file_id, batch.error_file_id):
            if file_id is None:
                continue
            content = self._client.files.with_streaming_response.content(file_id)
            async with _Told(content) as response:
                async for line in response.iter_lines():
                    row = parsed(line)
                    if row is not None and "custom_id" in row:
                        yield Outcome(str(row["custom_id"]), too_large(line) or _reply(row))

    async def cancel(self, batch_id: str) -> None:
        """See `BatchApi.cancel`."""
        await told(openai, self._client.batches.cancel(batch_id))

    async def close(self) -> None:
        """See `BatchApi.close`."""
        await self._client.close()


class _Told:
    """A streamed response whose errors have our names."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    async def __aenter__(self) -> Any:
        return await told(openai, self._manager.__aenter__())

    async def __aexit__(self, *about: Any) -> None:
        await self._manager.__aexit__(*about)


def _reply(row: dict[str, Any]) -> Any:
    """The reply in a line of either file, or why there is none."""
    error = row.get("error")
    if error:
        return _DROPPED.get(str(error.get("code"))) or failed_error(error)
    response = row.get("response") or {}
    status, body = response.get("status_code") or 0, response.get("body") or {}
    if status != 200:
        told_why = body.get("error") if isinstance(body, dict) else None
        if isinstance(told_why, dict):
            detail = f"{told_why.get('message')} ({told_why.get('code')})"
        else:
            detail = json.dumps(body)
        return failed_status(status, detail, None)
    try:
        return understood(openai_responses.read_reply, openai_responses.usage_of, body)
    except RequestFailed as failure:
        return failure
