"""Tokens and money: what each model used, and what that costs by an editable price list."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from inference.errors import PlumblineError
from inference.models import ModelRef
from inference.result import Usage

DEFAULT_PRICES = Path(__file__).parent.parent / "data" / "prices.yaml"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens. `cached` is for input read from a prompt cache."""

    input: float
    output: float
    cached: float

    def cost(self, usage: Usage) -> float:
        """Dollars for `usage`."""
        fresh = usage.input - usage.cached
        return (fresh * self.input + usage.cached * self.cached + usage.output * self.output) / 1e6


@dataclass(frozen=True, slots=True)
class PriceList:
    """Prices by model id; a trailing `*` in an id covers every id that starts so."""

    prices: Mapping[str, Price]

    def of(self, model: ModelRef) -> Price | None:
        """The price of a model, None when it is unpriced. What runs here costs nothing."""
        if model.provider in ("simulated", "vllm"):
            return Price(0.0, 0.0, 0.0)
        names = (model.label, model.name, model.name.rsplit("/", 1)[-1])
        for name in names:
            if name in self.prices:
                return self.prices[name]
        patterns = sorted((p for p in self.prices if p.endswith("*")), key=len, reverse=True)
        for pattern in patterns:
            if any(name.startswith(pattern[:-1]) for name in names):
                return self.prices[pattern]
        return None

    def must_have(self, model: ModelRef) -> None:
        """Raise PlumblineError for an unpriced model: a budget can't be kept without a price."""
        if self.of(model) is None:
            raise PlumblineError(
                f"--max_cost needs a price for {model.label}; add it to data/prices.yaml "
                "or give a list with --prices_path"
            )


def load_prices(path: Path | str | None = None) -> PriceList:
    """Read a price list.

    Raises:
        PlumblineError: the file is missing or a price is no number.
    """
    path = Path(path) if path else DEFAULT_PRICES
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PlumblineError(f"there is no price list at {path}") from None
    return parse_prices(text, str(path))


def parse_prices(text: str, where: str) -> PriceList:
    """A price list from its text; `where` names it in errors (see `load_prices`)."""
    try:
        table = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PlumblineError(f"the price list {where} is not YAML: {_first_line(error)}") from None
    if not isinstance(table, dict) or not isinstance(table.get("models"), dict):
        raise PlumblineError(f"the price list {where} has no mapping called 'models'")
    return PriceList({str(name): _price(where, name, row) for name, row in table["models"].items()})


def _price(path: str, name: str, row: Any) -> Price:
    try:
        price_in, price_out = float(row["input"]), float(row["output"])
        cached = float(row.get("cached", price_in))
        if not all(0 <= price < math.inf for price in (price_in, price_out, cached)):
            raise ValueError
    except (TypeError, KeyError, ValueError, AttributeError):
        raise PlumblineError(
            f"{path}: the price of {name} needs numbers 'input' and 'output' in $ per million, "
            "none below 0"
        ) from None
    return Price(price_in, price_out, cached)


def _first_line(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error))[:200]


def show_cost(cost: float | None) -> str:
    """A cost for people; an unknown one is never shown as zero."""
    if cost is None:
        return "unpriced"
    return f"${cost:,.2f}" if cost >= 1 or cost == 0 else f"${cost:.4f}"
