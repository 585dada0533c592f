"""The LoRA adapters of one engine: known when it starts, loaded ahead of their first request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.errors import PlumblineError
from inference.local.adapters import Adapter, fetch, rank_limit
from inference.local.base import Base
from inference.local.prompts import chat_template
from inference.local.shapes import mismatch
from inference.local.sources import Source, base_folder
from inference.models import ModelRef
from inference.providers.base import RequestFailed, one_line
from inference.result import Failure

MOST_LORAS = 16
"""Adapters in one batch, unless `max_loras` says otherwise: each takes memory from the cache."""


@dataclass(slots=True)
class Loaded:
    """An adapter with vLLM's handle for it, or why it can't be served.

    Attributes:
        handle: None for the base itself, too.
        problem: "" where there is none.
        template: the adapter's own chat template, if it has one.
    """

    handle: Any = None
    problem: str = ""
    template: str | None = None


class Loras:
    """The adapters of one engine.

    Attributes:
        ready: how many of those it was made for can be had.
        rank: the highest rank that the engine will serve; 0 without adapters.
        used: labels of the models whose adapters were loaded, by vLLM's number.
    """

    def __init__(self, base: Base, models: Sequence[ModelRef]) -> None:
        self._base = base
        self._known: dict[tuple[str | None, str | None], Loaded] = {}
        adapters = [found for model in models if (found := self._fetched(model)) is not None]
        self.ready = len(adapters)
        self.rank = rank_limit([adapter.rank for adapter in adapters]) if adapters else 0
        self.used: dict[int, str] = {}

    def arguments(self, options: dict[str, Any]) -> dict[str, Any]:
        """What vLLM is to be told of them, under the user's engine options."""
        if not self.ready:
            return {}
        slots = _slots(self.ready, options.get("max_loras"))
        return {
            "enable_lora": True,
            "max_lora_rank": self.rank,
            "max_loras": slots,
            "max_cpu_loras": max(self.ready, slots, options.get("max_cpu_loras", 0)),
        }

    def group(self, model: ModelRef, slots: int) -> int:
        """Which set of adapters `model` belongs to: those of one set fit into one batch."""
        place = list(self._known).index(_key(model)) if model.adapter else 0
        return place // max(1, slots)

    def fits(self, model: ModelRef, slots: int) -> bool:
        """Whether the engine can serve `model` as it is; otherwise it must be started anew."""
        if model.adapter is None or _key(model) in self._known:
            return True
        adapter = self._fetched(model)
        if adapter is None:
            return True
        handles = sum(loaded.handle is not None for loaded in self._known.values())
        room = not _needs_empty_slot() or handles < slots
        if adapter.rank <= self.rank and room:
            return True
        del self._known[_key(model)]
        return False

    def load(self, model: ModelRef, engine: Any) -> Loaded:
        """The adapter of a model, given to vLLM's engine once, ahead of its first request.

        An adapter that vLLM can't load would take the whole engine down in the middle of a batch.

        Raises:
            RequestFailed: it can't be served; the reason.
        """
        if model.adapter is None:
            return Loaded()
        loaded = self._known[_key(model)]
        if loaded.handle is not None and loaded.handle.lora_int_id not in self.used:
            loaded.problem = self._give(loaded.handle, engine)
            if loaded.problem:
                loaded.handle = None
            else:
                self.used[loaded.handle.lora_int_id] = model.label
        if loaded.handle is None:
            detail = f"the adapter of {model.label}: {loaded.problem}"
            raise RequestFailed(Failure.BAD_REQUEST, detail, counts=False)
        return loaded

    def _fetched(self, model: ModelRef) -> Adapter | None:
        """Put an adapter's files on the list of those to load; None if they can't be had."""
        if model.adapter is None:
            return None
        key = _key(model)
        try:
            adapter = fetch(model.adapter, model.adapter_revision)
        except PlumblineError as error:
            self._known[key] = Loaded(problem=str(error))
            return None
        from vllm.lora.request import LoRARequest

        handle = LoRARequest(adapter.name, len(self._known) + 1, str(adapter.folder))
        self._known[key] = Loaded(handle, template=chat_template(Source(str(adapter.folder))))
        return adapter

    def _give(self, handle: Any, engine: Any) -> str:
        """Load an adapter; why it can't be, or "" when it is."""
        base = self._base
        problem = mismatch(Path(handle.lora_path), base_folder(base.name, base.revision))
        if problem:
            return f"it is no adapter for {base.name}: {problem}"
        try:
            engine.add_lora(handle)
        except Exception as error:
            return f"vLLM can't load it: {one_line(str(error)) or type(error).__name__}"
        return ""


def _key(model: ModelRef) -> tuple[str | None, str | None]:
    return model.adapter, model.adapter_revision


def _slots(adapters: int, wished: int | None) -> int:
    """How many adapters a batch may mix."""
    if _needs_empty_slot():
        return max(adapters + 1, wished or 0)
    return wished or min(adapters, MOST_LORAS)


def _needs_empty_slot() -> bool:
    """Whether the last slot must stay empty for the base model's sake.

    vLLM's CPU kernels give rows without an adapter the weights in the last slot (vLLM pull
    requests 48421 and 49656): where an adapter sits in it, the base model silently answers as that
    adapter whenever the two share a batch. The GPU kernels leave such rows alone.
    """
    from vllm.platforms import current_platform

    return bool(current_platform.is_cpu())
