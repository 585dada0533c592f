"""The two VAL-Bench flows on 500 pairs behind a server with 200 ms latency: what they add to it.

    python -m perf.pipeline

The ideal is the time the requests alone would take: a thousand answers at 128 in flight and 500
verdicts at 512. What is above it is Metaflow's steps, imports, tables, plots and cards. How much of
it is Metaflow alone shows in two flows with the same steps and cards and nothing in them.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.model_server import ServerProcess

ROOT = Path(__file__).parent.parent
BARE = ("perf/bare_responses_flow.py", "perf/bare_evaluator_flow.py")
PAIRS, LATENCY = 500, 0.2
IDEAL = LATENCY * (math.ceil(2 * PAIRS / 128) + math.ceil(PAIRS / 512))


def write_pairs(path: Path) -> None:
    """Five hundred pairs made of the built-in ones."""
    lines = (ROOT / "data" / "val_bench_pairs.jsonl").read_text().splitlines()
    with path.open("w") as file:
        for number in range(PAIRS):
            row = json.loads(lines[number % len(lines)])
            row["id"] = f"p{number}"
            row["for_question"] += f" (case {number})"
            row["against_question"] += f" (case {number})"
            file.write(json.dumps(row) + "\n")


def run(folder: Path, entry: str, *words: str) -> float:
    """Wall seconds of one flow."""
    began = time.monotonic()
    subprocess.run(
        [sys.executable, str(ROOT / entry), "run", *words],
        cwd=folder,
        env=os.environ | {"METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder), "USERNAME": "perf"},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    return time.monotonic() - began


def main() -> None:
    """Run both flows once and print a table."""
    with (
        tempfile.TemporaryDirectory() as name,
        ServerProcess(reply="tests.simulated_reply:reply", latency=LATENCY) as server,
    ):
        folder = Path(name)
        bare = run(folder, "perf/bare_responses_flow.py") + run(
            folder, "perf/bare_evaluator_flow.py"
        )
        write_pairs(folder / "pairs.jsonl")
        url = ("--inference_url", server.openai_url)
        responses = run(
            folder, "val_bench_responses_flow.py", "--model_id", "waverer", *url,
            "--dataset_id", "./pairs.jsonl", "--output_dataset_path", "./responses",
        )  # fmt: skip
        evaluation = run(
            folder, "evaluator_flow.py", "--judge_model_id", "judge", *url,
            "--responses_ds_path", "./responses-waverer", "--output_dataset_path", "./judged",
        )  # fmt: skip
    total = responses + evaluation
    print("| step | wall s |\n|---|---:|")
    print(f"| val_bench_responses_flow.py, {PAIRS} pairs | {responses:.1f} |")
    print(f"| evaluator_flow.py | {evaluation:.1f} |")
    print(f"| ideal API time | {IDEAL:.1f} |")
    print(f"| beyond the ideal | {total - IDEAL:.1f} |")
    print(f"| flows with the same steps and cards and nothing in them | {bare:.1f} |")


if __name__ == "__main__":
    main()
