"""The parameters of an EigenBench run, and where its results go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metaflow import Parameter

from flows.eigenbench_phases import EigenBenchPhases
from flows.naming import results_folder
from flows.plan_parameter import PlanParameter


class EigenBenchStart(EigenBenchPhases, PlanParameter):
    """The parameters of an EigenBench run, and what they and the spec lead to.

    Attributes:
        criteria: of the constitution.
        notes: sentences for the user.
        earlier: manifest of the finished run in the results folder, or {}.
        work, stages: a name for what is collected, and the sizes the ensemble had.
    """

    criteria: tuple[str, ...]
    notes: list[str]
    earlier: dict[str, Any]
    stages: list[int]

    spec = Parameter("spec", help="the run as YAML or JSON", required=True)
    evaluations_path = Parameter(
        "evaluations_path", help="analyse these judgements; asks nothing", default=""
    )
    num_criteria = Parameter("num_criteria", help="use so many criteria", type=int, default=None)
    procedure = Parameter("procedure", help="default or published", default="")
    dims = Parameter("dims", help="dimensions to fit, such as 2 or 1,2,3", default="")
    order_handling = Parameter("order_handling", help="model or ties", default="")
    n_bootstraps = Parameter("n_bootstraps", help="resamples (0: none)", type=int, default=None)
    bootstrap_unit = Parameter("bootstrap_unit", help="scenario or comparison", default="")
    batch_size = Parameter("batch_size", help="requests in flight for each model", default=128)

    def folder(self) -> Path:
        """The folder of this run's results."""
        spec = self.run_spec
        chosen = self.results_dir
        if not chosen and spec.output_dir:
            chosen = str(Path(spec.path).parent / spec.output_dir)
        return results_folder(chosen, f"{spec.name}/eigenbench")
