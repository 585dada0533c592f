"""What both stores promise: durable, shared, separate by model, failures apart."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from dataclasses import replace

import pytest

from inference.errors import StoreError
from inference.store import open_store
from tests.batch.loopback_s3 import LoopbackS3
from tests.inference.store.answers import MODEL, OTHER, answer, failure, key, stored, write


def test_what_was_put_is_found_by_the_next_one(location: str) -> None:
    write(location, range(50))
    assert stored(location, range(60)) == list(range(50))
    assert stored(location, range(60), OTHER) == []


def test_put_returns_only_when_another_reader_finds_it(location: str) -> None:
    async def run() -> None:
        store = open_store(location)
        for number in range(2):
            await store.put(MODEL, answer(number))
            assert await asyncio.to_thread(_found_by_a_stranger, location, number)
        await store.close()

    asyncio.run(run())


def _found_by_a_stranger(location: str, number: int) -> bool:
    store = open_store(location)
    found = store.get(MODEL, key(number)) is not None
    asyncio.run(store.close())
    return found


def test_a_store_finds_what_was_put_through_it(
    location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inference import store_s3

    monkeypatch.setattr(store_s3, "_PAUSE", 0.0)
    monkeypatch.setattr(store_s3, "_FOLD_PARTS", 3)

    async def run() -> None:
        store = open_store(location)
        assert store.get(MODEL, key(0)) is None
        for number in range(8):
            await store.put(MODEL, answer(number, size=10 * number))
            for earlier in range(number + 1):
                assert store.get(MODEL, key(earlier)) == replace(
                    answer(earlier, 10 * earlier), stored=True
                )
        assert store.get(OTHER, key(0)) is None
        await store.close()

    asyncio.run(run())


def test_what_a_store_put_is_found_after_a_compaction(
    location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inference import store_s3
    from inference.compaction import compact

    monkeypatch.setattr(store_s3, "_PAUSE", 0.0)
    monkeypatch.setattr(store_s3, "_FOLD_PARTS", 2)
    write(location, [100])
    write(location, [101])

    async def run() -> None:
        store = open_store(location)
        for number in range(5):
            await store.put(MODEL, answer(number))
        compact(location)
        assert all(store.get(MODEL, key(number)) for number in (*range(5), 100, 101))
        await store.put(MODEL, answer(5))
        await store.close()

    asyncio.run(run())
    assert stored(location, range(6)) == list(range(6))


def test_many_writers_at_once_lose_nothing(location: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=write, args=(location, range(n, 400, 4))) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert stored(location, range(400)) == list(range(400))


def test_a_cancelled_put_is_still_kept_by_close(location: str) -> None:
    async def run() -> None:
        store = open_store(location)
        waiting = asyncio.create_task(store.put(MODEL, answer(7)))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await store.close()

    asyncio.run(run())
    assert stored(location, [7]) == [7]


def test_a_failure_is_journalled_and_never_an_answer(
    location: str, request: pytest.FixtureRequest
) -> None:
    async def run() -> None:
        store = open_store(location)
        store.note_failure(MODEL, failure(1))
        await store.put(MODEL, answer(2))
        await store.close()

    asyncio.run(run())
    assert stored(location, [1, 2]) == [2]
    (line,) = _journal(location, request)
    assert line["failure"] == "timeout" and line["raw"] == "half" and line["key"] == key(1)


def _journal(location: str, request: pytest.FixtureRequest) -> list[dict[str, object]]:
    if location.startswith("s3://"):
        s3: LoopbackS3 = request.getfixturevalue("s3")
        prefix = location.removeprefix(f"s3://{s3.bucket}/")
        texts = [s3.read(k).decode() for k in s3.keys(prefix) if k.endswith(".jsonl")]
    else:
        from pathlib import Path

        texts = [path.read_text() for path in Path(location).rglob("*.jsonl")]
    return [json.loads(line) for text in texts for line in text.splitlines()]


@pytest.mark.parametrize("place", ["s3://", "s3:///key"])
def test_no_bucket_is_one_line(place: str) -> None:
    with pytest.raises(StoreError, match="s3://bucket/prefix"):
        open_store(place)


def test_an_unreachable_bucket_is_one_line(bucket: LoopbackS3) -> None:
    with pytest.raises(StoreError, match="no-such-bucket") as caught:
        write("s3://no-such-bucket/store", [1])
    assert "\n" not in str(caught.value)
