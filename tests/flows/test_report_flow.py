"""report_flow over finished runs: files, bad input named, exports, runs named by Metaflow."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tables.on_s3 import upload_folder
from tests.batch.loopback_s3 import LoopbackS3
from tests.flows.conftest import Scratch
from tests.reporting.report.hub_server import HubServer
from tests.reporting.report.worlds import whole_world

FLOW = "report_flow.py"


@pytest.fixture(scope="module")
def world(shared_scratch: Scratch) -> Scratch:
    """Finished runs of all benchmarks, and one that is half written."""
    results = whole_world(shared_scratch.folder)
    shutil.copytree(results / "a-judge", results / "half")
    (results / "half" / "manifest.json").unlink()
    return shared_scratch


def test_reports_what_is_done_and_exports_it(world: Scratch) -> None:
    with HubServer() as hub:
        run = world.ok(
            FLOW,
            "run",
            "--results",
            "evaluation_results,nowhere",
            "--runs",
            "EvaluatorFlow/12345",
            "--push_to_hub",
            "team/results",
            "--valuearena",
            "./arena",
            "--note",
            "a note",
            HF_ENDPOINT=hub.url,
            HF_TOKEN="hf_planted0123456789",
            HF_HUB_OFFLINE="0",
        )
        assert ("team/results", "data/scores.parquet") in hub.files
    assert "VAL-Bench: PAC" in run.text and "sim/a" in run.text
    assert "half-written" in run.text
    assert "nowhere: there is no such folder" in run.text
    assert "EvaluatorFlow/12345: this Metaflow run left no results folder" in run.text
    assert "hf_planted" not in run.raw
    folder = world.folder / "evaluation_results" / "report"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["benchmark"] == "report" and manifest["simulated"]
    assert len(manifest["runs"]) == 7 and len(manifest["problems"]) == 3
    assert (folder / "report.html").stat().st_size > 900_000
    index = json.loads((world.folder / "arena" / "index.json").read_text())
    assert [entry["note"] for entry in index["runs"]] == ["a note"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--results", "nowhere"), "there is no finished run to report"),
        (("--push_to_hub", "not-a-repo"), "is no Hub dataset"),
    ],
)
def test_bad_input_is_one_line(scratch: Scratch, words: tuple[str, ...], told: str) -> None:
    (scratch.folder / "evaluation_results").mkdir()
    run = scratch.run(FLOW, "run", *words)
    assert run.code != 0 and told in run.text and "Traceback" not in run.text


@pytest.mark.slow
def test_reads_runs_on_s3(s3: LoopbackS3, root: str, tmp_path: Path) -> None:
    folder = tmp_path / "scratch"
    folder.mkdir()
    place = f"{root}/results"
    upload_folder(whole_world(tmp_path), place)
    scratch = Scratch(folder)
    scratch.env |= s3.environment()
    run = scratch.ok(FLOW, "run", "--results", f"{place},{place}-not-there")
    assert "VAL-Bench: PAC" in run.text and "sim/a" in run.text
    assert f"Not reported: {place}-not-there: there is nothing at {place}-not-there" in run.text
    assert "plumbline-results-" not in run.text, "a temporary folder is no name for a user"
    manifest = json.loads((folder / "evaluation_results/report/manifest.json").read_text())
    assert len(manifest["runs"]) == 7


@pytest.mark.slow
def test_finds_runs_by_metaflow_id_and_tag(scratch: Scratch) -> None:
    scratch.ok(
        "steerability_flow.py",
        "run",
        "--tag",
        "season",
        "--model_id",
        "sim/follower",
        "--results_dir",
        "elsewhere/steered",
    )
    (run_id,) = [p.name for p in (scratch.folder / ".metaflow" / "SteerabilityFlow").glob("1*")]
    for number, words in enumerate(
        (("--runs", f"SteerabilityFlow/{run_id}"), ("--run_tag", "season"))
    ):
        run = scratch.ok(FLOW, "run", *words, "--report_name", f"r{number}")
        assert "sim/follower" in run.text
        assert (Path(scratch.folder) / "evaluation_results" / f"r{number}" / "report.html").exists()
