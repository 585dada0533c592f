"""Time and memory of the two VAL-Bench flows from 1,000 to 115,000 pairs, on simulated models.

The answers have some 2,000 characters each.

    python -m perf.scale                    # all sizes; writes perf/scale.csv and perf/scale.png
    python -m perf.scale --sizes 1000,5000  # some of them; prints only

Each task is a process, whose memory is read from the kernel while it lives: its own (RssAnon), and
with the pages of files that it maps (VmHWM), which the kernel takes back when it needs room: joins
and measures map whole tables. Two tasks run at a time, as on a machine with two cores.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
SIZES = (1_000, 5_000, 20_000, 60_000, 115_000)
LIMIT_MB = 1536
TABLE, PICTURE = ROOT / "perf" / "scale.csv", ROOT / "perf" / "scale.png"
_STEP = re.compile(rb"_flow\.py.*\0step\0([a-z_]+)\0")
_EVERY = 0.05


class Row(NamedTuple):
    """One step of one flow at one size: all its tasks together.

    Attributes:
        pairs: rows of the data set.
        flow, step: which.
        tasks: how many ran.
        own_mb: the most memory of its own that one of them held, MiB.
        peak_mb: the same with the pages of mapped files.
        seconds: from the first one's start to the last one's end.
    """

    pairs: int
    flow: str
    step: str
    tasks: int
    own_mb: float
    peak_mb: float
    seconds: float


class Watch:
    """Peaks of memory and times of a launcher's tasks."""

    def __init__(self) -> None:
        self._own: dict[tuple[str, int], float] = {}
        self._peaks: dict[tuple[str, int], float] = {}
        self._times: dict[tuple[str, int], tuple[float, float]] = {}

    def look(self, launcher: int) -> None:
        """Read every child of the launcher that runs a step."""
        now = time.monotonic()
        for process in _children(launcher):
            try:
                found = _STEP.search(Path(f"/proc/{process}/cmdline").read_bytes())
                status = Path(f"/proc/{process}/status").read_text()
            except OSError:
                continue
            peak, own = _mebibytes(status, "VmHWM"), _mebibytes(status, "RssAnon")
            if not found or not peak:
                continue
            task = (found[1].decode(), process)
            self._own[task] = max(self._own.get(task, 0.0), own)
            self._peaks[task] = max(self._peaks.get(task, 0.0), peak)
            self._times[task] = (self._times.get(task, (now, now))[0], now)

    def rows(self, pairs: int, flow: str) -> list[Row]:
        """What was seen, by step in the order they began."""
        steps = dict.fromkeys(step for step, _ in sorted(self._times, key=self._times.__getitem__))
        rows = []
        for step in steps:
            tasks = [task for task in self._peaks if task[0] == step]
            began = min(self._times[task][0] for task in tasks)
            ended = max(self._times[task][1] for task in tasks)
            own = round(max(self._own[task] for task in tasks), 1)
            peak = round(max(self._peaks[task] for task in tasks), 1)
            rows.append(Row(pairs, flow, step, len(tasks), own, peak, round(ended - began, 1)))
        return rows


def _mebibytes(status: str, name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def _children(parent: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        try:
            found += [int(word) for word in task.read_text().split()]
        except OSError:
            continue
    return found


def write_pairs(path: Path, count: int) -> None:
    """Pairs made of the built-in ones, each with a text of its own."""
    known = [json.loads(line) for line in (ROOT / "data/val_bench_pairs.jsonl").open()]
    with path.open("w") as file:
        for number in range(count):
            row = dict(known[number % len(known)])
            row["id"] = f"p{number}"
            row["article_title"] = f"{row['article_title']} {number // 400}"
            for side in ("for_question", "against_question"):
                row[side] += f" (case {number})"
            file.write(json.dumps(row) + "\n")


def watched_run(folder: Path, pairs: int, entry: str, *words: str) -> list[Row]:
    """Run a flow; returns its steps' rows and one for the whole."""
    began, watch = time.monotonic(), Watch()
    with (folder / "log").open("w") as log:
        launcher = subprocess.Popen(
            [sys.executable, str(ROOT / entry), "run", "--max-workers", "2", *words],
            cwd=folder,
            env=os.environ | {"METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder), "USERNAME": "perf"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        while launcher.poll() is None:
            watch.look(launcher.pid)
            time.sleep(_EVERY)
    if launcher.returncode:
        raise SystemExit((folder / "log").read_text()[-3000:])
    flow = entry.removesuffix("_flow.py")
    rows = watch.rows(pairs, flow)
    whole = round(time.monotonic() - began, 1)
    most = (max(row.own_mb for row in rows), max(row.peak_mb for row in rows))
    return [*rows, Row(pairs, flow, "whole", 1, *most, whole)]


def measure(pairs: int) -> list[Row]:
    """Both flows on so many pairs."""
    with tempfile.TemporaryDirectory(prefix="plumbline-scale-") as name:
        folder = Path(name)
        (folder / ".metaflow").mkdir()
        write_pairs(folder / "pairs.jsonl", pairs)
        asking = ("--model_id", "sim/verbose", "--dataset_id", "./pairs.jsonl")
        rows = watched_run(folder, pairs, "val_bench_responses_flow.py", *asking)
        responses = "local_results/responses/val_responses-sim-verbose"
        judging = ("--judge_model_id", "sim/judge", "--responses_ds_path", responses)
        return rows + watched_run(folder, pairs, "evaluator_flow.py", *judging)


def write(rows: list[Row]) -> None:
    """The table and the picture in perf/."""
    with TABLE.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Row._fields)
        writer.writerows(rows)
    draw(rows, PICTURE)


def draw(rows: list[Row], path: Path) -> None:
    """Memory of each step, and time of each flow, against the number of pairs."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for flow, step in dict.fromkeys((row.flow, row.step) for row in rows):
        mine = [row for row in rows if (row.flow, row.step) == (flow, step)]
        sizes, name = [row.pairs for row in mine], f"{flow}: {step}"
        if step == "whole":
            right.plot(sizes, [row.seconds for row in mine], "o-", label=flow)
        elif step != "end":
            left.plot(sizes, [row.own_mb for row in mine], "o-", label=name)
    left.axhline(LIMIT_MB, color="0.6", linestyle="--")
    left.annotate("1.5 GiB", (SIZES[0], LIMIT_MB), xytext=(0, 3), textcoords="offset points")
    left.set(ylabel="most memory of a task's own, MiB", ylim=(0, LIMIT_MB * 1.08))
    left.set_title("Memory (simulated models, answers of 2,000 characters)", fontsize=9)
    right.set_title("Time of a whole flow", fontsize=9)
    right.set(ylabel="seconds, 2 tasks at a time", ylim=(0, None))
    for axes in (left, right):
        axes.set(xlabel="pairs", xscale="log")
        axes.set_xticks(SIZES, [f"{size:,}" for size in SIZES])
        axes.minorticks_off()
        axes.legend(fontsize=7)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def show(rows: list[Row]) -> None:
    """The rows as a Markdown table."""
    print("| pairs | flow | step | tasks | own MiB | with mapped files | seconds |")
    print("|---:|---|---|---:|---:|---:|---:|")
    for row in rows:
        print(f"| {row.pairs:,} | {' | '.join(map(str, row[1:]))} |", flush=True)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    sizes = [int(word) for word in parser.parse_args().sizes.split(",")]
    rows: list[Row] = []
    for pairs in sizes:
        rows += (found := measure(pairs))
        show(found)
    if tuple(sizes) == SIZES:
        write(rows)


if __name__ == "__main__":
    main()
