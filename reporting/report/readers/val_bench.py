"""Read a VAL-Bench run: its measures, the score of every pair, its transcripts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from reporting.report.readers.files import located, read_json
from reporting.report.readers.val_bench_transcripts import source
from reporting.report.values import (
    Covered,
    Entry,
    ItemScores,
    Lost,
    Measure,
    Reading,
    Run,
    Spent,
    UnreadableRun,
    spent_in,
    value_of,
)
from reporting.val_bench_outcomes import OUTCOME_LABELS

if TYPE_CHECKING:
    from calibration.asked import Asked

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
    judged, beside, warning = _judged(run)
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
            transcripts=None if pairs is None else source(run, model, judge, judged, pairs),
            asked=_asked(judged, judge, manifest, beside),
        )
    ]


def _judged(run: Run) -> tuple[Any, dict[str, Any], str]:
    """The judged dataset and its manifest, or None with the reason; remote ones are read where they
    are."""
    from tables.places import is_folder, manifest_of, read_table

    place = str((run.manifest.get("dataset") or {}).get("judged") or "")
    if not place:
        lost = "no comparison by pair, no transcripts"
        return None, {}, f"the manifest names no judged dataset: {lost}"
    path = located(run, place)
    if path is None and is_folder(place):
        lost = "no comparison by pair, no transcripts"
        return None, {}, f"its judged dataset {place} is not there: {lost}"
    try:
        return read_table(str(path or place)), manifest_of(path or place), ""
    except ValueError as error:
        return None, {}, f"no comparison by pair, no transcripts: {error}"


def _asked(judged: Any, judge: str, *manifests: Mapping[str, Any]) -> Asked | None:
    """How these verdicts were asked for; the run names the judge."""
    from calibration.asked import asked_of
    from calibration.errors import CalibrationError

    try:
        return None if judged is None else replace(asked_of(judged, *manifests), judge_id=judge)
    except CalibrationError:
        return None


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
            for name, label in OUTCOME_LABELS.items()
        ]
    )
    return frames
