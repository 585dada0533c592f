"""Planted truth: systems whose steerability is known by construction."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks.steerability.analyse import analyse
from benchmarks.steerability.conditions import conditions
from benchmarks.steerability.data import check_data
from benchmarks.steerability.errors import MissingDiagonalError, SteerabilityError
from benchmarks.steerability.plan import make_plan
from benchmarks.steerability.records import answers_table, check_table
from benchmarks.steerability.splits import split
from tests.benchmarks.steerability.worlds import coin, follower, labels_of, run, tables, world


def plan_of(n_personas=24, n_steer=(4,), systems=("few_shot",), reverse=False, **kwargs):
    s = split(world(n_personas, 12), n_steer)
    return make_plan(s, conditions(list(systems), n_steer, reverse=reverse), **kwargs)


def result_of(plan, answerer, **kwargs):
    replies = run(plan, answerer)
    return analyse(
        answers_table(plan, "m", replies),
        plan.split.personas,
        check_table("m", replies),
        n_resamples=300,
        **kwargs,
    )


def pick(result, measure, system="few_shot", n_steer=4, framework="all", model="m"):
    t = result.summary
    rows = t[
        (t.measure == measure)
        & (t.system == system)
        & (t.n_steer == n_steer)
        & (t.framework == framework)
        & (t.model == model)
    ]
    assert len(rows) == 1
    return rows.iloc[0]


def test_following_the_steering_exactly():
    plan = plan_of(reverse=True)
    result = result_of(plan, follower(plan))
    for measure in ("sensitivity_mid_rank", "specificity_mid_rank"):
        assert pick(result, measure)["value"] > 0.95
    assert pick(result, "accuracy")["value"] == 1
    own = pick(result, "own_minus_others")
    assert own["low"] > 0.4 and own["chance"] == 0
    # A coin fits half, so both directions have half the way to go.
    gain, away = pick(result, "gain"), pick(result, "index_away")
    base = pick(result, "accuracy", "unsteered", 0)["value"]
    assert gain["value"] == pytest.approx(1 - base)
    assert away["value"] == pytest.approx(base)
    assert gain["low"] < 0.5 < gain["high"] and gain["low"] > 0.3
    assert result.patterns.set_index("system").loc["few_shot", "verdict"] == ""


def test_ignoring_the_steering():
    plan = plan_of()
    result = result_of(plan, lambda system, n, persona, text: coin("q", text))
    row = pick(result, "sensitivity_mid_rank")
    assert row["low"] <= 0.5 <= row["high"] and row["value"] == pytest.approx(0.5, abs=0.02)
    assert pick(result, "specificity_mid_rank")["value"] == 0.5
    assert pick(result, "gain")["value"] == 0
    assert pick(result, "specificity")["value"] == 1  # the published rank is taken in
    verdicts = result.patterns.set_index("system")["verdict"]
    assert verdicts["few_shot"] == "ignores its steering"


def test_answering_at_random():
    plan = plan_of(systems=("random",))
    result = result_of(plan, lambda system, n, persona, text: coin(persona, text))
    for measure in ("sensitivity_mid_rank", "specificity_mid_rank", "own_minus_others", "gain"):
        row = pick(result, measure, "random", 0)
        assert row["low"] <= row["chance"] <= row["high"], measure
    published = pick(result, "sensitivity", "random", 0)
    assert published["low"] <= published["chance"] <= published["high"]
    assert 0.52 < published["chance"] < 0.62


@pytest.mark.parametrize(
    ("says", "verdict"), [(True, "always agrees"), (False, "always disagrees")]
)
def test_a_constant_system_is_named(says, verdict):
    plan = plan_of()
    result = result_of(plan, lambda *_: says)
    assert pick(result, "sensitivity_mid_rank")["value"] == 0.5
    assert pick(result, "sensitivity")["value"] == 1  # as published
    row = result.patterns.set_index("system").loc["few_shot"]
    assert row["verdict"] == verdict and row["constant"]
    assert result.metrics["conditions"][0]["pattern"]["constant"] is True


def test_nearly_constant_is_named_too():
    plan = plan_of()
    labels = labels_of(plan)

    def answer(system, n, persona, text):
        return not (not labels.get((persona, text), True) and hash_share(persona, text) < 0.3)

    def hash_share(*what):
        import hashlib

        return hashlib.md5(repr(what).encode()).digest()[0] / 256

    result = result_of(plan, answer)
    row = result.patterns.set_index("system").loc["few_shot"]
    assert row["verdict"] == "nearly always agrees" and not row["constant"]


def test_foils_agree_with_the_full_matrix():
    full, few = plan_of(40), plan_of(40, foils=8)
    a = result_of(full, follower(full, 0.25))
    b = result_of(few, follower(few, 0.25))
    for measure in ("sensitivity_mid_rank", "own_minus_others"):
        whole, part = pick(a, measure), pick(b, measure)
        assert part["low"] <= whole["value"] <= part["high"]
        assert part["high"] - part["low"] > 0.9 * (whole["high"] - whole["low"])
    assert few.counts()["requests"].sum() < 0.35 * full.counts()["requests"].sum()


def test_curve_over_steering_statements_and_the_ablation_of_the_name():
    plan = plan_of(n_steer=(0, 2, 4, 8), systems=("few_shot", "few_shot_named"))
    labels = labels_of(plan)

    def answer(system, n_steer, persona, text):
        own = labels.get((persona, text))
        learned = min(n_steer / 8 + (0.5 if system == "few_shot_named" else 0), 1)
        import hashlib

        share = hashlib.md5(f"{persona}{text}".encode()).digest()[1] / 256
        return own if own is not None and share < learned else coin(text)

    result = result_of(plan, answer)
    curve = result.curve("gain")
    bare = curve[curve["system"] == "few_shot"]
    assert bare["n_steer"].tolist() == [2, 4, 8]
    assert bare["value"].is_monotonic_increasing
    assert curve[curve["system"] == "unsteered"]["value"].tolist() == [0.0]
    t = result.comparisons
    named = t[
        (t.system == "few_shot")
        & (t.system_2 == "few_shot_named")
        & (t.n_steer == 4)
        & (t.n_steer_2 == 4)
        & (t.measure == "accuracy")
    ].iloc[0]
    assert named["high"] < 0  # the name adds what four statements do not


def test_models_are_compared_in_pairs():
    plan = plan_of()
    strong, weak = run(plan, follower(plan, 0.6)), run(plan, follower(plan, 0.3))
    answers = pd.concat([answers_table(plan, "strong", strong), answers_table(plan, "weak", weak)])
    result = analyse(answers, plan.split.personas, n_resamples=300)
    t = result.comparisons
    row = t[
        (t.model == "strong")
        & (t.model_2 == "weak")
        & (t.measure == "accuracy")
        & (t.system == "few_shot")
    ].iloc[0]
    assert row["low"] > 0
    a, b = (pick(result, "accuracy", model=m) for m in ("strong", "weak"))
    assert row["difference"] == pytest.approx(a["value"] - b["value"])
    unpaired = np.hypot(a["high"] - a["low"], b["high"] - b["low"])
    assert row["high"] - row["low"] < unpaired
    # The unsteered baselines answer alike for all 24 personas: zero, within the exact bound.
    same = t[(t.system == "unsteered") & (t.measure == "accuracy") & (t.model_2 == "weak")].iloc[0]
    assert (same["difference"], same["n_personas"]) == (0, 24)
    assert same["high"] == pytest.approx(1 - 0.05 ** (1 / 24)) == -same["low"]


def test_frameworks_are_scored_apart():
    plan = plan_of()
    labels = labels_of(plan)
    humours = set(plan.split.personas.query("framework_name == 'Humours'")["persona_id"])

    def answer(system, n, persona, text):
        own = labels.get((persona, text))
        return own if own is not None and persona in humours else coin(text)

    result = result_of(plan, answer)
    assert pick(result, "accuracy", framework="Humours")["value"] == 1
    assert pick(result, "accuracy", framework="Planets")["high"] < 0.8
    assert pick(result, "accuracy", framework="Planets")["n_personas"] == 12
    whole = pick(result, "accuracy")["value"]
    parts = [pick(result, "accuracy", framework=f)["value"] for f in ("Humours", "Planets")]
    assert whole == pytest.approx(np.mean(parts))


def test_the_tables_fit_together():
    plan = plan_of(8, batch_size=5, check_share=0.1)
    result = result_of(plan, follower(plan))
    matrix = result.matrix("m", "few_shot", 4)
    assert (
        matrix.index.tolist()
        == matrix.columns.tolist()
        == plan.split.personas["persona_id"].tolist()
    )
    rows = result.results[result.results["system"] == "few_shot"].set_index("persona_id")
    assert (rows["accuracy"] == np.diag(matrix)).all()
    assert (rows["sensitivity_mid_rank_low"] <= rows["sensitivity_mid_rank"]).all()
    assert (rows["planned"] == 20).all() and (rows["answered"] == 20).all()
    assert rows["sensitivity_mid_rank"].mean() == pytest.approx(
        pick(result, "sensitivity_mid_rank")["value"]
    )
    assert len(result.matrix("m", "unsteered", 0)) == 1
    assert result.agreement.loc[result.agreement["system"] == "few_shot", "agreement"].item() > 0.99
    again = json.loads(json.dumps(result.metrics, allow_nan=False))
    assert again["n_personas"] == 8 and len(again["conditions"]) == 2
    assert again["conditions"][0]["steerability"]["chance"] == 0.5


def test_the_matrix_is_the_share_of_fitting_answers():
    plan = plan_of(6)
    replies = run(plan, follower(plan, 0.5))
    table = answers_table(plan, "m", replies)
    result = analyse(table, plan.split.personas, n_resamples=20)
    steered = table[table["system"] == "few_shot"].assign(
        correct=lambda t: t["correct"].astype(float)
    )
    wanted = steered.pivot_table(
        values="correct", index="steered_persona", columns="tested_persona", aggfunc="mean"
    )
    ours = result.matrix("m", "few_shot", 4)
    assert np.allclose(ours.loc[wanted.index, wanted.columns], wanted)


def test_unanswered_statements_leave_their_accuracy_and_are_counted():
    plan = plan_of(6, batch_size=1)
    replies = run(plan, follower(plan))
    kept = [
        r._replace(answer=None, reason="filtered") if coin("x", i) and coin("y", i) else r
        for i, r in enumerate(replies)
    ]
    result = analyse(answers_table(plan, "m", kept), plan.split.personas, n_resamples=50)
    assert pick(result, "accuracy")["value"] == 1
    covered = result.coverage.set_index("system").loc["few_shot"]
    lost = covered["planned"] - covered["answered"]
    assert 0.2 < lost / covered["planned"] < 0.3
    assert covered["unanswered"] == f"filtered: {lost}"


def test_a_persona_without_own_answers_stops_the_analysis():
    plan = plan_of(6, batch_size=1)
    owner = labels_of(plan)
    replies = [
        r._replace(answer=None, reason="timeout")
        if r.steered_persona == "p003" and ("p003", r.text_id) in owner
        else r
        for r in run(plan, follower(plan))
    ]
    with pytest.raises(MissingDiagonalError, match=r"Persona 3 \(p003\) \[m, few_shot with 4"):
        analyse(answers_table(plan, "m", replies), plan.split.personas)


def test_without_a_baseline_there_is_no_gain():
    s = split(world(6, 12), 4)
    plan = make_plan(s, conditions(["few_shot"], (4,), baseline=False))
    result = result_of(plan, follower(plan))
    assert "gain" not in set(result.summary["measure"])
    assert result.results["gain"].isna().all()


def test_bad_answers_tables_are_refused():
    plan = plan_of(4)
    table = answers_table(plan, "m", run(plan, follower(plan)))
    with pytest.raises(SteerabilityError, match="no column 'correct'"):
        analyse(table.drop(columns="correct"), plan.split.personas)
    with pytest.raises(SteerabilityError, match="answers twice"):
        analyse(pd.concat([table, table.head(3)]), plan.split.personas)
    with pytest.raises(SteerabilityError, match="'p003', which is not in the personas"):
        analyse(table, plan.split.personas.query("persona_id != 'p003'"))


def test_the_order_of_rows_does_not_matter():
    plan = plan_of(6)
    table = answers_table(plan, "m", run(plan, follower(plan, 0.4)))
    mixed = table.sample(frac=1, random_state=1)
    a, b = (
        analyse(t, plan.split.personas, n_resamples=50).summary.set_index(
            ["system", "framework", "measure"]
        )
        for t in (table, mixed)
    )
    assert np.allclose(a["value"], b.loc[a.index, "value"])
    assert np.allclose(a["low"], b.loc[a.index, "low"], equal_nan=True)


def test_scenarios_and_extra_columns_pass_through():
    personas, statements = tables(4, 6)
    statements["scenario"] = np.where(np.arange(len(statements)) % 2, "At work", "")
    statements["source"] = "hand"
    s = split(check_data(personas.assign(note="x"), statements), 2)
    assert s.held_out["source"].eq("hand").all() and "note" in s.personas
    plan = make_plan(s, conditions(["few_shot"], (2,)))
    assert {i.scenario for i in s.items_by_id.values()} == {"", "At work"}
    assert result_of(plan, follower(plan)).metrics["n_personas"] == 4


def test_a_perfect_follower_is_not_certain():
    plan = plan_of(n_personas=12)
    found = pick(result_of(plan, follower(plan)), "accuracy")
    assert found["value"] == found["high"] == 1
    assert found["low"] == pytest.approx(0.025 ** (1 / 12))  # 12 personas
    assert found["low_statements"] == pytest.approx(0.025 ** (1 / (12 * 20)))  # 20 each


def test_a_persona_with_a_gain_in_one_model_only_is_no_pair():
    """Model a left out one statement of persona 0 when steered, and answered only that without."""
    plan = plan_of(n_personas=8)
    answers = {
        model: answers_table(plan, model, run(plan, follower(plan, strength)))
        for model, strength in (("a", 1.0), ("b", 0.5))
    }
    table = answers["a"]
    own = (table["tested_persona"] == "p000") & table["steered_persona"].isin(["", "p000"])
    only = table["statement_id"] == table.loc[own, "statement_id"].iloc[0]
    lost = own & (only ^ (table["system"] == "unsteered"))
    table.loc[lost, ["answer", "correct"]] = pd.NA
    result = analyse(pd.concat(answers.values()), plan.split.personas, n_resamples=200)
    rows = result.comparisons
    gain = rows[(rows["measure"] == "gain") & (rows["model"] != rows["model_2"])].iloc[0]
    steered = result.results[result.results["system"] == "few_shot"]
    by_model = steered.pivot(index="persona_id", columns="model", values="gain")
    assert by_model["a"].isna().sum() == 1 and gain["n_personas"] == 7
    assert gain["difference"] == pytest.approx((by_model["a"] - by_model["b"]).mean())
    assert gain["low"] < gain["difference"] < gain["high"]
