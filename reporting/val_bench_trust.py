"""A judge report beside the headline numbers of a VAL-Bench evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from benchmarks.val_bench.result import ValBenchResult
from reporting.calibration_figure import bar
from reporting.calibration_tables import HIGH, LOW, cells
from reporting.style import Interval, with_interval

if TYPE_CHECKING:
    from calibration.applied import Applied
    from calibration.estimate import Estimate


def corrected_table(applied: Applied, result: ValBenchResult) -> pd.DataFrame:
    """corrected_metrics.csv: each measure as judged and as corrected."""
    return pd.DataFrame(
        [
            {
                "Measure": part.measure,
                **_raw_cells(result.estimates[part.measure.lower()]),
                **cells(part.corrected, "Corrected", None),
                "Method": part.method,
                "Assumption": part.assumption,
                "Note": part.corrected.reason or "",
                "Judge": applied.report.verdict,
            }
            for part in applied.measures
        ]
    )


def _raw_cells(raw: Interval) -> dict[str, float]:
    """The evaluator's own number: its interval resamples articles too."""
    return {"Raw": raw.value, f"Raw {LOW}": raw.low, f"Raw {HIGH}": raw.high}


def as_metrics(applied: Applied) -> dict[str, Any]:
    """What metrics.json says of the judge."""
    return {
        "judge_id": applied.report.judge_id,
        "verdict": applied.report.verdict,
        "warning": applied.warning,
        "manner": applied.report.manner,
        "corrected": {
            part.measure.lower(): {
                "value": part.corrected.value,
                "low": part.corrected.low,
                "high": part.corrected.high,
                "n": part.corrected.n,
                "reason": part.corrected.reason,
                "method": part.method,
                "assumption": part.assumption,
            }
            for part in applied.measures
        },
    }


def warning_lines(applied: Applied | None) -> list[str]:
    """The warning that stands right above the headline numbers; nothing of a judge that passed."""
    if applied is None or applied.warning is None:
        return []
    return [f"  WARNING: {applied.warning}", ""]


def corrected_lines(applied: Applied | None, result: ValBenchResult) -> list[str]:
    """PAC, REF and NINF as judged and as corrected, for the terminal."""
    if applied is None:
        return []
    head = "  Corrected for the judge's errors on known answers (intervals carry them too):"
    lines = ["", head]
    for part in applied.measures:
        raw = with_interval(result.estimates[part.measure.lower()])
        lines.append(f"  {part.measure:<5} raw {raw:<32} corrected {_words(part.corrected)}")
    verdict = f"{applied.report.verdict} ({applied.report.manner})"
    return [*lines, f"  judge on known answers: {verdict}; {applied.corrected.pac.assumption}"]


def _words(estimate: Estimate) -> str:
    if not estimate.defined:
        return f"undefined: {estimate.reason}"
    return with_interval(bar(estimate))
