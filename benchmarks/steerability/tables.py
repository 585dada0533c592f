"""The tables of a result, from scored conditions."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.steerability.arrays import Answers, Frame
from benchmarks.steerability.condition_scores import ConditionScores, measured
from benchmarks.steerability.conditions import NO_PERSONA, UNSTEERED
from benchmarks.steerability.measures import HEADLINE, MEASURES, chance_of
from benchmarks.steerability.profiles import own_answers
from benchmarks.steerability.resampling import interval_over_personas
from benchmarks.steerability.result import CONDITION

Key = tuple[str, str, int]


class Run(NamedTuple):
    """What all tables are made from.

    Attributes:
        frame: the personas and statements all conditions share.
        names: n persona names for errors.
        descriptions, frameworks: (n,) of the personas.
        arrays: the answers by (model, system, n_steer).
        scored: the scores by the same, without reversed systems.
    """

    frame: Frame
    names: list[str]
    descriptions: list[str]
    frameworks: np.ndarray
    arrays: dict[Key, Answers]
    scored: dict[Key, ConditionScores]


def scores_table(run: Run) -> pd.DataFrame:
    """The accuracy matrices, one below the other: `SteerabilityResult.scores`."""
    tables = []
    for key, scored in run.scored.items():
        ids = list(run.frame.persona_ids)
        baseline = key[1] == UNSTEERED
        table = pd.DataFrame(scored.matrix[:1] if baseline else scored.matrix, columns=ids)
        table.insert(0, "steered_persona", [NO_PERSONA] if baseline else ids)
        tables.append(_with_key(table, key))
    return pd.concat(tables, ignore_index=True)


def results_table(run: Run) -> pd.DataFrame:
    """One row a condition and persona: `SteerabilityResult.results`."""
    tables = []
    for key, scored in run.scored.items():
        table = pd.DataFrame(
            {
                "persona_id": run.frame.persona_ids,
                "persona_description": run.descriptions,
                "framework": run.frameworks,
                **{name: scored.scores[name] for name in RESULT_MEASURES},
            }
        )
        for measure in MEASURES:
            if measure.name.endswith("mid_rank"):
                place = list(table.columns).index(measure.name) + 1
                bounds = [scored.persona_interval(measure, i) for i in range(len(table))]
                table.insert(place, f"{measure.name}_low", [b.low for b in bounds])
                table.insert(place + 1, f"{measure.name}_high", [b.high for b in bounds])
        own = _own_counts(run, key)
        tables.append(_with_key(table.assign(planned=own[0], answered=own[1]), key))
    return pd.concat(tables, ignore_index=True)


RESULT_MEASURES = (
    "sensitivity",
    "specificity",
    "sensitivity_mid_rank",
    "specificity_mid_rank",
    "accuracy",
    "others_accuracy",
    "own_minus_others",
    "baseline_accuracy",
    "gain",
    "index_away",
    "agree_shift",
    "disagree_shift",
)


def _own_counts(run: Run, key: Key) -> tuple[np.ndarray, np.ndarray]:
    values = run.arrays[key]
    planned = own_answers(values.planned.astype(float), run.frame)
    answered = own_answers((~np.isnan(values.correct)).astype(float), run.frame)
    starts = run.frame.bounds[:-1]
    return (
        np.add.reduceat(planned, starts).astype(int),
        np.add.reduceat(answered, starts).astype(int),
    )


def summary_table(run: Run) -> pd.DataFrame:
    """Means with intervals: `SteerabilityResult.summary`."""
    groups: list[tuple[str, np.ndarray | None]] = [("all", None)]
    groups += [(str(f), run.frameworks == f) for f in pd.unique(run.frameworks)]
    chance = {m.name: chance_of(m, run.frame.sizes) for m in MEASURES}
    rows = []
    for key, scored in run.scored.items():
        for framework, members in groups:
            for m in measured(scored):
                e = scored.estimate(m, members)
                size = len(run.names) if members is None else int(members.sum())
                what = (*key, framework, m.name, m.label)
                values = (e.value, *e.other_personas, *e.other_statements)
                rows.append((*what, *values, chance[m.name], m.published, size))
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


SUMMARY_COLUMNS = [
    *CONDITION,
    "framework",
    "measure",
    "label",
    "value",
    "low",
    "high",
    "low_statements",
    "high_statements",
    "chance",
    "published",
    "n_personas",
]
COMPARISON_COLUMNS = [
    *CONDITION,
    "model_2",
    "system_2",
    "n_steer_2",
    "measure",
    "difference",
    "low",
    "high",
    "n_personas",
]


def comparisons_table(run: Run) -> pd.DataFrame:
    """Paired differences: `SteerabilityResult.comparisons`."""
    rows = []
    for first, second in combinations(run.scored, 2):
        same_model, same_condition = first[0] == second[0], first[1:] == second[1:]
        if not (same_model or same_condition):
            continue
        a, b = run.scored[first], run.scored[second]
        for m in measured(a):
            if m.name not in HEADLINE or m not in measured(b):
                continue
            # A persona that only one of the two has a score for is no pair.
            gaps = a.scores[m.name] - b.scores[m.name]
            both = ~np.isnan(gaps)
            n = int(both.sum())
            difference = float(gaps[both].mean()) if n else math.nan
            draws = a.mean_draws(m.name, both) - b.mean_draws(m.name, both)
            width = m.bounds[1] - m.bounds[0]
            low, high = interval_over_personas(difference, draws, (-width, width), n)
            rows.append((*first, *second, m.name, difference, low, high, n))
    return pd.DataFrame(rows, columns=COMPARISON_COLUMNS)


def coverage_table(answers: pd.DataFrame) -> pd.DataFrame:
    """What was planned and answered: `SteerabilityResult.coverage`."""
    rows = []
    for key, group in answers.groupby(CONDITION, sort=False):
        answered = group["answer"].notna()
        reasons = group.loc[~answered, "reason"].value_counts()
        pairs = ["steered_persona", "tested_persona"]
        rows.append(
            {
                **dict(zip(CONDITION, key, strict=True)),
                "planned": len(group),
                "answered": int(answered.sum()),
                "pairs_planned": len(group[pairs].drop_duplicates()),
                "pairs_answered": len(group.loc[answered, pairs].drop_duplicates()),
                "statements_planned": group["statement_id"].nunique(),
                "unanswered": "; ".join(f"{reason}: {n}" for reason, n in reasons.items()),
            }
        )
    return pd.DataFrame(rows)


def metrics_json(
    run: Run,
    summary: pd.DataFrame,
    comparisons: pd.DataFrame,
    coverage: pd.DataFrame,
    agreement: pd.DataFrame,
) -> dict[str, Any]:
    """`SteerabilityResult.metrics`."""
    overall = summary[summary["framework"] == "all"]
    by_key = {tuple(row[:3]): row for row in coverage.itertuples(index=False, name=None)}
    conditions = []
    for key, scored in run.scored.items():
        rows = overall[(overall[CONDITION] == list(key)).all(axis=1)]
        values = {row.measure: _measure_json(row) for row in rows.itertuples()}
        covered = dict(zip(coverage.columns[3:], by_key[key][3:], strict=True))
        conditions.append(
            dict(zip(CONDITION, key, strict=True))
            | {
                "steerability": values["sensitivity_mid_rank"],
                "steerability_published": values["sensitivity"],
                "measures": values,
                "pattern": scored.pattern._asdict(),
                "coverage": covered,
            }
        )
    metrics = {
        "n_personas": len(run.names),
        "n_statements": len(run.frame.statement_ids),
        "conditions": conditions,
        "comparisons": comparisons.to_dict("records"),
        "batch_agreement": agreement.to_dict("records"),
    }
    return _plain(metrics)


def _measure_json(row: Any) -> dict[str, Any]:
    names = ("label", "value", "low", "high", "low_statements", "high_statements", "chance")
    return {name: getattr(row, name) for name in names}


def _plain(value: Any) -> Any:
    """JSON values: no NumPy scalars, None for NaN."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value


def _with_key(table: pd.DataFrame, key: Key) -> pd.DataFrame:
    for place, (name, value) in enumerate(zip(CONDITION, key, strict=True)):
        table.insert(place, name, value)
    return table
