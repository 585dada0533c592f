"""manifest.json: what a run was, so that another can repeat it and a reader can trust it."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.files import FILES
from inference.models import ModelRef
from inference.progress import Progress
from inference.request import Sampling

if TYPE_CHECKING:
    import pyarrow as pa

SDKS = ("metaflow", "datasets", "openai", "anthropic", "boto3", "numpy", "scipy", "pandas", "vllm")


def fingerprint(table: pa.Table, columns: tuple[str, ...] | None = None) -> str:
    """16 hex digits over a table's rows (of the given columns), whatever file they came from."""
    digest = hashlib.blake2b(digest_size=8)
    chosen = table.select([c for c in columns or table.column_names if c in table.column_names])
    for batch in chosen.to_batches(max_chunksize=10_000):
        digest.update(
            json.dumps(batch.to_pylist(), default=str, ensure_ascii=False).encode(
                "utf-8", "surrogatepass"
            )
        )
    return digest.hexdigest()


def hash_of(*parts: Any) -> str:
    """16 hex digits over anything JSON-able: a prompt, a rubric, the name of a work."""
    text = json.dumps(parts, sort_keys=True, default=_as_fields, ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _as_fields(value: Any) -> Any:
    """A dataclass by its fields that are not at their defaults: a new field renames no work."""
    if not is_dataclass(value) or isinstance(value, type):
        return str(value)
    return {
        field.name: getattr(value, field.name)
        for field in fields(value)
        if getattr(value, field.name) != field.default
    }


def model_entry(model: ModelRef, sampling: Sampling) -> dict[str, Any]:
    """A model with what is effectively sent to it."""
    return {
        "id": model.label,
        "provider": model.provider,
        "api_name": model.name,
        "base_url": model.base_url,
        "revision": model.revision,
        "adapter": model.adapter,
        "adapter_revision": model.adapter_revision,
        "sampling": {slot: getattr(sampling, slot) for slot in sampling.__slots__},
        "simulated": model.provider == "simulated",
        **({"engine": json.loads(model.engine)} if model.engine else {}),
    }


def usage_entry(progress: Progress) -> dict[str, Any]:
    """Tokens and cost of one step."""
    return {
        "answered": progress.answered,
        "from_store": progress.stored,
        "failed": {str(reason): n for reason, n in progress.failed.items()},
        "tokens_by_model": {name: u._asdict() for name, u in progress.by_model.items()},
        "cost_usd": progress.cost,
    }


def merge_usage(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """The usage of several steps or shards together; one unpriced part makes the whole unpriced."""
    merged: dict[str, Any] = {
        "answered": 0,
        "from_store": 0,
        "failed": {},
        "tokens_by_model": {},
        "cost_usd": 0.0,
    }
    for entry in entries:
        merged["answered"] += entry["answered"]
        merged["from_store"] += entry["from_store"]
        for reason, n in entry["failed"].items():
            merged["failed"][reason] = merged["failed"].get(reason, 0) + n
        for name, usage in entry["tokens_by_model"].items():
            into = merged["tokens_by_model"].setdefault(name, dict.fromkeys(usage, 0))
            for kind, n in usage.items():
                into[kind] += n
        both = (merged["cost_usd"], entry["cost_usd"])
        merged["cost_usd"] = None if None in both else sum(both)
    return merged


def manifest(flow: Any, benchmark: str, **entries: Any) -> dict[str, Any]:
    """The manifest of a run of `flow`: what it was given and what it ran on, plus `entries`."""
    from metaflow import current

    return {
        "plumbline": metadata_version(),
        "benchmark": benchmark,
        "flow": current.flow_name,
        "run_id": current.run_id,
        "origin_run_id": current.origin_run_id,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "git_commit": git_commit(),
        "python": platform.python_version(),
        "versions": {name: v for name in SDKS if (v := _version(name))},
        "parameters": parameters_of(flow),
        **({"local_engines": engines} if (engines := getattr(flow, "local_engines", None)) else {}),
        **entries,
    }


def parameters_of(flow: Any) -> dict[str, Any]:
    """The parameters of a run of `flow`, as its manifest has them."""
    from metaflow import current

    return {name: _parameter(flow, name) for name in current.parameter_names}


def metadata_version() -> str:
    """This project's version, from pyproject.toml."""
    import tomllib

    path = Path(__file__).parent.parent / "pyproject.toml"
    return tomllib.loads(path.read_text())["project"]["version"] if path.exists() else "unknown"


def git_commit() -> str | None:
    """The checkout's commit, with a + when files differ from it; None where nothing tells.

    A remote task has no checkout, but Metaflow's note on the launcher's.
    """
    from metaflow.meta_files import read_info_file

    folder = Path(__file__).parent.parent

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        info = read_info_file() or {}
        changed = "+" if info.get("has_uncommitted_changes") else ""
        return f"{info['commit_sha']}{changed}" if info.get("commit_sha") else None


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _parameter(flow: Any, name: str) -> Any:
    """A parameter's value; of a file that was given, a name for its text."""
    value = getattr(flow, name)
    if name in FILES and value is not None:
        return f"a file of {len(value):,} characters, {hash_of(value)}"
    return value if isinstance(value, str | int | float | bool | None) else str(value)
