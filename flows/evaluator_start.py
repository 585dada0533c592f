"""How an evaluation begins: its parameters, its judge, its judge's report, the names of things."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaflow import Parameter

from flows.files import file_parameter
from flows.manifest import fingerprint, hash_of, merge_usage
from flows.naming import claim_results, judge_slug, results_folder
from flows.outputs import check_output
from flows.plan_figures import VERDICT_TOKENS
from flows.planning import PlanningFlow
from inference import PlumblineError, Sampling
from inference.rules import effective
from tables.columns import checked
from tables.places import manifest_of, read_table, standing, work_of
from tables.rows import Rows, slices

if TYPE_CHECKING:
    from benchmarks.val_bench.judging import Judge
    from calibration.asked import Asked

PROMPT_COLUMNS = (
    "issue_description",
    "for_question",
    "against_question",
    "for_response",
    "against_response",
)


class EvaluatorStart(PlanningFlow):
    """Everything that is settled before anything is sent.

    Attributes:
        judge: how the judge is asked.
        judged_path: the judged dataset, which is written, or measured again.
        dataset_fingerprint, evaluated_model: of the responses.
        simulated: whether a simulated model had a hand in it.
        calibrated: the judge's report, None without one.
        num_requests: verdicts to ask for.
    """

    judge: Judge
    judged_path: str
    dataset_fingerprint: str
    evaluated_model: str
    simulated: bool
    calibrated: Any
    num_requests: int

    responses_ds_path = Parameter(
        "responses_ds_path", help="responses: folder, s3://, Hub id, builtin:", default=""
    )
    judge_model_id = Parameter("judge_model_id", help="judge", default="google/gemma-3-27b-it")
    judge_prompt_path = file_parameter(
        "judge_prompt_path", help="your own rubric instead of judges/prompts/stance.md"
    )
    batch_size = Parameter("batch_size", help="requests in flight", default=512)
    reverse_pair_order = Parameter(
        "reverse_pair_order", help="show the against side first", is_flag=True, default=False
    )
    both_orders = Parameter("both_orders", help="judge both orders", is_flag=True, default=False)
    eval_output_ds_path = Parameter(
        "eval_output_ds_path", help="measure this judged dataset; asks nothing", default=""
    )
    output_dataset_path = Parameter(
        "output_dataset_path",
        help="where the judged dataset goes: the judge's name and -evaluation are appended "
        "(default: local_results/<name of the responses, without val_responses->)",
        default="",
    )
    judge_report = Parameter(
        "judge_report", help="report of calibration_flow on this judge: file or folder", default=""
    )
    temperature = Parameter("temperature", help="of the judge", default=0.1)
    top_p = Parameter("top_p", help="of the judge", default=0.9)
    max_tokens = Parameter("max_tokens", help="longest verdict", default=2048)
    n_resamples = Parameter("n_resamples", help="bootstrap resamples of articles", default=1000)

    def begin(self) -> Any:
        """Load and check the responses, the judge, its key, its report and the output path.

        Returns the responses.

        Raises:
            PlumblineError: something of it can't be; nothing has been sent.
        """
        self.check_asking()
        self.check_given()
        source = self.eval_output_ds_path or self.responses_ds_path
        if not source:
            raise PlumblineError("give --responses_ds_path, or --eval_output_ds_path to re-analyse")
        responses = self.responses()
        self.dataset_fingerprint = fingerprint(responses, PROMPT_COLUMNS)
        self.evaluated_model = model_of(responses, source)
        self.simulated = self.evaluated_model.startswith("sim/")
        self.judge = self.make_judge()
        self.usage = merge_usage([])
        self.judged_path = source
        if not self.eval_output_ds_path:
            self.check_models([self.judge.model])
            slug = judge_slug(self.judge_model_id)
            self.judged_path = standing(f"{self.output_place()}-{slug}-evaluation")
            check_output(self, self.judged_path, self.work())
        claim_results(self.folder(), self.results_work())
        self.calibrated = self.fitting_report(responses)
        return responses

    def check_given(self) -> None:
        """Refuse parameters that measuring again would leave aside.

        Raises:
            PlumblineError: one was given.
        """
        given = [
            f"--{name}"
            for name in ("responses_ds_path", "output_dataset_path")
            if getattr(self, name)
        ]
        if self.eval_output_ds_path and given:
            raise PlumblineError(
                "--eval_output_ds_path only measures a judged dataset again: "
                f"leave out {' and '.join(given)}, or leave it out to judge"
            )

    def output_place(self) -> str:
        """Where the judged dataset goes, before the judge's name is appended."""
        return self.output_dataset_path or output_of(self.responses_ds_path)

    def choose_way(self) -> str:
        """Measure what is judged already, judge here or in several tasks, or tell the plan only."""
        if self.eval_output_ds_path and not self.plan_only:
            return "measure"
        return super().choose_way()

    def plan_judging(self, responses: Any) -> None:
        """What judging the responses would send; measuring again sends nothing."""
        if self.eval_output_ds_path:
            self.make_plan([], [], VERDICT_TOKENS)
            return
        _, parts = self.parts_of(responses)
        tasks = (self.judge.requests(rows.table) for rows in parts)
        self.make_plan([self.judge.model], tasks, VERDICT_TOKENS)

    def parts_of(self, responses: Any) -> tuple[int, list[Rows]]:
        """How many requests the responses take, and their rows cut into shards."""
        requests = self.judge.count(responses)
        return requests, slices(responses, self.shards_for(max(1, requests)))

    def responses(self) -> Any:
        """The checked responses."""
        from benchmarks.val_bench.responses import RESPONSE_COLUMNS

        source = self.eval_output_ds_path or self.responses_ds_path
        return checked(read_table(source), RESPONSE_COLUMNS, source)

    def make_judge(self) -> Judge:
        """How the judge is asked."""
        from benchmarks.val_bench.judging import FORWARD, REVERSED, Judge
        from flows.rubric import checked_rubric

        model = self.model_of(self.judge_model_id)
        asked = Sampling(temperature=self.temperature, top_p=self.top_p, max_tokens=self.max_tokens)
        orders: tuple[str, ...] = (REVERSED,) if self.reverse_pair_order else (FORWARD,)
        if self.both_orders:
            orders = (FORWARD, REVERSED)
        rubric = checked_rubric(self.judge_prompt_path)
        return Judge(model, effective(model, asked), orders, rubric, fresh=self.fresh_id())

    def fitting_report(self, responses: Any) -> Any:
        """The report of this judge, asked so with this rubric; None where none is given.

        Raises:
            PlumblineError: there is none at that place, or it does not fit.
        """
        if not self.judge_report:
            return None
        from calibration.applied import fitting
        from flows.judge_report import read_report

        return fitting(read_report(self.judge_report), self.asked(responses))

    def asked(self, responses: Any) -> Asked:
        """How the verdicts are asked for; or were, where a judged dataset is measured again."""
        from calibration.asked import Asked, asked_of
        from calibration.manners import manner_of_orders

        if self.eval_output_ds_path:
            return asked_of(responses, manifest_of(self.eval_output_ds_path))
        judge = self.judge
        manner, rubric = manner_of_orders(judge.orders), hash_of(judge.template)
        return Asked(judge.model.label, manner, rubric, judge.sampling)

    def work(self) -> str:
        """A name for this work: the same judge on the same responses in the same way."""
        return hash_of("evaluator", replace(self.judge, fresh=""), self.dataset_fingerprint)

    def results_work(self) -> str:
        """A name for what the results folder will hold; measuring again is the same work."""
        measured = work_of(self.judged_path) if self.eval_output_ds_path else self.work()
        return measured or hash_of("imported", self.judged_path, self.dataset_fingerprint)

    def folder(self) -> Path:
        """The folder of this run's results."""
        if self.eval_output_ds_path:
            name = Path(self.eval_output_ds_path).name.removesuffix("-evaluation")
        else:
            name = f"{Path(self.output_place()).name}-{judge_slug(self.judge_model_id)}"
        return results_folder(self.results_dir, name)


def output_of(responses: str) -> str:
    """Where verdicts on these responses go unless told: one place for each model's responses."""
    name = re.split(r"[/:]", responses.rstrip("/"))[-1]
    name = re.sub(r"\.(jsonl?|csv|parquet|arrow)$", "", name).removeprefix("val_responses-")
    return f"local_results/{name.strip('.') or 'val'}"


def model_of(responses: Any, source: str) -> str:
    """Who answered: the `model` column where there is one, else the dataset's name."""
    if "model" in responses.column_names:
        names = {str(name) for name in responses["model"].unique().to_pylist() if name}
        if names:
            return ", ".join(sorted(names))
    return source.rstrip("/").rsplit("/", 1)[-1]
