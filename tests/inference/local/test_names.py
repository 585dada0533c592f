"""What `vllm/...` and `hf_local:...` resolve to, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from inference import Message, PlumblineError, Request, resolve
from inference.errors import UnknownModel
from inference.local.adapters import fetch
from inference.models import resolve_all
from tests.inference.local.conftest import CHAT, adapter_config
from tests.inference.local.hub import COMMIT, Hub

Make = Callable[..., Path]


def key(model_id: str, options: str = "") -> str:
    return Request(resolve(model_id, None, options), (Message("user", "?"),)).key


def test_a_folder_with_a_model(folder: Make) -> None:
    base = folder("base", config__json="{}", tokenizer_config__json=CHAT)
    model = resolve(f"vllm/{base}")
    assert (model.provider, model.name, model.adapter) == ("vllm", str(base), None)
    assert model.label == f"vllm/{base}"
    assert len(model.revision or "") == 32
    assert json.loads(model.engine or "") == {"prompt": "chat template"}
    assert resolve(f"hf_local:{base}").identity() == model.identity()


def test_relative_paths_name_the_same_model(
    folder: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = folder("base", config__json="{}")
    monkeypatch.chdir(tmp_path)
    assert resolve("vllm/./base").identity() == resolve(f"vllm/{base}").identity()
    assert resolve("hf_local:base").name == str(base)


def test_an_adapter_folder_names_its_base_beside_it_or_in_the_working_folder(
    folder: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = folder("base", config__json="{}", tokenizer_config__json=CHAT)
    beside = folder("beside", adapter_config__json=adapter_config("../base"))
    absolute = folder("absolute", adapter_config__json=adapter_config(str(base)))
    working = folder("deep/working", adapter_config__json=adapter_config("./base"))
    monkeypatch.chdir(tmp_path)
    for adapter in (beside, absolute, working):
        model = resolve(f"vllm/{adapter}")
        assert model.name == str(base)
        assert model.adapter == str(adapter)
        assert model.revision == resolve(f"vllm/{base}").revision
    assert model.endpoint == resolve(f"vllm/{base}").endpoint


def test_keys_change_with_weights_of_base_and_adapter(folder: Make) -> None:
    base = folder("base", config__json="{}", model__safetensors="a")
    adapter = folder(
        "tuned", adapter_config__json=adapter_config("../base"), adapter_model__safetensors="a"
    )
    (adapter / "optimizer.pt").write_text("no part of the model")
    keys = [key(f"vllm/{base}"), key(f"vllm/{adapter}")]
    (adapter / "optimizer.pt").write_text("changed")
    assert key(f"vllm/{adapter}") == keys[1]
    (adapter / "adapter_model.safetensors").write_text("b")
    keys.append(key(f"vllm/{adapter}"))
    (base / "model.safetensors").write_text("b")
    keys += [key(f"vllm/{base}"), key(f"vllm/{adapter}")]
    assert len(set(keys)) == 5


@pytest.mark.parametrize("file", ["tokenizer.model.v3", "qwen.tiktoken", "spiece.spm"])
def test_every_kind_of_tokenizer_counts(file: str, folder: Make) -> None:
    base = folder("base", config__json="{}")
    (base / file).write_text("a")
    before = key(f"vllm/{base}")
    (base / file).write_text("bb")
    assert key(f"vllm/{base}") != before


def test_options_that_can_change_an_answer_are_in_the_key_and_others_are_not(folder: Make) -> None:
    place = f"vllm/{folder('base', config__json='{}')}"
    assert key(place, '{"tensor_parallel_size": 2, "max_num_seqs": 64}') == key(place)
    for name, value in (("quantization", "fp8"), ("load_format", "dummy"), ("max_model_len", 4096)):
        assert key(place, json.dumps({name: value})) != key(place), name
    fast = resolve(place, None, '{"tensor_parallel_size": 2}')
    assert json.loads(fast.serving) == {"tensor_parallel_size": 2}
    assert fast == resolve(place)


def test_options_for_one_base_go_over_those_for_all(folder: Make) -> None:
    base = folder("base", config__json="{}")
    other = folder("other", config__json="{}")
    options = json.dumps({"max_num_seqs": 1, str(base): {"max_num_seqs": 2}})
    widths = [json.loads(resolve(f"vllm/{path}", None, options).serving) for path in (base, other)]
    assert widths == [{"max_num_seqs": 2}, {"max_num_seqs": 1}]


def test_a_base_without_a_template_gets_a_transcript_and_says_so(folder: Make) -> None:
    base = folder("bare", config__json="{}", tokenizer_config__json="{}")
    silent = folder("silent", adapter_config__json=adapter_config("../bare"))
    taught = folder(
        "taught", adapter_config__json=adapter_config("../bare"), chat_template__jinja="{{ 1 }}"
    )
    formats = [
        json.loads(resolve(f"vllm/{path}").engine or "")["prompt"]
        for path in (base, silent, taught)
    ]
    assert formats == ["plain transcript", "plain transcript", "chat template of the adapter"]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"peft_type": "IA3"}, "IA3"),
        ({"r": 0}, "rank"),
        ({"r": 1024}, "1024"),
        ({"rank_pattern": {"q_proj": 2000}}, "2000"),
        ({"use_dora": True}, "use_dora"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"bias": "all"}, "biases"),
        ({"base_model_name_or_path": ""}, "which base model"),
        ({"base_model_name_or_path": "/nowhere/base"}, "/nowhere/base"),
    ],
)
def test_adapters_that_can_not_be_served_are_refused(
    folder: Make, changes: dict[str, object], word: str
) -> None:
    folder("base", config__json="{}")
    adapter = folder("tuned", adapter_config__json=adapter_config("../base", **changes))
    with pytest.raises(UnknownModel, match=word) as told:
        resolve(f"vllm/{adapter}")
    assert "\n" not in str(told.value)


def test_what_is_no_model_is_refused(folder: Make) -> None:
    for model_id, word in (
        (f"vllm/{folder('empty')}", "neither config.json nor adapter_config.json"),
        ("vllm//nowhere/at/all", "no folder"),
        ("vllm/./nowhere", "no folder"),
        ("hf_local:", "names no model"),
        ("vllm/org//repo", "names no model"),
        (f"vllm/{folder('torn', adapter_config__json='{')}", "can't be read"),
        (f"vllm/{folder('list', adapter_config__json='[]')}", "no JSON object"),
    ):
        with pytest.raises(UnknownModel, match=word):
            resolve(model_id)


def test_hub_repositories_are_pinned_to_their_commit(hub: Hub) -> None:
    base, tuned, folder, at = resolve_all(
        "vllm/org/base,hf_local:org/tuned,hf_local:org/many/loyal/r8,vllm/org/tuned@v2"
    )
    assert (base.name, base.revision, base.adapter) == ("org/base", COMMIT, None)
    assert (tuned.name, tuned.revision) == ("org/base", COMMIT)
    assert (tuned.adapter, tuned.adapter_revision) == ("org/tuned", COMMIT)
    assert folder.adapter == "org/many/loyal/r8"
    assert at.adapter_revision == COMMIT
    assert len({model.endpoint for model in (base, tuned, folder)}) == 1
    assert json.loads(resolve("vllm/org/bare").engine or "")["prompt"] == "plain transcript"


def test_hub_adapters_are_downloaded_at_their_commit(hub: Hub) -> None:
    model = resolve("vllm/org/many/loyal/r8")
    adapter = fetch(model.adapter or "", model.adapter_revision)
    assert (adapter.folder / "adapter_model.safetensors").read_text() == "weights"
    assert adapter.rank == 8
    assert COMMIT in str(adapter.folder)
    assert not (adapter.folder.parents[1] / "lost").exists(), "only its own folder is downloaded"


@pytest.mark.parametrize(
    ("model_id", "word"),
    [
        ("vllm/org/gone", "org/gone can't be read"),
        ("vllm/org/many/missing", "is no adapter"),
        ("vllm/org/base/sub", "is no adapter"),
        ("vllm/org/many/lost", "org/gone can't be read"),
        ("vllm/org/many", "neither config.json"),
        ("vllm/org/base@nope", "revision nope"),
    ],
)
def test_an_unresolvable_hub_id_is_an_error_never_its_base(
    hub: Hub, model_id: str, word: str
) -> None:
    with pytest.raises(UnknownModel, match=word) as told:
        resolve(model_id)
    assert "\n" not in str(told.value)


def test_offline_the_cache_serves_what_it_has(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    online = resolve("vllm/org/tuned")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    seen = len(hub.requested)
    assert resolve("vllm/org/tuned").identity() == online.identity()
    assert len(hub.requested) == seen
    with pytest.raises(UnknownModel, match="org/bare can't be read"):
        resolve("vllm/org/bare")


def test_a_changed_local_adapter_is_noticed_before_it_is_loaded(folder: Make) -> None:
    folder("base", config__json="{}")
    path = folder(
        "tuned", adapter_config__json=adapter_config("../base"), adapter_model__safetensors="a"
    )
    model = resolve(f"vllm/{path}")
    assert fetch(model.adapter or "", model.adapter_revision).rank == 16
    (path / "adapter_model.safetensors").write_text("b")
    with pytest.raises(PlumblineError, match="changed since"):
        fetch(model.adapter or "", model.adapter_revision)
