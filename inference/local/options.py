"""`--vllm_options`: engine options as JSON, told apart by whether they can change an answer."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import Any

from inference.errors import PlumblineError

OURS = frozenset(
    {"model", "revision", "enable_lora", "max_lora_rank", "runner", "disable_log_stats"}
)
"""What a model id decides, or this project."""

_SECRET = re.compile(r"(hf|api|auth|access|bearer)_?(token|key)$|secret|password|credential")

SPEED_ONLY = frozenset(
    {
        "block_size",
        "compilation_config",
        "cpu_offload_gb",
        "disable_custom_all_reduce",
        "distributed_executor_backend",
        "download_dir",
        "enable_chunked_prefill",
        "enable_prefix_caching",
        "enforce_eager",
        "fully_sharded_loras",
        "gpu_memory_utilization",
        "kv_cache_memory_bytes",
        "max_cpu_loras",
        "max_loras",
        "max_num_batched_tokens",
        "max_num_seqs",
        "max_parallel_loading_workers",
        "pipeline_parallel_size",
        "swap_space",
        "tensor_parallel_size",
    }
)
"""Options that say how fast or on what an engine runs, never what it answers: not in the key.

`max_model_len` is none of them: it decides which of its two rotary embeddings a LongRoPE model
uses, whatever the length of the prompt. Nor is `load_format`: one of them is random weights.
"""


def read_options(text: str) -> dict[str, Any]:
    """The options in a JSON text; {} for an empty one.

    Raises:
        PlumblineError: no JSON object, or an option that is not the user's to set.
    """
    if not text.strip():
        return {}
    try:
        options = json.loads(text)
    except ValueError as error:
        raise PlumblineError(f"--vllm_options is not JSON: {error}") from None
    if not isinstance(options, dict):
        raise PlumblineError('--vllm_options wants a JSON object, such as {"max_model_len": 8192}')
    for name, value in options.items():
        if "/" in name and isinstance(value, dict):
            _refuse_ours(value)
    _refuse_ours(options)
    _refuse_secrets(options)
    return options


def _refuse_secrets(options: dict[str, Any]) -> None:
    """Options stand in artifacts and manifests."""
    for name, value in options.items():
        if _SECRET.search(name.lower()):
            raise PlumblineError(
                f"--vllm_options can't hold {name}: all can read them in the run; keys belong "
                "into .env (for the Hub: HF_TOKEN)"
            )
        if isinstance(value, dict):
            _refuse_secrets(value)


def _refuse_ours(options: dict[str, Any]) -> None:
    taken = sorted(OURS & options.keys())
    if taken:
        raise PlumblineError(f"--vllm_options can't set {taken[0]}: the suite sets it itself")


def options_for(options: dict[str, Any], base: str) -> dict[str, Any]:
    """The options of one base model: those for all, over them those under the base's own name."""
    common = {name: value for name, value in options.items() if "/" not in name}
    return common | options.get(base, {})


def split_options(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(those that can change an answer, those that only change speed and memory)."""
    speed = {name: value for name, value in options.items() if name in SPEED_ONLY}
    return {name: value for name, value in options.items() if name not in speed}, speed


def check_names(options: dict[str, Any]) -> None:
    """Refuse options that the installed vLLM does not know.

    Raises:
        PlumblineError: naming the first one.
    """
    from vllm.engine.arg_utils import EngineArgs

    known = {field.name for field in fields(EngineArgs)}
    for name in options:
        if name not in known:
            raise PlumblineError(f"--vllm_options: the installed vLLM has no option '{name}'")
