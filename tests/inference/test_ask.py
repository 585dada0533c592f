"""The sending loop: order, repetitions, stored attempts, giving up, budgets and caps."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from inference import AskOptions, Failure, PlumblineError, Progress, Request, Result, ask
from inference.errors import StoreError
from inference.loop import CHUNK
from inference.models import ModelRef, resolve
from inference.result import Usage
from inference.store import open_store
from inference.usage import Price, PriceList
from tests.inference.asking import PLANTED, VERDICT, ask_all, endpoint, journal, lane, question
from tests.model_server import ModelServer, Rule
from tests.processes import wait_for

WIDE = AskOptions(batch_size=32, timeout=5)


def questions(model: ModelRef, count: int, **more: Any) -> list[Request]:
    return [question(model, f"question {n}", **more) for n in range(count)]


def echo(model: str, messages: Sequence[dict[str, str]], body: Any) -> str:
    """An answer that says what was asked."""
    return "You said: " + messages[-1]["content"]


def contents(results: list[Result]) -> list[str | None]:
    return [r.content for r in results]


def test_results_come_in_the_order_of_the_requests(server: ModelServer, tmp_path: Path) -> None:
    server.configure(reply=echo, latency={"kind": "exponential", "mean": 0.03})
    results = ask_all(questions(endpoint(server), 300), tmp_path, WIDE)
    assert contents(results) == [f"You said: question {n}" for n in range(300)]
    assert server.log.peak_in_flight <= 32


def test_nothing_asked_is_nothing_answered(tmp_path: Path) -> None:
    progress = Progress(planned=0)
    assert ask_all([], tmp_path, WIDE, progress) == []
    assert progress.finished == 0


def test_equal_requests_are_sent_once_and_paid_once(server: ModelServer, tmp_path: Path) -> None:
    server.configure(reply=echo, latency=0.02)
    model = endpoint(server)
    same = [question(model, f"question {n % 7}") for n in range(5 * CHUNK)]
    progress = Progress()
    results = ask_all(same, tmp_path, WIDE, progress)
    assert contents(results) == [f"You said: question {n % 7}" for n in range(5 * CHUNK)]
    assert len(server.log.entries) == 7
    assert sum(r.usage.output for r in results if not r.stored) == progress.usage.output
    assert progress.finished == 5 * CHUNK


@pytest.mark.slow
def test_an_equal_request_far_behind_is_not_sent_again(server: ModelServer, tmp_path: Path) -> None:
    server.configure(reply=echo)
    model, simulated = endpoint(server), resolve("sim/steadfast")
    between = questions(simulated, 40 * CHUNK)
    results = ask_all([question(model), *between, question(model)], tmp_path, WIDE)
    assert len(server.log.entries) == 1
    assert results[0].content == results[-1].content and results[-1].stored


def test_samples_of_one_question_are_sent_each(server: ModelServer, tmp_path: Path) -> None:
    model = endpoint(server)
    ask_all([question(model, sample=n) for n in range(5)], tmp_path, WIDE)
    assert len(server.log.entries) == 5


def test_a_second_run_sends_nothing_and_a_fresh_one_everything(
    server: ModelServer, tmp_path: Path
) -> None:
    model = endpoint(server)
    first = ask_all(questions(model, 50), tmp_path, WIDE)
    progress = Progress()
    again = ask_all(questions(model, 50), tmp_path, WIDE, progress)
    assert contents(again) == contents(first) and all(r.stored for r in again)
    assert [r.usage for r in again] == [r.usage for r in first], "what it once cost stays known"
    assert len(server.log.entries) == 50
    assert (progress.stored, progress.answered, progress.usage) == (50, 0, Usage())
    ask_all(questions(model, 50, fresh="run 2"), tmp_path, WIDE)
    assert len(server.log.entries) == 100


def test_the_same_model_under_another_label_is_answered_from_the_store(
    server: ModelServer, tmp_path: Path
) -> None:
    model = endpoint(server)
    ask_all(questions(model, 3), tmp_path, WIDE)
    shown = ModelRef("shown so", model.provider, model.name, model.base_url)
    results = ask_all(questions(shown, 3), tmp_path, WIDE)
    assert {r.model for r in results} == {"shown so"} and len(server.log.entries) == 3


@pytest.mark.parametrize("fault", ["bad_json", "bad_schema", "empty"])
def test_an_unfit_answer_is_asked_again_and_its_mended_attempt_found_again(
    fault: str, server: ModelServer, tmp_path: Path
) -> None:
    server.configure(script=(fault, fault, "ok"))
    request = question(endpoint(server), schema=None if fault == "empty" else VERDICT)
    progress = Progress()
    [result] = ask_all([request], tmp_path, WIDE, progress)
    assert result.ok and result.key == request.key_for(2)
    assert result.usage == progress.usage and result.usage.input == 3 * result.usage.input // 3
    lines = journal(tmp_path)
    assert [line["key"] for line in lines] == request.keys(2)
    paid = [Usage(*line["usage"]) for line in lines]
    assert progress.usage.input == 3 * paid[0].input, "all three were paid, each is counted once"
    assert len(server.log.entries) == 3
    [again] = ask_all([request], tmp_path, WIDE)
    assert again.stored and again.content == result.content and len(server.log.entries) == 3


def test_what_never_fits_is_named_and_keeps_its_last_text(
    server: ModelServer, tmp_path: Path
) -> None:
    server.configure(faults={"bad_schema": 1.0})
    [result] = ask_all([question(endpoint(server), schema=VERDICT)], tmp_path, WIDE)
    assert result.failure is Failure.INVALID_OUTPUT
    assert json.loads(result.raw or "") == {"unexpected": [1, 2]}
    assert len(server.log.entries) == WIDE.max_attempts == len(journal(tmp_path))


def test_a_stored_answer_that_no_longer_fits_is_asked_again(
    server: ModelServer, tmp_path: Path
) -> None:
    model = endpoint(server)
    ask_all([question(model, schema=VERDICT)], tmp_path, WIDE)
    stricter = type(VERDICT)(VERDICT.name, VERDICT.json_text, lambda text: "never good enough")
    [result] = ask_all([question(model, schema=stricter)], tmp_path, WIDE)
    assert result.failure is Failure.INVALID_OUTPUT and len(server.log.entries) == 1 + 3


def test_a_bad_key_stops_sending_at_once(
    server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.configure(require_key="another", latency=0.02)
    model = lane("openai", server.url, monkeypatch)
    results = ask_all(questions(model, 500), tmp_path, WIDE)
    assert {r.failure for r in results} == {Failure.AUTH}
    assert len(server.log.entries) <= 32
    assert sum("not sent" in r.detail for r in results) >= 468
    assert PLANTED not in repr(results)


def test_a_bad_key_ends_requests_that_rest_between_tries(
    server: ModelServer, tmp_path: Path
) -> None:
    rules = (Rule("503", contains='question 0"'), Rule("401", contains="last"))
    server.configure(rules=rules, retry_after=600)
    model = endpoint(server)
    requests = [question(model, "question 0"), question(model, "last")]
    begun = time.monotonic()
    results = ask_all(requests, tmp_path, AskOptions(batch_size=1, timeout=5))
    assert time.monotonic() - begun < 300, "not the 600 seconds that the server asked for"
    assert {r.failure for r in results} == {Failure.AUTH}


def test_an_endpoint_that_answers_nothing_is_given_up(server: ModelServer, tmp_path: Path) -> None:
    server.configure(faults={"404": 1.0})
    results = ask_all(questions(endpoint(server), 400), tmp_path, WIDE)
    assert {r.failure for r in results} == {Failure.BAD_REQUEST}
    assert len(server.log.entries) < 50 + 32
    assert "in a row" in results[-1].detail


def test_prompts_that_are_bad_by_themselves_do_not_end_a_run(
    server: ModelServer, tmp_path: Path
) -> None:
    server.configure(rules=(Rule("context_length", contains="long"),))
    model = endpoint(server)
    mixed = questions(model, 5) + [question(model, f"long {n}") for n in range(120)]
    mixed += [question(model, f"after {n}") for n in range(20)]
    results = ask_all(mixed, tmp_path, AskOptions(batch_size=4, timeout=5))
    assert [r.failure for r in results].count(Failure.BAD_REQUEST) == 120
    assert all(r.ok for r in results[-20:])


def test_one_dead_endpoint_does_not_hold_up_another(server: ModelServer, tmp_path: Path) -> None:
    server.configure(rules=(Rule("404", contains="dead"),))
    dead, alive = endpoint(server, "dead"), endpoint(server, "alive")
    mixed = [question(m, f"question {n}") for n in range(200) for m in (dead, alive)]
    results = ask_all(mixed, tmp_path, WIDE)
    assert all(r.ok for r in results[1::2]) and not any(r.ok for r in results[::2])


PRICES = PriceList({"m": Price(0, 1_000_000, 0), "other": Price(0, 2_000_000, 0)})
"""A dollar a token of output (two for the other)."""


@pytest.mark.parametrize("batch_size", [1, 64])
def test_a_budget_stops_cleanly_and_is_not_passed(
    batch_size: int, server: ModelServer, tmp_path: Path
) -> None:
    server.configure(reply=lambda *_: "x" * 40, latency=0.01)
    options = AskOptions(batch_size=batch_size, timeout=5, max_cost=255.0, prices=PRICES)
    progress = Progress()
    requests = questions(endpoint(server), 200)
    results = ask_all(requests, tmp_path, options, progress)
    assert [r.failure for r in results].count(None) == 25 and progress.cost == 250.0
    assert {r.failure for r in results} == {None, Failure.OVER_BUDGET}
    assert "--max_cost" in str([r.detail for r in results])
    more = AskOptions(batch_size=batch_size, timeout=5, prices=PRICES)
    assert all(r.ok for r in ask_all(requests, tmp_path, more))
    assert len(server.log.entries) == 200, "what the budget had bought is not bought again"


def test_a_budget_spans_several_models_and_never_waits_for_ever(
    server: ModelServer, tmp_path: Path
) -> None:
    server.configure(reply=lambda *_: "x" * 40, latency={"kind": "uniform", "low": 0, "high": 0.05})
    options = AskOptions(batch_size=16, timeout=5, max_cost=600.0, prices=PRICES)
    models = [endpoint(server), endpoint(server, "other")]
    progress = Progress()
    mixed = [question(m, f"question {n}") for n in range(100) for m in models]
    results = ask_all(mixed, tmp_path, options, progress)
    assert progress.cost is not None and 560 <= progress.cost <= 600
    assert len(results) == 200


def test_a_budget_counts_answers_of_uneven_cost(server: ModelServer, tmp_path: Path) -> None:
    server.configure(reply=lambda _m, said, _b: "x" * (4 + 8 * (len(said[-1]["content"]) % 7)))
    requests = [question(endpoint(server), "y" * n) for n in range(1, 300)]
    options = AskOptions(batch_size=64, timeout=5, max_cost=500.0, prices=PRICES)
    progress = Progress()
    ask_all(requests, tmp_path, options, progress)
    assert progress.cost is not None and 470 <= progress.cost <= 530


def test_a_budget_with_an_unpriced_model_is_an_error(server: ModelServer, tmp_path: Path) -> None:
    options = AskOptions(max_cost=1.0, prices=PRICES)
    with pytest.raises(PlumblineError, match="price for unknown"):
        ask_all(questions(endpoint(server, "unknown"), 3), tmp_path, options)
    assert not server.log.entries


def test_an_unpriced_model_is_never_free(server: ModelServer, tmp_path: Path) -> None:
    progress = Progress()
    ask_all(questions(endpoint(server, "unknown"), 3), tmp_path, WIDE, progress)
    assert progress.cost is None and progress.usage.output > 0


def test_a_cap_on_requests_is_kept(server: ModelServer, tmp_path: Path) -> None:
    options = AskOptions(batch_size=64, timeout=5, requests_per_minute=1200)
    begun = time.monotonic()
    ask_all(questions(endpoint(server), 80), tmp_path, options)
    assert time.monotonic() - begun >= 1.8, "40 at once, then 20 a second"


def test_a_cap_on_tokens_is_kept_from_the_first_request_on(
    server: ModelServer, tmp_path: Path
) -> None:
    server.configure(reply=lambda *_: "x" * 396)
    options = AskOptions(batch_size=64, timeout=5, tokens_per_minute=60_000)
    begun = time.monotonic()
    progress = Progress()
    ask_all(questions(endpoint(server), 40), tmp_path, options, progress)
    spent = progress.usage.input + progress.usage.output
    assert spent > 4000
    assert time.monotonic() - begun > (spent - 2000 - 200) / 1000


def test_retries_have_a_bound(server: ModelServer, tmp_path: Path) -> None:
    server.configure(faults={"500": 1.0})
    options = AskOptions(batch_size=8, timeout=5, max_tries=3)
    [result] = ask_all(questions(endpoint(server), 1), tmp_path, options)
    assert result.failure is Failure.SERVER_ERROR and len(server.log.entries) == 3


def test_being_told_to_slow_down_is_patient(server: ModelServer, tmp_path: Path) -> None:
    server.configure(script=("429",) * 12, retry_after=0.05)
    [result] = ask_all(questions(endpoint(server), 1), tmp_path, WIDE)
    assert result.ok and len(server.log.entries) == 13


def test_patience_ends(server: ModelServer, tmp_path: Path) -> None:
    server.configure(faults={"429": 1.0}, retry_after=0.05)
    options = AskOptions(batch_size=8, timeout=5, patience=0.5)
    [result] = ask_all(questions(endpoint(server), 1), tmp_path, options)
    assert result.failure is Failure.RATE_LIMITED


def test_a_fault_of_ours_in_one_request_does_not_cost_the_others(
    server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inference.providers import chat_completions

    whole = chat_completions.body_of

    def broken(request: Request) -> dict[str, Any]:
        if "question 3" in request.messages[-1].content:
            raise ZeroDivisionError("a bug")
        return whole(request)

    monkeypatch.setattr(chat_completions, "body_of", broken)
    results = ask_all(questions(endpoint(server), 8), tmp_path, WIDE)
    assert [r.ok for r in results] == [n != 3 for n in range(8)]
    assert "ZeroDivisionError" in results[3].detail


def test_a_consumer_that_stops_early_leaves_a_whole_store(
    server: ModelServer, tmp_path: Path
) -> None:
    server.configure(latency=0.01)
    requests = questions(endpoint(server), 400)
    running = ask(requests, open_store(str(tmp_path)), WIDE)
    first = [next(running) for _ in range(40)]
    running.close()
    answered = len(server.log.answered())
    assert all(r.ok for r in first) and answered < 400
    ask_all(requests, tmp_path, WIDE)
    assert len(server.log.answered()) == 400
    assert sum(server.log.answered().values()) <= 400 + 32, "only what was in flight"


@pytest.mark.slow
def test_a_slow_consumer_causes_no_timeouts(server: ModelServer, tmp_path: Path) -> None:
    server.configure(latency=0.2)
    results = []
    options = AskOptions(batch_size=16, timeout=3, max_tries=1)
    for n, result in enumerate(
        ask(questions(endpoint(server), 48), open_store(str(tmp_path)), options)
    ):
        results.append(result)
        if n in (0, 20):
            time.sleep(3.3)
    assert all(r.ok for r in results), [r.reason for r in results if not r.ok]


class _SlowToClose:
    """A store whose last upload takes a while; counts what had been sent when that began."""

    def __init__(self, root: Path, server: ModelServer) -> None:
        self.inner, self.server, self.sent = open_store(str(root)), server, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def close(self) -> None:
        self.sent = len(self.server.log.entries)
        await asyncio.sleep(1.5)
        await self.inner.close()


def test_what_rests_between_tries_is_not_sent_while_the_store_closes(
    server: ModelServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.configure(rules=(Rule("500", contains="bad"),))
    model = endpoint(server)
    requests = [question(model, "good"), *(question(model, f"bad {n}") for n in range(20))]
    store = _SlowToClose(tmp_path, server)
    running = ask(requests, store, WIDE)
    next(running)
    wait_for(lambda: server.log.outcomes()["500"] >= 20)
    running.close()
    assert len(server.log.entries) == store.sent > 20 and not caplog.records


def test_half_a_character_in_an_answer_becomes_a_whole_one(
    server: ModelServer, tmp_path: Path
) -> None:
    server.configure(reply=lambda *_: "tides \ud83d rise \ud83c\udf0a")
    [result] = ask_all(questions(endpoint(server), 1), tmp_path, WIDE)
    assert result.content == "tides \ufffd rise \U0001f30a"
    assert (result.content or "").encode()


def test_a_check_that_breaks_on_a_text_costs_only_that_answer(
    server: ModelServer, tmp_path: Path
) -> None:
    def check(text: str) -> str | None:
        if "question 3" in text:
            raise RecursionError("too deep")
        return None

    server.configure(reply=echo)
    broken = type(VERDICT)(VERDICT.name, VERDICT.json_text, check)
    requests = questions(endpoint(server), 6, schema=broken)
    results = ask_all(requests, tmp_path, AskOptions(batch_size=4, timeout=5, max_attempts=1))
    assert [r.ok for r in results] == [n != 3 for n in range(6)]
    assert results[3].failure is Failure.INVALID_OUTPUT and "too deep" in results[3].detail


def test_models_that_cost_nothing_go_on_when_the_budget_is_spent(
    server: ModelServer, tmp_path: Path
) -> None:
    server.configure(reply=lambda *_: "x" * 4000)
    free = resolve("sim/steadfast")
    options = AskOptions(batch_size=4, timeout=5, max_cost=50.0, prices=PRICES)
    requests = [*questions(endpoint(server), 3), *questions(free, 3000)]
    results = ask_all(requests, tmp_path, options)
    assert results[0].ok and {r.failure for r in results[1:3]} <= {None, Failure.OVER_BUDGET}
    assert all(r.ok for r in results[3:])


def test_an_error_in_the_requests_reaches_the_caller_and_keeps_what_came(
    server: ModelServer, tmp_path: Path
) -> None:
    def requests() -> Iterator[Request]:
        yield from questions(endpoint(server), 20)
        raise KeyError("column")

    with pytest.raises(KeyError, match="column"):
        ask_all(requests(), tmp_path, WIDE)


class _Full:
    """A store whose disk is full after some answers, with no space set aside."""

    full = None

    def __init__(self, root: Path, room: int, journal_too: bool) -> None:
        self.inner, self.room, self.journal_too = open_store(str(root)), room, journal_too
        self.closed = False

    def get(self, model: ModelRef, key: str) -> Result | None:
        return self.inner.get(model, key)

    def check_writable(self, model: ModelRef) -> None:
        self.inner.check_writable(model)

    async def put(self, model: ModelRef, result: Result) -> None:
        self.room -= 1
        if self.room < 0:
            raise StoreError("no space left")
        await self.inner.put(model, result)

    def note_failure(self, model: ModelRef, result: Result) -> None:
        if self.journal_too:
            raise StoreError("no space left")
        self.inner.note_failure(model, result)

    async def close(self) -> None:
        await self.inner.close()
        self.closed = True


def test_a_store_that_fails_stops_everything_and_loses_nothing(
    server: ModelServer, tmp_path: Path
) -> None:
    store = _Full(tmp_path, room=30, journal_too=False)
    requests = questions(endpoint(server), 500)
    seen = []
    with pytest.raises(StoreError, match="space"):
        for result in ask(requests, store, WIDE):
            seen.append(result)
    assert store.closed and all(r.ok for r in seen) and len(seen) <= 30
    assert len(server.log.entries) < 200, "sending stopped"
    again = ask_all(requests, tmp_path, WIDE)
    assert sum(r.stored for r in again) == 30 and all(r.ok for r in again)


def test_a_journal_that_fails_is_an_error_and_no_hang(server: ModelServer, tmp_path: Path) -> None:
    server.configure(faults={"404": 1.0})
    with pytest.raises(StoreError):
        list(ask(questions(endpoint(server), 100), _Full(tmp_path, 0, journal_too=True), WIDE))


def test_a_generator_of_any_length_is_read_as_it_is_needed(
    server: ModelServer, tmp_path: Path
) -> None:
    read = 0

    def requests() -> Iterator[Request]:
        nonlocal read
        for request in questions(endpoint(server), 5000):
            read += 1
            yield request

    running = ask(requests(), open_store(str(tmp_path)), WIDE)
    next(running)
    assert read <= 2 * CHUNK + 64 + 32
    running.close()


def test_progress_adds_up(server: ModelServer, tmp_path: Path) -> None:
    model = endpoint(server)
    requests = questions(model, 60)
    ask_all(requests[:20], tmp_path, WIDE)
    server.configure(rules=(Rule("400", contains="question 5"),), latency=0.6)
    states = []
    progress = Progress(planned=60)
    progress.on_change = lambda p: states.append((p.finished, p.in_flight, p.limit))
    results = ask_all(requests, tmp_path, AskOptions(batch_size=16, timeout=5), progress)
    failed = [n for n, r in enumerate(results) if not r.ok]
    assert failed == [*range(50, 60)]
    assert (progress.stored, progress.answered) == (20, 30)
    assert progress.failed == {Failure.BAD_REQUEST: 10}
    assert states[-1] == (60, 0, 16)
    assert (20, 16, 16) in states, "and it was told on the way"
    total = Usage()
    for result in results:
        if not result.stored:
            total = total.plus(result.usage)
    assert total == progress.usage == progress.by_model["m"]


def test_simulated_models_need_no_network(tmp_path: Path) -> None:
    progress = Progress()
    results = ask_all(questions(resolve("sim/steadfast"), 50), tmp_path, WIDE, progress)
    assert all(r.ok for r in results) and progress.cost == 0.0
