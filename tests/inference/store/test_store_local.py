"""A local folder: torn and damaged segments, indexes, a full disk, a read-only one."""

from __future__ import annotations

import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from inference.compaction import compact
from inference.errors import StoreError
from tests.inference.store.answers import OTHER, stored, write
from tests.model_server import ServerProcess

ROOT = Path(__file__).parents[3]


def segment_of(place: Path) -> Path:
    (path,) = place.rglob("*.seg")
    return path


def test_a_torn_tail_costs_only_the_last_record(tmp_path: Path) -> None:
    write(str(tmp_path), range(20))
    path = segment_of(tmp_path)
    path.write_bytes(path.read_bytes()[:-15])
    assert stored(str(tmp_path), range(20)) == list(range(19))


def test_a_damaged_stretch_costs_only_what_is_in_it(tmp_path: Path) -> None:
    write(str(tmp_path), range(20))
    path = segment_of(tmp_path)
    data = bytearray(path.read_bytes())
    middle = data.index(b"answer 10")
    data[middle : middle + 5] = b"!!!!!"
    path.write_bytes(bytes(data))
    assert stored(str(tmp_path), range(20)) == [n for n in range(20) if n != 10]
    write(str(tmp_path), [10])
    assert stored(str(tmp_path), range(20)) == list(range(20))


@pytest.mark.parametrize("harm", ["cut", "flipped", "other segment", "gone"])
def test_an_index_that_does_not_fit_is_not_believed(tmp_path: Path, harm: str) -> None:
    write(str(tmp_path), range(20))
    index = segment_of(tmp_path).with_suffix(".idx")
    data = bytearray(index.read_bytes())
    if harm == "cut":
        index.write_bytes(bytes(data[:-3]))
    elif harm == "flipped":
        data[60] ^= 255
        index.write_bytes(bytes(data))
    elif harm == "other segment":
        with segment_of(tmp_path).open("ab") as file:
            file.write(b"torn")
    else:
        index.unlink()
    assert stored(str(tmp_path), range(20)) == list(range(20))


def test_garbage_is_no_segment(tmp_path: Path) -> None:
    write(str(tmp_path), range(5))
    folder = segment_of(tmp_path).parent
    (folder / "0-garbage.seg").write_bytes(b"\x00\xffPLB1 nonsense\n" * 100)
    (folder / "0-empty.seg").touch()
    assert stored(str(tmp_path), range(5)) == list(range(5))


def in_a_mount(options: str, script: str, size: str = "2m") -> subprocess.CompletedProcess[str]:
    """Run a script with a small file system of its own at ./disk; skip where that can't be made."""
    if subprocess.run(["unshare", "-Urm", "true"], capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    shell = f"""
        set -e
        work=$(mktemp -d); mkdir $work/disk; mount -t tmpfs -o size={size} none $work/disk
        mkdir $work/disk/store
        {options}
        exec "{sys.executable}" -c "$1" "$work/disk/store"
    """
    return subprocess.run(
        ["unshare", "-Urm", "sh", "-c", shell, "sh", textwrap.dedent(script)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


FILL = """
    import sys
    from inference.errors import StoreError
    from tests.inference.store.answers import stored, write
    place = sys.argv[1]
    write(place, range(10))
    try:
        write(place, range(10, 200), size=100_000)
    except StoreError as error:
        print(error)
    import pathlib
    big = max(pathlib.Path(place).rglob("*.seg"), key=lambda p: p.stat().st_size)
    print("kept", len(stored(place, range(10))))
    for path in pathlib.Path(place).rglob("*"):
        if path.is_file() and path.stat().st_size > 50_000: path.unlink()
    write(place, range(300, 310))
    print("again", len(stored(place, range(300, 310))))
"""


def test_a_full_disk_is_said_in_one_line_and_loses_nothing() -> None:
    done = in_a_mount("", FILL)
    assert done.returncode == 0, done.stderr
    message, kept, again = done.stdout.splitlines()
    assert "can't be written" in message and "No space left on device" in message
    assert "resume" in message
    assert (kept, again) == ("kept 10", "again 10")


OUT_OF_ROOM = """
    import sys
    from inference import AskOptions, Message, Request, ask, resolve
    from inference.errors import StoreError
    from inference.store import open_store
    model = resolve("m", "{url}")
    requests = [Request(model, (Message("user", f"question {{n}}"),)) for n in range(1000)]
    try:
        list(ask(requests, open_store(sys.argv[1]), AskOptions(batch_size=32)))
    except StoreError as error:
        print(error)
    store = open_store(sys.argv[1])
    print(sum(store.get(model, request.key) is not None for request in requests))
"""


def test_what_is_in_flight_when_the_disk_fills_up_is_kept() -> None:
    with ServerProcess(reply="tests.inference.store.answers:large", latency=0.3) as server:
        done = in_a_mount("", OUT_OF_ROOM.format(url=server.openai_url), size="8m")
        assert done.returncode == 0, done.stderr
        message, kept = done.stdout.splitlines()
        assert "No space left on device" in message and "waiting for" in done.stderr
        assert 32 < int(kept) == server.stats()["requests"] < 1000


READ_ONLY = """
    import sys
    from inference.errors import StoreError
    from tests.inference.store.answers import stored, write
    try:
        write(sys.argv[1], [1])
    except StoreError as error:
        print(error)
"""


ASK = """
    import sys
    from pathlib import Path
    from inference import Message, Request, ask, resolve
    from inference.errors import StoreError
    from inference.providers import simulated
    from inference.store import open_store
    sent = []
    respond = simulated.respond
    simulated.respond = lambda *a, **more: sent.append(1) or respond(*a, **more)
    model = resolve("sim/steadfast")
    requests = [Request(model, (Message("user", f"Why {n}?"),)) for n in range(300)]
    def run(wanted):
        try:
            results = list(ask(wanted, open_store(sys.argv[1])))
            print("sent", len(sent), "answered", sum(r.ok for r in results))
        except StoreError as error:
            print("sent", len(sent), error)
        sent.clear()
"""


def test_a_full_read_only_store_is_read_and_nothing_is_paid_for_beside_it() -> None:
    script = """
    import ctypes
    run(requests[:200])
    disk = Path(sys.argv[1]).parent
    assert ctypes.CDLL(None).mount(b"none", str(disk).encode(), None, 32 | 1, None) == 0
    run(requests[:200])
    run(requests)
    """
    done = in_a_mount("", ASK + script)
    assert done.returncode == 0, done.stderr
    first, again, more = done.stdout.splitlines()
    assert first == "sent 200 answered 200" and again == "sent 0 answered 200"
    assert more.startswith("sent 0 answers can't be written") and "Read-only file system" in more


def test_a_full_disk_is_noticed_before_anything_is_paid_for() -> None:
    script = """
    with (Path(sys.argv[1]).parent / "ballast").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    run(requests)
    """
    done = in_a_mount("", ASK + script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("sent 0 answers can't be written")
    assert "No space left on device" in done.stdout and done.stdout.count("\n") == 1


def test_many_segments_do_not_use_up_the_descriptors(tmp_path: Path) -> None:
    write(str(tmp_path), range(3))
    path = segment_of(tmp_path)
    for number in range(300):
        (path.parent / f"{number}.seg").write_bytes(path.read_bytes())
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, before[1]))
    try:
        assert stored(str(tmp_path), range(3)) == [0, 1, 2]
        compact(str(tmp_path))
        assert len(list(tmp_path.rglob("*.seg"))) < 10
        assert stored(str(tmp_path), range(3)) == [0, 1, 2]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_folder_that_can_not_be_read_is_no_empty_one(tmp_path: Path) -> None:
    write(str(tmp_path), range(3))
    (tmp_path / "simulated-b").write_text("no folder")
    with pytest.raises(StoreError, match="can't be read: Not a directory"):
        stored(str(tmp_path), range(3), OTHER)


def test_a_read_only_store_is_said_in_one_line() -> None:
    done = in_a_mount(
        "mkdir $work/disk/store/simulated-a; mount -o remount,ro $work/disk", READ_ONLY
    )
    assert done.returncode == 0, done.stderr
    assert "can't be written" in done.stdout and "Read-only file system" in done.stdout
    assert done.stdout.count("\n") == 1
