"""Parameters that a model rejects are dropped by rule, before the request and its key are made.

What was asked for and what was sent both stand in the manifest, so that a dropped temperature is
seen by whoever compares two models.
"""

from __future__ import annotations

import re
from dataclasses import replace

from inference.errors import PlumblineError
from inference.models import ModelRef
from inference.request import Sampling

_OPENAI_REASONING = re.compile(r"(?:.*/|ft:)?(o\d|gpt-[5-9](?!.*chat))")
_CLAUDE = re.compile(
    r"claude-(?:(?P<old>[23]|instant)|(?P<family>[a-z]+)-(?P<major>\d+)"
    r"(?:-(?P<minor>\d)(?!\d))?)"
)


def effective(model: ModelRef, asked: Sampling) -> Sampling:
    """The sampling parameters as they will be sent to `model`."""
    claude = _CLAUDE.search(model.name)
    if claude and model.provider in ("anthropic", "bedrock"):
        return _claude_sampling(claude, asked)
    if model.provider in ("openai", "openrouter") and _OPENAI_REASONING.match(model.name):
        return replace(asked, temperature=None, top_p=None)
    return asked


def claude_thinks_adaptively(name: str) -> bool:
    """True for Claude models that take no token budget for thinking (Opus 4.6 and later)."""
    version = _claude_version(_CLAUDE.search(name))
    return version >= (4, 6)


def claude_has_native_schema(name: str) -> bool:
    """True where Claude's own structured output exists; older models get a forced tool call."""
    return _claude_version(_CLAUDE.search(name)) >= (4, 5) or "opus-4-1" in name


def _claude_sampling(claude: re.Match[str], asked: Sampling) -> Sampling:
    version = _claude_version(claude)
    if version >= (4, 7):
        # These reject every sampling parameter.
        return replace(asked, temperature=None, top_p=None)
    if asked.thinking:
        # Thinking wants temperature 1, and accepts top_p only between 0.95 and 1.
        top_p = 1.0 if version < (4, 1) else None
        return replace(asked, temperature=1.0, top_p=top_p)
    if version >= (4, 1) and asked.temperature is not None:
        # From 4.1 on a request may carry one of the two, not both.
        return replace(asked, top_p=None)
    return asked


def _claude_version(claude: re.Match[str] | None) -> tuple[int, int]:
    """(major, minor) of a Claude id; an id without a number counts as the newest."""
    if claude is None:
        return (99, 0)
    if claude["old"]:
        return (3, 0) if claude["old"] == "3" else (2, 0)
    return int(claude["major"]), int(claude["minor"] or 0)


def check_supported(models: list[ModelRef], web_search: bool, thinking: bool = False) -> None:
    """Refuse a flag that a model can't honour, before anything is sent.

    Raises:
        PlumblineError: web search is asked of a provider that has none, or thinking of a Bedrock
            model that takes no request for it.
    """
    for model in models:
        if thinking and model.provider == "bedrock" and "claude" not in model.name:
            raise PlumblineError(
                f"{model.label} can't be asked to think: on Bedrock --enable_thinking works with "
                "Claude models"
            )
        if web_search and model.provider not in ("openai", "anthropic", "openrouter"):
            raise PlumblineError(
                f"{model.label} can't search the web: --enable_web_search works with OpenAI, "
                "Anthropic and OpenRouter models"
            )
