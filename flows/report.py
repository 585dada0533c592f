"""One leaderboard and one page over any set of finished runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from metaflow import Parameter, card, package_sources, step

from flows.base import PlumblineFlow, told_plainly
from flows.manifest import manifest
from flows.naming import RESULTS
from flows.remote import at_hand, check_outlives, shown, staged
from inference import PlumblineError

_LONGEST_NAME = 200
"""Bytes; a file system takes 255, and files are written under longer names first."""


@package_sources(["../reporting/html"], suffixes=[".js", ".css", ".html"])
class ReportFlow(PlumblineFlow):
    """
    Put any set of finished runs on one leaderboard and one page.

    1. start: find the runs, name what can't be used, check where the report may go.
    2. write: compare what is comparable; page, tables, pictures, card.
    3. export: push the tables to the Hub, lay out EigenBench runs for ValueArena.
    4. end: say where everything is.
    """

    results = Parameter(
        "results",
        help="folders of runs, or above them, here or s3://, comma-separated; default "
        "evaluation_results",
        default="",
    )
    runs = Parameter("runs", help="Metaflow runs, comma-separated: EvaluatorFlow/123", default="")
    run_tag = Parameter("run_tag", help="all runs with this Metaflow tag", default="")
    report_name = Parameter("report_name", help="of the report's folder", default="report")
    title = Parameter("title", help="of the page", default="Plumbline report")
    max_transcripts = Parameter(
        "max_transcripts", help="items that can be opened on the page (0: all)", default=10_000
    )
    push_to_hub = Parameter("push_to_hub", help="Hub dataset for the tables, org/name", default="")
    valuearena = Parameter(
        "valuearena",
        help="where EigenBench runs go in ValueArena's layout: a folder, or a Hub dataset org/name",
        default="",
    )
    valuearena_prefix = Parameter(
        "valuearena_prefix", help="a batch: its runs stand below this prefix", default=""
    )
    group = Parameter("group", help="ValueArena's group of these runs", default="")
    note = Parameter("note", help="ValueArena's note on these runs", default="")

    @step
    @told_plainly
    def start(self):
        """Find the runs, name what can't be used, check where the report may go."""
        from reporting.report.discovery import nothing_to_report
        from reporting.report.hub import check_repository

        if self.max_transcripts < 0:
            raise PlumblineError(f"--max_transcripts is {self.max_transcripts}; 0 means all")
        check_name(self.report_name)
        self.sources, self.lost = self.places()
        for repo in self.repositories():
            check_repository(repo)
        found = self.find()
        if not found.runs:
            raise PlumblineError(nothing_to_report(found.problems))
        for problem in found.problems:
            print(f"Not reported: {problem}")
        self.next(self.write)

    @card(type="blank", id="results")
    @step
    @told_plainly
    def write(self):
        """Compare what is comparable; page, tables, pictures, card."""
        from flows.cards import show_results
        from reporting.report.assemble import assemble_found
        from reporting.report.build import write_report

        report = assemble_found(self.find(), self.title)
        folder = self.folder()
        self.simulated = report.simulated
        self.problems = [str(problem) for problem in report.problems]
        self.results_path = shown(folder)
        self.manifest = self.make_manifest(report)
        self.summary = write_report(report, folder, self.manifest, self.max_transcripts)
        show_results(self.summary, folder)
        self.next(self.export)

    @step
    @told_plainly
    def export(self):
        """Push the tables to the Hub, lay out EigenBench runs for ValueArena."""
        self.exported = []
        if self.push_to_hub:
            self.exported.append(self.push_tables())
        if self.valuearena:
            self.exported += self.lay_out_runs()
        self.next(self.end)

    @step
    @told_plainly
    def end(self):
        """Say where everything is."""
        print(self.summary)
        print(f"\nReport: {self.results_path}/report.html")
        for line in self.exported:
            print(line)

    # What the steps are made of ------------------------------------------------------------------

    def places(self) -> tuple[list[str], list[tuple[str, str]]]:
        """The folders to look into, and Metaflow runs that name none."""
        places = [place.strip() for place in self.results.split(",") if place.strip()]
        lost: list[tuple[str, str]] = []
        for path in self.metaflow_runs(lost):
            found = results_of(path)
            if found:
                places += found
            else:
                lost.append((path, "this Metaflow run left no results folder"))
        if not places and not lost:
            places = [str(RESULTS)]
        return places, lost

    def find(self) -> Any:
        """The runs, fetched to this machine where they are on S3, and what can't be used."""
        from reporting.report.discovery import Problem, discover
        from tables.places import BadPlace

        lost, here = [Problem(*one) for one in self.lost], {}
        for place in self.sources:
            try:
                here[place] = at_hand(place)
            except BadPlace as error:
                lost.append(Problem(place, str(error)))
        found = discover(here.values())
        for place, folder in here.items():
            renamed = [(p.where.replace(str(folder), place), p.what) for p in found.problems]
            found = found._replace(problems=[Problem(*one) for one in renamed])
        return found._replace(problems=[*lost, *found.problems])

    def metaflow_runs(self, lost: list[tuple[str, str]]) -> list[str]:
        """Pathspecs of the runs given by id and by tag."""
        wanted = [run.strip() for run in self.runs.split(",") if run.strip()]
        if self.run_tag:
            tagged = runs_tagged(self.run_tag)
            wanted += tagged
            if not tagged:
                lost.append((f"tag {self.run_tag}", "no finished Metaflow run has this tag"))
        return list(dict.fromkeys(wanted))

    def repositories(self) -> list[str]:
        """Hub datasets that will be written."""
        from tables.places import is_folder, is_hub

        for repo in filter(None, [self.push_to_hub]):
            if not is_hub(repo):
                raise PlumblineError(f"--push_to_hub {repo} is no Hub dataset: give org/name")
        arena = self.valuearena
        if arena and not is_folder(arena) and not is_hub(arena):
            raise PlumblineError(f"--valuearena {arena}: give a folder (./arena) or org/name")
        if arena:
            check_outlives(arena, "--valuearena")
        return [repo for repo in (self.push_to_hub, arena) if repo and is_hub(repo)]

    def folder(self) -> Path:
        """The folder of the report."""
        return staged(self.results_dir or str(RESULTS / self.report_name))

    def make_manifest(self, report: Any) -> dict[str, Any]:
        """What this report was made of."""
        return manifest(
            self,
            "report",
            title=report.title,
            runs=[
                {
                    "name": run.name,
                    "benchmark": run.benchmark,
                    "flow": run.manifest.get("flow"),
                    "run_id": run.manifest.get("run_id"),
                }
                for run in report.runs
            ],
            problems=self.problems,
            simulated=report.simulated,
            seeds={"bootstrap": 0, "transcripts": 0},
        )

    def push_tables(self) -> str:
        """The report's tables and card as a Hub dataset."""
        import tempfile

        from reporting.report.assemble import assemble_found
        from reporting.report.hub import upload, write_dataset

        report = assemble_found(self.find(), self.title)
        with tempfile.TemporaryDirectory() as folder:
            write_dataset(report, Path(folder))
            where = upload(Path(folder), self.push_to_hub, f"Report {report.created[:10]}")
        return f"Pushed: {self.push_to_hub} ({where})"

    def lay_out_runs(self) -> list[str]:
        """EigenBench runs in ValueArena's layout, in a folder or on the Hub."""
        import tempfile

        from reporting.report.hub import download_json, upload
        from reporting.report.valuearena import INDEX, Label, export
        from tables.places import is_hub

        label = Label(self.valuearena_prefix, "", self.group, self.note)
        chosen = [run for run in self.find().runs if run.benchmark == "eigenbench"]
        if not chosen:
            return ["ValueArena: there is no EigenBench run to lay out"]
        if not is_hub(self.valuearena):
            slugs = export(chosen, Path(self.valuearena), label)
            return [f"ValueArena: {self.valuearena}/runs/{slug}" for slug in slugs]
        with tempfile.TemporaryDirectory() as folder:
            index = download_json(self.valuearena, INDEX)
            slugs = export(chosen, Path(folder), label, index or {})
            upload(Path(folder), self.valuearena, f"Add {len(slugs)} runs")
        return [f"ValueArena: {self.valuearena}: runs/{slug}" for slug in slugs]


def check_name(name: str) -> None:
    """Refuse a report's name that is no folder's, or leads out of evaluation_results.

    Raises:
        PlumblineError: so it is.
    """
    if not re.fullmatch(r"\w[\w .-]*", name) or len(name.encode()) > _LONGEST_NAME:
        raise PlumblineError(
            f"--report_name {name[:80]!r} is no folder name; use letters, digits, - and _, "
            f"{_LONGEST_NAME} at most"
        )


def results_of(pathspec: str) -> list[str]:
    """The results folders that a Metaflow run names; empty where it isn't there or left none."""
    from metaflow import Run, namespace
    from metaflow.exception import MetaflowException

    namespace(None)
    try:
        data = Run(pathspec).data
    except (MetaflowException, ValueError):
        return []
    if data is None:
        return []
    found: list[str] = []
    for name in ("results_path", "results_paths"):
        value = getattr(data, name, None)
        found += [value] if isinstance(value, str) else list(value or [])
    return found


def runs_tagged(tag: str) -> list[str]:
    """Pathspecs of all successful runs with a tag, of every flow."""
    from metaflow import Metaflow, namespace

    namespace(None)
    return [run.pathspec for flow in Metaflow() for run in flow.runs(tag) if run.successful]
