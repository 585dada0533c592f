"""How long a report over many runs takes, and how much memory; prints one line a case.

    python -m perf.report
    python -m perf.report --runs 50 --items 2000

50 VAL-Bench runs of 2,000 judged pairs each, about 2 KB of text a pair, on the same prompts: 1,225
paired comparisons a measure. The report is to take under 60 s and 2 GB. Making the runs is not
timed; the report is made in a process of its own, whose peak memory is the one told.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

SECONDS, GIGABYTES = 60.0, 2.0


def make_runs(root: Path, runs: int, items: int) -> None:
    """Results folders of `runs` models that keep their stance more and more often."""
    os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
    from tests.reporting.report.worlds import judged_rows, val_bench_run

    for number in range(runs):
        model = f"sim/m{number:02d}"
        rows = judged_rows(model, 0.2 + 0.6 * number / max(1, runs - 1), items // 2, 2, words=200)
        val_bench_run(root, model, rows, n_resamples=100)


def make_report(root: Path) -> None:
    """Read, compare, write; prints the seconds of each part and the peak memory."""
    from reporting.report.assemble import assemble
    from reporting.report.build import write_report

    began, cpu = time.perf_counter(), time.process_time()
    report = assemble([root / "evaluation_results"])
    read = time.perf_counter() - began
    write_report(report, root / "report", {"benchmark": "report"})
    total, used = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    size = (root / "report" / "report.html").stat().st_size / 1e6
    print(
        f"read and compare {read:.1f} s, all {total:.1f} s wall, {used:.1f} s CPU, "
        f"peak {peak:.2f} GB, page {size:.1f} MB"
    )
    assert len(report.boards["val_bench"][0].differences["pac"]) > 0


def main() -> None:
    """Make the runs, then the report in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--folder", default="", help="only report on runs that were made here")
    words = parser.parse_args()
    if words.folder:
        make_report(Path(words.folder))
        return
    with tempfile.TemporaryDirectory() as folder:
        make_runs(Path(folder), words.runs, words.items)
        load = os.getloadavg()[0]
        print(f"{words.runs} runs, {words.runs * words.items:,} judged items, load {load:.1f}:")
        subprocess.run([sys.executable, __file__, "--folder", folder], check=True)
    print(f"aims: {SECONDS:.0f} s, {GIGABYTES:.0f} GB")


if __name__ == "__main__":
    main()
