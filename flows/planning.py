"""`--plan_only` of the flows that make a plan of their own requests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from flows.asking import AskingFlow
from flows.plan_parameter import PlanParameter
from flows.plan_text import text_of
from flows.request_plan import count_requests, plan_of
from inference import ModelRef, Request
from inference.store import open_store
from tables.located import located

_EXTRAS = {
    "enable_thinking": "reasoning before assumed answers",
    "enable_web_search": "web searches and the pages they bring in",
}
"""What no prompt tells of, by the parameter that asks for it."""


class PlanningFlow(AskingFlow, PlanParameter):
    """A flow that asks models, or tells with `--plan_only` what it would ask.

    `start` checks the same either way: a plan that passes is a run that starts.

    Attributes:
        request_plan: of a plan: requests, tokens and dollars of each model, and their sums.
        plan_text: the same for people.
    """

    request_plan: dict[str, Any]
    plan_text: str

    def choose_way(self) -> str:
        """Tell the plan only, ask in a task that holds the models, or in several that don't."""
        if self.plan_only:
            return "plan_only"
        return "here" if self.local_models else "elsewhere"

    def make_plan(
        self, models: Sequence[ModelRef], tasks: Iterable[Iterable[Request]], answer_tokens: int
    ) -> None:
        """Look every request up in the store, and keep what is left to send as a plan.

        Args:
            models: all that are asked.
            tasks: the requests of each task.
            answer_tokens: of an answer, where the store has too few to tell.
        """
        options = self.ask_options()
        store = open_store(located(self.store_path))
        try:
            counts = count_requests(models, tasks, store, options.max_attempts)
        finally:
            asyncio.run(store.close())
        assumed = min(answer_tokens, self.max_tokens)
        plan = plan_of(models, counts, assumed, options.prices, self.execution)
        self.request_plan = plan.to_dict()
        uncounted = [said for name, said in _EXTRAS.items() if getattr(self, name, False)]
        self.plan_text = text_of(plan, self.max_cost, uncounted)
