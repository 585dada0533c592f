"""A plan of requests for people: a table, and what its figures rest on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flows.plan_figures import BATCH_NOTE, cells, lined_up
from flows.request_plan import ENOUGH, ModelPlan, RequestPlan

_HEAD = ("model", "planned", "in store", "to send", "tokens in", "tokens out", "cost")
_WITH = "add it to data/prices.yaml or give a list with --prices_path"


def text_of(plan: RequestPlan, max_cost: float = 0.0, uncounted: Sequence[str] = ()) -> str:
    """The plan as text.

    Args:
        plan: the plan.
        max_cost: dollars at which the run would stop (0: none).
        uncounted: what else such a run pays for, in words.
    """
    first = (
        f"Plan: {plan.total('planned'):,} requests planned, {plan.total('answered'):,} of them "
        f"answered in the store, {plan.total('to_send'):,} to send"
    )
    notes = _notes(plan, max_cost, uncounted) if plan.total("to_send") else ()
    table = ["", _table(plan), ""] if plan.models else []
    return "\n".join([first, *table, *notes, "Nothing was sent: --plan_only."])


def _table(plan: RequestPlan) -> str:
    lines = [_HEAD, *((model.model, *_cells(model)) for model in plan.models)]
    if len(plan.models) > 1:
        names = ("planned", "answered", "to_send", "input_tokens", "output_tokens")
        sums = cells(*(plan.total(name) for name in names), cost=plan.cost_usd)
        lines.append(("all models", *sums))
    return lined_up(lines, names=1)


def _cells(model: ModelPlan) -> tuple[str, ...]:
    return cells(
        model.planned,
        model.answered,
        model.to_send,
        model.input_tokens,
        model.output_tokens,
        cost=model.cost_usd,
    )


def _notes(plan: RequestPlan, max_cost: float, uncounted: Sequence[str]) -> Iterator[str]:
    yield "An estimate of what is to be sent. Tokens in: one for four characters."
    yield from _lengths([model for model in plan.models if model.to_send])
    yield f"Not counted: {', '.join([*uncounted, 'prompt caching', 'second attempts'])}."
    if plan.repeated:
        yield f"{plan.repeated:,} requests equal others of their task and share their answers."
    if plan.execution == "batch_api":
        yield BATCH_NOTE
        yield "Batches that an earlier run left there are counted; the run finds and uses them."
    for model in plan.models:
        if model.cost_usd is None:
            yield f"No price for {model.model}: {_WITH}."
    if max_cost and (plan.cost_usd or 0.0) > max_cost:
        yield f"That is more than {max_cost:g} dollars, the run's --max_cost: it would stop there."


def _lengths(models: Sequence[ModelPlan]) -> Iterator[str]:
    """Where the tokens out come from."""
    for model in models:
        if model.measured_on:
            yield (
                f"Tokens out: {model.answer_tokens:,.0f} an answer of {model.model}, the mean of "
                f"{model.measured_on:,} stored ones."
            )
    assumed = [model for model in models if not model.measured_on]
    if assumed:
        yield (
            f"Tokens out: {assumed[0].answer_tokens:,.0f} an answer are assumed where fewer than "
            f"{ENOUGH} are stored ({', '.join(model.model for model in assumed)})."
        )
