"""OpenAI's Responses API: ids such as gpt-4.1-nano without an `--inference_url`."""

from __future__ import annotations

from typing import Any

import openai

from inference.models import ModelRef
from inference.providers.base import (
    ProviderOptions,
    Reply,
    failed_error,
    finish_of,
    tokens,
    understood,
    without_none,
)
from inference.providers.sdk_http import make_client, post
from inference.request import Request
from inference.result import Citation, Usage

_INCOMPLETE = {"max_output_tokens": "length", "content_filter": "filtered"}


class OpenAIResponses:
    """POST /responses. The key comes from OPENAI_API_KEY."""

    def __init__(self, model: ModelRef, options: ProviderOptions) -> None:
        self._client = make_client(openai, options, base_url=model.base_url)

    async def send(self, request: Request) -> Reply:
        """See `Provider.send`."""
        answer = await post(openai, self._client, "/responses", body_of(request))
        return understood(read_reply, usage_of, answer)

    async def close(self) -> None:
        """See `Provider.close`."""
        await self._client.close()


def body_of(request: Request) -> dict[str, Any]:
    """The request as JSON. Nothing is kept on the provider's side (`store: false`)."""
    sampling, schema = request.sampling, request.schema
    budget = sampling.thinking_budget if sampling.thinking else 0
    body = without_none(
        model=request.model.name,
        input=[m._asdict() for m in request.messages],
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        max_output_tokens=sampling.max_tokens + budget,
        store=False,
    )
    if schema:
        body["text"] = {
            "format": {
                "type": "json_schema",
                "name": schema.name,
                "schema": schema.json_schema,
                "strict": schema.is_strict,
            }
        }
    if sampling.thinking:
        body["reasoning"] = {"effort": "medium", "summary": "auto"}
    if sampling.web_search:
        body["tools"] = [{"type": "web_search"}]
    return body


def read_reply(answer: dict[str, Any]) -> Reply:
    """Text, reasoning summary and citations out of the output items."""
    if answer.get("status") in ("failed", "cancelled"):
        raise failed_error(answer.get("error") or {"message": answer["status"]})
    items = answer.get("output") or []
    parts = [part for item in items if item.get("type") == "message" for part in item["content"]]
    texts = [part["text"] for part in parts if part.get("type") == "output_text"]
    refusals = [part["refusal"] for part in parts if part.get("type") == "refusal"]
    summaries = [
        part["text"]
        for item in items
        if item.get("type") == "reasoning"
        for part in item.get("summary") or ()
    ]
    reason = (answer.get("incomplete_details") or {}).get("reason") or answer.get("status") or ""
    finish = finish_of(reason, _INCOMPLETE)
    if refusals and not texts:
        finish = "refusal"
    return Reply(
        text="".join(texts) or "".join(refusals),
        finish=finish,
        finish_reason=reason,
        usage=usage_of(answer),
        reasoning="\n\n".join(summaries) or None,
        citations=_citations(parts),
    )


def usage_of(answer: dict[str, Any]) -> Usage:
    """The tokens that a body tells of."""
    usage = answer.get("usage") or {}
    return Usage(
        input=tokens(usage, "input_tokens"),
        output=tokens(usage, "output_tokens"),
        cached=tokens(usage.get("input_tokens_details") or {}, "cached_tokens"),
        reasoning=tokens(usage.get("output_tokens_details") or {}, "reasoning_tokens"),
    )


def _citations(parts: list[dict[str, Any]]) -> tuple[Citation, ...]:
    """Url citations, with the stretch of the answer that each one supports."""
    found = []
    for part in parts:
        for note in part.get("annotations") or ():
            if note.get("type") == "url_citation":
                text = part["text"][note.get("start_index", 0) : note.get("end_index", 0)]
                found.append(Citation(note.get("url") or "", note.get("title") or "", text))
    return tuple(found)
