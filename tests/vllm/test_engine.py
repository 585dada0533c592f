"""Schemas, failures by name, prompts without a template, thinking, late adapters, many bases."""

from __future__ import annotations

import json
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

from inference import Failure, PlumblineError, Sampling, Schema
from inference.local import announce, close_engines, engine_reports
from inference.local.engine import Engine
from tests.inference.local.holder import held
from tests.vllm.conftest import OPTIONS, Tiny
from tests.vllm.helpers import GREEDY, QUESTIONS, answers, model, requests, said

pytestmark = pytest.mark.vllm

VERDICT = Schema.from_json(
    json.dumps(
        {
            "type": "object",
            "properties": {
                "reason": {"type": "string", "maxLength": 40},
                "stance": {"enum": ["for", "against", "neither"]},
                "score": {"type": "integer", "minimum": 1, "maximum": 7},
            },
            "required": ["reason", "stance", "score"],
            "additionalProperties": False,
        }
    ),
    "verdict",
)


def test_structured_answers_are_always_valid(tiny: Tiny, tmp_path: Path) -> None:
    models = [model(folder) for folder in (tiny.base, tiny.adapters[0])]
    sampling = Sampling(temperature=1.0, max_tokens=200)
    results = answers(requests(models, sampling=sampling, schema=VERDICT), tmp_path)
    assert [r.reason for r in results if not r.ok] == []
    read = [json.loads(said(r)) for r in results]
    assert {answer["stance"] for answer in read} <= {"for", "against", "neither"}
    assert len({answer["reason"] for answer in read}) > 12


def test_a_bad_adapter_fails_by_name_and_costs_the_others_nothing(
    tiny: Tiny, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(tiny.adapters[0], broken)
    config = json.loads((broken / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = str(tiny.base)
    (broken / "adapter_config.json").write_text(json.dumps(config))
    weights = load_file(broken / "adapter_model.safetensors")
    cut = {name: tensor[:, :-3].contiguous() for name, tensor in weights.items()}
    save_file(cut, broken / "adapter_model.safetensors")

    began = time.monotonic()
    models = [model(folder) for folder in (broken, tiny.base, tiny.adapters[1])]
    # More failures in a row than make a remote endpoint hopeless.
    results = answers(requests(models[:1], [f"Question {n}" for n in range(80)]), tmp_path / "s")
    assert {r.failure for r in results} == {Failure.BAD_REQUEST}
    assert "broken" in results[0].detail
    assert "is made for 125 channels; the base has 128" in results[0].detail
    mixed = answers(requests(models), tmp_path / "s")
    assert {r.failure for r in mixed[0::3]} == {Failure.BAD_REQUEST}
    others = [r for place, r in enumerate(mixed) if place % 3]
    assert {r.failure for r in others} <= {None, Failure.TRUNCATED}
    assert time.monotonic() - began < 120


def test_an_adapter_without_weights_fails_by_name(tiny: Tiny, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    config = json.loads((tiny.adapters[0] / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = str(tiny.base)
    (empty / "adapter_config.json").write_text(json.dumps(config))
    results = answers(requests([model(empty), model(tiny.base)]), tmp_path / "store")
    assert {r.failure for r in results[0::2]} == {Failure.BAD_REQUEST}
    assert {r.failure for r in results[1::2]} <= {None, Failure.TRUNCATED}


def test_an_over_long_prompt_fails_by_name_and_the_engine_goes_on(
    tiny: Tiny, tmp_path: Path
) -> None:
    base = model(tiny.base)
    results = answers(requests([base], ["x" * 3000, *QUESTIONS]), tmp_path)
    assert results[0].failure is Failure.BAD_REQUEST
    assert "1024 tokens" in results[0].detail
    assert {r.failure for r in results[1:]} <= {None, Failure.TRUNCATED}


def test_a_cut_answer_is_truncated_not_an_answer(tiny: Tiny, tmp_path: Path) -> None:
    (result,) = answers(
        requests([model(tiny.base)], QUESTIONS[:1], Sampling(temperature=0.0, max_tokens=5)),
        tmp_path,
    )
    assert result.failure is Failure.TRUNCATED
    assert result.content is None
    assert len(result.raw or "") == 5
    assert result.usage.output == 5


def test_a_base_without_a_template_gets_the_transcript(tiny: Tiny, tmp_path: Path) -> None:
    from vllm import LLM, SamplingParams

    base = model(tiny.untemplated)
    assert json.loads(base.engine or "")["prompt"] == "plain transcript"
    (result,) = answers(requests([base], QUESTIONS[:1], GREEDY), tmp_path)
    close_engines()
    llm = LLM(str(tiny.untemplated), **json.loads(OPTIONS))
    prompt = f"User: {QUESTIONS[0]}\n\nAssistant:"
    params = SamplingParams(temperature=0.0, max_tokens=GREEDY.max_tokens, stop=["\nUser:"])
    (output,) = llm.generate([prompt], params, use_tqdm=False)
    llm.llm_engine.engine_core.shutdown()
    assert said(result) == output.outputs[0].text.strip()


def test_thinking_is_kept_apart_and_held_to_its_budget(tiny: Tiny, tmp_path: Path) -> None:
    options = json.dumps(json.loads(OPTIONS) | {"reasoning_parser": "qwen3"})
    thinker = model(tiny.base, options)
    sampling = Sampling(temperature=1.0, max_tokens=300, thinking=True, thinking_budget=12)
    results = answers(requests([thinker], QUESTIONS, sampling, VERDICT), tmp_path)
    ok = [r for r in results if r.ok]
    assert len(ok) >= 10
    for result in ok:
        assert "think>" not in (result.content or "")
        assert json.loads(result.content or "")["stance"] in ("for", "against", "neither")
        assert 0 < result.usage.reasoning <= 20


def test_an_adapter_of_a_higher_rank_that_comes_late_is_served(tiny: Tiny, tmp_path: Path) -> None:
    early = answers(requests([model(tiny.adapters[0])]), tmp_path / "a")
    late = answers(requests([model(tiny.high_rank), model(tiny.adapters[0])]), tmp_path / "b")
    assert [said(r) for r in late[1::2]] == [said(r) for r in early]
    assert [report["max_lora_rank"] for report in engine_reports()] == [8, 16]


def test_announced_adapters_need_no_second_engine(tiny: Tiny, tmp_path: Path) -> None:
    models = [model(folder) for folder in (tiny.base, tiny.adapters[0], tiny.high_rank)]
    announce(models)
    answers(requests(models[:1]), tmp_path)
    answers(requests(models[1:]), tmp_path)
    assert [report["max_lora_rank"] for report in engine_reports()] == [16]


def test_an_answer_that_breaks_the_parser_does_not_cost_the_others(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, seen = Engine._split, []

    def split(engine: Engine, text: str) -> tuple[str | None, str]:
        seen.append(text)
        if len(seen) == 3:
            raise NotImplementedError
        return whole(engine, text)

    monkeypatch.setattr(Engine, "_split", split)
    results = answers(requests([model(tiny.base)]), tmp_path)
    [broken] = [r for r in results if r.failure is Failure.SERVER_ERROR]
    assert "can't be read: NotImplementedError" in broken.detail
    assert {r.failure for r in results if r is not broken} <= {None, Failure.TRUNCATED}


def test_bases_run_one_after_another(tiny: Tiny, tmp_path: Path) -> None:
    models = [model(folder) for folder in (tiny.base, tiny.other_base, tiny.adapters[0])]
    results = answers(requests(models), tmp_path)
    assert {r.failure for r in results} <= {None, Failure.TRUNCATED}
    assert said(results[0]) != said(results[1])
    reports = engine_reports()
    assert len(reports) == 2, "each base is started once, though the requests take turns"
    assert sum(report["requests"] for report in reports) == len(results)


def test_engines_wait_for_another_process_and_for_each_other(
    tiny: Tiny,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("inference.local.turn._plans_its_memory", lambda options: False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with held(tmp_path) as holder:
        leaves = threading.Timer(1.5, holder.kill)
        leaves.start()
        models = [model(folder) for folder in (tiny.base, tiny.other_base)]
        results = answers(requests(models), tmp_path / "store")
        assert holder.wait(timeout=1) == -signal.SIGKILL
    assert {r.failure for r in results} <= {None, Failure.TRUNCATED}
    assert len(engine_reports()) == 2 and capsys.readouterr().out.count("Waiting") == 1


def test_each_engine_gives_its_memory_back_before_the_next(tiny: Tiny, tmp_path: Path) -> None:
    import psutil

    cache = 512 * 2**20
    options = json.dumps(json.loads(OPTIONS) | {"kv_cache_memory_bytes": cache})
    process, held = psutil.Process(), []
    for number, folder in enumerate((tiny.base, tiny.other_base, tiny.base)):
        # The second base is asked while the first one's engine is still there.
        answers(requests([model(folder, options)], QUESTIONS[:2]), tmp_path / str(number))
        held.append(process.memory_info().rss)
    assert len(engine_reports()) == 3
    close_engines()
    assert max(held[1:]) < held[0] + cache / 2
    assert process.memory_info().rss < held[0] - cache / 2


def test_an_engine_that_cannot_start_ends_the_run_in_one_line(tiny: Tiny, tmp_path: Path) -> None:
    for option, word in (({"no_such_option": 1}, "no_such_option"), ({"dtype": "float7"}, "dtype")):
        options = json.dumps(json.loads(OPTIONS) | option)
        with pytest.raises(PlumblineError, match=word) as told:
            answers(requests([model(tiny.base, options)]), tmp_path)
        assert "\n" not in str(told.value)
