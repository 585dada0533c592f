"""Tokens into dollars by an editable list; an unknown price is never zero."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference import PlumblineError, Usage, resolve
from inference.usage import Price, PriceList, load_prices, show_cost


def prices_of(tmp_path: Path, text: str) -> PriceList:
    path = tmp_path / "prices.yaml"
    path.write_text(text)
    return load_prices(path)


def test_cached_input_has_its_own_price() -> None:
    usage = Usage(input=1_000_000, output=500_000, cached=400_000, reasoning=100_000)
    assert Price(2.0, 8.0, 0.5).cost(usage) == pytest.approx(0.6 * 2 + 0.4 * 0.5 + 0.5 * 8)


def test_the_longest_pattern_wins_and_exact_ids_beat_patterns(tmp_path: Path) -> None:
    prices = prices_of(
        tmp_path,
        "models:\n  gpt-*: {input: 1, output: 1}\n  gpt-4*: {input: 2, output: 2}\n"
        "  gpt-4.1: {input: 3, output: 3, cached: 1}\n",
    )
    found = [prices.of(resolve(m)) for m in ("gpt-3.5-turbo", "gpt-4o", "gpt-4.1", "o3")]
    assert found == [Price(1, 1, 1), Price(2, 2, 2), Price(3, 3, 1), None]


def test_a_model_is_found_by_label_by_name_and_by_its_last_part(tmp_path: Path) -> None:
    prices = prices_of(tmp_path, "models:\n  m: {input: 1, output: 2}\n")
    assert prices.of(resolve("openrouter/org/m")) == Price(1, 2, 1)
    assert prices.of(resolve("m", "http://h/v1")) == Price(1, 2, 1)


def test_what_runs_here_costs_nothing_and_what_is_unknown_is_unpriced() -> None:
    prices = load_prices()
    assert prices.of(resolve("sim/steadfast")) == Price(0, 0, 0)
    assert prices.of(resolve("org/unheard-of")) is None
    assert prices.of(resolve("gpt-4.1-nano")) is not None


@pytest.mark.parametrize(
    "text",
    ["", "models: 3", "[", "models:\n  m: {input: x, output: 1}", "models:\n  m: {input: 1}"]
    + [f"models:\n  m: {{input: 1, output: {price}}}" for price in (".nan", ".inf", "-1")],
)
def test_a_broken_list_is_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(PlumblineError) as caught:
        prices_of(tmp_path, text)
    assert "\n" not in str(caught.value) and "prices.yaml" in str(caught.value)


def test_a_list_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(PlumblineError, match="no price list"):
        load_prices(tmp_path / "none.yaml")


def test_costs_for_people() -> None:
    assert [show_cost(c) for c in (None, 0.0, 0.00123, 1234.5)] == [
        "unpriced",
        "$0.00",
        "$0.0012",
        "$1,234.50",
    ]
