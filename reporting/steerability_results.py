"""What a steerability run leaves in its folder: tables, answers, pictures, metrics, manifest."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.steerability.conditions import UNSTEERED
from benchmarks.steerability.patterns import TESTS
from benchmarks.steerability.result import SteerabilityResult
from reporting.files import write_json, write_text
from reporting.steerability_caption import Caption, Key, Point, keys, point
from reporting.steerability_plots import save_all
from reporting.style import number

SHOWN = {
    "sensitivity_mid_rank": "sensitivity, mid-rank",
    "own_minus_others": "own less others",
    "gain": "gain over unsteered",
    "sensitivity": "as published",
}
"""The columns of the summary in the terminal; summary.csv has all measures."""
_CELL = 25
ENOUGH_PERSONAS = 8
"""Below, intervals over personas are too short."""


def write_results(
    result: SteerabilityResult, answers: pd.DataFrame, folder: Path, manifest: dict[str, Any]
) -> str:
    """Write everything; returns the summary for the terminal. The manifest is written last, so
    that its being there means that the rest is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").unlink(missing_ok=True)
    _save_answers(answers, folder / "answers")
    csv_tables = {
        "scores.csv": result.scores,
        "results.csv": result.results,
        "summary.csv": result.summary,
        "comparisons.csv": result.comparisons,
        "coverage.csv": result.coverage,
        "patterns.csv": result.patterns,
        "batch_agreement.csv": result.agreement,
    }
    for name, table in csv_tables.items():
        if len(table):
            write_text(folder / name, table.to_csv(index=False))
    save_all(result, folder, caption(manifest))
    write_json(folder / "metrics.json", result.metrics)
    write_json(folder / "manifest.json", manifest)
    return summary(result, manifest)


def _save_answers(answers: pd.DataFrame, folder: Path) -> None:
    """The answers as a dataset; an earlier one stays until the new one is whole."""
    from datasets import Dataset

    staging = folder.with_name(f".{folder.name}.writing")
    shutil.rmtree(staging, ignore_errors=True)
    Dataset.from_pandas(answers, preserve_index=False).save_to_disk(str(staging))
    shutil.rmtree(folder, ignore_errors=True)
    staging.rename(folder)


def caption(manifest: dict[str, Any]) -> Caption:
    """What every picture says of its origin."""
    settings = manifest["settings"]
    source = (
        f"{Path(settings['personas_path']).name}, {settings['split']} split, seed "
        f"{settings['random_state']}, {manifest['flow']} run {manifest['run_id']}"
    )
    return Caption(source, manifest["simulated"])


def summary(result: SteerabilityResult, manifest: dict[str, Any]) -> str:
    """The headline numbers as lines of text."""
    names = ", ".join(dict.fromkeys(key.model for key in keys(result)))
    title = f"Steerability: {names}"
    if manifest["simulated"]:
        title += " (SIMULATED models: shows the pipeline, says nothing of any real model)"
    # No line begins with a space: logs strip them, and the columns would shift.
    width = max(22, *(3 + len(_name(key)) for key in keys(result)))
    lines = [title, "", *_head(result, width)]
    lines += [_condition(result, key, width) for key in keys(result)]
    lines += ["", *_flags(result), *_coverage(result), *_agreement(result)]
    personas = int(result.metrics["n_personas"])
    lines.append(
        f"{personas} personas; in brackets 95% intervals over other personas with their statements"
    )
    if personas < ENOUGH_PERSONAS:
        lines.append(f"fewer than {ENOUGH_PERSONAS} personas: intervals too short")
    return "\n".join(lines)


def _flags(result: SteerabilityResult) -> list[str]:
    """What each flag that stands in the table tests."""
    found = dict.fromkeys(str(v) for v in result.patterns["verdict"] if v)
    return [f"{verdict.upper()}: {TESTS[verdict]}" for verdict in found]


def _head(result: SteerabilityResult, width: int) -> list[str]:
    """The columns' names, and what a system that ignores its steering gets."""
    rows = result.summary[result.summary["framework"] == "all"]
    chance = dict(zip(rows["measure"], rows["chance"], strict=True))
    names = "".join(f"{label:<{_CELL}}" for label in SHOWN.values())
    values = "".join(f"{number(chance.get(m, float('nan')), 2):<{_CELL}}" for m in SHOWN)
    return [
        f"{'mean (95% interval)':<{width}}{names}".rstrip(),
        f"{'chance':<{width}}{values}".rstrip(),
    ]


def _name(key: Key) -> str:
    return f"{key.model}: {key.label}"


def _condition(result: SteerabilityResult, key: Key, width: int) -> str:
    """A condition's scores, and its name where it answers all the same."""
    verdicts = result.patterns.set_index(["model", "system", "n_steer"])["verdict"]
    cells = "".join(f"{_shown(result, key, measure):<{_CELL}}" for measure in SHOWN)
    return f"{_name(key):<{width}}{cells}{verdicts[tuple(key)].upper()}".rstrip()


def _shown(result: SteerabilityResult, key: Key, measure: str) -> str:
    """A cell; a dash for the gain of the baseline, which would be a difference with itself."""
    itself = measure == "gain" and key.system == UNSTEERED
    return "-" if itself else _cell(point(result, key, measure))


def _cell(value: Point) -> str:
    if value.value != value.value:
        return "-"
    return f"{number(value.value, 2)} ({number(value.low, 2)} to {number(value.high, 2)})"


def _coverage(result: SteerabilityResult) -> list[str]:
    total = result.coverage[["planned", "answered"]].sum()
    lines = [f"answers: {total['planned']:,} planned, {total['answered']:,} given"]
    for row in result.coverage.itertuples():
        if row.unanswered:
            lines.append(f"not answered, {row.model} {row.system}@{row.n_steer}: {row.unanswered}")
    return lines


def _agreement(result: SteerabilityResult) -> list[str]:
    """How far batches and single questions agree, over all conditions of a model."""
    lines = []
    for model, rows in result.agreement.groupby("model", sort=False):
        compared = int(rows["compared"].sum())
        if compared:
            same = float((rows["agreement"] * rows["compared"]).sum()) / compared
            lines.append(f"batched and single answers agree: {same:.1%} of {compared} ({model})")
    return lines
