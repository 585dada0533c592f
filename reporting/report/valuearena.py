"""EigenBench runs in ValueArena's layout, which the published tool writes and its site reads.

    index.json                 {last_updated, runs: [one entry a run, newest first]}
    runs/<slug>/meta.json      models, data, constitution, procedure, trust; name, note, commit
    runs/<slug>/summary.json   Elo with intervals, best first
    runs/<slug>/evaluations.jsonl
    runs/<slug>/images/

A batch of runs stands under one prefix: its slug is `<prefix>/<name>`. An entry of the index is
replaced by slug; entries of other runs stay.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from reporting.files import write_json
from reporting.report.values import Run

INDEX = "index.json"
IMAGES = {
    "elo.png": "bootstrap_elo.png",
    "trust_matrix.png": "eigenbench.png",
    "dispositions.png": "uv_embeddings_pca.png",
    "held_out_by_dimension.png": "held_out_by_dimension.png",
    "order_bias.png": "order_bias.png",
}
"""Our pictures under the names that the site looks for, where there is such a name."""


class Label(NamedTuple):
    """What a user says of an export.

    Attributes:
        prefix: of a batch, "" for none; it is the group too, where none is given.
        name: of a single run, "" for the run's own.
        group, note: shown in the site's table, "" for none.
    """

    prefix: str = ""
    name: str = ""
    group: str = ""
    note: str = ""


def export(runs: Sequence[Run], folder: Path, label: Label, index: Any = None) -> list[str]:
    """Write runs and the index; returns the slugs.

    Args:
        runs: finished EigenBench runs.
        folder: where the layout begins.
        label: names of this export.
        index: the index that is there already, None for none; else the folder's own is taken.
    """
    index = _checked_index(index if index is not None else _read_index(folder))
    slugs: list[str] = []
    for run in runs:
        slug = _slug(run, label, slugs)
        slugs.append(slug)
        target = folder / "runs" / slug
        meta, summary = _meta(run, slug, label), _summary(run)
        write_json(target / "meta.json", meta)
        write_json(target / "summary.json", summary)
        _copy(run, target)
        kept = [entry for entry in index["runs"] if entry.get("slug") != slug]
        index["runs"] = [*kept, _entry(slug, meta, summary, label)]
    index["runs"].sort(key=lambda entry: str(entry.get("timestamp") or ""), reverse=True)
    index["last_updated"] = datetime.now(UTC).isoformat()
    write_json(folder / INDEX, index)
    return slugs


def _read_index(folder: Path) -> Any:
    try:
        return json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _checked_index(index: Any) -> dict[str, Any]:
    runs = index.get("runs") if isinstance(index, dict) else None
    kept = [entry for entry in runs if isinstance(entry, dict)] if isinstance(runs, list) else []
    return {"last_updated": None, "runs": kept}


def _slug(run: Run, label: Label, taken: Sequence[str]) -> str:
    """<prefix>/<name>; a second run of one name gets its folder's name too."""
    given = label.name or str((run.manifest.get("upload") or {}).get("name") or "")
    own = given or str(run.manifest.get("name") or run.name.removesuffix("/eigenbench"))
    words = "/".join(part for part in (label.prefix, own) if part)
    slug = re.sub(r"[^\w./-]+", "-", words).strip("/.-") or "run"
    parts = [part for part in slug.split("/") if part.strip(".")]
    slug, number = "/".join(parts), 2
    unique = slug
    while unique in taken:
        unique, number = f"{slug}-{number}", number + 1
    return unique


def _meta(run: Run, slug: str, label: Label) -> dict[str, Any]:
    manifest = run.manifest
    options, plan = manifest.get("options") or {}, manifest.get("plan") or {}
    sampler = plan.get("sampler") or {}
    dataset, constitution = manifest.get("dataset") or {}, manifest.get("constitution") or {}
    upload = manifest.get("upload") or {}
    return {
        "name": slug,
        "group": label.group or upload.get("group") or label.prefix or None,
        "note": label.note or upload.get("note") or None,
        "timestamp": run.created,
        "git_commit": upload.get("git_commit") or manifest.get("git_commit"),
        "git_repo": None,
        "models": {name: _model(entry) for name, entry in _models(run)},
        "dataset": {"path": dataset.get("source"), **_without(dataset, "source")},
        "constitution": {
            "path": constitution.get("source"),
            "num_criteria": len(constitution.get("criteria") or []),
        },
        "training": {
            "model": options.get("model"),
            "dims": options.get("dims"),
            "procedure": options.get("procedure"),
            "test_size": options.get("test_size"),
            "group_split": options.get("group_split"),
            "separate_criteria": options.get("separate_criteria"),
        },
        "collection": {
            "allow_ties": options.get("allow_ties"),
            "group_size": sampler.get("group_size"),
            "groups": sampler.get("groups"),
            "sampler_mode": sampler.get("mode"),
            "sampler_seed": sampler.get("seed"),
            "alpha": sampler.get("alpha"),
        },
        "bootstrap": {
            "enabled": (run.folder / "bootstrap.parquet").exists(),
            "n_bootstraps": options.get("n_bootstraps"),
            "random_seed": options.get("bootstrap_seed"),
            "unit": options.get("bootstrap_unit"),
        },
        "log": _log(run),
        "eigentrust": _eigentrust(run),
        "simulated": run.simulated,
    }


def _models(run: Run) -> list[tuple[str, dict[str, Any]]]:
    """Display names with what the manifest says of each, in spec order."""
    entries = [m for m in run.manifest.get("models") or [] if isinstance(m, dict)]
    return [(str([*(m.get("identity") or []), m.get("name")][0]), m) for m in entries]


def _model(entry: dict[str, Any]) -> dict[str, Any]:
    identity = [*(entry.get("identity") or []), "", ""]
    model_id = str(entry.get("id") or identity[1])
    local = model_id.removeprefix("hf_local:").removeprefix("vllm/")
    base, adapter = None, entry.get("adapter")
    if local != model_id:
        parts = local.split("/")
        base = "/".join(parts[:2])
        adapter = adapter or (local if len(parts) > 2 else None)
    kind = "api" if base is None else "lora" if adapter else "base"
    return {"id": model_id, "type": kind, "base_model": base, "adapter": adapter}


def _log(run: Run) -> dict[str, Any]:
    """The numbers of the headline fit, with the published key where one means the same."""
    report = json.loads((run.folder / "fit.json").read_text(encoding="utf-8"))
    fit = report.get("headline") or report  # direct ratings have no fit, only the report
    numbers = {k: v for k, v in fit.items() if isinstance(v, int | float) and math.isfinite(v)}
    losses = [row.get("nll") for row in fit.get("held_out") or [] if row.get("chosen")]
    known = [loss for loss in losses if isinstance(loss, int | float) and math.isfinite(loss)]
    return numbers | ({"test_loss": known[0]} if known else {})


def _eigentrust(run: Run) -> list[float]:
    """Trust in spec order."""
    table = pd.read_csv(run.folder / "summary.csv", dtype={"model": str}).set_index("model")
    names = [name for name, _ in _models(run)]
    order = names if set(names) == set(table.index) else list(table.index)
    return [float(table["trust"][name]) for name in order]


def _summary(run: Run) -> list[dict[str, Any]]:
    table = pd.read_csv(run.folder / "summary.csv", dtype={"model": str})
    place = {name: number for number, (name, _) in enumerate(_models(run))}
    rows = []
    for number, row in enumerate(table.to_dict("records")):
        elo = float(row["elo"])
        rows.append(
            {
                "model_index": place.get(str(row["model"]), number),
                "model_name": str(row["model"]),
                "elo_mean": elo if (mean := _known(row.get("elo_mean"))) is None else mean,
                # Null without a bootstrap: an interval of no width would claim certainty.
                "elo_std": _known(row.get("elo_sd")),
                "elo_ci_lower": _known(row.get("elo_low")),
                "elo_ci_upper": _known(row.get("elo_high")),
                "elo": elo,
            }
        )
    return sorted(rows, key=lambda row: -row["elo_mean"])


def _known(value: Any) -> float | None:
    return None if value is None or value != value else float(value)


def _copy(run: Run, target: Path) -> None:
    """Judgements and pictures."""
    (target / "images").mkdir(parents=True, exist_ok=True)
    judgements = run.folder / "evaluations.jsonl"
    if judgements.exists():
        shutil.copyfile(judgements, target / "evaluations.jsonl")
    for ours, theirs in IMAGES.items():
        if (run.folder / ours).exists():
            shutil.copyfile(run.folder / ours, target / "images" / theirs)


def _entry(
    slug: str, meta: dict[str, Any], summary: list[dict[str, Any]], label: Label
) -> dict[str, Any]:
    dataset, top = meta["dataset"], summary[0] if summary else {}
    scenario = Path(str(dataset.get("path") or "")).stem
    start, count = dataset.get("start") or 0, dataset.get("scenarios") or dataset.get("count") or 0
    return {
        "slug": slug,
        "name": slug,
        "group": meta["group"],
        "note": meta["note"],
        "timestamp": meta["timestamp"],
        "git_commit": meta["git_commit"],
        "models_count": len(meta["models"]),
        "constitution": Path(str(meta["constitution"]["path"] or "")).stem,
        "scenario": f"{scenario} [{start}-{start + count}]" if scenario else "",
        "sampler_mode": meta["collection"]["sampler_mode"],
        "btd_model": meta["training"]["model"],
        "dims": meta["training"]["dims"],
        "top_model": top.get("model_name", ""),
        "top_elo": round(top.get("elo_mean", 0.0), 1),
        "test_loss": meta["log"].get("test_loss"),
    }


def _without(mapping: dict[str, Any], key: str) -> dict[str, Any]:
    return {k: v for k, v in mapping.items() if k != key}
