"""A judge report beside the scores that its judge gave: corrected measures, and the warning."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from calibration.asked import Asked, sampling_words
from calibration.corrected import CorrectedEstimate, CorrectedMeasures
from calibration.errors import CalibrationError
from calibration.report import JudgeReport
from calibration.thresholds import FAIL
from calibration.verdicts import FLAGS

UNNAMED = "unnamed judge"


@dataclass(frozen=True)
class Applied:
    """A judge report, applied to one dataset.

    Attributes:
        report: The report, in the manner of the dataset.
        corrected: The dataset's measures with the judge's known errors undone.
    """

    report: JudgeReport
    corrected: CorrectedMeasures

    @property
    def failed(self) -> bool:
        """Whether the judge failed calibration."""
        return self.report.verdict == FAIL

    @property
    def warning(self) -> str | None:
        """One line to print beside every headline; None of a judge that passed."""
        return self.report.warning

    @property
    def measures(self) -> tuple[CorrectedEstimate, ...]:
        """PAC, REF, REF1, REF2 and NINF."""
        found = self.corrected
        return (found.pac, found.ref, found.ref1, found.ref2, found.ninf)


def fitting(report: JudgeReport, asked: Asked) -> JudgeReport:
    """The report in a dataset's manner, where it is about that dataset's judge.

    Args:
        report: The judge report.
        asked: How the dataset was asked for. One that names no judge is taken at its user's word,
            and what is not known of it or of the report is not compared.

    Raises:
        CalibrationError: another judge, another rubric, another sampling, another manner, or no
            known answers.
    """
    if asked.judge_id not in (report.judge_id, UNNAMED):
        raise CalibrationError(
            f"The judge report is about {report.judge_id!r}, the dataset was judged by "
            f"{asked.judge_id!r}: give the report of that judge."
        )
    calibrated = report.notes.get("rubric")
    if asked.rubric and calibrated and asked.rubric != calibrated:
        raise CalibrationError(
            f"The judge {report.judge_id!r} was calibrated with another rubric: calibrate it with "
            "this --judge_prompt_path."
        )
    _check_sampling(report, asked)
    found = report.in_manner(asked.manner)
    if found.known_answers is None:
        raise CalibrationError(
            f"The report of {report.judge_id!r} has no known answers to correct with: run "
            "calibration_flow again."
        )
    return found


def _check_sampling(report: JudgeReport, asked: Asked) -> None:
    noted = report.notes.get("sampling")
    if not noted or asked.sampling is None:
        return
    calibrated, ours = noted.split(", "), sampling_words(asked.sampling).split(", ")
    of_old = not any(word.startswith("max_tokens") for word in calibrated)
    if calibrated != (ours[: len(calibrated)] if of_old else ours):
        raise CalibrationError(
            f"The judge {report.judge_id!r} was calibrated with {noted}, the verdicts are asked "
            f"with {', '.join(ours)}: ask with the same, or calibrate it so."
        )


def apply(report: JudgeReport, pairs: pd.DataFrame) -> Applied:
    """Correct the measures of a dataset.

    Args:
        report: The report of its judge (see `fitting`).
        pairs: The pair table that the evaluator measures (`benchmarks.val_bench.pairs`).
    """
    table = pairs[["cluster", *FLAGS]].astype(dict.fromkeys(FLAGS, float))
    table = table.assign(item_id=pairs["pair_id"], score=pairs["score"].where(pairs["used"]))
    return Applied(report, report.correct(table))
