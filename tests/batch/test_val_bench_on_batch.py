"""VAL-Bench with every step on (stand-in) AWS Batch: the same command plus `--with batch`."""

from __future__ import annotations

import gzip
import io
import json
import re
import shutil
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tables.on_s3 import download_folder
from tests.batch.compare import csv_of, metrics_of, rows_of
from tests.batch.conftest import Cluster
from tests.batch.loopback_s3 import LoopbackS3
from tests.batch.stand_in import CHECKOUT, can_isolate
from tests.flows.conftest import Scratch

pytestmark = pytest.mark.slow

PRICES = ("mine.yaml", "data/prices.yaml")
PLANTED = f"planted-{uuid.uuid4().hex}"  # not in this file, which travels in the code package
ASK = ("--model_id", "sim/waverer", "--dataset_id", "builtin:val_bench_pairs", "--num_shards", "2")
RESPONSES = "local_results/responses/val_responses-sim-waverer"
JUDGE = ("--judge_model_id", "sim/judge", "--responses_ds_path", RESPONSES)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, s3: LoopbackS3) -> Iterator[Cluster]:
    """Both flows on Batch, with keys in the launcher's environment and in the jobs'."""
    if not can_isolate():
        pytest.skip("no mount namespaces here")
    with Cluster(tmp_path_factory.mktemp("cluster"), s3) as cluster:
        cluster.scratch.env["OPENAI_API_KEY"] = PLANTED + "-launcher"
        (cluster.scratch.folder / ".env").write_text(f"ANTHROPIC_API_KEY={PLANTED}-env-file\n")
        cluster.batch.image_environment["OPENAI_API_KEY"] = PLANTED + "-secret"
        cluster.ok("val_bench_responses_flow.py", "run", "--with", "batch", *ASK)
        # Single files of the launcher travel with the run.
        for name, where in (("rubric.md", "judges/prompts/stance.md"), PRICES):
            shutil.copy(CHECKOUT / where, cluster.scratch.folder / name)
        files = ("--judge_prompt_path", "rubric.md", "--prices_path", PRICES[0])
        cluster.ok("evaluator_flow.py", "run", "--with", "batch", *JUDGE, *files)
        yield cluster


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same on this machine."""
    scratch = Scratch(tmp_path_factory.mktemp("local"))
    scratch.ok("val_bench_responses_flow.py", "run", *ASK)
    scratch.ok("evaluator_flow.py", "run", *JUDGE)
    return scratch.folder


def fetch(cluster: Cluster, place: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in cluster.s3.environment().items():
        monkeypatch.setenv(name, value)
    download_folder(f"{cluster.root}/data/plumbline/{place}", folder)
    return folder


def test_every_step_was_a_job(done: Cluster) -> None:
    steps = [job.step for job in done.batch.jobs.values()]
    responses = ["start", "spread", "ask", "ask", "join", "end"]
    evaluation = ["start", "spread", "ask", "join", "measure", "end"]
    assert sorted(steps) == sorted([*responses, *evaluation])
    assert {job.status for job in done.batch.jobs.values()} == {"SUCCEEDED"}


def test_a_job_had_neither_checkout_nor_launcher(done: Cluster) -> None:
    for job in done.batch.jobs.values():
        environment = {p["name"] for p in job.request["containerOverrides"]["environment"]}
        assert not environment & {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "VIRTUAL_ENV"}
        command = json.dumps(job.request["containerOverrides"]["command"])
        assert str(CHECKOUT) not in command
        assert str(done.scratch.folder) not in command


def test_the_datasets_equal_those_of_a_local_run(
    done: Cluster, local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, place in enumerate((RESPONSES, "local_results/sim-waverer-judge-evaluation")):
        (tmp_path / str(number)).mkdir()
        ours = fetch(done, place, tmp_path / str(number), monkeypatch)
        assert rows_of(ours) == rows_of(local / place)


def test_the_results_equal_those_of_a_local_run(
    done: Cluster, local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = fetch(done, "evaluation_results/sim-waverer-judge", tmp_path, monkeypatch)
    theirs = local / "evaluation_results/sim-waverer-judge"
    assert csv_of(ours) == csv_of(theirs) != {}
    assert metrics_of(ours) == metrics_of(theirs)
    assert {p.name for p in ours.iterdir()} == {p.name for p in theirs.iterdir()}


def everything(cluster: Cluster) -> Iterator[tuple[str, bytes]]:
    """All that is left of a run: objects (unpacked), job definitions, job requests, local files."""
    for key in cluster.objects():
        data = cluster.read(key)
        yield key, data
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
            yield key, data
            if data[257:262] == b"ustar":
                with tarfile.open(fileobj=io.BytesIO(data)) as package:
                    names = "\n".join(member.name for member in package)
                yield f"{key}: names", names.encode()
    yield "definitions", json.dumps(cluster.batch.definitions).encode()
    yield "calls", json.dumps(cluster.batch.calls).encode()
    for path in cluster.scratch.files():
        if path.name != ".env":
            yield str(path), path.read_bytes()
    for job in cluster.batch.jobs.values():
        yield f"{job.id} output", (job.folder / "out").read_bytes()


def test_a_planted_key_is_nowhere(done: Cluster) -> None:
    seen = 0
    for name, data in everything(done):
        seen += 1
        assert PLANTED.encode() not in data, name
    assert seen > 100


def test_nothing_of_a_run_is_in_a_job_definition(done: Cluster) -> None:
    """Job definitions are shared by all runs: nothing of a run stands in them."""
    text = json.dumps(done.batch.definitions)
    assert not re.search(r"sim/|local_results|AWS_SECRET", text)
