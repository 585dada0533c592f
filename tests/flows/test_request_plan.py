"""What a plan counts: requests without a stored answer, their tokens, their price, in words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks.val_bench.judging import Judge
from benchmarks.val_bench.survey import Survey
from flows.plan_figures import cells, dollars, lined_up, sum_of
from flows.plan_text import text_of
from flows.planning import PlanningFlow
from flows.request_plan import Count, RequestPlan, count_requests, plan_of
from inference import AskOptions, ModelRef, Request, Sampling, Usage, ask, resolve
from inference.store import open_store
from inference.usage import Price, PriceList
from tests.calibration.asked import responses

MODEL = resolve("sim/steadfast")
NANO, NEW = resolve("gpt-4.1-nano"), resolve("gpt-new")
PRICES = PriceList({"gpt-4.1-nano": Price(1.0, 10.0, 1.0)})
SYSTEM = "s" * 40


def pairs(count: int) -> pa.Table:
    """Pairs whose two questions have 60 characters each."""
    names = ("for_question", "against_question")
    texts = {
        name: [f"{name} {number:03d}".ljust(60, ".") for number in range(count)] for name in names
    }
    return pa.table(texts)


def counted(
    store: Path, *tasks: Iterable[Request], models: Sequence[ModelRef] = (MODEL,)
) -> dict[str, Count]:
    return count_requests(models, tasks, open_store(str(store)), AskOptions().max_attempts)


def answer(store: Path, requests: Iterable[Request]) -> list[Usage]:
    return [result.usage for result in ask(requests, open_store(str(store)))]


def test_what_is_stored_is_not_to_be_sent(tmp_path: Path) -> None:
    survey = Survey(MODEL, Sampling(), SYSTEM)
    (count,) = counted(tmp_path, survey.requests(pairs(30))).values()
    assert count == Count(planned=60, to_send=60, characters=60 * 100)
    used = answer(tmp_path, survey.requests(pairs(12)))
    (count,) = counted(tmp_path, survey.requests(pairs(30))).values()
    assert (count.planned, count.answered, count.to_send, count.characters) == (60, 24, 36, 3600)
    assert (count.lengths, count.written) == (24, sum(usage.output for usage in used))
    answer(tmp_path, survey.requests(pairs(30)))
    (count,) = counted(tmp_path, survey.requests(pairs(30))).values()
    assert (count.answered, count.to_send, count.characters) == (60, 0, 0)


def test_other_settings_and_a_fresh_run_find_nothing(tmp_path: Path) -> None:
    answer(tmp_path, Survey(MODEL, Sampling(), SYSTEM).requests(pairs(3)))
    for survey in (
        Survey(MODEL, Sampling(temperature=1.0), SYSTEM),
        Survey(MODEL, Sampling(), "other"),
        Survey(MODEL, Sampling(), SYSTEM, fresh="7"),
    ):
        assert counted(tmp_path, survey.requests(pairs(3)))[MODEL.label].to_send == 6
    more = counted(tmp_path, Survey(MODEL, Sampling(), SYSTEM, num_samples=2).requests(pairs(3)))
    assert (more[MODEL.label].answered, more[MODEL.label].to_send) == (6, 6)


def test_equal_requests_of_a_task_are_sent_once(tmp_path: Path) -> None:
    table = pa.concat_tables([pairs(5), pairs(5)])
    requests = list(Survey(MODEL, Sampling(), SYSTEM).requests(table))
    (count,) = counted(tmp_path, requests).values()
    assert (count.planned, count.to_send, count.characters) == (20, 10, 1000)
    # Two tasks run side by side: neither finds what the other is about to ask.
    (count,) = counted(tmp_path, requests[:10], requests[10:]).values()
    assert (count.planned, count.to_send) == (20, 20)


def test_pairs_that_can_not_be_judged_are_not_planned(tmp_path: Path) -> None:
    judge, table = Judge(resolve("sim/judge"), Sampling()), responses("sim/waverer")
    (count,) = counted(tmp_path, judge.requests(table), models=[judge.model]).values()
    assert count.planned == count.to_send == judge.count(table)


def plan(*counts: Count, execution: str = "live", assumed: float = 320) -> RequestPlan:
    models = [NANO, NEW][: len(counts)]
    known = {model.label: count for model, count in zip(models, counts, strict=True)}
    return plan_of(models, known, assumed, PRICES, execution)


def test_lengths_are_measured_where_enough_answers_tell() -> None:
    open_ones = {"planned": 100, "to_send": 50, "characters": 4000}
    (model,) = plan(Count(**open_ones, answered=50, lengths=20, written=2000)).models
    assert (model.input_tokens, model.output_tokens) == (1000, 5000)
    assert (model.answer_tokens, model.measured_on) == (100, 20)
    assert model.cost_usd == pytest.approx(1000 * 1e-6 + 5000 * 10e-6)
    (model,) = plan(Count(**open_ones, answered=50, lengths=19, written=1900)).models
    assert (model.output_tokens, model.answer_tokens, model.measured_on) == (16_000, 320, 0)


def test_answers_without_usage_tell_no_length(tmp_path: Path) -> None:
    count = Count(planned=1)
    survey = Survey(MODEL, Sampling(), SYSTEM)
    (result, *_) = ask(survey.requests(pairs(1)), open_store(str(tmp_path)))
    for usage in (Usage(10, 0), Usage(10, 40)):
        count.take_stored(type(result)("0" * 32, MODEL.label, content="yes", usage=usage))
    assert (count.answered, count.lengths, count.written) == (2, 1, 40)


def test_an_unpriced_model_makes_the_sum_unpriced_and_is_named() -> None:
    both = plan(Count(planned=2, to_send=2, characters=80), Count(planned=2, to_send=2))
    assert both.models[0].cost_usd and both.models[1].cost_usd is None and both.cost_usd is None
    text = text_of(both)
    (line,) = [line for line in text.splitlines() if line.startswith("gpt-new")]
    assert line.split()[-1] == "unpriced"
    assert "No price for gpt-new: add it to data/prices.yaml" in text
    assert next(line for line in text.splitlines() if "all models" in line).endswith("unpriced")


def test_batches_cost_half_and_the_text_says_so() -> None:
    count = Count(planned=9, to_send=9, characters=900)
    live, batches = plan(count), plan(count, execution="batch_api")
    assert batches.cost_usd == pytest.approx((live.cost_usd or 0) / 2)
    assert "half of the listed prices" in text_of(batches)
    assert "half" not in text_of(live)
    assert dollars(PRICES, MODEL, Usage(5, 5), "live") == 0, "what runs here costs nothing"


def test_the_text_says_what_it_rests_on() -> None:
    two = plan(
        Count(planned=1300, answered=1000, to_send=200, lengths=1000, written=400_000),
        Count(planned=10, to_send=10),
    )
    text = text_of(two, max_cost=0.0, uncounted=["web searches"])
    first = text.splitlines()[0]
    assert "1,310 requests planned, 1,000 of them answered in the store, 210 to send" in first
    assert "400 an answer of gpt-4.1-nano, the mean of 1,000 stored ones" in text
    assert "320 an answer are assumed where fewer than 20 are stored (gpt-new)" in text
    assert "100 requests equal others" in text and "An estimate" in text
    assert "Not counted: web searches, prompt caching" in text
    assert text.endswith("Nothing was sent: --plan_only.")
    assert "--max_cost" not in text
    assert "more than 0.5 dollars" in text_of(plan(Count(to_send=200)), max_cost=0.5)


def test_nothing_to_send_needs_no_explanation() -> None:
    text = text_of(plan(Count(planned=4, answered=4, lengths=4, written=8)))
    assert "4 of them answered in the store, 0 to send" in text
    assert "estimate" not in text and "Not counted" not in text
    assert plan(Count(planned=4, answered=4)).cost_usd == 0
    assert "0 requests planned" in text_of(plan())


def test_a_plan_is_json() -> None:
    counts = (Count(planned=3, to_send=3), Count(planned=1, to_send=1))
    found = json.loads(json.dumps(plan(*counts).to_dict()))
    assert found["planned"] == 4 and found["cost_usd"] is None
    assert [model["model"] for model in found["models"]] == ["gpt-4.1-nano", "gpt-new"]
    assert found["models"][0]["cost_usd"] == pytest.approx(3 * 320 * 10e-6)


def test_columns_line_up_and_sums_keep_what_is_unknown() -> None:
    rows = [("a", "b", "long"), ("aaa", *cells(1, cost=2.0))]
    assert lined_up(rows, names=1) == "a    b   long\naaa  1  $2.00"
    assert sum_of([1.0, 2.0]) == 3 and sum_of([1.0, None]) is None and sum_of([]) == 0


class Flow:
    """The parameters of a flow, without Metaflow."""

    batch_size, request_timeout, max_cost = 8, 60.0, 0.0
    requests_per_minute = tokens_per_minute = 0.0
    execution, max_tokens, enable_thinking = "live", 50, True

    def __init__(self, store: Path) -> None:
        self.store_path = str(store)

    def prices(self) -> PriceList:
        return PRICES

    ask_options = PlanningFlow.ask_options


def test_an_answer_is_not_assumed_longer_than_it_may_be(tmp_path: Path) -> None:
    flow = Flow(tmp_path / "store")
    tasks = [Survey(NANO, Sampling(), SYSTEM).requests(pairs(2))]
    PlanningFlow.make_plan(flow, [NANO], tasks, 320)  # type: ignore[arg-type]
    (model,) = flow.request_plan["models"]  # type: ignore[attr-defined]
    assert (model["to_send"], model["output_tokens"]) == (4, 4 * 50)
    assert "Not counted: reasoning" in flow.plan_text  # type: ignore[attr-defined]
    assert not list((tmp_path / "store").iterdir()), "looking leaves nothing behind"
