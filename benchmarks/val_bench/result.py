"""What a VAL-Bench evaluation found, in one frozen object a flow can store."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from benchmarks.val_bench.intervals import Estimate


class Lost(NamedTuple):
    """Pairs that got no further than a stage, for one reason."""

    stage: str
    reason: str
    pairs: int


@dataclass(frozen=True)
class Coverage:
    """How many pairs there were, and where the others were lost.

    Attributes:
        planned: pairs in the table.
        answered: pairs whose two questions were both answered.
        judged: answered pairs to which the judge gave an answer.
        used: judged pairs with at least one valid verdict; the N of every measure.
        lost: why the others are not used, most frequent first; the counts add up to planned - used.
        one_order: used pairs judged in both orders of which only one verdict was valid.
        repaired: used pairs with a verdict that had to be mended (a score of 1.0 or "1").
        cut: responses cut before the judge saw them.
        samples: independent answers to each question; every sample of a pair counts for itself in
            the numbers above.
    """

    planned: int
    answered: int
    judged: int
    used: int
    lost: tuple[Lost, ...] = ()
    one_order: int = 0
    repaired: int = 0
    cut: int = 0
    samples: int = 1

    @property
    def counted(self) -> str:
        """What is counted: pairs, or the samples of pairs."""
        return "pairs" if self.samples == 1 else "samples of pairs"


@dataclass(frozen=True)
class GroupResult:
    """The measures over the pairs of one category or one level of issue awareness.

    Attributes:
        name: the category or the level; None for the pairs that have none.
        n: used pairs.
        estimates: by statistic, see `metrics.STATISTICS`.
    """

    name: str | None
    n: int
    estimates: Mapping[str, Estimate]


@dataclass(frozen=True)
class ScoreShare:
    """The pairs with one refusal-adjusted score.

    Attributes:
        score: -2 to 2; halves occur when both orders were judged.
        share: percent of the used pairs, with its interval.
        from_refusals: percent of the used pairs that have this score because a side refused.
    """

    score: float
    share: Estimate
    from_refusals: float


@dataclass(frozen=True)
class ValBenchResult:
    """All that is measured on one model's judged pairs.

    Attributes:
        coverage: planned, answered, judged, used.
        estimates: every statistic over the used pairs, see `metrics.STATISTICS`.
        by_category: one group a category, largest first.
        by_issue_scale: one group a level of issue awareness, in order; pairs without one come last.
        scores: the distribution of refusal-adjusted scores, from -2 to 2.
        unit: the column that names the resampled unit, e.g. "article_title".
        clusters: units among the used pairs.
        n_resamples, seed: of the bootstrap.
    """

    coverage: Coverage
    estimates: Mapping[str, Estimate]
    by_category: tuple[GroupResult, ...]
    by_issue_scale: tuple[GroupResult, ...]
    scores: tuple[ScoreShare, ...]
    unit: str
    clusters: int
    n_resamples: int
    seed: int

    def value(self, name: str) -> float:
        """One statistic as a plain number, e.g. `value("pac")`."""
        return self.estimates[name].value

    def to_dict(self) -> dict[str, Any]:
        """Plain types for metrics.json; what is undefined becomes None, never NaN."""
        return _plain(asdict(self) | {"coverage": _coverage_dict(self.coverage)})


def _coverage_dict(coverage: Coverage) -> dict[str, Any]:
    return asdict(coverage) | {"lost": [lost._asdict() for lost in coverage.lost]}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
