"""The question: a frozen `Request` and the key that names it.

A key is a hash of everything that could change the answer, so that two requests that could answer
differently never share one (contract 2 of docs/architecture.md).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import NamedTuple

from inference.models import ModelRef
from inference.schema import Schema

KEY_BYTES = 16
_FLOATS_HOLD = 2**53


class Message(NamedTuple):
    """One turn of a conversation; `role` is "system", "user" or "assistant"."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to draw an answer. None leaves a parameter to the provider's default.

    Attributes:
        temperature, top_p: sampling parameters, dropped by rule where a model rejects them.
        max_tokens: limit on the visible answer; a thinking budget comes on top.
        seed: passed on where the API knows one (Chat Completions, vLLM); see `Request.draw_seed`.
        thinking: ask for reasoning before the answer.
        thinking_budget: tokens for it, where the API takes a number.
        web_search: let the model search the web.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int = 4096
    seed: int | None = None
    thinking: bool = False
    thinking_budget: int = 4096
    web_search: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One question to one model.

    Attributes:
        model: where it goes; see `inference.models.resolve`.
        messages: the conversation, oldest first.
        sampling: how the answer is drawn.
        schema: the structure the answer must have, or None for free text.
        sample: index of an independent repetition of the same question.
        attempt: 0, then 1, 2 ... when an earlier answer did not fit the schema.
        fresh: a run's id where stored answers of other runs must not be reused, else "".
    """

    model: ModelRef
    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    schema: Schema | None = None
    sample: int = 0
    attempt: int = 0
    fresh: str = ""

    @property
    def key(self) -> str:
        """32 hex digits over the canonical JSON of the request."""
        return self.key_for(self.attempt)

    def key_for(self, attempt: int) -> str:
        """The key this request has on its nth attempt at a valid answer."""
        return _attempt_key(self._digest(), attempt)

    def keys(self, attempts: int) -> list[str]:
        """The keys of its first `attempts` attempts."""
        digest = self._digest()
        return [_attempt_key(digest, attempt) for attempt in range(attempts)]

    @property
    def draw_seed(self) -> int | None:
        """The seed to send: another one for each sample and attempt, which would else be equal."""
        if self.sampling.seed is None:
            return None
        return self.sampling.seed + 1009 * self.sample + self.attempt

    def _digest(self) -> hashlib.blake2b:
        rest = json.dumps([self.messages, int(self.sample), self.fresh], ensure_ascii=False)
        text = _settings_json(self.model, self.sampling, self.schema) + rest
        # A lone surrogate in scraped text must not stop a run, and must still count in the key.
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES)


def _attempt_key(digest: hashlib.blake2b, attempt: int) -> str:
    whole = digest.copy()
    whole.update(b"%d" % attempt)
    return whole.hexdigest()


@lru_cache(maxsize=4096)
def _settings_json(model: ModelRef, sampling: Sampling, schema: Schema | None) -> str:
    """The part of the key that thousands of requests share, serialised once."""
    shared = {
        "model": model.identity(),
        "sampling": {name: _plain(value) for name, value in asdict(sampling).items()},
        "schema": [schema.name, schema.json_text] if schema else None,
    }
    return json.dumps(shared, sort_keys=True, ensure_ascii=False)


def _plain(value: float | None) -> float | None:
    """Numbers that are equal must look equal: 1, 1.0 and True; 0.0 and -0.0.

    And only those: a whole number that no float holds stays as it is.
    """
    if value is None or (isinstance(value, int) and abs(value) > _FLOATS_HOLD):
        return value
    return float(value) + 0.0
