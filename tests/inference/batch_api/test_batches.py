"""Both batch endpoints on loopback: answers, failures by name, expiry, kills and interrupts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from inference import AskOptions, Failure, Message, Request, Result, Sampling, Schema, ask
from inference.batch_api import ask_in_batches, group, patience
from inference.batch_api.anthropic_batches import AnthropicBatches
from inference.batch_api.api import Limits, Line, Outcome, split
from inference.batch_api.openai_batches import OpenAIBatches
from inference.errors import PlumblineError
from inference.models import resolve
from inference.progress import Progress
from inference.providers import anthropic_messages, openai_responses
from inference.providers.base import Reply, RequestFailed
from inference.store import open_store
from inference.usage import Price, PriceList
from tests.model_server import ModelServer, ServerProcess
from tests.processes import wait_for

ROOT = Path(__file__).parents[3]
IDS = {"openai": "gpt-4.1-nano", "anthropic": "claude-haiku-4-5"}
SUBMITS = {"openai": "/v1/batches", "anthropic": "/v1/messages/batches"}
PRICES = PriceList({IDS["openai"]: Price(1.0, 4.0, 0.5), IDS["anthropic"]: Price(1.0, 4.0, 0.5)})


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


@pytest.fixture(params=["openai", "anthropic"])
def provider(
    request: pytest.FixtureRequest, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> str:
    point_to(server, monkeypatch)
    hurry(monkeypatch)
    return request.param


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_LOOK", 0.02)
    for module in (group, patience):
        monkeypatch.setattr(module, "backoff", lambda tries: 0.02)


def point_to(server: ModelServer | ServerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in addresses(server).items():
        monkeypatch.setenv(name, value)


def addresses(server: ModelServer | ServerProcess) -> dict[str, str]:
    return {
        "OPENAI_BASE_URL": server.openai_url,
        "ANTHROPIC_BASE_URL": server.url,
        "OPENAI_API_KEY": "loopback-openai-key",
        "ANTHROPIC_API_KEY": "loopback-anthropic-key",
    }


def requests(provider: str, count: int = 20, **settings: object) -> list[Request]:
    model = resolve(IDS[provider])
    sampling = Sampling(temperature=0.1, max_tokens=100)
    return [
        Request(model, (Message("user", f"question {n}"),), sampling, **settings)  # type: ignore[arg-type]
        for n in range(count)
    ]


def batched(
    place: Path, wanted: list[Request], options: AskOptions | None = None
) -> tuple[list[Result], Progress]:
    progress = Progress(planned=len(wanted))
    options = options or AskOptions(prices=PRICES)
    found = list(ask_in_batches(wanted, open_store(str(place)), str(place), options, progress))
    return found, progress


def submits(server: ModelServer | ServerProcess, provider: str) -> int:
    path = SUBMITS[provider]
    return sum(e.method == "POST" and e.path == path for e in server.log.entries)


def made(server: ModelServer, provider: str) -> bool:
    """Whether the provider has made a batch and answered."""
    path = SUBMITS[provider]
    return any((e.method, e.path, e.status) == ("POST", path, 200) for e in server.log.entries)


def looked_at(server: ModelServer, provider: str) -> bool:
    """Whether someone has asked how a batch is doing."""
    path = f"{SUBMITS[provider]}/"
    return any(e.method == "GET" and e.path.startswith(path) for e in server.log.entries)


def lines(server: ModelServer | ServerProcess) -> list[str]:
    """Outcomes of the lines that were run or dropped."""
    return [e.outcome for e in server.log.entries if e.path.startswith("batch:")]


def test_the_same_answers_as_live_at_half_the_price(
    provider: str, server: ModelServer, tmp_path: Path
) -> None:
    wanted = requests(provider)
    live_progress = Progress()
    live = list(
        ask(wanted, open_store(str(tmp_path / "live")), AskOptions(prices=PRICES), live_progress)
    )
    ours, progress = batched(tmp_path / "batch", [*wanted, wanted[3]])
    assert [(r.key, r.content, r.model) for r in ours[:-1]] == [
        (r.key, r.content, r.model) for r in live
    ]
    assert ours[-1].content == ours[3].content and ours[-1].usage.output == 0
    assert progress.usage == live_progress.usage
    assert progress.cost == pytest.approx((live_progress.cost or 0) / 2)
    assert progress.answered == 21 and submits(server, provider) == 1


def test_what_is_stored_is_not_sent(provider: str, server: ModelServer, tmp_path: Path) -> None:
    batched(tmp_path, requests(provider, 10))
    again, progress = batched(tmp_path, requests(provider, 14))
    assert all(r.ok for r in again) and (progress.stored, progress.answered) == (10, 4)
    assert len(lines(server)) == 14


class Verdict(BaseModel):
    reasoning: str
    stance: str


def test_structure_is_asked_for_and_checked(
    provider: str, server: ModelServer, tmp_path: Path
) -> None:
    server.configure(batch_faults={"bad_schema": 0.3})
    found, _ = batched(tmp_path, requests(provider, 20, schema=Schema.of(Verdict)))
    good = [r for r in found if r.ok]
    assert all(set(json.loads(r.content or "")) == {"reasoning", "stance"} for r in good)
    assert {r.failure for r in found if not r.ok} <= {Failure.INVALID_OUTPUT}
    # A line that did not fit was asked anew, under the key of its next attempt.
    assert len(lines(server)) > 20 and len(good) >= 15


def test_only_what_failed_for_a_passing_reason_is_sent_again(
    provider: str, server: ModelServer, tmp_path: Path
) -> None:
    server.configure(batch_faults={"500": 0.2, "529": 0.1, "expired": 0.2})
    found, _ = batched(tmp_path, requests(provider, 40), AskOptions(prices=PRICES, max_tries=12))
    assert all(r.ok for r in found)
    assert lines(server).count("ok") == 40 < len(lines(server))


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        ("400", Failure.BAD_REQUEST),
        ("content_filter", Failure.FILTERED),
        ("length", Failure.TRUNCATED),
        ("empty", Failure.EMPTY),
        ("quota", Failure.AUTH),
    ],
)
def test_failures_have_the_names_of_the_live_path(
    provider: str, server: ModelServer, tmp_path: Path, fault: str, failure: Failure
) -> None:
    server.configure(batch_faults={fault: 1.0})
    found, progress = batched(tmp_path, requests(provider, 5))
    assert [r.failure for r in found] == [failure] * 5
    assert progress.failed == {failure: 5}


def test_an_expired_batch_is_sent_again_for_the_missing_lines(
    provider: str, server: ModelServer, tmp_path: Path
) -> None:
    server.configure(batch_expires=0.5)
    found, _ = batched(tmp_path, requests(provider, 16), AskOptions(prices=PRICES, max_tries=8))
    assert all(r.ok for r in found[:15])
    assert lines(server).count("ok") == sum(r.ok for r in found)
    assert submits(server, provider) > 3


def test_a_batch_that_is_refused_as_a_whole_fails_by_name(
    server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_to(server, monkeypatch)
    hurry(monkeypatch)
    server.configure(batch_fails=True)
    found, _ = batched(tmp_path, requests("openai", 3), AskOptions(prices=PRICES, patience=0.3))
    assert {r.failure for r in found} == {Failure.RATE_LIMITED}
    assert "token_limit_exceeded" in found[0].detail


def test_a_full_queue_at_the_provider_is_waited_for(
    server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_to(server, monkeypatch)
    hurry(monkeypatch)
    server.configure(batch_fails=True)
    threading.Timer(1.0, lambda: server.configure(batch_fails=False)).start()
    found, _ = batched(tmp_path, requests("openai", 3), AskOptions(prices=PRICES, max_tries=2))
    assert all(r.ok for r in found) and submits(server, "openai") > 2


def test_a_wrong_key_is_told_once(provider: str, server: ModelServer, tmp_path: Path) -> None:
    server.configure(require_key="another")
    found, _ = batched(tmp_path, requests(provider, 4))
    assert {r.failure for r in found} == {Failure.AUTH}
    assert not any("loopback" in r.detail for r in found)


def test_batches_keep_to_the_limits(
    provider: str, server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in (OpenAIBatches, AnthropicBatches):
        monkeypatch.setattr(kind, "limits", Limits(8, 10_000))
    found, _ = batched(tmp_path, requests(provider, 20))
    assert all(r.ok for r in found)
    assert submits(server, provider) == 3


def test_split_by_number_and_by_size() -> None:
    some = [Line(f"{n:032d}", "x" * 100) for n in range(10)]
    assert [len(b) for b in split(some, Limits(4, 10**6))] == [4, 4, 2]
    assert [len(b) for b in split(some, Limits(100, 900))] == [3, 3, 3, 1]
    assert [line for batch in split(some, Limits(3, 500)) for line in batch] == some


def test_half_a_character_costs_only_its_own_line(
    provider: str, server: ModelServer, tmp_path: Path
) -> None:
    wanted = requests(provider, 3)
    bad = Request(wanted[0].model, (Message("user", "half \ud800"),), wanted[0].sampling)
    found, _ = batched(tmp_path, [*wanted, bad])
    assert [r.failure for r in found] == [None, None, None, Failure.BAD_REQUEST]


EACH = 100 * 4.0 / 1e6 / 2
"""The dollars of an answer as long as it may be; the prompts cost next to nothing beside it."""


def test_the_budget_is_kept(provider: str, server: ModelServer, tmp_path: Path) -> None:
    server.configure(reply=lambda *_: "x" * 400)
    options = AskOptions(prices=PRICES, max_cost=5.5 * EACH)
    found, progress = batched(tmp_path, requests(provider, 10), options)
    assert [r.failure for r in found].count(Failure.OVER_BUDGET) == 5
    assert 5 * EACH <= (progress.cost or 0) <= 5.5 * EACH


def test_what_a_first_round_leaves_of_the_budget_is_used(
    provider: str, server: ModelServer, tmp_path: Path
) -> None:
    server.configure(reply=lambda *_: "x" * 40)
    options = AskOptions(prices=PRICES, max_cost=5.5 * EACH)
    found, progress = batched(tmp_path, requests(provider, 10), options)
    assert all(r.ok for r in found) and submits(server, provider) == 2
    assert (progress.cost or 0) <= 2 * EACH


def test_two_models_share_one_budget(
    server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_to(server, monkeypatch)
    hurry(monkeypatch)
    server.configure(reply=lambda *_: "x" * 400)
    options = AskOptions(prices=PRICES, max_cost=10.5 * EACH)
    wanted = [*requests("openai", 10), *requests("anthropic", 10)]
    found, progress = batched(tmp_path, wanted, options)
    assert [r.failure for r in found].count(None) == 10
    assert (progress.cost or 0) <= 10.5 * EACH


def test_results_whose_connection_breaks_are_counted_once(
    provider: str, server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some outcomes were taken in, of answers that must be asked again too."""
    kind = OpenAIBatches if provider == "openai" else AnthropicBatches
    whole, calls = kind.outcomes, 0

    async def broken(self: Any, batch_id: str) -> AsyncIterator[Outcome]:
        nonlocal calls
        calls += 1
        count = 0
        async for outcome in whole(self, batch_id):
            if calls == 1 and count == 8:
                raise ConnectionResetError("gone")
            count += 1
            yield outcome

    monkeypatch.setattr(kind, "outcomes", broken)
    monkeypatch.setattr(group, "_AT_ONCE", 4)
    server.configure(batch_faults={"empty": 0.5})
    found, progress = batched(tmp_path, requests(provider, 12))
    paid = sum(e.outcome in ("ok", "empty") for e in server.log.entries if "batch:" in e.path)
    assert calls > 1 and paid > 12 and {r.failure for r in found} <= {None, Failure.EMPTY}
    notes = [line for p in tmp_path.rglob("*.failures.jsonl") for line in p.read_text().split("\n")]
    assert sum('"failure": "empty"' in line for line in notes) == lines(server).count("empty")
    assert progress.usage.input == sum(r.usage.input for r in found)


def test_an_answer_that_was_broken_off_is_paid_for_and_sent_again(
    provider: str, server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = openai_responses if provider == "openai" else anthropic_messages
    read, calls = api.read_reply, 0

    def breaks_off(answer: dict[str, Any]) -> Reply:
        nonlocal calls
        calls += 1
        if calls <= 3:
            raise RequestFailed(Failure.SERVER_ERROR, "it was broken off", retryable=True)
        return read(answer)

    monkeypatch.setattr(api, "read_reply", breaks_off)
    server.configure(reply=lambda *_: "x" * 400)
    found, progress = batched(tmp_path, requests(provider, 5))
    assert all(r.ok for r in found) and lines(server) == ["ok"] * 8
    each = min(r.usage.output for r in found)
    assert progress.usage.output == sum(r.usage.output for r in found) == 8 * each


def test_a_store_that_takes_nothing_stops_before_a_batch_is_made(
    provider: str, server: ModelServer, tmp_path: Path
) -> None:
    (tmp_path / "openai-gpt-4.1-nano").write_text("in the way")
    (tmp_path / "anthropic-claude-haiku-4-5").write_text("in the way")
    with pytest.raises(PlumblineError):
        batched(tmp_path, requests(provider, 3))
    assert submits(server, provider) == 0


def test_a_model_without_batches_is_refused(tmp_path: Path) -> None:
    request = Request(resolve("openrouter/org/model"), (Message("user", "x"),))
    with pytest.raises(PlumblineError, match="no batch endpoint"):
        batched(tmp_path, [request])


def test_a_batch_whose_id_was_lost_is_found_again(
    provider: str, server: ModelServer, tmp_path: Path
) -> None:
    """As if the process had been killed after the provider made the batch."""
    server.configure(batch_delay=None)
    wanted = requests(provider, 6)
    killed_at(tmp_path, provider, server, lambda: made(server, provider))
    for note in tmp_path.rglob("*.id.json"):
        note.unlink()
    server.configure(batch_delay=0.0)
    found, _ = batched(tmp_path, wanted)
    assert all(r.ok for r in found)
    assert submits(server, provider) == 1 and lines(server) == ["ok"] * 6


ASKING = """
    import sys
    from pathlib import Path
    from tests.inference.batch_api.test_batches import batched, requests
    batched(Path(sys.argv[1]), requests(sys.argv[2], 6))
"""


def killed_at(
    place: Path,
    provider: str,
    server: ModelServer,
    condition: Callable[[], object],
    number: int = signal.SIGKILL,
) -> int:
    """Ask in a process of its own; send it a signal once the condition holds."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(ASKING), str(place), provider],
        cwd=ROOT,
        env={**os.environ, **addresses(server), "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: condition() or process.poll() is not None)
    assert process.poll() is None
    process.send_signal(number)
    return process.wait(60)


def test_a_kill_between_submit_and_poll_costs_nothing(
    provider: str, server: ModelServer, tmp_path: Path
) -> None:
    server.configure(batch_delay=None)
    status = killed_at(tmp_path, provider, server, lambda: list(tmp_path.rglob("*.id.json")))
    assert status == -signal.SIGKILL
    server.configure(batch_delay=0.0)
    found, progress = batched(tmp_path, requests(provider, 8))
    assert all(r.ok for r in found) and progress.answered == 8
    assert submits(server, provider) == 2  # the second for the two that are new
    assert lines(server) == ["ok"] * 8


def test_ctrl_c_cancels_and_the_next_run_takes_what_was_done(
    provider: str, server: ModelServer, tmp_path: Path
) -> None:
    server.configure(batch_delay=None)
    killed_at(tmp_path, provider, server, lambda: looked_at(server, provider), signal.SIGINT)
    cancels = [e for e in server.log.entries if e.path.endswith("/cancel")]
    assert len(cancels) == 1 and cancels[0].status == 200
    server.configure(batch_delay=0.0)
    found, _ = batched(tmp_path, requests(provider, 6))
    assert all(r.ok for r in found)
    assert lines(server).count("ok") == 6
