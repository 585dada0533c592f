"""What a run's folder holds: its tables and JSON, and the data sets its manifest names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from reporting.report.values import Run, UnreadableRun


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a run's folder.

    Raises:
        UnreadableRun: it is missing or broken.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UnreadableRun(f"{path.name} is missing; run its flow again") from None
    except (OSError, ValueError) as error:
        raise UnreadableRun(f"{path.name} can't be read: {error}") from None
    if not isinstance(content, dict):
        raise UnreadableRun(f"{path.name} holds no object")
    return content


def read_csv(path: Path) -> pd.DataFrame:
    """A table of a run's folder; model and persona names stay text.

    Raises:
        UnreadableRun: it is missing or broken.
    """
    try:
        return pd.read_csv(path, dtype={"model": str, "persona_id": str, "steered_persona": str})
    except FileNotFoundError:
        raise UnreadableRun(f"{path.name} is missing; run its flow again") from None
    except (OSError, ValueError) as error:
        raise UnreadableRun(f"{path.name} can't be read: {error}") from None


def located(run: Run, place: str) -> Path | None:
    """A dataset that a manifest names relative to where its flow ran; None when it isn't there."""
    path = Path(place)
    if path.is_absolute():
        return path if path.exists() else None
    for base in (Path(), *run.folder.resolve().parents):
        if (base / path).exists():
            return base / path
    return None
