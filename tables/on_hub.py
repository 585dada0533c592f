"""Datasets on the Hugging Face Hub: written only where nobody else's work is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.secrets import hub_token
from tables.on_s3 import BadPlace, line_of

if TYPE_CHECKING:
    import datasets

WORK_FILE = "plumbline.json"
"""Names the work whose result a dataset is; its being there means that the dataset is complete."""
MANIFEST = "manifest.json"
_GIT_FILES = frozenset({".gitattributes", "README.md"})


def check_hub(where: str, work: str) -> None:
    """Make sure that the dataset repository may be written: ours to write, and free or our work.

    Raises:
        BadPlace: no token, no write access, or it holds other work.
    """
    from huggingface_hub import HfApi

    if not hub_token():
        raise BadPlace(f"writing to the Hub dataset {where} needs HF_TOKEN; set it or use a folder")
    hub = HfApi(token=hub_token())
    try:
        hub.create_repo(where, repo_type="dataset", private=True, exist_ok=True)
        # A repository that is there and can be read satisfies `exist_ok`, whoever owns it.
        hub.auth_check(where, repo_type="dataset", write=True)
        files = set(hub.list_repo_files(where, repo_type="dataset"))
        there = _work_on_hub(hub, where) if WORK_FILE in files else None
    except Exception as error:
        raise BadPlace(f"no write access to the Hub dataset {where}: {line_of(error)}") from None
    if files - _GIT_FILES and there != work:
        raise BadPlace(f"the Hub dataset {where} holds other work; give another output path")


def notes_of(work: str, note: dict[str, Any] | None) -> dict[str, bytes]:
    """The files beside a dataset by name: its manifest, and last the name of the work."""
    manifest = {MANIFEST: {**note, "work": work}} if note else {}
    contents = {**manifest, WORK_FILE: {"work": work}}
    return {n: json.dumps(c, indent=2, default=str).encode() for n, c in contents.items()}


def push(dataset: datasets.Dataset, where: str, notes: dict[str, bytes]) -> None:
    """Push a dataset, private, split `train`, and then the files beside it, in their order."""
    from huggingface_hub import HfApi

    dataset.push_to_hub(where, split="train", private=True, token=hub_token())
    hub = HfApi(token=hub_token())
    for name, content in notes.items():
        hub.upload_file(
            path_or_fileobj=content, path_in_repo=name, repo_id=where, repo_type="dataset"
        )


def _work_on_hub(hub: Any, where: str) -> str | None:
    path = hub.hf_hub_download(where, WORK_FILE, repo_type="dataset")
    try:
        return json.loads(Path(path).read_text())["work"]
    except (ValueError, KeyError, TypeError):
        return None
