"""What every plan is told in: tokens that are assumed, dollars, columns of text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from inference import ModelRef, Usage
from inference.batch_api.api import DISCOUNT
from inference.usage import PriceList, show_cost

CHARACTERS_PER_TOKEN = 4.0
ANSWER_TOKENS = 320
"""Of one or two paragraphs, as the default system prompt asks for."""
VERDICT_TOKENS = 260
BATCH_NOTE = "Cost: half of the listed prices, as batch endpoints charge (--execution batch_api)."


def dollars(prices: PriceList, model: ModelRef, tokens: Usage, execution: str) -> float | None:
    """What tokens cost by the way they are asked for; None where the model is unpriced."""
    price = prices.of(model)
    if price is None:
        return None
    return price.cost(tokens) * (DISCOUNT if execution == "batch_api" else 1.0)


def sum_of(costs: Iterable[float | None]) -> float | None:
    """The sum of costs; one unpriced part makes the whole unpriced."""
    costs = list(costs)
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def cells(*counts: int, cost: float | None) -> tuple[str, ...]:
    """Counts and a cost as they stand in a row."""
    return *(f"{count:,}" for count in counts), show_cost(cost)


def lined_up(lines: Sequence[Sequence[str]], names: int) -> str:
    """Rows of cells as columns: the first `names` begin at their left, numbers end at their right.

    The lines have equally many cells.
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at < names else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
