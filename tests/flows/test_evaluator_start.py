"""What an evaluation's places are called, and which parameters exclude one another."""

from __future__ import annotations

import pytest

from flows.evaluator_start import output_of
from tests.flows.conftest import Scratch


@pytest.mark.parametrize(
    ("responses", "place"),
    [
        ("local_results/responses/val_responses-gpt-4-1-nano", "local_results/gpt-4-1-nano"),
        ("local_results/responses/val_responses-sim-waverer/", "local_results/sim-waverer"),
        ("s3://bucket/run/val_responses-a", "local_results/a"),
        ("me/answers-of-b", "local_results/answers-of-b"),
        ("./answers.jsonl", "local_results/answers"),
        ("builtin:val_bench_responses", "local_results/val_bench_responses"),
        (".", "local_results/val"),
    ],
)
def test_the_judged_dataset_is_named_after_the_responses(responses: str, place: str) -> None:
    assert output_of(responses) == place


def test_measuring_again_takes_no_responses_and_no_output(shared_scratch: Scratch) -> None:
    words = ("--eval_output_ds_path", "./judged", "--responses_ds_path", "./responses")
    run = shared_scratch.run("evaluator_flow.py", "run", *words, "--output_dataset_path", "./out")
    assert run.code != 0 and "Traceback" not in run.text
    assert "leave out --responses_ds_path and --output_dataset_path" in run.text
