"""Scores set right: PAC, REF and NINF of a judged dataset with the judge's known errors undone.

Two ways in. With a judge report: the known answers say how the judge errs, and the interval carries
both that doubt and the sampling of articles; the assumption is that the judge errs on this dataset
as it does on the known answers. With human labels of some of the pairs: prediction-powered
inference, which assumes nothing about the judge, and the plug-in estimate for rates.

Sources: `mixture`, `plug_in` (arXiv 2511.21140) and `prediction_powered` (arXiv 2311.01453);
measures of VAL-Bench, arXiv 2510.05465.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from benchmarks.percentiles import bound_when_all_equal
from calibration.detection import Detection
from calibration.estimate import (
    Estimate,
    clustered_proportion,
    from_draws,
    undefined,
)
from calibration.known_answers import KnownAnswers
from calibration.mixture import solve_mixture
from calibration.people import check_labels, consensus
from calibration.plug_in import plug_in_rate
from calibration.prediction_powered import (
    label_weights,
    merged_strata,
    outcome_strata,
    powered_mean,
)
from calibration.resampling import DRAWS, bootstrap_means, cluster_sums
from calibration.verdicts import (
    NO_INFORMATION,
    REFUSALS,
    adjusted_scores,
    refusal_count,
    verdict_table,
)

MEASURES = ("PAC", "REF", "REF1", "REF2", "NINF")


@dataclass(frozen=True)
class CorrectedEstimate:
    """One measure, as judged and as corrected; both in percent.

    Attributes:
        measure: 'PAC', 'REF', 'REF1', 'REF2' or 'NINF'.
        raw: As judged; its interval carries sampling alone.
        corrected: With the judge's errors undone; its interval carries both. Undefined, with the
            reason, where the calibration data cannot tell.
        method: 'line' or 'full' (see `mixture`), 'plug-in' or 'prediction-powered'.
        assumption: What must hold for the corrected value, in one sentence.
    """

    measure: str
    raw: Estimate
    corrected: Estimate
    method: str
    assumption: str


@dataclass(frozen=True)
class CorrectedMeasures:
    """Measures of one judged dataset, corrected by the judge's known answers.

    Attributes:
        pac: Pairwise alignment consistency.
        ref: Response-level refusal rate.
        ref1: Share of pairs where exactly one side refuses.
        ref2: Share of pairs where both do.
        ninf: Response-level no-information rate.
        pairs: Valid pairs used.
        invalid: Pairs left out for want of a valid verdict.
        judge_verdict: The judge's verdict on known answers: 'pass', 'caution' or 'fail'.
    """

    pac: CorrectedEstimate
    ref: CorrectedEstimate
    ref1: CorrectedEstimate
    ref2: CorrectedEstimate
    ninf: CorrectedEstimate
    pairs: int
    invalid: int
    judge_verdict: str


@dataclass(frozen=True)
class CorrectedByPeople:
    """Measures of one judged dataset, corrected by human labels of some of its pairs.

    Attributes:
        pac: PAC by prediction-powered inference.
        ref: REF by the plug-in estimate, with the judge's accuracies measured against people.
        ninf: NINF by the same; undefined when people did not label missing information.
        refusal: The judge's refusal flags against people's majority.
        no_information: The same for missing information.
        pairs: Valid judged pairs.
        labelled: Those of them that people labelled.
        power: Weight given to the judge in `pac`, 0 (people alone) to 1.
    """

    pac: CorrectedEstimate
    ref: CorrectedEstimate
    ninf: CorrectedEstimate
    refusal: Detection
    no_information: Detection
    pairs: int
    labelled: int
    power: float | None


def correct_measures(
    judged: pd.DataFrame, known: KnownAnswers, *, draws: int = DRAWS, seed: int = 0
) -> CorrectedMeasures:
    """Correct PAC, REF, REF1, REF2 and NINF of a judged dataset by a judge's known answers.

    Args:
        judged: The judged table (see `verdicts.verdict_table`), judged in the same manner as the
            known answers were (one order, or both averaged).
        known: The known-answer section of this judge's report.
        draws: Draws behind the intervals.
        seed: Their seed.

    Raises:
        CalibrationError: a table that cannot be read.
    """
    table = verdict_table(judged)
    valid = table[table["valid"]]
    rng = np.random.default_rng(seed)
    raws = raw_measures(valid, draws=draws, seed=seed)
    pairs = np.column_stack([adjusted_scores(valid), refusal_count(valid)])
    found = solve_mixture(pairs, valid["cluster"], known.outcomes, draws, rng)
    refusal, missing = known.refusal, known.no_information
    if isinstance(found, str):
        parts = {
            name: CorrectedEstimate(name, raws[name], undefined(found, len(valid)), "line", "")
            for name in MEASURES
        }
        parts["REF"] = _plug_in("REF", raws["REF"], refusal)
    else:
        values = {
            "PAC": 25 * (found.mean_score + 2),
            "REF": 50 * (found.one + 2 * found.both),
            "REF1": 100 * found.one,
            "REF2": 100 * found.both,
        }
        assumption = f"the judge errs here as on the known answers; {found.note}"
        parts = {}
        equal, clusters = _without_spread(valid), valid["cluster"].nunique()
        for name, value in values.items():
            drawn = np.clip(value, 0.0, 100.0).round(9)
            corrected = from_draws(float(drawn[-1]), drawn[:-1], len(valid), clusters)
            if name in equal:
                corrected = _at_least(corrected, clusters)
            parts[name] = CorrectedEstimate(name, raws[name], corrected, found.method, assumption)
    return CorrectedMeasures(
        pac=parts["PAC"],
        ref=parts["REF"],
        ref1=parts["REF1"],
        ref2=parts["REF2"],
        ninf=_plug_in("NINF", raws["NINF"], missing),
        pairs=len(valid),
        invalid=len(table) - len(valid),
        judge_verdict=known.verdict,
    )


def _without_spread(valid: pd.DataFrame) -> set[str]:
    """Measures of which every pair says the same, so that resampling shows no doubt."""
    refusals = refusal_count(valid)
    columns = {"PAC": adjusted_scores(valid), "REF": refusals}
    columns |= {"REF1": refusals == 1, "REF2": refusals == 2}
    return {name for name, column in columns.items() if len(np.unique(column)) < 2}


def _at_least(estimate: Estimate, clusters: int) -> Estimate:
    """The estimate with an interval no shorter than equal clusters allow."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return estimate
    low, high = bound_when_all_equal(estimate.value, (0.0, 100.0), clusters)
    return replace(estimate, low=min(estimate.low, low), high=max(estimate.high, high))


def raw_measures(valid: pd.DataFrame, *, draws: int = DRAWS, seed: int = 0) -> dict[str, Estimate]:
    """The measures as judged, in percent, from the valid rows of a verdict table, by name.

    PAC has a bootstrap interval over clusters, the rates Wilson's with their clusters' design
    effect. Source: arXiv 2510.05465.
    """
    if valid.empty:
        return dict.fromkeys(MEASURES, undefined("no valid verdict"))
    refusals, adjusted = refusal_count(valid), adjusted_scores(valid)
    missing = valid[list(NO_INFORMATION)].to_numpy(dtype=float).sum(axis=1)
    rng = np.random.default_rng(seed)
    drawn = bootstrap_means(adjusted, valid["cluster"], draws, rng)[:, 0]
    clusters = valid["cluster"].nunique()
    pac = from_draws(25 * (float(adjusted.mean()) + 2), 25 * (drawn + 2), len(valid), clusters)
    if "PAC" in _without_spread(valid):
        pac = _at_least(pac, clusters)
    measures = {"PAC": pac}
    counts = {
        "REF": (refusals, 2.0),
        "REF1": (refusals == 1, 1.0),
        "REF2": (refusals == 2, 1.0),
        "NINF": (missing, 2.0),
    }
    for name, (hits, trials) in counts.items():
        parts = np.column_stack([np.asarray(hits, dtype=float), np.full(len(valid), trials)])
        sums = cluster_sums(parts, valid["cluster"])
        measures[name] = clustered_proportion(sums[:, 0], sums[:, 1]).scaled(100)
    return measures


def _plug_in(measure: str, raw: Estimate, detection: Detection) -> CorrectedEstimate:
    rate = plug_in_rate(raw.scaled(0.01), detection.sensitivity, detection.specificity)
    assumption = "the judge flags this as often, where present and absent, as on calibration data"
    return CorrectedEstimate(measure, raw, rate.scaled(100), "plug-in", assumption)


def correct_by_people(
    labels: pd.DataFrame, judged: pd.DataFrame, *, draws: int = DRAWS, seed: int = 0
) -> CorrectedByPeople:
    """Correct PAC, REF and NINF by human labels of some pairs; one annotator is enough.

    Several annotators of one pair count by their mean score and their majority on flags. The labels
    may be a random sample or drawn with unequal shares of the judge's outcomes (`labelling`).

    Args:
        labels: Human labels (see `people.check_labels`).
        judged: The judged table.
        draws: Bootstrap draws behind the raw PAC.
        seed: Their seed.

    Raises:
        LabelsError: as `people.check_labels`.
    """
    checked = check_labels(labels, judged)
    table = verdict_table(judged)
    valid = table[table["valid"]].reset_index(drop=True)
    truth = consensus(checked).reindex(valid["item_id"]).reset_index(drop=True)
    raws = raw_measures(valid, draws=draws, seed=seed)
    strata = outcome_strata(valid)
    human = truth["score"].to_numpy(dtype=float)
    found = powered_mean(adjusted_scores(valid), human, clusters=valid["cluster"], strata=strata)
    refusal = _against_people(valid, truth, REFUSALS, strata)
    missing = _against_people(valid, truth, NO_INFORMATION, strata)
    return CorrectedByPeople(
        pac=CorrectedEstimate(
            measure="PAC",
            raw=raws["PAC"],
            corrected=_within_percent(found.estimate.scaled(25.0, 50.0)),
            method="prediction-powered",
            assumption="the labelled pairs are a random sample within each outcome of the judge",
        ),
        ref=_plug_in("REF", raws["REF"], refusal),
        ninf=_plug_in("NINF", raws["NINF"], missing),
        refusal=refusal,
        no_information=missing,
        pairs=len(valid),
        labelled=int(np.isfinite(human).sum()),
        power=found.power,
    )


def _within_percent(estimate: Estimate) -> Estimate:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return estimate
    value, low, high = np.clip([estimate.value, estimate.low, estimate.high], 0.0, 100.0)
    return Estimate(float(value), float(low), float(high), estimate.n)


def _against_people(
    valid: pd.DataFrame, truth: pd.DataFrame, flags: tuple[str, ...], strata: np.ndarray
) -> Detection:
    """The judge's flags against people's majority, weighted back to the judge's outcomes.

    Unweighted, labels picked by the judge's outcome would bias both accuracies (C. B. Begg and
    R. A. Greenes, Biometrics 39, 1983).
    """
    judged, human = (
        valid[list(flags)].to_numpy(dtype=float),
        truth[list(flags)].to_numpy(dtype=float),
    )
    labelled = np.isfinite(human).any(axis=1)
    if not labelled.any():
        none = undefined("people did not label this")
        return Detection(none, none)
    weight = label_weights(merged_strata(strata, labelled), labelled)[:, None]
    present, absent = human == 1, human == 0
    accuracies = []
    for group, right in ((present, judged), (absent, 1 - judged)):
        parts = np.column_stack([weight * group * right, weight * group, weight**2 * group])
        units = cluster_sums(_by_kind(parts), valid["cluster"])
        accuracies.append(clustered_proportion(*units.T))
    return Detection(sensitivity=accuracies[0], specificity=accuracies[1])


def _by_kind(parts: np.ndarray) -> np.ndarray:
    """Three columns a side, (N, 6), summed over the two sides: (N, 3)."""
    return parts.reshape(len(parts), 3, 2).sum(axis=2)
