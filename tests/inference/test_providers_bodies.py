"""What each API is sent, and what each one's own answers mean."""

from __future__ import annotations

from typing import Any

import pytest

from inference import Message, ModelRef, Request, Sampling, Usage
from inference.providers import (
    anthropic_messages,
    bedrock_converse,
    chat_completions,
    openai_responses,
)
from inference.providers.base import RequestFailed, understood
from inference.result import Citation, Failure
from tests.inference.asking import VERDICT

READERS = {
    "chat": chat_completions.read_reply,
    "responses": openai_responses.read_reply,
    "messages": anthropic_messages.read_reply,
    "converse": bedrock_converse.read_reply,
}
COUNTERS = {
    "chat": chat_completions.usage_of,
    "responses": openai_responses.usage_of,
    "messages": anthropic_messages.usage_of,
    "converse": bedrock_converse.usage_of,
}


def request(provider: str, name: str, **more: Any) -> Request:
    said = (Message("system", "S"), Message("user", "U"), Message("assistant", "A"))
    return Request(ModelRef(name, provider, name), said, **more)


THINKING = Sampling(max_tokens=100, thinking=True)


def test_chat_asks_each_family_for_reasoning_in_its_own_way() -> None:
    bodies = {
        p: chat_completions.body_of(request(p, "m", sampling=THINKING))
        for p in ("endpoint", "openrouter", "gemini")
    }
    assert bodies["endpoint"]["chat_template_kwargs"] == {"enable_thinking": True}
    assert bodies["openrouter"]["reasoning"] == {"max_tokens": 4096}
    assert bodies["gemini"]["reasoning_effort"] == "medium"
    assert {b["max_tokens"] for b in bodies.values()} == {4196}


def test_chat_sends_a_seed_of_its_own_for_each_sample_and_attempt() -> None:
    seeds = [
        chat_completions.body_of(request("endpoint", "m", sampling=Sampling(seed=5), sample=n))
        for n in range(3)
    ]
    assert len({body["seed"] for body in seeds}) == 3
    assert "seed" not in chat_completions.body_of(request("endpoint", "m"))


def test_responses_asks_for_effort_search_and_no_keeping() -> None:
    sampling = Sampling(max_tokens=100, thinking=True, web_search=True)
    body = openai_responses.body_of(request("openai", "o3", sampling=sampling, schema=VERDICT))
    assert body["reasoning"] == {"effort": "medium", "summary": "auto"}
    assert body["tools"] == [{"type": "web_search"}]
    assert body["store"] is False
    assert body["text"]["format"]["strict"] is True
    assert [m["role"] for m in body["input"]] == ["system", "user", "assistant"]


def test_messages_takes_the_system_prompt_apart_and_searches_twice_at_most() -> None:
    sampling = Sampling(web_search=True)
    body = anthropic_messages.body_of(request("anthropic", "claude-3-7", sampling=sampling))
    assert body["system"] == "S" and [m["role"] for m in body["messages"]] == ["user", "assistant"]
    assert body["tools"][0]["max_uses"] == 2


@pytest.mark.parametrize(
    ("name", "thinking"),
    [
        ("claude-3-7-sonnet-latest", {"type": "enabled", "budget_tokens": 4096}),
        ("claude-opus-4-6", {"type": "adaptive", "display": "summarized"}),
    ],
)
def test_claudes_think_by_budget_or_adaptively(name: str, thinking: dict[str, Any]) -> None:
    body = anthropic_messages.body_of(request("anthropic", name, sampling=THINKING))
    assert body["thinking"] == thinking and body["max_tokens"] == 4196
    converse = bedrock_converse.body_of(
        request("bedrock", f"us.anthropic.{name}", sampling=THINKING)
    )
    assert converse["additionalModelRequestFields"] == {"thinking": thinking}


def test_a_structure_is_native_for_new_claudes_and_a_tool_for_old_ones() -> None:
    new = anthropic_messages.body_of(request("anthropic", "claude-sonnet-4-5", schema=VERDICT))
    old = anthropic_messages.body_of(request("anthropic", "claude-3-haiku", schema=VERDICT))
    assert new["output_config"]["format"]["type"] == "json_schema" and "tools" not in new
    assert old["tool_choice"] == {"type": "tool", "name": "Verdict"} and "output_config" not in old
    nova = bedrock_converse.body_of(request("bedrock", "us.amazon.nova-lite", schema=VERDICT))
    assert nova["toolConfig"]["toolChoice"] == {"tool": {"name": "Verdict"}}


def test_usage_counts_cached_and_reasoning_tokens() -> None:
    chat = {
        "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 3},
        },
    }
    responses = {
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "x"}]}],
        "usage": {
            "input_tokens": 10,
            "output_tokens": 7,
            "input_tokens_details": {"cached_tokens": 4},
            "output_tokens_details": {"reasoning_tokens": 3},
        },
    }
    for reader, answer in (("chat", chat), ("responses", responses)):
        assert READERS[reader](answer).usage == Usage(10, 7, 4, 3)


def test_cached_input_is_part_of_the_input_where_the_api_counts_it_apart() -> None:
    message = {
        "content": [{"type": "text", "text": "x"}],
        "usage": {
            "input_tokens": 5,
            "cache_read_input_tokens": 4,
            "cache_creation_input_tokens": 1,
            "output_tokens": 7,
        },
    }
    converse = {
        "output": {"message": {"content": [{"text": "x"}]}},
        "usage": {
            "inputTokens": 5,
            "cacheReadInputTokens": 4,
            "cacheWriteInputTokens": 1,
            "outputTokens": 7,
        },
    }
    assert READERS["messages"](message).usage == Usage(10, 7, 4)
    assert READERS["converse"](converse).usage == Usage(10, 7, 4)


def test_missing_and_null_usage_is_nothing() -> None:
    for usage in ({}, None, {"prompt_tokens": None, "completion_tokens_details": None}):
        answer = {"choices": [{"message": {"content": "x"}}], "usage": usage}
        assert READERS["chat"](answer).usage == Usage()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "answer",
    [
        {"choices": [], "content": 3, "output": 3},
        {"choices": None, "content": ["x"], "output": ["x"]},
        {"choices": [{"message": None}], "content": [None], "output": {"message": None}},
        {"choices": [3], "content": [{"type": "tool_use"}], "output": [{"type": "message"}]},
    ],
)
def test_a_body_in_no_known_form_is_named(reader: str, answer: dict[str, Any]) -> None:
    with pytest.raises(RequestFailed) as caught:
        understood(READERS[reader], COUNTERS[reader], answer)
    assert caught.value.failure is Failure.SERVER_ERROR and caught.value.retryable


def test_chat_reads_parts_reasoning_under_both_names_and_errors_of_a_choice() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    for field in ("reasoning", "reasoning_content"):
        message = {"content": parts, field: "thought"}
        reply = READERS["chat"]({"choices": [{"message": message, "finish_reason": "stop"}]})
        assert (reply.text, reply.reasoning) == ("ab", "thought")
    broken = {"choices": [{"error": {"code": 429, "message": "slow"}, "message": {"content": "x"}}]}
    with pytest.raises(RequestFailed) as caught:
        READERS["chat"](broken)
    assert caught.value.failure is Failure.RATE_LIMITED and caught.value.cuts


def test_openrouter_citations_carry_the_pages_text() -> None:
    note = {"url": "u", "title": None, "content": "page"}
    message = {"content": "x", "annotations": [{"type": "url_citation", "url_citation": note}]}
    reply = READERS["chat"]({"choices": [{"message": message}]})
    assert reply.citations == (Citation("u", "", "page"),)


@pytest.mark.parametrize("reason", ["pause_turn", "model_context_window_exceeded", "max_tokens"])
def test_a_turn_that_was_cut_is_no_answer(reason: str) -> None:
    answer = {"content": [{"type": "text", "text": "half"}], "stop_reason": reason}
    assert READERS["messages"](answer).finish == "length"


def test_reasoning_of_several_blocks_is_joined_and_hidden_blocks_are_skipped() -> None:
    blocks = [
        {"type": "thinking", "thinking": "a"},
        {"type": "redacted_thinking", "data": "..."},
        {"type": "thinking", "thinking": ""},
        {"type": "thinking", "thinking": "b"},
        {"type": "text", "text": "x"},
    ]
    assert READERS["messages"]({"content": blocks}).reasoning == "a\n\nb"
    converse = [
        {"reasoningContent": {"reasoningText": {"text": "a"}}},
        {"reasoningContent": {"redactedContent": b"..."}},
        {"text": "x"},
    ]
    reply = READERS["converse"]({"output": {"message": {"content": converse}}})
    assert (reply.text, reply.reasoning) == ("x", "a")
