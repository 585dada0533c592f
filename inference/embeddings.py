"""Embeddings from an OpenAI-compatible endpoint, each kept in the response store.

POST /embeddings takes many texts at once; what the store already holds is not sent.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.budget import CHARACTERS_PER_TOKEN
from inference.errors import PlumblineError
from inference.limits import backoff
from inference.models import ModelRef, checked_url
from inference.progress import Progress
from inference.providers.base import ProviderOptions, RequestFailed, failed_error
from inference.result import Result, Usage
from inference.store import Store
from inference.usage import Price, show_cost

TEXTS_PER_REQUEST = 128
REQUESTS_AT_ONCE = 8
MAX_TRIES = 6


class EmbeddingsFailed(PlumblineError):
    """The endpoint gave no embeddings; the message says why."""


def embedding_model(name: str, url: str = "") -> ModelRef:
    """The model of that name at an OpenAI-compatible endpoint, at OpenAI without a `url`."""
    if url:
        return ModelRef(name, "endpoint", name, checked_url(url))
    base = os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
    return ModelRef(name, "openai", name, checked_url(base))


@dataclass(frozen=True)
class Account:
    """Where what embeddings cost is counted, as it is paid.

    Attributes:
        progress: the counters.
        price: of the model; None where it is unpriced.
        most: dollars that may be paid; None for no limit.
    """

    progress: Progress
    price: Price | None = None
    most: float | None = None

    def check(self, texts: Sequence[str], model: ModelRef) -> None:
        """Refuse to embed texts for which the money will probably not do.

        Raises:
            EmbeddingsFailed: so it is.
        """
        if self.most is None or self.price is None or not texts:
            return
        tokens = sum(map(len, texts)) // CHARACTERS_PER_TOKEN
        cost = self.price.cost(Usage(input=tokens))
        left = max(0.0, self.most - (self.progress.cost or 0.0))
        if cost > left or (cost and not left):
            raise EmbeddingsFailed(
                f"--max_cost leaves {show_cost(left)}, and {len(texts):,} embeddings of "
                f"{model.label} cost about {show_cost(cost)}: `run` again with a higher --max_cost"
            )

    def pay(self, model: ModelRef, tokens: int) -> None:
        """Take in what one request used."""
        used = Usage(input=tokens)
        self.progress.pay(model.label, used, self.price.cost(used) if self.price else None)


def embed(
    texts: Sequence[str],
    model: ModelRef,
    store: Store,
    account: Account | None = None,
    timeout: float = 600.0,
) -> tuple[np.ndarray, Usage]:
    """(n, d) float32 vectors of the texts, and the tokens paid for now. The store is closed.

    Raises:
        EmbeddingsFailed: a request failed for good, or the account does not allow it.
    """
    account = account or Account(Progress())
    distinct = list(dict.fromkeys(texts))
    return asyncio.run(_embed(distinct, list(texts), model, store, account, timeout))


async def _embed(
    distinct: list[str],
    texts: list[str],
    model: ModelRef,
    store: Store,
    account: Account,
    timeout: float,
) -> tuple[np.ndarray, Usage]:
    client = _client(model, timeout)
    try:
        found = {text: _stored(text, model, store) for text in distinct}
        missing = [text for text in distinct if found[text] is None]
        account.check(missing, model)
        if missing:
            store.check_writable(model)
        batches = [
            missing[i : i + TEXTS_PER_REQUEST] for i in range(0, len(missing), TEXTS_PER_REQUEST)
        ]
        answers = await _all(client, model, batches, store, account)
    finally:
        await client.close()
        await store.close()
    for batch, (vectors, _) in zip(batches, answers, strict=True):
        found |= dict(zip(batch, vectors, strict=True))
    lengths = {len(vector) for vector in found.values() if vector is not None}
    if len(lengths) > 1:
        raise EmbeddingsFailed(f"{model.label} gave embeddings of {len(lengths)} different lengths")
    used = Usage(input=sum(tokens for _, tokens in answers))
    return np.array([found[text] for text in texts], dtype=np.float32), used


def _client(model: ModelRef, timeout: float) -> Any:
    import openai

    from inference.providers.sdk_http import make_client

    variable = "OPENAI_API_KEY" if model.provider == "openai" else "INFERENCE_API_KEY"
    options = ProviderOptions(concurrency=REQUESTS_AT_ONCE, timeout=timeout)
    return make_client(
        openai, options, base_url=model.base_url, api_key=os.environ.get(variable) or "none"
    )


async def _all(
    client: Any, model: ModelRef, batches: list[list[str]], store: Store, account: Account
) -> list[tuple[list[np.ndarray], int]]:
    """What `_ask` gives for each batch.

    After a failure nothing more is sent; what is in flight is still kept.
    """
    gate = asyncio.Semaphore(REQUESTS_AT_ONCE)
    broken: list[EmbeddingsFailed] = []

    async def one(texts: list[str]) -> tuple[list[np.ndarray], int]:
        async with gate:
            if broken:
                raise broken[0]
            try:
                account.check(texts, model)
                return await _ask(client, model, texts, store, account)
            except EmbeddingsFailed as error:
                broken.append(error)
                raise

    tasks = [asyncio.ensure_future(one(batch)) for batch in batches]
    await asyncio.gather(*tasks, return_exceptions=True)
    return [task.result() for task in tasks]


async def _ask(
    client: Any, model: ModelRef, texts: list[str], store: Store, account: Account
) -> tuple[list[np.ndarray], int]:
    """The vectors of one request, kept before they count; and its tokens."""
    answer = await _post(client, model, texts)
    tokens = int((answer.get("usage") or {}).get("prompt_tokens") or 0)
    account.pay(model, tokens)
    try:
        rows = sorted(answer["data"], key=lambda row: row["index"])
        vectors = [_vector(row["embedding"]) for row in rows]
    except (KeyError, TypeError, ValueError):
        vectors = []
    if len(vectors) != len(texts):
        raise EmbeddingsFailed(
            f"{model.label} answered {len(texts)} texts with {len(vectors)} embeddings"
        )
    await asyncio.gather(*(_keep(t, v, model, store) for t, v in zip(texts, vectors, strict=True)))
    return vectors, tokens


async def _post(client: Any, model: ModelRef, texts: list[str]) -> dict[str, Any]:
    import openai

    from inference.providers.sdk_http import post

    body = {"model": model.name, "input": texts, "encoding_format": "float"}
    for attempt in range(MAX_TRIES):
        try:
            answer = await post(openai, client, "/embeddings", body)
            if answer.get("error"):
                raise failed_error(answer["error"])
            return answer
        except RequestFailed as error:
            if not error.retryable or attempt == MAX_TRIES - 1:
                raise EmbeddingsFailed(
                    f"{model.label} gave no embeddings: {error.failure}: {error.detail}"
                ) from None
            await asyncio.sleep(max(error.retry_after or 0.0, backoff(attempt)))
    raise AssertionError("the last try returns or raises")


def _vector(value: Any) -> np.ndarray:
    """Numbers, or base64 of little-endian floats, which some servers send whatever was asked."""
    if isinstance(value, str):
        return np.frombuffer(base64.b64decode(value), dtype="<f4").astype(np.float32)
    return np.array(value, dtype=np.float32)


def _stored(text: str, model: ModelRef, store: Store) -> np.ndarray | None:
    found = store.get(model, _key(text, model))
    return _vector(found.content) if found is not None else None


async def _keep(text: str, vector: np.ndarray, model: ModelRef, store: Store) -> None:
    content = base64.b64encode(vector.astype("<f4").tobytes()).decode()
    await store.put(
        model, Result(_key(text, model), model.label, content=content, finish_reason="embedding")
    )


def _key(text: str, model: ModelRef) -> str:
    whole = json.dumps(["embedding", model.identity(), text], ensure_ascii=False)
    return hashlib.blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
