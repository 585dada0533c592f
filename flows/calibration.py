"""Measure judges before their scores are believed, and write a judge report for each."""

from __future__ import annotations

from typing import Any

from metaflow import card, step

from benchmarks.gaps import Filled
from flows.asking import Part, usages_of
from flows.base import told_plainly
from flows.calibration_plan import Shard, Sitting
from flows.calibration_start import CalibrationStart
from flows.manifest import hash_of, manifest, merge_usage, model_entry, usage_entry
from flows.remote import shown
from inference.usage import show_cost
from tables.rows import Rows


class CalibrationFlow(CalibrationStart):
    """
    Measure judges before their scores are believed.

    1. start: load and check the known answers, responses, labels, judges, keys and output paths.
    2. spread: hand out the shards (left out with --plan_only).
    3. ask: one task a shard; a judge reads known answers in both orders, repeatedly, and responses.
    4. join: ask once more what failed for a passing reason, save the judged datasets.
    5. ask_local: 2 to 4 in one task with a GPU, where a judge runs in it.
    6. measure: a report for every judge, and for the jury where there are several.
    7. end: say where everything is, or what the plan would cost.
    """

    @step
    @told_plainly
    def start(self):
        """Load and check the known answers, responses, labels, judges, keys and output paths."""
        judged = self.begin()
        if self.plan_only:
            self.plan_readings(judged)
        else:
            self.shards, self.num_requests = self.cut(judged)
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
        """Judge every pair of this shard, as often as it is to be read."""
        self.shard = Shard(*self.input)
        judge = self.plan.labels[self.shard.judge]
        (part,) = self.ask_shards(
            [self.shard],
            title=f"calibrate {judge} {self.index + 1}/{len(self.shards)}",
            shards=len(self.shards),
            models=len(self.plan.judges),
        )
        self.readings, self.gaps, self.usage = part.readings, part.gaps, part.usage
        self.next(self.join)

    @step
    @told_plainly
    def join(self, inputs):
        """Ask once more what failed for a passing reason, save the judged datasets."""
        self.take_on(inputs, CARRIED)
        self.finish(sorted(inputs, key=lambda task: task.shard))
        self.next(self.measure)

    @card(type="blank", id="progress", refresh_interval=5)
    @step
    @told_plainly
    def ask_local(self):
        """Ask all judges in one task, its engines and the APIs side by side; save the verdicts."""
        title = f"calibrate {', '.join(self.plan.labels)}"
        self.finish(self.ask_shards(self.shards, title))
        self.next(self.measure)

    @card(type="blank", id="results")
    @step
    @told_plainly
    def measure(self):
        """A report for every judge, and for the jury where there are several."""
        from calibration.assemble import judge_reports
        from flows.calibration_outcome import save_juries
        from flows.cards import show_results
        from reporting.calibration_results import write_calibration

        panel = self.panel()
        self.jury_datasets = save_juries(self.plan, panel, self.judged_manifest())
        self.verdicts, self.summaries, self.results_paths = {}, [], []
        texts = panel.judges[0].known[panel.manner]
        for number, report in enumerate(judge_reports(panel)):
            folder = self.folder(number)
            entry = self.make_manifest(report, number)
            self.summaries.append(write_calibration(report, folder, entry, texts))
            self.verdicts[report.judge_id] = report.verdict
            self.results_paths.append(shown(folder))
            show_results(self.summaries[-1], folder)
        self.sheet_path = self.export(panel)
        self.next(self.end)

    @step
    @told_plainly
    def end(self):
        """Say where everything is, or what the plan would cost."""
        if self.plan_only:
            print(self.plan_text)
            return
        for summary, path in zip(self.summaries, self.results_paths, strict=True):
            print(f"{summary}\n\n  Judge report: {path}/judge_report.html (and .md, .json)\n")
        if self.sheet_path:
            print(f"For people to label: {self.sheet_path}/sheet.html (and sheet.csv)")
        print("Judged pairs:", *self.datasets, *self.jury_datasets, sep="\n  ")
        print(f"Cost of this run: {show_cost(self.usage['cost_usd'])}")

    # What the steps are made of ------------------------------------------------------------------

    def ask_shards(self, mine: list[Shard], title: str, **share: int) -> list[Part]:
        """Ask some shards in one pass; `share` says what this task has of the limits."""
        work = [self.sitting(shard) for shard in mine]
        runs, progress = self.ask_parts(
            [(sitting.requests(), sitting.planned()) for sitting in work], title, **share
        )
        told = [sitting.judged(results) for sitting, results in zip(work, runs, strict=True)]
        usages = usages_of(len(told), progress)
        return [
            Part(
                shard=shard,
                readings=[Rows(reading.table) for reading in readings],
                gaps=[reading.gaps for reading in readings],
                usage=usage,
            )
            for shard, readings, usage in zip(mine, told, usages, strict=True)
        ]

    def sitting(self, shard: Shard) -> Sitting:
        """A shard's judge with its rows before it."""
        rows = getattr(self, f"rows_{shard.target}_{shard.rows}")
        return Sitting(self.plan.readings(shard), rows.table)

    def finish(self, tasks: list[Any]) -> None:
        """Ask once more what failed for a passing reason, save the judged datasets."""
        from flows.calibration_outcome import mended, save_judged

        parts = {task.shard: parts_of(task) for task in tasks}
        gaps = [
            judge.request_again(part)
            for shard, mine in parts.items()
            for judge, part in zip(self.plan.readings(shard), mine, strict=True)
        ]
        results, progress = self.mend(gaps, "judging again")
        self.usage = merge_usage([*(task.usage for task in tasks), usage_entry(progress)])
        parts, outside = mended(self.plan, parts, results)
        self.judge_failures(outside, self.num_requests)
        self.repeats = save_judged(self.plan, parts, self.judged_manifest())

    def panel(self) -> Any:
        """What the reports are made of."""
        from calibration.assemble import Panel
        from flows.calibration_inputs import read_comparisons
        from flows.calibration_outcome import readings_of

        records = read_comparisons(self.eigenbench_results)
        benches = [
            readings_of(self.plan, number, [rows.table for rows in again], records)
            for number, again in enumerate(self.repeats)
        ]
        return Panel(
            judges=benches,
            manner=self.plan.manner,
            labels=self.labels,
            trust=self.trust,
            accuracies=self.accuracies,
            draws=self.n_resamples,
        )

    def export(self, panel: Any) -> str:
        """Write the sheet for people, where one is asked for; returns its folder."""
        if not self.export_for_labelling:
            return ""
        from flows.calibration_outcome import sheet_of
        from reporting.calibration_results import write_sheet

        sheet = sheet_of(self.plan, panel, self.export_for_labelling)
        folder = self.folder(0)
        write_sheet(sheet.to_csv(), sheet.to_html(), sheet.drawn, folder)
        return f"{shown(folder)}/labelling"

    def judged_manifest(self) -> dict[str, Any]:
        """What travels with every judged dataset, less its judge."""
        return manifest(self, "val_bench_judged", usage=self.usage)

    def make_manifest(self, report: Any, number: int) -> dict[str, Any]:
        """What this run was."""
        judges, alone = self.plan.judges, number < len(self.plan.judges)
        judge = judges[number if alone else 0]
        entry = model_entry(judge.model, judge.sampling) if alone else {"id": report.judge_id}
        return manifest(
            self,
            "calibration",
            work=self.plan.report_work(number),
            judge=entry,
            verdict=report.verdict,
            manner=report.manner,
            judge_prompt_hash=hash_of(judge.template),
            dataset={
                "fingerprints": dict(self.plan.fingerprints),
                "judged": [*self.datasets, *self.jury_datasets],
            },
            simulated=report.simulated,
            seeds={"bootstrap": 0, "labelling": 0},
            usage=self.usage,
        )


CARRIED = ["plan", "labels", "trust", "accuracies", "num_requests", "datasets"]


def parts_of(task: Any) -> list[Filled]:
    """The judged rows of a task, one part a reading."""
    return [Filled(rows.table, gaps) for rows, gaps in zip(task.readings, task.gaps, strict=True)]
