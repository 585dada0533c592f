"""A user's class that answers by itself: prepared once, kept in the store, failures named."""

from __future__ import annotations

import gc
import sys
import types
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.steerability.conditions import conditions
from benchmarks.steerability.plan import make_plan
from benchmarks.steerability.records import answers_table
from benchmarks.steerability.splits import split
from benchmarks.steerability.survey import Survey, Systems
from benchmarks.steerability.systems import SteeredSystem
from flows.own_systems import ask_own_systems
from inference.request import Sampling
from inference.store import open_store
from tests.benchmarks.steerability.worlds import world

CALLS: Counter[str] = Counter()


class Learner(SteeredSystem):
    """Remembers what it was steered with, and says how often it was called."""

    def __init__(self, persona, learned=None):
        self.persona, self.learned = persona, learned

    async def prepare(self):
        CALLS["prepare"] += 1
        self.learned = self.persona.persona_id
        if self.learned == "p002":
            raise RuntimeError("out of memory")

    async def answers(self, items):
        CALLS["answers"] += 1
        if self.learned == "p001" and CALLS["answers"] > 3 and CALLS["broken"]:
            raise KeyboardInterrupt
        return {item.text_id: "gladly" in item.statement for item in items}

    def save_state(self):
        return {"learned": self.learned}


class Own:
    name = "own"

    def __init__(self, depth=1):
        self.depth = depth

    def steer(self, persona, observations):
        return Learner(persona)

    def restore(self, persona, observations, state):
        CALLS["restore"] += 1
        return Learner(persona, state["learned"])


@pytest.fixture
def survey(monkeypatch):
    module = types.ModuleType("learners")
    vars(module).update(Own=Own)
    monkeypatch.setitem(sys.modules, "learners", module)
    CALLS.clear()
    systems = Systems.load(["learners:Own"], {}, 42)
    plan = make_plan(split(world(4, 8), 4), conditions(["own"], (4,), baseline=False), batch_size=5)
    return Survey(None, Sampling(), plan, systems)


def ask(survey, folder: Path):
    return ask_own_systems(survey, survey.plan.shards(), open_store(str(folder)))


def test_answers_and_named_failures(survey, tmp_path):
    table = answers_table(survey.plan, survey.label, ask(survey, tmp_path))
    lost = table[table["answer"].isna()]
    assert set(lost["steered_persona"]) == {"p002"}
    assert set(lost["reason"]) == {"system_error: RuntimeError: out of memory"}
    assert table["correct"].dropna().mean() > 0.9


def test_a_second_run_prepares_and_answers_nothing_twice(survey, tmp_path):
    first = ask(survey, tmp_path)
    calls = dict(CALLS)
    assert calls["prepare"] == 4
    assert ask(survey, tmp_path) == first
    # The persona that failed is tried again, and only that one.
    assert CALLS["answers"] == calls["answers"] and CALLS["prepare"] == 5


def test_after_a_break_the_saved_state_is_restored(survey, tmp_path):
    CALLS["broken"] = 1
    with pytest.raises(KeyboardInterrupt):
        ask(survey, tmp_path)
    gc.collect()  # of the tasks that were torn down, here and not inside some later test
    CALLS["broken"] = 0
    prepared = CALLS["prepare"]
    answers = ask(survey, tmp_path)
    assert CALLS["restore"] >= 1 and CALLS["prepare"] <= prepared + 1
    assert sum(a.answer is None for a in answers) == sum(
        a.steered_persona == "p002" for a in answers
    )


def test_other_observations_or_config_are_other_work(survey, tmp_path, monkeypatch):
    ask(survey, tmp_path)
    before = CALLS["prepare"]
    other = Survey(None, Sampling(), survey.plan, Systems.load(["learners:Own"], {"depth": 2}, 42))
    ask(other, tmp_path)
    assert CALLS["prepare"] == before + 4
