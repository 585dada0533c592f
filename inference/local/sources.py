"""Where weights come from: a local folder, or a Hugging Face Hub repository at a commit."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from inference.errors import UnknownModel
from inference.providers.base import one_line

HASHED_SUFFIXES = frozenset(
    {".json", ".safetensors", ".bin", ".pt", ".pth", ".gguf", ".model", ".txt", ".jinja", ".py"}
    | {".tiktoken", ".spm", ".v1", ".v2", ".v3", ".v7"}
)
"""Files of a local folder that can change what a model answers."""
_OF_AN_ADAPTER = ("adapter_", "chat_template", "tokenizer_config")


@dataclass(frozen=True, slots=True)
class Source:
    """A folder with a model or an adapter in it.

    Attributes:
        place: an absolute path, or org/repo on the Hub.
        subfolder: a folder inside a Hub repository, else "".
        revision: a Hub branch, tag or commit; None for the main branch.
    """

    place: str
    subfolder: str = ""
    revision: str | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it lies on this machine's disk."""
        return Path(self.place).is_absolute()

    @property
    def name(self) -> str:
        """What an error or a manifest calls it."""
        return f"{self.place}/{self.subfolder}" if self.subfolder else self.place

    def find(self, file: str) -> Path | None:
        """A small file of it, fetched from the Hub where that is needed; None if it has none.

        Raises:
            UnknownModel: the repository can't be reached, does not exist, or is private.
        """
        if self.is_folder:
            path = Path(self.place, file)
            return path if path.is_file() else None
        return _fetch(self, file)

    def read_json(self, file: str) -> dict[str, Any] | None:
        """The object in a JSON file of it; None if it has no such file.

        Raises:
            UnknownModel: see `find`; or the file holds no JSON object.
        """
        path = self.find(file)
        if path is None:
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UnknownModel(
                f"{file} of {self.name} can't be read: {one_line(str(error))}"
            ) from None
        if not isinstance(content, dict):
            raise UnknownModel(f"{file} of {self.name} holds no JSON object")
        return content

    def pinned(self, file: str) -> Source:
        """The same source at the commit that `file` came from; a folder stays as it is."""
        path = None if self.is_folder else self.find(file)
        if path is None or "snapshots" not in path.parts:
            return self
        commit = path.parts[path.parts.index("snapshots") + 1]
        return replace(self, revision=commit)

    def version(self) -> str | None:
        """What names its content: the commit, or a hash over a folder's files."""
        return folder_hash(Path(self.place)) if self.is_folder else self.revision


def source_of(place: str, where: str) -> Source:
    """The source that the text behind `vllm/` names: a path, or org/repo[/subfolder][@revision].

    Raises:
        UnknownModel: it is neither; `where` is what the user wrote.
    """
    path = Path(place).expanduser()
    if not place.strip():
        raise UnknownModel(f"{where} names no model: it is empty")
    if place.startswith(("/", "./", "../", "~")) or path.is_dir():
        if not path.is_dir():
            raise UnknownModel(f"{where}: there is no folder {place}")
        return Source(str(path.resolve()))
    repository, _, revision = place.partition("@")
    parts = [part for part in repository.split("/") if part]
    if not parts or "/".join(parts) != repository:
        raise UnknownModel(
            f"{where} names no model: wanted a folder or org/repo[/subfolder][@revision]"
        )
    return Source("/".join(parts[:2]), "/".join(parts[2:]), revision or None)


def folder_hash(folder: Path) -> str:
    """32 hex digits over the names and contents of a model folder's files.

    Contents are read in full: two sets of weights that differ anywhere must not share a key.
    """
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.suffix in HASHED_SUFFIXES)
    if any(path.name == "adapter_config.json" for path in files):
        # A training checkpoint also holds the optimiser's state, which is no part of the model.
        files = [path for path in files if path.name.startswith(_OF_AN_ADAPTER)]
    with ThreadPoolExecutor(4) as pool:
        hashes = pool.map(_file_hash, files)
        parts = [f"{path.name} {digest}" for path, digest in zip(files, hashes, strict=True)]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def _file_hash(path: Path) -> str:
    state = path.stat()
    return _hash_of_state(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4096)
def _hash_of_state(path: Path, size: int, modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def base_folder(name: str, revision: str | None) -> Path:
    """Where the weights of a base model that is loaded lie on this machine."""
    if Path(name).is_absolute():
        return Path(name)
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=revision, local_files_only=True))
    except (OSError, ValueError):
        return Path(name)


def _fetch(source: Source, file: str) -> Path | None:
    from huggingface_hub import errors, hf_hub_download

    try:
        return Path(
            hf_hub_download(
                source.place,
                file,
                subfolder=source.subfolder or None,
                revision=source.revision,
            )
        )
    except errors.LocalEntryNotFoundError as error:
        _must_be_cached(source, error)
        return None
    except errors.EntryNotFoundError:
        return None
    except (errors.HfHubHTTPError, errors.HFValidationError, OSError, ValueError) as error:
        raise UnknownModel(_unreachable(source, error)) from None


def _must_be_cached(source: Source, error: Exception) -> None:
    """Offline, a file that the cache lacks is missing only if the repository is cached at all."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        cached = {repo.repo_id for repo in scan_cache_dir().repos}
    except CacheNotFound:
        cached = set()
    if source.place not in cached:
        raise UnknownModel(_unreachable(source, error)) from None


def _unreachable(source: Source, error: Exception) -> str:
    at = f" at revision {source.revision}" if source.revision else ""
    return (
        f"the Hub repository {source.place}{at} can't be read "
        f"({type(error).__name__}: {one_line(str(error), 160)}); check its name, the network, and "
        "HF_TOKEN if it is private or gated"
    )
