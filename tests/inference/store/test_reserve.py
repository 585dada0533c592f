"""A disk that fills up while answers are in flight: they go where space was set aside for them."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from inference import AskOptions, ask
from inference.errors import StoreError
from inference.reserve import Reserve
from inference.segment_files import SegmentWriter
from inference.store import open_store
from inference.store_local import _Partition
from tests.inference.asking import ask_all, endpoint
from tests.inference.test_ask import questions
from tests.model_server import ModelServer

ROOT = Path(__file__).parents[3]
ROOM = 5
"""Writes that succeed before the disk is full."""
OPTIONS = AskOptions(batch_size=16, timeout=60, grace=0.5)


def fill_up(monkeypatch: pytest.MonkeyPatch, code: int, whole: bool = False) -> None:
    """Let writes fail from the sixth on, until space is given back; for good where `whole`."""
    append, release = SegmentWriter._append, Reserve.release
    state = {"left": ROOM}

    def limited(self: SegmentWriter, file: int, data: bytes) -> int:
        state["left"] -= 1
        if state["left"] < 0:
            raise OSError(code, os.strerror(code))
        return append(self, file, data)

    def given_back(self: Reserve) -> bool:
        had = release(self)
        if had and not whole:
            state["left"] = 1000
        return had

    monkeypatch.setattr(SegmentWriter, "_append", limited)
    monkeypatch.setattr(Reserve, "release", given_back)


def broken_off(server: ModelServer, place: Path, options: AskOptions = OPTIONS) -> StoreError:
    with pytest.raises(StoreError) as caught:
        list(ask(questions(endpoint(server), 300), open_store(str(place)), options))
    return caught.value


def kept(server: ModelServer, place: Path) -> int:
    """How many of the questions have an answer in the store."""
    store = open_store(str(place))
    wanted = questions(endpoint(server), 300)
    return sum(store.get(request.model, request.key) is not None for request in wanted)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_nothing_more_is_sent_and_nothing_answered_is_lost(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer(latency=0.1) as server:
        fill_up(monkeypatch, code)
        assert os.strerror(code) in str(broken_off(server, tmp_path))
        monkeypatch.undo()
        assert kept(server, tmp_path) == len(server.log.entries) < 200
        results = ask_all(questions(endpoint(server), 300), tmp_path)
        assert all(result.ok for result in results) and len(server.log.entries) == 300


def test_without_space_set_aside_it_is_an_error_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer(latency=0.05) as server:
        monkeypatch.setattr("inference.reserve._SIZES", ())
        fill_up(monkeypatch, errno.ENOSPC)
        broken_off(server, tmp_path)
        monkeypatch.undo()
        assert 0 < kept(server, tmp_path) < len(server.log.entries) < 200


def test_nobody_waits_for_what_can_not_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The space that was given back is gone already: what hangs is not worth a minute."""
    with ModelServer(latency=0.05, faults={"hang": 0.05}) as server:
        fill_up(monkeypatch, errno.ENOSPC, whole=True)
        asking = threading.Thread(target=lambda: broken_off(server, tmp_path), daemon=True)
        asking.start()
        asking.join(30)
        assert not asking.is_alive()


def test_the_journal_may_be_the_first_to_find_the_disk_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write: Callable[[_Partition, bytes], None] = _Partition._write_journal
    tries: list[bytes] = []

    def once_full(self: _Partition, data: bytes) -> None:
        tries.append(data)
        if len(tries) == 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, data)

    monkeypatch.setattr(_Partition, "_write_journal", once_full)
    with ModelServer(latency=0.1, faults={"400": 0.1}) as server:
        assert "No space left" in str(broken_off(server, tmp_path))
        answered = sum(entry.outcome == "ok" for entry in server.log.entries)
        assert kept(server, tmp_path) == answered < 290


def test_less_is_set_aside_where_there_is_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.reserve._SIZES", (2**60, 1000))
    reserve = Reserve(tmp_path)
    assert not list(tmp_path.iterdir()), "it has no name: a kill leaves nothing"
    assert reserve.release() and not reserve.release()


TERMINATED = """
    import errno, logging, os, signal, sys, threading
    from pathlib import Path
    import pytest
    from inference import AskOptions
    from tests.inference.store import test_reserve as here
    from tests.model_server import ModelServer
    patch = pytest.MonkeyPatch()
    here.fill_up(patch, errno.ENOSPC)
    def terminate(record):
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
        return True
    logging.getLogger("inference.loop").addFilter(terminate)
    with ModelServer(latency=0.05, faults={"hang": 0.1}) as server:
        options = AskOptions(batch_size=16, timeout=600, grace=0.5)
        here.broken_off(server, Path(sys.argv[1]), options)
    print("told")
"""


def test_sigterm_ends_the_wait_for_what_is_in_flight(tmp_path: Path) -> None:
    lines = [line[4:] for line in TERMINATED.splitlines()]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "told\n", done.stderr
    assert "waiting for" in done.stderr
