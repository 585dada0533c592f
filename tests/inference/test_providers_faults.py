"""Every fault through every provider's real SDK ends as the failure that names it."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from inference import AskOptions, Failure, Result
from inference.providers.base import MAX_BODY_BYTES, RequestFailed, failed_error, parse_retry_after
from tests.inference.asking import (
    LANES,
    ONCE,
    PLANTED,
    VERDICT,
    all_bytes,
    ask_all,
    journal,
    lane,
    question,
    send,
)
from tests.model_server import ModelServer
from tests.processes import wait_for

EXPECTED = {
    "400": "bad_request",
    "context_length": "bad_request",
    "401": "auth",
    "403": "auth",
    "404": "bad_request",
    "quota": "auth",
    "429": "rate_limited",
    "500": "server_error",
    "502": "server_error",
    "503": "server_error",
    "529": "server_error",
    "reset": "server_error",
    "hang": "timeout",
    "truncated": "server_error",
    "bad_http": "server_error",
    "huge": "too_large",
    "empty": "empty",
    "refusal": "filtered",
    "content_filter": "filtered",
    "length": "truncated",
    "bad_json": "invalid_output",
    "bad_schema": "invalid_output",
    "error_body": "server_error",
}
WITH_SCHEMA = ("refusal", "bad_json", "bad_schema")
QUICK = AskOptions(batch_size=8, timeout=0.7, max_tries=1, max_attempts=1, patience=0)


def outcome(name: str, fault: str, server: ModelServer, root: Path, patch: object) -> Result:
    model = lane(name, server.url, patch)  # type: ignore[arg-type]
    server.configure(script=(fault,), huge_bytes=MAX_BODY_BYTES + 1, retry_after=7)
    schema = VERDICT if fault in WITH_SCHEMA else None
    options = QUICK if fault == "hang" else ONCE
    [result] = ask_all([question(model, schema=schema)], root, options)
    return result


@pytest.mark.parametrize("fault", EXPECTED)
@pytest.mark.parametrize("name", ["endpoint", "openai", "anthropic", "bedrock"])
def test_a_fault_is_named(
    name: str,
    fault: str,
    server: ModelServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = outcome(name, fault, server, tmp_path, monkeypatch)
    expected = EXPECTED[fault]
    if (name, fault) == ("anthropic", "529"):
        expected = "rate_limited"
    assert result.failure == expected, result
    assert result.content is None and result.reason and "\n" not in result.reason
    assert len(server.log.entries) == 1, "no SDK may retry by itself"
    assert [line["failure"] for line in journal(tmp_path)] == [expected]


@pytest.mark.parametrize("name", ["endpoint", "openai"])
def test_a_refusal_in_words_answers_a_free_question(
    name: str, server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lane(name, server.url, monkeypatch)
    server.configure(script=("refusal",))
    [result] = ask_all([question(model)], tmp_path, ONCE)
    assert result.ok and "can't help" in (result.content or "")


@pytest.mark.parametrize("name", LANES)
def test_what_was_cut_keeps_its_text_apart(
    name: str, server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = outcome(name, "length", server, tmp_path, monkeypatch)
    assert result.failure is Failure.TRUNCATED and (result.raw or "").startswith("Answer")
    assert result.usage.output > 0, "what was cut is paid for"


@pytest.mark.parametrize("name", ["endpoint", "openai", "anthropic"])
def test_the_server_says_how_long_to_wait(
    name: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lane(name, server.url, monkeypatch)
    server.configure(script=("429",), retry_after=7)
    with pytest.raises(RequestFailed) as caught:
        send(question(model))
    assert caught.value.retry_after == 7 and caught.value.cuts and caught.value.retryable


def test_waits_are_read_in_every_form(monkeypatch: pytest.MonkeyPatch) -> None:
    in_a_minute = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 60))
    assert parse_retry_after({"retry-after": "2.5"}) == 2.5
    assert parse_retry_after({"retry-after": "9", "retry-after-ms": "250"}) == 0.25
    assert 50 < (parse_retry_after({"retry-after": in_a_minute}) or 0) <= 60
    assert parse_retry_after({"retry-after": "-3"}) == 0
    assert parse_retry_after({"retry-after": "soon"}) is None
    assert parse_retry_after({"retry-after": "nan"}) is None
    for endless in ("inf", "1e12", "Fri, 31 Dec 9999 23:59:59 GMT"):
        assert parse_retry_after({"retry-after": endless}) == 600
    without_zone = in_a_minute.replace("GMT", "-0000")
    for zone in ("UTC0", "Asia/Tokyo"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        assert 50 < (parse_retry_after({"retry-after": without_zone}) or 0) <= 60
    monkeypatch.undo()
    time.tzset()
    assert parse_retry_after({}) is None


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        ({"code": 429, "message": "x"}, Failure.RATE_LIMITED),
        ({"code": "429", "message": "x"}, Failure.RATE_LIMITED),
        ({"code": "rate_limit_exceeded"}, Failure.RATE_LIMITED),
        ({"type": "overloaded_error"}, Failure.RATE_LIMITED),
        ({"type": "authentication_error"}, Failure.AUTH),
        ({"code": 403, "message": "Your input was flagged"}, Failure.FILTERED),
        ({"code": 402, "message": "no credit"}, Failure.AUTH),
        ({"code": "server_error"}, Failure.SERVER_ERROR),
        ({}, Failure.SERVER_ERROR),
        ("broken", Failure.SERVER_ERROR),
    ],
)
def test_errors_inside_a_status_200(error: object, failure: Failure) -> None:
    assert failed_error(error).failure is failure


@pytest.mark.parametrize("name", ["endpoint", "openai", "anthropic"])
def test_half_a_surrogate_pair_is_the_requests_own_fault(
    name: str, server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lane(name, server.url, monkeypatch)
    results = ask_all([question(model, "bad \ud800"), question(model, "good")], tmp_path, ONCE)
    assert results[1].ok
    assert results[0].ok or results[0].failure is Failure.BAD_REQUEST, results[0]


@pytest.mark.parametrize("name", ["endpoint", "anthropic", "bedrock"])
def test_fifty_megabytes_are_refused_by_name(
    name: str, server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lane(name, server.url, monkeypatch)
    server.configure(script=("huge", "ok"))
    results = ask_all([question(model), question(model, "next?")], tmp_path, ONCE)
    assert sorted(r.reason.split(":")[0] if r.reason else "ok" for r in results) == [
        "ok",
        "too_large",
    ]
    assert "50," in str([r.detail for r in results])


class _Odd(BaseHTTPRequestHandler):
    """A server that echoes the key it was sent, in an error or in an answer, or never stops."""

    mode = "echo"
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if self.mode in ("endless", "zipped", "chunked"):
            getattr(self, self.mode)()
            return
        keys = [self.headers.get(n, "") for n in ("authorization", "x-api-key")]
        said = f"Incorrect API key provided: {' '.join(keys)} {PLANTED}"
        body = f'{{"type": "error", "message": "{said}", "error": {{"message": "{said}"}}}}'
        if self.mode == "answer":
            body = f'{{"choices": [{{"message": {{"content": "{said}", "reasoning": "{said}"}}}}]}}'
        self.send_response(200 if self.mode == "answer" else int(self.mode))
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def endless(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        try:
            while True:
                self.wfile.write(chunk)
        except OSError:
            self.close_connection = True

    def zipped(self) -> None:
        """A huge answer, as small on the wire as the client lets it be."""
        text = "x" * 50_000_000
        body = json.dumps({"choices": [{"message": {"content": text}}]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        if "gzip" in self.headers.get("accept-encoding", ""):
            body = gzip.compress(body, 1)
            self.send_header("content-encoding", "gzip")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def chunked(self) -> None:
        """A huge answer of Converse that does not say how long it is."""
        said = {"role": "assistant", "content": [{"text": "x" * 50_000_000}]}
        body = json.dumps({"output": {"message": said}, "stopReason": "end_turn"}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))

    def log_message(self, *_: object) -> None:
        """Nothing is said."""


@pytest.fixture(scope="module")
def odd() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Odd)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.parametrize("name", LANES)
@pytest.mark.parametrize("status", ["401", "500", "answer"])
def test_a_key_that_comes_back_is_kept_nowhere(
    name: str,
    status: str,
    odd: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    model = lane(name, odd, monkeypatch)
    monkeypatch.setenv("INFERENCE_API_KEY", PLANTED)
    monkeypatch.setattr(_Odd, "mode", status)
    results = ask_all([question(model), question(model, "again")], tmp_path, ONCE)
    seen = repr(results).encode() + all_bytes(tmp_path) + "".join(capfd.readouterr()).encode()
    assert b"planted" not in seen.lower()
    assert b"API_KEY]" in seen or b"AWS_" in seen or status == "answer", "the echo did come back"
    if status == "answer" and name in ("endpoint", "openrouter", "gemini"):
        assert all(r.ok and "_API_KEY]" in (r.content or "") for r in results)


@pytest.mark.parametrize("name", ["endpoint", "openai", "anthropic"])
def test_a_body_without_an_end_is_refused_by_name(
    name: str, odd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lane(name, odd, monkeypatch)
    monkeypatch.setattr(_Odd, "mode", "endless")
    with pytest.raises(RequestFailed) as caught:
        send(question(model), timeout=20)
    assert caught.value.failure is Failure.TOO_LARGE


@pytest.mark.parametrize("name", ["endpoint", "openai", "anthropic"])
def test_a_huge_answer_that_is_small_on_the_wire_is_refused_by_name(
    name: str, odd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lane(name, odd, monkeypatch)
    monkeypatch.setattr(_Odd, "mode", "zipped")
    with pytest.raises(RequestFailed) as caught:
        send(question(model), timeout=20)
    assert caught.value.failure is Failure.TOO_LARGE


def test_a_huge_answer_in_chunks_is_refused_by_name_on_bedrock_too(
    odd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lane("bedrock", odd, monkeypatch)
    monkeypatch.setattr(_Odd, "mode", "chunked")
    with pytest.raises(RequestFailed) as caught:
        send(question(model), timeout=20)
    assert caught.value.failure is Failure.TOO_LARGE


def test_a_dead_address_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LANES:
        model = lane(name, "http://127.0.0.1:9", monkeypatch)
        [result] = ask_all([question(model)], tmp_path, ONCE)
        assert result.failure is Failure.SERVER_ERROR and "onnect" in result.detail, result


def test_bedrock_threads_do_not_keep_a_stopped_run_alive(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lane("bedrock", server.url, monkeypatch)
    server.configure(script=("hang",))

    async def run() -> list[threading.Thread]:
        from inference.providers import open_provider
        from inference.providers.base import ProviderOptions

        provider = open_provider(model, ProviderOptions(4, timeout=5))
        task = asyncio.create_task(provider.send(question(model)))
        await asyncio.to_thread(wait_for, lambda: server.log.entries)
        threads = [t for t in threading.enumerate() if t.name.startswith("bedrock")]
        task.cancel()
        await provider.close()
        return threads

    threads = asyncio.run(run())
    assert threads and all(t.daemon for t in threads)
