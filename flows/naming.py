"""Names of the files and folders that a run leaves behind."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from flows.remote import shown, staged
from inference.errors import PlumblineError

RESULTS = Path("evaluation_results")


def judge_slug(model_id: str) -> str:
    """The last segment of a judge's id with `:` and `.` turned to `-`."""
    return re.sub(r"[:.]", "-", model_id.rstrip("/").rsplit("/", 1)[-1])


def results_folder(results_dir: str, name: str) -> Path:
    """The folder for a run's results: `--results_dir`, else evaluation_results/<name>.

    For a place on S3 it is a folder of this machine that is uploaded when the step ends;
    `flows.remote.shown` gives its name for people.
    """
    return staged(results_dir or str(RESULTS / name))


def claim_results(folder: Path, work: str) -> None:
    """Make sure that a results folder is free, or holds an earlier run of the same work.

    Raises:
        PlumblineError: it holds the results of other work, or can't be written.
    """
    parent = next(path for path in [folder, *folder.absolute().parents] if path.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise PlumblineError(f"{shown(folder)} can't be written: no write access to {parent}")
    try:
        there = json.loads((folder / "manifest.json").read_text()).get("work")
    except (OSError, ValueError, AttributeError):
        return
    if there != work:
        raise PlumblineError(
            f"{shown(folder)} holds the results of other work; move it away, or give --results_dir"
        )
