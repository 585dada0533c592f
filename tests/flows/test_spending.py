"""`--max_cost` holds over all attempts of a run, whatever broke in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.asking import AskingFlow
from flows.persona_dataset import PersonaDatasetFlow
from flows.spending import FOLDER, Paid, Spending
from inference import Message, Request, Result, Sampling
from inference.embeddings import embedding_model
from inference.errors import PlumblineError, StoreError
from inference.models import resolve
from inference.usage import Price, PriceList
from tests.flows.conftest import ROOT, Scratch
from tests.model_server import ModelServer, ServerProcess
from tests.processes import task_of, wait_for

PRICES = "models: {m: {input: 0, output: 1000000}}\n"
"""A dollar a token of output."""
EACH = 10
"""Tokens, and so dollars, of every answer."""


def reply(model: str, messages: Sequence[Mapping[str, str]], body: Mapping[str, Any]) -> str:
    return "x" * 4 * EACH


def task(place: Path, step: str = "ask", shard: int = 0, run: str = "Flow-1") -> Spending:
    return Spending(str(place), run, step, shard)


def test_a_task_knows_its_own_and_what_other_steps_paid(tmp_path: Path) -> None:
    task(tmp_path).note(1.0)
    task(tmp_path).note(2.0)
    task(tmp_path, shard=1).note(4.0)
    task(tmp_path, shard=10).note(8.0)
    task(tmp_path, "join").note(16.0)
    task(tmp_path, run="Flow-2").note(32.0)
    assert task(tmp_path).before() == Paid(own=3.0, elsewhere=16.0)
    assert task(tmp_path, "join").before() == Paid(own=16.0, elsewhere=15.0)
    assert task(tmp_path, run="Flow-3").before() == Paid(), "another run starts from zero"


def test_what_is_left_is_a_share_less_ones_own() -> None:
    assert Paid(own=1.0, elsewhere=4.0).left(10.0, shards=3) == 1.0
    assert Paid(own=9.0).left(5.0) == 0.0


def test_nothing_paid_leaves_no_file(tmp_path: Path) -> None:
    task(tmp_path).note(0.0)
    assert not list(tmp_path.rglob("*.json"))


def test_a_note_that_cannot_be_read_or_written_is_one_line(tmp_path: Path) -> None:
    task(tmp_path).note(1.0)
    (note,) = tmp_path.rglob("*.json")
    note.write_text("{")
    with pytest.raises(StoreError, match=r"can't be read: what the run has paid is unknown"):
        task(tmp_path).before()
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can't be written"):
        task(tmp_path / "file").note(1.0)


PAYER = """
import sys, time
from flows.spending import Spending
from inference import Progress
progress, task = Progress(cost=0.0), Spending(sys.argv[1], "Flow-1", "ask")
with task.noted(progress):
    for n in range(10_000):
        print(n + 1, flush=True)
        progress.cost += 1.0
        while task.before().own < progress.cost:
            time.sleep(0.001)
"""
"""Says what it pays before it does, and pays no more until that stands on disk."""


def test_kill_9_loses_the_last_moment_only(tmp_path: Path) -> None:
    payer = subprocess.Popen(
        [sys.executable, "-c", PAYER, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert payer.stdout is not None
    threading.Timer(60, payer.kill).start()  # one that never sees its note would wait for ever
    said = [int(line) for line in islice(payer.stdout, 40)]
    payer.send_signal(signal.SIGKILL)
    said += [int(line) for line in payer.stdout]
    payer.wait()
    assert len(said) >= 40, "what is paid is written down while it is paid"
    assert said[-1] - 1 <= task(tmp_path).before().own <= said[-1]


class Flow(AskingFlow):
    """A flow's asking part, without Metaflow."""

    batch_size, request_timeout, store_path, execution = 4, 5.0, "", "live"
    requests_per_minute = tokens_per_minute = 0.0
    max_cost, local_models = 10.0 * EACH, ()

    def __init__(self, place: Path) -> None:
        self.__dict__["place"] = place

    def prices(self) -> PriceList:
        return PriceList({"m": Price(0, 1_000_000, 0)})

    def spending(self) -> Spending:
        return task(self.__dict__["place"])


def asked(flow: Flow, requests: list[Request]) -> Generator[Result]:
    flow.__dict__["store_path"] = str(flow.__dict__["place"])
    results, _ = AskingFlow.ask_all(flow, requests, len(requests), "test")
    return results


def test_attempts_share_the_budget(tmp_path: Path) -> None:
    with ModelServer(reply=reply, latency=0.01) as server:
        model = resolve("m", server.openai_url)
        sampling = Sampling(max_tokens=EACH)
        requests = [Request(model, (Message("user", f"q{n}"),), sampling) for n in range(40)]
        first = asked(Flow(tmp_path), requests)
        assert [result.ok for result in islice(first, 3)] == [True] * 3
        first.close()
        for _ in range(2):
            results = list(asked(Flow(tmp_path), requests))
            assert sum(result.ok for result in results) == 10
        assert 10 <= len(server.log.entries) <= 10 + Flow.batch_size
        assert task(tmp_path).before().own == 10 * EACH


def test_embeddings_are_paid_for_out_of_what_is_left(tmp_path: Path) -> None:
    """What the first call paid stands beside the store, and the second is refused by it."""
    flow: Any = SimpleNamespace(
        store_path=str(tmp_path),
        max_cost=50.0,
        prices=lambda: PriceList({"m": Price(1_000_000, 0, 0)}),
        spending=lambda: task(tmp_path),
    )
    with ModelServer() as server:
        model = embedding_model("m", server.openai_url)
        vectors, progress = PersonaDatasetFlow.embedded(flow, ["a text" * 10], model)
        assert len(vectors) == 1
        paid = task(tmp_path).before().own
        assert progress.cost == paid and 10 < paid < 50
        with pytest.raises(PlumblineError, match=r"2 embeddings of m cost about \$5\d"):
            PersonaDatasetFlow.embedded(flow, ["b text" * 18, "c text" * 18], model)
        assert len(server.log.entries) == 1


@pytest.mark.slow
def test_a_run_that_is_killed_twice_stays_within_its_budget(scratch: Scratch) -> None:
    """One kill is retried, the other resumed; another run starts from zero."""
    (scratch.folder / "prices.yaml").write_text(PRICES)
    flow = "val_bench_responses_flow.py"
    with ServerProcess(reply="tests.flows.test_spending:reply", latency=0.3) as server:
        words = (
            *("run", "--model_id", "m", "--inference_url", server.openai_url),
            *("--dataset_id", "builtin:val_bench_pairs", "--batch_size", "4"),
            *("--max_tokens", str(EACH), "--max_cost", str(40 * EACH)),
            *("--prices_path", "prices.yaml"),
        )
        launcher = scratch.start(flow, *words)
        for seen in (12, 26):
            wait_for(lambda seen=seen: server.stats()["requests"] > seen)  # type: ignore[misc]
            os.kill(task_of(launcher.pid), signal.SIGKILL)
        launcher.kill()
        launcher.communicate()
        resumed = scratch.run(flow, "resume")
        assert resumed.code != 0 and "over_budget" in resumed.text
        sent = len(server.log.entries)
        # Each kill loses what was in flight, and what was on its way to the disk; an attempt that
        # started from zero would send 26 + 40.
        assert 40 <= sent <= 40 + 2 * (4 + 4), "more was spent than the limit and what was lost"
        scratch.run(flow, *words)
        assert 40 <= len(server.log.entries) - sent <= 40 + 4
    assert (scratch.folder / "local_data/store" / FOLDER).is_dir()
