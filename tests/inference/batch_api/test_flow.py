"""`--execution batch_api` through a whole flow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tables.places import read_table
from tests.flows.conftest import Scratch
from tests.inference.batch_api.test_batches import addresses, lines, submits
from tests.model_server import ModelServer

ASK = ("val_bench_responses_flow.py", "run", "--dataset_id", "builtin:val_bench_pairs")


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch(tmp_path)


@pytest.mark.slow
def test_both_sides_of_every_pair_in_one_batch(scratch: Scratch, server: ModelServer) -> None:
    words = ("--model_id", "gpt-4.1-nano", "--execution", "batch_api", "--limit", "12")
    scratch.ok(*ASK, *words, **addresses(server))
    table = read_table(str(scratch.folder / "local_results/responses/val_responses-gpt-4-1-nano"))
    answers = [
        row["content"]
        for side in ("for", "against")
        for row in table[f"{side}_response"].to_pylist()
    ]
    assert len(answers) == 24 and all(answers)
    assert submits(server, "openai") == 1 and lines(server) == ["ok"] * 24


@pytest.mark.parametrize(
    ("model", "execution", "told"),
    [
        ("sim/waverer", "batch_api", "no batch endpoint"),
        ("gpt-4.1-nano", "overnight", "one of live, batch_api"),
    ],
)
def test_what_can_not_be_batched_is_one_line(
    scratch: Scratch, server: ModelServer, model: str, execution: str, told: str
) -> None:
    scratch.env |= addresses(server)
    run = scratch.run(*ASK, "--model_id", model, "--execution", execution)
    assert run.code != 0 and told in run.text and "Traceback" not in run.text
    assert not server.log.entries
