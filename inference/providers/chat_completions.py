"""OpenAI-compatible Chat Completions: any `--inference_url`, OpenRouter and Gemini."""

from __future__ import annotations

import os
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

# A local server needs no key, and OPENAI_API_KEY must not be sent to an address of any kind.
_KEYS = {
    "endpoint": ("INFERENCE_API_KEY", "none"),
    "openrouter": ("OPENROUTER_API_KEY", ""),
    "gemini": ("GOOGLE_API_KEY", ""),
}
_FINISH = {"length": "length", "content_filter": "filtered"}


class ChatCompletions:
    """POST /chat/completions."""

    def __init__(self, model: ModelRef, options: ProviderOptions) -> None:
        variable, otherwise = _KEYS[model.provider]
        self._client = make_client(
            openai,
            options,
            base_url=model.base_url,
            api_key=os.environ.get(variable) or otherwise,
        )

    async def send(self, request: Request) -> Reply:
        """See `Provider.send`."""
        answer = await post(openai, self._client, "/chat/completions", body_of(request))
        return understood(read_reply, usage_of, answer)

    async def close(self) -> None:
        """See `Provider.close`."""
        await self._client.close()


def body_of(request: Request) -> dict[str, Any]:
    """The request as JSON."""
    sampling, schema = request.sampling, request.schema
    budget = sampling.thinking_budget if sampling.thinking else 0
    body = without_none(
        model=request.model.name,
        messages=[m._asdict() for m in request.messages],
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        max_tokens=sampling.max_tokens + budget,
        seed=request.draw_seed,
    )
    if schema:
        named = {"name": schema.name, "schema": schema.json_schema, "strict": schema.is_strict}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    if sampling.thinking:
        body |= _thinking(request.model.provider, budget)
    if sampling.web_search:
        body["plugins"] = [{"id": "web"}]
    return body


def _thinking(provider: str, budget: int) -> dict[str, Any]:
    """Each family of servers has its own way to ask for reasoning."""
    if provider == "openrouter":
        return {"reasoning": {"max_tokens": budget}}
    if provider == "gemini":
        return {"reasoning_effort": "medium"}
    return {"chat_template_kwargs": {"enable_thinking": True}}


def read_reply(answer: dict[str, Any]) -> Reply:
    """The first choice of a completion."""
    choice = answer["choices"][0]
    if choice.get("error"):
        # OpenRouter's way to say that the model behind it broke off.
        raise failed_error(choice["error"])
    message = choice["message"]
    refusal = message.get("refusal")
    finish_reason = choice.get("finish_reason") or ""
    return Reply(
        text=_text(message.get("content")) or refusal or "",
        finish="refusal" if _refused(refusal, message) else finish_of(finish_reason, _FINISH),
        finish_reason=finish_reason,
        usage=usage_of(answer),
        reasoning=message.get("reasoning_content") or message.get("reasoning"),
        citations=_citations(message.get("annotations") or ()),
    )


def _refused(refusal: str | None, message: dict[str, Any]) -> bool:
    return bool(refusal and not message.get("content"))


def _text(content: Any) -> str:
    """Content is a string, or a list of parts of which the text ones count."""
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if part.get("type") == "text")
    return content if isinstance(content, str) else ""


def usage_of(answer: dict[str, Any]) -> Usage:
    """The tokens that a body tells of."""
    usage = answer.get("usage") or {}
    return Usage(
        input=tokens(usage, "prompt_tokens"),
        output=tokens(usage, "completion_tokens"),
        cached=tokens(usage.get("prompt_tokens_details") or {}, "cached_tokens"),
        reasoning=tokens(usage.get("completion_tokens_details") or {}, "reasoning_tokens"),
    )


def _citations(annotations: Any) -> tuple[Citation, ...]:
    quoted = [a["url_citation"] for a in annotations if a.get("type") == "url_citation"]
    return tuple(
        Citation(q.get("url") or "", q.get("title") or "", q.get("content") or "") for q in quoted
    )
