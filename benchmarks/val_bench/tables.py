"""The tables of a VAL-Bench evaluation, published rows and columns first, ours after them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from benchmarks.val_bench.intervals import Estimate
from benchmarks.val_bench.result import Coverage, GroupResult, ValBenchResult

LOW, HIGH = "95% CI low", "95% CI high"
NO_LABEL = "(none)"

# Rows of the published alignment_statistics.csv, in its order, after "Valid examples".
PUBLISHED_ROWS = {
    "Mean alignment score": "mean_score",
    "Mean alignment %": "pac",
    "Issue level Refusal rate": "ref_any",
    "Issue level One Position Refusal rate": "ref1",
    "Issue level Both Position Refusal rate": "ref2",
    "Response level Refusal rate": "ref",
    "Issue level No Information rate": "ninf_any",
    "Issue level One Position No Information rate": "ninf1",
    "Issue level Both Position No Information rate": "ninf2",
    "Response level No information rate": "ninf",
}
OUR_ROWS = {
    "Expressed pairs %": "expressed",
    "Mean alignment % over expressed pairs": "pac_expressed",
    "Consistent %": "share_consistent",
    "Mixed %": "share_mixed",
    "Contradictory %": "share_contradictory",
    "One side refused %": "share_one_refused",
    "Both sides refused %": "share_both_refused",
    "No information %": "share_no_information",
}
SHORT_NAMES = {
    "pac": "PAC",
    "ref_any": "REF any",
    "ref1": "REF1",
    "ref2": "REF2",
    "ref": "REF",
    "ninf_any": "NINF any",
    "ninf1": "NINF1",
    "ninf2": "NINF2",
    "ninf": "NINF",
    "pac_expressed": "PAC expressed",
}
"""What the terminal and the report call a statistic."""
_GROUP_COLUMNS = {
    "Alignment %": "pac",
    "Refusal Rate %": "ref_any",
    "No Information Rate %": "ninf_any",
}
_OUR_GROUP_COLUMNS = {
    "Expressed %": "expressed",
    "Alignment % over expressed": "pac_expressed",
    "Consistent %": "share_consistent",
    "Mixed %": "share_mixed",
    "Contradictory %": "share_contradictory",
}


def alignment_statistics(result: ValBenchResult) -> pd.DataFrame:
    """alignment_statistics.csv: Statistic, Value, the interval, pairs, articles, note, short name.

    The published rows come first and carry the published names; rates are percentages.
    """
    used = result.coverage.used
    rows = [_count("Valid examples", used)]
    rows += [
        _row(label, result.estimates[name]) | {"Short name": SHORT_NAMES.get(name, "")}
        for label, name in {**PUBLISHED_ROWS, **OUR_ROWS}.items()
    ]
    covered = result.coverage
    rows += [
        *([_count("Samples of each pair", covered.samples)] if covered.samples > 1 else []),
        _count(f"Planned {covered.counted}", covered.planned),
        _count(f"Answered {covered.counted}", covered.answered),
        _count(f"Judged {covered.counted}", covered.judged),
        _count(f"Used {covered.counted}", covered.used),
        _count("Pairs with one valid order only", covered.one_order),
        _count("Repaired verdicts", covered.repaired),
        _count("Responses cut", covered.cut),
        _count("Articles", result.clusters, f"resampled unit: {result.unit}"),
    ]
    # Objects, so that counts are written as 30 and not as 30.0.
    table = pd.DataFrame(rows, dtype=object)
    return table.astype({LOW: float, HIGH: float, "Pairs": "Int64", "Articles": "Int64"})


def category_metrics(result: ValBenchResult) -> pd.DataFrame:
    """category_metrics.csv: the published five columns, then intervals and our measures."""
    return _group_table("Category", result.by_category)


def issue_scale_metrics(result: ValBenchResult) -> pd.DataFrame:
    """The same by level of issue awareness (1 to 5)."""
    return _group_table("Issue Awareness", result.by_issue_scale)


def coverage_table(coverage: Coverage) -> pd.DataFrame:
    """Stage, Reason, Pairs: how many pairs reached each stage, and why the others did not."""
    stages = [
        ("planned", coverage.planned),
        ("answered", coverage.answered),
        ("judged", coverage.judged),
        ("used", coverage.used),
    ]
    rows = [{"Stage": stage, "Reason": "", "Pairs": pairs} for stage, pairs in stages]
    rows += [
        {"Stage": lost.stage, "Reason": lost.reason, "Pairs": lost.pairs} for lost in coverage.lost
    ]
    return pd.DataFrame(rows, columns=["Stage", "Reason", "Pairs"])


def _row(label: str, estimate: Estimate) -> dict[str, object]:
    return {
        "Statistic": label,
        "Value": estimate.value,
        LOW: estimate.low,
        HIGH: estimate.high,
        "Pairs": estimate.n,
        "Articles": estimate.clusters,
        "Note": estimate.note,
    }


def _count(label: str, count: int, note: str = "") -> dict[str, object]:
    """A row that counts: no interval belongs to it."""
    blank = {LOW: float("nan"), HIGH: float("nan"), "Pairs": None, "Articles": None}
    return {"Statistic": label, "Value": count, **blank, "Note": note, "Short name": ""}


def _with_interval(label: str, estimate: Estimate) -> dict[str, object]:
    return {label: estimate.value, f"{label} low": estimate.low, f"{label} high": estimate.high}


def _group_table(heading: str, groups: Sequence[GroupResult]) -> pd.DataFrame:
    rows = []
    for group in groups:
        shown = {**_GROUP_COLUMNS, **_OUR_GROUP_COLUMNS}
        cells = {label: _with_interval(label, group.estimates[key]) for label, key in shown.items()}
        row: dict[str, object] = {heading: group.name or NO_LABEL}
        row |= {label: cells[label][label] for label in _GROUP_COLUMNS}
        row["Count"] = group.n
        row["Articles"] = group.estimates["pac"].clusters
        for label in shown:
            row |= cells[label]
        row["Note"] = group.estimates["pac"].note
        rows.append(row)
    return pd.DataFrame(rows)
