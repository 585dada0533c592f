"""How a calibration begins: its parameters, its judges, what they read, the names of things."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaflow import Parameter

from flows.calibration_plan import Plan, Shard, Sitting
from flows.files import file_parameter
from flows.manifest import fingerprint
from flows.naming import claim_results, results_folder
from flows.plan_figures import VERDICT_TOKENS
from flows.planning import PlanningFlow
from inference import PlumblineError, Sampling
from inference.rules import effective
from tables.places import check_writable
from tables.rows import Rows, slices

if TYPE_CHECKING:
    from benchmarks.val_bench.judging import Judge

MOST_REPEATS = 100
"""Each reading asks every known-answer pair anew: more of them only cost."""


class CalibrationStart(PlanningFlow):
    """Everything that is settled before anything is sent.

    Attributes:
        plan: who reads what, how often.
        labels: of people, None without.
        trust: scores of models from an EigenBench run, None without.
        accuracies: of judges that were calibrated earlier, by id.
        datasets: places of the judged datasets.
    """

    plan: Plan
    labels: Any
    trust: Mapping[str, float] | None
    accuracies: Mapping[str, Any]
    datasets: list[str]

    judge_model_id = Parameter(
        "judge_model_id", help="judge, or several for a jury", default="google/gemma-3-27b-it"
    )
    judge_prompt_path = file_parameter(
        "judge_prompt_path", help="your own rubric instead of judges/prompts/stance.md"
    )
    calibration_sets = Parameter(
        "calibration_sets",
        help="known-answer sets, comma-separated; 'published' for those on the Hub; else built-in",
        default="",
    )
    num_repeats = Parameter("num_repeats", help="readings of each known-answer pair", default=3)
    both_orders = Parameter(
        "both_orders",
        help="report on the mean of both orders, as the evaluator's flag",
        is_flag=True,
        default=False,
    )
    responses_ds_path = Parameter(
        "responses_ds_path", help="responses to judge too, comma-separated", default=""
    )
    limit = Parameter("limit", help="first so many pairs of each responses dataset", default=0)
    human_labels = file_parameter("human_labels", help="CSV of labels by people")
    export_for_labelling = Parameter(
        "export_for_labelling", help="write a sheet of so many pairs for people", default=0
    )
    eigenbench_results = Parameter(
        "eigenbench_results", help="folder of an EigenBench run, for its trust scores", default=""
    )
    other_reports = Parameter(
        "other_reports", help="earlier judge reports, to compare with trust scores", default=""
    )
    output_dataset_path = Parameter(
        "output_dataset_path",
        help="where judged datasets go; names are appended",
        default="local_results/calibration",
    )
    batch_size = Parameter("batch_size", help="requests in flight for each judge", default=512)
    temperature = Parameter("temperature", help="of the judge", default=0.1)
    top_p = Parameter("top_p", help="of the judge", default=0.9)
    max_tokens = Parameter("max_tokens", help="longest verdict", default=2048)
    n_resamples = Parameter("n_resamples", help="bootstrap resamples", default=2000)

    def begin(self) -> list[Any]:
        """Load and check everything; returns the tables that are judged.

        Raises:
            PlumblineError: something of it can't be; nothing has been sent.
        """
        from flows.calibration_inputs import read_accuracies, read_labels, read_trust

        self.check_settings()
        judges = self.make_judges()
        targets = self.load_targets()
        prints = {name: fingerprint(table) for name, table in targets.items()}
        self.plan = Plan(judges, self.num_repeats, prints, self.output_dataset_path)
        judged = list(targets.values())
        self.labels = read_labels(self.human_labels, judged[1:] or judged)
        self.trust = read_trust(self.eigenbench_results)
        self.accuracies = read_accuracies(self.other_reports)
        self.check_places()
        return judged

    def check_settings(self) -> None:
        """Refuse impossible settings."""
        self.check_asking()
        for name, least in (("num_repeats", 1), ("n_resamples", 100)):
            if getattr(self, name) < least:
                value = getattr(self, name)
                raise PlumblineError(f"--{name} is {value}; it must be {least} or more")
        if self.num_repeats > MOST_REPEATS:
            raise PlumblineError(
                f"--num_repeats is {self.num_repeats}; it must be {MOST_REPEATS} or less"
            )
        if not self.output_dataset_path.strip():
            raise PlumblineError("--output_dataset_path is empty; give a folder, s3:// or a Hub id")
        for name in ("limit", "export_for_labelling"):
            if getattr(self, name) < 0:
                raise PlumblineError(f"--{name} is {getattr(self, name)}; it can't be negative")

    def make_judges(self) -> tuple[Judge, ...]:
        """How each judge is asked."""
        from benchmarks.val_bench.judging import FORWARD, REVERSED, Judge
        from flows.rubric import checked_rubric

        models = self.models_of(self.judge_model_id)
        self.check_models(models)
        asked = Sampling(temperature=self.temperature, top_p=self.top_p, max_tokens=self.max_tokens)
        rubric, fresh = checked_rubric(self.judge_prompt_path), self.fresh_id()
        orders = (FORWARD, REVERSED) if self.both_orders else (FORWARD,)
        return tuple(
            Judge(model, effective(model, asked), orders, rubric, fresh=fresh) for model in models
        )

    def load_targets(self) -> dict[str, Any]:
        """Everything that is judged, by name: the known answers first, then the responses."""
        from calibration.sets import set_places
        from flows.calibration_inputs import read_known, read_responses
        from flows.calibration_plan import KNOWN

        known = read_known(set_places(self.calibration_sets))
        responses = read_responses(self.responses_ds_path, self.limit)
        if KNOWN in responses:
            raise PlumblineError(f"a responses dataset can't be called '{KNOWN}': rename it")
        return {KNOWN: known, **responses}

    def check_places(self) -> None:
        """Every place that will be written is free or holds this work."""
        plan = self.plan
        places: list[str] = []
        targets = range(len(plan.targets))
        for judge in range(len(plan.judges)):
            for target in targets:
                check_writable(plan.place(judge, target), plan.work(judge, target))
                places.append(plan.place(judge, target))
        for target in targets[1:] if plan.jury else ():
            check_writable(plan.place(None, target), plan.work(None, target))
        self.datasets = places
        for number in range(len(plan.reports)):
            claim_results(self.folder(number), plan.report_work(number))

    def cut(self, tables: list[Any]) -> tuple[list[Shard], int]:
        """The shards, and how many requests they hold; rows become one artifact a slice."""
        shards, total = [], 0
        judges = range(len(self.plan.judges))
        for target, table in enumerate(tables):
            requests, parts = self.parts_of(target, table)
            total += requests * len(judges)
            for number, rows in enumerate(parts):
                setattr(self, f"rows_{target}_{number}", rows)
            shards += [Shard(judge, target, n) for judge in judges for n in range(len(parts))]
        return sorted(shards), total

    def plan_readings(self, tables: list[Any]) -> None:
        """What all readings of all judges would send."""
        tasks = (
            Sitting(self.plan.readings(Shard(judge, target, number)), rows.table).requests()
            for target, table in enumerate(tables)
            for number, rows in enumerate(self.parts_of(target, table)[1])
            for judge in range(len(self.plan.judges))
        )
        self.make_plan([judge.model for judge in self.plan.judges], tasks, VERDICT_TOKENS)

    def parts_of(self, target: int, table: Any) -> tuple[int, list[Rows]]:
        """How many requests a target takes of each judge, and its rows cut into shards."""
        requests = sum(judge.count(table) for judge in self.plan.readings(Shard(0, target, 0)))
        return requests, slices(table, self.shards_for(max(1, requests)))

    def folder(self, number: int) -> Path:
        """The folder of a report; one of its own below --results_dir where there are several."""
        name = self.plan.reports[number]
        several = self.results_dir and len(self.plan.reports) > 1
        return results_folder(f"{self.results_dir}/{name}" if several else self.results_dir, name)
