"""What an EigenBench run leaves in its folder: tables, judgements, the fit, pictures, manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.eigenbench.direct_rating import RatingAnalysis
from benchmarks.eigenbench.records import write_records
from benchmarks.eigenbench.result import Analysis
from inference.secrets import scrub
from reporting import style
from reporting.eigenbench_plots import Bar, Caption, save_all
from reporting.files import write_json, write_text

EVALUATIONS = "evaluations.jsonl"
ENOUGH_SCENARIOS = 8
"""Below, intervals over scenarios are too short."""
REASON_COLUMNS = ["reason", "records", "rows_lost", "meaning"]
_OURS = ("*.csv", "*.png", "*.svg", "fit.json", "model.npz", "bootstrap.parquet", EVALUATIONS)


@dataclass(frozen=True)
class Outcome:
    """What a run has to report.

    Attributes:
        records: judgements in the published format.
        analysis: their analysis; None when only judgements were collected.
        coverage: what was planned and what came, by phase and model; None for imported judgements.
        lost: reasons for judgements that never came, columns as in reasons.csv.
        notes: sentences the reader of the numbers must see.
    """

    records: Sequence[Any]
    analysis: Analysis | RatingAnalysis | None
    coverage: pd.DataFrame | None
    lost: pd.DataFrame
    notes: tuple[str, ...]


def write_results(outcome: Outcome, folder: Path, manifest: dict[str, Any]) -> str:
    """Write everything; returns the summary for the terminal. The manifest is written last, so
    that its being there means that the rest is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    for pattern in ("manifest.json", *_OURS):
        for path in folder.glob(pattern):
            path.unlink()
    write_evaluations(folder / EVALUATIONS, outcome.records)
    for name, table in _tables(outcome).items():
        write_text(folder / f"{name}.csv", table.to_csv(index=False))
    analysis = outcome.analysis
    if analysis is not None:
        if isinstance(analysis, Analysis):
            write_json(folder / "fit.json", analysis.report | {"notes": list(outcome.notes)})
            np.savez(folder / "model.npz", **analysis.arrays)  # type: ignore[arg-type]
        else:
            write_json(folder / "fit.json", rating_report(analysis, outcome))
            np.savez(folder / "model.npz", **rating_arrays(analysis))  # type: ignore[arg-type]
        if analysis.bootstrap is not None:
            replicates = analysis.bootstrap.table(analysis.models)
            replicates.to_parquet(folder / "bootstrap.parquet", index=False)
        save_all(analysis, folder, caption(manifest))
    write_json(folder / "manifest.json", manifest)
    return summary(outcome, manifest)


def write_evaluations(path: Path, records: Sequence[Any]) -> None:
    """Write judgements as JSON lines, whole or not at all."""
    staging = path.with_name(f".writing-{path.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_records(staging, records)
    staging.rename(path)


def caption(manifest: dict[str, Any]) -> Caption:
    """What every picture says of its origin."""
    constitution = Path(manifest["constitution"]["source"]).name
    source = f"Constitution: {constitution}. {manifest['flow']} run {manifest['run_id']}."
    return Caption(manifest["name"], source, manifest["simulated"])


def rating_report(analysis: RatingAnalysis, outcome: Outcome) -> dict[str, Any]:
    """What fit.json says of direct ratings."""
    trusted, resampled = analysis.eigentrust, analysis.bootstrap
    return {
        "mode": "direct_rating",
        "eigentrust_residual": trusted.residual,
        "eigentrust_alpha": trusted.alpha,
        "eigentrust_warning": trusted.warning,
        "elo": dict(zip(analysis.summary["model"], analysis.summary["elo"], strict=True)),
        "bootstrap": None
        if resampled is None
        else {
            "unit": resampled.unit,
            "units": resampled.num_units,
            "replicates": len(resampled.elo),
            "seed": resampled.seed,
        },
        "notes": list(outcome.notes),
    }


def rating_arrays(analysis: RatingAnalysis) -> dict[str, np.ndarray]:
    """The arrays of model.npz for direct ratings."""
    return {
        "criterion_means": analysis.criterion_means,
        "ratings": analysis.ratings,
        "trust_matrix": analysis.matrix,
        "trust": analysis.eigentrust.trust,
    }


def _tables(outcome: Outcome) -> dict[str, pd.DataFrame]:
    analysis = outcome.analysis
    reasons = [outcome.lost]
    tables: dict[str, pd.DataFrame] = {}
    if outcome.coverage is not None:
        tables["coverage"] = outcome.coverage
    if analysis is not None:
        tables |= {
            "summary": analysis.summary,
            "pairwise_probabilities": analysis.pairwise_probabilities,
            "trust_matrix": analysis.trust_matrix,
        }
    if isinstance(analysis, Analysis):
        reasons.append(analysis.reasons)
        tables["judges"] = analysis.judges
        if len(analysis.criteria):
            tables["criteria"] = analysis.criteria
        if len(analysis.elo_by_dim.columns) > 2:
            tables["elo_by_dimension"] = analysis.elo_by_dim
    filled = [table for table in reasons if len(table)]
    tables["reasons"] = (
        pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=REASON_COLUMNS)
    )
    return tables


# The summary for the terminal ------------------------------------------------------------------


def summary(outcome: Outcome, manifest: dict[str, Any]) -> str:
    """The headline numbers as lines of text."""
    constitution = Path(manifest["constitution"]["source"]).name
    title = f"EigenBench: {manifest['name']}, constitution {constitution}"
    if manifest["simulated"]:
        title += " (SIMULATED models: shows the pipeline, says nothing of any real model)"
    lines = [title, ""]
    if outcome.analysis is not None:
        lines += [*_elo_lines(outcome.analysis), *_doubt_lines(outcome.analysis, manifest)]
    if isinstance(outcome.analysis, Analysis):
        lines += ["", *_judge_lines(outcome.analysis)]
    lines += ["", *_coverage_lines(outcome)]
    return "\n".join([*lines, *(f"  {scrub(note)}" for note in outcome.notes)])


def _elo_lines(analysis: Analysis | RatingAnalysis) -> list[str]:
    table = analysis.summary
    width = max(5, *(len(str(name)) for name in table["model"]))
    lines = [
        f"  {'model':<{width}}  {'Elo (95% interval)':<20}  {'rank':<8}"
        f"  {'published':<20}  {'even judges':<20}  {'no self-trust':<20}"
    ]
    for _, row in table.iterrows():
        low, high = row["rank_low"], row["rank_high"]
        ranks = "–" if pd.isna(low) else str(low) if low == high else f"{low} to {high}"
        elos = [_with_ends(row, name) for name in ("elo", "elo_published", *_COMPANIONS)]
        cells = [elos[0], f"{ranks:<8}", *elos[1:]]
        lines.append(f"  {row['model']:<{width}}  {'  '.join(cells)}".rstrip())
    return lines


def _doubt_lines(analysis: Analysis | RatingAnalysis, manifest: dict[str, Any]) -> list[str]:
    """What the ranks mean, and what is too little for the intervals to be believed."""
    lines = []
    if analysis.bootstrap is not None:
        lines.append(
            "  rank: 95% interval of each model by itself; report_flow's ranks hold for all models "
            "at once and can be wider"
        )
    warnings = []
    dataset = manifest.get("dataset") or {}
    given, asked = dataset.get("scenarios"), dataset.get("count")
    if given and asked and given < asked:
        warnings.append(f"{given} scenarios ({asked} asked for)")
    if isinstance(analysis, Analysis):
        silent = [str(row.model) for row in analysis.judges.itertuples() if not row.records]
        if silent:
            warnings.append(f"{', '.join(silent)} judged none")
    resampled = analysis.bootstrap
    of_scenarios = resampled is not None and resampled.unit == "scenario"
    if resampled is not None and of_scenarios and resampled.num_units < ENOUGH_SCENARIOS:
        warnings.append(f"fewer than {ENOUGH_SCENARIOS} scenarios: intervals too short")
    return [*lines, f"  WARNING: {'; '.join(warnings)}"] if warnings else lines


_COMPANIONS = ("elo_uniform_judges", "elo_without_self")


def _with_ends(row: pd.Series, name: str) -> str:
    """An Elo and its interval, as in 1604 (1592 to 1619)."""
    value, low, high = (style.number(row[f"{name}{end}"], 0) for end in ("", "_low", "_high"))
    return f"{value} ({low} to {high})".ljust(20)


def _judge_lines(analysis: Analysis) -> list[str]:
    table = analysis.judges
    width = max(5, *(len(str(name)) for name in table["model"]))
    lines = [
        f"  {'judge':<{width}}  order bias (log-odds for the first)  "
        f"{'consistent':<16}  {'ties':<16}  read"
    ]
    for row in table.itertuples():
        bias = style.with_interval(
            Bar(row.order_bias, row.order_bias_low, row.order_bias_high), digits=2
        )
        consistent = _share(row.consistency, row.consistency_low, row.consistency_high)
        ties = _share(row.tie_rate, row.tie_rate_low, row.tie_rate_high)
        read = _share(row.coverage)
        lines.append(f"  {row.model:<{width}}  {bias:<35}  {consistent:<16}  {ties:<16}  {read:>4}")
    return lines


def _share(value: float, low: float = np.nan, high: float = np.nan) -> str:
    """A share in percent with its interval, as in 91% (87 to 95)."""
    whole, *ends = (style.number(100 * share, 0) for share in (value, low, high))
    unit = "%" if value == value else ""
    return f"{whole}{unit} ({ends[0]} to {ends[1]})" if low == low else f"{whole}{unit}"


def _coverage_lines(outcome: Outcome) -> list[str]:
    lines = []
    if outcome.coverage is not None:
        sums = outcome.coverage.drop(columns="model").groupby("phase", sort=False).sum()
        for phase, row in sums.iterrows():
            parts = [f"{row[name]:,} {name.replace('_', ' ')}" for name in sums if row[name]]
            lines.append(f"  {phase}: {', '.join(parts)}")
    else:
        lines.append(f"  {len(outcome.records):,} judgements read")
    lost = [outcome.lost]
    if isinstance(outcome.analysis, Analysis):
        lost.append(outcome.analysis.reasons)
        if outcome.analysis.extraction is not None:
            counts = outcome.analysis.extraction.coverage()
            lines.append(f"  verdicts: {counts['rows']:,} of {counts['rows_expected']:,} read")
    for table in lost:
        for row in table.itertuples():
            lines.append(
                f"  not used: {row.rows_lost:,} verdicts of {row.records:,} records: {row.meaning}"
                f" ({row.reason})"
            )
    return lines
