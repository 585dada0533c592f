"""Transcripts of EigenBench: one comparison each, with both responses and the judge's words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reporting.report.readers.eigenbench_log import EVEN, FIRST, SECOND, ComparisonLog
from reporting.report.transcripts import Panel, Part, Transcript, transcript_id
from reporting.report.values import Run, TranscriptSource

_CHOSEN = {0: "tie", 1: "first", 2: "second"}


def source(run: Run, log: ComparisonLog, names: dict[str, str]) -> TranscriptSource:
    """One transcript a comparison; drawn fairly by judge and outcome."""

    def transcripts(numbers: Sequence[int]) -> Iterator[Transcript]:
        for at in numbers:
            yield _transcript(run, at, log, names)

    strata = [f"{who} {what}" for who, what in zip(log.judges, log.outcomes, strict=True)]
    return TranscriptSource(strata, transcripts)


def _transcript(run: Run, at: int, log: ComparisonLog, names: dict[str, str]) -> Transcript:
    record, outcome = log.record(at), log.outcomes[at]
    judge, first, second = (
        names.get(str(record.get(f"{who}_name")), str(record.get(f"{who}_name")))
        for who in ("judge", "eval1", "eval2")
    )
    panels = [Panel("Scenario", (Part("Asked", str(record.get("scenario") or ""), "prompt"),))]
    for side, (who, model) in enumerate((("eval1", first), ("eval2", second))):
        parts = [
            Part("Response", str(record.get(f"{who} response") or ""), "answer"),
            Part(f"{judge} reflects", str(record.get(f"{who} reflection") or ""), "reasoning"),
        ]
        panels.append(
            Panel(f"{('First', 'Second')[side]}: {model}", tuple(p for p in parts if p.text), side)
        )
    said = str(record.get("judge response") or "")
    parts = [Part("In its words", said, "verdict")]
    if log.choices[at]:
        parts.insert(0, Part("Choices", _by_criterion(log.choices[at], log.criteria), "verdict"))
    panels.append(Panel(f"Judge {judge}", tuple(parts)))
    winner = {FIRST: first, SECOND: second, EVEN: "even"}.get(outcome, "unreadable")
    what = (record.get("scenario_index"), judge, first, second, at)
    return Transcript(
        id=transcript_id("eigenbench", run.name, *what),
        benchmark="EigenBench",
        run=run.name,
        model=f"{first} / {second}",
        judge=judge,
        category="",
        outcome=outcome,
        title=str(record.get("scenario") or f"comparison {at + 1}"),
        score=winner,
        panels=tuple(panels),
    )


def _by_criterion(chosen: dict[int, int], criteria: list[str]) -> str:
    """One line a criterion: what was chosen, and the criterion."""
    lines = []
    for at, choice in sorted(chosen.items()):
        words = criteria[at] if at < len(criteria) else f"criterion {at + 1}"
        lines.append(f"{_CHOSEN[choice]}: {words}")
    return "\n".join(lines)
