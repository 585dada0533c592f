"""The mutator fills in what a step leaves open, and pins the environment only where asked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ENV = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "USERNAME": "tester"}

FLOW_DECORATORS = """
import json, sys
sys.argv = ["x", *{argv!r}]
sys.path.insert(0, {root!r})
from metaflow.user_decorators.mutable_flow import MutableFlow
from evaluator_flow import EvaluatorFlow
from flows.base import HouseRules
flow = MutableFlow(EvaluatorFlow, pre_mutate=True, inserted_by=["test"])
HouseRules().pre_mutate(flow)
print(json.dumps({{spec[0]: spec[3] for spec in flow.decorator_specs}}, default=str))
"""


def run(*words: str) -> str:
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, env=ENV)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def steps() -> dict[str, str]:
    """The decorators of each step of the evaluator, as Metaflow sees them."""
    raw = run(str(ROOT / "evaluator_flow.py"), "output-raw")
    return dict(re.findall(r"^\[(\w+) .*?decorators=([^\n]*)", raw, re.DOTALL | re.MULTILINE))


def test_every_step_has_resources_and_a_time_limit(steps: dict[str, str]) -> None:
    assert len(steps) >= 6
    for name, decorators in steps.items():
        assert re.search(r"resources<.*memory=\d{4}", decorators), name
        assert "hours=24" in decorators, name


def test_only_asking_steps_are_retried(steps: dict[str, str]) -> None:
    for name, decorators in steps.items():
        assert ("retry<" in decorators) == name.startswith("ask"), name
    assert "minutes_between_retries=0" in steps["ask"]


@pytest.mark.parametrize("argv", [["--environment=pypi", "run"], ["--environment", "pypi", "run"]])
def test_the_environment_is_pinned_when_asked(argv: list[str]) -> None:
    found = json.loads(run("-c", FLOW_DECORATORS.format(root=str(ROOT), argv=argv)))
    packages = found["pypi_base"]["packages"]
    pinned = re.findall(r"^([\w-]+)==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert packages == dict(pinned)


def test_a_plain_run_is_not_pinned() -> None:
    found = json.loads(run("-c", FLOW_DECORATORS.format(root=str(ROOT), argv=["run"])))
    assert "pypi_base" not in found


def test_the_step_that_holds_local_models_has_a_gpu_and_one_try(steps: dict[str, str]) -> None:
    assert "gpu=1" in steps["ask_local"] and "memory=32768" in steps["ask_local"]
    assert re.search(r"retry<[^>]*times=0", steps["ask_local"])
    assert "gpu=1" not in steps["ask"]
