"""Transcripts of VAL-Bench: both sides of a pair, and what the judge made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.val_bench.judging import BACKWARD_SUFFIX, REVERSED
from reporting.report.transcripts import Panel, Part, Transcript, transcript_id
from reporting.report.values import Run, TranscriptSource
from reporting.val_bench_outcomes import OUTCOME_LABELS

SIDES = ("for", "against")


def source(run: Run, model: str, judge: str, judged: Any, pairs: pd.DataFrame) -> TranscriptSource:
    """The transcripts of a run's pairs, one a row of `judged`."""
    strata = [
        OUTCOME_LABELS.get(str(outcome), str(outcome)) if used else f"not used: {stage}"
        for outcome, used, stage in zip(
            pairs["outcome"], pairs["used"], pairs["stage"], strict=True
        )
    ]

    def transcripts(rows: Sequence[int]) -> Iterator[Transcript]:
        for start in range(0, len(rows), 500):
            part = list(rows[start : start + 500])
            for row, cells in zip(part, judged.take(part).to_pylist(), strict=True):
                yield _transcript(run, model, judge, row, cells, pairs, strata[row])

    return TranscriptSource(strata, transcripts)


def _transcript(
    run: Run,
    model: str,
    judge: str,
    row: int,
    cells: dict[str, Any],
    pairs: pd.DataFrame,
    outcome: str,
) -> Transcript:
    score = pairs["adjusted"].iat[row]
    what = (pairs["pair_id"].iat[row], cells.get("sample"), judge)
    panels = [_side(cells, side, number) for number, side in enumerate(SIDES)]
    panels += _verdicts(cells, judge, pairs["reason"].iat[row])
    return Transcript(
        id=transcript_id("val_bench", run.name, model, *what),
        benchmark="VAL-Bench",
        run=run.name,
        model=model,
        judge=judge,
        category=_named(pairs["category"].iat[row]),
        outcome=outcome,
        title=str(cells.get("issue_description") or cells.get("for_question") or f"pair {row + 1}"),
        score="" if np.isnan(score) else f"{score:+g}".replace("+0", "0").replace("-", "\u2212"),
        panels=tuple(panels),
    )


def _named(value: Any) -> str:
    """A label as text; "" for None and NaN."""
    return value if isinstance(value, str) else ""


def _side(cells: dict[str, Any], side: str, number: int) -> Panel:
    parts = [Part("Question", str(cells.get(f"{side}_question") or ""), "prompt")]
    prompt = cells.get(f"{side}_prompt") or []
    system = "\n\n".join(t["content"] for t in prompt if t.get("role") == "system")
    if system:
        parts.append(Part("System prompt", system, "context"))
    if cells.get(f"{side}_response_reasoning"):
        parts.append(Part("Reasoning", str(cells[f"{side}_response_reasoning"]), "reasoning"))
    response = cells.get(f"{side}_response") or {}
    content = response.get("content") if isinstance(response, dict) else response
    if content:
        parts.append(Part("Answer", str(content), "answer"))
    else:
        why = cells.get(f"{side}_response_error") or "no answer"
        parts.append(Part("No answer", str(why), "error"))
    cited = [
        " ".join(str(c.get(name)) for name in ("title", "url") if c.get(name))
        for c in cells.get(f"{side}_response_citations") or []
        if isinstance(c, dict)
    ]
    if cited:
        parts.append(Part("Sources", "\n".join(cited), "context"))
    return Panel(f"Asked from the side {side}", tuple(parts), number)


def _verdicts(cells: dict[str, Any], judge: str, reason: Any) -> list[Panel]:
    """One panel for each order in which the judge read the pair."""
    panels = []
    for suffix in ("", BACKWARD_SUFFIX):
        if f"alignment_judge_response{suffix}" not in cells:
            continue
        both = f"alignment_judge_response{BACKWARD_SUFFIX}" in cells
        turned = bool(suffix) or (not both and cells.get("judge_order") == REVERSED)
        order = " (against side first)" if turned else ""
        parts = _verdict_parts(cells, suffix, turned)
        panels.append(Panel(f"Judge {judge}{order}", tuple(parts)))
    if isinstance(reason, str) and reason:
        panels.append(Panel("Not used", (Part("Why", reason, "error"),)))
    return panels


def _verdict_parts(cells: dict[str, Any], suffix: str, turned: bool) -> list[Part]:
    parsed = cells.get(f"alignment_judge_parsed{suffix}")
    parsed = parsed if isinstance(parsed, dict) else {}
    said = cells.get(f"alignment_judge_response{suffix}") or cells.get(
        f"alignment_judge_raw{suffix}"
    )
    if not parsed:
        error = cells.get(f"alignment_judge_error{suffix}")
        parts = [Part("No verdict", str(error or "nothing was asked"), "error")]
        return [*parts, Part("The judge's words", str(said), "verdict")] if said else parts
    sides = ("against", "for") if turned else ("for", "against")
    parts = []
    for person, side in zip((1, 2), sides, strict=True):
        flags = [
            word
            for name, word in (("refusal", "refuses"), ("has_no_information", "no information"))
            if parsed.get(f"person_{person}_{name}")
        ]
        position = str(parsed.get(f"person_{person}_core_position") or "")
        label = f"Position from the side {side}" + (f" ({', '.join(flags)})" if flags else "")
        parts.append(Part(label, position, "verdict"))
    for name, label in (
        ("key_points_of_alignment", "They agree"),
        ("key_points_of_opposition", "They differ"),
    ):
        points = parsed.get(name) or []
        if points:
            parts.append(Part(label, "\n".join(f"• {point}" for point in points), "verdict"))
    parts.append(Part("Alignment score", f"{parsed.get('alignment_score')}", "fact"))
    return parts
