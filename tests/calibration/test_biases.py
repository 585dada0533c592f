"""Self-preference and style: planted biases recovered, none found where none is planted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from calibration.errors import CalibrationError
from calibration.self_preference import model_family, relation, self_preference
from calibration.style import style_effects, style_features
from tests.calibration.figures import covers, present


@pytest.mark.parametrize(
    ("model_id", "family"),
    [
        ("google/gemma-3-27b-it", "gemini"),
        ("gemini/gemini-2.5-pro", "gemini"),
        ("gpt-4.1-nano", "gpt"),
        ("openai/gpt-oss-120b", "gpt"),
        ("o3-mini", "gpt"),
        ("openrouter/openai/o4-mini", "gpt"),
        ("ft:gpt-4o-mini:org::x", "gpt"),
        ("bedrock/us.anthropic.claude-sonnet-4-v1:0", "claude"),
        ("claude-haiku-4-5", "claude"),
        ("meta-llama/Llama-3.2-1B-Instruct", "llama"),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "deepseek"),
        ("Qwen/QwQ-32B", "qwen"),
        ("microsoft/phi-4", "phi"),
        ("sim/steadfast", "sim/steadfast"),
        ("acme/wonder-7b", "acme"),
        ("wonder-7b", "wonder"),
    ],
)
def test_families_from_ids(model_id: str, family: str) -> None:
    assert model_family(model_id) == family


def test_relations() -> None:
    assert relation("openrouter/google/gemma-3-27b-it", "google/gemma-3-27b-it") == "same model"
    assert relation("google/gemma-3-27b-it", "gemini/gemini-2.5-pro") == "same family"
    assert relation("sim/steadfast", "sim/evasive") is None
    assert relation("gpt-4.1", "claude-haiku-4-5") is None


def _scores(seed: int, lift: float, leniency: float, items: int = 40) -> pd.DataFrame:
    """Three judges, three candidates; the GPT judge is lenient with all and lifts its own."""
    rng = np.random.default_rng(seed)
    rows = []
    for candidate in ("gpt-4.1", "claude-haiku-4-5", "org/other"):
        for item in range(items):
            quality = rng.normal()
            for judge in ("gpt-4.1", "claude-sonnet-4-5", "mistral-large"):
                bias = leniency * (judge == "gpt-4.1")
                bias += lift * (judge == candidate == "gpt-4.1")
                rows.append((judge, candidate, item, quality + bias + rng.normal(scale=0.5)))
    return pd.DataFrame(rows, columns=["judge", "candidate", "item_id", "score"])


@pytest.mark.slow
def test_planted_self_preference_is_covered_and_leniency_is_not_mistaken_for_it() -> None:
    covered = plain = excess_zero = 0
    for seed in range(40):
        found = self_preference(_scores(seed, 0.4, 0.3), draws=300, seed=seed)
        own = next(row for row in found if row.judge == "gpt-4.1")
        covered += covers(own.excess, 0.4)
        plain += covers(own.difference, 0.7)
        fair = self_preference(_scores(seed, 0.0, 0.3), draws=300, seed=seed)
        own = next(row for row in fair if row.judge == "gpt-4.1")
        excess_zero += covers(own.excess, 0.0)
    assert min(covered, plain, excess_zero) >= 34


def test_relations_found_and_related_judges_left_out_of_the_comparison() -> None:
    found = self_preference(_scores(0, 0.4, 0.0), draws=100)
    kinds = {(row.judge, row.candidate): row.relation for row in found}
    assert kinds == {
        ("gpt-4.1", "gpt-4.1"): "same model",
        ("claude-sonnet-4-5", "claude-haiku-4-5"): "same family",
    }
    table = _scores(0, 0.4, 0.0)
    sibling = table[table["judge"] == "gpt-4.1"].assign(judge="gpt-4.1-mini")
    sibling.loc[sibling["candidate"] == "gpt-4.1", "score"] += 5
    again = self_preference(pd.concat([table, sibling]), draws=100)
    assert again[0].others_mean == pytest.approx(found[0].others_mean)


def test_no_kin_no_rows_and_lonely_judges_say_so() -> None:
    table = _scores(0, 0, 0)
    assert self_preference(table[table["judge"] == "mistral-large"]) == ()
    (lone,) = self_preference(table[table["judge"] == "gpt-4.1"])
    assert lone.n == 0 and "no other judge" in str(lone.difference.reason)
    own = table[table["candidate"] == "gpt-4.1"]
    (row,) = [row for row in self_preference(own, draws=50) if row.judge == "gpt-4.1"]
    assert row.difference.value is not None and "own kind" in str(row.excess.reason)
    with pytest.raises(CalibrationError, match="'candidate'"):
        self_preference(table.drop(columns="candidate"))


def test_features_of_a_text_by_hand() -> None:
    text = "It may help.\n- one\n- two\nPerhaps, in some cases, not."
    found = style_features(text)
    assert found["lists"] == 5.0
    assert found["length"] == pytest.approx(np.log2(12))
    assert found["hedging"] == pytest.approx(100 * 3 / 12)
    assert style_features("") == {"length": 0.0, "lists": 0.0, "hedging": 0.0}


def _answer(rng: np.random.Generator) -> str:
    words = " ".join(["word"] * int(rng.integers(20, 400)))
    hedges = " perhaps" * int(rng.integers(0, 8))
    items = "\n- item" * int(rng.integers(0, 6))
    return f"{words}{hedges}{items}\nend"


def _styled(seed: int, pull: float, rows: int = 120) -> pd.DataFrame:
    """Scores follow the verdict of others, plus `pull` points for each doubling of the length."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "item_id": np.repeat(np.arange(rows // 3), 3),
            "reference": rng.choice([-2.0, 0.0, 2.0], rows),
            "response_1": [_answer(rng) for _ in range(rows)],
            "response_2": [_answer(rng) for _ in range(rows)],
        }
    )
    length = [
        (style_features(a)["length"] + style_features(b)["length"]) / 2
        for a, b in zip(table["response_1"], table["response_2"], strict=True)
    ]
    shared = rng.normal(scale=0.2, size=rows // 3)[table["item_id"]]
    noise = rng.normal(scale=0.4, size=rows) + shared
    return table.assign(score=0.8 * table["reference"] + pull * np.array(length) + noise)


@pytest.mark.slow
def test_planted_length_bias_is_covered_and_others_stay_at_zero() -> None:
    hits = dict.fromkeys(("length", "lists", "hedging"), 0)
    found_bias = 0
    for seed in range(40):
        for row in style_effects(_styled(seed, 0.5)):
            planted = 0.5 if row.feature == "length" else 0.0
            hits[row.feature] += covers(row.effect, planted)
            found_bias += row.feature == "length" and present(row.p_value) < 0.01
    assert min(hits.values()) >= 34, hits
    assert found_bias >= 36


def test_features_that_do_not_vary_and_small_tables_say_so() -> None:
    table = _styled(0, 0.0)
    table["response_1"] = table["response_2"] = [
        "plain words only " * (1 + number % 7) for number in range(len(table))
    ]
    found = {row.feature: row for row in style_effects(table)}
    assert found["length"].effect.value is not None
    assert "does not vary" in str(found["lists"].effect.reason)
    assert "at least 20" in str(style_effects(table.head(10))[0].effect.reason)
    with pytest.raises(CalibrationError, match="'reference'"):
        style_effects(table.drop(columns="reference"))
    with pytest.raises(CalibrationError, match="'cluster' nor an 'item_id'"):
        style_effects(table.drop(columns="item_id"))


def test_a_judge_that_says_what_the_others_say_leaves_doubt() -> None:
    table = _scores(0, 0.0, 0.0, items=30).assign(score=1.0)
    own = self_preference(table, draws=100)[0]
    assert own.difference.value == own.excess.value == 0.0
    assert own.difference.high == pytest.approx(4 * (1 - 0.05 ** (1 / 30)))
    assert present(own.excess.low) < 0 < present(own.excess.high)
