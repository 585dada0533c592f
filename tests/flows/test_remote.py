"""Runs, data sets and payments on S3, as a task on another machine finds them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from benchmarks.steerability.settings import DEFAULTS, settle
from flows.judge_report import read_report
from flows.persona_tables import read_persona_tables
from flows.remote import at_hand, check_outlives
from flows.spending import Paid, Spending
from inference.errors import PlumblineError
from tables.located import ROOT_VARIABLE
from tables.on_s3 import BadPlace, upload_folder
from tables.places import manifest_of, work_of, write_table

PERSONAS = pd.DataFrame({"persona_id": ["a"], "framework": ["f"], "persona_description": ["A"]})
STATEMENTS = pd.DataFrame({"persona_id": ["a"], "statement_id": ["1"], "statement": ["None"]})


def put(folder: Path, place: str, **files: str) -> None:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    upload_folder(folder, place)


def test_a_run_on_s3_keeps_its_folders_names(root: str, tmp_path: Path) -> None:
    put(tmp_path / "x", f"{root}/gpt-4.1/eigenbench", manifest__json="{}")
    folder = at_hand(f"{root}/gpt-4.1/eigenbench/")
    assert folder.parts[-2:] == ("gpt-4.1", "eigenbench")
    assert (folder / "manifest.json").read_text() == "{}"
    assert at_hand(f"{root}/gpt-4.1/eigenbench") == folder, "it is fetched once"
    assert at_hand(f"{root}/gpt-4.1/eigenbench/manifest.json").read_text() == "{}"
    with pytest.raises(BadPlace, match="there is nothing at"):
        at_hand(f"{root}/nothing")


def test_a_remote_task_finds_what_earlier_remote_runs_left(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "x", f"{root}/evaluation_results/judge", judge_report__json="{}")
    assert at_hand("evaluation_results/judge") == Path("evaluation_results/judge")
    with pytest.raises(PlumblineError, match="there is no judge report at evaluation_results"):
        read_report("evaluation_results/judge")
    monkeypatch.setenv(ROOT_VARIABLE, root)
    with pytest.raises(PlumblineError, match=r"evaluation_results/judge: .*version None"):
        read_report("evaluation_results/judge")


def test_what_is_to_be_kept_must_outlive_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    check_outlives("./arena", "--valuearena")
    monkeypatch.setenv("AWS_BATCH_JOB_ID", "1")
    check_outlives("org/arena", "--valuearena")
    with pytest.raises(PlumblineError, match=r"--valuearena \./arena would be written to a remote"):
        check_outlives("./arena", "--valuearena")


@pytest.mark.slow
def test_personas_are_read_from_files_and_datasets_on_s3(root: str, tmp_path: Path) -> None:
    put(
        tmp_path / "x",
        f"{root}/both",
        personas__csv=PERSONAS.to_csv(index=False),
        statements__csv=STATEMENTS.to_csv(index=False),
    )
    for name, table in (("personas", PERSONAS), ("statements", STATEMENTS)):
        rows = pa.Table.from_pandas(table, preserve_index=False)
        write_table(rows, f"{root}/set-{name}", "work")
    given = {**DEFAULTS, "personas_path": f"{root}/both"}
    assert settle(given).observations_path == ""
    for found in (
        read_persona_tables(f"{root}/both", ""),
        read_persona_tables(f"{root}/set-personas", f"{root}/set-statements"),
    ):
        assert found.personas.equals(PERSONAS)
        assert found.statements["statement"].tolist() == ["None"]
    with pytest.raises(BadPlace, match="there is nothing at"):
        read_persona_tables(f"{root}/none", "")


@pytest.mark.parametrize("remote", [False, True])
def test_a_dataset_has_its_manifest_beside_it(root: str, tmp_path: Path, remote: bool) -> None:
    where = f"{root}/t" if remote else str(tmp_path / "t")
    write_table(pa.table({"a": [1]}), where, "w1", {"benchmark": "api_inference"})
    assert work_of(where) == "w1"
    assert manifest_of(where) == {"benchmark": "api_inference", "work": "w1"}
    write_table(pa.table({"a": [1]}), where, "w1")
    assert work_of(where) == "w1"
    if not remote:
        assert not manifest_of(where)
        assert json.loads((tmp_path / "t" / "plumbline.json").read_text()) == {"work": "w1"}


def test_payments_are_kept_beside_a_store_on_s3(root: str) -> None:
    Spending(f"{root}/store", "Flow-1", "ask", 3).note(2.5)
    Spending(f"{root}/store", "Flow-1", "join").note(1.0)
    assert Spending(f"{root}/store", "Flow-1", "ask", 3).before() == Paid(own=2.5, elsewhere=1.0)
