"""The log of an EigenBench run: where each comparison stands, and what its judge chose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.eigenbench.comparisons import extract
from reporting.report.values import Covered, Lost, Run

UNREADABLE = "unreadable"
FIRST, SECOND, EVEN = "first preferred", "second preferred", "even"
MOST_CRITERIA = 20
"""Where a manifest does not hold the criteria."""


class ComparisonLog:
    """evaluations.jsonl: where each record begins, and what its judge chose.

    Attributes:
        path: the file.
        criteria: of the constitution.
        offsets: byte offset of each record.
        judges: display name of each record's judge.
        outcomes: one label a record.
        choices: for each record what was chosen by criterion (from 0).
    """

    def __init__(self, path: Path, criteria: list[str]) -> None:
        self.path, self.criteria = path, criteria
        self.offsets: list[int] = []
        self.judges: list[str] = []
        entries: list[dict[str, Any]] = []
        with path.open("rb") as file:
            at = 0
            for line in file:
                if line.strip():
                    entries.append(self._take(json.loads(line), at, len(entries)))
                at += len(line)
        self.choices = _choices(entries, len(criteria))
        self.outcomes = [_outcome(chosen) for chosen in self.choices]

    def _take(self, record: dict[str, Any], at: int, number_of: int) -> dict[str, Any]:
        """Note a record; returns what `extract` needs to read its judge's words."""
        if not isinstance(record, dict) or "eval2" not in record:
            raise ValueError("not a log of comparisons")
        self.offsets.append(at)
        self.judges.append(str(record.get("judge_name")))
        kept = {key: record.get(key) for key in ("judge", "eval1", "eval2", "judge response")}
        # A number of its own for each record: repeated samples are all kept.
        return kept | {"scenario_index": number_of}

    @classmethod
    def of(cls, run: Run, criteria: list[str]) -> ComparisonLog | None:
        """The log of a run, None where there is none to be read."""
        path = run.folder / "evaluations.jsonl"
        try:
            return cls(path, criteria) if path.exists() else None
        except (OSError, ValueError, AttributeError):
            return None

    def covered(self, judge: str) -> Covered:
        """Comparisons that a model made as a judge."""
        mine = [o for who, o in zip(self.judges, self.outcomes, strict=True) if who == judge]
        unread = sum(outcome == UNREADABLE for outcome in mine)
        lost = (Lost(UNREADABLE, "no readable choice", unread),) if unread else ()
        return Covered(len(mine), len(mine), len(mine), len(mine) - unread, lost)

    def record(self, number_of: int) -> dict[str, Any]:
        """One record, read again from the file."""
        with self.path.open("rb") as file:
            file.seek(self.offsets[number_of])
            record: dict[str, Any] = json.loads(file.readline())
            return record


def _choices(entries: list[dict[str, Any]], num_criteria: int) -> list[dict[int, int]]:
    """What each judge chose by criterion; empty where nothing can be read."""
    found: list[dict[int, int]] = [{} for _ in entries]
    if not entries:
        return found
    models = 1 + max(int(e[k] or 0) for e in entries for k in ("judge", "eval1", "eval2"))
    rows = extract(entries, models, num_criteria or MOST_CRITERIA).rows
    columns = (rows[name].tolist() for name in ("record", "criterion", "outcome"))
    for record, criterion, outcome in zip(*columns, strict=True):
        found[record][criterion] = outcome
    return found


def _outcome(chosen: dict[int, int]) -> str:
    """Which response was preferred on more criteria."""
    if not chosen:
        return UNREADABLE
    lead = sum((choice == 1) - (choice == 2) for choice in chosen.values())
    return FIRST if lead > 0 else SECOND if lead < 0 else EVEN
