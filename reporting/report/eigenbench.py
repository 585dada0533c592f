"""Read an EigenBench run: Elo with its joint draws, judges, trust, and every comparison's texts.

An Elo is a place among the models of one ensemble under one constitution: runs are never put into
one table, only models of one run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.eigenbench.comparisons import extract
from benchmarks.eigenbench.trust import elo
from reporting.report.differences import Draws
from reporting.report.steerability import read_csv
from reporting.report.transcripts import Panel, Part, Transcript, transcript_id
from reporting.report.val_bench import read_json
from reporting.report.values import (
    Covered,
    Entry,
    Lost,
    Measure,
    Reading,
    Run,
    TranscriptSource,
    UnreadableRun,
    Value,
    number,
    spent_in,
)

MEASURES = (
    Measure(
        "elo",
        "Elo",
        "How much the ensemble trusts a model under the constitution, as EigenTrust weighs its "
        "judges; 1500 is the mean of equals.",
        digits=0,
        chance=1500.0,
    ),
    Measure(
        "elo_published",
        "Elo as published",
        "The same by the published procedure.",
        digits=0,
    ),
    Measure(
        "elo_uniform_judges",
        "Elo, equal judges",
        "Every judge weighs the same.",
        digits=0,
    ),
    Measure(
        "elo_without_self",
        "Elo, no self-trust",
        "What a judge says of itself left out.",
        digits=0,
    ),
    Measure("trust", "Trust", "EigenTrust; adds up to 1.", digits=3, limits=(0.0, 1.0)),
)
HEADLINE = "elo"
RANKS = (
    "ranks here hold for all models at once; summary.csv and the run's terminal give each model's "
    "own 95% interval, which can be narrower"
)
MOST_CRITERIA = 20
"""Where a manifest does not hold the criteria."""
PAIRED = ("elo",)


def read(run: Run) -> list[Reading]:
    """The one reading of a run.

    Raises:
        UnreadableRun: summary.csv or fit.json is missing or broken.
    """
    if not (run.folder / "summary.csv").exists() and (run.folder / "evaluations.jsonl").exists():
        raise UnreadableRun("judgements only, not analysed: give them as --evaluations_path")
    summary = read_csv(run.folder / "summary.csv")
    fit = read_json(run.folder / "fit.json")
    if "model" not in summary or "elo" not in summary:
        raise UnreadableRun("summary.csv has no columns model and elo")
    names = _ids(run, list(summary["model"].astype(str)))
    draws, warning = _draws(run, summary, names, fit)
    log = _Log.of(run)
    return [
        Reading(
            run=run,
            benchmark="eigenbench",
            key={"run": run.name, "constitution": _constitution(run)},
            label=f"{_constitution(run)} · {run.name}",
            entries=tuple(
                _entry(run, names[str(row["model"])], row, log) for _, row in summary.iterrows()
            ),
            draws=draws,
            judges=tuple(names.values()),
            frames={
                "trust": _trust(run, names),
                "judges": _optional(run, "judges.csv", names),
                "reasons": _optional(run, "reasons.csv", {}),
            },
            spent=spent_in(run, lambda _: "answers and judges"),
            warnings=(warning,) if warning else (),
            notes=(*map(str, fit.get("notes") or []), RANKS),
            shown=_display_names(names),
            transcripts=None if log is None else _source(run, log, names),
        )
    ]


def _ids(run: Run, shown: list[str]) -> dict[str, str]:
    """Model ids by display name, so that models meet across benchmarks.

    A prompted persona keeps its display name: the same id with another system prompt is another
    model to this benchmark. So do two names of one id.
    """
    ids = {name: name for name in shown}
    for model in run.manifest.get("models") or []:
        name, model_id, *prompts = [*(model.get("identity") or []), "", ""][:4]
        if name in ids and model_id and not any(prompts):
            ids[name] = str(model_id)
    twice = {value for value in ids.values() if list(ids.values()).count(value) > 1}
    return {name: name if value in twice else value for name, value in ids.items()}


def _display_names(names: dict[str, str]) -> dict[str, str]:
    """What tables of this run alone call a model id: its display name with the id behind it."""
    return {
        model_id: f"{name} ({model_id})" for name, model_id in names.items() if name != model_id
    }


def _constitution(run: Run) -> str:
    held = run.manifest.get("constitution") or {}
    return Path(str(held.get("source") or "constitution")).stem


def _criteria(run: Run) -> list[str]:
    """The criteria a judgement answers."""
    return [str(c) for c in (run.manifest.get("constitution") or {}).get("criteria") or []]


def _entry(run: Run, model: str, row: Any, log: _Log | None) -> Entry:
    values = {
        m.name: Value(
            number(row.get(m.name)),
            number(row.get(f"{m.name}_low")),
            number(row.get(f"{m.name}_high")),
        )
        for m in MEASURES
    }
    return Entry(model, run.name, values, None if log is None else log.covered(str(row["model"])))


def _draws(
    run: Run, summary: pd.DataFrame, names: dict[str, str], fit: dict[str, Any]
) -> tuple[dict[str, Draws], str]:
    """Joint draws of Elo from bootstrap.parquet."""
    path = run.folder / "bootstrap.parquet"
    if not path.exists():
        return {}, "no bootstrap.parquet: no differences and no rank intervals"
    shown = list(names)
    try:
        trust = pd.read_parquet(path, columns=shown).to_numpy(dtype=float)
    except (OSError, ValueError, KeyError) as error:
        return {}, f"bootstrap.parquet can't be read: {error}"
    values = summary.set_index(summary["model"].astype(str))["elo"].reindex(shown).to_numpy(float)
    units = (fit.get("bootstrap") or {}).get("units") or 0
    limits = (-np.inf, np.inf)
    return {"elo": Draws(tuple(names.values()), values, elo(trust), units, limits)}, ""


def _trust(run: Run, names: dict[str, str]) -> pd.DataFrame:
    """Long form: judge, model, trust."""
    table = _optional(run, "trust_matrix.csv", {})
    if table.empty:
        return table
    long = table.melt("judge", var_name="model", value_name="trust")
    return long.assign(
        judge=long["judge"].astype(str).map(lambda n: names.get(n, n)),
        model=long["model"].map(lambda n: names.get(n, n)),
    )


def _optional(run: Run, name: str, names: dict[str, str]) -> pd.DataFrame:
    try:
        table = read_csv(run.folder / name)
    except UnreadableRun:
        return pd.DataFrame()
    if names and "model" in table:
        table["model"] = table["model"].astype(str).map(lambda n: names.get(n, n))
    return table


UNREADABLE = "unreadable"
FIRST, SECOND, EVEN = "first preferred", "second preferred", "even"
_CHOSEN = {0: "tie", 1: "first", 2: "second"}


class _Log:
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
    def of(cls, run: Run) -> _Log | None:
        """The log of a run, None where there is none to be read."""
        path = run.folder / "evaluations.jsonl"
        try:
            return cls(path, _criteria(run)) if path.exists() else None
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


def _source(run: Run, log: _Log, names: dict[str, str]) -> TranscriptSource:
    def transcripts(numbers: Sequence[int]) -> Iterator[Transcript]:
        for at in numbers:
            yield _transcript(run, at, log, names)

    strata = [f"{who} {what}" for who, what in zip(log.judges, log.outcomes, strict=True)]
    return TranscriptSource(strata, transcripts)


def _transcript(run: Run, at: int, log: _Log, names: dict[str, str]) -> Transcript:
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
