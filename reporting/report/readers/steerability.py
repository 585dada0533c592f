"""Read a steerability run: one reading for each way of steering, its personas, its transcripts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.steerability.resampling import draw_by_personas
from benchmarks.steerability.scores import score_matrix
from reporting.report.readers.files import read_csv, read_json
from reporting.report.readers.steerability_transcripts import source, words_of
from reporting.report.resampling import Floats
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
        "Mean sensitivity: where a steered model's accuracy on its own persona's statements stands "
        "among its accuracies on the other personas' statements, ties counted half. 1 is always "
        "first, 0.5 is chance.",
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
NO_SCORES = "no scores.csv: no differences and no rank intervals"
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
    scores = _scores(run)
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
        matrices = {} if scores is None else _matrices(_of(scores, system, n_steer))
        readings.append(
            Reading(
                run=run,
                benchmark="steerability",
                key=_key(run, system, n_steer),
                label=f"{words_of(system)}, {n_steer} statements",
                entries=tuple(_entry(run, c) for c in mine),
                items=tuple(item_scores(model, matrix) for model, matrix in matrices.items()),
                frames={
                    "framework": _frameworks(_of(summary, system, n_steer)),
                    "personas": rows,
                    "scores": _long(matrices),
                },
                # What a run cost is told once, with its first reading.
                spent=() if readings else spent_in(run, lambda _: "answers"),
                warnings=(NO_SCORES,) if scores is None and not readings else (),
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


def item_scores(model: str, matrix: pd.DataFrame) -> ItemScores:
    """What a model got on each persona, and what it would get among other personas."""
    scored = score_matrix(matrix.to_numpy(float), list(matrix.index))
    table = pd.DataFrame({name: getattr(scored, name) for name in PAIRED}, index=matrix.index)
    return ItemScores(model, table.assign(cluster=table.index), partial(_redrawn, matrix))


def _redrawn(
    matrix: pd.DataFrame, measure: str, personas: Sequence[str], weights: Floats
) -> Floats:
    """Scores (b, N) of N personas under drawn personas (b, N), as the run's own comparisons are
    made: a rank among the others moves with which others were drawn."""
    square = matrix.reindex(index=personas, columns=personas).to_numpy(float)
    if measure == "accuracy":  # a persona's own, whoever the others are
        return np.broadcast_to(np.diag(square), weights.shape)
    drawn = draw_by_personas(square, weights.T.astype(np.float32))
    return np.asarray(getattr(drawn, measure).T)


def _frameworks(summary: pd.DataFrame) -> pd.DataFrame:
    rows = summary[(summary["measure"] == HEADLINE) & (summary["framework"] != "all")]
    columns = {"framework": "group", "n_personas": "n"}
    table = rows.rename(columns=columns)
    return table[["model", "group", "n", "value", "low", "high"]].reset_index(drop=True)


def _scores(run: Run) -> pd.DataFrame | None:
    try:
        return read_csv(run.folder / "scores.csv")
    except UnreadableRun:
        return None


def _matrices(scores: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Each model's accuracies, steered personas (rows) by tested ones, both in the same order."""
    found = {}
    for model, rows in scores.groupby("model", sort=False):
        matrix = rows.drop(columns=CONDITION).set_index("steered_persona")
        found[str(model)] = matrix.loc[list(matrix.columns)]
    return found


def _long(matrices: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Long form of the accuracy matrices: model, steered, tested, accuracy."""
    columns = ["model", "steered", "tested", "accuracy"]
    tables = [
        matrix.rename_axis("steered")
        .reset_index()
        .melt("steered", var_name="tested", value_name="accuracy")
        .assign(model=model)
        for model, matrix in matrices.items()
    ]
    return pd.concat(tables)[columns].dropna() if tables else pd.DataFrame(columns=columns)
