"""What a run would still send, told by its own requests: each is looked up in the response store.

Requests are counted as they come and not kept, so that a plan of hundreds of thousands takes
seconds and little memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flows.plan_figures import CHARACTERS_PER_TOKEN, dollars, sum_of
from inference import ModelRef, Request, Result, Store, Usage
from inference.usage import PriceList
from inference.verdict import stored_answer

ENOUGH = 20
"""Stored answers whose mean length is worth more than an assumption."""


@dataclass(slots=True)
class Count:
    """The requests of one model, counted as they come.

    Attributes:
        planned: all of them.
        answered: those with an answer in the store.
        to_send: those without; equal ones of a task are sent once.
        characters: in the messages and schemas of those to send.
        lengths, written: stored answers that say how many tokens they have, and these tokens.
    """

    planned: int = 0
    answered: int = 0
    to_send: int = 0
    characters: int = 0
    lengths: int = 0
    written: int = 0

    def take_stored(self, result: Result) -> None:
        """Count a request with an answer."""
        self.answered += 1
        # A server that reports no usage leaves a zero, which is no length.
        self.lengths += result.usage.output > 0
        self.written += result.usage.output

    def take_open(self, request: Request) -> None:
        """Count a request without an answer."""
        self.to_send += 1
        self.characters += sum(len(message.content) for message in request.messages)
        if request.schema is not None:
            self.characters += len(request.schema.json_text)


def count_requests(
    models: Iterable[ModelRef],
    tasks: Iterable[Iterable[Request]],
    store: Store,
    max_attempts: int,
) -> dict[str, Count]:
    """The requests of each model, by its label.

    Args:
        models: all that are asked, also those for which there may be nothing to ask.
        tasks: the requests of each task of the run, one task after the other.
        store: in which answers are looked up, as `inference.ask` does.
        max_attempts: answers that `inference.ask` tries for one request.
    """
    counts = {model.label: Count() for model in models}
    for requests in tasks:
        under_way: set[str] = set()
        for request in requests:
            count = counts[request.model.label]
            count.planned += 1
            keys = request.keys(max_attempts)
            if keys[0] in under_way:
                continue
            stored = stored_answer(store, request, keys)
            if stored is not None:
                count.take_stored(stored)
                continue
            under_way.add(keys[0])
            count.take_open(request)
    return counts


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """What is planned for one model.

    Attributes:
        model: its label.
        planned, answered, to_send: see `Count`.
        input_tokens, output_tokens: of the requests to send, estimated.
        answer_tokens: of one answer.
        measured_on: stored answers whose mean that is; 0 where it is assumed.
        cost_usd: dollars for the requests to send; None where the model is unpriced.
    """

    model: str
    planned: int
    answered: int
    to_send: int
    input_tokens: int
    output_tokens: int
    answer_tokens: float
    measured_on: int
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class RequestPlan:
    """What is planned for all models of a run, and how it would be sent."""

    models: tuple[ModelPlan, ...]
    execution: str

    def total(self, name: str) -> int:
        """The sum of a count over the models."""
        return sum(getattr(model, name) for model in self.models)

    @property
    def repeated(self) -> int:
        """Requests that get the answer to an equal one."""
        return self.total("planned") - self.total("answered") - self.total("to_send")

    @property
    def cost_usd(self) -> float | None:
        """Dollars for all; None where a model is unpriced."""
        return sum_of(model.cost_usd for model in self.models)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it: the sums, and each model's."""
        names = ("planned", "answered", "to_send", "input_tokens", "output_tokens")
        return {
            "execution": self.execution,
            **{name: self.total(name) for name in names},
            "cost_usd": self.cost_usd,
            "models": [asdict(model) for model in self.models],
        }


def plan_of(
    models: Sequence[ModelRef],
    counts: Mapping[str, Count],
    assumed: float,
    prices: PriceList,
    execution: str,
) -> RequestPlan:
    """Tokens and dollars for what was counted; `assumed` tokens an answer where too few tell."""
    return RequestPlan(
        tuple(
            _model_plan(model, counts[model.label], assumed, prices, execution) for model in models
        ),
        execution,
    )


def _model_plan(
    model: ModelRef, count: Count, assumed: float, prices: PriceList, execution: str
) -> ModelPlan:
    told = count.lengths >= ENOUGH
    each = count.written / count.lengths if told else assumed
    tokens = Usage(round(count.characters / CHARACTERS_PER_TOKEN), round(each * count.to_send))
    return ModelPlan(
        model.label,
        count.planned,
        count.answered,
        count.to_send,
        tokens.input,
        tokens.output,
        round(each, 1),
        count.lengths if told else 0,
        dollars(prices, model, tokens, execution) if count.to_send else 0.0,
    )
