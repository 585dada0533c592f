"""Ask models both sides of every VAL-Bench pair (Gupta, O'Shea, Barez, arXiv 2510.05465)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow import Parameter, card, step

from benchmarks.val_bench.prompts import PAIR_COLUMNS, SYSTEM_PROMPT
from flows.asking import Part, usages_of
from flows.base import told_plainly
from flows.manifest import fingerprint, hash_of, manifest, model_entry, usage_entry
from flows.outputs import check_output
from flows.plan_figures import ANSWER_TOKENS
from flows.planning import PlanningFlow
from inference import ModelRef, PlumblineError, Sampling
from inference.rules import effective
from inference.usage import show_cost
from tables.columns import checked
from tables.places import read_table, standing, write_table
from tables.rows import Rows, slices

if TYPE_CHECKING:
    from benchmarks.val_bench.survey import Survey


class Shard(NamedTuple):
    """One task's work: a run of rows, for one model."""

    model: int
    rows: int


class ValBenchResponsesFlow(PlanningFlow):
    """
    Ask models both sides of every VAL-Bench pair.

    1. start: load and check the pairs, the models, their keys and the output paths.
    2. spread: hand out the shards (left out with --plan_only).
    3. ask: one task a shard; both questions of a pair in one pass.
    4. join: ask once more what failed for a passing reason, then save a dataset for each model.
    5. ask_local: all of that in one task with a GPU, where a model runs in it.
    6. end: say where everything is, or what the plan would cost.
    """

    model_id = Parameter(
        "model_id", help="one or several model ids, comma-separated", required=True
    )
    dataset_id = Parameter(
        "dataset_id", help="folder, s3://, Hub id or builtin:name", default="val-bench/VAL-Bench"
    )
    dataset_split = Parameter(
        "dataset_split", help="of a dataset with several splits", default="test"
    )
    output_dataset_path = Parameter(
        "output_dataset_path",
        help="folder, s3:// or Hub id; the model's name is appended",
        default="local_results/responses/val_responses",
    )
    batch_size = Parameter("batch_size", help="requests in flight for each task", default=128)
    system_prompt = Parameter("system_prompt", help="system prompt", default=SYSTEM_PROMPT)
    enable_thinking = Parameter(
        "enable_thinking", help="ask for reasoning first", is_flag=True, default=False
    )
    enable_web_search = Parameter(
        "enable_web_search", help="let the model search the web", is_flag=True, default=False
    )
    limit = Parameter("limit", help="first so many pairs only (0: all)", default=0)
    temperature = Parameter("temperature", help="sampling temperature", default=0.1)
    top_p = Parameter("top_p", help="nucleus sampling", default=0.9)
    max_tokens = Parameter("max_tokens", help="longest answer", default=4096)
    num_samples = Parameter("num_samples", help="independent answers to each question", default=1)

    @step
    @told_plainly
    def start(self):
        """Load and check the pairs, the models, their keys and the output paths."""
        self.check_asking()
        models = self.models_of(self.model_id)
        self.check_models(models, self.enable_web_search, self.enable_thinking)
        pairs = self.load_pairs()
        self.num_pairs = pairs.num_rows
        self.dataset_fingerprint = fingerprint(pairs)
        self.surveys = [self.survey_of(model) for model in models]
        self.outputs = [self.output_of(model) for model in models]
        self.check_outputs()
        self.cut(slices(pairs, self.shards_for(2 * pairs.num_rows * self.num_samples)))
        self.where = self.choose_way()
        self.next(
            {"elsewhere": self.spread, "here": self.ask_local, "plan_only": self.end},
            condition="where",
        )

    @step
    @told_plainly
    def spread(self):
        """Hand out the shards."""
        self.next(self.ask, foreach="shards")

    @card(type="blank", id="progress", refresh_interval=5)
    @step
    @told_plainly
    def ask(self):
        """Ask both sides of every pair of this shard."""
        self.shard = Shard(*self.input)
        survey = self.surveys[self.shard.model]
        pairs = getattr(self, f"rows_{self.shard.rows}").table
        results, progress = self.ask_all(
            survey.requests(pairs),
            planned=2 * pairs.num_rows * self.num_samples,
            title=f"{survey.model.label} {self.index + 1}/{len(self.shards)}",
            shards=len(self.shards),
            models=len(self.surveys),
        )
        answers = survey.answers(pairs, results)
        self.rows, self.gaps = Rows(answers.table), answers.gaps
        self.usage = usage_entry(progress)
        self.next(self.join)

    @step
    @told_plainly
    def join(self, inputs):
        """Ask once more what failed for a passing reason, then save a dataset for each model."""
        self.take_on(inputs, ["surveys", "outputs", "num_pairs", "dataset_fingerprint"])
        self.finish(sorted(inputs, key=lambda task: task.shard))
        self.next(self.end)

    @card(type="blank", id="progress", refresh_interval=5)
    @step
    @told_plainly
    def ask_local(self):
        """Ask all models in one task, its engines and the APIs side by side; save the answers."""
        self.finish(self.ask_together())
        self.next(self.end)

    @step
    @told_plainly
    def end(self):
        """Say where everything is, or what the plan would cost."""
        if self.plan_only:
            print(self.plan_text)
            return
        total = 2 * self.num_pairs * self.num_samples
        for survey, output in zip(self.surveys, self.outputs, strict=True):
            lost = sum(self.unanswered[survey.model.label].values())
            print(f"{survey.model.label}: {total - lost:,} of {total:,} answered -> {output}")
        print(f"Cost of this run: {show_cost(self.usage['cost_usd'])}")

    # What the steps are made of ------------------------------------------------------------------

    def load_pairs(self) -> Any:
        """The checked pairs, the first `--limit` of them."""
        table = checked(
            read_table(self.dataset_id, self.dataset_split), PAIR_COLUMNS, self.dataset_id
        )
        return table.slice(0, self.limit) if self.limit > 0 else table

    def survey_of(self, model: ModelRef) -> Survey:
        """How a model is asked."""
        from benchmarks.val_bench.survey import Survey

        asked = Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_tokens,
            thinking=self.enable_thinking,
            web_search=self.enable_web_search,
        )
        sampling = effective(model, asked)
        return Survey(model, sampling, self.system_prompt, self.num_samples, self.fresh_id())

    def output_of(self, model: ModelRef) -> str:
        """Where a model's responses go."""
        suffix = "-thinking" * self.enable_thinking + "-websearch" * self.enable_web_search
        return standing(f"{self.output_dataset_path}-{model.slug}{suffix}")

    def check_outputs(self) -> None:
        """Refuse places that hold other work, or that two models would share."""
        for number, output in enumerate(self.outputs):
            if output in self.outputs[:number]:
                raise PlumblineError(f"two of the models would both be written to {output}")
            check_output(self, output, self.work_of(self.surveys[number]))

    def work_of(self, survey: Survey) -> str:
        """A name for this work: the same model asked the same questions in the same way."""
        return hash_of("val_bench_responses", replace(survey, fresh=""), self.dataset_fingerprint)

    def cut(self, parts: list[Rows]) -> None:
        """One artifact a run of rows, which every model is asked; or the plan of all that."""
        if self.plan_only:
            tasks = (survey.requests(rows.table) for survey in self.surveys for rows in parts)
            self.make_plan([survey.model for survey in self.surveys], tasks, ANSWER_TOKENS)
            return
        for number, rows in enumerate(parts):
            setattr(self, f"rows_{number}", rows)
        self.shards = [Shard(m, r) for m in range(len(self.surveys)) for r in range(len(parts))]

    def ask_together(self) -> list[Any]:
        """All shards in one pass, so that adapters share batches, as if each were a task."""
        tables = [getattr(self, f"rows_{shard.rows}").table for shard in self.shards]
        surveys = [self.surveys[shard.model] for shard in self.shards]
        work = list(zip(surveys, tables, strict=True))
        results, progress = self.ask_parts(
            [(survey.requests(t), 2 * t.num_rows * self.num_samples) for survey, t in work],
            title=", ".join(survey.model.label for survey in self.surveys),
        )
        told = [survey.answers(t, mine) for (survey, t), mine in zip(work, results, strict=True)]
        usages = usages_of(len(told), progress)
        return [
            Part(shard=shard, rows=Rows(answers.table), gaps=answers.gaps, usage=usage)
            for shard, answers, usage in zip(self.shards, told, usages, strict=True)
        ]

    def finish(self, tasks: list[Any]) -> None:
        """Ask once more what failed for a passing reason, then save a dataset for each model."""
        parts = self.gather(tasks, lambda task: self.surveys[task.shard.model], "asking again")
        self.unanswered: dict[str, dict[str, int]] = {}
        for number, survey in enumerate(self.surveys):
            shards = sum(task.shard.model == number for task in tasks)
            with self.joined(islice(parts, shards), 2 * self.num_pairs * self.num_samples) as mine:
                self.unanswered[survey.model.label] = dict(Counter(mine.reasons).most_common())
                work, note = self.work_of(survey), self.note(survey)
                write_table(mine.table, self.outputs[number], work, note)

    def note(self, survey: Survey) -> dict[str, Any]:
        """The manifest that travels with a model's responses."""
        return manifest(
            self,
            "val_bench_responses",
            model=model_entry(survey.model, survey.sampling),
            system_prompt=survey.system_prompt,
            dataset={
                "id": self.dataset_id,
                "fingerprint": self.dataset_fingerprint,
                "pairs": self.num_pairs,
            },
            unanswered=self.unanswered[survey.model.label],
            usage=self.usage,
        )
