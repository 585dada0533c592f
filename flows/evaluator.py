"""Judge responses to VAL-Bench pairs and measure value alignment (arXiv 2510.05465)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from metaflow import card, step

from benchmarks.gaps import Filled
from flows.asking import Part
from flows.base import told_plainly
from flows.evaluator_start import PROMPT_COLUMNS, EvaluatorStart
from flows.manifest import fingerprint, hash_of, manifest, model_entry, usage_entry
from flows.remote import shown
from tables.places import manifest_of, read_table, write_table
from tables.rows import Rows

HEADLINES = ("pac", "ref", "ref1", "ref2", "ninf", "ninf1", "ninf2")


class EvaluatorFlow(EvaluatorStart):
    """
    Judge responses to VAL-Bench pairs and measure value alignment.

    1. start: load and check the responses, the judge, its key and the output path.
    2. spread: hand out the shards (left out with --plan_only, and where nothing is asked).
    3. ask: one task a shard; the judge reads both answers of every pair.
    4. join: ask once more what failed for a passing reason, save the judged dataset.
    5. ask_local: 2 to 4 in one task with a GPU, where the judge runs in it.
    6. measure: PAC, refusals, no-information rates with intervals; tables, plots, card.
    7. end: say where everything is, or what the plan would cost.
    """

    @step
    @told_plainly
    def start(self):
        """Load and check the responses, the judge, its key and the output path."""
        responses = self.begin()
        self.way = self.choose_way()
        if self.way == "elsewhere":
            self.cut(responses)
        if self.plan_only:
            self.plan_judging(responses)
        self.next(
            {
                "elsewhere": self.spread,
                "here": self.ask_local,
                "measure": self.measure,
                "plan_only": self.end,
            },
            condition="way",
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
        """Judge every pair of this shard."""
        self.shard = self.input
        title = f"judge {self.judge.model.label} {self.shard + 1}/{len(self.shards)}"
        pairs = getattr(self, f"rows_{self.shard}").table
        judged, self.usage = self.ask_rows(pairs, title, len(self.shards))
        self.rows, self.gaps = Rows(judged.table), judged.gaps
        self.next(self.join)

    @step
    @told_plainly
    def join(self, inputs):
        """Ask once more what failed for a passing reason, save the judged dataset."""
        self.take_on(inputs, CARRIED)
        self.finish(sorted(inputs, key=lambda task: task.shard))
        self.next(self.measure)

    @card(type="blank", id="progress", refresh_interval=5)
    @step
    @told_plainly
    def ask_local(self):
        """Judge every pair in one task, in whose engine the judge runs; save the judged dataset."""
        responses = self.responses()
        self.num_requests = self.judge.count(responses)
        judged, usage = self.ask_rows(responses, f"judge {self.judge.model.label}")
        self.finish([Part(rows=Rows(judged.table), gaps=judged.gaps, usage=usage)])
        self.next(self.measure)

    @card(type="blank", id="results")
    @step
    @told_plainly
    def measure(self):
        """PAC, refusals, no-information rates with intervals; tables, plots, card."""
        from benchmarks.val_bench.judged import read_judged
        from benchmarks.val_bench.measure import measure
        from flows.cards import show_results
        from reporting.val_bench_results import write_results

        judged = read_table(self.judged_path)
        readings = read_judged(judged)
        result = measure(
            readings.pairs,
            repaired=readings.repaired,
            cut=readings.cut,
            n_resamples=self.n_resamples,
        )
        for name in HEADLINES:
            setattr(self, name, result.value(name))
        self.intervals = {
            name: [result.estimates[name].low, result.estimates[name].high] for name in HEADLINES
        }
        self.coverage = result.to_dict()["coverage"]
        folder = self.folder()
        self.results_path = shown(folder)
        self.manifest = self.make_manifest(judged)
        applied = self.apply_report(readings.pairs)
        self.summary = write_results(result, folder, self.manifest, applied)
        show_results(self.summary, folder)
        self.next(self.end)

    @step
    @told_plainly
    def end(self):
        """Say where everything is, or what the plan would cost."""
        if self.plan_only:
            print(self.plan_text)
            return
        print(self.summary)
        print(f"Judged pairs: {self.judged_path}\nResults:      {self.results_path}/")

    # What the steps are made of ------------------------------------------------------------------

    def cut(self, responses: Any) -> None:
        """One artifact a shard, each with its own rows."""
        self.num_requests, parts = self.parts_of(responses)
        for number, rows in enumerate(parts):
            setattr(self, f"rows_{number}", rows)
        self.shards = list(range(len(parts)))

    def ask_rows(self, pairs: Any, title: str, shards: int = 1) -> tuple[Filled, dict[str, Any]]:
        """Judge pairs; returns the rows and what they cost."""
        results, progress = self.ask_all(
            self.judge.requests(pairs), self.judge.count(pairs), title, shards
        )
        return self.judge.judged(pairs, results), usage_entry(progress)

    def finish(self, tasks: list[Any]) -> None:
        """Ask once more what failed for a passing reason, save the judged dataset."""
        parts = self.gather(tasks, lambda _: self.judge, "judging again")
        with self.joined(parts, self.num_requests) as whole:
            note = manifest(
                self,
                "val_bench_judged",
                evaluated_model=self.evaluated_model,
                **self.judge_entry(whole.table),
                usage=self.usage,
            )
            write_table(whole.table, self.judged_path, self.work(), note)

    def apply_report(self, pairs: Any) -> Any:
        """The judge's report applied to the judged pairs, kept as artifacts; None without one."""
        if self.calibrated is None:
            return None
        from calibration.applied import apply
        from reporting.val_bench_trust import as_metrics

        applied = apply(self.calibrated, pairs)
        self.judge_verdict, self.judge_warning = applied.report.verdict, applied.warning
        self.corrected = as_metrics(applied)["corrected"]
        return applied

    def judge_entry(self, judged: Any) -> dict[str, Any]:
        """The judge of these verdicts: ours, or the one named in an existing judged dataset."""
        if self.eval_output_ds_path:
            return judge_noted(judged, manifest_of(self.eval_output_ds_path))
        return {
            "judge": model_entry(self.judge.model, self.judge.sampling),
            "judge_orders": list(self.judge.orders),
            "judge_prompt_hash": hash_of(self.judge.template),
        }

    def make_manifest(self, judged: Any) -> dict[str, Any]:
        """What this run was."""
        from benchmarks.val_bench.judging import judge_of

        return manifest(
            self,
            "val_bench",
            evaluated_model=self.evaluated_model,
            work=self.results_work(),
            **self.judge_entry(judged),
            dataset={
                "responses": self.responses_ds_path or self.eval_output_ds_path,
                "judged": self.judged_path,
                "pairs": judged.num_rows,
                "prompts_fingerprint": fingerprint(judged, PROMPT_COLUMNS[:3]),
                "responses_fingerprint": self.dataset_fingerprint,
            },
            simulated=self.simulated or "sim/" in judge_of(judged),
            judge_verdict=None if self.calibrated is None else self.calibrated.verdict,
            seeds={"bootstrap": 0},
            usage=self.usage,
        )


def judge_noted(judged: Any, note: dict[str, Any]) -> dict[str, Any]:
    """The judge of an existing judged dataset, by its rows and its manifest; what neither tells is
    left out, and so are the orders where they differ from row to row."""
    from benchmarks.val_bench.judging import judge_of
    from calibration.errors import CalibrationError
    from calibration.manners import orders_of

    entry: dict[str, Any] = {"judge": {**(note.get("judge") or {}), "id": judge_of(judged)}}
    with suppress(CalibrationError):
        entry["judge_orders"] = orders_of(judged)
    if note.get("judge_prompt_hash"):
        entry["judge_prompt_hash"] = note["judge_prompt_hash"]
    return entry


CARRIED = [
    "judge",
    "judged_path",
    "num_requests",
    "dataset_fingerprint",
    "evaluated_model",
    "simulated",
    "calibrated",
]
