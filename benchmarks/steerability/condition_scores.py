"""Everything computed for one condition: scores of each persona and their draws."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from benchmarks.steerability.arrays import Answers, Floats, Frame, block_mean
from benchmarks.steerability.measures import MEASURES, Measure
from benchmarks.steerability.patterns import Pattern, find_pattern
from benchmarks.steerability.profiles import draw_gains, gains, own_answers
from benchmarks.steerability.resampling import (
    Draw,
    Interval,
    draw_by_personas,
    draw_by_statements,
    draw_means,
    interval,
    interval_over_personas,
    persona_weights,
    statement_weights,
)
from benchmarks.steerability.scores import score_matrix


class Draws(NamedTuple):
    """The resamples all conditions share.

    Attributes:
        personas: (n, B) how often each persona was drawn.
        statements: for each persona (m_q, B) how often each of its statements was drawn.
    """

    personas: Draw
    statements: tuple[Draw, ...]


class Estimate(NamedTuple):
    """A mean over personas with its 95% intervals.

    Attributes:
        value: the mean.
        other_personas: were other personas drawn, with their statements.
        other_statements: were these personas asked other statements.
    """

    value: float
    other_personas: Interval
    other_statements: Interval


@dataclass(frozen=True)
class ConditionScores:
    """One condition, scored.

    Attributes:
        matrix: (n, n) accuracies, rows steered; NaN where unknown.
        scores: (n,) of each persona by measure, and "others_accuracy", "baseline_accuracy".
        persona_draws: (n, B) by measure, under drawn personas.
        statement_draws: (n, B) by measure, under drawn statements.
        pattern: whether it answers the same whatever is asked.
        weights: (n, B) how often each persona was drawn in `persona_draws`.
        statements: (n,) test statements of each persona.
        statement_spread: small-sample factor on statement intervals.
    """

    matrix: Floats
    scores: dict[str, Floats]
    persona_draws: dict[str, Draw]
    statement_draws: dict[str, Draw]
    pattern: Pattern
    weights: Draw
    statements: np.ndarray
    statement_spread: float

    def estimate(self, measure: Measure, members: np.ndarray | None = None) -> Estimate:
        """The mean of a measure over (some) personas."""
        values = self.scores[measure.name]
        chosen = ~np.isnan(values) & (True if members is None else members)
        value = float(values[chosen].mean()) if chosen.any() else float("nan")
        n = int(chosen.sum())
        by_personas = self.mean_draws(measure.name, members)
        by_statements = draw_means(self.statement_draws[measure.name], None, members)
        return Estimate(
            value,
            interval_over_personas(value, by_personas, measure.bounds, n),
            interval(
                value,
                by_statements,
                measure.bounds,
                self.statement_spread,
                self.statements[chosen].sum(),
            ),
        )

    def mean_draws(self, name: str, members: np.ndarray | None = None) -> Draw:
        """(B,) means over the drawn personas, paired with those of other conditions."""
        return draw_means(self.persona_draws[name], self.weights, members)

    def persona_interval(self, measure: Measure, row: int) -> Interval:
        """Of one persona's score, were it asked other statements."""
        value = float(self.scores[measure.name][row])
        draws = self.statement_draws[measure.name][row]
        return interval(value, draws, measure.bounds, self.statement_spread, self.statements[row])


def make_draws(frame: Frame, n_resamples: int, seed: int) -> Draws:
    """The resamples of a frame."""
    return Draws(
        persona_weights(len(frame.persona_ids), n_resamples, seed),
        statement_weights(frame, n_resamples, seed),
    )


def score_condition(
    answers: Answers,
    frame: Frame,
    draws: Draws,
    names: list[str],
    *,
    base: Floats | None = None,
    reversed_own: Floats | None = None,
) -> ConditionScores:
    """Score one condition.

    Args:
        answers: its answers; a baseline's single row counts for every steered persona.
        frame: the shared personas and statements.
        draws: the shared resamples.
        names: n persona names for errors.
        base: (m,) correctness of the unsteered model; None leaves gains NaN.
        reversed_own: (m,) own-persona correctness of the reversed system, or None.

    Raises:
        MissingDiagonalError: a steered persona has no answer to its own statements.
    """
    n = len(frame.persona_ids)
    correct = np.broadcast_to(answers.correct, (n, answers.correct.shape[1]))
    matrix = block_mean(correct, frame.bounds)
    scored = score_matrix(matrix, names)
    by_personas = draw_by_personas(matrix, draws.personas)
    by_statements = draw_by_statements(correct, frame, draws.statements)
    own = own_answers(correct, frame)
    base = np.full(len(own), np.nan) if base is None else base
    gained = gains(own, base, reversed_own, frame)
    gained_draws = draw_gains(own, base, reversed_own, frame, draws.statements)
    scores = _fields(scored) | _fields(gained)
    persona_draws = _fields(by_personas)
    for name in _fields(gained_draws):
        # A gain compares a persona with itself, so drawing personas changes its weight alone.
        persona_draws[name] = np.broadcast_to(
            scores[name].astype(np.float32)[:, None], draws.personas.shape
        )
    return ConditionScores(
        matrix=matrix,
        scores=scores,
        persona_draws=persona_draws,
        statement_draws=_fields(by_statements) | _fields(gained_draws),
        pattern=find_pattern(answers, frame),
        weights=draws.personas,
        statements=frame.sizes,
        statement_spread=_statement_spread(frame),
    )


def _statement_spread(frame: Frame) -> float:
    """A bootstrap of h statements has (h-1)/h of the variance; h of each label on average."""
    per_label = len(frame.statement_ids) / (2 * len(frame.persona_ids))
    return float(np.sqrt(per_label / (per_label - 1))) if per_label > 1 else float("nan")


def _fields(record: object) -> dict[str, np.ndarray]:
    return {f.name: getattr(record, f.name) for f in fields(record)}  # type: ignore[arg-type]


def measured(scores: ConditionScores) -> list[Measure]:
    """The measures that the condition has a value for."""
    return [m for m in MEASURES if not np.isnan(scores.scores[m.name]).all()]
