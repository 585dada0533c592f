"""Tags on runs, by which the UI and the Client API find them: benchmark, models, judge, plans."""

from __future__ import annotations

import logging
import re
from typing import Any

log = logging.getLogger(__name__)

_BENCHMARKS = {
    "ValBenchResponsesFlow": "val_bench",
    "EvaluatorFlow": "val_bench",
    "EigenBenchFlow": "eigenbench",
    "SteerabilityFlow": "steerability",
    "PersonaDatasetFlow": "steerability",
    "CalibrationFlow": "calibration",
}
_MODEL_ARTIFACTS = ("model_id", "generator_model_id", "evaluated_model")
_JUDGE_ARTIFACTS = ("judge_model_id",)
_MOST = 40
_LONGEST = 200


def tags_of(flow: Any, flow_name: str) -> list[str]:
    """The tags of a run, read from its parameters and artifacts."""
    tags = [f"benchmark:{_BENCHMARKS[flow_name]}"] if flow_name in _BENCHMARKS else []
    tags += [f"model:{name}" for key in _MODEL_ARTIFACTS for name in _names(flow, key)]
    tags += [f"judge:{name}" for key in _JUDGE_ARTIFACTS for name in _names(flow, key)]
    tags += ["plan_only"] if getattr(flow, "plan_only", False) else []
    spec = getattr(flow, "run_spec", None)
    tags += [f"model:{model.id}" for model in getattr(spec, "models", ())]
    return [tag[:_LONGEST] for tag in dict.fromkeys(tags)][:_MOST]


def _names(flow: Any, key: str) -> list[str]:
    value = getattr(flow, key, None)
    return re.split(r"\s*,\s*", value.strip()) if isinstance(value, str) and value.strip() else []


def tag_run(flow: Any) -> None:
    """Tag the run of a flow that has started; a run that can't be tagged is as good as before.

    A remote task can do it only where there is a metadata service.
    """
    from metaflow import Run, current

    try:
        run = Run(f"{current.flow_name}/{current.run_id}", _namespace_check=False)
        run.add_tags(tags_of(flow, current.flow_name))
    except Exception as error:
        log.info("the run is not tagged: %s", error)
