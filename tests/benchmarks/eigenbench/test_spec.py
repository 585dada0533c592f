"""Specs: published keys load, bad values are one line that names them, the rest is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import yaml

from benchmarks.eigenbench.section import SpecError
from benchmarks.eigenbench.spec import Generation, ModelSpec
from benchmarks.eigenbench.spec_file import load_spec, override

PUBLISHED = """
name: my-run
verbose: false
models:
  Claude 4 Sonnet: anthropic/claude-sonnet-4
  GPT 4.1: openai/gpt-4.1
  stoic: {id: openai/gpt-4.1, system_prompt: Be a stoic., judge_prompt_prefix: You are a stoic.}
model_system_prompts:
  GPT 4.1: Be brief.
dataset: {path: data/eigenbench/scenarios.json, start: 3, count: 10, shuffle: true, shuffle_seed: 7}
constitution: {path: data/eigenbench/constitutions/care.json, num_criteria: 4}
evaluation: {mode: pairwise_btd}
collection:
  enabled: true
  evaluations_path: evaluations.jsonl
  cached_responses_path: null
  overwrite_cached_responses: false
  allow_ties: false
  group_size: 3
  groups: 2
  sampler_mode: adaptive_inverse_count
  sampler_seed: 5
  alpha: 1.5
  max_tokens: 512
  generation: {response: {max_tokens: 100, temperature: 0.7}}
training:
  enabled: true
  model: bt
  dims: [2, 4]
  lr: 0.001
  weight_decay: 0.0
  max_epochs: 1000
  batch_size: 32
  device: cpu
  test_size: 0.3
  group_split: true
  separate_criteria: true
  output_dir: .
  bootstrap: {enabled: true, n_bootstraps: 100, random_seed: 1, save_trust_matrices: true}
upload: {enabled: true, name: my/run, group: g, note: a note, git_commit: ""}
"""
SMALL = {
    "models": {"a": "sim/plain", "b": "sim/kind"},
    "dataset": "builtin:scenarios",
    "constitution": "builtin:care",
}


def spec_file(folder: Path, content: dict | str, name: str = "spec.yaml") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def test_a_published_spec_loads_key_by_key(tmp_path: Path) -> None:
    spec = load_spec(spec_file(tmp_path, PUBLISHED))
    assert spec.names == ("Claude 4 Sonnet", "GPT 4.1", "stoic")
    assert spec.models[1] == ModelSpec("GPT 4.1", "openai/gpt-4.1", "Be brief.")
    assert spec.models[2].judge_prompt_prefix == "You are a stoic."
    assert (spec.dataset.start, spec.dataset.count, spec.dataset.shuffle_seed) == (3, 10, 7)
    assert spec.num_criteria == 4 and spec.mode == "pairwise_btd"
    sampler = spec.sampler
    assert (sampler.mode, sampler.group_size, sampler.groups) == ("adaptive_inverse_count", 3, 2)
    assert (sampler.seed, sampler.alpha, sampler.self_judging) == (5, 1.5, True)
    assert spec.generation["response"] == Generation(100, 0.7)
    assert spec.generation["comparison"] == Generation(512, None)
    options = spec.options
    assert (options.model, options.dims, options.test_size) == ("bt", (2, 4), 0.3)
    assert options.group_split and options.separate_criteria and not options.allow_ties
    assert (options.n_bootstraps, options.bootstrap_seed) == (100, 1)
    assert options.save_trust_matrices
    assert spec.upload == {"name": "my/run", "group": "g", "note": "a note", "git_commit": ""}


def test_keys_that_do_nothing_warn_once_each(tmp_path: Path) -> None:
    notes = load_spec(spec_file(tmp_path, PUBLISHED)).notes
    for key in ("lr", "weight_decay", "batch_size", "max_epochs", "device"):
        assert sum(note == f"spec.yaml: training.{key} has no effect" for note in notes) == 1
    assert sum("uploads nothing" in note for note in notes) == 1 and len(notes) == 6


def test_json_and_the_shortest_spec(tmp_path: Path) -> None:
    folder = tmp_path / "my_run"
    folder.mkdir()
    spec = load_spec(spec_file(folder, json.dumps(SMALL), "spec.json"))
    assert spec.name == "my_run" and spec.notes == ()
    assert spec.sampler.mode == "random_judge_group" and spec.sampler.group_size == 4
    assert spec.options.resolved().n_bootstraps == 500
    assert spec.collects and spec.trains and spec.generation["response"].max_tokens == 4096


def test_direct_rating_has_its_own_defaults_and_aliases(tmp_path: Path) -> None:
    direct = {"mode": "direct", "direct_rating": {"normalization": "raw_l1", "include_self": False}}
    spec = load_spec(spec_file(tmp_path, SMALL | {"evaluation": direct}))
    assert spec.mode == "direct_rating" and spec.rating.normalization == "raw_l1"
    assert spec.sampler.mode == "all_to_all" and not spec.sampler.self_judging


def changed(section: str, **values: object) -> dict:
    return SMALL | {section: values}


BAD = [
    (SMALL | {"modles": {}}, "spec.yaml: modles is no key", "known here are: name,"),
    (changed("collection", group_sise=3), "collection.group_sise is no key", "group_size"),
    (changed("training", dim=[2]), "training.dim is no key", "dims"),
    (changed("collection", group_size=0), "collection.group_size is 0", "1 or more"),
    (changed("collection", group_size="four"), "group_size is 'four'", "whole number"),
    (changed("collection", sampler_mode="best"), "sampler_mode is 'best'", "all_to_all"),
    (changed("collection", enabled="yes"), "collection.enabled is 'yes'", "true or false"),
    (changed("collection", response_redundancy=3), "redundancy", "between 1 and 2"),
    (changed("collection", generation={"answer": {}}), "generation.answer is no key", "response"),
    (changed("constitution", path="c.json", num_criteria=0), "num_criteria is 0", "1 or more"),
    (changed("constitution", num_criteria=2), "constitution: give the path", ""),
    (changed("dataset", count=3), "dataset: give a path", ""),
    (changed("dataset", path="x.json", start=-1), "dataset.start is -1", "0 or more"),
    (changed("training", model="elo"), "training.model is 'elo'", "btd_ties"),
    (changed("training", dims=[0]), "training: dims [0]", "from 1"),
    (changed("training", dims="two"), "training.dims is 'two'", "list of whole numbers"),
    (changed("training", pretrusted=["nobody"]), "pretrusted", "nobody"),
    (changed("training", bootstrap={"n_bootstraps": 10**6}), "n_bootstraps is 1000000", "100,000"),
    (changed("collection", generation={"response": {"top_p": 2}}), "top_p is 2", "at most 1"),
    (changed("collection", groups=10**7), "groups is 10000000", "10,000 or less"),
    (changed("training", rho=math.inf), "training.rho is inf", "a finite number"),
    (changed("training", bootstrap={"unit": "model"}), "bootstrap_unit 'model'", "scenario"),
    (changed("evaluation", mode="guess"), "evaluation.mode is 'guess'", "direct_rating"),
    (changed("models", a="sim/plain"), "models: EigenBench compares", "at least two"),
    (changed("models", a="", b="sim/kind"), "models.a has no model id", ""),
    (changed("models", a={"ID": "x"}, b="y"), "models.a.ID is no key", "id, system_prompt"),
    (changed("model_system_prompts", c="x"), "model_system_prompts.c", "no model"),
    (SMALL | {"name": "../up"}, "name is '../up'", "a name for a folder"),
    (SMALL | {"models": ["a", "b"]}, "models is ['a', 'b']", "mapping"),
    ("- 1\n- 2\n", "spec.yaml is [1, 2]", "mapping"),
    ("models: {a: x, a: y}", "spec.yaml: the key 'a' is given twice", ""),
    ("models: {a: x", "spec.yaml can't be read", ""),
    ("? [1, 2]\n: x\n", "spec.yaml", "keys must be texts"),
]


@pytest.mark.parametrize(("content", "named", "mend"), BAD)
def test_bad_specs_are_one_clear_line(
    tmp_path: Path, content: dict | str, named: str, mend: str
) -> None:
    with pytest.raises(SpecError) as error:
        load_spec(spec_file(tmp_path, content))
    assert named in str(error.value) and mend in str(error.value)
    assert "\n" not in str(error.value) and str(tmp_path) not in str(error.value)


def test_a_missing_spec_and_a_python_spec(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="there is no spec at"):
        load_spec(tmp_path / "none.yaml")
    with pytest.raises(SpecError, match="as YAML or JSON"):
        load_spec(spec_file(tmp_path, "RUN_SPEC = {}", "spec.py"))


def test_a_name_given_twice_in_json(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="the key 'a' is given twice"):
        load_spec(spec_file(tmp_path, '{"models": {"a": "x", "a": "y"}}', "spec.json"))


def test_the_command_line_wins(tmp_path: Path) -> None:
    spec = load_spec(spec_file(tmp_path, PUBLISHED))
    unchanged = override(spec, None, "", "", "", None, "")
    assert unchanged == spec
    given = override(spec, 2, "published", "1, 3", "model", 0, "scenario")
    assert given.num_criteria == 2
    options = given.options
    assert (options.procedure, options.dims, options.order_handling) == (
        "published",
        (1, 3),
        "model",
    )
    assert (options.n_bootstraps, options.bootstrap_unit) == (0, "scenario")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"num_criteria": 0}, "--num_criteria is 0"),
        ({"dims": "2;3"}, "--dims is '2;3'"),
        ({"procedure": "best"}, "procedure 'best'"),
        ({"n_bootstraps": -1}, "n_bootstraps -1"),
    ],
)
def test_bad_words_on_the_command_line(tmp_path: Path, given: dict, named: str) -> None:
    spec = load_spec(spec_file(tmp_path, PUBLISHED))
    with pytest.raises(SpecError) as error:
        override(spec, **given)
    assert named in str(error.value)
