"""Do two benchmarks put the models in the same order? Rank correlations that are honest about n.

Two different doubts stand beside each correlation. Over *these* models: the scores were measured on
samples of items; redrawing them gives `measured_low` and `measured_high`. Over models *like* these:
a handful of models says little about others; that is `low` and `high`, from Fisher's z with the
variance (1 + rho^2 / 2) / (n - 3) (Bonett and Wright, Psychometrika 65, 2000), and with fewer than
four models there is none. The p-value is exact: the share of all orders that agree or disagree at
least as much (up to eight models; a sample of 20,000 orders above).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.percentiles import cut_tails, expanded_tail

Floats = NDArray[np.float64]

FEWEST = 4
EXACT_UP_TO = 8
SAMPLED_ORDERS = 20_000


@dataclass(frozen=True)
class Scored:
    """One benchmark's headline for a set of models.

    Attributes:
        name: of the benchmark or board.
        models: M names.
        values: (M,), larger is better.
        draws: (B, M) joint draws of the values, or None.
    """

    name: str
    models: tuple[str, ...]
    values: Floats
    draws: Floats | None = None


@dataclass(frozen=True)
class Agreement:
    """How far two benchmarks agree on the order of their common models.

    Attributes:
        first, second: names.
        models: the common models with a value in both.
        rho, tau: Spearman's and Kendall's rank correlation; NaN where undefined.
        low, high: 95% interval of rho over models like these; NaN with fewer than four.
        measured_low, measured_high: 95% interval of rho for these models, were they measured again;
            NaN without draws of both, and where hardly a draw changed the order.
        p: exact two-sided p-value of rho, NaN where undefined.
        note: what the reader must know; "" where nothing.
    """

    first: str
    second: str
    models: tuple[str, ...]
    rho: float
    tau: float
    low: float
    high: float
    measured_low: float
    measured_high: float
    p: float
    note: str = ""


def agreements(boards: Sequence[Scored], seed: int = 0) -> list[Agreement]:
    """Every two benchmarks."""
    return [agreement(a, b, seed) for a, b in combinations(boards, 2)]


def agreement(first: Scored, second: Scored, seed: int = 0) -> Agreement:
    """Rank correlation of two benchmarks over the models that both have scored."""
    common = _common(first, second)
    x, y = _values(first, common), _values(second, common)
    nan, n = float("nan"), len(common)
    if n < 2 or _constant(x) or _constant(y):
        why = f"{_count(n)} in common" if n < 2 else "all models score the same in one of them"
        return Agreement(
            first.name, second.name, common, nan, nan, nan, nan, nan, nan, nan, why + ": no order"
        )
    rho = round(float(stats.spearmanr(x, y).statistic), 12)
    low, high = fisher_interval(rho, n)
    measured = _measured(first, second, common, rho, seed)
    fixed = first.draws is not None and second.draws is not None and math.isnan(measured[0])
    return Agreement(
        first.name,
        second.name,
        common,
        rho,
        round(float(stats.kendalltau(x, y).statistic), 12),
        low,
        high,
        *measured,
        exact_p(x, y, seed),
        _note(n, fixed),
    )


def fisher_interval(rho: float, n: int) -> tuple[float, float]:
    """95% interval of a rank correlation over n pairs; NaN with fewer than four.

    A perfect correlation has no finite z; it is moved half a step of what n ranks can take towards
    0 for the far end, and keeps its near end.
    """
    if n < FEWEST:
        return float("nan"), float("nan")
    step = 12 / (n**3 - n)
    inner = float(np.clip(rho, -1 + step / 2, 1 - step / 2))
    reach = stats.norm.ppf(0.975) * math.sqrt((1 + inner**2 / 2) / (n - 3))
    low, high = math.tanh(math.atanh(inner) - reach), math.tanh(math.atanh(inner) + reach)
    return min(low, rho), max(high, rho)


def exact_p(x: Floats, y: Floats, seed: int = 0) -> float:
    """Two-sided p-value of Spearman's rho: the share of orders at least as extreme."""
    ranks_x, ranks_y = stats.rankdata(x), stats.rankdata(y)
    a, b = ranks_x - ranks_x.mean(), ranks_y - ranks_y.mean()
    seen = abs(float(a @ b))
    if len(a) <= EXACT_UP_TO:
        orders = np.array(list(permutations(range(len(a)))))
        return float(np.mean(np.abs(b[orders] @ a) >= seen - 1e-9))
    rng = np.random.default_rng(seed)
    shuffled = rng.permuted(np.tile(b, (SAMPLED_ORDERS, 1)), axis=1)
    extreme = int((np.abs(shuffled @ a) >= seen - 1e-9).sum())
    return (extreme + 1) / (SAMPLED_ORDERS + 1)


def _measured(
    first: Scored, second: Scored, common: tuple[str, ...], rho: float, seed: int
) -> tuple[float, float]:
    """Interval of rho from draws of both benchmarks, which were measured independently."""
    if first.draws is None or second.draws is None:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    size = min(2000, max(len(first.draws), len(second.draws)))
    drawn = []
    for board in (first, second):
        assert board.draws is not None
        rows = rng.integers(0, len(board.draws), size)
        columns = [board.models.index(model) for model in common]
        drawn.append(stats.rankdata(board.draws[rows][:, columns], axis=1))
    x, y = (part - part.mean(axis=1, keepdims=True) for part in drawn)
    with np.errstate(invalid="ignore", divide="ignore"):
        rhos = (x * y).sum(axis=1) / np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    finite = rhos[np.isfinite(rhos)]
    if not len(finite):
        return float("nan"), float("nan")
    low, high = cut_tails(finite, expanded_tail(math.inf))
    ends = min(float(low), rho), max(float(high), rho)
    # A width of 0 would pass for certainty.
    return ends if ends[1] - ends[0] > 1e-9 else (float("nan"), float("nan"))


def _common(first: Scored, second: Scored) -> tuple[str, ...]:
    theirs = {m for m, v in zip(second.models, second.values, strict=True) if np.isfinite(v)}
    ours = zip(first.models, first.values, strict=True)
    return tuple(m for m, v in ours if np.isfinite(v) and m in theirs)


def _values(board: Scored, models: tuple[str, ...]) -> Floats:
    return np.array([board.values[board.models.index(model)] for model in models], dtype=float)


def _constant(values: Floats) -> bool:
    return bool(np.ptp(values) == 0)


def _count(n: int) -> str:
    return "1 model" if n == 1 else f"{n} models"


def _note(n: int, fixed: bool) -> str:
    notes = []
    if n < FEWEST:
        notes.append(f"{_count(n)}: too few to say anything of other models")
    elif n < 10:
        notes.append(f"{_count(n)}: only a very strong agreement could show")
    if fixed:
        notes.append("measured again, the order hardly ever changed: no interval")
    return "; ".join(notes)
