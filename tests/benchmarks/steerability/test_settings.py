"""Command line and config together: who wins, and what the published template means."""

import json

import pytest

from benchmarks.steerability.config import parse_config
from benchmarks.steerability.errors import SteerabilityError
from benchmarks.steerability.settings import DEFAULTS, parse_counts, settle

TEMPLATE = {
    "experiment_name": "first",
    "output_base_dir": "out",
    "personas_path": "p.csv",
    "observations_path": "o.csv",
    "max_personas": 40,
    "random_state": 7,
    "n_steer_observations_per_persona": 6,
    "max_concurrent_tests": 8,
    "steerable_system_type": "FewShotSteerable",
    "steerable_system_config": {"llm_provider": "google", "model": "gemini-1.5-flash-8b"},
    "resume": True,
    "batched_inference": False,
}


def given(**values):
    return DEFAULTS | values


def test_without_a_config_the_command_line_stands():
    settings = settle(given(model_id="m", n_steer_observations_per_persona="8,0,2"))
    assert settings.n_steer == (0, 2, 8) and settings.systems == ("few_shot",)
    assert settings.inference_batch_size == 10 and settings.can_reverse
    assert settle(given(batched_inference=False)).inference_batch_size == 1
    assert settle(given(include_persona=True)).systems == ("few_shot_named",)
    assert settle(given(include_observations=False)).systems == ("unsteered",)
    several = settle(given(steerable_system="random, few_shot,random"))
    assert several.systems == ("random", "few_shot")


def test_the_published_template_keeps_its_meaning():
    settings = settle(given(), parse_config(json.dumps(TEMPLATE)))
    assert settings.model_id == "gemini/gemini-1.5-flash-8b"
    assert settings.systems == ("few_shot_named",)  # its default shows the persona's name
    assert settings.inference_batch_size == 1 and settings.n_steer == (6,)
    assert (settings.max_personas, settings.random_state) == (40, 7)
    assert settings.results_dir == "out/first"
    assert any("max_concurrent_tests has no effect" in note for note in settings.notes)
    assert any("include_persona is not set" in note for note in settings.notes)


def test_what_is_given_on_the_command_line_wins_and_says_so():
    config = parse_config(json.dumps(TEMPLATE))
    settings = settle(given(max_personas=5, model_id="gpt-4.1-nano", split="published"), config)
    assert (settings.max_personas, settings.model_id) == (5, "gpt-4.1-nano")
    assert settings.split == "published"
    assert "--max_personas 5 wins over 40 of the config" in settings.notes
    named = settle(given(steerable_system="few_shot"), config)
    assert named.systems == ("few_shot",)


def test_a_users_class_keeps_its_config():
    config = {
        "steerable_system_type": "mine.systems:Mine",
        "steerable_system_config": {"depth": 3},
    }
    settings = settle(given(), parse_config(json.dumps(config)))
    assert settings.systems == ("mine.systems:Mine",)
    assert settings.system_config == {"depth": 3} and not settings.can_reverse


def test_counts():
    assert parse_counts(4) == (4,) and parse_counts("8, 2,2") == (2, 8)
    for bad in ("", "x", "-2", "1.5"):
        with pytest.raises(SteerabilityError, match="give a number, or several"):
            parse_counts(bad)


def test_statements_are_asked_for_where_personas_come_alone():
    with pytest.raises(SteerabilityError, match="--observations_path"):
        settle(given(personas_path="p.csv"))
    assert settle(given(personas_path="some/folder.v2")).observations_path == ""
    assert settle(given(personas_path="builtin:personas")).observations_path == ""


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_no_generator_takes_is_refused(seed):
    assert settle(given(random_state=2**32 - 1)).random_state == 2**32 - 1
    with pytest.raises(SteerabilityError, match=r"random_state is .* from 0 to 4294967295"):
        settle(given(random_state=seed))
