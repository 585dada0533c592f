"""suite_flow: the spec is checked, independent benchmarks go on, resume finishes the suite."""

from __future__ import annotations

import json
import shutil
import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows import suite_plan
from flows.children import Outcome, flow_name, last_words
from flows.suite_options import SpecError, words_of
from flows.suite_plan import Row, check_budget, plan_suite, shares, table
from flows.suite_runs import Branch, Child, branches_of, children_of
from flows.suite_spec import load_suite
from inference.errors import PlumblineError
from tests.flows.conftest import ROOT, Scratch

FLOW = "suite_flow.py"


def spec(folder: Path, text: str) -> str:
    path = folder / "suite.yaml"
    path.write_text(textwrap.dedent(text))
    return str(path)


SMALL = """
    name: small
    models: [sim/steadfast, sim/waverer]
    judges: [sim/judge, sim/judge-lenient]
    benchmarks:
      val_bench: {dataset_id: builtin:val_bench_pairs, limit: 8, judge: {both_orders: true}}
      eigenbench:
        - dataset: {path: data/eigenbench/scenarios.json, count: 4}
          constitution: data/eigenbench/constitutions/care.json
        - dataset: {path: data/eigenbench/scenarios.json, count: 4}
          constitution: data/eigenbench/constitutions/liberty.json
      steerability: {max_personas: 4}
      calibration: {}
    asking: {store_path: local_data/other}
"""


def test_a_suite_is_branches_of_runs(tmp_path: Path) -> None:
    branches = branches_of(load_suite(spec(tmp_path, SMALL)))
    assert [branch.name for branch in branches] == [
        "val_bench",
        "eigenbench/1-care",
        "eigenbench/2-liberty",
        "steerability",
    ]
    asked, judged = branches[0].stages
    assert [child.name for child in asked] == ["val_bench/responses", "calibration"]
    assert len(judged) == 4, "every judge reads every model's responses, which are asked once"
    words = words_of(judged[0].options)
    assert "--both_orders" in words
    at = words.index("--responses_ds_path") + 1
    assert words[at] == "local_results/small/responses/val-sim-steadfast"
    at = words.index("--judge_report") + 1
    assert words[at] == "evaluation_results/small/calibration/judge-calibration"
    assert all(c.options["store_path"] == "local_data/other" for c in children_of(branches))
    assert len({c.results for c in children_of(branches) if c.results}) == 8


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("judges: [sim/judge, sim/judge-lenient]", "judges: []"), "val_bench needs judges"),
        (
            ("steerability: {max_personas: 4}", "steerability: {max_people: 4}"),
            "unknown key 'max_people'",
        ),
        (("calibration: {}", "kalibration: {}"), "unknown key 'kalibration'"),
        (
            ("models: [sim/steadfast, sim/waverer]", "models: [sim/steadfast, sim/steadfast]"),
            "twice",
        ),
        (("models: [sim/steadfast, sim/waverer]", "models: [nothing-known]"), "nothing-known"),
        (("name: small", "name: ../up"), "no folder name"),
        (("name: small", "name: small\n    budget: lots"), "budget is 'lots'"),
        (("max_personas: 4", "model_id: sim/x"), "model_id is set by the suite"),
        (("max_personas: 4", "max_personas: many"), "max_personas is 'many'; give a whole number"),
        (("max_personas: 4", "max_personas: true"), "max_personas is True; give a whole number"),
        (("max_personas: 4", "baseline: 1"), "baseline is 1; give true or false"),
        (("max_personas: 4", "temperature: .nan"), "temperature is nan; give a number"),
        (("max_personas: 4", "config_path: none.json"), "there is no file none.json"),
        (("name: small", "name: small\n    budget: .nan"), "budget is nan"),
        (("name: small", "name: small\n    report: {max_transcripts: lots}"), "max_transcripts"),
        (("store_path: local_data/other", "stor_path: x"), "asking: unknown key 'stor_path'"),
        (("store_path: local_data/other", "max_cost: 4"), "max_cost is set by the suite"),
        (("care.json\n", "care.json\n          colection: {}\n"), "colection is no key of a spec"),
    ],
)
def test_a_bad_spec_is_one_line(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    with pytest.raises(PlumblineError, match=told) as refused:
        branches_of(load_suite(spec(tmp_path, SMALL.replace(*change, 1))))
    assert len(str(refused.value).splitlines()) == 1 or "nothing-known" in told


def test_missing_and_broken_specs(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="there is no spec at"):
        load_suite(str(tmp_path / "none.yaml"))
    with pytest.raises(SpecError, match="is not YAML"):
        load_suite(spec(tmp_path, "a: [1"))


def test_the_shipped_specs_load() -> None:
    for name in ("runs/suite.yaml", "runs/demo/suite.yaml"):
        assert branches_of(load_suite(str(ROOT / name)))


def test_budget_is_shared_by_planned_cost(tmp_path: Path) -> None:
    suite = load_suite(spec(tmp_path, SMALL.replace("name: small", "name: small\n    budget: 8")))
    children = children_of(branches_of(suite))
    rows = [
        Row("val_bench", "val_bench/responses", "gpt-4.1", "answers", 10, 100, 100, 3.0),
        Row("steerability", "steerability", "gpt-4.1", "answers", 10, 100, 100, 1.0),
    ]
    check_budget(suite, rows)
    both = {"val_bench/responses": 6.0, "steerability": 2.0}
    assert shares(suite.budget, children, rows, {}) == both
    assert table(rows).splitlines()[-1].split() == [
        "all",
        "runs",
        "all",
        "models",
        "20",
        "200",
        "200",
        "$4.00",
    ]
    with pytest.raises(PlumblineError, match=r"about \$16.00, more than the budget of \$8.00"):
        check_budget(suite, rows * 4)
    with pytest.raises(PlumblineError, match=r"prices\.yaml has none for m"):
        check_budget(suite, [rows[0]._replace(model="m", cost=None)])


def child(name: str, entry: str = "eigenbench_flow.py") -> Child:
    return Child(name, entry, {}, "", (), name)


def test_what_a_pilot_was_paid_for_is_not_handed_out_again() -> None:
    children = [child("eigenbench"), child("steerability", "steerability_flow.py")]
    rows = [
        Row("eigenbench", "eigenbench", "a", "answers and judges", 10, 100, 100, 6.0),
        Row("steerability", "steerability", "a", "answers", 10, 100, 100, 4.0),
    ]
    found = shares(10.0, children, rows, {"eigenbench": 5.0})
    assert found == pytest.approx({"eigenbench": 1.0, "steerability": 4.0})
    nothing = shares(10.0, children, rows, {"eigenbench": 10.0})
    assert set(nothing) == set(found)
    assert all(0 < share < 1e-6 for share in nothing.values()), "0 would be no limit"


def test_pilots_share_the_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    children = [child(f"eigenbench/{name}") for name in "ab"]
    allowed = []

    def planned(child: Child, scratch: Path, **extra: object) -> Outcome:
        allowed.append(child.options["max_cost"])
        return Outcome(child, True, "1", "", 0.0)

    run = SimpleNamespace(data=SimpleNamespace(usage={"cost_usd": 6.0}))
    monkeypatch.setattr(suite_plan, "run_child", planned)
    monkeypatch.setattr(suite_plan, "_eigenbench", lambda child, data: [])
    monkeypatch.setattr("metaflow.Run", lambda pathspec: run)
    suite: Any = SimpleNamespace(budget=10.0)
    found = plan_suite(suite, [Branch("eigenbench", (tuple(children),))], tmp_path)
    assert found.paid == {"eigenbench/a": 6.0, "eigenbench/b": 6.0}
    assert allowed == [10.0, 4.0]


def test_why_a_run_failed_is_read_from_its_log() -> None:
    log = """
    2026-05-04 10:00:00.000 [12/start/1 (pid 7)] Task is starting.
    2026-05-04 10:00:01.000 [12/start/1 (pid 7)] Plumbline:
    2026-05-04 10:00:01.000 [12/start/1 (pid 7)] there is no dataset at nowhere
    2026-05-04 10:00:01.000 [12/start/1 (pid 7)]
    2026-05-04 10:00:01.000 [12/start/1 (pid 7)] Task failed.
    2026-05-04 10:00:01.000 Workflow failed.
        Step failure:
        Step start (task-id 1) failed.
    """
    assert last_words(textwrap.dedent(log)) == "there is no dataset at nowhere"
    assert last_words("") == "it ended without a word"
    assert flow_name("val_bench_responses_flow.py") == "ValBenchResponsesFlow"
    assert flow_name("eigenbench_flow.py") == "EigenBenchFlow"


def test_bad_input_stops_before_anything_runs(scratch: Scratch) -> None:
    path = spec(scratch.folder, SMALL.replace("calibration: {}", "calibrate: {}"))
    run = scratch.run(FLOW, "run", "--spec", path)
    assert run.code != 0 and "unknown key 'calibrate'" in run.text and "Traceback" not in run.text
    assert not (scratch.folder / "evaluation_results").exists()


@pytest.mark.slow
def test_one_failing_benchmark_leaves_the_others_and_resume_finishes(scratch: Scratch) -> None:
    path = spec(
        scratch.folder,
        """
        name: pair
        models: [sim/steadfast, sim/agreeable]
        judges: [sim/judge]
        benchmarks:
          val_bench: {dataset_id: builtin:val_bench_pairs, limit: 8}
          steerability: {personas_path: mine, max_personas: 4}
        """,
    )
    run = scratch.run(FLOW, "run", "--spec", path, timeout=600)
    assert run.code != 0
    assert "1 of 4 runs failed, also when resumed" in run.text
    assert "steerability:" in run.text and "Traceback" not in run.text
    report = scratch.folder / "evaluation_results" / "pair" / "report"
    told = json.loads((report / "manifest.json").read_text())["runs"]
    assert {r["name"]: r["ok"] for r in told} == {
        "val_bench/responses": True,
        "val_bench/sim-steadfast-judge": True,
        "val_bench/sim-agreeable-judge": True,
        "steerability": False,
    }
    assert "steerability" in (report / "problems.csv").read_text()
    shutil.copytree(ROOT / "data" / "personas", scratch.folder / "mine")
    again = scratch.run(FLOW, "resume", timeout=600)
    assert again.code == 0, again.raw
    assert "Steerability" in again.text
    assert "val_bench/responses: run" not in again.text, "what is done is not run again"
    assert all(r["ok"] for r in json.loads((report / "manifest.json").read_text())["runs"])


@pytest.mark.slow
def test_plan_only_counts_every_benchmark_and_runs_nothing(scratch: Scratch) -> None:
    path = spec(scratch.folder, SMALL)
    run = scratch.run(FLOW, "run", "--spec", path, "--plan_only", timeout=600)
    assert run.code == 0, run.raw
    lines = {
        tuple(line.split()[:2]): line.split() for line in run.text.splitlines() if line.strip()
    }
    assert lines["val_bench/responses", "sim/steadfast"][3] == "16"
    assert lines["val_bench/sim-waverer-judge", "sim/judge"][3] == "16"
    assert any(key[0] == "eigenbench/2-liberty" for key in lines)
    assert lines["run", "model"][3] == "planned"
    assert "Nothing was run" in run.text
    assert not (scratch.folder / "evaluation_results").exists()


def test_stays_on_the_launchers_machine(scratch: Scratch) -> None:
    run = scratch.run(
        FLOW, "run", "--spec", "x.yaml", AWS_BATCH_JOB_ID="1", METAFLOW_DATATOOLS_S3ROOT="s3://b/d"
    )
    assert run.code != 0 and "Traceback" not in run.text
    assert "suite_flow runs the other flows from this machine: leave out --with batch" in run.text
