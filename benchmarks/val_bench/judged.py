"""From a judged dataset, ours or an imported one, to the table of pairs that is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.val_bench.judging import BACKWARD_SUFFIX, REVERSED, unanswered
from benchmarks.val_bench.pairs import pair_table
from benchmarks.val_bench.scores import combine_orders, verdict_table
from inference.result import Failure
from judges.stance import ParsedStance, parse_stance, read_stance

_ROW_COLUMNS = (
    "article_title",
    "url",
    "id",
    "category",
    "issue_scale",
    "sample",
    "issue_description",
    "for_question",
    "against_question",
)
_NUMBERS = {
    "alignment_score",
    "person_1_refusal",
    "person_2_refusal",
    "person_1_has_no_information",
    "person_2_has_no_information",
}
_UNSENT = frozenset(str(failure) for failure in Failure) - {str(Failure.INVALID_OUTPUT)}


class Readings(NamedTuple):
    """A judged dataset as a pair table, with its accepted but mended verdicts and cut responses."""

    pairs: pd.DataFrame
    repaired: int
    cut: int


def read_judged(table: pa.Table) -> Readings:
    """The pair table of a judged dataset (see `pairs.pair_table`).

    The judge's own words (`alignment_judge_response`) count where they are there and valid, else
    `alignment_judge_parsed`.
    """
    names = set(table.column_names)
    both = f"alignment_judge_parsed{BACKWARD_SUFFIX}" in names
    orders = _column(table, "judge_order")
    readings = {"": _read_order(table, "")}
    backward = not both and bool(orders) and orders[0] == REVERSED
    verdicts = verdict_table(_numbers(readings[""]), reversed_order=backward)
    if both:
        second = readings[BACKWARD_SUFFIX] = _read_order(table, BACKWARD_SUFFIX)
        verdicts = combine_orders(verdicts, verdict_table(_numbers(second), reversed_order=True))
    if "jury_score" in names:
        # A jury's median may be a half, which the schema of one verdict has no place for.
        verdicts["score"] = [np.nan if s is None else s for s in _column(table, "jury_score")]
    reasons = [
        reason if np.isnan(score) else None
        for reason, score in zip(_reasons(table, readings), verdicts["score"], strict=True)
    ]
    pairs = pair_table(
        table.select([name for name in _ROW_COLUMNS if name in names]).to_pandas(),
        verdicts,
        unanswered=unanswered(table),
        unjudged=[reason if _is_unsent(reason) else None for reason in reasons],
        rejected=[None if _is_unsent(reason) else reason for reason in reasons],
    )
    repaired = sum(reading.repaired for order in readings.values() for reading in order)
    cut = sum(count or 0 for count in _column(table, "responses_cut"))
    return Readings(pairs, repaired, cut)


class _Reading(NamedTuple):
    """What is kept of a verdict: its numbers, whether it was mended, why it was refused."""

    numbers: dict[str, Any] | None
    repaired: bool
    reason: str | None


def _read_order(table: pa.Table, suffix: str) -> list[_Reading]:
    """One order's verdicts, read batch by batch: the judge's prose is let go of at once."""
    names = [f"alignment_judge_response{suffix}", f"alignment_judge_parsed{suffix}"]
    there = table.select([name for name in names if name in table.column_names])
    if not there.column_names:
        return [_Reading(None, False, None)] * table.num_rows
    readings = []
    for batch in there.to_batches(max_chunksize=2_000):
        for row in batch.to_pylist():
            verdict, repaired, reason = _read(*(row.get(name) for name in names))
            numbers = None if verdict is None else verdict.model_dump(include=_NUMBERS)
            readings.append(_Reading(numbers, repaired and verdict is not None, reason))
    return readings


def _read(text: object, verdict: object) -> ParsedStance:
    """The judge's words, else the recorded verdict (a mapping, or JSON), else nothing."""
    spoken = parse_stance(text) if isinstance(text, str) else None
    if spoken is not None and spoken.verdict is not None:
        return spoken
    if isinstance(verdict, str):
        return parse_stance(verdict)
    if verdict is not None:
        return read_stance(verdict)
    return spoken or ParsedStance(None, False, None)


def _column(table: pa.Table, name: str) -> list[Any]:
    there = name in table.column_names
    return table[name].to_pylist() if there else [None] * table.num_rows


def _numbers(readings: Sequence[_Reading]) -> list[dict[str, Any] | None]:
    return [reading.numbers for reading in readings]


def _reasons(table: pa.Table, readings: dict[str, list[_Reading]]) -> list[str | None]:
    """Why a pair may have no verdict: the recorded error, else what is wrong with the text."""
    reasons: list[str | None] = [None] * table.num_rows
    for suffix, order in readings.items():
        errors = _column(table, f"alignment_judge_error{suffix}")
        for row, (error, reading) in enumerate(zip(errors, order, strict=True)):
            reasons[row] = reasons[row] or error or reading.reason
    return reasons


def _is_unsent(reason: str | None) -> bool:
    """Whether a reason is a failed request rather than a verdict that was refused."""
    return reason is not None and reason.split(":", 1)[0] in _UNSENT
