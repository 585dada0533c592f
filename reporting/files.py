"""Writing result files whole or not at all, with no key in them that can't be a word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from inference.secrets import NO_WORD, scrub


def write_text(path: Path, text: str) -> None:
    """Write through a temporary name, so that a half-written file is never found."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".{path.name}.writing")
    staging.write_text(scrub(text, NO_WORD), encoding="utf-8", errors="backslashreplace")
    staging.rename(path)


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON; what JSON has no word for is written as text."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n")
