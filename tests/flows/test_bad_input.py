"""Bad input is one clear line, without a stack trace, before any request is paid for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.conftest import FlowRun, Scratch
from tests.model_server import ModelServer

RESPONSES = "val_bench_responses_flow.py"
EVALUATOR = "evaluator_flow.py"


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server
        assert not server.log.entries, "bad input was paid for"


def refused(run: FlowRun, *words: str) -> None:
    """The run failed with one line that has all of `words`, and no stack trace."""
    assert run.code != 0
    assert "Traceback" not in run.text, run.text
    lines = [line for line in run.text.splitlines() if all(word in line for word in words)]
    assert lines, f"no line with {words} in:\n{run.text}"
    assert run.raw.count("Task is starting") == 1, "start was retried"


PAIR = {
    "issue_description": "i",
    "for_question": "Explain why a is right.",
    "against_question": "Explain why a is not right.",
    "issue_scale": 3,
    "category": "c",
}


def write(folder: Path, name: str, rows: list[dict[str, object]]) -> str:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_unknown_model_prints_the_table(shared_scratch: Scratch) -> None:
    run = shared_scratch.run(RESPONSES, "run", "--model_id", "nope")
    refused(run, "no provider serves the model id 'nope'")
    assert "OPENROUTER_API_KEY" in run.text


def test_missing_key_is_named(shared_scratch: Scratch) -> None:
    run = shared_scratch.run(RESPONSES, "run", "--model_id", "gpt-4.1-nano")
    refused(run, "gpt-4.1-nano", "OPENAI_API_KEY", ".env")


def test_batch_size(shared_scratch: Scratch) -> None:
    run = shared_scratch.run(RESPONSES, "run", "--model_id", "sim/waverer", "--batch_size", "0")
    refused(run, "--batch_size is 0", "1 or more")


def test_url_with_credentials(shared_scratch: Scratch) -> None:
    url = "http://user:hunter2secret@127.0.0.1/v1"
    run = shared_scratch.run(RESPONSES, "run", "--model_id", "m", "--inference_url", url)
    refused(run, "contains credentials", ".env")


def test_dataset_that_is_not_there(shared_scratch: Scratch, server: ModelServer) -> None:
    run = shared_scratch.run(
        RESPONSES,
        "run",
        "--model_id",
        "m",
        "--inference_url",
        server.openai_url,
        "--dataset_id",
        "./nowhere",
    )
    refused(run, "no dataset at", "nowhere")


def test_unreadable_hub_id(shared_scratch: Scratch, server: ModelServer) -> None:
    run = shared_scratch.run(
        RESPONSES,
        "run",
        "--model_id",
        "m",
        "--inference_url",
        server.openai_url,
        "--dataset_id",
        "nobody/nothing",
    )
    refused(run, "nobody/nothing", "can't be loaded", "HF_TOKEN")


def test_missing_column(shared_scratch: Scratch, server: ModelServer) -> None:
    row = {name: value for name, value in PAIR.items() if name != "against_question"}
    where = write(shared_scratch.folder, "pairs.jsonl", [row])
    run = shared_scratch.run(
        RESPONSES,
        "run",
        "--model_id",
        "m",
        "--inference_url",
        server.openai_url,
        "--dataset_id",
        where,
    )
    refused(run, "no column 'against_question'", "for_question")


def test_empty_cell_is_named_by_row(shared_scratch: Scratch, server: ModelServer) -> None:
    where = write(shared_scratch.folder, "holes.jsonl", [PAIR, PAIR | {"for_question": None}])
    run = shared_scratch.run(
        RESPONSES,
        "run",
        "--model_id",
        "m",
        "--inference_url",
        server.openai_url,
        "--dataset_id",
        where,
    )
    refused(run, "'for_question'", "row 1")


def test_value_out_of_range(shared_scratch: Scratch, server: ModelServer) -> None:
    where = write(shared_scratch.folder, "scale.jsonl", [PAIR, PAIR, PAIR | {"issue_scale": 9}])
    run = shared_scratch.run(
        RESPONSES,
        "run",
        "--model_id",
        "m",
        "--inference_url",
        server.openai_url,
        "--dataset_id",
        where,
    )
    refused(run, "'issue_scale' is 9 in row 2")


def test_empty_dataset(shared_scratch: Scratch, server: ModelServer) -> None:
    where = write(shared_scratch.folder, "empty.jsonl", [])
    run = shared_scratch.run(
        RESPONSES,
        "run",
        "--model_id",
        "m",
        "--inference_url",
        server.openai_url,
        "--dataset_id",
        where,
    )
    refused(run, "empty.jsonl has no rows")


def test_output_that_holds_other_work(shared_scratch: Scratch, server: ModelServer) -> None:
    other = shared_scratch.folder / "out-m"
    other.mkdir()
    (other / "thesis.txt").write_text("do not lose me")
    run = shared_scratch.run(
        RESPONSES,
        "run",
        "--model_id",
        "m",
        "--inference_url",
        server.openai_url,
        "--dataset_id",
        "builtin:val_bench_pairs",
        "--output_dataset_path",
        "./out",
    )
    refused(run, "out-m", "holds other work")
    assert (other / "thesis.txt").read_text() == "do not lose me"


def test_hub_output_without_token(shared_scratch: Scratch, server: ModelServer) -> None:
    run = shared_scratch.run(
        RESPONSES,
        "run",
        "--model_id",
        "m",
        "--inference_url",
        server.openai_url,
        "--dataset_id",
        "builtin:val_bench_pairs",
        "--output_dataset_path",
        "me/my-responses",
    )
    refused(run, "me/my-responses", "HF_TOKEN")


def test_two_models_one_output(shared_scratch: Scratch, server: ModelServer) -> None:
    url = ("--inference_url", server.openai_url, "--dataset_id", "builtin:val_bench_pairs")
    run = shared_scratch.run(RESPONSES, "run", "--model_id", "a.b,a:b", *url)
    refused(run, "two of the models", "val_responses-a-b")


def test_output_column_that_is_the_input(shared_scratch: Scratch, server: ModelServer) -> None:
    run = shared_scratch.run(
        "api_inference_flow.py",
        "run",
        "--model_id",
        "m",
        "--inference_url",
        server.openai_url,
        "--dataset_path",
        "builtin:val_bench_pairs",
        "--input_column",
        "for_question",
        "--output_column",
        "for_question",
        "--output_dataset_path",
        "./texts",
    )
    refused(run, "--output_column for_question", "would replace")


def test_web_search_where_there_is_none(shared_scratch: Scratch, server: ModelServer) -> None:
    run = shared_scratch.run(
        RESPONSES,
        "run",
        "--model_id",
        "m",
        "--inference_url",
        server.openai_url,
        "--enable_web_search",
    )
    refused(run, "m can't search the web")


def test_budget_with_an_unpriced_model(shared_scratch: Scratch, server: ModelServer) -> None:
    run = shared_scratch.run(
        RESPONSES,
        "run",
        "--model_id",
        "m",
        "--inference_url",
        server.openai_url,
        "--dataset_id",
        "builtin:val_bench_pairs",
        "--max_cost",
        "1",
    )
    refused(run, "--max_cost needs a price for m")


def test_judge_prompt_without_placeholders(shared_scratch: Scratch, server: ModelServer) -> None:
    rubric = shared_scratch.folder / "rubric.md"
    rubric.write_text("Judge {issue} please.")
    run = shared_scratch.run(
        EVALUATOR,
        "run",
        "--responses_ds_path",
        "builtin:calibration_aligned_100",
        "--inference_url",
        server.openai_url,
        "--judge_prompt_path",
        rubric,
    )
    refused(run, "answer_1")


def test_numbers_that_are_none(shared_scratch: Scratch) -> None:
    run = shared_scratch.run(RESPONSES, "run", "--model_id", "sim/waverer", "--max_cost", "nan")
    refused(run, "--max_cost is nan", "0 or more")


def test_a_price_list_that_is_not_there(shared_scratch: Scratch) -> None:
    run = shared_scratch.run(
        RESPONSES, "run", "--model_id", "sim/waverer", "--prices_path", "nowhere.yaml"
    )
    assert run.code != 0 and "Traceback" not in run.text
    assert "'--prices_path'" in run.text and "could not open file 'nowhere.yaml'" in run.text


def test_a_rubric_that_is_no_text(shared_scratch: Scratch) -> None:
    rubric = shared_scratch.folder / "rubric.bin"
    rubric.write_bytes(b"\xff\xfe")
    words = ("--responses_ds_path", "builtin:calibration_aligned_100", "--judge_prompt_path")
    run = shared_scratch.run(EVALUATOR, "run", *words, rubric)
    refused(run, "--judge_prompt_path", "no text in UTF-8")


def test_a_store_that_cannot_be_made(shared_scratch: Scratch) -> None:
    (shared_scratch.folder / "a_file").write_text("")
    run = shared_scratch.run(
        RESPONSES,
        *("run", "--model_id", "sim/waverer", "--store_path", "a_file/store"),
        *("--dataset_id", "builtin:val_bench_pairs"),
    )
    refused(run, "the response store", "a_file/store")


def test_evaluator_without_input(shared_scratch: Scratch) -> None:
    refused(shared_scratch.run(EVALUATOR, "run"), "--responses_ds_path")
