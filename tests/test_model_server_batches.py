"""The model server's file and batch endpoints, driven by the real SDKs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import anthropic
import openai
import pytest
from openai.types import Batch, BatchRequestCounts

from tests.model_server import ModelServer, Rule, body_key, default_text

CHAT: Final = "/v1/chat/completions"


def bodies(count: int) -> dict[str, dict[str, Any]]:
    """Request bodies by custom id."""
    return {
        f"row-{i}": {"model": "m", "messages": [{"role": "user", "content": f"question {i}"}]}
        for i in range(count)
    }


def text_of(i: int, model: str = "m") -> str:
    return default_text(model, [{"role": "user", "content": f"question {i}"}])


def jsonl(rows: dict[str, dict[str, Any]], url: str = CHAT) -> bytes:
    """An input file."""
    lines = (
        {"custom_id": name, "method": "POST", "url": url, "body": body}
        for name, body in rows.items()
    )
    return "\n".join(json.dumps(line) for line in lines).encode()


@contextmanager
def openai_on(**settings: Any) -> Iterator[tuple[ModelServer, openai.OpenAI]]:
    """A server and OpenAI's client of it."""
    with (
        ModelServer(**settings) as server,
        openai.OpenAI(base_url=server.openai_url, api_key="k", max_retries=0) as client,
    ):
        yield server, client


@contextmanager
def anthropic_on(**settings: Any) -> Iterator[tuple[ModelServer, anthropic.Anthropic]]:
    """A server and Anthropic's client of it."""
    with (
        ModelServer(**settings) as server,
        anthropic.Anthropic(base_url=server.url, api_key="k", max_retries=0) as client,
    ):
        yield server, client


def submit(client: openai.OpenAI, content: bytes, **more: Any) -> Any:
    """Upload an input file and start its batch."""
    file = client.files.create(file=("in.jsonl", content), purpose="batch")
    assert file.bytes == len(content) and file.purpose == "batch"
    fields: dict[str, Any] = {"endpoint": CHAT, "completion_window": "24h"} | more
    return client.batches.create(input_file_id=file.id, **fields)


def counts_of(batch: Batch) -> BatchRequestCounts:
    """How many lines went which way, which must be told."""
    assert batch.request_counts is not None
    return batch.request_counts


def lines_of(client: openai.OpenAI, file_id: str | None) -> dict[str, Any]:
    """The rows of an output or error file by custom id."""
    if file_id is None:
        return {}
    rows = [json.loads(line) for line in client.files.content(file_id).text.splitlines()]
    return {row["custom_id"]: row for row in rows}


# --- OpenAI


def test_openai_batch_answers_every_line_as_the_live_endpoint_would() -> None:
    with openai_on() as (server, client):
        made = submit(client, jsonl(bodies(5)), metadata={"run": "7"})
        assert made.status == "validating" and made.metadata == {"run": "7"}
        batch = client.batches.retrieve(made.id)
        assert batch.status == "completed" and batch.error_file_id is None
        assert (counts_of(batch).total, counts_of(batch).completed) == (5, 5)
        rows = lines_of(client, batch.output_file_id)
        for i in range(5):
            answer = rows[f"row-{i}"]["response"]
            assert answer["status_code"] == 200
            assert answer["body"]["choices"][0]["message"]["content"] == text_of(i)
        key = body_key(CHAT, bodies(1)["row-0"])
        client.chat.completions.create(**bodies(1)["row-0"])
        assert server.log.asked()[key] == 2 and server.log.answered()[key] == 2


def test_openai_batches_serve_responses_and_embeddings() -> None:
    with openai_on() as (_, client):
        for url, body, field in (
            ("/v1/responses", {"model": "m", "input": "Why?"}, "output"),
            ("/v1/embeddings", {"model": "m", "input": "Why?"}, "data"),
        ):
            made = submit(client, jsonl({"a": body}, url), endpoint=url)
            done = client.batches.retrieve(made.id)
            assert lines_of(client, done.output_file_id)["a"]["response"]["body"][field]


def test_openai_batch_waits_for_its_delay_and_can_be_released() -> None:
    with openai_on(batch_delay=None) as (server, client):
        made = submit(client, jsonl(bodies(3)))
        assert client.batches.retrieve(made.id).status == "in_progress"
        assert server.log.answered()[body_key(CHAT, bodies(1)["row-0"])] == 0
        server.configure(batch_delay=0.0)
        assert client.batches.retrieve(made.id).status == "completed"


def test_openai_batch_with_failed_lines_splits_output_and_errors() -> None:
    faults = {"500": 0.2, "400": 0.1, "expired": 0.1, "length": 0.1}
    with openai_on(batch_faults=faults) as (server, client):
        made = submit(client, jsonl(bodies(200)))
        batch = client.batches.retrieve(made.id)
        good = lines_of(client, batch.output_file_id)
        bad = lines_of(client, batch.error_file_id)
        assert batch.status == "completed"
        assert set(good) | set(bad) == set(bodies(200)) and not set(good) & set(bad)
        assert counts_of(batch).failed == len(bad)
        cut = [r for r in good.values() if _finish(r) == "length"]
        codes = [r["response"]["status_code"] if r["response"] else 0 for r in bad.values()]
        expired = [r for r in bad.values() if r["error"]]
        assert {r["error"]["code"] for r in expired} == {"batch_expired"}
        assert min(codes.count(500), codes.count(400), len(expired), len(cut)) > 5
        said = server.log.outcomes()
        assert said["500"] == codes.count(500) and said["expired"] == len(expired)


def _finish(row: dict[str, Any]) -> str:
    return row["response"]["body"]["choices"][0]["finish_reason"]


def test_openai_batch_that_expires_keeps_what_was_done() -> None:
    with openai_on(batch_expires=0.4) as (_, client):
        made = submit(client, jsonl(bodies(10)))
        batch = client.batches.retrieve(made.id)
        assert batch.status == "expired" and batch.expired_at
        assert len(lines_of(client, batch.output_file_id)) == 4
        bad = lines_of(client, batch.error_file_id)
        assert len(bad) == 6 and bad["row-9"]["error"]["code"] == "batch_expired"


def test_openai_batch_can_be_cancelled_and_is_listed() -> None:
    with openai_on(batch_delay=60.0) as (_, client):
        first, second = (submit(client, jsonl(bodies(4))) for _ in range(2))
        assert client.batches.cancel(first.id).status == "cancelling"
        batch = client.batches.retrieve(first.id)
        assert batch.status == "cancelled" and batch.output_file_id is None
        assert lines_of(client, batch.error_file_id)["row-0"]["error"]["code"] == "batch_cancelled"
        with pytest.raises(openai.ConflictError):
            client.batches.cancel(first.id)
        assert [b.id for b in client.batches.list(limit=1)] == [second.id, first.id]


def test_openai_batch_with_an_invalid_input_file_fails_as_a_whole() -> None:
    twice = jsonl(bodies(1)) + b"\n" + jsonl(bodies(1))
    mixed = jsonl({"a": {"model": "m"}, "b": {"model": "n"}})
    for content, code in (
        (b"{oops", "invalid_json_line"),
        (twice, "duplicate_custom_id"),
        (mixed, "mismatched_model"),
        (jsonl(bodies(1), "/v1/responses"), "mismatched_endpoint"),
        (jsonl(bodies(6)), "too_many_tasks"),
    ):
        with openai_on(batch_max_requests=5) as (_, client):
            batch = client.batches.retrieve(submit(client, content).id)
            assert batch.status == "failed" and batch.output_file_id is None
            assert batch.errors is not None and batch.errors.data is not None
            assert code in {e.code for e in batch.errors.data}
    with openai_on(batch_fails=True) as (_, client):
        assert client.batches.retrieve(submit(client, jsonl(bodies(1))).id).status == "failed"


def test_openai_files_are_listed_read_and_deleted() -> None:
    with openai_on() as (_, client):
        content = b'{"text": "\xc3\xa9 \r\n\x00\xff"}\n'
        file = client.files.create(file=("a.bin", content), purpose="user_data")
        assert client.files.content(file.id).content == content
        assert [f.id for f in client.files.list()] == [file.id]
        assert client.files.retrieve(file.id).filename == "a.bin"
        with pytest.raises(openai.BadRequestError, match="purpose"):
            client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
        assert client.files.delete(file.id).deleted
        with pytest.raises(openai.NotFoundError):
            client.files.retrieve(file.id)
        with pytest.raises(openai.NotFoundError):
            client.batches.retrieve("batch_none")


def test_batch_endpoints_fail_where_a_rule_names_them() -> None:
    with openai_on(rules=(Rule("500", path="/batches", times=1),)) as (_, client):
        with pytest.raises(openai.InternalServerError):
            submit(client, jsonl(bodies(1)))
        assert client.batches.retrieve(submit(client, jsonl(bodies(1))).id).status == "completed"


# --- Anthropic


def requests(count: int) -> list[Any]:
    """Requests of a message batch."""
    rows = bodies(count).items()
    return [{"custom_id": n, "params": {**b, "model": "c", "max_tokens": 50}} for n, b in rows]


def results(client: anthropic.Anthropic, batch_id: str) -> dict[str, Any]:
    return {row.custom_id: row.result for row in client.messages.batches.results(batch_id)}


def test_anthropic_batch_answers_every_request_as_the_live_endpoint_would() -> None:
    with anthropic_on() as (server, client):
        made = client.messages.batches.create(requests=requests(5))
        assert made.processing_status == "in_progress" and made.results_url is None
        assert made.request_counts.processing == 5
        batch = client.messages.batches.retrieve(made.id)
        assert batch.processing_status == "ended" and batch.request_counts.succeeded == 5
        rows = results(client, made.id)
        for i in range(5):
            assert rows[f"row-{i}"].message.content[0].text == text_of(i, "c")
        key = body_key("/v1/messages", requests(1)[0]["params"])
        client.messages.create(**requests(1)[0]["params"])
        assert server.log.answered()[key] == 2


def test_anthropic_batch_waits_for_its_delay_and_can_be_released() -> None:
    with anthropic_on(batch_delay=None) as (server, client):
        made = client.messages.batches.create(requests=requests(2))
        assert client.messages.batches.retrieve(made.id).processing_status == "in_progress"
        with pytest.raises(anthropic.AnthropicError, match="results_url"):
            results(client, made.id)
        server.configure(batch_delay=0.0)
        assert len(results(client, made.id)) == 2


def test_anthropic_batch_keeps_errors_and_expired_requests_apart() -> None:
    faults = {"500": 0.2, "expired": 0.2, "refusal": 0.2}
    with anthropic_on(batch_faults=faults) as (_, client):
        made = client.messages.batches.create(requests=requests(100))
        counts = client.messages.batches.retrieve(made.id).request_counts
        rows = results(client, made.id)
        kinds = [r.type for r in rows.values()]
        assert counts.errored == kinds.count("errored") > 5
        assert counts.expired == kinds.count("expired") > 5
        errors = [r.error.error.type for r in rows.values() if r.type == "errored"]
        assert set(errors) == {"api_error"}
        stops = [r.message.stop_reason for r in rows.values() if r.type == "succeeded"]
        assert stops.count("refusal") > 5 and stops.count("end_turn") > 5


def test_anthropic_batch_that_expires_keeps_what_was_done() -> None:
    with anthropic_on(batch_expires=0.5) as (_, client):
        made = client.messages.batches.create(requests=requests(10))
        counts = client.messages.batches.retrieve(made.id).request_counts
        assert (counts.succeeded, counts.expired) == (5, 5)
        assert results(client, made.id)["row-9"].type == "expired"


def test_anthropic_batches_are_cancelled_listed_and_deleted() -> None:
    with anthropic_on(batch_delay=60.0) as (_, client):
        made = [client.messages.batches.create(requests=requests(3)) for _ in range(3)]
        stopped = client.messages.batches.cancel(made[0].id)
        assert stopped.processing_status == "canceling" and stopped.cancel_initiated_at
        assert client.messages.batches.retrieve(made[0].id).request_counts.canceled == 3
        assert {r.type for r in results(client, made[0].id).values()} == {"canceled"}
        listed = [b.id for b in client.messages.batches.list(limit=2)]
        assert listed == [b.id for b in reversed(made)]
        with pytest.raises(anthropic.BadRequestError):
            client.messages.batches.delete(made[1].id)
        assert client.messages.batches.delete(made[0].id).type == "message_batch_deleted"
        with pytest.raises(anthropic.NotFoundError):
            client.messages.batches.retrieve(made[0].id)


def test_anthropic_refuses_batches_that_break_its_rules() -> None:
    twice = requests(1) * 2
    named: list[Any] = [{**requests(1)[0], "custom_id": "has a space"}]
    with anthropic_on(batch_max_requests=3) as (_, client):
        for bad, why in ((twice, "unique"), (named, "custom_id"), ([], "at least one")):
            with pytest.raises(anthropic.BadRequestError, match=why):
                client.messages.batches.create(requests=bad)
        with pytest.raises(anthropic.APIStatusError, match="at most"):
            client.messages.batches.create(requests=requests(4))


def test_thousands_of_lines_are_answered_within_seconds() -> None:
    with openai_on() as (_, client):
        made = submit(client, jsonl(bodies(4_000)))
        batch = client.batches.retrieve(made.id, timeout=20)
        assert counts_of(batch).completed == 4_000
        assert len(lines_of(client, batch.output_file_id)) == 4_000
