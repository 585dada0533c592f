"""Schedulers: every flow compiles for Argo; Step Functions takes no flow with a switch."""

from __future__ import annotations

import json

import pytest

from tests.batch.conftest import Cluster
from tests.batch.stand_in import CHECKOUT

pytestmark = pytest.mark.slow

ENTRIES = sorted(path.name for path in CHECKOUT.glob("*_flow.py"))
REFUSED = "Deploying flows with switch statement to AWS Step Functions is not supported currently."


@pytest.fixture
def scheduled(cluster: Cluster) -> Cluster:
    cluster.scratch.env |= {
        "METAFLOW_KUBERNETES_NAMESPACE": "default",
        "METAFLOW_SFN_IAM_ROLE": "arn:aws:iam::123456789012:role/loopback",
        "METAFLOW_SFN_DYNAMO_DB_TABLE": "loopback",
        "AWS_ENDPOINT_URL_SFN": cluster.s3.url,
        "AWS_ENDPOINT_URL_STS": cluster.s3.url,
    }
    return cluster


@pytest.mark.parametrize("entry", ENTRIES)
def test_argo(scheduled: Cluster, entry: str) -> None:
    run = scheduled.ok(entry, "argo-workflows", "create", "--only-json")
    template = json.loads(run.raw[run.raw.index("\n{") :])
    steps = {t["name"] for t in template["spec"]["templates"]}
    assert template["kind"] == "WorkflowTemplate" and {"start", "end"} <= steps


@pytest.mark.parametrize("entry", ENTRIES)
def test_step_functions(scheduled: Cluster, entry: str) -> None:
    run = scheduled.run(entry, "step-functions", "create", "--only-json")
    if "condition=" in (CHECKOUT / "flows" / entry.replace("_flow", "")).read_text():
        assert run.code != 0 and '"StartAt"' not in run.raw
        assert REFUSED in [line.strip() for line in run.text.splitlines()]
        assert "Traceback" not in run.text
    else:
        assert run.code == 0, run.raw
        assert '"StartAt"' in run.raw


def test_the_docs_name_the_flow_that_step_functions_takes() -> None:
    flows = {entry: (CHECKOUT / "flows" / entry.replace("_flow", "")) for entry in ENTRIES}
    plain = [entry for entry, path in flows.items() if "condition=" not in path.read_text()]
    section = (CHECKOUT / "docs/scale.md").read_text().partition("**Step Functions**")[2]
    assert plain and all(f"`{entry}`" in section.partition("\n## ")[0] for entry in plain)
