"""The runs of flows that a suite means: which, in what order, with which options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.eigenbench.spec_file import parse_spec
from flows.base import ROOT
from flows.naming import judge_slug
from flows.suite_spec import JUDGE_KEY, Suite
from inference.models import resolve_all


class Child(NamedTuple):
    """One run of one flow.

    Attributes:
        name: unique in the suite.
        entry: the flow's entry file.
        options: its parameters; True for a flag.
        results: folder of its results, "" where it leaves none of its own.
        models: ids of the models it pays for.
        benchmark: for the plan.
    """

    name: str
    entry: str
    options: dict[str, Any]
    results: str
    models: tuple[str, ...]
    benchmark: str


class Branch(NamedTuple):
    """Runs that belong together: stages one after another, the runs of a stage side by side."""

    name: str
    stages: tuple[tuple[Child, ...], ...]


def branches_of(suite: Suite) -> list[Branch]:
    """Every run of the suite, in branches that do not depend on each other."""
    builders = {
        "val_bench": _val_bench,
        "eigenbench": _eigenbench,
        "steerability": _steerability,
        "calibration": _calibration,
    }
    both = {"val_bench", "calibration"} <= set(suite.benchmarks)
    return [
        builders[name](suite, number, section)
        for name, sections in suite.benchmarks.items()
        for number, section in enumerate(sections)
        if not (both and name == "calibration")
    ]


def _shared(suite: Suite) -> dict[str, Any]:
    """Options of every flow that asks models."""
    url = {"inference_url": suite.inference_url} if suite.inference_url else {}
    return {**suite.asking, **url}


def _val_bench(suite: Suite, _: int, section: dict[str, Any]) -> Branch:
    """Responses of all models once, then every judge on every model's.

    Where judges are calibrated too, that comes first: the evaluations then carry their reports.
    """
    own = {key: value for key, value in section.items() if key != JUDGE_KEY}
    judging = dict(section.get(JUDGE_KEY) or {})
    responses = f"local_results/{suite.name}/responses/val"
    options = {
        **_shared(suite),
        **own,
        "model_id": ",".join(suite.models),
        "output_dataset_path": responses,
    }
    first = [
        Child(RESPONSES, "val_bench_responses_flow.py", options, "", suite.models, "val_bench")
    ]
    if "calibration" in suite.benchmarks:
        # A judge is calibrated as it will judge, or its report would be refused.
        asked = {key: value for key, value in judging.items() if key in _HOW_JUDGES_ARE_ASKED}
        first.append(_calibration_run(suite, {**asked, **suite.benchmarks["calibration"][0]}))
    suffix = "-thinking" * bool(own.get("enable_thinking"))
    suffix += "-websearch" * bool(own.get("enable_web_search"))
    judged = tuple(
        _evaluation(suite, judging, f"{responses}-{model.slug}{suffix}", model.slug, judge)
        for judge in suite.judges
        for model in resolve_all(",".join(suite.models), suite.inference_url or None)
    )
    return Branch("val_bench", (tuple(first), judged))


RESPONSES = "val_bench/responses"
"""The run whose output every evaluation reads."""
_HOW_JUDGES_ARE_ASKED = frozenset({"judge_prompt_path", "temperature", "top_p", "max_tokens"})


def _evaluation(
    suite: Suite, options: dict[str, Any], responses: str, model: str, judge: str
) -> Child:
    name = f"val_bench/{model}-{judge_slug(judge)}"
    report = {}
    if "calibration" in suite.benchmarks and "judge_report" not in options:
        report = {"judge_report": judge_report_of(suite, judge)}
    return Child(
        name,
        "evaluator_flow.py",
        {
            **_shared(suite),
            **options,
            **report,
            "judge_model_id": judge,
            "responses_ds_path": responses,
            "output_dataset_path": f"local_results/{suite.name}/judged/{model}",
            "results_dir": str(suite.results / name),
        },
        str(suite.results / name),
        (judge,),
        "val_bench",
    )


def judge_report_of(suite: Suite, judge: str) -> str:
    """Where calibration_flow leaves the report of a judge."""
    folder = suite.results / "calibration"
    return str(folder / f"{judge_slug(judge)}-calibration" if len(suite.judges) > 1 else folder)


def _eigenbench(suite: Suite, number: int, section: dict[str, Any]) -> Branch:
    """The ensemble on one constitution; its spec is written when it runs."""
    constitution = section.get("constitution") or {}
    place = constitution.get("path") if isinstance(constitution, dict) else constitution
    many = len(suite.benchmarks["eigenbench"]) > 1
    name = f"eigenbench/{number + 1}-{Path(str(place or 'run')).stem}" if many else "eigenbench"
    spec = {**section, "name": suite.name, "models": {model: model for model in suite.models}}
    for key in ("dataset", "constitution"):
        if key in spec:
            spec[key] = _found(spec[key], suite)
    parse_spec(spec, Path(suite.path or "spec"))
    child = Child(
        name,
        "eigenbench_flow.py",
        {**_shared(suite), "spec": spec, "results_dir": str(suite.results / name)},
        str(suite.results / name),
        suite.models,
        "eigenbench",
    )
    return Branch(name, ((child,),))


def _found(value: Any, suite: Suite) -> Any:
    """A path of an EigenBench section, looked up beside the suite's spec and where it is run.

    The written spec lies elsewhere. What the project itself holds, and what is no file, stays.
    """
    if isinstance(value, Mapping):
        return {k: _found(v, suite) if k == "path" else v for k, v in value.items()}
    if not isinstance(value, str) or (ROOT / value).exists():
        return value
    for place in (Path(suite.path).parent / value, Path(value)):
        if place.exists():
            return str(place.resolve())
    return value


def _steerability(suite: Suite, _: int, section: dict[str, Any]) -> Branch:
    where = str(suite.results / "steerability")
    options = {
        **_shared(suite),
        **section,
        "model_id": ",".join(suite.models),
        "results_dir": where,
    }
    child = Child(
        "steerability", "steerability_flow.py", options, where, suite.models, "steerability"
    )
    return Branch("steerability", ((child,),))


def _calibration(suite: Suite, _: int, section: dict[str, Any]) -> Branch:
    return Branch("calibration", ((_calibration_run(suite, section),),))


def _calibration_run(suite: Suite, section: dict[str, Any]) -> Child:
    where = str(suite.results / "calibration")
    options = {
        **_shared(suite),
        **section,
        "judge_model_id": ",".join(suite.judges),
        "output_dataset_path": f"local_results/{suite.name}/calibration",
        "results_dir": where,
    }
    return Child("calibration", "calibration_flow.py", options, where, suite.judges, "calibration")


def children_of(branches: Sequence[Branch]) -> list[Child]:
    """All runs, branch by branch."""
    return [child for branch in branches for stage in branch.stages for child in stage]
