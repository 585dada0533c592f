"""Simulated judges with planted faults, asked for real: every report finds what was planted."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from calibration.applied import apply, fitting
from calibration.asked import Asked
from calibration.assemble import Panel, judge_reports
from calibration.errors import CalibrationError, LabelsError
from calibration.manners import BOTH, ONE, OTHER, verdicts
from calibration.report import JudgeReport
from calibration.thresholds import FAIL, PASS
from tests.calibration.asked import judged, known, readings, responses
from tests.calibration.figures import covers, present


def report_on(judge: str, **asked: Any) -> JudgeReport:
    (report,) = judge_reports(Panel([readings(judge, **asked)], draws=500))
    return report


def labels_of(annotators: dict[str, str], table: pd.DataFrame) -> pd.DataFrame:
    """What people who judge like some simulated judges would say."""
    rows = []
    for who, judge in annotators.items():
        said = verdicts(judged(judge, responses("sim/waverer"), ("forward",), sample=7))
        said = said[said["item_id"].isin(table["item_id"])]
        rows.append(said.assign(annotator=who, alignment_score=said["score"]))
    columns = ["item_id", "annotator", "alignment_score", "refusal_1", "refusal_2"]
    return pd.concat(rows, ignore_index=True)[columns]


def test_a_perfect_judge_passes_and_a_coin_fails() -> None:
    good, bad = report_on("sim/judge"), report_on("sim/judge-coinflip")
    assert good.verdict == PASS and good.warning is None
    assert good.known_answers is not None and not good.known_answers.worst
    assert bad.verdict == FAIL and "FAILED calibration: PAC error" in str(bad.warning)
    assert bad.known_answers is not None and len(bad.known_answers.worst) == 10
    assert "Person 1:" in bad.known_answers.worst[0].words


def test_planted_order_bias_is_found_and_fails_only_the_order_that_has_it() -> None:
    planted = 1.0
    report = report_on(f"sim/judge-order-{planted:g}")
    effect = next(found for found in report.order or () if found.verdict == "score")
    # Every pair with the denial side first loses a point, but those at the floor of -2.
    truth = known()["expected_score"].to_pylist()
    expected = -planted * sum(score != -2 for score in truth) / len(truth)
    assert effect.mean_shift.value == pytest.approx(expected)
    assert effect.p_value is not None and effect.p_value < 1e-6
    assert report.verdict == PASS and report.in_manner(OTHER).verdict != PASS
    other = report.in_manner(OTHER).known_answers
    assert other is not None and other.checks[0].estimate.value == pytest.approx(25.0)


def test_planted_repeat_noise_is_found() -> None:
    report = report_on("sim/judge-noisy-0.5", repeats=6)
    found = report.repeatability
    assert found is not None and found.readings == 6 * 72
    # Readings of 2 and -2 are a point off with p, those of 0 (a refusal) as well: variance p(1-p)
    # at the ends, p in the middle.
    assert found.within_sd.low is not None and found.within_sd.high is not None
    assert found.within_sd.low <= (0.75 * 0.25 + 0.25 * 0.5) ** 0.5 <= found.within_sd.high


def test_invalid_verdicts_are_the_judges_own_rate() -> None:
    report = report_on("sim/judge-malformed-1")
    assert report.verdict == FAIL and report.known_answers is not None
    assert report.known_answers.invalid_rate.value == 1.0


def test_reports_survive_json() -> None:
    report = report_on("sim/judge-noisy-0.3", repeats=2)
    assert JudgeReport.from_json(report.to_json()) == report


def test_a_jury_gets_a_report_of_its_own() -> None:
    benches = [
        readings(name, model="sim/waverer")
        for name in ("sim/judge", "sim/judge-noisy-0.2", "sim/judge-lenient")
    ]
    *reports, jury = judge_reports(Panel(benches, draws=300))
    assert jury.judge_id == "jury of sim/judge + sim/judge-noisy-0.2 + sim/judge-lenient"
    assert jury.verdict == PASS and jury.jury == reports[0].jury and jury.jury is not None
    assert len(jury.jury.pairs) == 3 and jury.jury.common_items == 48
    assert "one reading" not in jury.absent["repeatability"]
    assert reports[0].self_preference == () and reports[0].style is not None


def test_people_with_one_annotator_and_with_three() -> None:
    bench = readings("sim/judge-lenient", model="sim/waverer")
    table = bench.responses[ONE].iloc[::2]
    one = labels_of({"anna": "sim/judge"}, table)
    (report,) = judge_reports(Panel([bench], labels=one, draws=300))
    assert report.alt_test is not None and "one annotator" in str(report.alt_test.skipped)
    assert report.corrected_by_people is not None
    pac = report.corrected_by_people.pac
    truth = verdicts(judged("sim/judge", responses("sim/waverer"), ("forward",)))["score"]
    assert pac.corrected.low is not None and pac.corrected.high is not None
    assert pac.corrected.low <= 25 * (truth.mean() + 2) <= pac.corrected.high
    assert pac.raw.value != pytest.approx(25 * (truth.mean() + 2))
    names = {"anna": "sim/judge", "ben": "sim/judge-noisy-0.1", "cleo": "sim/judge-noisy-0.2"}
    (report,) = judge_reports(Panel([bench], labels=labels_of(names, table), draws=300))
    assert report.alt_test is not None and len(report.alt_test.contests) == 3
    assert report.people is not None and report.people.alpha_people.defined


def test_labels_that_do_not_fit_are_one_clear_line() -> None:
    bench = readings("sim/judge", model="sim/waverer")
    labels = labels_of({"anna": "sim/judge"}, bench.responses[ONE])
    some, none = labels.copy(), labels.assign(item_id="elsewhere-" + labels["item_id"])
    some.loc[0, "item_id"] = "nowhere"
    with pytest.raises(LabelsError, match=r"1 item\(s\) that were not judged, such as 'nowhere'"):
        judge_reports(Panel([bench], labels=some))
    with pytest.raises(LabelsError, match="No labelled item is among the judged ones"):
        judge_reports(Panel([bench], labels=none))


def test_constant_ratings_leave_kappa_undefined_with_a_reason() -> None:
    bench = readings("sim/judge", model="sim/waverer")
    labels = labels_of({"anna": "sim/judge"}, bench.responses[ONE]).assign(alignment_score=2)
    (report,) = judge_reports(Panel([bench], labels=labels, draws=200))
    assert report.people is not None
    kappa = report.people.pairs[0].score
    assert (
        not kappa.defined and kappa.reason == "kappa is undefined: every rating by anna is the same"
    )


def test_trust_is_correlated_with_accuracy_of_this_run_and_of_earlier_ones() -> None:
    benches = [readings(name) for name in ("sim/judge", "sim/judge-coinflip")]
    earlier = {
        f"earlier-{n}": present(report_on(f"sim/judge-noisy-{n}").known_answers).accuracy
        for n in (0.2, 0.6)
    }
    trust = {"sim/judge": 0.4, "earlier-0.2": 0.3, "earlier-0.6": 0.2, "sim/judge-coinflip": 0.1}
    reports = judge_reports(Panel(benches, trust=trust, accuracies=earlier, draws=200))
    found = reports[0].trust_accuracy
    assert found is not None and len(found.points) == 4
    assert found.spearman.value == pytest.approx(1.0)


def test_a_report_fits_one_judge_one_manner_one_rubric() -> None:
    report = report_on("sim/judge")
    assert fitting(report, Asked("sim/judge", BOTH)).manner == BOTH
    assert fitting(report, Asked("unnamed judge", ONE)) == report
    with pytest.raises(CalibrationError, match="about 'sim/judge', the dataset was judged by 'x'"):
        fitting(report, Asked("x", ONE))
    report.notes["rubric"] = "a"
    with pytest.raises(CalibrationError, match="another rubric"):
        fitting(report, Asked("sim/judge", ONE, "b"))
    bare = JudgeReport("sim/judge", known_answers=report.known_answers)
    with pytest.raises(CalibrationError, match="calibrate the judge in the same manner"):
        fitting(bare, Asked("sim/judge", BOTH))


def test_equal_pairs_keep_their_doubt() -> None:
    from benchmarks.val_bench.judged import read_judged

    pairs = read_judged(judged("sim/judge", responses("sim/steadfast"), ("forward",))).pairs
    found = apply(report_on("sim/judge"), pairs)
    for part in found.measures:
        assert part.corrected.low is not None and part.corrected.high is not None
        assert part.corrected.high - part.corrected.low > 5, part.measure


@pytest.mark.slow
@pytest.mark.parametrize("judge", ["sim/judge-lenient", "sim/judge-noisy-0.4"])
def test_corrected_pac_covers_the_truth_where_the_raw_one_does_not(judge: str) -> None:
    """Fresh responses, fresh verdicts, fresh known answers for every seed; the truth is PAC 70."""
    from benchmarks.val_bench.judged import read_judged

    covered, raw_covered, seeds = 0, 0, 40
    model = "sim/waverer-0.3"
    for seed in range(seeds):
        found = known_report(judge, seed)
        pairs = read_judged(judged(judge, responses(model, seed), ("forward",), seed)).pairs
        pac = apply(found, pairs).corrected.pac
        covered += covers(pac.corrected, 70)
        raw_covered += covers(pac.raw, 70)
    assert covered >= 35
    assert judge != "sim/judge-lenient" or raw_covered <= covered


def known_report(judge: str, seed: int) -> JudgeReport:
    from calibration.known_answers import known_answers

    table = verdicts(judged(judge, known(), ("forward",), seed))
    return JudgeReport(judge, known_answers=known_answers(table, draws=500))
