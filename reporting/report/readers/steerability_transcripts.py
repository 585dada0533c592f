"""Transcripts of steerability: what a steered model said to its own persona's statements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from reporting.report.readers.files import located
from reporting.report.transcripts import Panel, Part, Transcript, transcript_id
from reporting.report.values import Run, TranscriptSource


def words_of(system: str) -> str:
    """A way of steering, for readers."""
    return system.replace("_", " ")


def source(run: Run, system: str, n_steer: int, rows: pd.DataFrame) -> TranscriptSource | None:
    """One transcript a model and persona: its answers to its own persona's statements."""
    if not (run.folder / "answers").is_dir():
        return None
    people = rows.reset_index(drop=True)
    strata = [_outcome(float(rank)) for rank in people["sensitivity_mid_rank"]]

    def transcripts(numbers: Sequence[int]) -> Iterator[Transcript]:
        answers = _own_answers(run, system, n_steer)
        texts = _statements(run)
        for at in numbers:
            person = people.iloc[at]
            mine = answers.get((str(person["model"]), str(person["persona_id"])), [])
            yield _transcript(run, system, n_steer, person, mine, texts, strata[at])

    return TranscriptSource(strata, transcripts)


def _outcome(mid_rank: float) -> str:
    if mid_rank != mid_rank:
        return "not measured"
    if mid_rank >= 0.9:
        return "closest to its own persona"
    return "closer than most" if mid_rank > 0.5 else "no closer than chance"


def _own_answers(
    run: Run, system: str, n_steer: int
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    import pyarrow.compute as pc

    from tables.places import read_table

    table = read_table(str(run.folder.resolve() / "answers"))
    keep = pc.and_(pc.equal(table["system"], system), pc.equal(table["n_steer"], n_steer))
    own = pc.equal(table["steered_persona"], table["tested_persona"])
    grouped: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in table.filter(pc.and_(keep, own)).to_pylist():
        grouped.setdefault((str(row["model"]), str(row["steered_persona"])), []).append(row)
    return grouped


def _statements(run: Run) -> dict[str, str]:
    """Statement texts by id, where the run's own tables are still at hand; else empty."""
    from benchmarks.steerability.data import CSV_DTYPES, check_data
    from tables.places import DATA

    dataset = run.manifest.get("dataset") or {}
    personas, statements = str(dataset.get("personas") or ""), str(dataset.get("statements") or "")
    if personas.startswith("builtin:"):
        folder: Path | None = DATA / personas.removeprefix("builtin:").replace("-", "_")
    else:
        folder = located(run, personas) if personas else None
    apart = located(run, statements) if statements else None
    if folder is None:
        return {}
    files = [folder / "personas.csv" if folder.is_dir() else folder]
    files.append(apart or folder / "statements.csv")
    if files[1].is_dir():
        files[1] /= "statements.csv"
    try:
        tables = [pd.read_csv(file, dtype=CSV_DTYPES, keep_default_na=False) for file in files]
        checked = check_data(*tables).statements
    except (OSError, ValueError):
        return {}
    return dict(zip(checked["statement_id"].astype(str), checked["statement"], strict=True))


def _transcript(
    run: Run,
    system: str,
    n_steer: int,
    person: Any,
    answers: list[dict[str, Any]],
    texts: dict[str, str],
    outcome: str,
) -> Transcript:
    name = str(person["persona_description"] or person["persona_id"])
    right = [row for row in answers if row["correct"] is True]
    wrong = [row for row in answers if row["correct"] is False]
    missing = [row for row in answers if row["answer"] is None]
    panels = [
        Panel("Steered to", (Part("Persona", name, "prompt"), _way(system, n_steer))),
        Panel(f"Answered as the persona would ({len(right)})", _lines(right, texts), 0),
        Panel(f"Answered otherwise ({len(wrong)})", _lines(wrong, texts), 1),
    ]
    if missing:
        reasons = "\n".join(f"{texts.get(r['statement_id'], '')} {r['reason']}" for r in missing)
        panels.append(Panel("Not answered", (Part("Why", reasons, "error"),)))
    panels.append(Panel("Scores", _scores(person)))
    return Transcript(
        id=transcript_id("steerability", run.name, person["model"], system, n_steer, name),
        benchmark="Steerability",
        run=run.name,
        model=str(person["model"]),
        judge="",
        category=str(person["framework"]),
        outcome=outcome,
        title=name,
        score=f"{float(person['accuracy']):.2f}",
        panels=tuple(panels),
    )


def _way(system: str, n_steer: int) -> Part:
    return Part("By", f"{words_of(system)}, {n_steer} statements", "context")


def _lines(rows: list[dict[str, Any]], texts: dict[str, str]) -> tuple[Part, ...]:
    """Statements with what the steered model said to them."""
    parts = []
    for stance, label in ((True, "Agrees"), (False, "Disagrees")):
        said = [r for r in rows if r["answer"] is stance]
        if said:
            text = "\n".join(
                f"• {texts.get(str(r['statement_id']), 'statement ' + str(r['statement_id']))}"
                for r in said
            )
            parts.append(Part(label, text, "answer"))
    return tuple(parts) or (Part("None", "", "context"),)


def _scores(person: Any) -> tuple[Part, ...]:
    shown = {
        "accuracy": "accuracy",
        "others_accuracy": "accuracy on the others' statements",
        "sensitivity_mid_rank": "sensitivity, mid-rank",
        "gain": "gain over unsteered",
    }
    known = {label: person.get(name) for name, label in shown.items()}
    text = "; ".join(f"{label} {float(v):.2f}" for label, v in known.items() if v == v)
    return (Part("This persona", text, "fact"),)
