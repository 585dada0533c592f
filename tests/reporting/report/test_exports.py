"""The Hub dataset and ValueArena's layout, the former over HTTP to a hub on loopback."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml

from inference.errors import PlumblineError
from reporting.report import hub
from reporting.report.assemble import Report
from reporting.report.discovery import discover
from reporting.report.tables import all_tables
from reporting.report.valuearena import Label, export
from reporting.report.values import Run
from tests.reporting.report.hub_server import HubServer
from tests.reporting.report.worlds import eigenbench_run

TOKEN = "hf_planted0123456789"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        yield server


def test_pushes_tables_and_card(server: HubServer, report: Report, tmp_path: Path) -> None:
    hub.check_repository("team/results")
    hub.write_dataset(report, tmp_path)
    assert "commit" in hub.upload(tmp_path, "team/results", "Report")
    assert server.commits == [("team/results", "Report")]
    assert f"Bearer {TOKEN}" in server.tokens
    card = server.files["team/results", "README.md"].decode()
    front = yaml.safe_load(card.split("---")[1])
    assert card.startswith("---\n") and "says nothing of any real model" in card
    scores = pd.read_parquet(io.BytesIO(server.files["team/results", "data/scores.parquet"]))
    pd.testing.assert_frame_equal(scores, all_tables(report)["scores"], check_dtype=False)
    for config in front["configs"]:
        (files,) = config["data_files"]
        assert ("team/results", files["path"]) in server.files
    assert "| sim/a | 96.7 |" in card


def test_the_dataset_loads_with_its_configurations(report: Report, tmp_path: Path) -> None:
    from datasets import load_dataset

    hub.write_dataset(report, tmp_path / "repo")
    data = load_dataset(str(tmp_path / "repo"), "differences", cache_dir=str(tmp_path / "cache"))
    assert set(data["train"]["benchmark"]) == {"val_bench", "eigenbench", "steerability"}


def test_no_token_and_no_access_are_one_line(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.refuse = True
    with pytest.raises(PlumblineError, match=r"team/results can't be written") as refused:
        hub.check_repository("team/results")
    assert "\n" not in str(refused.value) and TOKEN not in str(refused.value)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(PlumblineError, match="needs HF_TOKEN"):
        hub.check_repository("team/results")


def court(report: Report) -> Run:
    return next(run for run in report.runs if run.benchmark == "eigenbench")


def test_valuearena_layout(report: Report, tmp_path: Path) -> None:
    (slug,) = export([court(report)], tmp_path, Label("batch", "", "", "a note"))
    assert slug == "batch/court"
    folder = tmp_path / "runs" / slug
    meta = json.loads((folder / "meta.json").read_text())
    assert list(meta["models"]) == ["a", "b", "c", "d"]
    assert meta["models"]["a"] == {
        "id": "sim/a",
        "type": "api",
        "base_model": None,
        "adapter": None,
    }
    assert meta["git_commit"] and meta["group"] == "batch" and meta["note"] == "a note"
    assert sum(meta["eigentrust"]) == pytest.approx(1)
    summary = json.loads((folder / "summary.json").read_text())
    assert summary[0]["model_name"] == "a" and summary[0]["model_index"] == 0
    assert summary[0]["elo_ci_lower"] < summary[0]["elo_mean"] < summary[0]["elo_ci_upper"] + 60
    fit = json.loads((court(report).folder / "fit.json").read_text())["headline"]
    assert meta["log"]["nll"] == fit["nll"] and meta["log"]["comparisons"] == fit["comparisons"]
    assert meta["log"]["test_loss"] == fit["held_out"][0]["nll"]
    lines = (folder / "evaluations.jsonl").read_text().splitlines()
    assert len(lines) == 288 and "judge response" in json.loads(lines[0])
    assert (folder / "images").is_dir()
    (entry,) = json.loads((tmp_path / "index.json").read_text())["runs"]
    assert entry["slug"] == slug and entry["top_model"] == "a" and entry["constitution"] == "care"
    assert entry["test_loss"] == meta["log"]["test_loss"]


def test_valuearena_says_nothing_of_an_interval_that_was_not_drawn(tmp_path: Path) -> None:
    """The site shows a dash for null; an interval of no width would claim certainty."""
    eigenbench_run(tmp_path, ["a", "b", "c", "d"], [1, 0.5, 0, -1], n_bootstraps=0)
    (run,) = discover([tmp_path]).runs
    (slug,) = export([run], tmp_path / "arena", Label())
    (first, *_) = json.loads((tmp_path / "arena" / "runs" / slug / "summary.json").read_text())
    assert first["elo_ci_lower"] is first["elo_ci_upper"] is first["elo_std"] is None
    assert first["elo_mean"] == first["elo"]


def test_the_index_is_updated_by_slug(report: Report, tmp_path: Path) -> None:
    other = {"slug": "other", "timestamp": "2030-01-01", "name": "other"}
    export([court(report)], tmp_path, Label(note="old"), {"runs": [other]})
    export([court(report)], tmp_path, Label(note="new"))
    index = json.loads((tmp_path / "index.json").read_text())
    assert [entry["slug"] for entry in index["runs"]] == ["other", "court"]
    assert index["runs"][1]["note"] == "new" and index["last_updated"]


def test_a_slug_stays_inside_the_folder(report: Report, tmp_path: Path) -> None:
    (slug,) = export([court(report)], tmp_path / "arena", Label("../../up", "..", "", ""))
    assert ".." not in slug.split("/")
    assert (tmp_path / "arena" / "runs" / slug / "meta.json").exists()


def test_the_index_on_the_hub_is_kept(server: HubServer, report: Report, tmp_path: Path) -> None:
    assert hub.download_json("team/arena", "index.json") is None
    old = {"last_updated": None, "runs": [{"slug": "old", "timestamp": "2020"}]}
    server.files["team/arena", "index.json"] = json.dumps(old).encode()
    index = hub.download_json("team/arena", "index.json")
    export([court(report)], tmp_path, Label(), index)
    hub.upload(tmp_path, "team/arena", "Add 1 runs")
    there = json.loads(server.files["team/arena", "index.json"])
    assert [entry["slug"] for entry in there["runs"]] == ["court", "old"]
    assert ("team/arena", "runs/court/meta.json") in server.files
