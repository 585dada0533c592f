"""The tabs of the page: summary first, one a benchmark, judges, runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from reporting.report import blocks, charts
from reporting.report.agreement import Agreement
from reporting.report.assemble import Report, ScoredBoard
from reporting.report.blocks import Block, cell, column, finite, measure_column
from reporting.report.judge_section import judges_tab
from reporting.report.judges import standing
from reporting.report.runs_section import runs_tab, spending
from reporting.report.values import Value, stamp

SIMULATED = (
    "Simulated models took part: this shows the pipeline and says nothing of any real model."
)
RANKS = (
    "A rank interval holds every rank that the data allow, for all models at once (95%): a model "
    "stands above another only where the difference is clear, which is where the interval that "
    "holds for all differences together leaves 0 out."
)
PAIRED = (
    "Both models met the same items, so differences are surer than the two scores apart. "
    "Thick: 95% interval of one difference. Thin: interval that holds for all of them together. "
    "Clear: the thin interval leaves 0 out; ranks and the p-value follow the same rule."
)
AGREEMENT = (
    "Rank correlation: 1 is the same order, \u22121 the reverse; its interval is for other models "
    "like these. Measured again: the same models, with every score drawn anew as if the benchmarks "
    "had asked other items; that interval says only how sure the order of these models is."
)
MOST_PAIRS_DRAWN = 45


def tabs(report: Report) -> list[Block]:
    """Every tab: id, title and blocks."""
    shown = [tab("summary", "Summary", summary(report))]
    shown += [
        tab(name, boards[0].benchmark.title, benchmark_tab(boards, report))
        for name, boards in report.boards.items()
    ]
    if report.judge_reports or "val_bench" in report.boards:
        shown.append(tab("judges", "Judges", judges_tab(report)))
    return [*shown, tab("runs", "Runs", runs_tab(report))]


def tab(name: str, title: str, content: Sequence[Block]) -> Block:
    """One tab."""
    return {"id": name, "title": title, "blocks": list(content)}


# Summary ------------------------------------------------------------------------------------------


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


def board_rows(scored: ScoredBoard) -> list[dict[str, Any]]:
    """One row a model: rank, and every measure that any model of the board has."""
    by_name = dict(zip(scored.board.names, scored.board.entries, strict=True))
    rows = []
    for place in scored.standings:
        entry = by_name[place.model]
        row: dict[str, Any] = {"model": place.model, "rank": rank_cell(place)}
        row |= {m.name: cell(entry.values[m.name]) for m in scored.benchmark.measures}
        rows.append(row)
    return rows


def rank_cell(place: Any) -> Block | None:
    """A rank with its interval."""
    if not place.rank:
        return None
    return {"v": place.rank, "lo": place.rank_low or None, "hi": place.rank_high or None}


def agreement_blocks(report: Report) -> list[Block]:
    """Rank correlations between benchmarks, and the scores against each other."""
    columns = [
        column("pair", "Benchmarks"),
        column("n", "Models", "number", digits=0),
        column(
            "rho",
            "Rank correlation",
            "interval",
            digits=2,
            limits=[-1, 1],
            chance=0,
            plot=True,
            about="Spearman's rho; the interval is for models like these",
        ),
        column(
            "again",
            "Measured again",
            "interval",
            digits=2,
            limits=[-1, 1],
            chance=0,
            plot=True,
            about="The same models, were the scores measured on other items",
        ),
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
        m.label if m.label == name else f"{name}: {m.label}"
        for name, m in zip((a.first, a.second), measures, strict=True)
    )
    spec = charts.scatter(rows, measures[0], measures[1], (titles[0], titles[1]))
    return blocks.chart(f"{a.first} and {a.second}", spec)


def headline_of(scored: ScoredBoard, model: str) -> Value:
    """A model's headline on a board."""
    entry = dict(zip(scored.board.names, scored.board.entries, strict=True))[model]
    return entry.values[scored.benchmark.headline]


# One benchmark ------------------------------------------------------------------------------------


def benchmark_tab(boards: Sequence[ScoredBoard], report: Report) -> list[Block]:
    """The question, then the boards, one at a time, with what sets each apart from the first."""
    parts: list[Block] = [blocks.text(boards[0].benchmark.question)]
    if len(boards) == 1:
        return [*parts, *board_blocks(boards[0], report)]
    options = {}
    for number, scored in enumerate(boards, start=1):
        title = f"{number}. {scored.board.label} ({len(scored.board.entries)} models)"
        options[title] = board_blocks(scored, report)
    words = (
        f"{len(boards)} sets of runs can't be put into one table; each has its own, and what sets "
        "it apart from the first is said there."
    )
    return [*parts, blocks.notice(words), blocks.choice("Runs", options)]


def under_display_names(scored: ScoredBoard) -> ScoredBoard:
    """The board with its models called as their run called them."""
    shown = {k: v for reading in scored.board.readings for k, v in reading.shown.items()}
    if not shown:
        return scored

    def name(model: str) -> str:
        return shown.get(model, model)

    return replace(
        scored,
        board=replace(scored.board, names=tuple(map(name, scored.board.names))),
        standings=tuple(p._replace(model=name(p.model)) for p in scored.standings),
        differences={
            measure: [replace(d, first=name(d.first), second=name(d.second)) for d in found]
            for measure, found in scored.differences.items()
        },
    )


def all_models(report: Report) -> list[str]:
    """Every model of the report, in the order that gives each its one colour."""
    return sorted({n for boards in report.boards.values() for b in boards for n in b.board.names})


def board_blocks(scored: ScoredBoard, report: Report) -> list[Block]:
    """A board: scores, pictures, differences, and what only this benchmark has."""
    scored = under_display_names(scored)
    board, benchmark = scored.board, scored.benchmark
    headline = benchmark.measure(benchmark.headline)
    models = [place.model for place in scored.standings]
    rows = board_rows(scored)
    parts: list[Block] = []
    if board.differs:
        parts.append(blocks.notice("Not comparable with the first:", "info", board.differs))
    notes = list(dict.fromkeys(note for reading in board.readings for note in reading.notes))
    if notes:
        parts.append(blocks.notice("How this was measured:", "info", notes))
    measures = [m for m in benchmark.measures if any(row[m.name] for row in rows)]
    columns = [
        column("model", "Model", "model"),
        column("rank", "Rank", "rank", about=RANKS),
        *(measure_column(m, plot=m is headline) for m in measures),
    ]
    parts.append(blocks.table(columns, rows, sort=("rank", False), note=headline.about))
    points = [
        {"model": row["model"], **plain(row[headline.name])} for row in rows if row[headline.name]
    ]
    if points:
        spec = charts.intervals(points, headline, models)
        parts.append(blocks.chart(f"{headline.label} with 95% intervals", spec))
    parts += difference_blocks(scored)
    parts += own_blocks(scored, models, all_models(report))
    return parts


def plain(value: Block) -> dict[str, Any]:
    """A cell as a chart's row."""
    return {"value": value["v"], "low": value["lo"], "high": value["hi"]}


def difference_blocks(scored: ScoredBoard) -> list[Block]:
    """Paired differences by measure."""
    found = {name: ds for name, ds in scored.differences.items() if ds}
    if not found:
        return []
    parts = [blocks.heading("Differences between models"), blocks.text(PAIRED)]
    options = {}
    for name, differences in found.items():
        measure = scored.benchmark.measure(name)
        own: list[Block] = []
        if len(differences) <= MOST_PAIRS_DRAWN:
            own.append(blocks.chart("", charts.forest(differences, measure)))
        rows = [
            {
                "first": d.first,
                "second": d.second,
                "difference": cell(Value(d.value, d.low, d.high, d.note)),
                "all": cell(Value(d.value, d.low_all, d.high_all, d.note)),
                "p": finite(d.p_all),
                "clear": "clear" if d.clear else "not clear",
                "items": d.items or None,
                "units": d.units or None,
            }
            for d in differences
        ]
        shown = blocks.table(difference_columns(measure, scored.benchmark.unit), rows)
        few = len(differences) <= MOST_PAIRS_DRAWN
        own.append(
            blocks.fold(f"All {len(rows)} differences as a table", [shown]) if few else shown
        )
        options[measure.label] = own
    if len(options) == 1:
        return [*parts, *next(iter(options.values()))]
    return [*parts, blocks.choice("Measure", options)]


def difference_columns(measure: Any, unit: str) -> list[Block]:
    """Columns of the table of differences; `unit` is what was resampled."""
    width = {"digits": measure.digits, "chance": 0, "plot": True}
    return [
        column("first", "First", "model"),
        column("second", "Second", "model"),
        column("difference", "First \u2212 second", "interval", about="Its own interval", **width),
        column("all", "All together", "interval", about="Holds for all rows at once", **width),
        column(
            "p", "p", "number", digits=3, about="Over all rows together: below 0.05 where clear"
        ),
        column("clear", "At 5%", "chip"),
        column("items", "Items", "number", digits=0, about="Items used for both"),
        column("units", "Groups", "number", digits=0, about=f"Resampled: {unit}s"),
    ]


def own_blocks(scored: ScoredBoard, models: Sequence[str], everyone: Sequence[str]) -> list[Block]:
    """What only one benchmark has; `everyone` is all models of the report, for their colours."""
    builders = {
        "val_bench": val_bench_blocks,
        "eigenbench": eigenbench_blocks,
        "steerability": steerability_blocks,
    }
    return builders[scored.benchmark.name](scored, models, everyone)


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
    scored: ScoredBoard, models: Sequence[str], everyone: Sequence[str]
) -> list[Block]:
    """Outcomes, categories, awareness."""
    parts: list[Block] = []
    outcomes = frames(scored, "outcomes")
    if len(outcomes):
        parts += [
            blocks.heading("What became of the pairs"),
            blocks.chart("", charts.outcomes(records(outcomes), models)),
        ]
    return parts + group_blocks(
        scored,
        models,
        {"category": ("By category", "Category"), "issue_scale": ("By issue awareness", "Level")},
        everyone,
    )


def group_blocks(
    scored: ScoredBoard,
    models: Sequence[str],
    wanted: dict[str, tuple[str, str]],
    everyone: Sequence[str],
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
            parts.append(blocks.chart("", charts.groups(drawn, headline, models, label, everyone)))
        parts.append(
            blocks.fold("As a table", [blocks.table(columns, rows, sort=("group", False))])
        )
    return parts


def _nan(value: Any) -> float:
    return float("nan") if value is None else float(value)


def eigenbench_blocks(
    scored: ScoredBoard, models: Sequence[str], _everyone: Sequence[str]
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
        spec = charts.heat_map(
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
            "bias": cell(
                Value(
                    _nan(row.get("order_bias")),
                    _nan(row.get("order_bias_low")),
                    _nan(row.get("order_bias_high")),
                )
            ),
            **{name: row.get(name) for name in ("consistency", "tie_rate", "coverage", "records")},
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
            "number",
            digits=2,
            about="Share of pairs judged alike in both orders",
        ),
        column("tie_rate", "Ties", "number", digits=2),
        column("coverage", "Readable", "number", digits=2),
        column("records", "Judgements", "number", digits=0),
    ]
    return blocks.table(columns, rows)


def steerability_blocks(
    scored: ScoredBoard, models: Sequence[str], everyone: Sequence[str]
) -> list[Block]:
    """By framework, by persona, the accuracy matrix of each model."""
    wanted = {"framework": ("By framework", "Framework")}
    parts = group_blocks(scored, models, wanted, everyone)
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
            spec = charts.heat_map(
                records(mine[["steered", "tested", "accuracy"]]),
                "tested",
                "steered",
                "accuracy",
                ("tested on", "steered to", "accuracy"),
                "blues",
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


def about(report: Report) -> str:
    """One line below the title."""
    models = {name for boards in report.boards.values() for b in boards for name in b.board.names}
    counts = [
        _count(len(models), "model"),
        _count(len(report.boards), "benchmark"),
        _count(len(report.runs), "run"),
    ]
    return " · ".join([*counts, stamp(report.created)])


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
