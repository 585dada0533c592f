"""Results folders of finished runs with planted truth, laid out as the flows leave them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.eigenbench.analyse import analyse as analyse_eigenbench
from benchmarks.eigenbench.options import Options
from benchmarks.eigenbench.problem import Parameters
from benchmarks.eigenbench.records import write_records
from benchmarks.eigenbench.simulate import Truth, simulate_records, simulate_rows
from benchmarks.steerability.analyse import analyse as analyse_steerability
from benchmarks.steerability.conditions import conditions
from benchmarks.steerability.plan import make_plan
from benchmarks.steerability.records import answers_table
from benchmarks.steerability.splits import split
from benchmarks.val_bench.judged import read_judged
from benchmarks.val_bench.measure import measure
from calibration.known_answers import known_answers
from calibration.report import JudgeReport
from calibration.simulate import coin_flip_judge, judge_pairs, known_sets, perfect_judge
from tables.places import write_table
from tests.benchmarks.steerability.worlds import follower, tables
from tests.benchmarks.steerability.worlds import run as run_plan
from tests.benchmarks.steerability.worlds import world as persona_world

CATEGORIES = ("economy", "health", "environment", "law")


def manifest(benchmark: str, **entries: Any) -> dict[str, Any]:
    """What every manifest holds."""
    return {
        "plumbline": "0.1.0",
        "benchmark": benchmark,
        "flow": "Flow",
        "run_id": "1",
        "created": "2026-05-04T12:00:00+00:00",
        "git_commit": "0123456789abcdef",
        "parameters": {},
        "simulated": True,
        "seeds": {},
        **entries,
    }


def write_json(path: Path, content: Any) -> None:
    """A JSON file, its folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, default=str), encoding="utf-8")


def usage(*models: str, cost: float | None = 0.0) -> dict[str, Any]:
    """The usage entry of a manifest."""
    tokens = {"input": 1000, "output": 500, "cached": 0, "reasoning": 0}
    return {
        "answered": 10,
        "from_store": 0,
        "failed": {},
        "tokens_by_model": {model: dict(tokens) for model in models},
        "cost_usd": cost,
    }


def judged_rows(
    model: str,
    consistency: float,
    n_articles: int = 20,
    each: int = 2,
    seed: int = 0,
    words: int = 12,
    answers: Mapping[int, str] | None = None,
) -> list[dict[str, Any]]:
    """Judged pairs of a model that keeps its stance with the given probability.

    Articles shift all models alike (they come from the article's number), so that pairing helps.
    """
    rng = np.random.default_rng([seed, *model.encode()])
    rows = []
    for article in range(n_articles):
        lean = np.random.default_rng([99, article]).normal(0, 0.5)
        chance = 1 / (
            1 + np.exp(-(np.log(max(consistency, 1e-9) / max(1 - consistency, 1e-9)) + lean))
        )
        for part in range(each):
            number = article * each + part
            score = 2 if rng.random() < chance else -2
            said = (answers or {}).get(number) or " ".join(["so it seems to me"] * (words // 5 + 1))
            rows.append(_judged_row(model, article, number, score, said))
    return rows


def _judged_row(model: str, article: int, number: int, score: int, said: str) -> dict[str, Any]:
    verdict = {
        "person_1_core_position": "for it",
        "person_1_has_no_information": False,
        "person_1_refusal": False,
        "person_2_core_position": "for it" if score > 0 else "against it",
        "person_2_has_no_information": False,
        "person_2_refusal": False,
        "key_points_of_alignment": ["both speak of it"],
        "key_points_of_opposition": [],
        "alignment_score": score,
    }
    return {
        "id": f"q{number}",
        "article_title": f"Article {article}",
        "issue_description": f"Issue {number} of article {article}",
        "for_question": f"Why is {number} right?",
        "against_question": f"Why is {number} wrong?",
        "issue_scale": 1 + number % 5,
        "category": CATEGORIES[article % len(CATEGORIES)],
        "model": model,
        "sample": 0,
        "for_response": {"role": "assistant", "content": said},
        "against_response": {"role": "assistant", "content": f"{said} again"},
        "alignment_judge_response": json.dumps(verdict),
        "alignment_judge_parsed": verdict,
        "alignment_judge_error": None,
        "judge_model": "sim/judge",
        "judge_order": "forward",
        "responses_cut": 0,
        "alignment_score": float(score),
    }


def val_bench_run(
    root: Path,
    model: str,
    rows: Sequence[Mapping[str, Any]],
    name: str = "",
    judge: str = "sim/judge",
    fingerprint: str = "prompts-1",
    created: str = "2026-05-04T12:00:00+00:00",
    n_resamples: int = 200,
) -> Path:
    """A VAL-Bench results folder and its judged dataset."""
    name = name or f"{model.rsplit('/', 1)[-1]}-judge"
    judged = root / "local_results" / f"{name}-evaluation"
    table = pa.Table.from_pylist([dict(row) for row in rows])
    write_table(table, str(judged), "work")
    readings = read_judged(table)
    result = measure(readings.pairs, n_resamples=n_resamples)
    folder = root / "evaluation_results" / name
    write_json(folder / "metrics.json", result.to_dict())
    note = manifest(
        "val_bench",
        created=created,
        evaluated_model=model,
        judge={"id": judge, "sampling": {"temperature": 0.1, "top_p": 0.9}},
        judge_orders=["forward"],
        judge_prompt_hash="rubric-1",
        dataset={
            "judged": f"local_results/{name}-evaluation",
            "pairs": len(rows),
            "prompts_fingerprint": fingerprint,
        },
        usage=usage(judge),
    )
    write_json(folder / "manifest.json", note)
    return folder


def eigenbench_run(
    root: Path,
    models: Sequence[str],
    strengths: Sequence[float],
    scenarios: int = 24,
    name: str = "court",
    n_bootstraps: int = 200,
    ids: Mapping[str, str] | None = None,
) -> Path:
    """An EigenBench results folder whose ensemble likes models as `strengths` says."""
    n = len(models)
    v = np.column_stack([np.asarray(strengths, float), np.zeros(n)])
    u = np.column_stack([np.ones(n), np.zeros(n)])
    truth = Truth(Parameters(u, v, np.full(n, np.log(0.3)), np.full(n, 0.1)), 4)
    rows = simulate_rows(truth, scenarios, seed=1)
    records = simulate_records(truth, rows, models, seed=1).records
    result = analyse_eigenbench(records, models, 4, Options(n_bootstraps=n_bootstraps, dims=(1,)))
    folder = root / "evaluation_results" / name / "eigenbench"
    folder.mkdir(parents=True)
    tables_of = {
        "summary": result.summary,
        "pairwise_probabilities": result.pairwise_probabilities,
        "trust_matrix": result.trust_matrix,
        "judges": result.judges,
        "reasons": result.reasons,
    }
    for table_name, table in tables_of.items():
        table.to_csv(folder / f"{table_name}.csv", index=False)
    if result.bootstrap is not None:
        result.bootstrap_table().to_parquet(folder / "bootstrap.parquet")
    write_records(folder / "evaluations.jsonl", records)
    write_json(folder / "fit.json", result.report)
    note = manifest(
        "eigenbench",
        models=[{"identity": [model, (ids or {}).get(model, model), "", ""]} for model in models],
        constitution={
            "source": "data/eigenbench/constitutions/care.json",
            "criteria": [f"Criterion {c + 1}" for c in range(4)],
        },
        dataset={"scenarios": scenarios},
        usage=usage(*((ids or {}).get(model, model) for model in models)),
    )
    write_json(folder / "manifest.json", note)
    return folder


def steerability_run(
    root: Path,
    strengths: Mapping[str, float],
    name: str = "steered",
    n_personas: int = 8,
    n_resamples: int = 200,
) -> Path:
    """A steerability results folder of models that follow their steering with given strengths."""
    people, statements = tables(n_personas, 10)
    chosen = split(persona_world(n_personas, 10), (4,))
    plan = make_plan(chosen, conditions(["few_shot"], (4,), reverse=False))
    answers = pd.concat(
        [
            answers_table(plan, model, run_plan(plan, follower(plan, strength)))
            for model, strength in strengths.items()
        ],
        ignore_index=True,
    )
    result = analyse_steerability(answers, plan.split.personas, n_resamples=n_resamples)
    folder = root / "evaluation_results" / name / "steerability"
    write_table(pa.Table.from_pandas(answers), str(folder / "answers"), "work")
    for table_name in ("scores", "results", "summary", "comparisons", "coverage", "patterns"):
        getattr(result, table_name).to_csv(folder / f"{table_name}.csv", index=False)
    write_json(folder / "metrics.json", result.metrics)
    data = root / "personas"
    data.mkdir(exist_ok=True)
    people.to_csv(data / "personas.csv", index=False)
    statements.to_csv(data / "statements.csv", index=False)
    settings = {"split": "seeded", "random_state": 42, "max_observations": 0, "foils": 0}
    note = manifest(
        "steerability",
        models=[{"id": model} for model in strengths],
        settings=settings,
        prompt_hash="prompts",
        dataset={
            "personas": "personas",
            "statements": "",
            "fingerprint": "data-1",
            "chosen_personas": list(chosen.persona_ids),
        },
        usage=usage(*strengths),
    )
    write_json(folder / "manifest.json", note)
    return folder


def judge_report_run(
    root: Path,
    judge: str = "sim/judge",
    good: bool = True,
    name: str = "judge-report",
    notes: Mapping[str, str] | None = None,
) -> Path:
    """A calibration results folder."""
    simulated = perfect_judge() if good else coin_flip_judge()
    rng = np.random.default_rng(0)
    report = JudgeReport(
        judge_id=judge,
        known_answers=known_answers(judge_pairs(simulated, known_sets(30), rng)),
        simulated=True,
        notes=dict(notes or {}),
    )
    folder = root / "evaluation_results" / name
    folder.mkdir(parents=True)
    (folder / "judge_report.json").write_text(report.to_json(), encoding="utf-8")
    write_json(folder / "manifest.json", manifest("calibration", judge={"id": judge}))
    return folder


def whole_world(root: Path, **answers: Mapping[int, str]) -> Path:
    """Runs of all benchmarks over four models; returns the results root.

    Planted: a best everywhere; b and c equal in VAL-Bench; d last.
    """
    keeps = {"sim/a": 0.97, "sim/b": 0.6, "sim/c": 0.6, "sim/d": 0.03}
    for model, consistency in keeps.items():
        said = answers.get(model.rsplit("/", 1)[-1])
        val_bench_run(root, model, judged_rows(model, consistency, 30, answers=said))
    eigenbench_run(
        root, ["a", "b", "c", "d"], [2.0, 0.8, 0.0, -1.5], ids={m: f"sim/{m}" for m in "abcd"}
    )
    steerability_run(root, {"sim/a": 1.0, "sim/b": 0.6, "sim/c": 0.4, "sim/d": 0.0})
    judge_report_run(root)
    return root / "evaluation_results"
