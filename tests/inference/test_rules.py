"""Sampling parameters as they are sent: what each family of models rejects is dropped by rule."""

from __future__ import annotations

import pytest

from inference import PlumblineError, Sampling, resolve
from inference.rules import (
    check_supported,
    claude_has_native_schema,
    claude_thinks_adaptively,
    effective,
)

ASKED = Sampling(temperature=0.1, top_p=0.9)
THINKING = Sampling(temperature=0.1, top_p=0.9, thinking=True)


def sent(model_id: str, asked: Sampling) -> tuple[float | None, float | None]:
    sampling = effective(resolve(model_id), asked)
    return sampling.temperature, sampling.top_p


@pytest.mark.parametrize(
    ("model_id", "plain", "thinking"),
    [
        ("gpt-4.1-nano", (0.1, 0.9), (0.1, 0.9)),
        ("gpt-4o", (0.1, 0.9), (0.1, 0.9)),
        ("o3-mini", (None, None), (None, None)),
        ("gpt-5-mini", (None, None), (None, None)),
        ("gpt-5-chat-latest", (0.1, 0.9), (0.1, 0.9)),
        ("openrouter/openai/o4-mini", (None, None), (None, None)),
        ("openrouter/openai/gpt-5", (None, None), (None, None)),
        ("ft:o4-mini-2025-04-16:org::id", (None, None), (None, None)),
        ("ft:gpt-4.1-nano-2025-04-14:org::id", (0.1, 0.9), (0.1, 0.9)),
        ("google/gemma-3-27b-it", (0.1, 0.9), (0.1, 0.9)),
        ("claude-3-5-haiku-latest", (0.1, 0.9), (1.0, 1.0)),
        ("claude-3-7-sonnet-latest", (0.1, 0.9), (1.0, 1.0)),
        ("claude-sonnet-4-20250514", (0.1, 0.9), (1.0, 1.0)),
        ("claude-opus-4-1-20250805", (0.1, None), (1.0, None)),
        ("claude-sonnet-4-5", (0.1, None), (1.0, None)),
        ("claude-opus-4-6", (0.1, None), (1.0, None)),
        ("bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", (0.1, None), (1.0, None)),
    ],
)
def test_what_is_sent(model_id: str, plain: tuple, thinking: tuple) -> None:
    assert sent(model_id, ASKED) == plain
    assert sent(model_id, THINKING) == thinking


def test_top_p_alone_is_kept_where_only_one_may_be_given() -> None:
    only = Sampling(top_p=0.9)
    assert sent("claude-sonnet-4-5", only) == (None, 0.9)


def test_a_given_endpoint_gets_what_was_asked() -> None:
    model = resolve("gpt-5", "http://0.0.0.0:8000/v1")
    assert effective(model, ASKED) == ASKED


@pytest.mark.parametrize(
    ("name", "native", "adaptive"),
    [
        ("claude-3-7-sonnet-latest", False, False),
        ("claude-sonnet-4-20250514", False, False),
        ("claude-opus-4-1-20250805", True, False),
        ("claude-sonnet-4-5-20250929", True, False),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", True, False),
        ("claude-opus-4-6", True, True),
    ],
)
def test_what_each_claude_can_do(name: str, native: bool, adaptive: bool) -> None:
    assert claude_has_native_schema(name) is native
    assert claude_thinks_adaptively(name) is adaptive


def test_web_search_is_refused_where_there_is_none() -> None:
    check_supported([resolve("gpt-4.1"), resolve("claude-x"), resolve("a/b")], web_search=True)
    check_supported([resolve("gemini/g")], web_search=False)
    for model in (resolve("gemini/g"), resolve("m", "http://h/v1"), resolve("bedrock/m")):
        with pytest.raises(PlumblineError, match="web"):
            check_supported([model], web_search=True)


def test_thinking_on_bedrock_is_for_claude(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    check_supported([resolve("bedrock/anthropic.claude-sonnet-4-5-v1:0")], False, thinking=True)
    with pytest.raises(PlumblineError, match="can't be asked to think"):
        check_supported([resolve("bedrock/us.amazon.nova-lite-v1:0")], False, thinking=True)
