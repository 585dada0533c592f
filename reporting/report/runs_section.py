"""What the report is made of: coverage, cost, where each number comes from."""

from __future__ import annotations

from typing import Any

from inference.usage import show_cost
from reporting.report import blocks
from reporting.report.assemble import Report
from reporting.report.blocks import Block, column
from reporting.report.values import Run

ITEMS = {"val_bench": "pairs", "eigenbench": "judgements", "steerability": "statements"}
"""What an item is; EigenBench counts what a model judged, steerability each answer to one."""
USED = "Used, of those planned, over all runs"


def spending(report: Report) -> list[Block]:
    """Coverage and cost of each model, over all its runs."""
    rows = [
        {**coverage_row(report, model), **cost_row(report, model)}
        for model in sorted({*covered_models(report), *(s.model for s in report.spent)})
    ]
    if not rows:
        return []
    columns = [
        column("model", "Model", "model"),
        *(
            column(name, f"{boards[0].benchmark.title}: {ITEMS[name]}", "money", about=USED)
            for name, boards in report.boards.items()
        ),
        column("tokens_in", "Tokens in", "number", digits=0),
        column("tokens_out", "Tokens out", "number", digits=0),
        column("cost", "Cost", "money", about="Unpriced: the model is not in the price list"),
    ]
    total = [s.cost for s in report.spent]
    known = sum(cost for cost in total if cost is not None)
    unpriced = sum(cost is None for cost in total)
    note = f"All runs together: {show_cost(known)}"
    if unpriced:
        note += f", and {unpriced} unpriced parts"
    note += ". Tokens answered from the store of an earlier run are counted where they were paid."
    return [
        blocks.heading("Coverage and cost"),
        blocks.table(columns, rows, note=note, sort=("model", False)),
        *lost_items(report),
    ]


def covered_models(report: Report) -> set[str]:
    """Models of which some run tells its coverage."""
    entries = (entry for reading in report.readings for entry in reading.entries)
    return {entry.model for entry in entries if entry.covered is not None}


def coverage_row(report: Report, model: str) -> dict[str, Any]:
    """Items used and planned of a model by benchmark (EigenBench: what it judged)."""
    row: dict[str, Any] = {"model": model}
    for name in report.boards:
        parts = [
            entry.covered
            for reading in report.readings
            for entry in reading.entries
            if reading.benchmark == name and entry.model == model and entry.covered is not None
        ]
        planned, used = sum(c.planned for c in parts), sum(c.used for c in parts)
        row[name] = {"v": used, "text": f"{used:,} of {planned:,}"} if parts else None
    return row


def cost_row(report: Report, model: str) -> dict[str, Any]:
    """Tokens and money of a model."""
    mine = [s for s in report.spent if s.model == model]
    if not mine:
        return {"tokens_in": None, "tokens_out": None, "cost": None}
    costs = [s.cost for s in mine]
    known = [cost for cost in costs if cost is not None]
    total = sum(known) if len(known) == len(costs) else None
    return {
        "tokens_in": sum(s.input_tokens for s in mine),
        "tokens_out": sum(s.output_tokens for s in mine),
        "cost": {"v": total, "text": show_cost(total)},
    }


def lost_items(report: Report) -> list[Block]:
    """Why items are not used, model by model; nothing where all are."""
    rows: list[dict[str, Any]] = [
        {
            "model": entry.model,
            "run": entry.run,
            "stage": lost.stage,
            "reason": lost.reason,
            "items": lost.items,
        }
        for reading in report.readings
        for entry in reading.entries
        if entry.covered is not None
        for lost in entry.covered.lost
    ]
    if not rows:
        return []
    columns = [
        column("model", "Model", "model"),
        column("run", "Run"),
        column("stage", "Stage"),
        column("reason", "Reason"),
        column("items", "Items", "number", digits=0),
    ]
    table = blocks.table(columns, rows, sort=("items", True))
    total = sum(row["items"] for row in rows)
    return [blocks.fold(f"{total:,} items are not used: why", [table])]


def runs_tab(report: Report) -> list[Block]:
    """Every run with what another would need to repeat it."""
    columns = [
        column("run", "Run"),
        column("benchmark", "Benchmark"),
        column("models", "Models"),
        column("judge", "Judge"),
        column("created", "Finished (UTC)", "short"),
        column("flow", "Metaflow run"),
        column("commit", "Commit", "code"),
        column("cost", "Cost of this run", "money"),
    ]
    parts: list[Block] = [blocks.table(columns, [run_row(report, run) for run in report.runs])]
    if report.problems:
        shown = [str(problem) for problem in report.problems]
        parts.append(blocks.notice("Not reported, or only in part:", "warn", shown))
    for run in report.runs:
        facts = [{"what": key, "value": value} for key, value in facts_of(run)]
        table = blocks.table([column("what", "Fact"), column("value", "Value", "code")], facts)
        parts.append(blocks.fold(f"Manifest of {run.name}", [table]))
    return parts


def run_row(report: Report, run: Run) -> dict[str, Any]:
    """One line of the table of runs."""
    models = sorted({e.model for r in report.readings if r.run is run for e in r.entries})
    usage = run.manifest.get("usage") or {}
    cost = usage.get("cost_usd") if usage else None
    judge = run.manifest.get("judge") or {}
    return {
        "run": run.name,
        "benchmark": run.benchmark,
        "models": ", ".join(models),
        "judge": str(judge.get("id") or "") if isinstance(judge, dict) else str(judge),
        "created": run.created[:16].replace("T", " "),
        "flow": f"{run.manifest.get('flow', '')}/{run.manifest.get('run_id', '')}",
        "commit": str(run.manifest.get("git_commit") or "")[:9],
        "cost": {"v": cost, "text": show_cost(cost)} if usage else None,
    }


def facts_of(run: Run) -> list[tuple[str, str]]:
    """A manifest as lines, nested keys joined by dots; long values are cut."""
    lines: list[tuple[str, str]] = []

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{prefix}.{key}" if prefix else str(key), inner)
        elif value not in (None, "", [], {}):
            words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            lines.append((prefix, words if len(words) <= 300 else f"{words[:300]}…"))

    walk("", dict(run.manifest))
    return lines
