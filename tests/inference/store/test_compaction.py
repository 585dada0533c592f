"""Compaction of both kinds of store, beside writers and readers."""

from __future__ import annotations

import asyncio
import multiprocessing
from pathlib import Path

import pytest

from inference import compaction, segment_index, segments
from inference.compaction import compact
from inference.errors import StoreError
from inference.store import open_store
from tests.inference.store.answers import MODEL, OTHER, answer, key, stored, write


def test_many_segments_become_one_with_every_answer(location: str) -> None:
    for first in range(0, 12, 3):
        write(location, range(first, first + 3))
    write(location, range(3))  # the same answers once more
    write(location, [50], OTHER)
    (done,) = compact(location)
    assert done == ("simulated-a", 5, 1)
    assert stored(location, range(20)) == list(range(12))
    assert stored(location, [50], OTHER) == [50]
    assert compact(location) == []


def test_a_join_leaves_a_handful_of_segments_alone(location: str) -> None:
    write(location, [1])
    write(location, [2])
    assert compact(location, compaction.WORTH_IT) == []
    assert stored(location, [1, 2]) == [1, 2]


def test_large_segments_are_not_rewritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(str(tmp_path), range(200))
    monkeypatch.setattr(compaction, "SMALL", 1000)
    large = next(tmp_path.rglob("*.seg")).name
    write(str(tmp_path), [300])
    write(str(tmp_path), [301])
    compact(str(tmp_path))
    assert large in {path.name for path in tmp_path.rglob("*.seg")}
    assert len(list(tmp_path.rglob("*.seg"))) == 2


def test_one_free_segment_beside_written_ones_is_left_as_it_is(tmp_path: Path) -> None:
    write(str(tmp_path), range(3))
    before = set(tmp_path.rglob("*.seg"))

    async def run() -> None:
        stores = [open_store(str(tmp_path)) for _ in range(3)]
        for number, store in enumerate(stores):
            await store.put(MODEL, answer(10 + number))
        compact(str(tmp_path))
        assert before < set(tmp_path.rglob("*.seg"))
        for store in stores:
            await store.close()

    asyncio.run(run())


def test_damaged_records_are_dropped(tmp_path: Path) -> None:
    write(str(tmp_path), range(5))
    path = next(tmp_path.rglob("*.seg"))
    path.write_bytes(path.read_bytes().replace(b"answer 3", b"ANSWER 3"))
    write(str(tmp_path), range(5, 8))
    compact(str(tmp_path))
    assert stored(str(tmp_path), range(10)) == [0, 1, 2, 4, 5, 6, 7]


def test_a_segment_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    write(str(tmp_path), range(3))
    write(str(tmp_path), range(3, 6))

    async def run() -> None:
        store = open_store(str(tmp_path))
        await store.put(MODEL, answer(6))
        compact(str(tmp_path))
        await store.put(MODEL, answer(7))
        await store.close()

    asyncio.run(run())
    assert stored(str(tmp_path), range(10)) == list(range(8))
    assert len(list(tmp_path.rglob("*.seg"))) == 2


def test_a_store_that_is_open_keeps_reading(tmp_path: Path) -> None:
    write(str(tmp_path), range(3))
    write(str(tmp_path), range(3, 6))
    store = open_store(str(tmp_path))
    assert store.get(MODEL, key(0)) is not None
    compact(str(tmp_path))
    assert all(store.get(MODEL, key(n)) is not None for n in range(6))
    asyncio.run(store.close())


def _write_many(place: str, first: int) -> None:
    for number in range(first, first + 30):
        write(place, [number])


def test_writers_and_compactions_at_once_lose_nothing(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_write_many, args=(str(tmp_path), n)) for n in (0, 30)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        compact(str(tmp_path))
    assert [writer.exitcode for writer in writers] == [0, 0]
    compact(str(tmp_path))
    assert stored(str(tmp_path), range(60)) == list(range(60))


def test_a_place_without_a_store_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no response store"):
        compact(str(tmp_path / "nothing"))


@pytest.mark.slow
def test_a_million_answers_open_from_their_indexes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "simulated-a"
    folder.mkdir()
    record = {"model": "m", "content": "x" * 200, "usage": [1, 2, 0, 0], "finish": "stop"}
    for number in range(20):
        mine = range(50_000 * number, 50_000 * (number + 1))
        whole = b"".join(segments.frame(key(n), record) for n in mine)
        (folder / f"{number}.seg").write_bytes(whole)
        index = segment_index.encode(segment_index.scan(whole), len(whole))
        (folder / f"{number}.idx").write_bytes(index)
    monkeypatch.setattr(segment_index, "scan", lambda segment: pytest.fail("a segment is read"))
    store = open_store(str(tmp_path))
    assert store.get(MODEL, key(999_999)) is not None
    assert store.get(MODEL, key(1_000_000)) is None
    asyncio.run(store.close())
