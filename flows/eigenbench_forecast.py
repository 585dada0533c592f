"""`--plan_only` of an EigenBench run: what it would still send, and what that costs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.eigenbench import work
from benchmarks.eigenbench.forecast import Forecast, forecast
from flows.plan_figures import BATCH_NOTE, dollars
from inference import Failure, Request, Result, Usage
from inference.store import Store, open_store
from inference.usage import show_cost
from inference.verdict import stored_answer
from tables.located import located

ATTEMPTS = 3
"""Answers that `inference.ask` tries for one request."""


class Forecasts(NamedTuple):
    """What a run would send.

    Attributes:
        left: what has no answer in the store yet.
        whole: all that is planned, whatever the store holds.
        text: `left` for people.
    """

    left: Forecast
    whole: Forecast
    text: str


def forecast_of(flow: Any) -> Forecasts:
    """What the run would still send, by looking every request up in the store."""
    store = open_store(located(flow.store_path))
    phases, members = flow.phases(), flow.panel.members
    planned = np.zeros((len(members), len(phases)), dtype=int)
    to_send = np.zeros_like(planned)
    known: list[list[list[Usage]]] = [[[] for _ in phases] for _ in members]
    flow.asked_plan, flow.collected = flow.plan, {}
    for at, phase in enumerate(phases):
        (whole,) = flow.cut(phase, 1)
        results = [_look_up(store, request) for request in flow.panel.requests(whole)]
        answered = flow.panel.answered(whole, results)
        asked = answered.table[work.KEYS[phase][1]].to_numpy()
        missing = answered.table["text"].is_null().to_numpy(zero_copy_only=False)
        planned[:, at] = np.bincount(asked, minlength=len(members))
        to_send[:, at] = np.bincount(asked[missing], minlength=len(members))
        for model, result in zip(asked[~missing], (r for r in results if r.ok), strict=True):
            known[model][at].append(result.usage)
        flow.keep(phase, [answered.table])
    prices = flow.prices()

    def cost(model: int, usage: Usage) -> float | None:
        return dollars(prices, members[model].model, usage, flow.execution)

    left = forecast(phases, planned, to_send, known, cost)
    whole = forecast(phases, planned, planned, known, cost)
    return Forecasts(left, whole, _forecast_text(left, flow))


def _look_up(store: Store, request: Request) -> Result:
    """The stored answer to a request; a failure stands for one that has none yet."""
    stored = stored_answer(store, request, request.keys(ATTEMPTS))
    return stored or Result(request.key, request.model.label, Failure.EMPTY)


def _forecast_text(outlook: Forecast, flow: Any) -> str:
    table = outlook.table(flow.run_spec.names)
    total = table.iloc[-1]
    lines = [
        f"EigenBench plan: {flow.run_spec.name}: {total['planned']:,} requests planned, "
        f"{total['planned'] - total['to_send']:,} of them answered already (the pilot included), "
        f"{total['to_send']:,} to send",
        "",
        _to_send_lines(table, outlook.phases),
        "",
        f"Expected: {_many(total['tokens_in'])} tokens in, {_many(total['tokens_out'])} out, "
        f"{show_cost(None if np.isnan(total['cost_usd']) else total['cost_usd'])} "
        "(means of the answers at hand, times the requests left to send)",
    ]
    return "\n".join([*lines, BATCH_NOTE] if flow.execution == "batch_api" else lines)


def _to_send_lines(table: pd.DataFrame, phases: tuple[str, ...]) -> str:
    shown = table[["model", *phases, "to_send"]].rename(columns={"to_send": "to send"})
    shown["tokens in"] = table["tokens_in"].map(_many)
    shown["tokens out"] = table["tokens_out"].map(_many)
    costs = table["cost_usd"]
    shown["cost"] = [show_cost(None if np.isnan(c) else float(c)) for c in costs]
    width = max(map(len, shown["model"]))
    shown["model"] = shown["model"].str.ljust(width)
    return shown.rename(columns={"model": "model".ljust(width)}).to_string(index=False)


def _many(tokens: float) -> str:
    return "unknown" if np.isnan(tokens) else f"{tokens:,.0f}"
