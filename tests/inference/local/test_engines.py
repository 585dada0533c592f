"""The thread that runs engines: one at a time, and what becomes of requests when one breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from inference import Message, PlumblineError, Request
from inference.local.engine import EngineDied, Finished
from inference.local.engines import MOST_DEATHS, Engines
from inference.local.turn import Turn
from inference.models import ModelRef
from inference.providers.base import Reply, RequestFailed
from inference.result import Failure, Usage
from tests.inference.local.fake_engine import FakeEngine

BASE = ModelRef("vllm/one", "vllm", "one", engine="{}", serving='{"kv_cache_memory_bytes": 1}')
OTHER = replace(BASE, label="vllm/other", name="other")


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engines]:
    monkeypatch.setattr("inference.local.engines.Engine", FakeEngine)
    monkeypatch.setattr("inference.local.engines.SETTLE", 0.01)
    monkeypatch.setattr("inference.local.engines.PATIENCE", 0.05)
    monkeypatch.setattr(FakeEngine, "started", [])
    running = Engines()
    yield running
    running.close()
    assert all(engine.closed for engine in FakeEngine.started)


def wave(engines: Engines, *asked: tuple[ModelRef, str]) -> list[str | BaseException]:
    """What becomes of requests that are asked at once."""

    async def one(model: ModelRef, text: str) -> str:
        reply = await engines.answer(Request(model, (Message("user", text),)))
        return str(reply.text)

    async def all_of_them() -> list[str | BaseException]:
        asking = [one(model, text) for model, text in asked]
        return await asyncio.gather(*asking, return_exceptions=True)

    return asyncio.run(asyncio.wait_for(all_of_them(), 30))


def questions(count: int, model: ModelRef = BASE) -> list[tuple[ModelRef, str]]:
    return [(model, f"question {number}") for number in range(count)]


def breaking(once_at: int, error: Exception) -> Callable[[FakeEngine], None]:
    """The first engine breaks in its step of that number."""

    def act(engine: FakeEngine) -> None:
        if len(engine.started) == 1 and engine.steps == once_at:
            raise error

    return act


def test_bases_take_turns_and_each_request_gets_its_own_answer(engines: Engines) -> None:
    mixed = [
        pair for both in zip(questions(30), questions(30, OTHER), strict=True) for pair in both
    ]
    assert wave(engines, *mixed) == [f"{model.name}: {text}" for model, text in mixed]
    assert [engine.report.requests for engine in FakeEngine.started] == [30, 30]
    assert len(engines.reports) == 2


def test_an_engine_outlives_a_wave(engines: Engines) -> None:
    for _ in range(2):
        assert wave(engines, *questions(5)) == [f"one: question {n}" for n in range(5)]
    assert len(FakeEngine.started) == 1


def test_one_that_can_not_be_served_does_not_cost_the_others(engines: Engines) -> None:
    found = wave(engines, *questions(6), (BASE, "bad"))
    assert found[:6] == [f"one: question {n}" for n in range(6)]
    assert isinstance(found[6], RequestFailed) and found[6].failure is Failure.BAD_REQUEST


def test_after_an_error_nobody_foresaw_the_next_wave_has_a_new_engine(
    engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeEngine, "act", breaking(2, ValueError("a bug")))
    found = wave(engines, *questions(12))
    assert sum(isinstance(one, ValueError) for one in found) == 8 and len(found) == 12
    assert wave(engines, *questions(12)) == [f"one: question {n}" for n in range(12)]
    assert len(FakeEngine.started) == 2 and FakeEngine.started[0].closed


def test_what_was_in_a_dead_engine_may_be_tried_again(
    engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeEngine, "act", breaking(2, EngineDied("out of memory")))
    found = wave(engines, *questions(12))
    failed = [one for one in found if isinstance(one, RequestFailed)]
    assert len(failed) == 8 and all(one.retryable for one in failed)
    assert "out of memory" in failed[0].detail
    assert len(wave(engines, *questions(12))) == 12 and len(FakeEngine.started) == 2


def test_an_engine_that_dies_again_and_again_is_given_up(
    engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def act(engine: FakeEngine) -> None:
        raise EngineDied("no device")

    monkeypatch.setattr(FakeEngine, "act", act)
    for _ in range(MOST_DEATHS - 1):
        [found] = wave(engines, *questions(1))
        assert isinstance(found, RequestFailed) and found.retryable
    [found] = wave(engines, *questions(1))
    assert isinstance(found, PlumblineError) and f"broke {MOST_DEATHS} times" in str(found)


def test_a_late_adapter_that_does_not_fit_starts_the_engine_anew(engines: Engines) -> None:
    late = replace(BASE, label="vllm/late", adapter="late", adapter_revision="1")
    assert wave(engines, (BASE, "first")) == ["one: first"]
    assert wave(engines, (late, "then")) == ["one: then"]
    assert [engine.known for engine in FakeEngine.started] == [set(), {"late"}]


def test_announced_adapters_are_known_from_the_start(engines: Engines) -> None:
    late = replace(BASE, label="vllm/late", adapter="late", adapter_revision="1")
    engines.announce([BASE, late])
    assert wave(engines, (BASE, "first")) == ["one: first"]
    assert wave(engines, (late, "then")) == ["one: then"]
    assert len(FakeEngine.started) == 1


def test_where_an_engine_does_not_start_others_get_its_turn(
    engines: Engines, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(base: object, adapters: object) -> None:
        raise PlumblineError("no such model")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("inference.local.engines.Engine", refuse)
    [found] = wave(engines, (replace(BASE, serving="{}"), "hello"))
    assert isinstance(found, PlumblineError)
    assert list(tmp_path.iterdir()) and Turn("{}").take(given_up=lambda: True)


def test_who_gives_up_is_forgotten_by_the_engine(engines: Engines) -> None:
    async def give_up() -> None:
        asking = asyncio.create_task(engines.answer(Request(BASE, (Message("user", "slow"),))))
        while not (FakeEngine.started and FakeEngine.started[0].steps):
            await asyncio.sleep(0.01)
        asking.cancel()
        await asyncio.wait([asking])

    asyncio.run(give_up())
    assert wave(engines, *questions(2)) == ["one: question 0", "one: question 1"]
    assert FakeEngine.started[0].aborted == ["0"]


def test_an_answer_to_nobody_is_no_error(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = FakeEngine.step
    stray = Finished("999", Reply("?", "stop", "stop", Usage()))
    monkeypatch.setattr(FakeEngine, "step", lambda engine: [stray, *whole(engine)])
    assert wave(engines, *questions(3)) == [f"one: question {n}" for n in range(3)]
