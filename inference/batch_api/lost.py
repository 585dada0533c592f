"""A batch whose id was lost: the process was killed, or the connection broke, once it was made.

OpenAI keeps our own name with a batch. Anthropic has no place for one: which batch is ours is a
guess by size and time, and shards of one run are alike in both. So batches whose ids are written
down are left out, and a guess counts only when the batch has ended and its results bear our keys.
Until then nothing of it is sent again: that would be paid for twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Set

from inference.batch_api.api import BatchApi
from inference.batch_api.ledger import Entry, Ledger
from inference.batch_api.patience import patiently, pauses, unbroken
from inference.providers.base import RequestFailed

log = logging.getLogger(__name__)


class Finder:
    """Finds batches of one model again. `patience` is in seconds, for what breaks meanwhile."""

    def __init__(self, api: BatchApi, ledger: Ledger, patience: float) -> None:
        self._api, self._ledger, self._patience = api, ledger, patience

    async def is_likely(self, entry: Entry) -> bool:
        """Whether a batch is there that may be this one.

        Raises:
            RequestFailed: the provider can't be asked.
        """
        return await self._guess(entry, frozenset()) is not None

    async def find(self, entry: Entry) -> bool:
        """Look for a batch, and write its id down; False when there is none.

        Raises:
            RequestFailed: the provider can't be asked.
        """
        others: set[str] = set()
        while True:
            guess = await patiently(lambda: self._guess(entry, others), self._patience)
            if guess is None:
                return False
            if self._api.knows_intents or await self._is(guess, entry):
                self._ledger.submitted(entry, guess)
                return True
            others.add(guess)

    async def _guess(self, entry: Entry, others: Set[str]) -> str | None:
        taken = set() if self._api.knows_intents else self._taken(entry)
        return await self._api.find(entry.intent, entry.created, len(entry.keys), taken | others)

    def _taken(self, entry: Entry) -> set[str]:
        """The batches that are known to be others."""
        ids = self._ledger.ids()
        return {ids[intent] for intent in ids if intent != entry.intent}

    async def _is(self, batch_id: str, entry: Entry) -> bool:
        """Wait until a batch has ended and see whose it is."""
        log.warning("a batch's id was lost; whether it is %s is seen when that ends", batch_id)
        try:
            return await self._stays_free(batch_id, entry) and await patiently(
                lambda: self._holds(batch_id, set(entry.keys)), self._patience
            )
        except RequestFailed as error:
            if error.retryable:
                raise
            return False  # it is gone, or its results are

    async def _stays_free(self, batch_id: str, entry: Entry) -> bool:
        """Wait until a batch has ended; False when another entry has it by then."""
        pause = pauses()
        while not (await patiently(lambda: self._api.state(batch_id), self._patience)).ended:
            await asyncio.sleep(next(pause))
            if batch_id in self._taken(entry):
                return False
        return True

    async def _holds(self, batch_id: str, keys: Set[str]) -> bool:
        """Whether a batch's results are of these requests: one that isn't says no."""
        is_empty = True
        async for outcome in unbroken(self._api.outcomes(batch_id)):
            if outcome.key not in keys:
                return False
            is_empty = False
        return not is_empty
