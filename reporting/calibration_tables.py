"""The tables of a judge report, one CSV file each, with every estimate beside its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from calibration.estimate import Estimate
    from calibration.report import JudgeReport

LOW, HIGH = "95% CI low", "95% CI high"


def cells(estimate: Estimate, name: str = "Value", note: str | None = "Note") -> dict[str, Any]:
    """An estimate as columns: its value, its interval, its units, and why something is missing."""
    prefix = "" if name == "Value" else f"{name} "
    found = {
        name: estimate.value,
        f"{prefix}{LOW}": estimate.low,
        f"{prefix}{HIGH}": estimate.high,
    }
    return found | ({"N": estimate.n, note: estimate.reason or ""} if note else {})


def measure_name(measure: str) -> str:
    """The name of a threshold's measure as readers see it."""
    return measure.replace("_", " ").replace("pac ", "PAC ")


def tables(report: JudgeReport, texts: pd.DataFrame | None = None) -> dict[str, pd.DataFrame]:
    """Every table the report has something for, by file name.

    Args:
        report: The judge report.
        texts: The known-answer pairs by `item_id`, whose words stand beside the disagreements.
    """
    found = {
        "checks.csv": checks_table(report),
        "known_answer_sets.csv": sets_table(report),
        "confusion.csv": confusion_table(report),
        "worst_disagreements.csv": worst_table(report, texts),
        "order.csv": order_table(report),
        "repeatability.csv": repeatability_table(report),
        "jury_pairs.csv": jury_pairs_table(report),
        "jury_seats.csv": jury_seats_table(report),
        "self_preference.csv": self_preference_table(report),
        "style.csv": style_table(report),
        "people.csv": people_table(report),
        "alt_test.csv": alt_test_table(report),
        "corrected_by_people.csv": corrected_by_people_table(report),
        "trust_accuracy.csv": trust_table(report),
        "absent.csv": absent_table(report),
    }
    return {name: table for name, table in found.items() if not table.empty}


_WORST = {
    "set": "Set",
    "item_id": "Item",
    "expected": "Expected",
    "judged": "Judged",
    "distance": "Distance",
    "refusals_off": "Refusals too many",
    "words": "Judge's words",
    "style": "Style",
    "response_1": "Response of the for side",
    "response_2": "Response of the against side",
}
FILES = (
    *("checks.csv", "known_answer_sets.csv", "confusion.csv", "worst_disagreements.csv"),
    *("order.csv", "repeatability.csv", "jury_pairs.csv", "jury_seats.csv"),
    *("self_preference.csv", "style.csv", "people.csv", "alt_test.csv"),
    *("corrected_by_people.csv", "trust_accuracy.csv", "absent.csv"),
)


def checks_table(report: JudgeReport) -> pd.DataFrame:
    """The thresholds, what was measured against each, and the verdict."""
    known = report.known_answers
    return pd.DataFrame(
        [
            {
                "Measure": measure_name(check.threshold.measure),
                "Meaning": check.threshold.meaning,
                "Passes at": check.threshold.pass_at,
                "Fails beyond": check.threshold.fail_at,
                "Unit": check.threshold.unit,
                **cells(check.estimate, note=None),
                "Verdict": check.verdict,
                "Reason": check.reason,
            }
            for check in (known.checks if known else ())
        ]
    )


def sets_table(report: JudgeReport) -> pd.DataFrame:
    """Expected against measured PAC of every set, in every manner of asking."""
    rows = []
    manners = {report.manner: report.known_answers, **report.other_manners}
    for manner, known in manners.items():
        for result in known.sets if known else ():
            rows.append(
                {
                    "Set": result.name,
                    "Manner": manner,
                    "Expected PAC": result.expected_pac,
                    **cells(result.pac, "PAC", None),
                    **cells(result.ref.scaled(100), "REF %", None),
                    **cells(result.accuracy, "Accuracy", None),
                    "Planned": result.planned,
                    "Valid": result.valid,
                }
            )
    return pd.DataFrame(rows)


def confusion_table(report: JudgeReport) -> pd.DataFrame:
    """Expected outcome (rows) against the judge's (columns), as counts of pairs."""
    if report.known_answers is None:
        return pd.DataFrame()
    found = report.known_answers.confusion
    table = pd.DataFrame(found.counts, columns=list(found.judged))
    table.insert(0, "Expected", list(found.expected))
    return table


def worst_table(report: JudgeReport, texts: pd.DataFrame | None = None) -> pd.DataFrame:
    """The worst disagreements, with the judge's own words and the responses."""
    known = report.known_answers
    table = pd.DataFrame([asdict(row) for row in known.worst] if known else [])
    if texts is not None and len(table):
        about = texts[["item_id", "style", "response_1", "response_2"]]
        table = table.merge(about, on="item_id", how="left")
    return table.rename(columns={name: _WORST.get(name, name) for name in table.columns})


def order_table(report: JudgeReport) -> pd.DataFrame:
    """Order effects, one a verdict or criterion."""
    return pd.DataFrame(
        [
            {
                "Verdict": effect.verdict,
                "Pairs": effect.n,
                "Missing": effect.missing,
                **cells(effect.identical, "Identical", None),
                **cells(effect.mean_shift, "Mean shift", None),
                "p (exact)": effect.p_value,
                "p (Holm)": effect.p_adjusted,
                "Note": effect.mean_shift.reason or "",
            }
            for effect in report.order or ()
        ]
    )


def _named(rows: Mapping[str, Estimate]) -> pd.DataFrame:
    return pd.DataFrame([{"Statistic": name, **cells(found)} for name, found in rows.items()])


def repeatability_table(report: JudgeReport) -> pd.DataFrame:
    """How steady the judge is on the same pair."""
    found = report.repeatability
    if found is None:
        return pd.DataFrame()
    return _named(
        {
            "Within-item standard deviation (score points)": found.within_sd,
            "Share of the variance within items": found.noise_share,
            "ICC of one reading": found.icc,
            "ICC of the mean of all readings": found.icc_mean,
            "Items whose readings are all the same (share)": found.stable,
        }
    )


def jury_pairs_table(report: JudgeReport) -> pd.DataFrame:
    """Quadratic-weighted kappa of each two judges, and alpha over all of them."""
    if report.jury is None:
        return pd.DataFrame()
    rows = [{"First": p.first, "Second": p.second, **cells(p.kappa)} for p in report.jury.pairs]
    last = {"First": "all judges", "Second": "Krippendorff's alpha", **cells(report.jury.alpha)}
    return pd.DataFrame([*rows, last])


def jury_seats_table(report: JudgeReport) -> pd.DataFrame:
    """PAC by each judge alone, by the others without it, and what it moves."""
    if report.jury is None:
        return pd.DataFrame()
    rows = [
        {
            "Judge": seat.judge,
            **cells(seat.pac, "PAC alone", None),
            **cells(seat.pac_without, "PAC of the others", None),
            **cells(seat.shift, "Jury minus others", None),
        }
        for seat in report.jury.seats
    ]
    whole = {"Judge": "median of the jury", **cells(report.jury.pac, "PAC alone", None)}
    return pd.DataFrame([whole, *rows])


def self_preference_table(report: JudgeReport) -> pd.DataFrame:
    """The judge on candidates of its own kind."""
    return pd.DataFrame(
        [
            {
                "Judge": row.judge,
                "Candidate": row.candidate,
                "Relation": row.relation,
                "Pairs": row.n,
                "Own mean": row.own_mean,
                "Others' mean": row.others_mean,
                **cells(row.difference, "Difference", None),
                **cells(row.excess, "Excess", None),
                "Note": row.excess.reason or "",
            }
            for row in report.self_preference or ()
        ]
    )


def style_table(report: JudgeReport) -> pd.DataFrame:
    """What looks do to the score at equal verdict of the others."""
    return pd.DataFrame(
        [
            {"Feature": row.feature, "Step": row.unit, **cells(row.effect), "p": row.p_value}
            for row in report.style or ()
        ]
    )


def people_table(report: JudgeReport) -> pd.DataFrame:
    """Kappa of judge and annotators, and alpha with and without the judge."""
    if report.people is None:
        return pd.DataFrame()
    rows: list[dict[str, Any]] = []
    for pair in report.people.pairs:
        who = f"{pair.first} and {pair.second}"
        rows.append({"Statistic": "kappa of scores (quadratic)", "Raters": who})
        rows[-1] |= cells(pair.score)
        rows.append({"Statistic": "kappa of refusal flags", "Raters": who} | cells(pair.refusal))
    for who, alpha in (
        ("people alone", report.people.alpha_people),
        ("people and judge", report.people.alpha_with_judge),
    ):
        rows.append({"Statistic": "Krippendorff's alpha", "Raters": who} | cells(alpha))
    return pd.DataFrame(rows)


def alt_test_table(report: JudgeReport) -> pd.DataFrame:
    """The contests of the alternative annotator test."""
    found = report.alt_test
    return pd.DataFrame([asdict(row) for row in found.contests] if found else [])


def corrected_by_people_table(report: JudgeReport) -> pd.DataFrame:
    """PAC, REF and NINF set right by the human labels."""
    found = report.corrected_by_people
    return pd.DataFrame(
        [
            {
                "Measure": part.measure,
                **cells(part.raw, "Raw", None),
                **cells(part.corrected, "Corrected", None),
                "Method": part.method,
                "Assumption": part.assumption,
                "Note": part.corrected.reason or "",
            }
            for part in ((found.pac, found.ref, found.ninf) if found else ())
        ]
    )


def trust_table(report: JudgeReport) -> pd.DataFrame:
    """Trust and accuracy of every judge that has both, and their rank correlation."""
    found = report.trust_accuracy
    if found is None:
        return pd.DataFrame()
    rows: list[dict[str, Any]] = [
        {"Judge": point.judge, "Trust": point.trust, **cells(point.accuracy, "Accuracy", None)}
        for point in found.points
    ]
    rows += [{"Judge": name, "Note": "has only one of the two"} for name in found.unmatched]
    last = {"Judge": "Spearman's rho", **cells(found.spearman), "p (permutation)": found.p_value}
    return pd.DataFrame([*rows, last])


def absent_table(report: JudgeReport) -> pd.DataFrame:
    """What was not measured, and why."""
    rows = [{"Section": name, "Reason": reason} for name, reason in report.absent.items()]
    return pd.DataFrame(rows)
