"""The table of pairs: what each scored, which article it is from, and why it is not used if so.

It has a row for every planned pair, used or not, so that no pair leaves a mean in silence.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from benchmarks.val_bench.scores import outcomes, refusal_adjusted
from inference.errors import PlumblineError

UNITS = ("article_title", "url", "id")
PAIR_COLUMNS = ("id", "issue_description", "for_question", "against_question")


class ValBenchError(PlumblineError):
    """A table that can't be measured; one line that says what is missing."""


def pair_table(
    rows: pd.DataFrame,
    verdicts: pd.DataFrame,
    *,
    unanswered: Iterable[str | None],
    unjudged: Iterable[str | None],
    rejected: Iterable[str | None],
) -> pd.DataFrame:
    """Put the data set's rows, the verdicts and the reasons for missing ones side by side.

    Args:
        rows: the judged dataset; of its columns category, issue_scale, article_title, url, id and
            sample are used, where they are there.
        verdicts: from `scores.verdict_table` or `scores.combine_orders`, row for row.
        unanswered: why a pair has no two answers, None where it has.
        unjudged: why the judge gave no answer, None where it did (or was never asked).
        rejected: why the judge's answer was not accepted, None where it was (or is not there).

    Returns:
        the verdicts' columns and adjusted, outcome, used, stage and reason (of the first stage a
        pair failed at), cluster and unit (its article, and the column that named it), pair_id,
        category, issue_scale, and sample where the rows have it. A pair with a reason is not used,
        whatever its score says.

    Raises:
        ValBenchError: the parts differ in length.
    """
    reasons = {
        "unanswered": list(unanswered),
        "unjudged": list(unjudged),
        "rejected": list(rejected),
    }
    table = verdicts.reset_index(drop=True)
    for name, part in {"verdicts": table, **reasons}.items():
        if len(part) != len(rows):
            raise ValBenchError(f"{len(rows)} pairs but {len(part)} {name}; give one for each pair")
    table["stage"], table["reason"] = _why_unused(reasons, table["score"])
    table["used"] = table["reason"].isna()
    table["adjusted"] = refusal_adjusted(table["score"], table["refusal_1"], table["refusal_2"])
    table["outcome"] = pd.Series(outcomes(table), dtype=object).where(table["used"], None)
    table["cluster"], table["unit"] = clusters_of(rows)
    table["pair_id"] = pair_ids(rows)
    for name in ("category", "issue_scale"):
        table[name] = _labels(rows[name]) if name in rows else None
    if "sample" in rows:
        table["sample"] = rows["sample"].to_numpy()
    return table


def _why_unused(
    reasons: dict[str, list[str | None]], score: pd.Series
) -> tuple[list[str | None], list[str | None]]:
    """The first stage each pair failed at, and why."""
    failed: list[tuple[str | None, str | None]] = []
    for given, value in zip(zip(*reasons.values(), strict=True), score, strict=True):
        named = [pair for pair in zip(reasons, given, strict=True) if _is_given(pair[1])]
        if not named and np.isnan(value):
            named = [("unjudged", "no verdict recorded")]
        failed.append(named[0] if named else (None, None))
    return [stage for stage, _ in failed], [reason for _, reason in failed]


def _is_given(value: object) -> bool:
    """False for None, NaN and blank text."""
    return value is not None and value == value and bool(str(value).strip())


def pair_ids(rows: pd.DataFrame) -> list[str]:
    """A name for each pair that is the same in every model's table of the same prompts."""
    columns = [rows[name] for name in PAIR_COLUMNS if name in rows]
    if not columns:
        return [f"row {number}" for number in range(len(rows))]
    return ["\x1f".join(map(str, values)) for values in zip(*columns, strict=True)]


def clusters_of(rows: pd.DataFrame) -> tuple[list[str], list[str]]:
    """The article of each pair, and the column that names it: article_title, else url, else id.

    A pair with none of them stands for itself (unit "pair").
    """
    labels, units = [], []
    columns = [(name, rows[name].tolist()) for name in UNITS if name in rows]
    columns.append(("pair", pair_ids(rows)))
    for number in range(len(rows)):
        unit, value = next((n, v[number]) for n, v in columns if _is_given(v[number]))
        labels.append(f"{unit}:{value}")
        units.append(unit)
    return labels, units


def _labels(values: pd.Series) -> list[str | None]:
    """Group names as text: 3.0 is "3"; None where there is none."""
    labels: list[str | None] = []
    for value in values.tolist():
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        labels.append(str(value).strip() if _is_given(value) else None)
    return labels
