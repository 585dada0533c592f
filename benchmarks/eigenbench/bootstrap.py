"""Error bars: resample scenarios or comparisons, refit every replicate, and summarise.

EigenBench, Chang et al., arXiv 2509.01938, resamples comparisons (100 times). Verdicts on one
scenario share its luck: a model that happens to do well there wins for every judge, pair and
criterion. A bootstrap of single comparisons ignores that, and where scenarios matter its intervals
are about 0.4 of the true width. The default therefore resamples whole scenarios (500 times).

Every number that stands beside the Elo (even judges, no self-trust) is drawn with it. A judge's
position bias is drawn only where a resample holds judgements of it, and its interval counts the
scenarios that it judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from benchmarks.eigenbench.counts import Cells
from benchmarks.eigenbench.refit import Refits, Refitter
from benchmarks.eigenbench.threads import one_thread
from benchmarks.eigenbench.trust import (
    elo,
    stationary,
    trust_matrix,
    uniform_judges,
    without_self,
)
from benchmarks.percentiles import cut_tails, expanded_tail

UNITS = ("scenario", "comparison")


@dataclass(frozen=True)
class Bootstrap:
    """Replicates of the whole estimate.

    Attributes
    ----------
    unit
        "scenario" or "comparison".
    num_units
        How many of them the data hold.
    seed
        Seed of the resampling.
    trust
        EigenTrust of each replicate, shape (B, N).
    elo
        The same as Elo, shape (B, N).
    elo_uniform, elo_selfless
        Elo where every judge weighs the same, and where no judge trusts itself, shape (B, N).
    criterion_elo
        Elo under each lens set alone, shape (B, C, N); C is 1 if criteria are pooled.
    bias
        Position bias of each judge, log-odds, shape (B, N); zeros without the bias term, NaN where
        a replicate holds no judgement of that judge.
    judge_units
        Units that hold a judgement of each judge, shape (N,).
    matrices
        Trust matrices, shape (B, N, N), or None if not asked for.
    alone
        Replicates that were fitted one by one rather than with the shared factorisation.
    infinite
        Replicates whose unpenalised maximum is infinite; they are fits with rho = 0.01.
    """

    unit: str
    num_units: int
    seed: int
    trust: np.ndarray
    elo: np.ndarray
    elo_uniform: np.ndarray
    elo_selfless: np.ndarray
    criterion_elo: np.ndarray
    bias: np.ndarray
    judge_units: np.ndarray
    matrices: np.ndarray | None
    alone: int
    infinite: int

    def summary(self, models: Sequence[str]) -> pd.DataFrame:
        """One row per model: `model`, `elo_mean`, `elo_sd`, `rank_low`, `rank_high`, and `_low` and
        `_high` of `elo`, `elo_uniform_judges`, `elo_without_self` and `trust`."""
        rank_low, rank_high = rank_interval(self.elo, self.num_units)
        with np.errstate(invalid="ignore"):  # Elo is minus infinity without any trust
            sd = self.elo.std(axis=0, ddof=1)
        table = pd.DataFrame(
            {
                "model": list(models),
                "elo_mean": self.elo.mean(axis=0),
                "elo_sd": sd,
                "rank_low": rank_low,
                "rank_high": rank_high,
            }
        )
        drawn = {
            "elo": self.elo,
            "elo_uniform_judges": self.elo_uniform,
            "elo_without_self": self.elo_selfless,
            "trust": self.trust,
        }
        for name, draws in drawn.items():
            table[f"{name}_low"], table[f"{name}_high"] = interval(draws, self.num_units)
        return table

    def bias_interval(self) -> tuple[np.ndarray, np.ndarray]:
        """Interval of each judge's position bias, shape (N,) each; NaN where fewer than two units
        hold a judgement of it."""
        ends = [
            interval(draws[~np.isnan(draws)], units)
            for draws, units in zip(self.bias.T, self.judge_units, strict=True)
        ]
        low, high = np.array(ends, dtype=float).T
        return low, high

    def table(self, models: Sequence[str]) -> pd.DataFrame:
        """One row per replicate: `replicate`, trust by model name, `matrix` (row-major) if kept."""
        table = pd.DataFrame(self.trust, columns=list(models))
        table.insert(0, "replicate", np.arange(len(table)))
        if self.matrices is not None:
            table["matrix"] = list(self.matrices.reshape(len(table), -1))
        return table


@one_thread
def bootstrap(
    refitter: Refitter,
    units: np.ndarray | None,
    num_replicates: int = 500,
    seed: int = 42,
    keep_matrices: bool = False,
    damp: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Bootstrap:
    """Resample and refit.

    Parameters
    ----------
    refitter
        The fit to resample; its model and dimension stay fixed.
    units
        Scenario of each row, shape (R,), to resample scenarios; None to resample single rows.
    damp
        What is applied to trust matrices before EigenTrust, such as damping.
    """
    if units is None:
        num_units, unit = len(refitter.cells.row_slot), "comparison"
        draws = _row_draws(refitter.cells, num_replicates, seed, refitter.block)
    else:
        labels, units = np.unique(units, return_inverse=True)
        num_units, unit = len(labels), "scenario"
        draws = _unit_draws(refitter.cells, units, num_units, num_replicates, seed, refitter.block)
    blocks = [(refitter.refit(counts), _judging(refitter.cells, counts)) for counts in draws]
    refits = Refits(*(np.concatenate(parts) for parts in zip(*(b[0] for b in blocks), strict=True)))
    judging = np.concatenate([block[1] for block in blocks])
    by_criterion = criterion_matrices(refits.scores, refits.log_lambda)
    matrices = by_criterion.mean(axis=1)
    damped = damp or (lambda matrix: matrix)
    trust = stationary(damped(matrices))
    return Bootstrap(
        unit=unit,
        num_units=num_units,
        seed=seed,
        trust=trust,
        elo=elo(trust),
        elo_uniform=elo(uniform_judges(matrices)),
        elo_selfless=elo(stationary(damped(without_self(matrices)))),
        criterion_elo=elo(stationary(damped(by_criterion))),
        bias=np.where(judging, refits.bias, np.nan),
        judge_units=_judge_units(refitter.cells, units),
        matrices=matrices if keep_matrices else None,
        alone=int((~refits.shared).sum()),
        infinite=int(refits.infinite.sum()),
    )


def criterion_matrices(scores: np.ndarray, log_lambda: np.ndarray) -> np.ndarray:
    """Trust matrices per lens set, shape (..., C, N, N), from scores (..., C N, N)."""
    matrices = trust_matrix(scores, log_lambda)
    models = scores.shape[-1]
    return matrices.reshape(*scores.shape[:-2], -1, models, models)


def interval(replicates: np.ndarray, units: float) -> tuple[np.ndarray, np.ndarray]:
    """95% interval over the first axis of replicates that resampled so many units."""
    return cut_tails(replicates, expanded_tail(units))


def rank_interval(elos: np.ndarray, units: float) -> tuple[np.ndarray, np.ndarray]:
    """95% interval of each model's rank (1 is best) over replicates (B, N), whole numbers."""
    ranks = 1 + (elos[:, None, :] > elos[:, :, None]).sum(axis=2)
    tail = expanded_tail(units)
    low, high = np.quantile(ranks, [tail, 1 - tail], axis=0, method="inverted_cdf")
    return low.astype(int), high.astype(int)


def probability_above(elos: np.ndarray) -> np.ndarray:
    """P(model a above model b) over replicates (B, N), shape (N, N); equal Elo counts half."""
    above = (elos[:, :, None] > elos[:, None, :]).mean(axis=0)
    return (above + 1 - above.T) / 2


def _judging(cells: Cells, counts: np.ndarray) -> np.ndarray:
    """Whether each data set, counts (M, 3, B), holds a judgement of each judge, shape (B, N)."""
    of_judge = cells.judge[:, None] == np.arange(cells.num_models)
    return (counts.sum(axis=1).T @ of_judge.astype(float)) > 0


def _judge_units(cells: Cells, units: np.ndarray | None) -> np.ndarray:
    """Units that hold a row of each judge, shape (N,)."""
    judge = cells.judge[cells.row_slot // 3]
    if units is not None:
        judge = np.unique(judge * (units.max() + 1) + units) // (units.max() + 1)
    return np.bincount(judge, minlength=cells.num_models)


def _unit_draws(
    cells: Cells, units: np.ndarray, num_units: int, num_replicates: int, seed: int, block: int
) -> Iterator[np.ndarray]:
    slots = 3 * len(cells.lens)
    ones = np.ones(len(units))
    per_unit = sparse.csr_matrix((ones, (cells.row_slot, units)), shape=(slots, num_units))
    weights = _weights(num_units, num_replicates, seed)
    starts = range(0, num_replicates, block)
    return ((per_unit @ weights[:, b : b + block]).reshape(slots // 3, 3, -1) for b in starts)


def _weights(num_units: int, num_replicates: int, seed: int) -> np.ndarray:
    """How often each unit is drawn in each replicate, shape (units, replicates)."""
    rng = np.random.default_rng(seed)
    chances = np.full(num_units, 1 / num_units)
    return rng.multinomial(num_units, chances, size=num_replicates).T.astype(float)


def _row_draws(cells: Cells, num_replicates: int, seed: int, block: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    size = len(cells.row_slot)

    def one_block(begin: int) -> np.ndarray:
        width = min(block, num_replicates - begin)
        drawn = [cells.counts(rng.integers(size, size=size)) for _ in range(width)]
        return np.stack(drawn, axis=2)

    return map(one_block, range(0, num_replicates, block))
