"""An answer that its provider broke off is a failure, whatever came with it, and is paid for."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from inference import AskOptions, Progress, Usage
from inference.providers import (
    anthropic_messages,
    bedrock_converse,
    chat_completions,
    openai_responses,
)
from inference.providers.base import RequestFailed, understood
from inference.result import Failure
from inference.usage import Price, PriceList
from tests.inference.asking import ask_all, endpoint, journal, question
from tests.model_server import ModelServer


def chat(reason: str | None) -> dict:
    return {"choices": [{"message": {"content": "half an"}, "finish_reason": reason}]}


def response(status: str, reason: str | None = None) -> dict:
    said = {"type": "message", "content": [{"type": "output_text", "text": "half an"}]}
    details = {"reason": reason} if reason else None
    return {"status": status, "incomplete_details": details, "output": [said]}


@pytest.mark.parametrize(
    ("read", "answer"),
    [
        (chat_completions.read_reply, chat("error")),
        (chat_completions.read_reply, chat("abort")),
        (openai_responses.read_reply, response("incomplete")),
        (openai_responses.read_reply, response("in_progress")),
        (
            bedrock_converse.read_reply,
            {
                "output": {"message": {"content": [{"text": "half an"}]}},
                "stopReason": "malformed_model_output",
            },
        ),
        (
            anthropic_messages.read_reply,
            {"content": [{"type": "text", "text": "half an"}], "stop_reason": "error"},
        ),
    ],
)
def test_broken_off(read, answer) -> None:
    with pytest.raises(RequestFailed) as caught:
        read(answer)
    assert caught.value.failure is Failure.SERVER_ERROR and caught.value.retryable


def test_whole_answers_pass() -> None:
    assert chat_completions.read_reply(chat("stop")).finish == "stop"
    assert chat_completions.read_reply(chat(None)).finish == "stop"
    assert chat_completions.read_reply(chat("length")).finish == "length"
    assert openai_responses.read_reply(response("completed")).finish == "stop"
    cut = openai_responses.read_reply(response("incomplete", "max_output_tokens"))
    assert cut.finish == "length"


CHAT_USAGE = {"prompt_tokens": 1000, "completion_tokens": 900}
USAGE = {"input_tokens": 1000, "output_tokens": 900}


@pytest.mark.parametrize(
    ("api", "answer"),
    [
        (chat_completions, chat("error") | {"usage": CHAT_USAGE}),
        (chat_completions, {"choices": [{"error": {"code": 502}}], "usage": CHAT_USAGE}),
        (chat_completions, {"choices": [], "usage": CHAT_USAGE}),
        (chat_completions, {"error": {"code": 502}, "usage": CHAT_USAGE}),
        (openai_responses, response("incomplete") | {"usage": USAGE}),
        (openai_responses, {"status": "failed", "error": {"code": "server_error"}, "usage": USAGE}),
        (anthropic_messages, {"content": [], "stop_reason": "error", "usage": USAGE}),
        (
            bedrock_converse,
            {
                "stopReason": "malformed_tool_use",
                "usage": {"inputTokens": 1000, "outputTokens": 900},
            },
        ),
    ],
)
def test_its_tokens_are_told(api: ModuleType, answer: dict[str, Any]) -> None:
    with pytest.raises(RequestFailed) as caught:
        understood(api.read_reply, api.usage_of, answer)
    assert caught.value.usage == Usage(1000, 900)


@pytest.mark.parametrize("usage", [None, 3, {"prompt_tokens": "many"}])
def test_a_usage_that_is_none_counts_as_nothing(usage: Any) -> None:
    with pytest.raises(RequestFailed) as caught:
        answer = chat("error") | {"usage": usage}
        understood(chat_completions.read_reply, chat_completions.usage_of, answer)
    assert caught.value.usage == Usage()


def break_off(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """The first answers are broken off, each after its thousand and nine hundred tokens."""
    post, calls = chat_completions.post, 0

    async def breaks_off(*words: Any) -> dict[str, Any]:
        nonlocal calls
        calls += 1
        if calls <= times:
            return chat("error") | {"usage": CHAT_USAGE}
        return await post(*words)

    monkeypatch.setattr(chat_completions, "post", breaks_off)


def test_its_tokens_are_paid_for_where_it_is_asked_again(
    server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = question(endpoint(server))
    (whole,) = ask_all([request], tmp_path / "whole")
    break_off(monkeypatch, 1)
    progress = Progress()
    options = AskOptions(prices=PriceList({"m": Price(1.0, 1.0, 1.0)}))
    (result,) = ask_all([request], tmp_path / "broken", options, progress)
    assert result.content == whole.content
    assert result.usage == progress.usage == whole.usage.plus(Usage(1000, 900))
    assert progress.cost == pytest.approx((result.usage.input + result.usage.output) / 1e6)


def test_its_tokens_count_towards_the_budget(
    server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_off(monkeypatch, 1000)
    options = AskOptions(prices=PriceList({"m": Price(1.0, 1.0, 1.0)}), max_cost=0.0020)
    (result,) = ask_all([question(endpoint(server))], tmp_path, options)
    assert result.failure is Failure.OVER_BUDGET and result.usage == Usage(1000, 900)


def test_the_journal_has_the_tokens_of_the_last_sending(
    server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_off(monkeypatch, 1000)
    (result,) = ask_all([question(endpoint(server))], tmp_path, AskOptions(max_tries=1))
    (line,) = journal(tmp_path)
    assert result.usage == Usage(1000, 900) and Usage(*line["usage"]) == result.usage
