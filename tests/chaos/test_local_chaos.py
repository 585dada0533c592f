"""`kill -9` at ten points on this machine: nothing stored is asked again, nothing differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.batch.compare import csv_of, rows_of
from tests.chaos.strike import Point, strike
from tests.flows.conftest import Scratch
from tests.model_server import ServerProcess

pytestmark = pytest.mark.slow

RESPONSES, EVALUATOR = "val_bench_responses_flow.py", "evaluator_flow.py"
EIGENBENCH, STEERABILITY = "eigenbench_flow.py", "steerability_flow.py"
CALIBRATION = "calibration_flow.py"
IN_FLIGHT = 8
SPEC: dict[str, Any] = {
    "name": "chaos",
    "models": {"caring": "eigen-0.9", "plain": "eigen-0.6", "hasty": "eigen-0.3-bias-1.5"},
    "dataset": {"path": "builtin:scenarios", "count": 10},
    "constitution": {"path": "builtin:care", "num_criteria": 3},
    "collection": {"group_size": 3, "sampler_seed": 3},
    "training": {"bootstrap": {"n_bootstraps": 50}},
}
POINTS = [
    Point(RESPONSES, "start"),
    Point(RESPONSES, "ask", 20),
    Point(RESPONSES, "ask", 70, "all"),
    Point(RESPONSES, "join"),
    Point(EVALUATOR, "ask", 20, "launcher"),
    Point(EVALUATOR, "measure"),
    Point(EIGENBENCH, "ask_in_turn", 45),
    Point(EIGENBENCH, "ask_in_turn", 80, "all"),
    Point(STEERABILITY, "ask", 30),
    Point(CALIBRATION, "ask", 40, "launcher"),
]


@dataclass(frozen=True)
class Whole:
    """The undisturbed runs.

    Attributes:
        folder: where they ran.
        requests: how many requests each flow sent.
    """

    folder: Path
    requests: dict[str, int]


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess(reply="tests.simulated_reply:reply", latency=0.25) as running:
        yield running


def words(entry: str, folder: Path, responses: Path, url: str) -> list[str]:
    asking = ["--inference_url", url, "--batch_size", str(IN_FLIGHT)]
    match entry:
        case "val_bench_responses_flow.py":
            own = ["--model_id", "waverer", "--dataset_id", "builtin:val_bench_pairs"]
        case "evaluator_flow.py":
            own = ["--judge_model_id", "judge", "--responses_ds_path", str(responses)]
        case "eigenbench_flow.py":
            (folder / "spec.yaml").write_text(yaml.safe_dump(SPEC, sort_keys=False))
            own = ["--spec", "spec.yaml"]
        case "calibration_flow.py":
            own = ["--judge_model_id", "judge", "--num_repeats", "1", "--n_resamples", "200"]
        case _:
            own = [
                "--model_id",
                "follower-0.8",
                "--max_personas",
                "5",
                "--personas_path",
                "builtin:personas",
            ]
    return [*own, *asking]


def answers_of(folder: Path) -> Path:
    return folder / "local_results/responses/val_responses-waverer"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, server: ServerProcess) -> Whole:
    """Every flow once, undisturbed."""
    scratch = Scratch(tmp_path_factory.mktemp("whole"))
    requests = {}
    for entry in dict.fromkeys(point.entry for point in POINTS):
        before = server.stats()["requests"]
        scratch.ok(
            entry,
            "run",
            *words(entry, scratch.folder, answers_of(scratch.folder), server.openai_url),
        )
        requests[entry] = server.stats()["requests"] - before
    return Whole(scratch.folder, requests)


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_kill_9(point: Point, whole: Whole, server: ServerProcess, tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    before = server.stats()["requests"]
    given = words(point.entry, tmp_path, answers_of(whole.folder), server.openai_url)
    asked, stored = strike(scratch, point, server, tmp_path / "local_data/store", *given)
    total = server.stats()["requests"] - before
    # Nothing that was stored when the blow fell is asked again ...
    assert total - asked <= whole.requests[point.entry] - len(stored)
    # ... and what is asked twice was in flight, or answered and on its way to the disk: a slot is
    # free for the next request as soon as its answer has come.
    models = len(SPEC["models"]) if point.entry == EIGENBENCH else 1
    assert total - whole.requests[point.entry] <= 2 * IN_FLIGHT * models
    assert asked >= point.answers
    same_outputs(tmp_path, whole.folder, point.entry)


def same_outputs(ours: Path, theirs: Path, entry: str) -> None:
    """Every data set and every CSV that this flow leaves equals the undisturbed run's."""
    compared = 0
    for state in sorted(ours.rglob("state.json")):
        name = state.parent.relative_to(ours)
        if (theirs / name).is_dir() and ".metaflow" not in name.parts:
            assert rows_of(state.parent) == rows_of(theirs / name), name
            compared += 1
    for folder in sorted({path.parent for path in (ours / "evaluation_results").rglob("*.csv")}):
        name = folder.relative_to(ours)
        assert csv_of(folder) == csv_of(theirs / name), name
        compared += 1
    assert compared, f"{entry} left nothing to compare"
