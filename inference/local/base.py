"""What requests must share to share an engine."""

from __future__ import annotations

import json
from dataclasses import dataclass

from inference.models import ModelRef


@dataclass(frozen=True, slots=True)
class Base:
    """Weights and engine options."""

    name: str
    revision: str | None
    options: str

    @classmethod
    def of(cls, model: ModelRef) -> Base:
        """The base that `model` runs on. A prompt's format is no matter of the engine."""
        options = {**json.loads(model.engine or "{}"), **json.loads(model.serving or "{}")}
        options.pop("prompt", None)
        return cls(model.name, model.revision, json.dumps(options, sort_keys=True))
