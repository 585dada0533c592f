"""Phases: what each model is shown, that slices change nothing, that failures stay failures."""

from __future__ import annotations

import pickle

import pyarrow as pa
import pytest

from benchmarks.eigenbench.analyse import analyse
from benchmarks.eigenbench.collection import SYSTEM_PROMPT, Member, Panel
from benchmarks.eigenbench.judgements import Collected, coverage, losses, rating_rows
from benchmarks.eigenbench.options import Options
from benchmarks.eigenbench.plan import make_plan
from benchmarks.eigenbench.samplers import SamplerSpec
from benchmarks.eigenbench.work import COMPARISONS, RATINGS, REFLECTIONS, RESPONSES
from inference.result import Failure
from tests.benchmarks.eigenbench.panels import (
    CRITERIA,
    NAMES,
    SCENARIOS,
    ask_everything,
    ask_phase,
    failed,
    panel,
    rows_of,
    simulated,
)

PAIRWISE = (RESPONSES, REFLECTIONS, COMPARISONS)
INDICES = list(SCENARIOS)


@pytest.fixture(scope="module")
def plan():
    return make_plan(INDICES, 3, SamplerSpec(group_size=3, groups=2, seed=1))


@pytest.fixture(scope="module")
def done(plan):
    return ask_everything(panel(), plan, PAIRWISE)


def requests_of(plan, done, phase, asked=None):
    asked = asked or panel()
    return [
        request
        for part, _ in ask_phase(asked, plan, phase, done)
        for request in asked.requests(part)
    ]


def test_an_evaluee_sees_the_scenario_and_nothing_of_the_constitution(plan, done) -> None:
    requests = requests_of(plan, done, RESPONSES)
    assert len(requests) == len(plan.responses)
    for request in requests:
        system, user = request.messages
        assert system == ("system", SYSTEM_PROMPT) and user.content in SCENARIOS.values()
        assert not any(criterion in text for criterion in CRITERIA for _, text in request.messages)


@pytest.mark.parametrize("phase", PAIRWISE)
def test_no_name_and_no_model_id_reaches_a_model(plan, done, phase) -> None:
    for request in requests_of(plan, done, phase):
        for _, text in request.messages:
            assert not any(name in text for name in NAMES)
            assert "sim/" not in text and "eigen-" not in text


def test_judges_read_their_own_reflections_in_the_order_shown(plan, done) -> None:
    responses = {(r["scenario_index"], r["model"]): r["text"] for r in done[RESPONSES].to_pylist()}
    notes = {
        (r["scenario_index"], r["judge"], r["evaluee"]): r["text"]
        for r in done[REFLECTIONS].to_pylist()
    }
    rows = rows_of(plan, COMPARISONS).to_pylist()
    place = {index: at for at, index in enumerate(INDICES)}
    rows.sort(key=lambda row: place[row["scenario_index"]])
    for row, request in zip(rows, requests_of(plan, done, COMPARISONS), strict=True):
        index, judge = row["scenario_index"], row["judge"]
        assert request.model == panel().members[judge].model
        user = request.messages[1].content
        for number, evaluee in ((1, row["first"]), (2, row["second"])):
            assert f"<response_{number}>\n{responses[index, evaluee]}\n" in user
            assert f"<reflection_{number}>\n{notes[index, judge, evaluee]}\n" in user


@pytest.mark.parametrize("phase", PAIRWISE)
def test_slices_ask_what_the_whole_asks(plan, done, phase) -> None:
    whole = requests_of(plan, done, phase)
    for parts in (2, 5):
        slices = ask_phase(panel(), plan, phase, done, parts)
        assert len(slices) == parts
        asked = [r for part, _ in slices for r in panel().requests(part)]
        assert [r.key for r in asked] == [r.key for r in whole]
        table = pa.concat_tables([answered.table for _, answered in slices])
        assert table.equals(
            pa.concat_tables([a.table for _, a in ask_phase(panel(), plan, phase, done)])
        )


def test_a_slice_travels_with_the_texts_it_needs_alone(plan, done) -> None:
    first, *_ = ask_phase(panel(), plan, COMPARISONS, done, parts=3)
    part = pickle.loads(pickle.dumps(first[0]))
    assert set(part.scenarios.table["scenario_index"].to_pylist()) == {INDICES[0]}
    assert set(part.responses.table["scenario_index"].to_pylist()) == {INDICES[0]}
    assert [r.key for r in panel().requests(part)] == [r.key for r in panel().requests(first[0])]


def test_records_rank_as_planted(plan, done) -> None:
    collected = Collected(SCENARIOS, done[RESPONSES], done[REFLECTIONS], done[COMPARISONS])
    records = list(collected.comparisons(NAMES, CRITERIA))
    assert len(records) == len(plan.comparisons)
    assert records[0]["constitution"] == "\n".join(CRITERIA)
    result = analyse(records, NAMES, len(CRITERIA), Options(n_bootstraps=0))
    assert list(result.summary["model"]) == list(NAMES)
    assert result.extraction is not None and result.extraction.coverage()["rows_lost"] == 0


def test_twins_answer_independently_and_personas_keep_their_prompts(plan) -> None:
    one = panel().members[0]
    twin = Member("twin", one.model, one.samplings, twin=1)
    persona = Member("p", one.model, one.samplings, "Be stern.", "You are stern.")
    asked = Panel((one, twin, persona), CRITERIA)
    done = ask_everything(asked, plan, (RESPONSES, REFLECTIONS))
    texts = {(r["scenario_index"], r["model"]): r["text"] for r in done[RESPONSES].to_pylist()}
    assert all(texts[index, 0] != texts[index, 1] for index in INDICES)
    for request in requests_of(plan, done, RESPONSES, asked):
        assert request.sample in (0, 1_000_000)
    stern = [r for r in requests_of(plan, done, RESPONSES, asked) if "stern" in str(r.messages)]
    assert all(r.messages[0].content == "Be stern." for r in stern) and stern
    judging = requests_of(plan, done, REFLECTIONS, asked)
    prefixed = [r for r in judging if r.messages[0].content.startswith("You are stern.\n\n")]
    assert len(prefixed) == sum(plan.reflections["judge"] == 2)


# Failures --------------------------------------------------------------------------------------


def refuse_some(request):
    """One model never answers scenarios; its judging is filtered now and then."""
    if "boss" in request.messages[1].content and request.model.name == MODELS_OUT:
        return failed(request)
    return simulated(request)


MODELS_OUT = "eigen-0.2"


def test_what_a_failure_takes_with_it_is_not_asked_and_is_counted(plan) -> None:
    done = ask_everything(panel(), plan, PAIRWISE, answer=refuse_some)
    responses = done[RESPONSES].to_pylist()
    lost = [r for r in responses if r["text"] is None]
    assert [(r["scenario_index"], r["model"], r["reason"]) for r in lost] == [
        (2, 2, "filtered: no")
    ]
    for row in done[REFLECTIONS].to_pylist():
        if row["scenario_index"] == 2 and row["evaluee"] == 2:
            assert row["text"] is None and row["reason"] == "not asked: a response is missing"
    collected = Collected(SCENARIOS, done[RESPONSES], done[REFLECTIONS], done[COMPARISONS])
    records = list(collected.comparisons(NAMES, CRITERIA))
    table = losses(COMPARISONS, done[COMPARISONS], len(CRITERIA))
    assert len(records) + table["records"].sum() == len(plan.comparisons)
    assert (table["rows_lost"] == 3 * table["records"]).all()
    covered = coverage(COMPARISONS, done[COMPARISONS], NAMES)
    assert covered["planned"].sum() == len(plan.comparisons)
    assert covered["answered"].sum() == len(records) and covered["not_asked"].sum() > 0


def test_mending_fills_in_what_came_the_second_time(plan) -> None:
    asked = panel()
    ((part, answered),) = ask_phase(
        asked, plan, RESPONSES, {}, answer=lambda r: failed(r, Failure.TIMEOUT)
    )
    requests, failures = asked.request_again(part, answered)
    assert [r.key for r in requests] == [r.key for r in asked.requests(part)]
    assert set(failures) == {Failure.TIMEOUT}
    results = [simulated(requests[0]), None, *map(failed, requests[2:])]
    mended = asked.mended(answered, results)
    texts, reasons = mended.table["text"].to_pylist(), mended.table["reason"].to_pylist()
    assert texts[0] and reasons[0] is None and texts[1:] == [None] * (len(texts) - 1)
    assert reasons[1] == "timeout: no" and set(reasons[2:]) == {"filtered: no"}
    assert [gap.row for gap in mended.failed] == list(range(1, len(texts)))
    assert asked.mended(answered, [None] * len(requests)) is answered


def test_reused_responses_are_counted_apart(plan) -> None:
    done = ask_everything(panel(), plan, (RESPONSES,))[RESPONSES]
    table = coverage(RESPONSES, done, NAMES, reused=4)
    assert table["reused"].sum() == 4 and table["answered"].sum() == done.num_rows - 4
    assert table["planned"].sum() == done.num_rows


# Direct rating ---------------------------------------------------------------------------------


def test_ratings_become_records_and_rows() -> None:
    sampler = SamplerSpec("partitioned_random_judge", group_size=2, redundancy=2)
    plan = make_plan(INDICES, 3, sampler, "direct_rating")
    done = ask_everything(panel(), plan, (RESPONSES, REFLECTIONS, RATINGS))
    assert done[RATINGS].num_rows == 3 * 3 * 2
    collected = Collected(SCENARIOS, done[RESPONSES], done[REFLECTIONS], done[RATINGS])
    records = list(collected.ratings(NAMES, CRITERIA))
    assert records[0]["record_type"] == "direct_rating"
    assert [r["rating"] for r in records[0]["ratings"]]
    rows, lost = rating_rows(records, 3, len(CRITERIA))
    assert len(rows) == 18 * 3 and len(lost) == 0
    means = rows.groupby("evaluee")["rating"].mean()
    assert means[0] > means[1] > means[2]


def test_broken_ratings_are_counted() -> None:
    good = {
        "record_type": "direct_rating",
        "scenario_index": 0,
        "judge": {"index": 0},
        "evaluee": {"index": 1},
        "judgment_raw": "<criterion_1_rating>7</criterion_1_rating>",
    }
    bad = [
        "text",
        good | {"judge": 0},
        good | {"evaluee": {"index": 9}},
        good | {"judgment_raw": None},
        good | {"scenario_index": "0"},
        good | {"record_type": "comparison"},
    ]
    rows, lost = rating_rows([good, *bad], num_models=2, num_criteria=2)
    assert rows.values.tolist() == [[0, 0, 1, 0, 7]]
    assert dict(zip(lost["reason"], lost["rows_lost"], strict=True)) == {
        "not_a_rating": 12,
        "unreadable_rating": 1,
    }
