"""Read an EigenBench run: Elo with its joint draws, judges, trust, and every comparison's texts.

An Elo is a place among the models of one ensemble under one constitution: runs are never put into
one table, only models of one run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.eigenbench.trust import elo
from reporting.report.readers.eigenbench_log import ComparisonLog
from reporting.report.readers.eigenbench_transcripts import source
from reporting.report.readers.files import read_csv, read_json
from reporting.report.resampling import Draws
from reporting.report.values import (
    Entry,
    Measure,
    Reading,
    Run,
    UnreadableRun,
    Value,
    number,
    spent_in,
)

MEASURES = (
    Measure(
        "elo",
        "Elo",
        "How much the ensemble trusts a model under the constitution, as EigenTrust weighs its "
        "judges; 1500 is the mean of equals.",
        digits=0,
        chance=1500.0,
    ),
    Measure(
        "elo_published",
        "Elo as published",
        "The same by the published procedure.",
        digits=0,
    ),
    Measure(
        "elo_uniform_judges",
        "Elo, equal judges",
        "Every judge weighs the same.",
        digits=0,
    ),
    Measure(
        "elo_without_self",
        "Elo, no self-trust",
        "What a judge says of itself left out.",
        digits=0,
    ),
    Measure("trust", "Trust", "EigenTrust; adds up to 1.", digits=3, limits=(0.0, 1.0)),
)
HEADLINE = "elo"
RANKS = (
    "ranks here hold for all models at once; summary.csv and the run's terminal give each model's "
    "own 95% interval, which can be narrower"
)
PAIRED = ("elo",)


def read(run: Run) -> list[Reading]:
    """The one reading of a run.

    Raises:
        UnreadableRun: summary.csv or fit.json is missing or broken.
    """
    if not (run.folder / "summary.csv").exists() and (run.folder / "evaluations.jsonl").exists():
        raise UnreadableRun("judgements only, not analysed: give them as --evaluations_path")
    summary = read_csv(run.folder / "summary.csv")
    fit = read_json(run.folder / "fit.json")
    if "model" not in summary or "elo" not in summary:
        raise UnreadableRun("summary.csv has no columns model and elo")
    names = _ids(run, list(summary["model"].astype(str)))
    draws, warning = _draws(run, summary, names, fit)
    log = ComparisonLog.of(run, _criteria(run))
    return [
        Reading(
            run=run,
            benchmark="eigenbench",
            key={"run": run.name, "constitution": _constitution(run)},
            label=f"{_constitution(run)} · {run.name}",
            entries=tuple(
                _entry(run, names[str(row["model"])], row, log) for _, row in summary.iterrows()
            ),
            draws=draws,
            judges=tuple(names.values()),
            frames={
                "trust": _trust(run, names),
                "judges": _optional(run, "judges.csv", names),
                "reasons": _optional(run, "reasons.csv", {}),
            },
            spent=spent_in(run, lambda _: "answers and judges"),
            warnings=(warning,) if warning else (),
            notes=(*map(str, fit.get("notes") or []), RANKS),
            shown=_display_names(names),
            transcripts=None if log is None else source(run, log, names),
        )
    ]


def _ids(run: Run, shown: list[str]) -> dict[str, str]:
    """Model ids by display name, so that models meet across benchmarks.

    A prompted persona keeps its display name: the same id with another system prompt is another
    model to this benchmark. So do two names of one id.
    """
    ids = {name: name for name in shown}
    for model in run.manifest.get("models") or []:
        name, model_id, *prompts = [*(model.get("identity") or []), "", ""][:4]
        if name in ids and model_id and not any(prompts):
            ids[name] = str(model_id)
    twice = {value for value in ids.values() if list(ids.values()).count(value) > 1}
    return {name: name if value in twice else value for name, value in ids.items()}


def _display_names(names: dict[str, str]) -> dict[str, str]:
    """What tables of this run alone call a model id: its display name with the id behind it."""
    return {
        model_id: f"{name} ({model_id})" for name, model_id in names.items() if name != model_id
    }


def _constitution(run: Run) -> str:
    held = run.manifest.get("constitution") or {}
    return Path(str(held.get("source") or "constitution")).stem


def _criteria(run: Run) -> list[str]:
    """The criteria a judgement answers."""
    return [str(c) for c in (run.manifest.get("constitution") or {}).get("criteria") or []]


def _entry(run: Run, model: str, row: Any, log: ComparisonLog | None) -> Entry:
    values = {
        m.name: Value(
            number(row.get(m.name)),
            number(row.get(f"{m.name}_low")),
            number(row.get(f"{m.name}_high")),
        )
        for m in MEASURES
    }
    return Entry(model, run.name, values, None if log is None else log.covered(str(row["model"])))


def _draws(
    run: Run, summary: pd.DataFrame, names: dict[str, str], fit: dict[str, Any]
) -> tuple[dict[str, Draws], str]:
    """Joint draws of Elo from bootstrap.parquet."""
    path = run.folder / "bootstrap.parquet"
    if not path.exists():
        return {}, "no bootstrap.parquet: no differences and no rank intervals"
    shown = list(names)
    try:
        trust = pd.read_parquet(path, columns=shown).to_numpy(dtype=float)
    except (OSError, ValueError, KeyError) as error:
        return {}, f"bootstrap.parquet can't be read: {error}"
    values = summary.set_index(summary["model"].astype(str))["elo"].reindex(shown).to_numpy(float)
    units = (fit.get("bootstrap") or {}).get("units") or 0
    limits = (-np.inf, np.inf)
    return {"elo": Draws(tuple(names.values()), values, elo(trust), units, limits)}, ""


def _trust(run: Run, names: dict[str, str]) -> pd.DataFrame:
    """Long form: judge, model, trust."""
    table = _optional(run, "trust_matrix.csv", {})
    if table.empty:
        return table
    long = table.melt("judge", var_name="model", value_name="trust")
    return long.assign(
        judge=long["judge"].astype(str).map(lambda n: names.get(n, n)),
        model=long["model"].map(lambda n: names.get(n, n)),
    )


def _optional(run: Run, name: str, names: dict[str, str]) -> pd.DataFrame:
    try:
        table = read_csv(run.folder / name)
    except UnreadableRun:
        return pd.DataFrame()
    if names and "model" in table:
        table["model"] = table["model"].astype(str).map(lambda n: names.get(n, n))
    return table
