"""Read a steerability run: one reading for each way of steering, its personas, its transcripts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from reporting.report.transcripts import Panel, Part, Transcript, transcript_id
from reporting.report.val_bench import read_json
from reporting.report.values import (
    Covered,
    Entry,
    ItemScores,
    Lost,
    Measure,
    Reading,
    Run,
    TranscriptSource,
    UnreadableRun,
    spent_in,
    value_of,
)

MEASURES = (
    Measure(
        "sensitivity_mid_rank",
        "Mean sensitivity (mid-rank)",
        "Mean sensitivity: where a persona's own model stands among all steered models on its "
        "statements, ties counted half. 1 is always first, 0.5 is chance.",
        digits=2,
        limits=(0.0, 1.0),
        chance=0.5,
    ),
    Measure(
        "own_minus_others",
        "Own less others",
        "Accuracy on the own persona's statements less that on the others' statements.",
        digits=2,
        limits=(-1.0, 1.0),
        chance=0.0,
    ),
    Measure(
        "accuracy",
        "Accuracy",
        "Share of the own persona's statements answered as the persona would.",
        digits=2,
        limits=(0.0, 1.0),
        chance=0.5,
    ),
    Measure(
        "gain",
        "Gain",
        "Accuracy on the own persona's statements less that of the same model unsteered.",
        digits=2,
        limits=(-1.0, 1.0),
        chance=0.0,
    ),
    Measure(
        "sensitivity",
        "As published",
        "Mean sensitivity with ties counted at their maximum, for comparison with published "
        "numbers: a system that never changes its answers gets 1.",
        digits=2,
        limits=(0.0, 1.0),
    ),
)
HEADLINE = "sensitivity_mid_rank"
PAIRED = ("sensitivity_mid_rank", "own_minus_others", "accuracy")
CONDITION = ["model", "system", "n_steer"]
NOT_STEERED = ("unsteered", "random")
NOT_RANKED = (*NOT_STEERED, "few_shot_reversed", "few_shot_named_reversed")


def read(run: Run) -> list[Reading]:
    """A reading for each steering system and number of statements, all models of it together.

    Raises:
        UnreadableRun: a table is missing or broken.
    """
    metrics = read_json(run.folder / "metrics.json")
    results = read_csv(run.folder / "results.csv")
    summary = read_csv(run.folder / "summary.csv")
    conditions = [c for c in metrics.get("conditions") or [] if isinstance(c, dict)]
    if not conditions:
        raise UnreadableRun("metrics.json holds no conditions")
    readings: list[Reading] = []
    ways = dict.fromkeys((str(c.get("system")), int(c.get("n_steer") or 0)) for c in conditions)
    for system, n_steer in ways:
        if system in NOT_RANKED or system.endswith("_reversed"):
            continue
        mine = [c for c in conditions if (c.get("system"), c.get("n_steer")) == (system, n_steer)]
        rows = _of(results, system, n_steer)
        readings.append(
            Reading(
                run=run,
                benchmark="steerability",
                key=_key(run, system, n_steer),
                label=f"{_words(system)}, {n_steer} statements",
                entries=tuple(_entry(run, c) for c in mine),
                items=tuple(_items(rows, str(c["model"])) for c in mine),
                frames={
                    "framework": _frameworks(_of(summary, system, n_steer)),
                    "personas": rows,
                    "scores": _matrix(run, system, n_steer),
                },
                # What a run cost is told once, with its first reading.
                spent=() if readings else spent_in(run, lambda _: "answers"),
                transcripts=_source(run, system, n_steer, rows),
            )
        )
    if not readings:
        raise UnreadableRun("it holds no steered condition, only baselines")
    return readings


def read_csv(path: Path) -> pd.DataFrame:
    """A table of a run's folder; model and persona names stay text.

    Raises:
        UnreadableRun: it is missing or broken.
    """
    try:
        return pd.read_csv(path, dtype={"model": str, "persona_id": str, "steered_persona": str})
    except FileNotFoundError:
        raise UnreadableRun(f"{path.name} is missing; run its flow again") from None
    except (OSError, ValueError) as error:
        raise UnreadableRun(f"{path.name} can't be read: {error}") from None


def _of(table: pd.DataFrame, system: str, n_steer: int) -> pd.DataFrame:
    return table[(table["system"] == system) & (table["n_steer"] == n_steer)]


def _words(system: str) -> str:
    return system.replace("_", " ")


def _key(run: Run, system: str, n_steer: int) -> dict[str, str]:
    manifest = run.manifest
    settings, dataset = manifest.get("settings") or {}, manifest.get("dataset") or {}
    personas = [str(name) for name in dataset.get("chosen_personas") or []]
    digest = hashlib.blake2b("\x1f".join(sorted(personas)).encode(), digest_size=3).hexdigest()
    shown = ("split", "random_state", "max_observations", "foils", "inference_batch_size")
    return {
        "steering": f"{_words(system)}, {n_steer} statements",
        "data": str(dataset.get("fingerprint")),
        "personas": f"{len(personas)} personas ({digest})",
        "prompts": str(manifest.get("prompt_hash")),
        **{name.replace("_", " "): str(settings.get(name, "")) for name in shown},
    }


def _entry(run: Run, condition: dict[str, Any]) -> Entry:
    measures = condition.get("measures") or {}
    values = {}
    for measure in MEASURES:
        cell = measures.get(measure.name) or {}
        values[measure.name] = value_of(cell)
    return Entry(str(condition["model"]), run.name, values, _covered(condition))


def _covered(condition: dict[str, Any]) -> Covered | None:
    coverage = condition.get("coverage") or {}
    if "planned" not in coverage:
        return None
    planned, answered = int(coverage["planned"]), int(coverage.get("answered") or 0)
    lost = []
    for part in str(coverage.get("unanswered") or "").split("; "):
        reason, _, count = part.rpartition(": ")
        if reason and count.isdigit():
            lost.append(Lost("unanswered", reason, int(count)))
    return Covered(planned, answered, None, answered, tuple(lost))


def _items(rows: pd.DataFrame, model: str) -> ItemScores:
    mine = rows[rows["model"] == model].set_index("persona_id")
    table = mine[[name for name in PAIRED if name in mine]].astype(float)
    return ItemScores(model, table.assign(cluster=table.index))


def _frameworks(summary: pd.DataFrame) -> pd.DataFrame:
    rows = summary[(summary["measure"] == HEADLINE) & (summary["framework"] != "all")]
    columns = {"framework": "group", "n_personas": "n"}
    table = rows.rename(columns=columns)
    return table[["model", "group", "n", "value", "low", "high"]].reset_index(drop=True)


def _matrix(run: Run, system: str, n_steer: int) -> pd.DataFrame:
    """Long form of the accuracy matrix: model, steered, tested, accuracy; empty without a file."""
    try:
        scores = read_csv(run.folder / "scores.csv")
    except UnreadableRun:
        return pd.DataFrame(columns=["model", "steered", "tested", "accuracy"])
    rows = _of(scores, system, n_steer).drop(columns=["system", "n_steer"])
    long = rows.melt(["model", "steered_persona"], var_name="tested", value_name="accuracy")
    return long.dropna().rename(columns={"steered_persona": "steered"})


def _source(run: Run, system: str, n_steer: int, rows: pd.DataFrame) -> TranscriptSource | None:
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
    from reporting.report.val_bench import located
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
    return Part("By", f"{_words(system)}, {n_steer} statements", "context")


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
