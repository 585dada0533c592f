"""A task's share of the limits, and what a join says of failures."""

from __future__ import annotations

from typing import Any

import pytest

from flows.asking import AskingFlow
from flows.failures import TooManyFailures
from flows.spending import Paid
from inference import AskOptions
from inference.usage import PriceList, load_prices


class Flow:
    """The parameters of a flow, without Metaflow."""

    batch_size, request_timeout = 8, 60.0
    requests_per_minute, tokens_per_minute, max_cost = 600.0, 0.0, 12.0
    max_failure_rate = 0.01

    def prices(self) -> PriceList:
        return load_prices()

    def options(self, **share: Any) -> AskOptions:
        return AskingFlow.ask_options(self, **share)  # type: ignore[arg-type]

    def judge(self, reasons: list[str], planned: int) -> None:
        AskingFlow.judge_failures(self, reasons, planned)  # type: ignore[arg-type]


def test_shards_share_the_budget_and_a_models_shards_its_caps() -> None:
    """Three models in four shards each: a cap is for each model, the budget for all."""
    options = Flow().options(shards=12, models=3)
    assert options.requests_per_minute == 150 and options.tokens_per_minute is None
    assert options.max_cost == 1


def test_what_is_spent_is_off_the_budget() -> None:
    assert Flow().options(paid=Paid(own=5.0)).max_cost == 7
    assert Flow().options(paid=Paid(elsewhere=13.0)).max_cost == 0, (
        "no budget left is not no budget"
    )


@pytest.mark.parametrize(
    ("reason", "way"),
    [
        ("timeout: late", "Mend the cause and `resume`"),
        ("auth: HTTP 402: no credit", "Mend the cause and `resume`"),
        ("over_budget: not sent: --max_cost is reached", "`run` again with a higher --max_cost"),
        ("truncated: cut short", "`run` again with other limits"),
    ],
)
def test_the_message_says_how_to_go_on(reason: str, way: str) -> None:
    with pytest.raises(TooManyFailures, match=way):
        Flow().judge([reason] * 5, 100)


def test_a_spent_budget_leads_the_message() -> None:
    reasons = ["over_budget: not sent: --max_cost is reached"] * 85 + ["timeout: late"]
    with pytest.raises(TooManyFailures) as caught:
        Flow().judge(reasons, 96)
    first, *table = str(caught.value).splitlines()
    assert first.startswith("stopped at --max_cost $12.00: 10 of 96 answered")
    assert [line.split()[0] for line in table] == ["85", "1"]


def test_many_different_reasons_are_all_counted() -> None:
    with pytest.raises(TooManyFailures, match="38  other reasons"):
        Flow().judge([f"bad_request: {n} tokens" for n in range(50)], 100)


def test_few_failures_are_allowed() -> None:
    Flow().judge(["timeout: late"], 100)
