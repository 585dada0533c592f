"""Options, prompts, ranks, shapes, and what is said where vLLM is missing."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from inference import AskOptions, Message, PlumblineError, Request, ask, resolve
from inference.local.adapters import rank_limit
from inference.local.engines import engine_reports
from inference.local.needs import VllmMissing, require_vllm
from inference.local.options import read_options, split_options
from inference.local.prompts import folded, split_thinking, transcript
from inference.local.report import EngineReport
from inference.local.shapes import mismatch
from inference.result import Usage
from inference.store import open_store

TURNS = (
    Message("system", "Be brief."),
    Message("user", "Hello?"),
    Message("assistant", "Hi."),
    Message("user", "And?"),
)


def test_the_transcript_of_a_base_model() -> None:
    assert (
        transcript(TURNS)
        == "Be brief.\n\nUser: Hello?\n\nAssistant: Hi.\n\nUser: And?\n\nAssistant:"
    )


def test_a_system_prompt_folded_into_the_first_turn() -> None:
    turns = folded(TURNS)
    assert turns[0] == {"role": "user", "content": "Be brief.\n\nHello?"}
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("<think>\nhm\n</think>\n\nYes.", ("hm", "Yes.")),
        ("hm</think>Yes.", ("hm", "Yes.")),
        ("<think>\n\n</think>\n\nYes.", (None, "Yes.")),
        ("Yes. ", (None, "Yes. ")),
        ("<think> cut off", (None, "<think> cut off")),
    ],
)
def test_reasoning_is_kept_apart(text: str, split: tuple[str | None, str]) -> None:
    assert split_thinking(text) == split


def test_the_smallest_rank_limit_that_fits() -> None:
    assert [rank_limit(ranks) for ranks in ([1], [4], [8], [8, 12], [64, 65], [512])] == [
        1,
        8,
        8,
        16,
        128,
        512,
    ]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "not JSON"),
        ("[1]", "JSON object"),
        ('{"model": "x"}', "model"),
        ('{"org/base": {"enable_lora": true}}', "enable_lora"),
        ('{"hf_token": "planted"}', "HF_TOKEN"),
        ('{"org/base": {"model_loader_extra_config": {"api_key": "planted"}}}', "api_key"),
    ],
)
def test_bad_options_are_refused(text: str, word: str) -> None:
    with pytest.raises(PlumblineError, match=word):
        read_options(text)


def test_options_split_by_what_they_change() -> None:
    assert read_options("  ") == {}
    answering, speed = split_options({"quantization": "awq", "max_loras": 4, "seed": 1})
    assert answering == {"quantization": "awq", "seed": 1}
    assert speed == {"max_loras": 4}


def safetensors(path: Path, **shapes: list[int]) -> Path:
    """A file whose header names tensors that are not there: headers are all that is read."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    header |= {
        name.replace("__", "."): {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}
        for name, shape in shapes.items()
    }
    data = json.dumps(header).encode()
    path.mkdir(exist_ok=True)
    (path / "weights.safetensors").write_bytes(struct.pack("<Q", len(data)) + data)
    return path


def test_an_adapter_for_another_base_is_told_by_its_shapes(tmp_path: Path) -> None:
    base = safetensors(tmp_path / "base", layers__0__q__weight=[64, 32], head__weight=[100, 32])
    prefix = "base_model__model__layers"
    fits = {f"{prefix}__0__q__lora_A__weight": [8, 32], f"{prefix}__0__q__lora_B__weight": [64, 8]}
    assert mismatch(safetensors(tmp_path / "fits", **fits), base) is None
    narrow = fits | {f"{prefix}__0__q__lora_A__weight": [8, 16]}
    assert "16 channels; the base has 32" in str(
        mismatch(safetensors(tmp_path / "narrow", **narrow), base)
    )
    deep = fits | {f"{prefix}__1__q__lora_A__weight": [8, 32]}
    assert "layers.1.q, which the base does not have" in str(
        mismatch(safetensors(tmp_path / "deep", **deep), base)
    )


def test_shapes_that_can_not_be_compared_say_nothing(tmp_path: Path) -> None:
    adapter = safetensors(tmp_path / "a", base_model__model__layers__0__q__lora_A__weight=[8, 32])
    packed = safetensors(tmp_path / "packed", layers__0__q__qweight=[4, 64])
    assert mismatch(adapter, packed) is None
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "model.safetensors").write_bytes(b"abc")
    assert mismatch(adapter, tmp_path / "torn") is None


def test_without_vllm_the_error_says_what_to_install(
    folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.local.needs.find_spec", lambda name: None)
    with pytest.raises(VllmMissing, match=r"requirements-vllm\.txt .*requirements-vllm-cpu\.txt"):
        require_vllm("vllm/org/base")
    model = resolve(f"vllm/{folder('base', config__json='{}')}")
    request = Request(model, (Message("user", "?"),))
    with pytest.raises(VllmMissing, match="requirements-vllm-cpu"):
        list(ask([request], open_store(str(tmp_path / "store")), AskOptions()))
    assert engine_reports() == []


def test_a_report_in_one_line() -> None:
    report = EngineReport("org/base", adapters={1: "a"}, start_seconds=2.0, busy_seconds=4.0)
    report.requests, report.usage = 3, Usage(input=800, output=200, cached=200)
    assert report.line() == (
        "engine org/base with 1 adapters: started in 2.0 s, 3 requests in 4.0 s, "
        "250 tokens/s, prefix cache 25%"
    )
    assert report.entry()["prefix_cache_hit_rate"] == 0.25
