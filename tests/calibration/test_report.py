"""The judge report: JSON and back, reasons for what is missing, the warning beside a headline."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from calibration.alt_test import alt_test
from calibration.corrected import correct_by_people
from calibration.errors import CalibrationError
from calibration.estimate import wilson
from calibration.jury import jury
from calibration.known_answers import known_answers
from calibration.order import order_effects
from calibration.people import people
from calibration.repeatability import repeatability
from calibration.report import SECTIONS, JudgeReport
from calibration.simulate import (
    SimulatedJudge,
    blurred_confusion,
    coin_flip_judge,
    judge_pairs,
    known_sets,
    perfect_judge,
    simulate_pairs,
)
from calibration.style import style_effects
from calibration.trust_accuracy import trust_accuracy
from calibration.verdicts import FLAGS


def _full_report(judge: SimulatedJudge) -> JudgeReport:
    rng = np.random.default_rng(0)
    truth = simulate_pairs(rng, 60)
    judged = judge_pairs(judge, truth, rng)
    other = judge_pairs(SimulatedJudge(blurred_confusion(0.9)), truth, rng)
    labels = truth[["item_id"]].assign(annotator="anna", alignment_score=truth["true_score"])
    for flag in FLAGS:
        labels[flag] = truth[f"true_{flag}"]
    table = pd.DataFrame({"item_id": truth["item_id"], "given": judged["score"]})
    texts = [f"answer {'word ' * (number % 9)}" for number in range(60)]
    styled = judged.assign(reference=other["score"], response_1=texts, response_2=texts)
    return JudgeReport(
        judge_id="sim/judge",
        known_answers=known_answers(judge_pairs(judge, known_sets(20), rng)),
        order=order_effects(table.assign(reversed=other["score"])),
        repeatability=repeatability(pd.concat([judged, other])),
        jury=jury(pd.concat([judged.assign(judge="a"), other.assign(judge="b")])),
        self_preference=(),
        style=style_effects(styled),
        people=people(labels, judged),
        alt_test=alt_test(labels, judged),
        corrected_by_people=correct_by_people(labels, judged),
        trust_accuracy=trust_accuracy(dict.fromkeys("abcd", 0.1), {"a": wilson(1, 2)}),
        simulated=True,
        notes={"rubric": "built in"},
    )


@pytest.mark.parametrize("judge", [perfect_judge(), coin_flip_judge()], ids=["perfect", "coin"])
def test_a_full_report_survives_json(judge: SimulatedJudge) -> None:
    report = _full_report(judge)
    assert report.absent == {}
    again = JudgeReport.from_json(report.to_json())
    assert again == report
    assert again.to_json() == report.to_json()


def test_the_correction_from_a_stored_report_is_the_same() -> None:
    report = _full_report(SimulatedJudge(blurred_confusion(0.9)))
    rng = np.random.default_rng(5)
    judged = judge_pairs(SimulatedJudge(blurred_confusion(0.9)), simulate_pairs(rng, 200), rng)
    stored = JudgeReport.from_json(report.to_json())
    assert stored.correct(judged) == report.correct(judged, judge_id="sim/judge")
    with pytest.raises(CalibrationError, match="judged by 'gpt"):
        report.correct(judged, judge_id="gpt-4.1")


def test_missing_sections_have_reasons_and_are_warned_of() -> None:
    report = JudgeReport("gpt-4.1", absent={"alt_test": "one annotator only"})
    assert set(report.absent) == set(SECTIONS)
    assert report.absent["alt_test"] == "one annotator only"
    assert report.absent["jury"] == "not asked for"
    assert report.verdict == "not measured" and "never measured" in str(report.warning)
    assert JudgeReport.from_json(report.to_json()) == report
    with pytest.raises(CalibrationError, match="no known answers to correct with"):
        report.correct(pd.DataFrame())


def test_the_warning_names_what_failed_and_a_good_judge_has_none() -> None:
    assert _full_report(perfect_judge()).warning is None
    warning = str(_full_report(coin_flip_judge()).warning)
    assert "FAILED" in warning and "separation" in warning and "\n" not in warning


def test_a_section_cannot_be_there_and_absent() -> None:
    with pytest.raises(CalibrationError, match="no section 'jurors'"):
        JudgeReport("a", absent={"jurors": "?"})
    with pytest.raises(CalibrationError, match="'self_preference'"):
        JudgeReport("a", self_preference=(), absent={"self_preference": "no kin"})


def _edited(change: str) -> str:
    data = json.loads(_full_report(perfect_judge()).to_json())
    if change == "version":
        data["schema_version"] = 99
    elif change == "extra":
        data["known_answers"]["mood"] = "good"
    elif change == "missing":
        del data["known_answers"]["verdict"]
    elif change == "type":
        data["known_answers"]["sets"][0]["valid"] = "many"
    return "{" if change == "text" else json.dumps(data)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("text", "not JSON"),
        ("version", "version 99"),
        ("extra", "judge report.known_answers has the unknown field 'mood'"),
        ("missing", "lacks the field 'verdict'"),
        ("type", r"sets\[0\].valid should be int, not str"),
    ],
)
def test_a_report_that_does_not_fit_is_refused_by_name(change: str, says: str) -> None:
    with pytest.raises(CalibrationError, match=says):
        JudgeReport.from_json(_edited(change))


def test_the_package_needs_no_flow_sdk_or_plots() -> None:
    import subprocess
    import sys

    code = (
        "import sys, calibration.report, calibration.labelling, calibration.simulate;"
        "bad = {'metaflow', 'openai', 'anthropic', 'boto3', 'matplotlib', 'seaborn', 'sklearn',"
        "'evalica', 'ppi_py', 'statsmodels', 'datasets'} & set(sys.modules);"
        "sys.exit(str(bad) if bad else 0)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
