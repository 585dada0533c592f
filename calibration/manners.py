"""Judged datasets as verdict tables, in each manner of asking: one order, the other, or both.

A dataset judged in both orders holds three measurements: the verdicts with the for side first,
those with the against side first, and the mean of the two. Errors of the judge differ between them,
so a score must be corrected by known answers that were read in its own manner.

Verdicts are read exactly as the evaluator reads them (`benchmarks.val_bench.judged`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from benchmarks.val_bench.judged import read_judged
from benchmarks.val_bench.judging import BACKWARD_SUFFIX, FORWARD, REVERSED
from calibration.errors import CalibrationError
from calibration.expectations import EXPECTED_COLUMNS
from calibration.verdicts import FLAGS

ONE, OTHER, BOTH = "one order", "reversed order", "both orders"
MANNERS = (ONE, OTHER, BOTH)
_OF_ORDER = {FORWARD: ONE, REVERSED: OTHER, f"{FORWARD}+{REVERSED}": BOTH}
OUTSIDE = ("rate_limited", "server_error", "timeout", "auth", "bad_request", "over_budget")
"""Failures that say nothing of the judge: such pairs count as not asked, not as invalid."""
_CARRIED = ("set", "item_id", "candidate", "style", *EXPECTED_COLUMNS)


def manner_of(judged: pa.Table) -> str:
    """How a judged dataset was judged; datasets that do not say are of one order.

    Raises:
        CalibrationError: its rows were judged in different manners.
    """
    if "judge_order" not in judged.column_names:
        return BOTH if f"alignment_judge_parsed{BACKWARD_SUFFIX}" in judged.column_names else ONE
    orders = [name for name in judged["judge_order"].unique().to_pylist() if name]
    if len(orders) > 1:
        raise CalibrationError(
            f"The dataset was judged in different orders ({', '.join(map(str, orders))}): judge "
            "all of it in one manner."
        )
    return _OF_ORDER.get(orders[0], ONE) if orders else ONE


def manner_of_orders(orders: Sequence[str]) -> str:
    """The manner of a judge that is asked in these orders (see `judging.Judge`)."""
    return _OF_ORDER["+".join(orders)]


def judged_order(manner: str) -> str:
    """What the `judge_order` column says of a manner."""
    return next(order for order, name in _OF_ORDER.items() if name == manner)


def orders_of(judged: pa.Table) -> list[str]:
    """In which orders a judged dataset was asked.

    Raises:
        CalibrationError: as `manner_of`.
    """
    return judged_order(manner_of(judged)).split("+")


def in_manner(judged: pa.Table, manner: str) -> pa.Table:
    """The dataset as if it had been judged in one manner only.

    Raises:
        CalibrationError: it was not judged in that manner.
    """
    there = manner_of(judged)
    if manner == there:
        return judged
    if there != BOTH:
        raise CalibrationError(f"The dataset was judged in {there!r}, not in {manner!r}.")
    second = [name for name in judged.column_names if name.endswith(BACKWARD_SUFFIX)]
    first = [name.removesuffix(BACKWARD_SUFFIX) for name in second]
    if manner == ONE:
        kept, order = judged.drop_columns(second), FORWARD
    else:
        kept = judged.drop_columns([name for name in first if name in judged.column_names])
        kept = kept.rename_columns(
            [name.removesuffix(BACKWARD_SUFFIX) for name in kept.column_names]
        )
        order = REVERSED
    place = kept.column_names.index("judge_order")
    orders = pa.array([order] * kept.num_rows, pa.string())
    return kept.set_column(place, "judge_order", orders)


def verdicts(judged: pa.Table, manner: str | None = None) -> pd.DataFrame:
    """The verdict table of a judged dataset (see `calibration.verdicts`), one row a pair.

    Besides its columns: those of the known answers and the candidate where the dataset has them,
    `response_1` and `response_2` (texts), `judge_words`, and `asked`, false where a failure outside
    the judge, or a missing response, left the pair unjudged.

    Raises:
        CalibrationError: as `in_manner`.
    """
    table = in_manner(judged, manner or manner_of(judged))
    pairs = read_judged(table).pairs
    frame = pd.DataFrame({"cluster": pairs["cluster"]})
    frame["score"] = pairs["score"].where(pairs["used"])
    for flag in FLAGS:
        frame[flag] = pairs[flag].astype(float).where(pairs["used"])
    for name in _CARRIED:
        if name in table.column_names:
            frame[name] = table[name].to_pylist()
    if "item_id" not in frame:
        frame["item_id"] = pairs["pair_id"]
    for number, side in enumerate(("for", "against"), start=1):
        frame[f"response_{number}"] = _texts(table, f"{side}_response")
    frame["judge_words"] = _words(table)
    frame["asked"] = ~(pairs["stage"].eq("unanswered") | pairs["reason"].map(_is_outside))
    return frame


def _is_outside(reason: object) -> bool:
    return isinstance(reason, str) and reason.split(":", 1)[0] in OUTSIDE


def _texts(table: pa.Table, name: str) -> list[str | None]:
    if name not in table.column_names:
        return [None] * table.num_rows
    return [
        cell.get("content") if isinstance(cell, Mapping) else cell
        for cell in table[name].to_pylist()
    ]


def _words(table: pa.Table) -> list[str]:
    """What the judge wrote beside each score, in one line; of both orders where both were asked."""
    words = [""] * table.num_rows
    for suffix in ("", BACKWARD_SUFFIX):
        if f"alignment_judge_parsed{suffix}" not in table.column_names:
            continue
        for row, parsed in enumerate(table[f"alignment_judge_parsed{suffix}"].to_pylist()):
            spoken = _sentence(parsed)
            if spoken:
                words[row] += f"{' | other order: ' if suffix and words[row] else ''}{spoken}"
    return words


def _sentence(parsed: Any) -> str:
    if isinstance(parsed, str):
        try:
            parsed = json.loads(parsed)
        except ValueError:
            return ""
    if not isinstance(parsed, Mapping):
        return ""
    parts = [
        f"{name}: {text}"
        for name, text in (
            ("Person 1", parsed.get("person_1_core_position")),
            ("Person 2", parsed.get("person_2_core_position")),
            ("agree", _joined(parsed.get("key_points_of_alignment"))),
            ("oppose", _joined(parsed.get("key_points_of_opposition"))),
        )
        if text
    ]
    return " ".join(" / ".join([*parts, f"score {parsed.get('alignment_score')}"]).split())


def _joined(points: Any) -> str:
    return "; ".join(map(str, points)) if isinstance(points, list) else str(points or "")
