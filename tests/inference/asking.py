"""What the tests of the asking layer share: models behind the loopback server, and short asks."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict

from inference import AskOptions, Message, ModelRef, Progress, Request, Result, Schema, ask, models
from inference.providers import open_provider
from inference.providers.base import ProviderOptions, Reply
from inference.store import open_store
from tests.model_server import ModelServer, ServerProcess

PLANTED = "sk-planted-0123456789abcdef"
LANES = (
    *("endpoint", "openrouter", "gemini", "openai"),
    *("anthropic", "anthropic-old", "bedrock", "bedrock-old"),
)
"""One for each way of asking; the "old" Claude models get a forced tool call for a structure."""
_IDS = {
    "endpoint": "some/model",
    "openrouter": "openrouter/some/model",
    "gemini": "gemini/gemini-2.5-flash",
    "openai": "gpt-4.1-nano",
    "anthropic": "claude-sonnet-4-5",
    "anthropic-old": "claude-3-7-sonnet-latest",
    "bedrock": "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "bedrock-old": "bedrock/us.anthropic.claude-3-7-sonnet-20250219-v1:0",
}
ONCE = AskOptions(batch_size=8, timeout=5, max_tries=1, max_attempts=1, patience=0)


class Verdict(BaseModel):
    """A structure with bounds, which not every API takes."""

    model_config = ConfigDict(extra="forbid")
    reasoning: str
    refused: bool
    score: Literal[-2, -1, 0, 1, 2]


VERDICT = Schema.of(Verdict)


def set_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every provider has a key."""
    for variable in ("OPENAI", "ANTHROPIC", "OPENROUTER", "GOOGLE"):
        monkeypatch.setenv(f"{variable}_API_KEY", PLANTED)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAPLANTED012345678")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", PLANTED)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    for variable in ("INFERENCE_API_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it keeps the keys of its first client


def lane(name: str, url: str, monkeypatch: pytest.MonkeyPatch) -> ModelRef:
    """A model of that lane, served at `url`."""
    set_keys(monkeypatch)
    monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", url)
    monkeypatch.setattr(models, "OPENROUTER_URL", f"{url}/api/v1")
    monkeypatch.setattr(models, "GEMINI_URL", f"{url}/v1beta/openai/")
    return models.resolve(_IDS[name], f"{url}/v1" if name == "endpoint" else None)


def endpoint(server: ModelServer | ServerProcess, name: str = "m") -> ModelRef:
    """A model behind an `--inference_url`."""
    return models.resolve(name, server.openai_url)


def question(model: ModelRef, text: str = "Why do tides rise?", **more: Any) -> Request:
    """A request with a system prompt and one question."""
    said = (Message("system", "Be brief."), Message("user", text))
    return Request(model, said, **more)


def send(request: Request, timeout: float = 5) -> Reply:
    """Send one request through its provider, past every retry."""

    async def run() -> Reply:
        provider = open_provider(request.model, ProviderOptions(4, timeout))
        try:
            return await provider.send(request)
        finally:
            await provider.close()

    return asyncio.run(run())


def ask_all(
    requests: Iterable[Request],
    root: Path,
    options: AskOptions | None = None,
    progress: Progress | None = None,
) -> list[Result]:
    """Ask with a store at `root`."""
    return list(ask(requests, open_store(str(root)), options, progress))


def journal(root: Path) -> list[dict[str, Any]]:
    """Every line of the failure journals under `root`."""
    paths = sorted(root.glob("*/*.failures.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def all_bytes(root: Path) -> bytes:
    """Everything that stands in files under `root`."""
    return b"".join(p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file())


def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without any key."""
    for variable in list(os.environ):
        if variable.endswith("_API_KEY") or variable.startswith("AWS_"):
            monkeypatch.delenv(variable)


def running(**settings: Any) -> Iterator[ModelServer]:
    """A loopback server, for a fixture."""
    with ModelServer(**settings) as server:
        yield server
