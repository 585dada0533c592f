"""Differences between steered models say what the run itself says, and cover what was planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.steerability.scores import score_matrix
from reporting.report.assemble import BENCHMARKS, ScoredBoard, assemble, score
from reporting.report.comparable import boards_of
from reporting.report.differences import Difference
from reporting.report.readers.steerability import HEADLINE, PAIRED, item_scores
from reporting.report.values import Entry, Reading, Run, Value
from tests.reporting.report.worlds import steerability_run

STEERABILITY = next(b for b in BENCHMARKS if b.name == "steerability")
PERSONAS, STATEMENTS = 20, 40
MODELS = ("tells all apart", "takes one kind for one", "the same, weaker")


def board_of(matrices: dict[str, pd.DataFrame]) -> ScoredBoard:
    """The comparison of models with these accuracies (steered personas by tested ones)."""
    scored = {m: score_matrix(matrix.to_numpy()) for m, matrix in matrices.items()}
    entries = tuple(
        Entry(m, "run", {name: Value(float(getattr(s, name).mean())) for name in PAIRED})
        for m, s in scored.items()
    )
    items = tuple(item_scores(model, matrix) for model, matrix in matrices.items())
    run = Run("run", Path(), {})
    (board,) = boards_of([Reading(run, "steerability", {}, "few shot", entries, items)])
    return score(board, STEERABILITY)


def kinds_world(rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Half of all personas are of one kind, whose members two of three models take for each other.

    How often such a persona comes first hangs on how many of its kind were drawn.
    """
    common = rng.random(PERSONAS) < 0.5
    alike = (common[:, None] & common) | np.eye(PERSONAS, dtype=bool)
    chances = (
        np.where(np.eye(PERSONAS, dtype=bool), 0.9, 0.5),
        np.where(alike, 0.9, 0.5),
        np.where(alike, 0.65, 0.5),
    )
    ids = [f"p{i:02d}" for i in range(PERSONAS)]
    return {
        model: pd.DataFrame(rng.binomial(STATEMENTS, p) / STATEMENTS, index=ids, columns=ids)
        for model, p in zip(MODELS, chances, strict=True)
    }


def planted_truth(rng: np.random.Generator, worlds: int) -> dict[str, np.ndarray]:
    """The differences (K,) over all worlds, by measure."""
    means = {name: np.zeros(len(MODELS)) for name in PAIRED}
    for _ in range(worlds):
        for place, matrix in enumerate(kinds_world(rng).values()):
            scored = score_matrix(matrix.to_numpy())
            for name in PAIRED:
                means[name][place] += getattr(scored, name).mean() / worlds
    pairs = [(0, 1), (0, 2), (1, 2)]
    return {name: np.array([of[i] - of[j] for i, j in pairs]) for name, of in means.items()}


def coverage(worlds: int) -> tuple[dict[str, float], float]:
    """How often single intervals cover, by measure, and how often those of the headline at once."""
    rng = np.random.default_rng(21)
    truth = planted_truth(rng, 2000)
    single: dict[str, list[bool]] = {name: [] for name in PAIRED}
    at_once = []
    for _ in range(worlds):
        board = board_of(kinds_world(rng))
        for name in PAIRED:
            rows = zip(board.differences[name], truth[name], strict=True)
            single[name] += [d.low <= true <= d.high for d, true in rows]
        rows = zip(board.differences[HEADLINE], truth[HEADLINE], strict=True)
        at_once.append(all(d.low_all <= true <= d.high_all for d, true in rows))
    return {name: float(np.mean(hits)) for name, hits in single.items()}, float(np.mean(at_once))


@pytest.mark.slow
def test_intervals_cover_where_ranks_hang_on_who_else_was_drawn() -> None:
    """Over 1000 worlds: 95, 95 and 94% by measure, 91% at once. With every persona's score held
    fixed it was 85, 83 and 95%, and 75% at once."""
    single, at_once = coverage(200)
    assert all(0.91 < share < 0.985 for share in single.values()), single
    assert at_once > 0.86


def comparisons(folder: Path) -> dict[tuple[str, str, str], tuple[float, float, float, int]]:
    """What a run says itself, by first model, second model and measure."""
    table = pd.read_csv(folder / "comparisons.csv")
    return {
        (row.model, row.model_2, row.measure): (row.difference, row.low, row.high, row.n_personas)
        for row in table.itertuples()
        if row.system == row.system_2 == "few_shot"
    }


def check_same(found: dict[str, list[Difference]], folder: Path) -> None:
    """Of the same value over the same personas, and as wide but for the draws' own noise."""
    own = comparisons(folder)
    for measure in PAIRED:
        for d in found[measure]:
            value, low, high, n = own[d.first, d.second, measure]
            assert d.value == pytest.approx(value) and d.items == d.units == n
            close = 0.07 * (high - low)
            assert d.low == pytest.approx(low, abs=close), (measure, d)
            assert d.high == pytest.approx(high, abs=close), (measure, d)


STRENGTHS = {"sim/a": 0.5, "sim/b": 0.35, "sim/c": 0.2}


def test_a_report_gives_the_intervals_of_the_runs_own_comparisons(tmp_path: Path) -> None:
    folder = steerability_run(tmp_path, STRENGTHS, n_personas=12, n_resamples=4000)
    (board,) = assemble([tmp_path / "evaluation_results"]).boards["steerability"]
    check_same(board.differences, folder)


def test_models_of_several_runs_are_paired_persona_by_persona(tmp_path: Path) -> None:
    """As if one run had asked them, also where runs hold the personas in another order."""
    together = steerability_run(tmp_path / "one", STRENGTHS, n_personas=12, n_resamples=4000)
    for model, strength in STRENGTHS.items():
        name = model.replace("/", "-")
        folder = steerability_run(tmp_path / "many", {model: strength}, name, n_personas=12)
    scores = pd.read_csv(folder / "scores.csv")
    turned = pd.concat([scores.iloc[:, :4], scores.iloc[:, :3:-1]], axis=1).iloc[::-1]
    turned.to_csv(folder / "scores.csv", index=False)
    (board,) = assemble([tmp_path / "many"]).boards["steerability"]
    assert len(board.board.readings) == 3
    check_same(board.differences, together)


def test_a_run_without_its_matrix_has_scores_but_no_differences(tmp_path: Path) -> None:
    (steerability_run(tmp_path, STRENGTHS) / "scores.csv").unlink()
    report = assemble([tmp_path / "evaluation_results"])
    (board,) = report.boards["steerability"]
    assert [row.rank for row in board.standings] == [1, 2, 3] and not board.differences
    assert [str(problem) for problem in report.problems] == [
        "steered/steerability: no scores.csv: no differences and no rank intervals"
    ]
