"""`--plan_only`: the parameter of every flow that can tell what it would send."""

from __future__ import annotations

from metaflow import Parameter

from flows.base import PlumblineFlow
from inference.errors import MissingKey
from inference.models import ModelRef, check_keys


def check_keys_for(models: list[ModelRef], sends: bool) -> None:
    """Refuse missing keys; where nothing is sent, only say that a run will want them.

    Raises:
        MissingKey, PlumblineError: see `inference.models.check_keys`.
    """
    try:
        check_keys(models)
    except MissingKey as error:
        if sends:
            raise
        print(f"Before a run: {error}")


class PlanParameter(PlumblineFlow):
    """A flow with a plan."""

    plan_only = Parameter(
        "plan_only",
        help="print requests, tokens and cost; send nothing (EigenBench sends a small pilot)",
        is_flag=True,
        default=False,
    )
