"""Let models judge each other under a constitution (EigenBench, arXiv 2509.01938)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from metaflow import card, retry, step

from benchmarks.eigenbench import work
from flows.base import told_plainly
from flows.eigenbench_phases import DIRECT, ONLY_RESPONSES, TRAIN
from flows.eigenbench_start import EigenBenchStart
from flows.remote import shown
from inference.usage import show_cost


class EigenBenchFlow(EigenBenchStart):
    """
    Let models judge each other under a constitution, and rank them by whom they trust.

    1. start: read the spec and all it names, draw the plan, check models, keys and folders.
    2. ask_in_turn: responses, reflections and judgements, one after another in one task; or
    3. ask_local: the same in one task with a GPU, where a model runs in it; or
    4. spread_responses: the same in shards, where there are many requests.
    5. ask_responses: every planned model on every planned scenario.
    6. join_responses: ask again what failed for a passing reason.
    7. spread_reflections: cut them into shards, with the responses they take.
    8. ask_reflections: each judge on each response it will judge.
    9. join_reflections: ask again what failed.
    10. spread_judgements: cut them into shards, with the responses and reflections they take.
    11. ask_judgements: both orders of every pair, all criteria at once (or a rating).
    12. join_judgements: ask again what failed.
    13. measure: fit, trust, Elo, intervals; tables, plots, card.
    14. end: say where everything is.
    """

    plan_sends = True  # a pilot

    @step
    @told_plainly
    def start(self):
        """Read the spec and all it names, draw the plan, check models, keys and folders."""
        from flows.eigenbench_begin import begin

        begin(self)
        self.next(
            {
                "in_turn": self.ask_in_turn,
                "here": self.ask_local,
                "shards": self.spread_responses,
                "measure": self.measure,
            },
            condition="route",
        )

    # Its own failures end it: a second try would only pay again for what failed for good.
    @retry(times=0)
    @card(type="blank", id="progress", refresh_interval=5)
    @step
    @told_plainly
    def ask_in_turn(self):
        """Ask responses, reflections and judgements, one after another in one task."""
        self.ask_phases()
        self.next(self.measure)

    @card(type="blank", id="progress", refresh_interval=5)
    @step
    @told_plainly
    def ask_local(self):
        """Ask all phases in one task with a GPU: its engines live through them."""
        self.ask_phases()
        self.next(self.measure)

    @step
    @told_plainly
    def spread_responses(self):
        """Cut the responses into shards."""
        self.share_out(work.RESPONSES)
        self.next(self.ask_responses, foreach="shards")

    @card(type="blank", id="progress", refresh_interval=5)
    @step
    @told_plainly
    def ask_responses(self):
        """Ask the scenarios of this shard."""
        self.ask_shard()
        self.next(self.join_responses)

    @step
    @told_plainly
    def join_responses(self, inputs):
        """Bring the shards together; ask once more what failed for a passing reason."""
        self.join_shards(inputs)
        self.next(self.spread_reflections)

    @step
    @told_plainly
    def spread_reflections(self):
        """Cut the reflections into shards, with the responses they take."""
        self.share_out(work.REFLECTIONS)
        self.next(self.ask_reflections, foreach="shards")

    @card(type="blank", id="progress", refresh_interval=5)
    @step
    @told_plainly
    def ask_reflections(self):
        """Let judges reflect on the responses of this shard."""
        self.ask_shard()
        self.next(self.join_reflections)

    @step
    @told_plainly
    def join_reflections(self, inputs):
        """Bring the shards together; ask once more what failed for a passing reason."""
        self.join_shards(inputs)
        self.next(self.spread_judgements)

    @step
    @told_plainly
    def spread_judgements(self):
        """Cut the judgements into shards, with the texts they take."""
        self.share_out(self.last_phase)
        self.next(self.ask_judgements, foreach="shards")

    @card(type="blank", id="progress", refresh_interval=5)
    @step
    @told_plainly
    def ask_judgements(self):
        """Let judges compare (or rate) the responses of this shard."""
        self.ask_shard()
        self.next(self.join_judgements)

    @step
    @told_plainly
    def join_judgements(self, inputs):
        """Bring the shards together; ask once more what failed for a passing reason."""
        self.join_shards(inputs)
        self.next(self.measure)

    @card(type="blank", id="results")
    @step
    @told_plainly
    def measure(self):
        """Fit, trust, Elo and intervals; tables, plots, card."""
        if self.plan_only:
            from flows.eigenbench_forecast import forecast_of

            self.forecast, self.forecast_of_all, self.summary = forecast_of(self)
        elif self.mode == ONLY_RESPONSES:
            from flows.eigenbench_outputs import save_cache

            self.summary = save_cache(self)
        else:
            self.report()
        self.next(self.end)

    @step
    @told_plainly
    def end(self):
        """Say where everything is."""
        print(self.summary)
        if self.mode != TRAIN:
            print(f"Cost of this run: {show_cost(self.usage['cost_usd'])}")

    # Measure ---------------------------------------------------------------------------------

    def records(self) -> list[Any]:
        """The judgements as records, collected or imported."""
        if self.mode == TRAIN:
            return [json.loads(line) for line in self.imported.table["line"].to_pylist()]
        from benchmarks.eigenbench import judgements

        scenarios = self.scenarios.table.to_pydict()
        tables = judgements.Collected(
            dict(zip(scenarios["scenario_index"], scenarios["scenario"], strict=True)),
            self.collected[work.RESPONSES].table,
            self.collected[work.REFLECTIONS].table,
            self.collected[self.last_phase].table,
        )
        direct = self.run_spec.mode == DIRECT
        made = tables.ratings if direct else tables.comparisons
        return list(made(self.run_spec.names, self.criteria))

    def report(self) -> None:
        """Analyse, write the results folder, fill the card and the artifacts for others."""
        from flows import eigenbench_inputs as inputs_of
        from flows.cards import show_results
        from flows.eigenbench_outputs import add_to_cache, analysed, make_manifest
        from reporting.eigenbench_results import write_evaluations, write_results

        records, folder = self.records(), self.folder()
        outcome = analysed(self, records)
        if self.mode != TRAIN:
            self.evaluations = inputs_of.judgements_name(map(inputs_of.as_line, records))
            if self.copy_to:
                write_evaluations(Path(self.copy_to), records)
            if self.cache_path:
                add_to_cache(self)
        self.manifest = make_manifest(self)
        self.summary = write_results(outcome, folder, self.manifest)
        self.summary += f"\nResults: {shown(folder)}/"
        if outcome.analysis is not None:
            table = outcome.analysis.summary.set_index("model")
            self.elo = table["elo"].to_dict()
            self.intervals = {m: [table["elo_low"][m], table["elo_high"][m]] for m in table.index}
        show_results(self.summary, folder)
