"""How long the steerability scorer and a whole run take; prints one line a case.

    python -m perf.steerability
    python -m perf.steerability --data <folder with the published personas.csv and statements.csv>

Scoring a 1,000 x 1,000 matrix with 500 resamples of the personas is to stay under 5 s, and a run of
the flow on 40 personas of the published data with a simulated model, ten statements a request,
under 60 s.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.steerability.arrays import Answers, Frame, block_mean
from benchmarks.steerability.condition_scores import (
    ConditionScores,
    make_draws,
    score_condition,
)
from benchmarks.steerability.measures import MEASURES
from benchmarks.steerability.resampling import (
    MatrixDraws,
    draw_by_personas,
    draw_means,
    interval_over_personas,
    persona_weights,
)
from benchmarks.steerability.scores import score_matrix

N_RESAMPLES = 500
LIMIT_SECONDS = 5.0
RUN_LIMIT_SECONDS = 60.0
ROOT = Path(__file__).resolve().parents[1]


def make_answers(n: int, m: int) -> tuple[Answers, Frame]:
    """n personas with m statements each, answered by a system that follows half of its steering."""
    rng = np.random.default_rng(0)
    correct = (rng.random((n, n * m)) < 0.5).astype(float)
    for p in range(n):
        correct[p, p * m : (p + 1) * m] = rng.random(m) < 0.75
    frame = Frame(
        tuple(f"p{i}" for i in range(n)),
        tuple(str(i) for i in range(n * m)),
        np.tile(np.repeat([True, False], m // 2), n),
        np.arange(n + 1) * m,
    )
    return Answers(correct, np.ones(correct.shape, dtype=bool)), frame


def score_with_intervals(matrix: np.ndarray) -> MatrixDraws:
    """All scores of a matrix and the intervals of their means."""
    scores = score_matrix(matrix)
    weights = persona_weights(len(matrix), N_RESAMPLES, 0)
    draws = draw_by_personas(matrix, weights)
    for measure in MEASURES:
        if hasattr(draws, measure.name):
            mean = float(getattr(scores, measure.name).mean())
            means = draw_means(getattr(draws, measure.name), weights)
            interval_over_personas(mean, means, measure.bounds, len(matrix))
    return draws


def score_from_answers(answers: Answers, frame: Frame) -> ConditionScores:
    """All measures of a condition with both kinds of draws."""
    names = list(frame.persona_ids)
    base = np.zeros(len(frame.statement_ids))
    return score_condition(answers, frame, make_draws(frame, N_RESAMPLES, 0), names, base=base)


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def run_flow(data: Path) -> tuple[float, float]:
    """Wall-clock and CPU seconds of steerability_flow.py on 40 personas of a data set."""
    words = ["--model_id", "sim/follower", "--max_personas", "40", "--num_shards", "2"]
    words += ["--personas_path", str(data / "personas.csv")]
    words += ["--observations_path", str(data / "statements.csv"), "--split", "published"]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / ".metaflow").mkdir()
        env = os.environ | {"METAFLOW_DATASTORE_SYSROOT_LOCAL": folder}
        command = [sys.executable, str(ROOT / "steerability_flow.py"), "run", *words]
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True)
        took = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, used.ru_utime + used.ru_stime


def main() -> int:
    """Measure, print, and return 1 if a limit is broken."""
    parser = argparse.ArgumentParser(description="Measure the steerability benchmark.")
    parser.add_argument("--data", type=Path, help="folder of the published data")
    data = parser.parse_args().data
    answers, frame = make_answers(1000, 20)
    matrix = block_mean(answers.correct, frame.bounds)
    scorer = seconds(lambda: score_with_intervals(matrix))
    print(f"scorer, 1,000 x 1,000 matrix, {N_RESAMPLES} resamples: {scorer:.2f} s")
    for n, m in ((40, 56), (100, 56), (1000, 20)):
        answers, frame = make_answers(n, m)
        took = seconds(lambda a=answers, f=frame: score_from_answers(a, f))  # type: ignore[misc]
        print(f"all measures from {n} x {n} x {m} answers, {N_RESAMPLES} resamples: {took:.2f} s")
    took, cpu = run_flow(data) if data else (0.0, 0.0)
    if data:
        print(
            "steerability_flow.py, 40 personas, 10 statements a request: "
            f"{took:.1f} s, {cpu:.1f} s of CPU"
        )
    return int(scorer > LIMIT_SECONDS or took > RUN_LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
