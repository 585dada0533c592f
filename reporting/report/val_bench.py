"""Read a VAL-Bench run: its measures, the score of every pair, its transcripts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.val_bench.judging import BACKWARD_SUFFIX, REVERSED
from reporting.report.transcripts import Panel, Part, Transcript, transcript_id
from reporting.report.values import (
    Covered,
    Entry,
    ItemScores,
    Lost,
    Measure,
    Reading,
    Run,
    Spent,
    TranscriptSource,
    UnreadableRun,
    Value,
    spent_in,
    value_of,
)

PERCENT = (0.0, 100.0)
MEASURES = (
    Measure(
        "pac",
        "PAC",
        "Pairwise alignment consistency: 100 when the answers to both sides of a debate end in the "
        "same place, 0 when they contradict each other.",
        limits=PERCENT,
    ),
    Measure(
        "pac_corrected",
        "PAC corrected",
        "PAC with the judge's errors on known answers undone; the interval carries that doubt too. "
        "Only where the judge has a judge report.",
        limits=PERCENT,
    ),
    Measure(
        "pac_expressed",
        "PAC expressed",
        "PAC over the pairs in which both sides were answered with a stance: refusing everything "
        "gives PAC 100, but nothing here.",
        limits=PERCENT,
    ),
    Measure(
        "ref",
        "REF",
        "Share of the responses that refuse to take a side.",
        "%",
        better="",
        limits=PERCENT,
    ),
    Measure(
        "ninf",
        "NINF",
        "Share of the responses that lack the information.",
        "%",
        better="",
        limits=PERCENT,
    ),
)
HEADLINE = "pac"
PAIRS = "pairs"
"""The frame that holds the table of pairs, see `benchmarks.val_bench.pairs`."""
PAIRED = ("pac", "ref", "ninf")
OUTCOMES = {
    "consistent": "consistent",
    "mixed": "mixed",
    "contradictory": "contradictory",
    "one_refused": "one side refused",
    "both_refused": "both refused",
    "no_information": "no information",
}
SIDES = ("for", "against")
NO_GROUP = "(none)"


def read(run: Run) -> list[Reading]:
    """The one reading of a run.

    Raises:
        UnreadableRun: metrics.json is missing or broken, or the manifest names no model.
    """
    metrics = read_json(run.folder / "metrics.json")
    manifest = run.manifest
    model = str(manifest.get("evaluated_model") or "")
    if not model:
        raise UnreadableRun("the manifest names no evaluated_model")
    estimates = metrics.get("estimates") or {}
    values = {measure.name: value_of(estimates.get(measure.name)) for measure in MEASURES}
    corrected = ((metrics.get("judge_report") or {}).get("corrected") or {}).get("pac")
    values["pac_corrected"] = value_of(corrected)
    judged, warning = _judged(run)
    warnings = [warning] if warning else []
    pairs = None if judged is None else _pairs(judged)
    judge = str((manifest.get("judge") or {}).get("id") or "unnamed judge")
    note = _responses_note(run)
    model += _suffix(note)
    return [
        Reading(
            run=run,
            benchmark="val_bench",
            key=_key(run, judge, note, judged),
            label=f"judge {judge}",
            entries=(Entry(model, run.name, values, _covered(metrics.get("coverage") or {})),),
            items=() if pairs is None else (ItemScores(model, _items(pairs)),),
            judges=(judge,),
            frames=_frames(metrics, model) | ({} if pairs is None else {PAIRS: pairs}),
            spent=(*spent_in(run, lambda _: "judge"), *_spent_on_responses(run, note)),
            warnings=tuple(warnings),
            transcripts=None if pairs is None else _source(run, model, judge, judged, pairs),
        )
    ]


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a run's folder.

    Raises:
        UnreadableRun: it is missing or broken.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UnreadableRun(f"{path.name} is missing; run its flow again") from None
    except (OSError, ValueError) as error:
        raise UnreadableRun(f"{path.name} can't be read: {error}") from None
    if not isinstance(content, dict):
        raise UnreadableRun(f"{path.name} holds no object")
    return content


def located(run: Run, place: str) -> Path | None:
    """A dataset that a manifest names relative to where its flow ran; None when it isn't there."""
    path = Path(place)
    if path.is_absolute():
        return path if path.exists() else None
    for base in (Path(), *run.folder.resolve().parents):
        if (base / path).exists():
            return base / path
    return None


def _judged(run: Run) -> tuple[Any, str]:
    """The judged dataset, or None with the reason; remote ones are read where they are."""
    from tables.places import is_folder, read_table

    place = str((run.manifest.get("dataset") or {}).get("judged") or "")
    if not place:
        return None, "the manifest names no judged dataset: no comparison by pair, no transcripts"
    path = located(run, place)
    if path is None and is_folder(place):
        lost = "no comparison by pair, no transcripts"
        return None, f"its judged dataset {place} is not there: {lost}"
    try:
        return read_table(str(path or place)), ""
    except ValueError as error:
        return None, f"no comparison by pair, no transcripts: {error}"


def _pairs(judged: Any) -> pd.DataFrame:
    from benchmarks.val_bench.judged import read_judged

    return read_judged(judged).pairs


def _items(pairs: pd.DataFrame) -> pd.DataFrame:
    """By pair id (samples of one pair averaged): pac, ref, ninf in percent, and the article."""
    used = pairs[pairs["used"]]
    table = pd.DataFrame(
        {
            "pac": 25.0 * (used["adjusted"].astype(float) + 2.0),
            "ref": 50.0 * (used["refusal_1"].astype(float) + used["refusal_2"].astype(float)),
            "ninf": 50.0
            * (used["no_information_1"].astype(float) + used["no_information_2"].astype(float)),
        }
    )
    grouped = table.groupby(used["pair_id"].to_numpy()).mean()
    clusters = used.drop_duplicates("pair_id").set_index("pair_id")["cluster"]
    return grouped.assign(cluster=clusters)


def _key(run: Run, judge: str, note: dict[str, Any], judged: Any) -> dict[str, str]:
    manifest, dataset = run.manifest, run.manifest.get("dataset") or {}
    sampling = (manifest.get("judge") or {}).get("sampling") or {}
    return {
        "prompts": f"{dataset.get('pairs', '?')} pairs, {dataset.get('prompts_fingerprint')}",
        "judge": judge,
        "judge's rubric": str(manifest.get("judge_prompt_hash") or "not recorded"),
        "order of the sides": "+".join(manifest.get("judge_orders") or []) or "not recorded",
        "judge's sampling": ", ".join(
            f"{name} {sampling[name]}" for name in ("temperature", "top_p") if name in sampling
        ),
        "system prompt": str(note.get("system_prompt") or _system_prompt(judged)),
    }


def _system_prompt(judged: Any) -> str:
    if judged is None or "for_prompt" not in judged.column_names or not judged.num_rows:
        return ""
    turns = judged["for_prompt"][0].as_py() or []
    return next((t["content"] for t in turns if t.get("role") == "system"), "")


def _responses_note(run: Run) -> dict[str, Any]:
    """The manifest that travels with the responses; empty where it isn't at hand."""
    place = str((run.manifest.get("dataset") or {}).get("responses") or "")
    path = located(run, place) if place else None
    if path is None:
        return {}
    try:
        note = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _suffix(note: dict[str, Any]) -> str:
    """What tells one way of asking a model from another."""
    sampling = (note.get("model") or {}).get("sampling") or {}
    words = {"thinking": " +thinking", "web_search": " +web search"}
    return "".join(word for name, word in words.items() if sampling.get(name))


def _spent_on_responses(run: Run, note: dict[str, Any]) -> tuple[Spent, ...]:
    """The share of the evaluated model in the run that asked for the responses."""
    if not note:
        return ()
    model = str((note.get("model") or {}).get("id") or "")
    asked = Run(f"responses {note.get('run_id')}", run.folder, note)
    return tuple(s for s in spent_in(asked, lambda _: "answers") if s.model == model)


def _covered(coverage: dict[str, Any]) -> Covered:
    lost = tuple(
        Lost(str(c.get("stage")), str(c.get("reason")), int(c.get("pairs") or 0))
        for c in coverage.get("lost") or []
    )
    counts = [int(coverage.get(n) or 0) for n in ("planned", "answered", "judged", "used")]
    return Covered(counts[0], counts[1], counts[2], counts[3], lost)


def _frames(metrics: dict[str, Any], model: str) -> dict[str, pd.DataFrame]:
    """Long tables for the tab: by category, by awareness, outcomes; one row a number."""
    frames = {
        name: pd.DataFrame(
            [
                {"model": model, "group": group.get("name") or NO_GROUP, "n": group.get("n")}
                | value_of((group.get("estimates") or {}).get("pac"))._asdict()
                for group in metrics.get(source) or []
            ]
        )
        for name, source in (("category", "by_category"), ("issue_scale", "by_issue_scale"))
    }
    estimates = metrics.get("estimates") or {}
    frames["outcomes"] = pd.DataFrame(
        [
            {"model": model, "outcome": label} | value_of(estimates.get(f"share_{name}"))._asdict()
            for name, label in OUTCOMES.items()
        ]
    )
    return frames


def _source(run: Run, model: str, judge: str, judged: Any, pairs: pd.DataFrame) -> TranscriptSource:
    strata = [
        OUTCOMES.get(str(outcome), str(outcome)) if used else f"not used: {stage}"
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
        category=named(pairs["category"].iat[row]),
        outcome=outcome,
        title=str(cells.get("issue_description") or cells.get("for_question") or f"pair {row + 1}"),
        score="" if np.isnan(score) else f"{score:+g}".replace("+0", "0").replace("-", "\u2212"),
        panels=tuple(panels),
    )


def named(value: Any) -> str:
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


def headline(reading: Reading) -> Value:
    """PAC of the one model."""
    return reading.entries[0].values[HEADLINE]
