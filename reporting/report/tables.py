"""The report as plain tables: what the CSV files and the Hub dataset hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from reporting.files import write_text
from reporting.report.assemble import Report, ScoredBoard

SCORE_COLUMNS = [
    "benchmark",
    "board",
    "board_label",
    "model",
    "run",
    "measure",
    "value",
    "low",
    "high",
    "rank",
    "rank_low",
    "rank_high",
    "headline",
    "chance",
    "items_planned",
    "items_used",
    "simulated",
    "note",
]
DIFFERENCE_COLUMNS = [
    "benchmark",
    "board",
    "measure",
    "first",
    "second",
    "value",
    "low",
    "high",
    "low_all",
    "high_all",
    "p",
    "p_all",
    "clear",
    "items",
    "units",
    "note",
]
_RANKS = ("rank", "rank_low", "rank_high")
AGREEMENT_COLUMNS = [
    "first",
    "second",
    "models",
    "rho",
    "tau",
    "low",
    "high",
    "measured_low",
    "measured_high",
    "p",
    "note",
]
SPENT_COLUMNS = ["model", "run", "role", "input_tokens", "output_tokens", "cost"]
RUN_COLUMNS = ["run", "benchmark", "flow", "run_id", "created", "git_commit", "simulated"]


def all_tables(report: Report) -> dict[str, pd.DataFrame]:
    """Every table by name: scores, differences, agreement, spent, runs, problems."""
    return {
        # Whole numbers or nothing: a rank that is not known is no rank 0.
        "scores": pd.DataFrame(_scores(report), columns=SCORE_COLUMNS).astype(
            dict.fromkeys(_RANKS, "Int64")
        ),
        "differences": pd.DataFrame(_differences(report), columns=DIFFERENCE_COLUMNS),
        "agreement": pd.DataFrame(
            [asdict(a) | {"models": ", ".join(a.models)} for a in report.agreements],
            columns=AGREEMENT_COLUMNS,
        ),
        "spent": pd.DataFrame([asdict(s) for s in report.spent], columns=SPENT_COLUMNS),
        "runs": pd.DataFrame(_runs(report), columns=RUN_COLUMNS),
        "problems": pd.DataFrame(report.problems, columns=["where", "what"]),
    }


def write_tables(report: Report, folder: Path) -> None:
    """One CSV file a table."""
    for name, table in all_tables(report).items():
        write_text(folder / f"{name}.csv", table.to_csv(index=False))


def leaderboards(report: Report) -> dict[str, pd.DataFrame]:
    """Each benchmark's main board for people: model, rank, headline with interval."""
    found = {}
    for name, boards in report.boards.items():
        scored = boards[0]
        entries = dict(zip(scored.board.names, scored.board.entries, strict=True))
        found[name] = pd.DataFrame(
            [
                {
                    "model": place.model,
                    "rank": place.rank,
                    "rank_low": place.rank_low,
                    "rank_high": place.rank_high,
                    **entries[place.model].values[scored.benchmark.headline]._asdict(),
                }
                for place in scored.standings
            ]
        )
    return found


def _boards(report: Report) -> Iterator[tuple[int, ScoredBoard]]:
    for boards in report.boards.values():
        yield from enumerate(boards, start=1)


def _scores(report: Report) -> Iterator[dict[str, Any]]:
    for number, scored in _boards(report):
        entries = dict(zip(scored.board.names, scored.board.entries, strict=True))
        simulated = {r.run.name: r.run.simulated for r in scored.board.readings}
        for place in scored.standings:
            entry = entries[place.model]
            for measure in scored.benchmark.measures:
                value = entry.values[measure.name]
                if not value.known:
                    continue
                headline = measure.name == scored.benchmark.headline
                ranks = (place.rank, place.rank_low, place.rank_high) if headline else (0,) * 3
                yield {
                    "benchmark": scored.benchmark.name,
                    "board": number,
                    "board_label": scored.board.label,
                    "model": place.model,
                    "run": entry.run,
                    "measure": measure.name,
                    **value._asdict(),
                    **{name: rank or None for name, rank in zip(_RANKS, ranks, strict=True)},
                    "headline": headline,
                    "chance": measure.chance,
                    "items_planned": entry.covered.planned if entry.covered else None,
                    "items_used": entry.covered.used if entry.covered else None,
                    "simulated": simulated[entry.run],
                }


def _differences(report: Report) -> Iterator[dict[str, Any]]:
    for number, scored in _boards(report):
        where = {"benchmark": scored.benchmark.name, "board": number}
        for measure, differences in scored.differences.items():
            for d in differences:
                yield {**where, "measure": measure, **asdict(d), "clear": d.clear}


def _runs(report: Report) -> Iterator[dict[str, Any]]:
    for run in report.runs:
        kept = ("flow", "run_id", "created", "git_commit")
        yield {
            "run": run.name,
            "benchmark": run.benchmark,
            **{name: run.manifest.get(name) for name in kept},
            "simulated": run.simulated,
        }
