"""The phases of an EigenBench run: cutting them, asking them, mending and keeping what came."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

from benchmarks.eigenbench import work
from flows.asking import AskingFlow
from flows.manifest import merge_usage, usage_entry
from tables.rows import Rows

if TYPE_CHECKING:
    import pyarrow as pa

    from benchmarks.eigenbench.collection import Answered, Panel
    from benchmarks.eigenbench.plan import Plan
    from benchmarks.eigenbench.spec import Spec

FULL, COLLECT, TRAIN, ONLY_RESPONSES = "full", "collect", "train", "responses"
DIRECT = "direct_rating"

CARRIED = [
    "run_spec",
    "mode",
    "notes",
    "criteria",
    "collected",
    "earlier",
    "work",
    "panel",
    "simulated",
    "scenarios",
    "stages",
    "plan",
    "asked_plan",
    "cached",
    "cache_path",
    "copy_to",
    "spent",
]
"""Artifacts that every join takes on."""


class EigenBenchPhases(AskingFlow):
    """A flow that asks responses, reflections and judgements, in one task or in shards of each.

    Attributes:
        run_spec, panel: the run and the ensemble as it is asked.
        scenarios, cached: texts of the scenarios; responses at hand.
        plan, asked_plan: all that is planned, and the part that is asked now.
        collected: rows of the phases that are done.
        spent: usage of the run before this task's phase.
    """

    run_spec: Spec
    mode: str
    panel: Panel
    scenarios: Rows
    cached: Rows
    plan: Plan
    asked_plan: Plan
    collected: dict[str, Rows]
    spent: dict[str, Any]

    @property
    def last_phase(self) -> str:
        """The phase in which judges decide."""
        return work.RATINGS if self.run_spec.mode == DIRECT else work.COMPARISONS

    def phases(self) -> list[str]:
        """The phases that this run asks, in order."""
        if self.mode == ONLY_RESPONSES:
            return [work.RESPONSES]
        return [work.RESPONSES, work.REFLECTIONS, self.last_phase]

    def ask_phases(self) -> None:
        """All phases, one after another in this task."""
        for phase in self.phases():
            (whole,) = self.cut(phase, 1)
            answered = self.ask_work(whole, phase)
            self.settle(phase, [(whole, answered)])

    def cut(self, phase: str, parts: int) -> list[work.Work]:
        """A phase in slices, with the texts that former phases left."""

        def texts(of: str) -> pa.Table:
            return self.collected[of].table if of in self.collected else work.empty_texts(of)

        return work.cut(
            phase,
            self.rows_to_ask(phase),
            self.scenarios.table,
            texts(work.RESPONSES),
            texts(work.REFLECTIONS),
            parts,
        )

    def rows_to_ask(self, phase: str) -> pa.Table:
        """What a phase asks, less the responses that are at hand."""
        from flows.eigenbench_inputs import plan_rows

        return plan_rows(self.asked_plan, phase, self.cached.table)

    def ask_work(self, slice_: work.Work, title: str, shards: int = 1) -> Answered:
        """Ask a slice; its usage is added to the task's."""
        requests, planned = self.panel.requests(slice_), self.panel.count(slice_)
        results, progress = self.ask_all(requests, planned, title, shards)
        answered = self.panel.answered(slice_, results)
        self.usage = merge_usage([self.usage, usage_entry(progress)])
        return answered

    def settle(self, phase: str, parts: list[tuple[work.Work, Answered]]) -> None:
        """Ask again what failed for a passing reason, judge the failures, keep the phase."""
        again = [self.panel.request_again(*part) for part in parts]
        results, progress = self.mend(again, f"{phase}, asking again")
        self.usage = merge_usage([self.usage, usage_entry(progress)])
        tables, reasons, rest = [], [], iter(results)
        for _, answered in parts:
            mended = self.panel.mended(answered, list(islice(rest, len(answered.failed))))
            reasons += [gap.reason for gap in mended.failed]
            tables.append(mended.table)
        self.judge_failures(reasons, sum(self.panel.count(part) for part, _ in parts))
        self.keep(phase, tables)

    def keep(self, phase: str, tables: list[pa.Table]) -> None:
        """Keep a phase's rows for the next; responses at hand come last."""
        import pyarrow as pa

        if phase == work.RESPONSES and len(self.cached):
            nothing = pa.nulls(len(self.cached), pa.string())
            tables = [*tables, self.cached.table.append_column("reason", nothing)]
        table = pa.concat_tables(tables, promote_options="permissive")
        self.collected = self.collected | {phase: Rows(table)}

    def share_out(self, phase: str) -> None:
        """Cut a phase into shards, one artifact each."""
        self.spent = self.usage
        parts = self.shards_for(max(1, self.rows_to_ask(phase).num_rows))
        for number, part in enumerate(self.cut(phase, parts)):
            setattr(self, f"work_{number}", part)
        self.shards = list(range(parts))

    def ask_shard(self) -> None:
        """Ask one shard of the phase that was shared out."""
        self.shard, self.usage = self.input, merge_usage([])
        self.part = getattr(self, f"work_{self.shard}")
        title = f"{self.part.phase} {self.shard + 1}/{len(self.shards)}"
        answered = self.ask_work(self.part, title, len(self.shards))
        self.answers, self.failed = Rows(answered.table), answered.failed

    def join_shards(self, inputs: Iterable[Any]) -> None:
        """Bring the shards of a phase together."""
        self.take_on(inputs, CARRIED)
        tasks = sorted(inputs, key=lambda task: task.shard)
        self.usage = merge_usage([self.spent, *(task.usage for task in tasks)])
        from benchmarks.eigenbench.collection import Answered

        parts = [(t.part, Answered(t.answers.table, t.failed)) for t in tasks]
        self.settle(tasks[0].part.phase, parts)
