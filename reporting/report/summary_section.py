"""The summary tab: where the models stand, whether benchmarks agree, what is missing."""

from __future__ import annotations

from typing import Any

from reporting.report import blocks, scatter
from reporting.report.agreement import Agreement
from reporting.report.assemble import Report, ScoredBoard
from reporting.report.benchmark_section import RANKS, board_rows
from reporting.report.blocks import Block, cell, column, finite, measure_column
from reporting.report.charts import axis_title
from reporting.report.judges import standing
from reporting.report.runs_section import spending
from reporting.report.values import Value

SIMULATED = (
    "Simulated models took part: this shows the pipeline and says nothing of any real model."
)
AGREEMENT = (
    "Rank correlation: 1 is the same order, \u22121 the reverse; its interval is for other models "
    "like these. Measured again: the same models, with every score drawn anew as if the benchmarks "
    "had asked other items; that interval says only how sure the order of these models is."
)


def summary(report: Report) -> list[Block]:
    """Where the models stand, whether benchmarks agree, what it cost and what is missing."""
    parts: list[Block] = [blocks.notice(SIMULATED)] if report.simulated else []
    if report.problems:
        n = len(report.problems)
        what = "1 thing" if n == 1 else f"{n} things"
        shown = [str(problem) for problem in report.problems]
        parts.append(blocks.notice(f"{what} could not be used, or only in part:", "warn", shown))
    parts += judge_notices(report)
    if report.boards:
        parts += [standings_table(report), *board_words(report)]
    if len(report.boards) > 1:
        parts += agreement_blocks(report)
    return [*parts, *spending(report)]


def judge_notices(report: Report) -> list[Block]:
    """One line for each judge whose scores should not be believed as they stand."""
    used = {judge for r in report.readings if r.benchmark == "val_bench" for judge in r.judges}
    found = []
    for judge in sorted(used):
        verdict, words = standing(judge, report.judge_reports)
        if verdict == "fail":
            found.append(blocks.notice(words, "bad"))
        elif verdict != "pass":
            found.append(blocks.notice(words, "warn"))
    return found


def standings_table(report: Report) -> Block:
    """All models, each benchmark's headline with interval and rank."""
    columns = [column("model", "Model", "model")]
    rows: dict[str, dict[str, Any]] = {}
    for name, boards in report.boards.items():
        scored = boards[0]
        measure = scored.benchmark.measure(scored.benchmark.headline)
        title = scored.benchmark.title
        below = measure.label if measure.label != title else ""
        columns.append(measure_column(measure, key=name, label=title, below=below, plot=True))
        for row in board_rows(scored):
            line = rows.setdefault(row["model"], {"model": row["model"]})
            if row[measure.name]:
                line[name] = row[measure.name] | {"rank": row["rank"]}
    first = next(iter(report.boards))
    lower = columns[1].get("better") == "lower"
    return blocks.table(columns, list(rows.values()), note=RANKS, sort=(first, not lower))


def board_words(report: Report) -> list[Block]:
    """Which board of each benchmark the summary shows, and by whose judgement."""
    lines = []
    for boards in report.boards.values():
        title, label = boards[0].benchmark.title, boards[0].board.label
        if len(boards) > 1:
            lines.append(
                f"{title}: board 1 of {len(boards)} ({label}); the others: see the {title} tab"
            )
        elif boards[0].board.benchmark == "val_bench":
            lines.append(f"{title}: {label}")
    return [blocks.notice("What this table shows:", "info", lines)] if lines else []


def agreement_blocks(report: Report) -> list[Block]:
    """Rank correlations between benchmarks, and the scores against each other."""
    columns = [
        column("pair", "Benchmarks"),
        column("n", "Models", "number", digits=0),
        _rho("rho", "Rank correlation", "Spearman's rho; the interval is for models like these"),
        _rho("again", "Measured again", "The same models, were the scores measured on other items"),
        column("p", "p", "number", digits=3, about="Exact, over all orders of the models"),
        column("note", "Note"),
    ]
    rows = [agreement_row(a) for a in report.agreements]
    drawn = [scatter_block(report, a) for a in report.agreements]
    shown = [block for block in drawn if block is not None]
    found: list[Block] = [
        blocks.heading("Do the benchmarks put the models in the same order?"),
        blocks.text(AGREEMENT),
        blocks.table(columns, rows),
    ]
    return [*found, {"kind": "columns", "blocks": shown}] if shown else found


def _rho(key: str, label: str, about: str) -> Block:
    look: dict[str, Any] = {"digits": 2, "limits": [-1, 1], "chance": 0, "plot": True}
    return column(key, label, "interval", about=about, **look)


def agreement_row(a: Agreement) -> dict[str, Any]:
    """One line of the table of agreement."""
    return {
        "pair": f"{a.first} and {a.second}",
        "n": len(a.models),
        "rho": cell(Value(a.rho, a.low, a.high)),
        "again": cell(Value(a.rho, a.measured_low, a.measured_high)),
        "p": finite(a.p),
        "note": a.note,
    }


def scatter_block(report: Report, a: Agreement) -> Block | None:
    """Two headlines against each other; None with fewer than three models."""
    by_title = {boards[0].benchmark.title: boards[0] for boards in report.boards.values()}
    first, second = by_title[a.first], by_title[a.second]
    if len(a.models) < 3:
        return None
    rows = []
    for model in a.models:
        row: dict[str, Any] = {"model": model}
        for axis, scored in (("x", first), ("y", second)):
            value = headline_of(scored, model)
            row |= {
                axis: finite(value.value),
                f"{axis}_low": finite(value.low),
                f"{axis}_high": finite(value.high),
            }
        rows.append(row)
    measures = [s.benchmark.measure(s.benchmark.headline) for s in (first, second)]
    titles = tuple(
        axis_title(m) if m.label == name else f"{name}: {axis_title(m)}"
        for name, m in zip((a.first, a.second), measures, strict=True)
    )
    spec = scatter.scatter(rows, measures[0], measures[1], (titles[0], titles[1]))
    return blocks.chart(f"{a.first} and {a.second}", spec)


def headline_of(scored: ScoredBoard, model: str) -> Value:
    """A model's headline on a board."""
    entry = dict(zip(scored.board.names, scored.board.entries, strict=True))[model]
    return entry.values[scored.benchmark.headline]
