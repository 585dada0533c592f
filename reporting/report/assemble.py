"""From runs to everything the report says: boards, standings, differences, agreement, costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from inference.errors import PlumblineError
from reporting.report import judges
from reporting.report.agreement import Agreement, Scored, agreements
from reporting.report.comparable import Board, boards_of, side_by_side
from reporting.report.differences import (
    Difference,
    differences_of_draws,
    differences_of_items,
)
from reporting.report.discovery import Found, Problem, discover, nothing_to_report
from reporting.report.judges import FoundReport
from reporting.report.leaderboard import Standing, leaderboard
from reporting.report.readers import eigenbench, steerability, val_bench
from reporting.report.resampling import Draws, Floats, Items, mean_draws
from reporting.report.values import ItemScores, Measure, Reading, ReportError, Run, Spent


class Benchmark(NamedTuple):
    """What the report knows of a benchmark.

    Attributes:
        name: as in manifests.
        title: for readers.
        unit: what is resampled.
        question: what it asks.
        measures: its columns.
        headline: the measure models are ranked by.
        paired: measures whose differences are tested.
        read: from a run to its readings.
    """

    name: str
    title: str
    unit: str
    question: str
    measures: tuple[Measure, ...]
    headline: str
    paired: tuple[str, ...]
    read: Callable[[Run], list[Reading]]

    def measure(self, name: str) -> Measure:
        """One of the measures."""
        return next(m for m in self.measures if m.name == name)


BENCHMARKS = (
    Benchmark(
        "val_bench",
        "VAL-Bench",
        "article",
        "Does a model keep one stance when a debate is framed from both sides?",
        val_bench.MEASURES,
        val_bench.HEADLINE,
        val_bench.PAIRED,
        val_bench.read,
    ),
    Benchmark(
        "eigenbench",
        "EigenBench",
        "scenario",
        "When models judge each other under a constitution, whom does the ensemble trust?",
        eigenbench.MEASURES,
        eigenbench.HEADLINE,
        eigenbench.PAIRED,
        eigenbench.read,
    ),
    Benchmark(
        "steerability",
        "Steerability",
        "persona",
        "Does a model steered to a persona act like that persona more than like any other?",
        steerability.MEASURES,
        steerability.HEADLINE,
        steerability.PAIRED,
        steerability.read,
    ),
)
CALIBRATION = "calibration"
NOT_REPORTED = frozenset(
    {"val_bench_responses", "val_bench_judged", "api_inference", "persona_dataset"}
)
"""Benchmarks of manifests that travel with a dataset."""


@dataclass(frozen=True)
class ScoredBoard:
    """A board with its comparisons.

    Attributes:
        board: the comparable readings.
        benchmark: which benchmark.
        standings: by the headline measure, best first.
        differences: between every two models, by measure.
        draws: joint draws of the headline, None where there are none.
    """

    board: Board
    benchmark: Benchmark
    standings: tuple[Standing, ...]
    differences: dict[str, list[Difference]]
    draws: Draws | None


@dataclass(frozen=True)
class Report:
    """Everything the page, the tables and the exports are made of.

    Attributes:
        title: of the page.
        created: ISO 8601.
        boards: by benchmark name, those without runs left out; the main board first.
        agreements: between the main boards.
        judge_reports: the newest of each judge.
        spent: tokens and money.
        runs: all runs that are reported, oldest first.
        problems: what is not reported, or only in part.
        simulated: whether any simulated model took part.
    """

    title: str
    created: str
    boards: dict[str, list[ScoredBoard]]
    agreements: list[Agreement]
    judge_reports: dict[str, FoundReport]
    spent: list[Spent]
    runs: list[Run]
    problems: list[Problem]
    simulated: bool

    @property
    def readings(self) -> list[Reading]:
        """All readings, benchmark by benchmark."""
        scored = [board for boards in self.boards.values() for board in boards]
        return [reading for board in scored for reading in board.board.readings]


def assemble(places: Iterable[str | Path], title: str = "Plumbline report") -> Report:
    """Read all runs at or below the places and compare what is comparable.

    Raises:
        ReportError: not one run can be reported.
    """
    return assemble_found(discover(places), title)


def assemble_found(found: Found, title: str) -> Report:
    """The same for runs that were found already."""
    readings, reports, problems = _read_all(found.runs)
    newest = judges.newest(reports)
    readings = [
        judges.corrected(reading, newest) if reading.benchmark == "val_bench" else reading
        for reading in readings
    ]
    problems = [*found.problems, *problems]
    problems += [Problem(r.run.name, warning) for r in readings for warning in r.warnings]
    if not readings and not reports:
        raise ReportError(nothing_to_report(problems))
    by_name = {b.name: [r for r in readings if r.benchmark == b.name] for b in BENCHMARKS}
    comparable = side_by_side(
        {name: boards_of(readings) for name, readings in by_name.items() if readings}
    )
    boards = {
        benchmark.name: [score(board, benchmark) for board in comparable[benchmark.name]]
        for benchmark in BENCHMARKS
        if benchmark.name in comparable
    }
    used = {id(r.run): r.run for r in readings} | {id(f.run): f.run for f in reports}
    simulated = any(run.simulated for run in used.values())
    return Report(
        title=f"{title} (simulated models)" if simulated else title,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        boards=boards,
        agreements=agreements([_scored(same[0]) for same in boards.values()]),
        judge_reports=newest,
        spent=_once([s for reading in readings for s in reading.spent]),
        runs=[run for run in found.runs if id(run) in used],
        problems=problems,
        simulated=simulated,
    )


def score(board: Board, benchmark: Benchmark) -> ScoredBoard:
    """Compare the models of one board."""
    headline = benchmark.measure(benchmark.headline)
    differences, draws = _compare(board, benchmark)
    pairs = zip(board.names, board.entries, strict=True)
    values = {name: entry.values[headline.name].value for name, entry in pairs}
    standings = leaderboard(values, differences.get(headline.name, []), headline.better != "lower")
    return ScoredBoard(board, benchmark, tuple(standings), differences, draws)


def _read_all(runs: Sequence[Run]) -> tuple[list[Reading], list[FoundReport], list[Problem]]:
    """Every run through its benchmark's reader; one that fails is named."""
    readers = {benchmark.name: benchmark.read for benchmark in BENCHMARKS}
    readings: list[Reading] = []
    reports: list[FoundReport] = []
    problems: list[Problem] = []
    for run in runs:
        if run.benchmark in NOT_REPORTED:
            continue
        try:
            if run.benchmark == CALIBRATION:
                reports += judges.read(run)
            elif run.benchmark in readers:
                readings += readers[run.benchmark](run)
            else:
                problems.append(Problem(run.name, f"unknown benchmark {run.benchmark!r}"))
        except (PlumblineError, ValueError, KeyError, TypeError, OSError) as error:
            # Whatever is wrong with one run's files must not cost the report of the others.
            what = str(error) if isinstance(error, PlumblineError) else repr(error)
            problems.append(Problem(run.name, what))
    return readings, reports, problems


def _compare(
    board: Board, benchmark: Benchmark
) -> tuple[dict[str, list[Difference]], Draws | None]:
    """Differences by measure, and joint draws of the headline."""
    drawn = board.readings[0].draws
    if drawn:
        found = {name: differences_of_draws(d, benchmark.unit) for name, d in drawn.items()}
        return found, drawn.get(benchmark.headline)
    items = _items(board, benchmark)
    if not items:
        return {}, None
    differences = {
        name: differences_of_items(table, unit=benchmark.unit) for name, table in items.items()
    }
    return differences, mean_draws(items[benchmark.headline])


def _items(board: Board, benchmark: Benchmark) -> dict[str, Items]:
    """One table a measure, items by models; empty where fewer than two models have item scores."""
    scores = _item_scores(board)
    if not scores:
        return {}
    tables = {name: part.table for name, part in scores.items()}
    index = pd.Index([])
    for table in tables.values():
        index = index.union(table.index)
    clusters = pd.Series(index=index, dtype=object)
    for table in tables.values():
        clusters.loc[table.index] = table["cluster"]
    codes = pd.factorize(clusters)[0].astype(np.int64)
    items = {}
    for name in benchmark.paired:
        columns = [t[name].reindex(index).to_numpy(float) for t in tables.values() if name in t]
        if len(columns) == len(tables):
            limits = benchmark.measure(name).limits
            redraw = _redraw(list(scores.values()), name, [str(item) for item in index])
            items[name] = Items(tuple(tables), np.column_stack(columns), codes, limits, redraw)
    return items if benchmark.headline in items else {}


def _item_scores(board: Board) -> dict[str, ItemScores]:
    """Item scores by the names of a board, for the models that have any."""
    names = iter(board.names)
    found = {}
    for reading in board.readings:
        mine = [next(names) for _ in reading.entries]
        scores = {part.model: part for part in reading.items}
        for name, entry in zip(mine, reading.entries, strict=True):
            if entry.model in scores:
                found[name] = scores[entry.model]
    return found


def _redraw(
    scores: Sequence[ItemScores], measure: str, ids: Sequence[str]
) -> Callable[[Floats], Floats] | None:
    """`Items.redraw` of one measure over these models; None where items keep their values."""
    of_models = [part.redraw for part in scores if part.redraw is not None]
    if not of_models:
        return None
    return lambda weights: np.stack([redraw(measure, ids, weights) for redraw in of_models], axis=2)


def _scored(board: ScoredBoard) -> Scored:
    """The headline with the better end up, for agreement between benchmarks."""
    headline = board.benchmark.measure(board.benchmark.headline)
    sign = -1.0 if headline.better == "lower" else 1.0
    values = {s.model: sign * s.value for s in board.standings}
    draws = None
    if board.draws is not None and set(board.draws.models) >= set(values):
        columns = [board.draws.models.index(model) for model in values]
        draws = sign * board.draws.draws[:, columns]
    array = np.array(list(values.values()), dtype=float)
    return Scored(board.benchmark.title, tuple(values), array, draws)


def _once(spent: list[Spent]) -> list[Spent]:
    """Each model's part of each run once: several evaluations share one run of responses."""
    return list({(s.model, s.run, s.role): s for s in spent}.values())
