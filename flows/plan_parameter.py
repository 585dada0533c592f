"""`--plan_only`: the parameter of every flow that can tell what it would send."""

from __future__ import annotations

from metaflow import Parameter

from flows.base import PlumblineFlow


class PlanParameter(PlumblineFlow):
    """A flow with a plan."""

    plan_only = Parameter(
        "plan_only",
        help="print requests, tokens and cost; send nothing (EigenBench sends a small pilot)",
        is_flag=True,
        default=False,
    )
