"""Draws of every persona's scores, under resampled personas or under resampled statements.

Two questions, two kinds of draws.

*Other personas*: personas are drawn with replacement and each brings its statements along. Since
the statements belong to their persona this carries their sampling error too; to resample them
within each drawn persona as well would count it twice (Davison and Hinkley, "Bootstrap Methods and
their Application", 1997, section 3.8; here such intervals cover 98-100% instead of 95%).

*The same personas asked other statements*: each persona's statements are drawn with replacement,
agree and disagree apart since the split balances them, and the ranks are taken anew. The statements
of one persona are resampled by one matrix product for all steered systems: O(n^2 x draws).

All conditions of a comparison see the same draws, so that their differences are paired.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.percentiles import (
    LEVEL,
    all_equal,
    bound_when_all_equal,
    cut_tails,
    expanded_tail,
)
from benchmarks.steerability.arrays import Floats, Frame
from benchmarks.steerability.scores import beaten, off_diagonal, published_place
from benchmarks.steerability.splits import persona_rng

Draw = NDArray[np.float32]


class Interval(NamedTuple):
    """A 95% interval."""

    low: float
    high: float


@dataclass(frozen=True)
class MatrixDraws:
    """Scores of n personas in B draws, each (n, B): the attributes of `scores.PersonaScores`."""

    accuracy: Draw
    own_minus_others: Draw
    sensitivity_mid_rank: Draw
    specificity_mid_rank: Draw
    sensitivity: Draw
    specificity: Draw


def persona_weights(n: int, n_draws: int, seed: int) -> Draw:
    """(n, B) how often each persona stands in each draw."""
    rng = np.random.default_rng([seed, n])
    return rng.multinomial(n, np.full(n, 1 / n), size=n_draws).T.astype(np.float32)


def statement_weights(frame: Frame, n_draws: int, seed: int) -> tuple[Draw, ...]:
    """For each persona (m_q, B) how often each of its statements stands in each draw.

    A persona's draws depend on the seed and its id alone.
    """
    return tuple(
        _draw_statements(frame.is_agree[block], n_draws, persona_rng(seed, name, "statements"))
        for name, block in zip(frame.persona_ids, frame.blocks(), strict=True)
    )


def _draw_statements(is_agree: np.ndarray, n_draws: int, rng: np.random.Generator) -> Draw:
    counts = np.zeros((len(is_agree), n_draws), dtype=np.float32)
    for label in (True, False):
        rows = np.flatnonzero(is_agree == label)
        if len(rows):
            even = np.full(len(rows), 1 / len(rows))
            counts[rows] = rng.multinomial(len(rows), even, size=n_draws).T
    return counts


def draw_by_personas(matrix: Floats, weights: Draw) -> MatrixDraws:
    """Scores of every persona against the others as often as each was drawn, itself left out.

    Args:
        matrix: (n, n) accuracies, NaN where unknown off the diagonal.
        weights: (n, B) from `persona_weights`.
    """
    n = len(matrix)
    own = np.diag(matrix)
    others = np.where(off_diagonal(matrix), matrix, np.nan)
    row, column = beaten(own[:, None], others), beaten(own[None, :], others).T
    return MatrixDraws(
        accuracy=np.broadcast_to(own.astype(np.float32)[:, None], weights.shape),
        own_minus_others=own.astype(np.float32)[:, None] - _weighted(others, weights),
        sensitivity_mid_rank=_weighted(row, weights),
        specificity_mid_rank=_weighted(column, weights),
        sensitivity=_published(_weighted(_at_maximum(row), weights), n),
        specificity=_published(_weighted(_at_maximum(column), weights), n),
    )


def _at_maximum(place: Floats) -> Floats:
    """Ties count as wins, as in the published rank."""
    return np.where(np.isnan(place), np.nan, np.ceil(place))


def _published(share_not_above: np.ndarray, n: int) -> Draw:
    return published_place(share_not_above, n).astype(np.float32)


def _weighted(values: Floats, weights: Draw) -> Draw:
    """(n, B) weighted mean of each row's known entries; NaN where none of them was drawn."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0).astype(np.float32) @ weights
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / (known.astype(np.float32) @ weights)


def resampled_accuracy(correct: Floats, weights: Draw) -> Draw:
    """(k, B) accuracy of k systems on one persona's statements in each draw; NaN where unanswered.

    Args:
        correct: (k, m_q) 1, 0 or NaN.
        weights: (m_q, B) counts.
    """
    known = ~np.isnan(correct)
    hits = np.where(known, correct, 0).astype(np.float32) @ weights
    # Sums of counts are exact in float32, so equal accuracies stay equal and ties stay ties.
    count = weights.sum(axis=0) if known.all() else known.astype(np.float32) @ weights
    with np.errstate(invalid="ignore", divide="ignore"):
        return hits / count


def draw_by_statements(correct: Floats, frame: Frame, statements: tuple[Draw, ...]) -> MatrixDraws:
    """Scores of every persona, ranks taken anew, with its and the others' statements resampled.

    Args:
        correct: (n, m) from `arrays.to_arrays`.
        frame: the personas and statements.
        statements: from `statement_weights`.
    """
    blocks = list(frame.blocks())
    own = np.concatenate(
        [resampled_accuracy(correct[[q], b], statements[q]) for q, b in enumerate(blocks)]
    )
    sums = _Sums(own)
    for q, block in enumerate(blocks):
        sums.add(q, resampled_accuracy(correct[:, block], statements[q]))
    return sums.scores()


class _Sums:
    """Running sums over tested personas q of how a[p, q] compares with a[p, p] and a[q, q]."""

    def __init__(self, own: Draw) -> None:
        self.own = own
        self.count, self.total, self.wins, self.ties = (
            np.zeros(own.shape, np.float32) for _ in range(4)
        )
        self.specificity = np.full(own.shape, np.nan, np.float32)
        self.specificity_published = np.full(own.shape, np.nan, np.float32)

    def add(self, q: int, column: Draw) -> None:
        """Take in the accuracies (n, B) of all steered systems on the statements of persona q."""
        column[q] = np.nan  # itself is no other
        known = ~np.isnan(column)
        self.count += known
        self.total += np.where(known, column, 0)
        self.wins += self.own > column
        self.ties += self.own == column
        wins, ties = (self.own[q] > column).sum(axis=0), (self.own[q] == column).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            count = known.sum(axis=0)
            self.specificity[q] = (wins + 0.5 * ties) / count
            self.specificity_published[q] = _published((wins + ties) / count, len(column))

    def scores(self) -> MatrixDraws:
        """The scores, once every persona has been added."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return MatrixDraws(
                accuracy=self.own,
                own_minus_others=self.own - self.total / self.count,
                sensitivity_mid_rank=((self.wins + 0.5 * self.ties) / self.count).astype(
                    np.float32
                ),
                specificity_mid_rank=self.specificity,
                sensitivity=_published((self.wins + self.ties) / self.count, len(self.own)),
                specificity=self.specificity_published,
            )


def draw_means(values: Draw, weights: Draw | None, members: np.ndarray | None = None) -> Draw:
    """(B,) mean over (some) personas in each draw; NaN where no member with a value was drawn.

    Args:
        values: (n, B) scores.
        weights: (n, B) how often each persona was drawn, None for once each.
        members: (n,) which personas to average over; all if None.
    """
    weight = (~np.isnan(values)).astype(np.float32)
    if weights is not None:
        weight = weight * weights
    if members is not None:
        weight = weight * members[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return (weight * np.nan_to_num(values)).sum(axis=0) / weight.sum(axis=0)


def interval_over_personas(
    estimate: float, draws: Draw, bounds: tuple[float, float], n: int
) -> Interval:
    """The interval of a mean over n drawn personas, as `benchmarks.percentiles` makes it.

    Reports compare models by the same formula. NaN on both sides where there are no draws, or fewer
    than two personas.

    Args:
        estimate: the value itself.
        draws: (B,) its draws; NaN ones are left out.
        bounds: the range of the measure.
        n: how many personas the mean is over.
    """
    known = draws[~np.isnan(draws)].astype(float)
    if not len(known) or np.isnan(estimate) or n < 2:
        return Interval(np.nan, np.nan)
    if all_equal(known):
        return Interval(*bound_when_all_equal(estimate, bounds, n))
    low, high = np.clip(cut_tails(known, expanded_tail(n)), *bounds)
    return Interval(min(float(low), estimate), max(float(high), estimate))


def interval(
    estimate: float,
    draws: Draw,
    bounds: tuple[float, float],
    spread: float = 1.0,
    units: float = np.inf,
) -> Interval:
    """The central 95% of the draws, moved so that their mean stands on the estimate, within bounds.

    The shift removes the bias of ranks taken anew: noise added to noisy accuracies pulls a rank
    towards the middle. NaN on both sides where there are no draws. Where all units say the same the
    draws show no doubt, and the exact bound stands instead.

    Args:
        estimate: the value itself.
        draws: (B,) its draws; NaN ones are left out.
        bounds: the range of the measure.
        spread: factor on the distances from the estimate.
        units: how many statements were resampled, which decides the bound where all say the same.
    """
    known = draws[~np.isnan(draws)].astype(float)
    if not len(known) or np.isnan(estimate) or np.isnan(spread):
        return Interval(np.nan, np.nan)
    if all_equal(known):
        return Interval(*bound_when_all_equal(estimate, bounds, units))
    below, above = np.array(cut_tails(known, (1 - LEVEL) / 2)) - known.mean()
    low, high = np.clip(estimate + spread * np.array([min(below, 0), max(above, 0)]), *bounds)
    return Interval(float(low), float(high))
