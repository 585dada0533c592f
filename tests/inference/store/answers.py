"""Answers for the store's tests, and the few lines that put and get them."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Iterable
from typing import Any

from inference.models import ModelRef
from inference.result import Citation, Failure, Result, Usage
from inference.store import open_store

MODEL = ModelRef("sim/a", "simulated", "a")
OTHER = ModelRef("sim/b", "simulated", "b")


def key(number: int) -> str:
    return hashlib.blake2b(str(number).encode(), digest_size=16).hexdigest()


def answer(number: int, size: int = 20) -> Result:
    text = f"answer {number} \u2028 \ud800 {{}}\n" + "x" * size
    pages = (Citation("u", "t", "c"),)
    return Result(key(number), "sim/a", content=text, citations=pages, usage=Usage(3, 4, 1, 2))


def failure(number: int) -> Result:
    return Result(key(number), "sim/a", failure=Failure.TIMEOUT, detail="no answer", raw="half")


def write(location: str, numbers: Iterable[int], model: ModelRef = MODEL, size: int = 20) -> None:
    async def run() -> None:
        store = open_store(location)
        await asyncio.gather(*(store.put(model, answer(n, size)) for n in numbers))
        await store.close()

    asyncio.run(run())


def stored(location: str, numbers: Iterable[int], model: ModelRef = MODEL) -> list[int]:
    """Those of the numbers whose answer is stored, each found to be as it was put."""
    store = open_store(location)
    found = []
    for number in numbers:
        result = store.get(model, key(number))
        if result is not None:
            content = result.content or ""
            assert content.startswith(f"answer {number} \u2028 \ud800")
            assert result.stored and result.usage == Usage(3, 4, 1, 2)
            assert result.citations == (Citation("u", "t", "c"),)
            found.append(number)
    asyncio.run(store.close())
    return found


def large(model: str, messages: list[dict[str, str]], body: Any) -> str:
    """What the loopback server says where answers shall fill a disk: 20 KB that nothing packs."""
    return random.Random(messages[-1]["content"]).randbytes(10_000).hex()
