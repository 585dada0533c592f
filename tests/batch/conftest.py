"""Flows on the stand-in for AWS Batch: a scratch launcher, S3 and the service, all on loopback."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.batch.loopback_s3 import LoopbackS3
from tests.batch.stand_in import QUEUE, BatchStandIn, can_isolate
from tests.flows.conftest import FlowRun, Scratch

IMAGE = "registry.invalid/plumbline:test"


class Cluster:
    """A launcher's folder with S3 and Batch behind it."""

    def __init__(self, folder: Path, s3: LoopbackS3) -> None:
        launcher, jobs = folder / "launcher", folder / "jobs"
        launcher.mkdir()
        self.s3, self.scratch = s3, Scratch(launcher)
        self.batch = BatchStandIn(
            jobs, launcher, {k: v for k, v in s3.environment().items() if "URL" not in k}
        )
        self.root = f"s3://{s3.bucket}/{folder.name}"

    def __enter__(self) -> Cluster:
        self.batch.__enter__()
        self.scratch.env |= self.s3.environment() | {
            "AWS_ENDPOINT_URL_BATCH": self.batch.url,
            "METAFLOW_DATASTORE_SYSROOT_S3": f"{self.root}/metaflow",
            "METAFLOW_DATATOOLS_S3ROOT": f"{self.root}/data",
            "METAFLOW_BATCH_JOB_QUEUE": QUEUE,
            "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": "arn:aws:iam::123456789012:role/loopback",
            "METAFLOW_BATCH_CONTAINER_IMAGE": IMAGE,
        }
        self.scratch.env.pop("METAFLOW_CARD_LOCALROOT")
        return self

    def __exit__(self, *_: object) -> None:
        self.batch.__exit__(None, None, None)

    def start(self, entry: str, *words: str) -> subprocess.Popen[str]:
        """Start a flow with all its steps on Batch."""
        return self.scratch.start(entry, "--datastore", "s3", *words)

    def run(self, entry: str, *words: str, timeout: float = 600) -> FlowRun:
        """Run a flow with all its steps on Batch, to its end."""
        return self.scratch.run(entry, "--datastore", "s3", *words, timeout=timeout)

    def ok(self, entry: str, *words: str) -> FlowRun:
        """Run a flow on Batch that must succeed."""
        run = self.run(entry, *words)
        assert run.code == 0, run.raw
        return run

    def objects(self, prefix: str = "") -> list[str]:
        """Objects under this cluster's root."""
        start = self.root.removeprefix(f"s3://{self.s3.bucket}/")
        found = self.s3.keys(f"{start}/{prefix}")
        return [key.removeprefix(f"{start}/") for key in found]

    def read(self, key: str) -> bytes:
        """An object under this cluster's root."""
        start = self.root.removeprefix(f"s3://{self.s3.bucket}/")
        return self.s3.read(f"{start}/{key}")


@pytest.fixture
def cluster(tmp_path: Path, s3: LoopbackS3) -> Iterator[Cluster]:
    if not can_isolate():
        pytest.skip("no mount namespaces here, so that the checkout can't be hidden from a job")
    with Cluster(tmp_path, s3) as made:
        yield made
