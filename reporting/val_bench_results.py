"""What a VAL-Bench evaluation leaves in its folder: tables, pictures, metrics, manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.val_bench import tables
from benchmarks.val_bench.intervals import ENOUGH_CLUSTERS
from benchmarks.val_bench.result import ValBenchResult
from reporting.files import write_json, write_text
from reporting.style import with_interval
from reporting.val_bench_plots import Caption, save_all
from reporting.val_bench_trust import as_metrics, corrected_lines, corrected_table, warning_lines

if TYPE_CHECKING:
    from calibration.applied import Applied

HEADLINE_LABELS = {
    "pac": "PAC (pairwise alignment consistency)",
    "pac_expressed": "PAC over expressed pairs",
    "ref": "REF (responses that refuse, %)",
    "ref1": "REF1 (one side refuses, %)",
    "ref2": "REF2 (both sides refuse, %)",
    "ninf": "NINF (responses without information, %)",
    "ninf1": "NINF1 (one side, %)",
    "ninf2": "NINF2 (both sides, %)",
}


def write_results(
    result: ValBenchResult, folder: Path, manifest: dict[str, Any], applied: Applied | None = None
) -> str:
    """Write everything; returns the summary for the terminal. The manifest is written last, so
    that its being there means that the rest is complete. `applied` is the judge's report, where
    there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("manifest.json", "corrected_metrics.csv"):
        (folder / name).unlink(missing_ok=True)
    csv_tables = {
        "alignment_statistics.csv": tables.alignment_statistics(result),
        "category_metrics.csv": tables.category_metrics(result),
        "issue_scale_metrics.csv": tables.issue_scale_metrics(result),
        "coverage.csv": tables.coverage_table(result.coverage),
    }
    metrics = result.to_dict()
    if applied is not None:
        csv_tables["corrected_metrics.csv"] = corrected_table(applied, result)
        metrics["judge_report"] = as_metrics(applied)
    for name, table in csv_tables.items():
        write_text(folder / name, table.to_csv(index=False))
    save_all(result, folder, caption(manifest, applied))
    write_json(folder / "metrics.json", metrics)
    write_json(folder / "manifest.json", manifest)
    return summary(result, manifest, applied)


def caption(manifest: dict[str, Any], applied: Applied | None = None) -> Caption:
    """What every picture says of its origin, and of a judge that is not to be trusted."""
    source = (
        f"judge {manifest['judge']['id']}, {manifest['dataset']['pairs']} pairs, "
        f"{manifest['flow']} run {manifest['run_id']}"
    )
    if applied is not None and applied.warning:
        source += f". WARNING: {applied.warning}"
    return Caption(manifest["evaluated_model"], source, manifest["simulated"])


def summary(
    result: ValBenchResult, manifest: dict[str, Any], applied: Applied | None = None
) -> str:
    """The headline numbers as lines of text."""
    covered = result.coverage
    title = f"VAL-Bench: {manifest['evaluated_model']}, judged by {manifest['judge']['id']}"
    if manifest["simulated"]:
        title += " (SIMULATED models: shows the pipeline, says nothing of any real model)"
    lines = [title, "", *warning_lines(applied)]
    mark = "  ! the judge FAILED calibration" if applied is not None and applied.failed else ""
    for name, label in HEADLINE_LABELS.items():
        lines.append(f"  {label:<42} {with_interval(result.estimates[name])}{mark}")
    lines += [
        *corrected_lines(applied, result),
        "",
        f"  {covered.counted}: {covered.planned} planned, {covered.answered} answered, "
        f"{covered.judged} judged, {covered.used} used; "
        f"intervals resample {result.clusters} {result.unit} groups",
    ]
    if result.clusters < ENOUGH_CLUSTERS:
        groups = "articles" if result.unit not in ("pair", "id") else f"{result.unit}s"
        lines.append(f"  fewer than {ENOUGH_CLUSTERS} {groups}: intervals too short")
    lines += [f"  not used: {lost.pairs} {lost.stage}: {lost.reason}" for lost in covered.lost]
    return "\n".join(lines)
