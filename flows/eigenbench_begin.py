"""How an EigenBench run starts: spec, criteria, scenarios, plan, responses at hand, judgements.

What these functions read, check and draw becomes artifacts of the flow that they are given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.eigenbench import sources, work
from benchmarks.eigenbench.ensemble import make_panel
from benchmarks.eigenbench.forecast import pilot_plan
from benchmarks.eigenbench.spec import Spec
from benchmarks.eigenbench.spec_file import load_spec, override
from flows import eigenbench_inputs as inputs_of
from flows.asking_parameters import REQUESTS_PER_SHARD
from flows.eigenbench_phases import ONLY_RESPONSES, TRAIN
from flows.manifest import merge_usage
from flows.parent import is_remote
from flows.remote import check_outlives
from inference import PlumblineError
from tables.rows import Rows


def begin(flow: Any) -> None:
    """Read the spec and all it names, draw the plan, check models, keys and folders.

    Raises:
        PlumblineError: something of it can't be; nothing has been sent.
    """
    flow.check_asking()
    flow.run_spec = _read_spec(flow)
    flow.mode = inputs_of.mode_of(flow.run_spec, flow.evaluations_path)
    flow.notes = list(flow.run_spec.notes)
    flow.criteria = _read_criteria(flow)
    flow.collected, flow.usage, flow.spent = {}, merge_usage([]), merge_usage([])
    flow.earlier = inputs_of.earlier_manifest(flow.folder())
    if flow.mode == TRAIN:
        _take_judgements(flow)
    else:
        _draw_plan(flow)
    for note in flow.notes:
        print(f"Note: {note}")
    flow.route = _choose_route(flow)


def _read_spec(flow: Any) -> Spec:
    """The spec with the command line's words in place of its own."""
    path = Path(flow.spec)
    if not path.exists() and (sources.REPO / path).exists():
        path = sources.REPO / path
    return override(
        load_spec(path),
        flow.num_criteria,
        flow.procedure,
        flow.dims,
        flow.order_handling,
        flow.n_bootstraps,
        flow.bootstrap_unit,
    )


def _read_criteria(flow: Any) -> tuple[str, ...]:
    """The constitution's criteria, so many as are wanted."""
    wanted = flow.run_spec.num_criteria
    criteria = sources.load_criteria(flow.run_spec.constitution, wanted, flow.run_spec.path)
    if wanted is not None and len(criteria) < wanted:
        flow.notes.append(
            f"num_criteria is {wanted}, but {flow.run_spec.constitution} has {len(criteria)}"
        )
    return criteria


def _take_judgements(flow: Any) -> None:
    """Read the judgements to analyse into an artifact; no model is needed."""
    place = flow.evaluations_path
    if not place:
        place = sources.find(flow.run_spec.evaluations_path, flow.run_spec.path)
    elif not Path(place).exists():
        place = sources.find(place, flow.run_spec.path)
    lines = [inputs_of.as_line(record) for record in sources.load_judgements(place)]
    flow.evaluations = inputs_of.judgements_name(lines)
    inputs_of.claim_imported(flow.evaluations, flow.folder())
    flow.work = flow.earlier.get("work", f"imported-{flow.evaluations}")
    flow.imported = Rows(pa.table({"line": pa.array(lines, pa.large_string())}))
    flow.imported_from = place
    flow.simulated = any(model.id.startswith("sim/") for model in flow.run_spec.models)


def _draw_plan(flow: Any) -> None:
    """Load scenarios and responses at hand, draw the plan, check everything it needs."""
    spec = flow.run_spec
    if flow.plan_only and flow.fresh:
        raise PlumblineError(
            "--plan_only sends a pilot, which a run with --fresh would pay for again: "
            "leave --fresh out of the plan"
        )
    flow.panel = make_panel(spec, flow.criteria, flow.model_of, flow.fresh_id())
    flow.check_models([member.model for member in flow.panel.members])
    flow.simulated = any(m.model.provider == "simulated" for m in flow.panel.members)
    every = sources.load_scenarios(spec.dataset, spec.path)
    chosen = sources.select(every, spec.dataset)
    flow.scenarios = Rows(
        pa.table({"scenario_index": list(chosen), "scenario": list(chosen.values())})
    )
    flow.work = inputs_of.work_name(spec, flow.criteria, every)
    only_responses = flow.mode == ONLY_RESPONSES
    flow.stages = [len(spec.models)]
    if not only_responses:
        flow.stages = inputs_of.stages_of(spec, flow.work, flow.folder())
    plan = inputs_of.draw_plan(spec, list(chosen), flow.stages)
    flow.plan = inputs_of.responses_plan(plan, list(chosen)) if only_responses else plan
    flow.notes += plan.notes
    flow.asked_plan = pilot_plan(flow.plan) if flow.plan_only else flow.plan
    _take_cached_responses(flow, chosen)
    flow.copy_to = "" if flow.plan_only else _place_of_copy(flow)


def _take_cached_responses(flow: Any, chosen: dict[int, str]) -> None:
    """Responses at hand, as far as the plan needs them."""
    spec = flow.run_spec
    flow.cached, flow.cache_path = Rows(work.empty_texts(work.RESPONSES)), ""
    if not spec.cached_responses_path:
        return
    flow.cache_path = sources.place_to_write(spec.cached_responses_path, spec.path)
    check_outlives(flow.cache_path, "collection.cached_responses_path")
    if spec.overwrite_cached_responses or not len(sources.cached_entries(flow.cache_path)):
        return
    table, aside = sources.load_cached_responses(flow.cache_path, chosen, spec.names)
    flow.cached = Rows(inputs_of.cached_in_plan(flow.plan, table))
    flow.notes.append(
        f"{len(flow.cached):,} responses come from {spec.cached_responses_path}; "
        f"{aside:,} there are for other scenarios or models"
    )


def _place_of_copy(flow: Any) -> str:
    """Where the spec wants a copy of the judgements, if nothing else is there.

    Raises:
        PlumblineError: the file holds other judgements.
    """
    spec = flow.run_spec
    if not spec.evaluations_path or flow.mode == ONLY_RESPONSES or is_remote():
        return ""  # the results folder has them; a remote task's own folder ends with it
    path = Path(spec.path).parent / spec.evaluations_path
    if path.exists():
        lines = (inputs_of.as_line(r) for r in sources.load_judgements(str(path)))
        if inputs_of.judgements_name(lines) != flow.earlier.get("evaluations"):
            raise PlumblineError(
                f"collection.evaluations_path {spec.evaluations_path} holds other judgements; "
                "move it away, or analyse it with --evaluations_path"
            )
    return str(path)


def _choose_route(flow: Any) -> str:
    """One task for all phases, or shards of each; nothing to ask goes straight on."""
    if flow.mode == TRAIN:
        return "measure"
    if flow.local_models:
        return "here"
    if flow.plan_only:
        return "in_turn"
    most = max(len(getattr(flow.plan, phase)) for phase in flow.phases())
    return "shards" if flow.num_shards > 1 or most > REQUESTS_PER_SHARD else "in_turn"
