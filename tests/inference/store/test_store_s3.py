"""Object storage: uploads every second, folding, SIGTERM and SIGKILL."""

from __future__ import annotations

import asyncio
import mmap
import os
import signal
import subprocess
import sys
import textwrap
import time
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from inference import store_s3
from inference.store import open_store
from tests.batch.loopback_s3 import LoopbackS3
from tests.inference.store.answers import MODEL, answer, failure, key, stored, write

ROOT = Path(__file__).parents[3]


@pytest.fixture
def place(bucket: LoopbackS3, tmp_path: Path) -> str:
    return f"s3://{bucket.bucket}/{tmp_path.name}"


def names(s3: LoopbackS3, place: str) -> list[str]:
    return [k.rsplit("/", 1)[1] for k in s3.keys(place.removeprefix(f"s3://{s3.bucket}/"))]


def test_small_segments_are_folded_and_the_fold_has_an_index(
    bucket: LoopbackS3, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_s3, "_PAUSE", 0.0)
    monkeypatch.setattr(store_s3, "_FOLD_PARTS", 4)

    async def run() -> None:
        store = open_store(place)
        for number in range(6):
            await store.put(MODEL, answer(number))
        found = names(bucket, place)
        assert sum("folded.seg" in name for name in found) == 1
        assert sum(name.endswith(".seg") for name in found) == 3  # one fold, two parts after it
        await store.close()

    asyncio.run(run())
    assert sorted(n[-10:] for n in names(bucket, place)) == ["folded.idx"] * 2 + ["folded.seg"] * 2
    assert stored(place, range(8)) == list(range(6))


def test_a_fold_or_journal_that_fails_costs_no_answer_and_is_tried_again(
    bucket: LoopbackS3,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from inference.object_store import ObjectError, Objects

    put = Objects.put
    refused: list[str] = []
    is_down = True

    def takes_parts_only(self: Objects, key: str, body: bytes) -> None:
        is_part = key.endswith(".seg") and "folded" not in key
        if is_down and not is_part:
            refused.append(key.rsplit(".", 1)[1])
            raise ObjectError("503 Slow Down")
        put(self, key, body)

    monkeypatch.setattr(Objects, "put", takes_parts_only)
    monkeypatch.setattr(store_s3, "_PAUSE", 0.0)
    monkeypatch.setattr(store_s3, "_FOLD_PARTS", 3)
    monkeypatch.setattr(store_s3, "_JOURNAL_BYTES", 1)

    async def run() -> None:
        nonlocal is_down
        store = open_store(place)
        store.get(MODEL, key(0))
        store.note_failure(MODEL, failure(100))
        for number in range(9):
            await store.put(MODEL, answer(number))
        assert refused == ["jsonl", "seg", "seg"]  # after the first, the fifth and the ninth
        is_down = False
        for number in range(9, 13):
            await store.put(MODEL, answer(number))
        found = names(bucket, place)
        assert sum("folded.seg" in name for name in found) == 1
        assert sum(name.endswith(".failures.jsonl") for name in found) == 1
        await store.close()

    asyncio.run(run())
    warned = [r.getMessage() for r in caplog.records if "not merged yet" in r.getMessage()]
    assert len(warned) == 1 and "503 Slow Down" in warned[0]
    assert stored(place, range(20)) == list(range(13))


def test_only_indexes_are_fetched_until_an_answer_is_wanted(
    bucket: LoopbackS3, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(place, range(20))
    read: list[str] = []
    fetch = store_s3.Objects.read

    def noted(self: store_s3.Objects, key: str) -> mmap.mmap | bytes:
        read.append(key)
        return fetch(self, key)

    monkeypatch.setattr(store_s3.Objects, "read", noted)
    assert stored(place, range(100, 120)) == []
    assert read == []
    assert stored(place, range(20)) == list(range(20))
    assert len(read) == 1


def test_a_segment_that_a_compaction_took_away_is_found_under_its_new_name(
    bucket: LoopbackS3, place: str
) -> None:
    from inference.compaction import compact

    write(place, range(5))
    write(place, range(5, 10))
    store = open_store(place)
    assert store.get(MODEL, key(99)) is None  # the index is loaded, the segments are not
    (done,) = compact(place)
    assert (done.before, done.after) == (2, 1)
    assert all(store.get(MODEL, key(n)) is not None for n in range(10))
    asyncio.run(store.close())


def test_where_nothing_can_be_deleted_nothing_is_added_by_merging(
    bucket: LoopbackS3, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inference.compaction import compact
    from inference.errors import StoreError
    from inference.object_store import Objects

    write(place, range(5))
    write(place, range(5, 10))
    before = names(bucket, place)
    denied = {"Errors": [{"Key": "x", "Code": "AccessDenied", "Message": "Access Denied"}]}
    made = Objects.__init__

    def without_delete(self: Objects, root: str) -> None:
        made(self, root)
        self._client = type(
            "Client",
            (),
            {
                "delete_objects": staticmethod(lambda **_: denied),
                "get_paginator": self._client.get_paginator,
            },
        )

    monkeypatch.setattr(Objects, "__init__", without_delete)
    with pytest.raises(StoreError, match="Access Denied"):
        compact(place)
    assert set(before) <= set(names(bucket, place))
    assert sum(name.endswith(".seg") for name in names(bucket, place)) == 2


def test_a_bucket_that_takes_nothing_is_noticed_before_anything_is_paid_for(
    bucket: LoopbackS3, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inference import Message, Request, ask, resolve
    from inference.errors import StoreError
    from inference.object_store import ObjectError, Objects
    from inference.providers import simulated

    sent: list[object] = []
    respond = simulated.respond

    def noted(*words: Any, **more: Any) -> str:
        sent.append(words)
        return respond(*words, **more)

    monkeypatch.setattr(simulated, "respond", noted)
    model = resolve("sim/steadfast")
    requests = [Request(model, (Message("user", f"Why {n}?"),)) for n in range(30)]
    assert all(r.ok for r in ask(requests[:20], open_store(place)))

    def denied(self: Objects, key: str, body: bytes) -> None:
        raise ObjectError("Access Denied")

    monkeypatch.setattr(Objects, "put", denied)
    sent.clear()
    assert all(r.stored for r in ask(requests[:20], open_store(place)))
    with pytest.raises(StoreError, match=r"can't be written.*Access Denied"):
        list(ask(requests, open_store(place)))
    assert sent == []


@pytest.mark.parametrize("fails", [False, True])
def test_sigterm_waits_for_the_upload_only_and_one_that_fails_is_tried_again(
    bucket: LoopbackS3, place: str, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    from inference import AskOptions, Message, Request, ask, resolve
    from inference.object_store import ObjectError, Objects

    put_answer, put_object = store_s3.S3Store.put, Objects.put
    came: list[float] = []
    uploads: list[str] = []

    async def put_before_the_signal(self: store_s3.S3Store, *answer: Any) -> None:
        if not came:
            came.append(time.monotonic())
            asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), signal.SIGTERM)
        await put_answer(self, *answer)

    def fails_once(self: Objects, key: str, body: bytes) -> None:
        uploads.append(key)
        if fails and len(uploads) == 1:
            raise ObjectError("503 Slow Down")
        put_object(self, key, body)

    model = resolve("sim/steadfast")
    requests = [Request(model, (Message("user", f"Why {n}?"),)) for n in range(5)]
    store = open_store(place)
    store.check_writable(model)
    monkeypatch.setattr(store_s3.S3Store, "put", put_before_the_signal)
    monkeypatch.setattr(Objects, "put", fails_once)
    with pytest.raises(SystemExit):
        list(ask(requests, store, AskOptions(grace=60.0)))
    assert time.monotonic() - came[0] < 30.0, "it waited out the grace"
    assert all(open_store(place).get(model, request.key) for request in requests)


WRITER = """
    import asyncio, sys
    from inference.store import open_store
    from tests.inference.store.answers import MODEL, answer

    async def run():
        store = open_store(sys.argv[1])
        store.get(MODEL, "0" * 32)
        for number in range(100_000):
            asyncio.create_task(store.put(MODEL, answer(number)))
            print(number, flush=True)
            await asyncio.sleep(0.01)

    asyncio.run(run())
"""


def run_until_killed(place: str, with_signal: int) -> tuple[int, int]:
    """Start a writer, end it after 300 answers: how many came in by then, its exit status.

    They take it three seconds at least.
    """
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), place],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    before = list(islice(writer.stdout, 300))
    writer.send_signal(with_signal)
    lines = before + writer.stdout.read().split()
    return int(lines[-1]) + 1, writer.wait(60)


@pytest.mark.slow
def test_sigterm_costs_nothing(place: str) -> None:
    came_in, status = run_until_killed(place, signal.SIGTERM)
    assert status == -signal.SIGTERM
    assert came_in > 50
    # What is printed was put; the very last may have been put after the signal.
    assert len(stored(place, range(came_in))) >= came_in - 1


@pytest.mark.slow
def test_sigkill_costs_two_seconds_at_most(place: str) -> None:
    came_in, status = run_until_killed(place, signal.SIGKILL)
    assert status == -signal.SIGKILL
    kept = stored(place, range(came_in))
    assert kept == list(range(len(kept)))
    assert came_in - len(kept) <= 2.0 / 0.01
    assert len(kept) > 0
