"""What each benchmark has to show beside its scores: outcomes, trust, judges, personas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from reporting.report import blocks, charts
from reporting.report.assemble import ScoredBoard
from reporting.report.blocks import Block, cell, column, measure_column
from reporting.report.heat_map import heat_map
from reporting.report.values import Value
from reporting.val_bench_outcomes import OUTCOME_RULE

GROUPS = {
    "val_bench": {
        "category": ("By category", "Category"),
        "issue_scale": ("By issue awareness", "Level"),
    },
    "steerability": {"framework": ("By framework", "Framework")},
}
"""The charts in which each model has its colour: their frames, titles and what groups are."""


def specific_blocks(
    scored: ScoredBoard, models: Sequence[str], colors: Mapping[str, int]
) -> list[Block]:
    """What no other benchmark has; `colors` are the models' places among the page's colours."""
    builders = {
        "val_bench": val_bench_blocks,
        "eigenbench": eigenbench_blocks,
        "steerability": steerability_blocks,
    }
    return builders[scored.benchmark.name](scored, models, colors)


def frames(scored: ScoredBoard, name: str) -> pd.DataFrame:
    """One of the readings' tables, all models under their names in this board."""
    parts, names = [], iter(scored.board.names)
    for reading in scored.board.readings:
        renamed = {entry.model: next(names) for entry in reading.entries}
        table = reading.frames.get(name)
        if table is not None and len(table):
            for column_name in {"model", "judge"} & set(table):
                named = table[column_name].map(lambda m, r=renamed: r.get(m, m))
                table = table.assign(**{column_name: named})
            parts.append(table)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows with None for what is not a number."""
    clean = table.astype(object).where(table.notna(), None)
    return [{str(k): v for k, v in row.items()} for row in clean.to_dict("records")]


def val_bench_blocks(
    scored: ScoredBoard, models: Sequence[str], colors: Mapping[str, int]
) -> list[Block]:
    """Outcomes, categories, awareness."""
    parts: list[Block] = []
    outcomes = frames(scored, "outcomes")
    if len(outcomes):
        parts += [
            blocks.heading("What became of the pairs"),
            blocks.chart("", charts.outcomes(records(outcomes), models), OUTCOME_RULE),
        ]
    return parts + group_blocks(
        scored,
        models,
        GROUPS["val_bench"],
        colors,
    )


def group_blocks(
    scored: ScoredBoard,
    models: Sequence[str],
    wanted: dict[str, tuple[str, str]],
    colors: Mapping[str, int],
) -> list[Block]:
    """The headline by groups of items, a chart each and the table behind it."""
    parts: list[Block] = []
    headline = scored.benchmark.measure(scored.benchmark.headline)
    for name, (title, label) in wanted.items():
        table = frames(scored, name)
        if table.empty or table["group"].nunique() < 2:
            continue
        rows = [
            {
                "model": row["model"],
                "group": str(row["group"]),
                "n": row["n"],
                headline.name: cell(Value(row["value"], _nan(row["low"]), _nan(row["high"]))),
            }
            for row in records(table)
            if row["value"] is not None
        ]
        columns = [
            column("group", label),
            column("model", "Model", "model"),
            measure_column(headline, plot=True),
            column("n", "n", "number", digits=0),
        ]
        parts.append(blocks.heading(title))
        if len(models) <= 12 and table["group"].nunique() <= 30:
            drawn = [{**row, "group": str(row["group"])} for row in records(table)]
            parts.append(blocks.chart("", charts.groups(drawn, headline, models, label, colors)))
        parts.append(
            blocks.fold("As a table", [blocks.table(columns, rows, sort=("group", False))])
        )
    return parts


def _nan(value: Any) -> float:
    return float("nan") if value is None else float(value)


def eigenbench_blocks(
    scored: ScoredBoard, models: Sequence[str], _colors: Mapping[str, int]
) -> list[Block]:
    """Who trusts whom, and what the judges do."""
    parts: list[Block] = []
    trust = frames(scored, "trust")
    if len(trust) and len(models) <= 40:
        place = {model: number for number, model in enumerate(models)}
        trust = trust.assign(
            row=trust["judge"].map(place), at=trust["model"].map(place)
        ).sort_values(["row", "at"])
        rows = records(trust[["judge", "model", "trust"]])
        spec = heat_map(
            rows, "model", "judge", "trust", ("trusted model", "judge", "trust"), "purples"
        )
        words = "Each row adds up to 1: how a judge divides its trust among the models."
        parts += [blocks.heading("Who trusts whom"), blocks.chart("", spec, words)]
    judges = frames(scored, "judges")
    if len(judges):
        parts += [blocks.heading("The judges"), judge_table(judges)]
    return parts


def judge_table(judges: pd.DataFrame) -> Block:
    """Order bias, consistency, ties and coverage of each judge."""
    rows = [
        {
            "model": row["model"],
            "bias": _interval_cell(row, "order_bias"),
            **{name: _interval_cell(row, name) for name in ("consistency", "tie_rate")},
            **{name: row.get(name) for name in ("coverage", "records")},
        }
        for row in records(judges)
    ]
    columns = [
        column("model", "Judge", "model"),
        column(
            "bias",
            "Order bias",
            "interval",
            digits=2,
            chance=0,
            plot=True,
            about="Log-odds for the response shown first; 0 is none",
        ),
        column(
            "consistency",
            "Consistency",
            "interval",
            digits=2,
            about="Share of pairs judged alike in both orders",
        ),
        column("tie_rate", "Ties", "interval", digits=2),
        column("coverage", "Readable", "number", digits=2),
        column("records", "Judgements", "number", digits=0),
    ]
    return blocks.table(columns, rows)


def _interval_cell(row: dict[str, Any], name: str) -> Any:
    """A number with the ends that stand beside it, where they do."""
    value, low, high = (_nan(row.get(f"{name}{end}")) for end in ("", "_low", "_high"))
    return cell(Value(value, low, high))


def steerability_blocks(
    scored: ScoredBoard, models: Sequence[str], colors: Mapping[str, int]
) -> list[Block]:
    """By framework, by persona, the accuracy matrix of each model."""
    parts = group_blocks(scored, models, GROUPS["steerability"], colors)
    parts += matrix_blocks(frames(scored, "scores"), models)
    people = frames(scored, "personas")
    if len(people):
        parts.append(blocks.fold("Every persona", [persona_table(people)]))
    return parts


def matrix_blocks(scores: pd.DataFrame, models: Sequence[str]) -> list[Block]:
    """How each steered model does on each persona's statements."""
    if scores.empty or scores["tested"].nunique() > 60:
        return []
    options = {}
    for model in models:
        mine = scores[scores["model"] == model]
        if len(mine):
            spec = heat_map(
                records(mine[["steered", "tested", "accuracy"]]),
                "tested",
                "steered",
                "accuracy",
                ("tested on", "steered to", "accuracy"),
                "blues",
                top=1.0,
            )
            options[model] = [blocks.chart("", spec)]
    words = (
        "Rows: whom the model was steered to. Columns: whose statements it answered. A model that "
        "can be steered has a dark diagonal."
    )
    shown = [blocks.choice("Model", options)] if options else []
    return [blocks.heading("Accuracy matrix"), blocks.text(words), *shown] if shown else []


def persona_table(people: pd.DataFrame) -> Block:
    """Every persona of every model."""
    columns = [
        column("model", "Model", "model"),
        column("persona_description", "Persona"),
        column("framework", "Framework"),
        column("sensitivity_mid_rank", "Sensitivity (mid-rank)", "number", digits=2),
        column("accuracy", "Accuracy", "number", digits=2),
        column("others_accuracy", "On others' statements", "number", digits=2),
        column("gain", "Gain", "number", digits=2),
    ]
    rows = [{c["key"]: row.get(c["key"]) for c in columns} for row in records(people)]
    return blocks.table(columns, rows, sort=("sensitivity_mid_rank", True))
