"""The chosen benchmarks for an ensemble of models and judges, and one report over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metaflow import Parameter, card, package_sources, step

from flows.base import told_plainly
from flows.manifest import hash_of, manifest
from flows.naming import claim_results
from flows.parent import is_remote
from flows.plan_parameter import PlanParameter, check_keys_for
from flows.remote import shown, staged
from inference import PlumblineError


@package_sources(["../reporting/html"], suffixes=[".js", ".css", ".html"])
class SuiteFlow(PlanParameter):
    """
    Run the chosen benchmarks for an ensemble of models and judges, and report on all of them.

    1. start: read and check the spec, the models, their keys and the results folder.
    2. plan: requests, tokens and cost of each model and benchmark, where asked for or budgeted.
    3. spread: one branch a benchmark.
    4. run_branch: one task a benchmark; it runs the benchmark's own flows, and notes what fails.
    5. join: resume what failed, write the report over what is done, raise if something is missing.
    6. end: say where everything is.
    """

    spec = Parameter("spec", help="the suite as YAML", required=True)

    @step
    @told_plainly
    def start(self):
        """Read and check the spec, the models, their keys and the results folder."""
        from flows.suite_runs import branches_of
        from flows.suite_spec import load_suite
        from inference.models import resolve_all

        if is_remote():
            raise PlumblineError(
                "suite_flow runs the other flows from this machine: leave out --with batch "
                "(and --with kubernetes), or give it to the single flows"
            )
        self.suite = load_suite(self.spec)
        ids = ",".join(dict.fromkeys([*self.suite.models, *self.suite.judges]))
        models = resolve_all(ids, self.suite.inference_url or None)
        # A plan of EigenBench asks a pilot.
        check_keys_for(models, not self.plan_only or "eigenbench" in self.suite.benchmarks)
        self.simulated = any(model.provider == "simulated" for model in models)
        self.branches = branches_of(self.suite)
        if not self.plan_only:
            claim_results(self.folder(), self.work())
        self.next(self.plan)

    @step
    @told_plainly
    def plan(self):
        """Requests, tokens and cost of each model and benchmark, where asked for or budgeted."""
        from flows.suite_plan import check_budget, plan_suite, shares, table
        from flows.suite_runs import children_of

        self.rows, self.plan_text = [], ""
        paid: dict[str, float] = {}
        if self.plan_only or self.suite.budget:
            planned = plan_suite(self.suite, self.branches, self.suite.scratch)
            self.rows = planned.rows
            paid = planned.paid
            self.plan_text = table(self.rows)
            print(self.plan_text)
            check_budget(self.suite, self.rows)
        self.budgets = shares(self.suite.budget, children_of(self.branches), self.rows, paid)
        self.numbers = list(range(len(self.branches)))
        self.way = "plan_only" if self.plan_only else "branches"
        self.next({"branches": self.spread, "plan_only": self.end}, condition="way")

    @step
    @told_plainly
    def spread(self):
        """One branch a benchmark."""
        self.next(self.run_branch, foreach="numbers")

    @step
    @told_plainly
    def run_branch(self):
        """Run a benchmark's own flows; what fails is noted, not raised: the others go on."""
        from flows import children

        self.outcomes = children.run_branch(
            self.budgeted(self.branches[self.input]), self.suite.scratch
        )
        self.next(self.join)

    @card(type="blank", id="results")
    @step
    @told_plainly
    def join(self, inputs):
        """Resume what failed, write the report over what is done, raise if something is missing."""
        from flows.children import run_again

        self.merge_artifacts(inputs, include=CARRIED)
        tasks = sorted(inputs, key=lambda task: task.index)
        outcomes = [outcome for task in tasks for outcome in task.outcomes]
        self.outcomes = run_again(outcomes, self.suite.scratch)
        self.summary = self.report()
        self.raise_if_missing()
        self.next(self.end)

    @step
    @told_plainly
    def end(self):
        """Say where everything is."""
        if self.plan_only:
            pilot = " but EigenBench's pilot" if "eigenbench" in self.suite.benchmarks else ""
            print(f"Nothing was run{pilot}: --plan_only.")
            return
        print(self.summary)
        print(f"\nReport: {self.results_path}/report.html")

    # What the steps are made of ------------------------------------------------------------------

    def budgeted(self, branch: Any) -> Any:
        """The branch with each run's part of the budget."""

        def with_cap(child: Any) -> Any:
            cap = self.budgets.get(child.name)
            return child._replace(options={**child.options, "max_cost": cap}) if cap else child

        return branch._replace(
            stages=tuple(tuple(with_cap(child) for child in stage) for stage in branch.stages)
        )

    def work(self) -> str:
        """A name for this work: the same suite, whatever its budget."""
        return hash_of("suite", [list(branch) for branch in self.branches])

    def folder(self) -> Path:
        """The folder of the suite's report, beside the benchmarks' results."""
        return staged(self.results_dir or str(self.suite.results / "report"))

    def report(self) -> str:
        """Write the report over the runs that are done; returns its summary."""
        from flows.cards import show_results
        from reporting.report.assemble import assemble_found
        from reporting.report.build import write_report
        from reporting.report.discovery import Problem, discover
        from reporting.report.page import MOST_TRANSCRIPTS

        done = [o.child.results for o in self.outcomes if o.ok and o.child.results]
        failed = [Problem(o.child.name, o.told) for o in self.outcomes if not o.ok]
        folder = self.folder()
        self.results_path = shown(folder)
        if not done:
            return "No run is done: there is nothing to report."
        found = discover(done)
        names = {Path(o.child.results).resolve(): o.child.name for o in self.outcomes}
        runs = [_renamed(run, names) for run in found.runs]
        found = found._replace(runs=runs, problems=[*failed, *found.problems])
        wanted = self.suite.report
        report = assemble_found(found, str(wanted.get("title") or f"Suite {self.suite.name}"))
        most = int(wanted.get("max_transcripts", MOST_TRANSCRIPTS))
        text = write_report(report, folder, self.make_manifest(), most)
        show_results(text, folder)
        return text

    def make_manifest(self) -> dict[str, Any]:
        """What this suite was."""
        return manifest(
            self,
            "suite",
            work=self.work(),
            models=list(self.suite.models),
            judges=list(self.suite.judges),
            benchmarks=dict(self.suite.benchmarks),
            budget=self.suite.budget,
            runs=[
                {"name": o.child.name, "run": o.pathspec, "ok": o.ok, "told": o.told}
                for o in self.outcomes
            ],
            simulated=self.simulated,
            seeds={"bootstrap": 0, "transcripts": 0},
        )

    def raise_if_missing(self) -> None:
        """End the suite with the list of what failed, so that `resume` goes on with it.

        Raises:
            PlumblineError: a run failed twice.
        """
        failed = [outcome for outcome in self.outcomes if not outcome.ok]
        if not failed:
            return
        print(self.summary)
        listed = "\n".join(f"  {o.child.name}: {o.told}" for o in failed)
        raise PlumblineError(
            f"{len(failed)} of {len(self.outcomes)} runs failed, also when resumed:\n{listed}\n"
            f"The others are reported in {self.results_path}/report.html. Mend the cause and "
            "`resume`: what was answered is not asked again."
        )


CARRIED = ["suite", "branches", "simulated", "budgets", "rows", "plan_text"]


def _renamed(run: Any, names: dict[Path, str]) -> Any:
    """The run under its name in the suite; one of several reports of a run keeps its folder's."""
    import dataclasses

    folder = run.folder.resolve()
    if folder in names:
        return dataclasses.replace(run, name=names[folder])
    above = names.get(folder.parent)
    return dataclasses.replace(run, name=f"{above}/{folder.name}") if above else run
