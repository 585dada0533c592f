"""The model server's faults, limits, log and life, seen through the real SDKs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anthropic
import openai
import pytest
from anthropic import AsyncAnthropic
from botocore.exceptions import ClientError, HTTPClientError
from openai import AsyncOpenAI, DefaultAioHttpClient

from tests.model_server import (
    FAULTS,
    ModelServer,
    RequestLog,
    Rule,
    ServerProcess,
    body_key,
    fates,
)
from tests.model_server.config import Config
from tests.model_server.fates import Fates
from tests.processes import wait_for
from tests.test_model_server import SCHEMA, bedrock_client

WAIT = 1.5
"""Seconds until a client gives up, where one shall."""


def clients(server: ModelServer, timeout: float = 60) -> tuple[AsyncOpenAI, AsyncAnthropic]:
    fixed: dict[str, Any] = {"api_key": "sk-planted", "max_retries": 0, "timeout": timeout}
    return (
        AsyncOpenAI(base_url=server.openai_url, http_client=DefaultAioHttpClient(), **fixed),
        AsyncAnthropic(base_url=server.url, **fixed),
    )


def ask(text: str = "Why?") -> list[Any]:
    return [{"role": "user", "content": text}]


async def chat(client: AsyncOpenAI, text: str = "Why?") -> str:
    """One Chat Completions call with a schema: what came of it."""
    form: Any = {"type": "json_schema", "json_schema": {"name": "v", "schema": SCHEMA}}
    try:
        said = await client.chat.completions.create(
            model="m", messages=ask(text), response_format=form
        )
    except openai.APIStatusError as e:
        return f"{e.status_code} {e.code or ''}".strip()
    except (openai.APIError, json.JSONDecodeError) as e:
        return type(e).__name__
    if not said.choices:
        return "no choices"
    choice = said.choices[0]
    return _text(choice.message.content, choice.message.refusal, choice.finish_reason)


async def respond(client: AsyncOpenAI) -> str:
    """One Responses call with a schema."""
    form: Any = {"format": {"type": "json_schema", "name": "v", "schema": SCHEMA}}
    try:
        said: Any = await client.responses.create(model="m", input="Why?", text=form)
    except openai.APIStatusError as e:
        return f"{e.status_code} {e.code or ''}".strip()
    except (openai.APIError, json.JSONDecodeError) as e:
        return type(e).__name__
    if said.status != "completed":
        return f"{said.status} {said.incomplete_details and said.incomplete_details.reason}"
    part = said.output[-1].content[0]
    return _text(said.output_text, getattr(part, "refusal", None), "stop")


async def message(client: AsyncAnthropic) -> str:
    """One Messages call with a schema."""
    form: Any = {"format": {"type": "json_schema", "schema": SCHEMA}}
    try:
        said = await client.messages.create(
            model="c", max_tokens=99, messages=ask(), output_config=form
        )
    except anthropic.APIStatusError as e:
        error: Any = e.body
        return f"{e.status_code} {error['error']['type']}" if isinstance(error, dict) else "html"
    except (anthropic.APIError, json.JSONDecodeError) as e:
        return type(e).__name__
    if said.type != "message":
        return "error as answer"
    text = "".join(b.text for b in said.content if b.type == "text")
    return _text(text, None, said.stop_reason or "")


def converse(client: Any) -> str:
    """One Converse call with a forced tool."""
    tools = [{"toolSpec": {"name": "v", "inputSchema": {"json": SCHEMA}}}]
    try:
        said = client.converse(
            modelId="m",
            messages=[{"role": "user", "content": [{"text": "Why?"}]}],
            toolConfig={"tools": tools, "toolChoice": {"tool": {"name": "v"}}},
        )
    except ClientError as e:
        return e.response["Error"]["Code"]
    except HTTPClientError as e:
        return type(e).__name__
    if "output" not in said:
        return "no output"
    content = said["output"]["message"]["content"]
    tool = next((b["toolUse"]["input"] for b in content if "toolUse" in b), None)
    return _text(json.dumps(tool) if tool is not None else "", None, said["stopReason"])


def _text(text: str | None, refusal: str | None, finish: str) -> str:
    """An answer in a word."""
    if refusal:
        return "refusal"
    if finish not in ("stop", "end_turn", "tool_use"):
        return finish
    if not text:
        return "empty"
    try:
        value = json.loads(text)
    except ValueError:
        return "huge" if len(text) > 200_000 else "not json"
    if len(text) > 200_000:
        return "huge"
    return "answer" if set(value) >= set(SCHEMA["required"]) else "other json"


def four(ai: str, claude: str, bedrock: str) -> tuple[str, str, str, str]:
    """Both of OpenAI's endpoints fail alike."""
    return ai, ai, claude, bedrock


#: fault -> what Chat Completions, Responses, Messages and Converse make of it.
SEEN = {
    "400": four("400 unsupported_value", "400 invalid_request_error", "ValidationException"),
    "context_length": four(
        "400 context_length_exceeded", "400 invalid_request_error", "ValidationException"
    ),
    "401": four("401 invalid_api_key", "401 authentication_error", "UnrecognizedClientException"),
    "403": four("403", "403 permission_error", "AccessDeniedException"),
    "404": four("404 model_not_found", "404 not_found_error", "ResourceNotFoundException"),
    "quota": four("429 insufficient_quota", "402 billing_error", "ServiceQuotaExceededException"),
    "429": four("429 rate_limit_exceeded", "429 rate_limit_error", "ThrottlingException"),
    "500": four("500", "500 api_error", "InternalServerException"),
    "502": four("502", "html", "502"),
    "503": four("503 service_unavailable", "503 api_error", "ServiceUnavailableException"),
    "529": four("503 overloaded", "529 overloaded_error", "ServiceUnavailableException"),
    # The aiohttp transport of OpenAI's SDK takes a reset for a timeout of the connection.
    "reset": four("APITimeoutError", "APIConnectionError", "ConnectionClosedError"),
    "hang": four("APITimeoutError", "APITimeoutError", "ReadTimeoutError"),
    # botocore checks no length and gives back a response without `output`.
    "truncated": four("APIConnectionError", "APIConnectionError", "no output"),
    "bad_http": four("JSONDecodeError", "JSONDecodeError", "no output"),
    "huge": four("huge", "huge", "huge"),
    "empty": four("empty", "empty", "empty"),
    "refusal": four("refusal", "refusal", "content_filtered"),
    "content_filter": (
        "content_filter",
        "incomplete content_filter",
        "400 invalid_request_error",
        "guardrail_intervened",
    ),
    "length": ("length", "incomplete max_output_tokens", "max_tokens", "max_tokens"),
    "bad_json": four("not json", "not json", "other json"),
    "bad_schema": four("other json", "other json", "other json"),
    "error_body": ("no choices", "failed None", "error as answer", "malformed_model_output"),
}


def test_every_fault_is_seen_as_each_sdk_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(SEEN) == set(FAULTS)
    seen: dict[str, tuple[str, ...]] = {}

    async def run(server: ModelServer) -> None:
        bedrock = bedrock_client(server, monkeypatch, timeout=WAIT)
        ai, claude = clients(server, WAIT)
        async with ai, claude:
            await asyncio.to_thread(converse, bedrock)  # a first call loads much and takes long
            await asyncio.gather(chat(ai), respond(ai), message(claude))
            for kind in FAULTS:
                server.reset()
                server.configure(rules=(Rule(kind),))
                calls = chat(ai), respond(ai), message(claude), asyncio.to_thread(converse, bedrock)
                seen[kind] = tuple(await asyncio.gather(*calls))
                assert server.log.outcomes() == {kind: 4}, kind

    with ModelServer(huge_bytes=300_000) as server:
        asyncio.run(run(server))
    for kind, expected in SEEN.items():
        assert seen[kind] == expected, kind


def test_a_huge_answer_has_fifty_megabytes_unless_told_otherwise() -> None:
    async def run(server: ModelServer) -> int:
        async with AsyncOpenAI(base_url=server.openai_url, api_key="k") as client:
            said = await client.chat.completions.create(model="m", messages=ask())
            return len(said.choices[0].message.content or "")

    with ModelServer(script=("huge",)) as server:
        assert asyncio.run(run(server)) > 50_000_000


def outcomes(server: ModelServer, texts: list[str], timeout: float = 60) -> list[str]:
    """What came of each of some questions, asked 32 at a time."""

    async def run() -> list[str]:
        ai, claude = clients(server, timeout)
        gate = asyncio.Semaphore(32)

        async def one(text: str) -> str:
            async with gate:
                return await chat(ai, text)

        async with ai, claude:
            return await asyncio.gather(*(one(t) for t in texts))

    return asyncio.run(run())


def test_draws_come_at_their_rates_and_depend_on_body_and_attempt_alone() -> None:
    texts = [f"question {i}" for i in range(200)]
    faults = {"500": 0.2, "429": 0.1, "empty": 0.1}
    with ModelServer(seed=5, faults=faults) as server:
        first = outcomes(server, texts)
        second = outcomes(server, texts)
        server.reset()
        assert outcomes(server, texts[::-1])[::-1] == first
        server.configure(seed=6)
        server.reset()
        assert outcomes(server, texts) != first
    assert second != first
    counts = Counter(first)
    assert 20 < counts["500"] < 62 and 6 < counts["429 rate_limit_exceeded"] < 40
    assert 6 < counts["empty"] < 40 and counts["answer"] > 90


def test_sticky_faults_meet_every_attempt_of_a_body() -> None:
    texts = [f"question {i}" for i in range(40)]
    with ModelServer(sticky_faults={"refusal": 0.3}) as server:
        first, second = outcomes(server, texts), outcomes(server, texts)
    assert first == second and set(first) == {"refusal", "answer"}


def test_scripts_and_rules_choose_requests() -> None:
    with ModelServer(script=("500", "ok", "empty")) as server:
        assert [outcomes(server, ["q"])[0] for _ in range(3)] == ["500", "answer", "empty"]
        server.configure(script=(), rules=(Rule("refusal", contains="dark", times=2),))
        said = [outcomes(server, [t])[0] for t in ("dark 1", "light", "dark 2", "dark 3")]
        assert said == ["refusal", "answer", "refusal", "answer"]
        server.configure(rules=(Rule("503", path="/models"),))
        with pytest.raises(openai.InternalServerError):
            openai.OpenAI(base_url=server.openai_url, api_key="k", max_retries=0).models.list()
        assert outcomes(server, ["q"]) == ["answer"]


def test_settings_that_make_no_sense_are_refused() -> None:
    for bad in (
        {"faults": {"505": 0.1}},
        {"faults": {"500": 0.6, "429": 0.6}},
        {"script": ["oops"]},
        {"latency": {"kind": "uniform"}},
        {"latncy": 1},
    ):
        with pytest.raises(ValueError, match=r"unknown|sum|latency"):
            ModelServer(**bad)


def test_the_rate_limit_lets_a_burst_through_and_names_the_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[tuple[str, str]] = []
    clock: Any = SimpleNamespace(now=100.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(fates, "time", clock)

    async def run(server: ModelServer) -> None:
        ai, claude = clients(server)
        async with ai, claude:
            for _ in range(8):
                try:
                    await ai.chat.completions.create(model="m", messages=ask())
                except openai.RateLimitError as e:
                    head = e.response.headers
                    waits.append((head["retry-after"], head["retry-after-ms"]))
            clock.now += int(waits[-1][1]) / 1000
            await ai.chat.completions.create(model="m", messages=ask())

    with ModelServer(rpm=120, burst=5) as server:
        asyncio.run(run(server))
        assert server.log.outcomes() == {"ok": 6, "limited": 3}
    assert waits == [("1", "500")] * 3


def test_a_drawn_rate_limit_and_anthropics_overload_carry_retry_after() -> None:
    async def run(server: ModelServer) -> list[str]:
        _, claude = clients(server)
        heads = []
        async with claude:
            for _ in range(2):
                with pytest.raises(anthropic.APIStatusError) as caught:
                    await claude.messages.create(model="c", max_tokens=9, messages=ask())
                heads.append(caught.value.response.headers["retry-after"])
        return heads

    with ModelServer(script=("429", "529"), retry_after=0.25) as server:
        assert asyncio.run(run(server)) == ["0.25", "0.25"]


def test_requests_beyond_the_concurrency_limit_are_turned_away() -> None:
    with ModelServer(max_concurrent=10, latency=0.1) as server:
        said = Counter(outcomes(server, [f"q{i}" for i in range(32)]))
        assert said["answer"] >= 10 and said["429 rate_limit_exceeded"] > 0
        assert server.log.peak_in_flight > 10 and server.log.in_flight == 0


@pytest.mark.parametrize(
    ("latency", "low", "high"),
    [
        (0.1, 0.1, 0.1),
        ({"kind": "uniform", "low": 0.02, "high": 0.06}, 0.02, 0.06),
        ({"kind": "lognormal", "median": 0.03, "sigma": 0.3}, 0.01, 0.12),
        ({"kind": "exponential", "mean": 0.02}, 0.0, 0.25),
    ],
)
def test_answers_take_as_long_as_the_distribution_says(
    latency: Any, low: float, high: float
) -> None:
    with ModelServer(latency=latency) as server:
        assert set(outcomes(server, [f"q{i}" for i in range(16)])) == {"answer"}
        entries = server.log.entries
    drawn = Fates(Config(latency=latency))
    waits = [drawn.latency(entry.key, 1) for entry in entries]
    assert low <= min(waits) and max(waits) <= high
    assert all(e.seconds >= wait - 0.005 for e, wait in zip(entries, waits, strict=True))
    if isinstance(latency, dict):
        assert max(waits) - min(waits) > 0.005


def test_a_required_key_and_rejected_parameters_stop_requests() -> None:
    async def run(server: ModelServer) -> None:
        ai, claude = clients(server)
        async with ai, claude:
            await ai.chat.completions.create(model="m", messages=ask(), temperature=0.1)
            await claude.messages.create(model="c", max_tokens=9, messages=ask())
            with pytest.raises(openai.BadRequestError, match="temperature"):
                await ai.responses.create(model="o3-mini", input="Why?", temperature=0.1)
            await ai.responses.create(model="o3-mini", input="Why?")
            server.configure(require_key="sk-other")
            with pytest.raises(openai.AuthenticationError):
                await ai.chat.completions.create(model="m", messages=ask())
            with pytest.raises(anthropic.AuthenticationError):
                await claude.messages.create(model="c", max_tokens=9, messages=ask())

    with ModelServer(require_key="sk-planted", reject={"o[0-9]*": ("temperature",)}) as server:
        asyncio.run(run(server))


def test_the_log_counts_bodies_and_holds_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    with ModelServer(log_path=path, script=("ok", "500", "ok")) as server:
        assert outcomes(server, ["one"]) == ["answer"]
        assert outcomes(server, ["two"]) == ["500"]
        assert outcomes(server, ["two"]) == ["answer"]
        body = server.log.bodies()[0]
        one = body_key("/v1/chat/completions", dict(reversed(body.items())))
        assert body["messages"] == ask("one")
        assert server.log.asked()[one] == 1 and server.log.answered()[one] == 1
        assert sorted(server.log.asked().values()) == [1, 2]
        assert sorted(server.log.answered().values()) == [1, 1]
        assert server.log.entries[0].headers["content-type"] == "application/json"
    assert "sk-planted" not in path.read_text()
    log = RequestLog.read(path)
    assert log.asked() == server.log.asked() and log.outcomes() == {"ok": 2, "500": 1}


def test_a_client_that_leaves_is_logged_and_a_hang_does_not_hold_up_the_end() -> None:
    with ModelServer(latency=60) as server:
        assert outcomes(server, ["q"], WAIT) == ["APITimeoutError"]
        wait_for(lambda: server.log.entries[0].outcome)
        assert server.log.outcomes() == {"abandoned": 1}
        server.configure(latency=0, rules=(Rule("hang"),))

        async def leave_open() -> None:
            port = int(server.url.rsplit(":", 1)[1])
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            await writer.drain()
            await asyncio.to_thread(wait_for, lambda: len(server.log.entries) == 2)
            await asyncio.to_thread(server.stop)
            writer.close()

        asyncio.run(leave_open())
        assert server.log.outcomes() == {"abandoned": 1, "hang": 1}


CLIENT = """
import asyncio, sys
from openai import AsyncOpenAI
async def main():
    client = AsyncOpenAI(base_url=sys.argv[1], api_key="k", max_retries=0)
    await asyncio.gather(*(client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": f"q{i}"}]) for i in range(200)))
asyncio.run(main())
"""


def test_a_server_process_outlives_a_killed_client_and_ends_when_told(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    with ServerProcess(log_path=path, latency=60, faults={"500": 0.0}) as server:
        client = subprocess.Popen([sys.executable, "-c", CLIENT, server.openai_url])
        wait_for(lambda: server.stats()["in_flight"] >= 20)
        client.kill()
        client.wait()
        wait_for(lambda: server.stats()["in_flight"] == 0)
        assert server.log.outcomes()["abandoned"] >= 20
        server.configure(latency=0.0, rules=[Rule("empty", contains="dark", times=1)])
        with openai.OpenAI(base_url=server.openai_url, api_key="k") as ai:
            said = [ai.chat.completions.create(model="m", messages=ask("dark")) for _ in range(2)]
        assert [bool(s.choices[0].message.content) for s in said] == [False, True]
        asked, pid = server.log.asked(), server.pid
        server.reset()
        assert server.stats()["requests"] == 0
    assert RequestLog.read(path).asked() == asked
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_server_process_ends_by_itself_once_its_starter_is_gone() -> None:
    code = (
        "from tests.model_server import ServerProcess\n"
        "import os, sys\n"
        "s = ServerProcess().start()\n"
        "print(s.pid, flush=True)\n"
        "os._exit(0)\n"
    )
    root = Path(__file__).parents[1]
    made = subprocess.run(
        [sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, text=True, check=True
    )
    pid = int(made.stdout)
    try:
        wait_for(lambda: not Path(f"/proc/{pid}").exists(), seconds=30)
    except AssertionError:
        os.kill(pid, signal.SIGKILL)
        raise


def test_lean_answers_name_their_request_and_faults_still_hit() -> None:
    with ModelServer(lean=True, script=("500",)) as lean:
        assert outcomes(lean, ["q"]) == ["500"]
        body = {"model": "m", "messages": ask()}
        with openai.OpenAI(base_url=lean.openai_url, api_key="k") as ai:
            said = ai.post("/chat/completions", cast_to=object, body=body)
        key = lean.log.entries[-1].key
        assert said["choices"][0]["message"]["content"] == f"lean {key[:12]}"  # type: ignore[index]
