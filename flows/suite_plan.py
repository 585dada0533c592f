"""What a suite will ask and cost, before it is asked: one row a run, model and role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flows.children import Outcome, run_child
from flows.plan_figures import (
    ANSWER_TOKENS,
    CHARACTERS_PER_TOKEN,
    VERDICT_TOKENS,
    cells,
    dollars,
    lined_up,
    sum_of,
)
from flows.suite_runs import Branch, Child, children_of
from flows.suite_spec import Suite
from inference import PlumblineError, Sampling, Usage
from inference.models import ModelRef, resolve, resolve_all
from inference.rules import effective
from inference.usage import load_prices, show_cost

LOOKED_AT = 200


class Row(NamedTuple):
    """What one model does in one run, whatever of it the store holds already.

    Tokens are estimates, cost is None where unpriced.
    """

    benchmark: str
    run: str
    model: str
    role: str
    requests: int
    input_tokens: int
    output_tokens: int
    cost: float | None


class Planned(NamedTuple):
    """The plan of a suite.

    Attributes:
        rows: of every run; what its pilot was paid for is in them.
        paid: dollars that planning took, by run.
    """

    rows: list[Row]
    paid: dict[str, float]


def plan_suite(suite: Suite, branches: Sequence[Branch], scratch: Path) -> Planned:
    """Every row of the plan.

    EigenBench and steerability plan themselves, in a run with `--plan_only` (EigenBench sends a
    few requests as a pilot, which the suite does not ask again). Pilots share the suite's budget.

    Raises:
        PlumblineError: a run can't be planned.
    """
    children = children_of(branches)
    rows = {child.name: _estimated(suite, child) for child in children if _is_estimated(child)}
    check_priced(suite, [row for some in rows.values() for row in some])
    paid: dict[str, float] = {}
    for child in children:
        if child.name not in rows:
            left = cap(suite.budget - sum(paid.values())) if suite.budget else 0.0
            rows[child.name], paid[child.name] = _of_itself(child, left, scratch)
    return Planned([row for child in children for row in rows[child.name]], paid)


def cap(left: float) -> float:
    """A `--max_cost` of so many dollars; 0 would be no limit, so where nothing is left it is a
    billionth."""
    return max(1e-9, left)


def _is_estimated(child: Child) -> bool:
    return child.entry not in ("eigenbench_flow.py", "steerability_flow.py")


def _estimated(suite: Suite, child: Child) -> list[Row]:
    match child.entry:
        case "val_bench_responses_flow.py":
            return _responses(suite, child)
        case "evaluator_flow.py":
            return [_evaluation(suite, child)]
        case _:
            return _calibration(suite, child)


def shares(
    budget: float, children: Sequence[Child], rows: Sequence[Row], paid: Mapping[str, float]
) -> dict[str, float]:
    """Each run's part of what planning left of the budget, in the proportion of its planned cost.

    What a run's pilot was paid for it does not ask again. What the plan leaves over is spread in
    the same proportion: an estimate may be short.
    """
    if not budget:
        return {}
    left = budget - sum(paid.values())
    planned = {c.name: sum(r.cost or 0.0 for r in rows if r.run == c.name) for c in children}
    if sum(planned.values()) <= 0:
        return dict.fromkeys(planned, cap(left / len(planned)))
    costs = {name: cost for name, cost in planned.items() if cost > 0}
    ahead = {name: max(0.0, cost - paid.get(name, 0.0)) for name, cost in costs.items()}
    parts = ahead if any(ahead.values()) else costs
    total = sum(parts.values())
    return {name: cap(left * part / total) for name, part in parts.items()}


def check_priced(suite: Suite, rows: Sequence[Row]) -> None:
    """Refuse models without a price where there is a budget.

    Raises:
        PlumblineError: there are such.
    """
    unpriced = sorted({row.model for row in rows if row.cost is None})
    if suite.budget and unpriced:
        raise PlumblineError(
            f"a budget needs prices; data/prices.yaml has none for {', '.join(unpriced)}"
        )


def check_budget(suite: Suite, rows: Sequence[Row]) -> None:
    """Refuse a plan that costs more than the budget, or that can't be priced under one.

    Raises:
        PlumblineError: so it is.
    """
    check_priced(suite, rows)
    total = sum(row.cost or 0.0 for row in rows)
    if suite.budget and total > suite.budget:
        pilot = " but EigenBench's pilot" if "eigenbench" in suite.benchmarks else ""
        raise PlumblineError(
            f"the plan costs about {show_cost(total)}, more than the budget of "
            f"{show_cost(suite.budget)}; nothing{pilot} was sent"
        )


def table(rows: Sequence[Row]) -> str:
    """The plan as text: planned requests of each row, the sum of each model, the sum of all."""
    head = ("run", "model", "role", "planned", "tokens in", "tokens out", "cost")
    lines = [
        (r.run, r.model, r.role, *cells(r.requests, r.input_tokens, r.output_tokens, cost=r.cost))
        for r in rows
    ]
    for model in dict.fromkeys(row.model for row in rows):
        mine = [row for row in rows if row.model == model]
        lines.append(("all runs", model, "", *_sums(mine)))
    lines.append(("all runs", "all models", "", *_sums(rows)))
    return lined_up([head, *lines], names=3)


def _sums(rows: Sequence[Row]) -> tuple[str, ...]:
    return cells(
        sum(row.requests for row in rows),
        sum(row.input_tokens for row in rows),
        sum(row.output_tokens for row in rows),
        cost=sum_of(row.cost for row in rows),
    )


def _row(child: Child, model: ModelRef, role: str, requests: int, tokens: Usage) -> Row:
    prices = load_prices(child.options.get("prices_path") or None)
    cost = dollars(prices, model, tokens, str(child.options.get("execution") or ""))
    return Row(
        child.benchmark, child.name, model.label, role, requests, tokens.input, tokens.output, cost
    )


# VAL-Bench ---------------------------------------------------------------------------------------


def _pairs(options: dict[str, Any]) -> Any:
    from benchmarks.val_bench.prompts import PAIR_COLUMNS
    from flows.val_bench_responses import ValBenchResponsesFlow
    from tables.columns import checked
    from tables.places import read_table

    where = str(options.get("dataset_id") or _default(ValBenchResponsesFlow.dataset_id))
    rows = checked(
        read_table(where, str(options.get("dataset_split") or "test")), PAIR_COLUMNS, where
    )
    limit = int(options.get("limit") or 0)
    return rows.slice(0, limit) if limit > 0 else rows


def _responses(suite: Suite, child: Child) -> list[Row]:
    """Two questions a pair and sample, for each model."""
    from benchmarks.val_bench.prompts import SYSTEM_PROMPT
    from benchmarks.val_bench.survey import Survey

    pairs = _pairs(child.options)
    samples = int(child.options.get("num_samples") or 1)
    requests = 2 * pairs.num_rows * samples
    system = str(child.options.get("system_prompt") or SYSTEM_PROMPT)
    rows = []
    for model in resolve_all(",".join(suite.models), suite.inference_url or None):
        survey = Survey(model, effective(model, Sampling()), system)
        looked = list(survey.requests(pairs.slice(0, LOOKED_AT)))
        letters = sum(len(m.content) for request in looked for m in request.messages)
        tokens = Usage(_tokens(letters, len(looked), requests), ANSWER_TOKENS * requests)
        rows.append(_row(child, model, "answers", requests, tokens))
    return rows


def _evaluation(suite: Suite, child: Child) -> Row:
    """One verdict a pair, sample and order; the rubric and both answers are read."""
    from judges.stance import DEFAULT_TEMPLATE

    section = suite.benchmarks["val_bench"][0]
    orders = 2 if child.options.get("both_orders") else 1
    pairs = _pairs(section).num_rows * int(section.get("num_samples") or 1)
    requests = pairs * orders
    read = len(DEFAULT_TEMPLATE) / CHARACTERS_PER_TOKEN + 2 * ANSWER_TOKENS + 80
    judge = resolve(child.options["judge_model_id"], suite.inference_url or None)
    tokens = Usage(round(read * requests), VERDICT_TOKENS * requests)
    return _row(child, judge, "judge", requests, tokens)


def _calibration(suite: Suite, child: Child) -> list[Row]:
    """Known answers in both orders, and repeated readings, for each judge."""
    from calibration.sets import set_places
    from flows.calibration import CalibrationFlow
    from judges.stance import DEFAULT_TEMPLATE
    from tables.places import read_table

    repeats = int(child.options.get("num_repeats") or _default(CalibrationFlow.num_repeats))
    places = set_places(str(child.options.get("calibration_sets") or ""))
    pairs = sum(read_table(place).num_rows for place in places)
    # The first reading is in both orders, every further one in one.
    requests = pairs * (repeats + 1)
    read = len(DEFAULT_TEMPLATE) / CHARACTERS_PER_TOKEN + 2 * ANSWER_TOKENS + 80
    tokens = Usage(round(read * requests), VERDICT_TOKENS * requests)
    judges = resolve_all(",".join(suite.judges), suite.inference_url or None)
    return [_row(child, judge, "judge", requests, tokens) for judge in judges]


def _default(parameter: Any) -> Any:
    """A parameter's default; Metaflow moves it once the flow itself runs."""
    return {**parameter._override_kwargs, **parameter.kwargs}["default"]


def _tokens(letters: int, looked_at: int, requests: int) -> int:
    return round(letters / CHARACTERS_PER_TOKEN / max(1, looked_at) * requests)


# Flows that plan themselves ----------------------------------------------------------------------


def _of_itself(child: Child, left: float, scratch: Path) -> tuple[list[Row], float]:
    """The plan that a flow makes with --plan_only, read from its artifacts; and what it took.

    Under a budget, of which so much is left, it wants a price for every model before it sends a
    pilot.
    """
    from metaflow import Run, namespace

    options = child.options | ({"max_cost": left} if left else {})
    planned = child._replace(name=f"{child.name}-plan", options=options)
    outcome: Outcome = run_child(planned, scratch, plan_only=True)
    if not outcome.ok:
        raise PlumblineError(f"{child.name} can't be planned: {outcome.told}")
    namespace(None)
    data = Run(outcome.pathspec).data
    if child.entry == "steerability_flow.py":
        return _steerability(child, data), 0.0
    return _eigenbench(child, data), data.usage["cost_usd"] or 0.0


def _steerability(child: Child, data: Any) -> list[Row]:
    from benchmarks.steerability.estimate import estimate_tokens

    first = data.surveys[0]
    names = {condition.system for condition in first.plan.conditions}
    counted = estimate_tokens(first.plan, {name: first.systems[name] for name in names})
    sums = counted[["requests", "input_tokens", "output_tokens"]].sum()
    tokens = Usage(int(sums["input_tokens"]), int(sums["output_tokens"]))
    return [
        _row(child, survey.model, "answers", int(sums["requests"]), tokens)
        for survey in data.surveys
        if survey.model is not None
    ]


def _eigenbench(child: Child, data: Any) -> list[Row]:
    outlook = data.forecast_of_all
    rows = []
    for at, member in enumerate(data.panel.members):
        tokens = [part[at].sum() for part in (outlook.tokens_in, outlook.tokens_out)]
        known = [0 if value != value else round(float(value)) for value in tokens]
        cost = float(outlook.cost[at])
        rows.append(
            Row(
                child.benchmark,
                child.name,
                member.model.label,
                "answers and judges",
                int(outlook.planned[at].sum()),
                known[0],
                known[1],
                None if cost != cost else cost,
            )
        )
    return rows
