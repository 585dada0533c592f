"""Anthropic's Messages API: ids with `claude` in them."""

from __future__ import annotations

import json
from typing import Any

import anthropic

from inference.models import ModelRef
from inference.providers.base import (
    ProviderOptions,
    Reply,
    finish_of,
    split_system,
    tokens,
    understood,
    without_none,
)
from inference.providers.sdk_http import make_client, post
from inference.request import Request
from inference.result import Citation, Usage
from inference.rules import claude_has_native_schema, claude_thinks_adaptively
from inference.schema import is_closed, without_bounds

MAX_SEARCHES = 2
_FINISH = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",
    "refusal": "filtered",
}


class AnthropicMessages:
    """POST /v1/messages. The key comes from ANTHROPIC_API_KEY."""

    def __init__(self, model: ModelRef, options: ProviderOptions) -> None:
        self._client = make_client(anthropic, options, base_url=model.base_url)

    async def send(self, request: Request) -> Reply:
        """See `Provider.send`."""
        answer = await post(anthropic, self._client, "/v1/messages", body_of(request))
        return understood(read_reply, usage_of, answer)

    async def close(self) -> None:
        """See `Provider.close`."""
        await self._client.close()


def body_of(request: Request) -> dict[str, Any]:
    """The request as JSON."""
    sampling = request.sampling
    system, turns = split_system(request)
    budget = sampling.thinking_budget if sampling.thinking else 0
    body = without_none(
        model=request.model.name,
        system=system,
        messages=turns,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        max_tokens=sampling.max_tokens + budget,
    )
    if sampling.thinking:
        body["thinking"] = thinking(request.model.name, budget)
    if sampling.web_search:
        body["tools"] = [
            {"type": "web_search_20250305", "name": "web_search", "max_uses": MAX_SEARCHES}
        ]
    if request.schema:
        _ask_for_structure(body, request)
    return body


def thinking(name: str, budget: int) -> dict[str, Any]:
    """The thinking block a Claude model takes: adaptive for newer ones, a budget for older."""
    if claude_thinks_adaptively(name):
        return {"type": "adaptive", "display": "summarized"}
    return {"type": "enabled", "budget_tokens": budget}


def _ask_for_structure(body: dict[str, Any], request: Request) -> None:
    """Native JSON output where the model has it, else a tool call.

    A thinking model may not be forced to call a tool, so it is only offered the tool there.
    """
    assert request.schema is not None
    schema = request.schema.json_schema
    if claude_has_native_schema(request.model.name) and is_closed(schema):
        native = {"type": "json_schema", "schema": without_bounds(schema)}
        body["output_config"] = {"format": native}
        return
    tool = {"name": request.schema.name, "input_schema": schema, "description": "Give the answer."}
    body["tools"] = [*body.get("tools", ()), tool]
    body["tool_choice"] = (
        {"type": "auto"}
        if request.sampling.thinking
        else {"type": "tool", "name": request.schema.name}
    )


def read_reply(answer: dict[str, Any]) -> Reply:
    """Text, thinking, citations; a forced tool call's input is the text."""
    blocks = answer.get("content") or []
    texts = [block.get("text") or "" for block in blocks if block.get("type") == "text"]
    calls = [block["input"] for block in blocks if block.get("type") == "tool_use"]
    thoughts = [block.get("thinking") or "" for block in blocks if block.get("type") == "thinking"]
    finish_reason = answer.get("stop_reason") or ""
    return Reply(
        text=json.dumps(calls[0], ensure_ascii=False) if calls else "".join(texts),
        finish=finish_of(finish_reason, _FINISH),
        finish_reason=finish_reason,
        usage=usage_of(answer),
        reasoning="\n\n".join(filter(None, thoughts)) or None,
        citations=_citations(blocks),
    )


def usage_of(answer: dict[str, Any]) -> Usage:
    """The tokens that a body tells of. Anthropic counts cached input apart; here `input` has it."""
    usage = answer.get("usage") or {}
    cached = tokens(usage, "cache_read_input_tokens")
    written = tokens(usage, "cache_creation_input_tokens")
    return Usage(
        input=tokens(usage, "input_tokens") + cached + written,
        output=tokens(usage, "output_tokens"),
        cached=cached,
        reasoning=tokens(usage.get("output_tokens_details") or {}, "thinking_tokens"),
    )


def _citations(blocks: list[dict[str, Any]]) -> tuple[Citation, ...]:
    notes = [note for block in blocks for note in block.get("citations") or () if "url" in note]
    return tuple(Citation(n["url"], n.get("title") or "", n.get("cited_text") or "") for n in notes)
