"""Read a steerability run: one reading for each way of steering, its personas, its transcripts."""

from __future__ import annotations

import hashlib
from typing import Any

import pandas as pd

from reporting.report.readers.files import read_csv, read_json
from reporting.report.readers.steerability_transcripts import source, words_of
from reporting.report.values import (
    Covered,
    Entry,
    ItemScores,
    Lost,
    Measure,
    Reading,
    Run,
    UnreadableRun,
    spent_in,
    value_of,
)

MEASURES = (
    Measure(
        "sensitivity_mid_rank",
        "Mean sensitivity (mid-rank)",
        "Mean sensitivity: where a persona's own model stands among all steered models on its "
        "statements, ties counted half. 1 is always first, 0.5 is chance.",
        digits=2,
        limits=(0.0, 1.0),
        chance=0.5,
    ),
    Measure(
        "own_minus_others",
        "Own less others",
        "Accuracy on the own persona's statements less that on the others' statements.",
        digits=2,
        limits=(-1.0, 1.0),
        chance=0.0,
    ),
    Measure(
        "accuracy",
        "Accuracy",
        "Share of the own persona's statements answered as the persona would.",
        digits=2,
        limits=(0.0, 1.0),
        chance=0.5,
    ),
    Measure(
        "gain",
        "Gain",
        "Accuracy on the own persona's statements less that of the same model unsteered.",
        digits=2,
        limits=(-1.0, 1.0),
        chance=0.0,
    ),
    Measure(
        "sensitivity",
        "As published",
        "Mean sensitivity with ties counted at their maximum, for comparison with published "
        "numbers: a system that never changes its answers gets 1.",
        digits=2,
        limits=(0.0, 1.0),
    ),
)
HEADLINE = "sensitivity_mid_rank"
PAIRED = ("sensitivity_mid_rank", "own_minus_others", "accuracy")
CONDITION = ["model", "system", "n_steer"]
NOT_STEERED = ("unsteered", "random")
NOT_RANKED = (*NOT_STEERED, "few_shot_reversed", "few_shot_named_reversed")


def read(run: Run) -> list[Reading]:
    """A reading for each steering system and number of statements, all models of it together.

    Raises:
        UnreadableRun: a table is missing or broken.
    """
    metrics = read_json(run.folder / "metrics.json")
    results = read_csv(run.folder / "results.csv")
    summary = read_csv(run.folder / "summary.csv")
    conditions = [c for c in metrics.get("conditions") or [] if isinstance(c, dict)]
    if not conditions:
        raise UnreadableRun("metrics.json holds no conditions")
    readings: list[Reading] = []
    ways = dict.fromkeys((str(c.get("system")), int(c.get("n_steer") or 0)) for c in conditions)
    for system, n_steer in ways:
        if system in NOT_RANKED or system.endswith("_reversed"):
            continue
        mine = [c for c in conditions if (c.get("system"), c.get("n_steer")) == (system, n_steer)]
        rows = _of(results, system, n_steer)
        readings.append(
            Reading(
                run=run,
                benchmark="steerability",
                key=_key(run, system, n_steer),
                label=f"{words_of(system)}, {n_steer} statements",
                entries=tuple(_entry(run, c) for c in mine),
                items=tuple(_items(rows, str(c["model"])) for c in mine),
                frames={
                    "framework": _frameworks(_of(summary, system, n_steer)),
                    "personas": rows,
                    "scores": _matrix(run, system, n_steer),
                },
                # What a run cost is told once, with its first reading.
                spent=() if readings else spent_in(run, lambda _: "answers"),
                transcripts=source(run, system, n_steer, rows),
            )
        )
    if not readings:
        raise UnreadableRun("it holds no steered condition, only baselines")
    return readings


def _of(table: pd.DataFrame, system: str, n_steer: int) -> pd.DataFrame:
    return table[(table["system"] == system) & (table["n_steer"] == n_steer)]


def _key(run: Run, system: str, n_steer: int) -> dict[str, str]:
    manifest = run.manifest
    settings, dataset = manifest.get("settings") or {}, manifest.get("dataset") or {}
    personas = [str(name) for name in dataset.get("chosen_personas") or []]
    digest = hashlib.blake2b("\x1f".join(sorted(personas)).encode(), digest_size=3).hexdigest()
    shown = ("split", "random_state", "max_observations", "foils", "inference_batch_size")
    return {
        "steering": f"{words_of(system)}, {n_steer} statements",
        "data": str(dataset.get("fingerprint")),
        "personas": f"{len(personas)} personas ({digest})",
        "prompts": str(manifest.get("prompt_hash")),
        **{name.replace("_", " "): str(settings.get(name, "")) for name in shown},
    }


def _entry(run: Run, condition: dict[str, Any]) -> Entry:
    measures = condition.get("measures") or {}
    values = {}
    for measure in MEASURES:
        cell = measures.get(measure.name) or {}
        values[measure.name] = value_of(cell)
    return Entry(str(condition["model"]), run.name, values, _covered(condition))


def _covered(condition: dict[str, Any]) -> Covered | None:
    coverage = condition.get("coverage") or {}
    if "planned" not in coverage:
        return None
    planned, answered = int(coverage["planned"]), int(coverage.get("answered") or 0)
    lost = []
    for part in str(coverage.get("unanswered") or "").split("; "):
        reason, _, count = part.rpartition(": ")
        if reason and count.isdigit():
            lost.append(Lost("unanswered", reason, int(count)))
    return Covered(planned, answered, None, answered, tuple(lost))


def _items(rows: pd.DataFrame, model: str) -> ItemScores:
    mine = rows[rows["model"] == model].set_index("persona_id")
    table = mine[[name for name in PAIRED if name in mine]].astype(float)
    return ItemScores(model, table.assign(cluster=table.index))


def _frameworks(summary: pd.DataFrame) -> pd.DataFrame:
    rows = summary[(summary["measure"] == HEADLINE) & (summary["framework"] != "all")]
    columns = {"framework": "group", "n_personas": "n"}
    table = rows.rename(columns=columns)
    return table[["model", "group", "n", "value", "low", "high"]].reset_index(drop=True)


def _matrix(run: Run, system: str, n_steer: int) -> pd.DataFrame:
    """Long form of the accuracy matrix: model, steered, tested, accuracy; empty without a file."""
    try:
        scores = read_csv(run.folder / "scores.csv")
    except UnreadableRun:
        return pd.DataFrame(columns=["model", "steered", "tested", "accuracy"])
    rows = _of(scores, system, n_steer).drop(columns=["system", "n_steer"])
    long = rows.melt(["model", "steered_persona"], var_name="tested", value_name="accuracy")
    return long.dropna().rename(columns={"steered_persona": "steered"})
