"""The suite's YAML, read and checked: models, judges, benchmarks, budget."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from flows.naming import RESULTS
from flows.suite_options import SpecError, check_options, only
from inference.models import resolve_all

BENCHMARKS = ("val_bench", "eigenbench", "steerability", "calibration")
TOP = ("name", "models", "judges", "inference_url", "budget", "benchmarks", "report", "asking")
REPORT_KEYS = ("title", "max_transcripts")
JUDGE_KEY = "judge"
"""Of the val_bench section: options of evaluator_flow."""
OURS = {
    "val_bench": (
        "model_id",
        "output_dataset_path",
        "results_dir",
        "max_cost",
        "inference_url",
        "plan_only",
    ),
    "evaluator": (
        "judge_model_id",
        "responses_ds_path",
        "output_dataset_path",
        "eval_output_ds_path",
        "results_dir",
        "max_cost",
        "inference_url",
        "plan_only",
    ),
    "steerability": ("model_id", "results_dir", "max_cost", "inference_url", "plan_only"),
    "calibration": (
        "judge_model_id",
        "output_dataset_path",
        "results_dir",
        "max_cost",
        "inference_url",
        "plan_only",
    ),
    "eigenbench": ("models", "name", "upload"),
    "asking": ("results_dir", "max_cost", "inference_url"),
}
"""Options that the suite sets itself."""


@dataclass(frozen=True)
class Suite:
    """A suite as it was read.

    Attributes:
        name: of its results folder.
        models, judges: ids.
        inference_url: "" for each model's own endpoint.
        budget: dollars for all runs together; 0 for none.
        benchmarks: options by benchmark; EigenBench may have several sections.
        report: title and size of the page.
        asking: options for every flow that asks models (store_path, request_timeout ...).
        path: of the file.
    """

    name: str
    models: tuple[str, ...]
    judges: tuple[str, ...]
    inference_url: str
    budget: float
    benchmarks: Mapping[str, list[dict[str, Any]]]
    report: Mapping[str, Any] = field(default_factory=dict)
    asking: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""

    @property
    def results(self) -> Path:
        """The folder of all results."""
        return RESULTS / self.name

    @property
    def scratch(self) -> Path:
        """Where logs and written specs go."""
        return Path("local_data") / "suites" / self.name


def load_suite(path: str) -> Suite:
    """Read a spec.

    Raises:
        SpecError: no such file, no YAML, an unknown key, or a value that makes no sense.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SpecError(f"there is no spec at {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"the spec {path} can't be read: {error}") from None
    except yaml.YAMLError as error:
        raise SpecError(f"the spec {path} is not YAML: {' '.join(str(error).split())}") from None
    return parse_suite(content, path)


def parse_suite(content: Any, path: str = "spec") -> Suite:
    """A suite from what a YAML file holds (see `load_suite`)."""
    if not isinstance(content, dict):
        raise SpecError(f"{path} holds no mapping; give models, judges and benchmarks")
    only(content, TOP, path)
    name = str(content.get("name") or Path(path).stem)
    if not re.fullmatch(r"[\w][\w.-]*", name):
        raise SpecError(
            f"{path}: the name {name!r} is no folder name; use letters, digits, - and _"
        )
    models = _ids(content.get("models"), f"{path}: models")
    judges = _ids(content.get("judges") or [], f"{path}: judges", needed=False)
    url = str(content.get("inference_url") or "")
    benchmarks = _benchmarks(content.get("benchmarks"), path)
    for benchmark in ("val_bench", "calibration"):
        if benchmark in benchmarks and not judges:
            raise SpecError(f"{path}: {benchmark} needs judges")
    resolve_all(",".join([*models, *judges]), url or None)
    report = _report(content.get("report") or {}, f"{path}: report")
    asking = _mapping(content.get("asking") or {}, f"{path}: asking")
    _not_ours(asking, "asking", f"{path}: asking")
    check_options(asking, "asking_parameters", f"{path}: asking")
    return Suite(
        name, models, judges, url, _budget(content, path), benchmarks, report, asking, path
    )


def _report(value: Any, where: str) -> dict[str, Any]:
    report = _mapping(value, where)
    only(report, REPORT_KEYS, where)
    most = report.get("max_transcripts", 0)
    if isinstance(most, bool) or not isinstance(most, int) or most < 0:
        raise SpecError(f"{where}: max_transcripts is {most!r}; give a number, 0 for all")
    return report


def _budget(content: Mapping[str, Any], path: str) -> float:
    budget = content.get("budget") or 0
    if (
        isinstance(budget, bool)
        or not isinstance(budget, int | float)
        or not 0 <= budget < math.inf
    ):
        raise SpecError(
            f"{path}: budget is {budget!r}; give dollars for the whole suite, 0 for none"
        )
    return float(budget)


def _ids(value: Any, where: str, needed: bool = True) -> tuple[str, ...]:
    ids = [value] if isinstance(value, str) else value
    if not isinstance(ids, list) or (needed and not ids):
        raise SpecError(f"{where}: give a list of model ids")
    if any(not isinstance(one, str) or not one.strip() or "," in one for one in ids):
        raise SpecError(f"{where}: each must be one model id")
    if len(set(ids)) < len(ids):
        twice = next(one for one in ids if ids.count(one) > 1)
        raise SpecError(f"{where}: {twice} stands there twice")
    return tuple(one.strip() for one in ids)


def _benchmarks(value: Any, path: str) -> dict[str, list[dict[str, Any]]]:
    sections = {name: {} for name in value} if isinstance(value, list) else value
    if not isinstance(sections, dict) or not sections:
        raise SpecError(f"{path}: benchmarks: choose from {', '.join(BENCHMARKS)}")
    only(sections, BENCHMARKS, f"{path}: benchmarks")
    chosen = {}
    for name, section in sections.items():
        where = f"{path}: {name}"
        parts = section if isinstance(section, list) else [section or {}]
        if name != "eigenbench" and len(parts) != 1:
            raise SpecError(f"{where}: only eigenbench may have several sections")
        chosen[name] = [_section(name, part, where) for part in parts]
    return chosen


def _section(name: str, section: Any, where: str) -> dict[str, Any]:
    options = _mapping(section or {}, where)
    _not_ours(options, name, where)
    if name == "eigenbench":
        return options
    if name == "val_bench":
        judge = _mapping(options.get(JUDGE_KEY) or {}, f"{where}: {JUDGE_KEY}")
        _not_ours(judge, "evaluator", f"{where}: {JUDGE_KEY}")
        check_options(judge, "evaluator", f"{where}: {JUDGE_KEY}")
        check_options(options, "val_bench_responses", where, JUDGE_KEY)
    else:
        check_options(options, name, where)
    return options


def _not_ours(options: Mapping[str, Any], name: str, where: str) -> None:
    for key in options:
        if key in OURS[name]:
            raise SpecError(f"{where}: {key} is set by the suite; leave it out")


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SpecError(f"{where}: give a mapping of options")
    return value
