"""Find finished runs: a run is a folder with a manifest.json, which every flow writes last.

What can't be used is named, and the rest is reported: a folder without a manifest, a half-written
run, a manifest that is no JSON, two runs of one name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from reporting.report.values import Run

MANIFEST = "manifest.json"
OURS = frozenset({"report", "suite"})
"""Benchmarks of manifests that hold no results of their own."""
_RESULT_FILES = frozenset({".csv", ".json", ".jsonl", ".png", ".parquet"})
_SETTLED = frozenset({"images", "plots"})


class Problem(NamedTuple):
    """Something that could not be used.

    Attributes:
        where: the run, folder or file.
        what: what is wrong with it and how to mend it.
    """

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class Found(NamedTuple):
    """Runs by unique name, oldest first, and what could not be used."""

    runs: list[Run]
    problems: list[Problem]


def nothing_to_report(problems: Iterable[Problem]) -> str:
    """What to say where no run can be used."""
    return "there is no finished run to report" + "".join(f"\n  {problem}" for problem in problems)


def discover(places: Iterable[str | Path]) -> Found:
    """All runs at or below the given folders; a run that is found twice counts once."""
    problems: list[Problem] = []
    found: dict[Path, Run] = {}
    for place in places:
        root = Path(place)
        if not root.is_dir():
            problems.append(Problem(str(place), "there is no such folder"))
            continue
        runs, wrong = _below(root)
        problems += wrong
        if not runs and not wrong:
            problems.append(Problem(str(place), "no manifest.json in it or below: no finished run"))
        found.update({run.folder.resolve(): run for run in runs})
    kept, clashes = _one_of_each_name(list(found.values()))
    kept.sort(key=lambda run: (run.created, run.name))
    return Found(kept, problems + clashes)


def _below(root: Path) -> tuple[list[Run], list[Problem]]:
    runs, problems = [], []
    manifests = sorted(_manifests(root))
    for path in manifests:
        run = _read(path, root)
        if isinstance(run, Problem):
            problems.append(run)
        elif run.benchmark not in OURS:
            runs.append(run)
    finished = {path.parent for path in manifests}
    for folder in sorted(_half_written(root, finished)):
        what = "half-written: results without manifest.json; `resume` the run, or move it away"
        problems.append(Problem(str(folder), what))
    return runs, problems


def _manifests(root: Path) -> Iterator[Path]:
    """Manifests outside hidden folders."""
    for path in root.rglob(MANIFEST):
        if not any(part.startswith(".") for part in path.relative_to(root).parts):
            yield path


def _read(path: Path, root: Path) -> Run | Problem:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        return Problem(str(path), f"can't be read as JSON ({error}); run its flow again")
    if not isinstance(manifest, dict) or not manifest.get("benchmark"):
        return Problem(str(path), "names no benchmark: not a manifest of this suite")
    return Run(_name(path.parent, root), path.parent, manifest)


def _name(folder: Path, root: Path) -> str:
    """The folder below the results root; given directly, its own name, and its parent's where the
    folder is named after a benchmark, as evaluation_results/<run>/eigenbench."""
    below = folder.relative_to(root).parts
    if below:
        return "/".join(below)
    full = folder.resolve()
    return f"{full.parent.name}/{full.name}" if full.name in _BY_BENCHMARK else full.name


_BY_BENCHMARK = frozenset({"eigenbench", "steerability", "val_bench", "calibration"})


def _half_written(root: Path, finished: set[Path]) -> Iterator[Path]:
    """Folders with result files, but with no manifest in, above or below them."""
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        parts = folder.relative_to(root).parts
        if any(part.startswith(".") or part in _SETTLED for part in parts):
            continue
        if any(folder.is_relative_to(done) or done.is_relative_to(folder) for done in finished):
            continue
        if any(path.suffix in _RESULT_FILES for path in folder.iterdir() if path.is_file()):
            yield folder


def _one_of_each_name(runs: list[Run]) -> tuple[list[Run], list[Problem]]:
    """The newest run of each name; the others are named as problems."""
    by_name: dict[str, list[Run]] = {}
    for run in runs:
        by_name.setdefault(run.name, []).append(run)
    kept, problems = [], []
    for name, same in by_name.items():
        *older, newest = sorted(same, key=lambda run: (run.created, str(run.folder)))
        kept.append(newest)
        problems += [
            Problem(
                str(run.folder),
                f"a second run named {name}; the newer one in {newest.folder} is reported: "
                "rename one of the folders to report both",
            )
            for run in older
        ]
    return kept, problems
