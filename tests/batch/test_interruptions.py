"""Jobs that are killed, shards that fail, folders that only the launcher has."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.batch.compare import rows_of
from tests.batch.conftest import Cluster
from tests.batch.stand_in import Job
from tests.model_server import ServerProcess
from tests.processes import wait_for

pytestmark = pytest.mark.slow

PAIRS = 120
IN_FLIGHT = 8
LATENCY = 0.25


def write_pairs(path: Path) -> Path:
    rows = [
        {
            "issue_description": f"issue {n}",
            "for_question": f"Why is plan {n} right?",
            "against_question": f"Why is plan {n} wrong?",
            "article_title": f"article {n // 2}",
        }
        for n in range(PAIRS)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def upload(cluster: Cluster, path: Path) -> str:
    key = f"{cluster.root.removeprefix('s3://plumbline/')}/in/{path.name}"
    cluster.s3.client().upload_file(str(path), cluster.s3.bucket, key)
    return f"s3://{cluster.s3.bucket}/{key}"


def words(cluster: Cluster, pairs: str, server: ServerProcess) -> list[str]:
    return [
        *("--model_id", "loopback/model", "--inference_url", server.openai_url),
        *("--dataset_id", pairs, "--batch_size", str(IN_FLIGHT), "--num_shards", "2"),
        *("--output_dataset_path", f"{cluster.root}/responses"),
        *("--store_path", f"{cluster.root}/store"),
    ]


def stored_parts(cluster: Cluster) -> int:
    return sum(key.endswith(".seg") for key in cluster.objects("store/"))


def repeats(server: ServerProcess) -> int:
    return sum(count - 1 for count in server.log.asked().values())


def kill_when(job: Job, condition: Callable[[], bool], after: float = 0.0) -> None:
    """Kill a job -9 once something is so."""

    def wait() -> None:
        while not condition():
            time.sleep(0.05)
        time.sleep(after)
        job.kill()

    threading.Thread(target=wait, daemon=True).start()


def test_a_killed_job_is_retried_and_asks_nothing_stored(cluster: Cluster, tmp_path: Path) -> None:
    pairs = upload(cluster, write_pairs(tmp_path / "pairs.jsonl"))
    killed: list[Job] = []

    def on_start(job: Job) -> None:
        if job.step == "ask" and job.attempt == 0 and not killed:
            killed.append(job)
            kill_when(job, lambda: stored_parts(cluster) >= 4, after=0.5)

    cluster.batch.on_start = on_start
    with ServerProcess(latency=LATENCY) as server:
        cluster.ok(
            "val_bench_responses_flow.py", "run", "--with", "batch", *words(cluster, pairs, server)
        )
        asked = server.log.asked()
        again = repeats(server)
        reference = [*words(cluster, pairs, server)]
        reference[-3:] = ["local_results/alone", "--store_path", "local_data/alone"]
        cluster.scratch.ok("val_bench_responses_flow.py", "run", *reference)
    assert [job.code for job in killed] == [137]
    assert sum(job.step == "ask" for job in cluster.batch.jobs.values()) == 3
    assert len(asked) == 2 * PAIRS
    # In flight, plus what came in during the two seconds before the kill.
    assert 0 < again <= IN_FLIGHT + 2.0 / LATENCY * IN_FLIGHT
    download = cluster.scratch.folder / "fetched"
    fetch(cluster, "responses-loopback-model", download)
    assert rows_of(download) == rows_of(
        cluster.scratch.folder / "local_results/alone-loopback-model"
    )


def fetch(cluster: Cluster, place: str, folder: Path) -> None:
    for key in cluster.objects(f"{place}/"):
        path = folder / key.removeprefix(f"{place}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cluster.read(key))


def test_resume_runs_only_the_shard_that_failed(cluster: Cluster) -> None:
    doomed: list[str] = []

    def on_start(job: Job) -> None:
        if job.step != "ask":
            return
        task = job.request["parameters"]["metaflow.task_id"]
        if not doomed:
            doomed.append(task)
        if task == doomed[0]:
            job.kill()

    cluster.batch.on_start = on_start
    ask = ["--model_id", "sim/waverer", "--dataset_id", "builtin:val_bench_pairs"]
    run = cluster.run(
        "val_bench_responses_flow.py", "run", "--with", "batch", *ask, "--num_shards", "3"
    )
    assert run.code != 0
    attempts = [job.request["parameters"]["metaflow.task_id"] for job in jobs_of(cluster, "ask")]
    assert attempts.count(doomed[0]) == 3
    wait_for(lambda: all(job.stopped for job in cluster.batch.jobs.values()))
    finished = sum(job.code == 0 for job in jobs_of(cluster, "ask"))
    before = len(cluster.batch.jobs)
    cluster.batch.on_start = None
    cluster.ok("val_bench_responses_flow.py", "resume", "--with", "batch")
    resumed = [job.step for job in list(cluster.batch.jobs.values())[before:]]
    assert sorted(resumed) == sorted(["ask"] * (3 - finished) + ["join", "end"])


def jobs_of(cluster: Cluster, step: str) -> list[Job]:
    return [job for job in cluster.batch.jobs.values() if job.step == step]


@pytest.mark.parametrize(
    ("dataset", "told"),
    [
        ("{launcher}/pairs.jsonl", "a place of the launcher's machine"),
        ("./pairs.jsonl", "a remote task does not see ./pairs.jsonl on the launcher"),
    ],
)
def test_a_folder_of_the_launcher_is_one_line(cluster: Cluster, dataset: str, told: str) -> None:
    launcher = cluster.scratch.folder
    write_pairs(launcher / "pairs.jsonl")
    run = cluster.run(
        "val_bench_responses_flow.py",
        *("run", "--with", "batch", "--model_id", "sim/waverer"),
        *("--dataset_id", dataset.format(launcher=launcher)),
    )
    assert run.code != 0
    assert told in run.text
    assert "s3://" in next(line for line in run.text.splitlines() if told in line)
    assert "Traceback" not in run.text
    assert [job.step for job in cluster.batch.jobs.values()] == ["start"]


def test_jobs_that_outlive_their_launcher_are_killed_and_resume_goes_on(
    cluster: Cluster, tmp_path: Path
) -> None:
    pairs = upload(cluster, write_pairs(tmp_path / "pairs.jsonl"))
    flow = "val_bench_responses_flow.py"
    with ServerProcess(latency=LATENCY) as server:
        launcher = cluster.start(flow, "run", "--with", "batch", *words(cluster, pairs, server))
        wait_for(lambda: stored_parts(cluster) >= 4, seconds=120)
        launcher.kill()
        launcher.communicate()
        running = [job for job in jobs_of(cluster, "ask") if job.stopped is None]
        assert running
        listed = cluster.ok(flow, "batch", "list")
        assert all(job.id in listed.raw for job in running)
        cluster.ok(flow, "batch", "kill")
        wait_for(lambda: all(job.stopped for job in cluster.batch.jobs.values()))
        asked = sum(server.log.asked().values())
        cluster.ok(flow, "resume", "--with", "batch")
        # What SIGTERM found stored or flushed is not asked again; in flight were 8 in each of two.
        assert repeats(server) <= 2 * IN_FLIGHT < asked
        assert len(server.log.asked()) == 2 * PAIRS
