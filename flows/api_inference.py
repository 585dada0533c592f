"""Apply any model to any column of any dataset, through the suite's inference layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
from metaflow import Parameter, card, step

from benchmarks.apply import Application, answer_columns
from flows.asking import Part
from flows.base import told_plainly
from flows.files import read_text
from flows.manifest import fingerprint, hash_of, manifest, model_entry, usage_entry
from flows.outputs import check_output
from flows.plan_figures import ANSWER_TOKENS
from flows.planning import PlanningFlow
from inference import PlumblineError, Sampling, Schema
from inference.rules import effective
from inference.usage import show_cost
from tables.columns import BadTable, Column, checked
from tables.places import read_table, standing, write_table
from tables.rows import Rows, slices


class ApiInferenceFlow(PlanningFlow):
    """
    Apply any model to any column of any dataset.

    1. start: load and check the dataset, the model, its key and the output path.
    2. spread: hand out the shards (left out with --plan_only).
    3. ask: one task a shard.
    4. join: ask once more what failed for a passing reason, then save the dataset.
    5. ask_local: all of that in one task with a GPU, where the model runs in it.
    6. end: say where it is, or what the plan would cost.
    """

    dataset_path = Parameter(
        "dataset_path", help="folder, s3://, Hub id or builtin:name", required=True
    )
    dataset_split = Parameter("dataset_split", help="split to read", default="train")
    input_column = Parameter(
        "input_column", help="texts, or conversations of {role, content}", default="prompt"
    )
    output_column = Parameter("output_column", help="receives the answers", default="response")
    model_id = Parameter("model_id", help="the model to ask", required=True)
    output_dataset_path = Parameter("output_dataset_path", help="where it goes", required=True)
    system_prompt = Parameter("system_prompt", help="system prompt", default="")
    decoding_json_schema = Parameter(
        "decoding_json_schema", help="a JSON schema, or a file that holds one", default=""
    )
    batch_size = Parameter("batch_size", help="requests in flight", default=128)
    limit = Parameter("limit", help="first so many rows only (0: all)", default=0)
    temperature = Parameter("temperature", help="sampling temperature", default=0.1)
    top_p = Parameter("top_p", help="nucleus sampling", default=0.9)
    max_tokens = Parameter("max_tokens", help="longest answer", default=4096)
    enable_thinking = Parameter(
        "enable_thinking", help="ask for reasoning first", is_flag=True, default=False
    )
    enable_web_search = Parameter(
        "enable_web_search", help="let the model search the web", is_flag=True, default=False
    )

    @step
    @told_plainly
    def start(self):
        """Load and check the dataset, the model, its key and the output path."""
        self.check_asking()
        self.application = self.make_application()
        self.check_models([self.application.model], self.enable_web_search, self.enable_thinking)
        table = self.load()
        self.num_rows = table.num_rows
        self.dataset_fingerprint = fingerprint(table, (self.input_column,))
        check_output(self, standing(self.output_dataset_path), self.work())
        self.cut(slices(table, self.shards_for(table.num_rows)))
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
        """Ask every row of this shard."""
        self.shard = self.input
        part = self.ask_rows(self.shard)
        self.rows, self.gaps, self.usage = part.rows, part.gaps, part.usage
        self.next(self.join)

    @step
    @told_plainly
    def join(self, inputs):
        """Ask once more what failed for a passing reason, then save the dataset."""
        self.take_on(inputs, ["application", "num_rows", "dataset_fingerprint"])
        self.finish(sorted(inputs, key=lambda task: task.shard))
        self.next(self.end)

    @card(type="blank", id="progress", refresh_interval=5)
    @step
    @told_plainly
    def ask_local(self):
        """Ask every row in one task, in whose engine the model runs; save the dataset."""
        self.finish([self.ask_rows(0)])
        self.next(self.end)

    @step
    @told_plainly
    def end(self):
        """Say where it is, or what the plan would cost."""
        if self.plan_only:
            print(self.plan_text)
            return
        answered = self.num_rows - self.unanswered
        print(f"{answered:,} of {self.num_rows:,} answered -> {standing(self.output_dataset_path)}")
        print(f"Cost of this run: {show_cost(self.usage['cost_usd'])}")

    # What the steps are made of ------------------------------------------------------------------

    def make_application(self) -> Application:
        """How the column is turned into another."""
        if not self.output_column.strip():
            raise PlumblineError("--output_column is empty; give the answers' column a name")
        if self.input_column in answer_columns(self.output_column):
            raise PlumblineError(
                f"--output_column {self.output_column} would replace the column "
                f"'{self.input_column}' that is asked; give another"
            )
        model = self.model_of(self.model_id)
        asked = Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_tokens,
            thinking=self.enable_thinking,
            web_search=self.enable_web_search,
        )
        return Application(
            model,
            effective(model, asked),
            self.input_column,
            self.output_column,
            self.system_prompt,
            self.schema_text(),
            self.fresh_id(),
        )

    def schema_text(self) -> str:
        """The decoding schema, read from a file where the parameter names one, and checked."""
        text = self.decoding_json_schema.strip()
        if not text:
            return ""
        if not text.startswith("{"):
            text = read_text(text, "--decoding_json_schema")
        Schema.from_json(text)
        return text

    def load(self) -> pa.Table:
        """The checked rows, the first `--limit` of them."""
        where = self.dataset_path
        table = read_table(where, self.dataset_split)
        table = checked(table, (Column(self.input_column, "any"),), where)
        kind = table[self.input_column].type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or _is_turns(kind)):
            raise BadTable(
                f"{where}: column '{self.input_column}' holds {kind}; wanted texts, or lists of "
                "{role, content}"
            )
        if not _is_turns(kind):
            table = checked(table, (Column(self.input_column),), where)
        row = first_bad_conversation(table[self.input_column])
        if row is not None:
            raise BadTable(
                f"{where}: column '{self.input_column}' has a turn without a role or text in row "
                f"{row}"
            )
        return table.slice(0, self.limit) if self.limit > 0 else table

    def cut(self, parts: list[Rows]) -> None:
        """One artifact a shard, or the plan of all of them."""
        if self.plan_only:
            tasks = (self.application.requests(rows.table) for rows in parts)
            self.make_plan([self.application.model], tasks, ANSWER_TOKENS)
            return
        for number, rows in enumerate(parts):
            setattr(self, f"rows_{number}", rows)
        self.shards = list(range(len(parts)))

    def ask_rows(self, shard: int) -> Part:
        """Ask the rows of a shard."""
        table = getattr(self, f"rows_{shard}").table
        results, progress = self.ask_all(
            self.application.requests(table),
            planned=table.num_rows,
            title=f"{self.application.model.label} {shard + 1}/{len(self.shards)}",
            shards=len(self.shards),
        )
        applied = self.application.applied(table, results)
        return Part(rows=Rows(applied.table), gaps=applied.gaps, usage=usage_entry(progress))

    def finish(self, tasks: list[Any]) -> None:
        """Ask once more what failed for a passing reason, judge what is missing, save the rows."""
        parts = self.gather(tasks, lambda _: self.application, "asking again")
        with self.joined(parts, self.num_rows) as whole:
            self.unanswered = len(whole.reasons)
            write_table(whole.table, self.output_dataset_path, self.work(), self.note())

    def work(self) -> str:
        """A name for this work."""
        return hash_of(
            "api_inference", replace(self.application, fresh=""), self.dataset_fingerprint
        )

    def note(self) -> dict[str, object]:
        """The manifest that travels with the dataset."""
        return manifest(
            self,
            "api_inference",
            model=model_entry(self.application.model, self.application.sampling),
            dataset={"id": self.dataset_path, "fingerprint": self.dataset_fingerprint},
            unanswered=self.unanswered,
            usage=self.usage,
        )


def first_bad_conversation(values: pa.ChunkedArray) -> int | None:
    """The first row with no turn, or with one that has no role or no text; None in texts."""
    if not pa.types.is_list(values.type):
        return None
    for row, turns in enumerate(values.to_pylist()):
        if not turns or not all(turn and turn["role"] and _text_of(turn) for turn in turns):
            return row
    return None


def _text_of(turn: dict[str, Any]) -> str:
    """What a turn says; "" where that is nothing but space."""
    return str(turn["content"] or "").strip()


def _is_turns(kind: pa.DataType) -> bool:
    """Whether a column holds conversations."""
    if not pa.types.is_list(kind) or not pa.types.is_struct(kind.value_type):
        return False
    return {"role", "content"} == {field.name for field in kind.value_type}
