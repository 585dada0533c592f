"""Steer models to personas and measure how far they follow (Balcells and Plastic Labs, 2024)."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from metaflow import card, step

from benchmarks.steerability import prompts
from benchmarks.steerability.plan import Plan
from benchmarks.steerability.records import TextAnswer, answers_table, check_table
from flows.base import told_plainly
from flows.manifest import hash_of, manifest, merge_usage, model_entry
from flows.naming import claim_results
from flows.remote import shown
from flows.steerability_shards import Shard, SteerabilityShards
from flows.steerability_start import fingerprint_of, see_working_folder
from tables.rows import Rows


class SteerabilityFlow(SteerabilityShards):
    """
    Steer models to personas and measure how far they follow.

    1. start: load and check personas, statements, settings, models, keys; plan every request.
    2. spread: deal the steered personas out to tasks (left out with --plan_only).
    3. ask: one task a few personas; what a batch leaves open is asked singly.
    4. join: ask once more what failed for a passing reason, make the table of answers.
    5. ask_local: 2 to 4 in one task with a GPU, where a model runs in it.
    6. measure: accuracy matrix, ranks, gains with intervals; tables, pictures, card.
    7. end: say where everything is, or what the plan would cost.
    """

    @step
    @told_plainly
    def start(self):
        """Load and check personas, statements, settings, models, keys; plan every request."""
        self.check_asking()
        self.settings = self.settle()
        data = self.load()
        self.surveys = self.make_surveys(data)
        self.data_counts = data.counts._asdict()
        self.data_fingerprint = fingerprint_of(data)
        self.plan_counts = self.surveys[0].plan.counts()
        models = [survey.model for survey in self.surveys if survey.model]
        self.simulated = any(model.provider == "simulated" for model in models)
        self.plan_text = self.tell_plan()
        self.check_models(models)
        claim_results(self.folder(), self.work())
        print(self.plan_text)
        self.way = self.choose_way()
        self.next(
            {"ask": self.spread, "here": self.ask_local, "plan_only": self.end}, condition="way"
        )

    @step
    @told_plainly
    def spread(self):
        """Deal the steered personas out to tasks."""
        self.deal_out()
        self.next(self.ask, foreach="shards")

    @card(type="blank", id="progress", refresh_interval=5)
    @step
    @told_plainly
    def ask(self):
        """Ask everything about this task's personas; what a batch leaves open is asked singly."""
        self.shard = Shard(*self.input)
        model = self.surveys[self.shard.model].label
        (part,) = self.ask_shards(
            [self.shard],
            title=f"{model} {self.index + 1}/{len(self.shards)}",
            shards=len(self.shards),
            models=len(self.surveys),
        )
        self.replies, self.gaps, self.usage = part.replies, part.gaps, part.usage
        self.next(self.join)

    @step
    @told_plainly
    def join(self, inputs):
        """Ask once more what failed for a passing reason, make the table of answers."""
        self.take_on(inputs, CARRIED)
        self.finish(sorted(inputs, key=lambda task: task.shard))
        self.next(self.measure)

    @card(type="blank", id="progress", refresh_interval=5)
    @step
    @told_plainly
    def ask_local(self):
        """Ask all models in one task, its engines and the APIs side by side; make the tables."""
        self.deal_out()
        title = ", ".join(survey.label for survey in self.surveys)
        self.finish(self.ask_shards(self.shards, title))
        self.next(self.measure)

    @card(type="blank", id="results")
    @step
    @told_plainly
    def measure(self):
        """Accuracy matrix, ranks, gains with intervals; tables, pictures, card."""
        from benchmarks.steerability.analyse import analyse
        from flows.cards import show_results
        from reporting.steerability_results import write_results

        answers = self.all_answers()
        personas = self.surveys[0].plan.split.personas
        result = analyse(
            answers, personas, self.checks, n_resamples=self.n_resamples, seed=self.random_state
        )
        self.metrics = result.metrics
        folder = self.folder()
        self.results_path = shown(folder)
        self.manifest = self.make_manifest()
        self.summary = write_results(result, answers, folder, self.manifest)
        show_results(self.summary, folder)
        self.next(self.end)

    @step
    @told_plainly
    def end(self):
        """Say where everything is, or what the plan would cost."""
        if self.plan_only:
            print("Nothing was sent: --plan_only.")
            return
        print(self.summary)
        print(f"Results: {self.results_path}/")

    # What the steps are made of ------------------------------------------------------------------

    def choose_way(self) -> str:
        """Tell the plan only, ask in a task that holds the models, or in several that don't."""
        if self.plan_only:
            return "plan_only"
        return "here" if self.local_models else "ask"

    def finish(self, tasks: list[Any]) -> None:
        """Ask once more what failed for a passing reason, make the table of answers."""
        see_working_folder()
        mended, more = self.mend_gaps(tasks)
        self.usage = merge_usage([*(task.usage for task in tasks), more])
        self.make_tables(tasks, mended)

    def make_tables(self, tasks: list[Any], mended: list[list[TextAnswer]]) -> None:
        """One table of answers a model, one of single checks; fails where too much is missing."""
        import pandas as pd
        import pyarrow as pa

        checks, reasons, planned = [], Counter[str](), 0
        for number, survey in enumerate(self.surveys):
            mine = [task.replies for task in tasks if task.shard.model == number]
            replies = [TextAnswer(**row) for rows in mine for row in rows] + mended[number]
            table = answers_table(survey.plan, survey.label, replies)
            checks.append(check_table(survey.label, replies))
            reasons.update(table.loc[table["answer"].isna(), "reason"])
            planned += len(table)
            setattr(self, f"answers_{number}", Rows(pa.Table.from_pandas(table)))
        self.judge_failures(reasons.elements(), planned, "answers")
        self.checks = pd.concat(checks, ignore_index=True)

    def all_answers(self) -> Any:
        """The answers of all models in one table."""
        import pandas as pd

        tables = [getattr(self, f"answers_{i}").to_pandas() for i in range(len(self.surveys))]
        return pd.concat(tables, ignore_index=True)

    def make_manifest(self) -> dict[str, Any]:
        """What this run was."""
        wanted, plan = self.settings, self.surveys[0].plan
        return manifest(
            self,
            "steerability",
            work=self.work(),
            settings=asdict(wanted),
            models=[model_entry(s.model, s.sampling) for s in self.surveys if s.model],
            systems={name: self.surveys[0].systems.paths[name] for name in plan_systems(plan)},
            conditions=[condition.label for condition in plan.conditions],
            prompt_hash=prompt_hash(),
            dataset={
                "personas": wanted.personas_path,
                "statements": wanted.observations_path,
                "fingerprint": self.data_fingerprint,
                "chosen_personas": plan.split.persona_ids,
                **self.data_counts,
            },
            split_notes=list(plan.split.notes),
            full_matrix=plan.full_matrix,
            simulated=self.simulated,
            seeds={"random_state": wanted.random_state, "resamples": wanted.random_state},
            usage=self.usage,
        )


CARRIED = [
    "settings",
    "surveys",
    "data_counts",
    "data_fingerprint",
    "plan_counts",
    "simulated",
]


def plan_systems(plan: Plan) -> list[str]:
    """The systems of a plan, each once."""
    return list(dict.fromkeys(condition.system for condition in plan.conditions))


def prompt_hash() -> str:
    """Changes with any wording of the benchmark's prompts."""
    return hash_of({name: value for name, value in vars(prompts).items() if name.isupper()})
