"""Group commit: who waits is told what a signal handler wrote; what failed is tried again."""

from __future__ import annotations

import asyncio
import time

import pytest

from inference.group_commit import GroupCommit, Written

LONG = 30.0


class Disk:
    """Keeps what is written to it.

    Attributes:
        refuses: so many of the next writes fail.
        seconds: that a write takes.
    """

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.refuses = 0
        self.seconds = 0.0

    def write(self, data: bytes) -> Written[str]:
        time.sleep(self.seconds)
        if self.refuses:
            self.refuses -= 1
            raise OSError("it takes nothing")
        before = sum(map(len, self.writes))
        self.writes.append(data)
        return Written("disk", before)


async def waiting(commits: GroupCommit[str], *records: bytes) -> list[asyncio.Task[Written[str]]]:
    """Appends that wait for company."""
    tasks = [asyncio.create_task(commits.append(record)) for record in records]
    await asyncio.sleep(0.01)
    assert not any(task.done() for task in tasks)
    return tasks


def test_who_waits_is_told_of_what_a_signal_handler_wrote() -> None:
    disk = Disk()

    async def run() -> None:
        commits = GroupCommit(disk.write, LONG, 512)
        tasks = await waiting(commits, b"one", b"three")
        commits.flush_now(5.0)
        async with asyncio.timeout(1.0):
            assert await asyncio.gather(*tasks) == [("disk", 0), ("disk", 3)]
        await commits.close()

    asyncio.run(run())
    assert disk.writes == [b"onethree"]


@pytest.mark.parametrize("slow", [False, True])
def test_what_a_signal_handler_could_not_write_is_written_by_the_next_commit(slow: bool) -> None:
    disk = Disk()

    async def run() -> None:
        commits = GroupCommit(disk.write, LONG, 512)
        tasks = await waiting(commits, b"one", b"three")
        disk.refuses, disk.seconds = (0, 0.2) if slow else (1, 0.0)
        commits.flush_now(0.01 if slow else 5.0)
        assert not any(task.done() for task in tasks)
        await commits.close()
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert disk.writes[-1] == b"onethree"


def test_who_waits_is_told_that_it_could_not_be_written_at_all() -> None:
    disk = Disk()

    async def run() -> None:
        commits = GroupCommit(disk.write, LONG, 512)
        (task,) = await waiting(commits, b"one")
        disk.refuses = 2
        commits.flush_now(5.0)
        await commits.close()
        with pytest.raises(OSError, match="it takes nothing"):
            await task

    asyncio.run(run())
    assert disk.writes == []
