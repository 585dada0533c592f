"""A small ensemble of simulated models, and the phases asked of it without a flow."""

from __future__ import annotations

import pyarrow as pa

from benchmarks.eigenbench.collection import Answered, Member, Panel
from benchmarks.eigenbench.plan import Plan
from benchmarks.eigenbench.work import KEYS, REFLECTIONS, RESPONSES, Work, cut, empty_texts
from inference.models import ModelRef
from inference.request import Request, Sampling
from inference.result import Failure, Result
from inference.simulated.tasks import respond

NAMES = ("kind one", "plain one", "curt one")
MODELS = ("eigen-0.9", "eigen-0.5", "eigen-0.2")
CRITERIA = ("Prefer kindness.", "Prefer honesty.", "Prefer patience.")
SCENARIOS = {7: "My neighbour asks for a loan.", 2: "My boss lies to me.", 5: "I lost a friend."}


def panel(names=NAMES, models=MODELS, **more) -> Panel:
    samplings = dict.fromkeys(KEYS, Sampling(temperature=1.0))
    members = [
        Member(name, ModelRef(f"sim/{model}", "simulated", model), samplings)
        for name, model in zip(names, models, strict=True)
    ]
    return Panel(tuple(members), CRITERIA, **more)


def scenario_table() -> pa.Table:
    return pa.table({"scenario_index": list(SCENARIOS), "scenario": list(SCENARIOS.values())})


def rows_of(plan: Plan, phase: str) -> pa.Table:
    frame = getattr(plan, phase)
    return pa.table({name: pa.array(frame[name], pa.int64()) for name in KEYS[phase]})


def simulated(request: Request) -> Result:
    """What the simulated provider answers."""
    text = respond(
        request.model.name,
        request.messages,
        temperature=request.sampling.temperature or 0.0,
        sample=request.sample,
    )
    return Result(request.key, request.model.label, content=text)


def failed(request: Request, failure: Failure = Failure.FILTERED) -> Result:
    return Result(request.key, request.model.label, failure, detail="no")


def ask_phase(
    asked: Panel, plan: Plan, phase: str, done: dict[str, pa.Table], parts=1, answer=simulated
) -> list[tuple[Work, Answered]]:
    """One phase in `parts` slices."""
    said, thought = (done.get(name, empty_texts(name)) for name in (RESPONSES, REFLECTIONS))
    works = cut(phase, rows_of(plan, phase), scenario_table(), said, thought, parts)
    return [(part, asked.answered(part, map(answer, asked.requests(part)))) for part in works]


def ask_everything(asked: Panel, plan: Plan, phases, parts=1, answer=simulated):
    """All phases, one after another; tables by phase."""
    done: dict[str, pa.Table] = {}
    for phase in phases:
        answered = ask_phase(asked, plan, phase, done, parts, answer)
        done[phase] = pa.concat_tables([part.table for _, part in answered])
    return done
