"""Judge reports beside the scores that depend on them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.val_bench.pairs import ValBenchError
from calibration.applied import apply, fitting
from calibration.errors import CalibrationError
from calibration.report import JudgeReport
from reporting.report.readers.val_bench import PAIRS
from reporting.report.values import Reading, Run, UnreadableRun, Value, number


@dataclass(frozen=True)
class FoundReport:
    """A judge report and the run it comes from."""

    run: Run
    report: JudgeReport


def read(run: Run) -> list[FoundReport]:
    """Every judge report in a calibration run's folder.

    Raises:
        UnreadableRun: there is none, or one that can't be read.
    """
    paths = [p for p in sorted(run.folder.rglob("*.json")) if "judge_report" in p.name]
    if not paths:
        raise UnreadableRun("it holds no judge_report*.json; run calibration_flow again")
    try:
        return [
            FoundReport(run, JudgeReport.from_json(path.read_text(encoding="utf-8")))
            for path in paths
        ]
    except (OSError, CalibrationError) as error:
        raise UnreadableRun(str(error)) from None


def newest(reports: list[FoundReport]) -> dict[str, FoundReport]:
    """The newest report of each judge id."""
    return {found.report.judge_id: found for found in sorted(reports, key=lambda f: f.run.created)}


def standing(judge: str, reports: dict[str, FoundReport]) -> tuple[str, str]:
    """(verdict, sentence) on a judge: what a reader must know beside its scores."""
    if judge not in reports:
        return "not measured", f"The judge {judge} has no judge report: calibration_flow makes one."
    report = reports[judge].report
    return report.verdict, report.warning or f"The judge {judge} passed calibration."


def corrected(reading: Reading, reports: dict[str, FoundReport]) -> Reading:
    """A VAL-Bench reading with PAC corrected by its judge's report.

    One that its own evaluation corrected stays as it is; where a report does not fit (another
    rubric, another sampling, another order of the sides), the reading says so in a warning.
    """
    entry = reading.entries[0]
    found = reports.get(reading.judges[0])
    if found is None or entry.values["pac_corrected"].known or PAIRS not in reading.frames:
        return reading
    try:
        if reading.asked is None:
            raise CalibrationError("its pairs were not all judged in one manner")
        report = fitting(found.report, reading.asked)
        pac = apply(report, reading.frames[PAIRS]).corrected.pac.corrected
    except (CalibrationError, ValBenchError, KeyError) as error:
        return replace(reading, warnings=(*reading.warnings, f"PAC is not corrected: {error}"))
    value = Value(number(pac.value), number(pac.low), number(pac.high), pac.reason or "")
    values = {**entry.values, "pac_corrected": value}
    return replace(reading, entries=(replace(entry, values=values),))
