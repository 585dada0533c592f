"""EigenBench runs, labels and reports as calibration reads them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.calibration_inputs import (
    read_comparisons,
    read_labels,
    read_responses,
    read_trust,
)
from flows.judge_report import read_report
from inference.errors import PlumblineError
from tables.places import write_table
from tests.calibration.asked import responses


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two models that the ensemble calls by nicknames."""
    folder = tmp_path / "eigenbench"
    folder.mkdir()
    (folder / "summary.csv").write_text("model,elo,trust\nkind,1600,0.7\ncurt,1400,0.3\n")
    models = [{"name": "kind", "id": "sim/kind"}, {"name": "curt", "id": "sim/curt"}]
    (folder / "manifest.json").write_text(json.dumps({"models": models}))
    (folder / "evaluations.jsonl").write_text('{"judge_name": "kind"}\n{"judge_name": "x"}\n')
    return tmp_path


def test_trust_and_comparisons_go_by_model_id(run: Path) -> None:
    trust = {"sim/kind": 0.7, "sim/curt": 0.3}
    assert read_trust(str(run)) == read_trust(str(run / "eigenbench")) == trust
    assert [r["judge_name"] for r in read_comparisons(str(run))] == ["sim/kind", "x"]


def test_no_run_is_none_and_a_bad_one_is_named(run: Path, tmp_path: Path) -> None:
    assert read_trust("") is None and read_comparisons("") == []
    (run / "eigenbench/summary.csv").write_text("model,elo\na,1\n")
    with pytest.raises(PlumblineError, match="no column 'trust'"):
        read_trust(str(run))


def test_responses_are_told_apart_without_naming_the_model(tmp_path: Path) -> None:
    table = responses("sim/waverer").drop_columns(["item_id", "candidate"])
    for name in ("one", "two"):
        write_table(table, str(tmp_path / name), "test")
    found = read_responses(f"{tmp_path}/one,{tmp_path}/two", 5)
    items = [item for table in found.values() for item in table["item_id"].to_pylist()]
    assert len(set(items)) == 10 and not any("one" in item or "two" in item for item in items)
    assert set(found["one"]["candidate"].to_pylist()) == {"sim/waverer"}


def test_unreadable_labels_and_reports_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(PlumblineError, match="--human_labels can't be read as CSV"):
        read_labels("", [])
    with pytest.raises(PlumblineError, match="there is no judge report at"):
        read_report(str(tmp_path))
    (tmp_path / "judge_report.json").write_text("{}")
    with pytest.raises(PlumblineError, match="has version None"):
        read_report(str(tmp_path))
