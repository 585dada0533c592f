"""Plans ask each text once per steered persona, and their counts are exact."""

import collections
import math

import numpy as np
import pytest

from benchmarks.steerability.builtin_systems import FewShot, system_named
from benchmarks.steerability.conditions import NO_PERSONA, Condition, conditions
from benchmarks.steerability.errors import SteerabilityError
from benchmarks.steerability.estimate import estimate_tokens
from benchmarks.steerability.plan import draw_foils, make_plan
from benchmarks.steerability.splits import split
from tests.benchmarks.steerability.worlds import world


def plan_of(n_personas=8, n_steer=(4,), systems=("few_shot",), **kwargs):
    s = split(world(n_personas, 10), n_steer)
    extra = {k: kwargs.pop(k) for k in ("baseline", "reverse") if k in kwargs}
    return make_plan(s, conditions(list(systems), n_steer, **extra), **kwargs)


@pytest.mark.parametrize("batch_size", [1, 7, 10, 1000])
@pytest.mark.parametrize("foils", [0, 3])
def test_counts_match_the_requests(batch_size, foils):
    plan = plan_of(batch_size=batch_size, foils=foils, reverse=True)
    made = [r for shard in plan.shards() for r in plan.requests(shard)]
    counts = plan.counts()
    assert counts["requests"].sum() == len(made)
    assert counts["check_requests"].sum() == sum(r.single_check for r in made)
    asked = sum(len(r.text_ids) for r in made if not r.single_check)
    assert counts["texts_asked"].sum() == asked


def test_a_text_is_asked_once_per_steered_persona():
    plan = plan_of(batch_size=1)
    for shard in plan.shards():
        texts = [r.text_ids[0] for r in plan.requests(shard)]
        assert len(texts) == len(set(texts)) == plan.split.held_out["text_id"].nunique()
    assert plan.full_matrix


def test_full_matrix_and_baseline_counts():
    counts = plan_of(batch_size=1).counts().set_index("system")
    held_out = 8 * 16
    assert counts.loc["few_shot", "cells"] == 64
    assert counts.loc["few_shot", "planned_answers"] == 8 * held_out
    assert counts.loc["unsteered", "planned_answers"] == held_out
    assert counts.loc["unsteered", "steered_personas"] == 0


def test_requests_are_the_same_at_every_call_and_mixed_within_batches():
    plan = plan_of(batch_size=10)
    assert list(plan.requests("p001")) == list(plan.requests("p001"))
    owner = plan.split.held_out.set_index("text_id")["persona_id"].to_dict()
    first = next(plan.requests("p001"))
    assert len({owner[t] for t in first.text_ids}) > 3


def test_single_checks_are_a_share_of_the_batched_answers():
    plan = plan_of(batch_size=10, check_share=0.1)
    requests = list(plan.requests("p000"))
    batched = {t for r in requests if not r.single_check for t in r.text_ids}
    checks = [r for r in requests if r.single_check]
    assert len(checks) == math.ceil(0.1 * len(batched))
    assert all(len(r.text_ids) == 1 and r.text_ids[0] in batched for r in checks)
    assert not any(r.single_check for r in plan_of(batch_size=1).requests("p000"))


def test_foils_are_regular_and_uniform():
    ids = [f"p{i}" for i in range(9)]
    seen: collections.Counter[str] = collections.Counter()
    for seed in range(400):
        foils = draw_foils(ids, 3, seed)
        incoming = collections.Counter(q for others in foils.values() for q in others)
        assert all(len(set(others)) == 3 and p not in others for p, others in foils.items())
        assert set(incoming.values()) == {3}
        seen.update(foils["p0"])
    share = np.array([seen[q] for q in ids[1:]]) / 400
    assert np.abs(share - 3 / 8).max() < 0.1  # 4 standard errors


def test_foils_out_of_range():
    with pytest.raises(SteerabilityError, match="0 \\(all\\) to 4"):
        draw_foils(list("abcde"), 5, 0)


def test_scopes():
    plan = plan_of(foils=2, reverse=True)
    own = Condition("few_shot_reversed", 4, "own")
    assert plan.tested(own, "p003") == ("p003",)
    matrix = next(c for c in plan.conditions if c.scope == "matrix")
    assert plan.tested(matrix, "p003")[0] == "p003" and len(plan.tested(matrix, "p003")) == 3
    assert plan.shards()[0] == NO_PERSONA and not plan.full_matrix


def test_conditions_of_a_curve_with_an_ablation():
    found = conditions(["few_shot", "few_shot_named", "description_only", "random"], (0, 2))
    assert found == [
        Condition("few_shot", 2, "matrix"),
        Condition("few_shot_named", 0, "matrix"),
        Condition("few_shot_named", 2, "matrix"),
        Condition("description_only", 0, "matrix"),
        Condition("random", 0, "matrix"),
        Condition("unsteered", 0, "baseline"),
    ]
    assert conditions(["unsteered"], (4,), baseline=False)[0].scope == "baseline"
    with pytest.raises(SteerabilityError, match="no condition"):
        conditions([], (4,), baseline=False)


def test_token_estimate_sees_the_prompts():
    plan = plan_of(batch_size=5, systems=("few_shot", "random"))
    systems = {c.system: system_named(c.system) for c in plan.conditions}
    table = estimate_tokens(plan, systems).set_index("system")
    assert table["requests"].tolist() == plan.counts()["requests"].tolist()
    assert np.isnan(table.loc["random", "input_tokens"])
    # Every prompt of the few-shot system, counted one by one.
    few_shot = systems["few_shot"]
    assert isinstance(few_shot, FewShot)
    steered = {
        p: few_shot.steer(plan.split.persona(p), plan.split.observations(p, 4))
        for p in plan.split.persona_ids
    }
    exact = sum(
        sum(
            len(m.content)
            for m in steered[p].messages([plan.split.items_by_id[t] for t in r.text_ids])
        )
        / 4
        for p in plan.split.persona_ids
        for r in plan.requests(p)
        if r.system == "few_shot"
    )
    assert table.loc["few_shot", "input_tokens"] == pytest.approx(exact, rel=0.05)
