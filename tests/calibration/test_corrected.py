"""Corrected scores: the interval covers the truth where the raw one does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from calibration.corrected import CorrectedMeasures, correct_by_people, correct_measures
from calibration.estimate import wilson
from calibration.known_answers import known_answers
from calibration.plug_in import plug_in_interval, plug_in_rate
from calibration.prediction_powered import (
    label_weights,
    merged_strata,
    outcome_strata,
    powered_mean,
)
from calibration.simulate import (
    SCORES,
    SimulatedJudge,
    blurred_confusion,
    coin_flip_judge,
    judge_pairs,
    known_sets,
    lenient_confusion,
    perfect_judge,
    simulate_pairs,
)
from calibration.verdicts import FLAGS, verdict_table
from tests.calibration.figures import covers, present, width

SHARES = (0.3, 0.1, 0.1, 0.1, 0.4)
MEAN = 0.8 * float(np.dot(SCORES, SHARES)) + 0.1 * 2
TRUE = {"pac": 25 * (MEAN + 2), "ref": 15.0, "ref1": 10.0, "ref2": 10.0, "ninf": 5.0}
NOISY = SimulatedJudge(
    confusion=lenient_confusion(0.4),
    refusal_sensitivity=0.9,
    refusal_specificity=0.95,
    no_information_sensitivity=0.85,
    no_information_specificity=0.95,
)


def _known(judge: SimulatedJudge, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """The four sets; every third pair's first response truly lacks information."""
    truth = known_sets(n)
    truth.loc[truth.index[::3], "true_no_information_1"] = 1.0
    table = judge_pairs(judge, truth, rng)
    for flag in ("no_information_1", "no_information_2"):
        table[f"expected_{flag}"] = truth[f"true_{flag}"]
    return table


def _corrected(
    judge: SimulatedJudge, seed: int, *, known: int = 60, pairs: int = 600, cluster_size: int = 1
) -> CorrectedMeasures:
    rng = np.random.default_rng(seed)
    report = known_answers(_known(judge, known, rng), draws=50)
    judged = judge_pairs(judge, simulate_pairs(rng, pairs, cluster_size=cluster_size), rng)
    return correct_measures(judged, report, draws=500, seed=seed)


def _coverage(judge: SimulatedJudge, seeds: range, **sizes: int) -> tuple[dict, dict]:
    corrected, raw = dict.fromkeys(TRUE, 0), dict.fromkeys(TRUE, 0)
    for seed in seeds:
        found = _corrected(judge, seed, **sizes)
        for name, truth in TRUE.items():
            part = getattr(found, name)
            corrected[name] += part.corrected.low <= truth <= part.corrected.high
            raw[name] += part.raw.low <= truth <= part.raw.high
    shares = [{name: hits / len(seeds) for name, hits in part.items()} for part in (corrected, raw)]
    return shares[0], shares[1]


@pytest.mark.slow
def test_corrected_intervals_cover_the_truth_and_raw_ones_do_not() -> None:
    corrected, raw = _coverage(NOISY, range(60))
    assert min(corrected.values()) >= 0.88, corrected
    assert raw["pac"] < 0.6 and raw["ref1"] < 0.1 and raw["ninf"] < 0.1, raw


@pytest.mark.slow
@pytest.mark.parametrize(
    ("judge", "sizes"),
    [
        (SimulatedJudge(blurred_confusion(0.8), 0.9, 0.95, 0.85, 0.95), {}),
        (SimulatedJudge(blurred_confusion(0.8), 0.9, 0.95, 0.85, 0.95), {"cluster_size": 4}),
        (SimulatedJudge(blurred_confusion(0.95), 0.97, 0.99, 0.9, 0.99), {"known": 20}),
        (SimulatedJudge(), {}),
    ],
    ids=["blurred", "clustered", "few known answers", "perfect"],
)
def test_coverage_is_near_nominal_over_many_seeds(judge: SimulatedJudge, sizes: dict) -> None:
    corrected, _ = _coverage(judge, range(400), **sizes)
    assert all(0.92 <= share <= 0.995 for share in corrected.values()), corrected


def test_a_perfect_judge_is_left_alone_but_doubted() -> None:
    found = _corrected(perfect_judge(), 1)
    assert found.pac.corrected.value == pytest.approx(found.pac.raw.value, abs=1e-9)
    assert found.ref.corrected.value == pytest.approx(found.ref.raw.value, abs=1e-9)
    assert width(found.pac.corrected) > width(found.pac.raw)


def test_a_coin_flip_judge_has_nothing_to_correct_with() -> None:
    found = _corrected(coin_flip_judge(), 3)
    assert found.judge_verdict == "fail"
    assert found.pac.corrected.value is None and "hardly depend" in str(found.pac.corrected.reason)
    assert found.pac.raw.value is not None


def test_every_outcome_known_uses_the_whole_confusion_matrix() -> None:
    """Lifting 0 to 2 is not linear: known answers at all scores undo it, four sets don't."""
    crooked = np.eye(5)
    crooked[2] = [0, 0, 0, 0, 1.0]
    judge = SimulatedJudge(crooked)
    rng = np.random.default_rng(0)
    truth = simulate_pairs(rng, 1200, scores=(0.2,) * 5, no_information=0)
    table = judge_pairs(judge, truth, rng).assign(set="known-aligned-mixed")
    for flag in FLAGS:
        table[f"expected_{flag}"] = truth[f"true_{flag}"]
    table["expected_score"] = truth["true_score"]
    # One in three pairs of true score 0 must be read aright, else 0 and 2 cannot be told apart.
    right = (table["true_score"] == 0) & (rng.random(len(table)) < 1 / 3)
    table.loc[right, "score"] = 0.0
    report = known_answers(table, draws=50)
    target = simulate_pairs(rng, 3000, scores=(0.1, 0.0, 0.8, 0.0, 0.1), no_information=0)
    judged = judge_pairs(judge, target, rng)
    fixed = (target["true_score"] == 0) & (rng.random(len(target)) < 1 / 3)
    judged.loc[fixed, "score"] = 0.0
    found = correct_measures(judged, report, draws=400)
    assert found.pac.method == "full"
    assert covers(found.pac.corrected, 55.0)
    assert present(found.pac.raw.low) > 65.0
    stances = [row for row in report.outcomes if row.truth_score in (-2.0, 2.0)]
    line = correct_measures(judged, replace(report, outcomes=tuple(stances)), draws=400)
    assert line.pac.method == "line" and "linear" in line.pac.assumption


def test_missing_refusal_sets_are_taken_as_judged_and_say_so() -> None:
    rng = np.random.default_rng(0)
    table = judge_pairs(perfect_judge(), known_sets(30), rng)
    table = table[~table["set"].str.contains("refusal")]
    judged = judge_pairs(perfect_judge(), simulate_pairs(rng, 300), rng)
    found = correct_measures(judged, known_answers(table), draws=200)
    assert "as it sees them" in found.ref.assumption
    assert found.ref.corrected.value == pytest.approx(found.ref.raw.value)
    single = table[table["set"].str.contains("unaligned")]
    lost = correct_measures(judged, known_answers(single), draws=200)
    assert lost.pac.corrected.value is None and lost.ninf.corrected.value is None
    assert "sensitivity" in str(lost.ninf.corrected.reason)


def test_one_article_has_no_interval_and_unreadable_verdicts_no_value() -> None:
    rng = np.random.default_rng(0)
    report = known_answers(judge_pairs(perfect_judge(), known_sets(20), rng), draws=50)
    one = judge_pairs(perfect_judge(), simulate_pairs(rng, 5, cluster_size=5), rng)
    found = correct_measures(one, report, draws=50)
    assert found.pac.raw.value is not None and found.pac.raw.low is None
    assert "one article" in str(found.pac.raw.reason)
    assert "one article" in str(found.pac.corrected.reason)
    mute = SimulatedJudge(invalid_rate=1.0)
    lost = correct_measures(judge_pairs(mute, simulate_pairs(rng, 9), rng), report, draws=50)
    assert lost.pac.raw.reason == "no valid verdict" and lost.invalid == 9
    assert known_answers(judge_pairs(mute, known_sets(20), rng), draws=50).verdict == "fail"


def test_plug_in_by_hand() -> None:
    # p = 0.5, sensitivity 0.9, specificity 0.8: (0.5 + 0.8 - 1) / (0.9 + 0.8 - 1) = 3 / 7.
    found = plug_in_rate(wilson(500, 1000), wilson(90, 100), wilson(80, 100))
    assert found.value == pytest.approx(3 / 7)
    assert present(found.low) < 3 / 7 < present(found.high)
    flat = plug_in_rate(wilson(500, 1000), wilson(50, 100), wilson(52, 100))
    assert flat.value is None and "hardly more often" in str(flat.reason)


def test_plug_in_with_endless_calibration_is_the_wald_interval_of_the_solved_rate() -> None:
    low, high = plug_in_interval(0.4, 0.9, 0.95, 1e6, 1e12, 1e12)
    theta, half = (0.4 + 0.9 - 1) / 0.85, 1.96 * np.sqrt(0.24 / 1e6) / 0.85
    assert (low, high) == pytest.approx((theta - half, theta + half), abs=1e-5)


def test_plug_in_covers_a_planted_rate() -> None:
    rng, covered = np.random.default_rng(0), 0
    for _ in range(2000):
        p = 0.08 * 0.85 + 0.92 * 0.1
        parts = [wilson(rng.binomial(n, q), n) for n, q in ((800, p), (50, 0.85), (100, 0.9))]
        found = plug_in_rate(*parts)
        covered += found.value is not None and covers(found, 0.08)
    assert 0.93 <= covered / 2000 <= 0.985


def test_powered_mean_matches_ppi_python_when_labels_are_a_small_part() -> None:
    from ppi_py import ppi_mean_ci, ppi_mean_pointestimate

    rng = np.random.default_rng(0)
    human = rng.normal(size=20_000)
    judge = 0.8 * human + rng.normal(scale=0.5, size=20_000) + 0.7
    labels = np.where(np.arange(20_000) < 400, human, np.nan)
    found = powered_mean(judge, labels)
    low, high = ppi_mean_ci(human[:400], judge[:400], judge[400:], alpha=0.05)
    centre = ppi_mean_pointestimate(human[:400], judge[:400], judge[400:])
    assert found.estimate.value == pytest.approx(float(np.squeeze(centre)), abs=0.005)
    assert width(found.estimate) == pytest.approx(float(high[0] - low[0]), rel=0.03)


def test_labels_of_everything_are_the_plain_mean() -> None:
    rng = np.random.default_rng(0)
    human, judge = rng.normal(size=200), rng.normal(size=200)
    found = powered_mean(judge, human).estimate
    assert found.value == pytest.approx(human.mean())
    half = 1.972 * human.std(ddof=1) / np.sqrt(200)
    assert present(found.high) - present(found.value) == pytest.approx(half, rel=0.01)


def test_strata_are_merged_until_each_holds_five_labels() -> None:
    strata = np.repeat([-2.0, 0.0, 1.0, 2.0], 20)
    labelled = np.zeros(80, dtype=bool)
    labelled[[*range(8), 20, 21, *range(40, 44), *range(60, 70)]] = True
    merged = merged_strata(strata, labelled)
    assert list(merged[::20]) == [0, 1, 1, 2]
    weights = label_weights(merged, labelled)
    assert weights[labelled].mean() == pytest.approx(1.0)
    assert merged_strata(np.arange(6), np.ones(6, dtype=bool)).max() == 0


def _people(truth: pd.DataFrame, picked: np.ndarray) -> pd.DataFrame:
    labels = truth.iloc[picked][["item_id"]].assign(annotator="anna")
    labels["alignment_score"] = truth.iloc[picked]["true_score"]
    for flag in FLAGS:
        labels[flag] = truth.iloc[picked][f"true_{flag}"]
    return labels


def _by_outcome(judged: pd.DataFrame, n: int, rng: np.random.Generator) -> np.ndarray:
    strata = outcome_strata(verdict_table(judged))
    levels = np.unique(strata)
    parts = [
        rng.permutation(np.flatnonzero(strata == level))[: n // len(levels)] for level in levels
    ]
    return np.concatenate(parts)


@pytest.mark.slow
@pytest.mark.parametrize("stratified", [False, True])
def test_sixty_labels_by_one_annotator_correct_pac(stratified: bool) -> None:
    covered, raw, narrower = 0, 0, 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        truth = simulate_pairs(rng, 600)
        judged = judge_pairs(NOISY, truth, rng)
        picked = _by_outcome(judged, 60, rng) if stratified else rng.permutation(600)[:60]
        found = correct_by_people(_people(truth, picked), judged, draws=200)
        covered += covers(found.pac.corrected, TRUE["pac"])
        raw += covers(found.pac.raw, TRUE["pac"])
        narrower += width(found.pac.corrected) < 2 * 1.96 * 25 * 1.7 / np.sqrt(len(picked))
    assert covered >= 52 and raw <= 35 and narrower >= 55


def test_too_few_labels_say_so() -> None:
    rng = np.random.default_rng(0)
    truth = simulate_pairs(rng, 100)
    judged = judge_pairs(NOISY, truth, rng)
    found = correct_by_people(_people(truth, np.arange(5)), judged, draws=50)
    assert found.labelled == 5
    assert "at least 10" in str(found.pac.corrected.reason)


def test_without_no_information_labels_that_part_is_undefined_and_the_rest_runs() -> None:
    rng = np.random.default_rng(0)
    truth = simulate_pairs(rng, 400)
    judged = judge_pairs(NOISY, truth, rng)
    labels = _people(truth, np.arange(80)).drop(columns=["no_information_1", "no_information_2"])
    found = correct_by_people(labels, judged, draws=50)
    assert found.ninf.corrected.value is None
    assert "did not label" in str(found.ninf.corrected.reason)
    assert found.pac.corrected.value is not None and found.ref.corrected.value is not None
    assert 0 <= present(found.power) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("stratified", [False, True])
@pytest.mark.parametrize("cluster_size", [1, 4])
def test_people_coverage_over_many_seeds(stratified: bool, cluster_size: int) -> None:
    covered = {"pac": 0, "ref": 0}
    for seed in range(400):
        rng = np.random.default_rng(seed)
        truth = simulate_pairs(rng, 600, cluster_size=cluster_size)
        judged = judge_pairs(NOISY, truth, rng)
        picked = _by_outcome(judged, 90, rng) if stratified else rng.permutation(600)[:90]
        found = correct_by_people(_people(truth, picked), judged, draws=200)
        for name in covered:
            part = getattr(found, name).corrected
            covered[name] += part.value is None or part.low <= TRUE[name] <= part.high
    assert all(hits / 400 >= 0.92 for hits in covered.values()), covered
    assert covered["pac"] / 400 <= 0.985
