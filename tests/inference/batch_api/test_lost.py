"""Anthropic: a batch whose id was lost, among others of its size that were made beside it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference import Failure, Message, Request, Sampling
from inference.batch_api.anthropic_batches import AnthropicBatches
from inference.batch_api.api import Line, line_of
from inference.batch_api.ledger import Ledger
from inference.models import resolve
from inference.providers.base import RequestFailed
from tests.inference.batch_api.test_batches import IDS, batched, hurry, lines, point_to, submits
from tests.model_server import ModelServer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """One without batches of other tests; its own take a moment."""
    with ModelServer(batch_delay=0.3) as running:
        point_to(running, monkeypatch)
        hurry(monkeypatch)
        yield running


def questions(whose: str) -> list[Request]:
    """Six, so that everybody's batches have the same size."""
    model, sampling = resolve(IDS["anthropic"]), Sampling(max_tokens=100)
    return [Request(model, (Message("user", f"{whose} {n}"),), sampling) for n in range(6)]


def submit(whose: str) -> None:
    """Make a batch of which nobody takes a note."""

    async def run() -> None:
        wanted = questions(whose)
        api = AnthropicBatches(wanted[0].model, 5.0)
        await api.submit("", [line_of(api, request) for request in wanted])
        await api.close()

    asyncio.run(run())


def intend(place: Path, whose: str) -> None:
    """Take note of a batch that is about to be made, as a process does that is then killed."""
    wanted = questions(whose)
    Ledger(str(place), wanted[0].model).intend([request.key for request in wanted])


def test_batches_whose_ids_are_known_are_not_taken_for_the_lost_one(
    server: ModelServer, tmp_path: Path
) -> None:
    batched(tmp_path, questions("another shard"))
    intend(tmp_path, "ours")
    submit("ours")
    found, _ = batched(tmp_path, questions("ours"))
    assert all(r.ok for r in found)
    assert submits(server, "anthropic") == 2 and Counter(lines(server)) == {"ok": 12}


def test_of_batches_that_nobody_knows_the_one_with_our_keys_is_taken(
    server: ModelServer, tmp_path: Path
) -> None:
    submit("a stranger, sooner")
    intend(tmp_path, "ours")
    submit("a stranger, nearer")
    submit("ours")
    submit("a stranger, later")
    found, _ = batched(tmp_path, questions("ours"))
    assert all(r.ok for r in found)
    assert submits(server, "anthropic") == 4
    _, progress = batched(tmp_path, questions("ours"))
    assert progress.stored == 6 and submits(server, "anthropic") == 4


def test_what_never_was_made_is_made_once_the_others_turn_out_to_be_strangers(
    server: ModelServer, tmp_path: Path
) -> None:
    intend(tmp_path, "ours")
    submit("a stranger")
    found, _ = batched(tmp_path, questions("ours"))
    assert all(r.ok for r in found)
    assert submits(server, "anthropic") == 2 and Counter(lines(server)) == {"ok": 12}
    assert len(list(tmp_path.rglob("*.id.json"))) == 1


@pytest.mark.parametrize("is_made", [True, False])
def test_a_batch_whose_reply_breaks_off_is_looked_for_before_it_is_made_again(
    server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_made: bool
) -> None:
    make, calls = AnthropicBatches.submit, 0

    async def breaks_once(self: AnthropicBatches, intent: str, some: list[Line]) -> str:
        nonlocal calls
        calls += 1
        if calls > 1:
            return await make(self, intent, some)
        await make(self, "", [line_of(self, request) for request in questions("a stranger")])
        if is_made:
            await make(self, intent, some)
        raise RequestFailed(Failure.SERVER_ERROR, "connection failed", retryable=True)

    monkeypatch.setattr(AnthropicBatches, "submit", breaks_once)
    found, _ = batched(tmp_path, questions("ours"))
    assert all(r.ok for r in found)
    assert submits(server, "anthropic") == 2 and Counter(lines(server)) == {"ok": 12}


@pytest.mark.parametrize("on_s3", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_ledger_knows_the_batches_of_every_model_of_its_store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_s3: bool
) -> None:
    place = str(tmp_path)
    if on_s3:
        s3 = request.getfixturevalue("s3")
        for name, value in s3.environment().items():
            monkeypatch.setenv(name, value)
        place = f"s3://{s3.bucket}/{tmp_path.name}"
    ledgers = [Ledger(place, resolve(name)) for name in ("claude-haiku-4-5", "claude-sonnet-4-5")]
    names = {}
    for number, ledger in enumerate(ledgers):
        entry = ledger.intend(["key"])
        ledger.submitted(entry, f"batch {number}")
        names[entry.intent] = f"batch {number}"
    assert ledgers[0].ids() == ledgers[1].ids() == names
    assert [entry.id for entry in ledgers[0].entries()] == ["batch 0"]
