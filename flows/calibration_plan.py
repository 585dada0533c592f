"""Who reads what in a calibration, how often, and where it all goes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.gaps import Filled
from flows.manifest import hash_of
from flows.naming import judge_slug
from inference import Request, Result
from inference.errors import PlumblineError
from tables.located import located

if TYPE_CHECKING:
    import pyarrow as pa

    from benchmarks.val_bench.judging import Judge

KNOWN = "known"
JURY = "jury"


class Shard(NamedTuple):
    """One task's work: a run of rows of one target (0: the known answers), for one judge."""

    judge: int
    target: int
    rows: int


class Sitting(NamedTuple):
    """A judge with the pairs of a shard before it.

    Attributes:
        readings: How it is asked, once for each time that it reads them.
        pairs: The rows.
    """

    readings: list[Judge]
    pairs: pa.Table

    def planned(self) -> int:
        """How many requests `requests` yields."""
        return sum(judge.count(self.pairs) for judge in self.readings)

    def requests(self) -> Iterator[Request]:
        """What is sent, one reading after the other."""
        return chain.from_iterable(judge.requests(self.pairs) for judge in self.readings)

    def judged(self, results: Iterable[Result]) -> list[Filled]:
        """The judged rows of each reading, from the results of `requests`."""
        rest = iter(results)
        return [
            judge.judged(self.pairs, islice(rest, judge.count(self.pairs)))
            for judge in self.readings
        ]


@dataclass(frozen=True)
class Plan:
    """A calibration.

    Attributes:
        judges: How each judge is asked for a verdict on responses.
        num_repeats: Readings of each known-answer pair.
        fingerprints: Of each thing that is judged, by name: the known answers, then the responses.
        output: Where judged datasets go; names are appended.
    """

    judges: tuple[Judge, ...]
    num_repeats: int
    fingerprints: Mapping[str, str]
    output: str

    def __post_init__(self) -> None:
        """Refuse names that would collide on disk."""
        twice = [slug for slug in self.slugs if self.slugs.count(slug) > 1 or slug == JURY]
        if twice:
            raise PlumblineError(f"two judges would both be filed as '{twice[0]}': run them apart")

    @property
    def targets(self) -> list[str]:
        """What is judged."""
        return list(self.fingerprints)

    @property
    def manner(self) -> str:
        """The manner of asking that the reports are about."""
        from calibration.manners import BOTH, ONE

        return BOTH if len(self.judges[0].orders) > 1 else ONE

    @property
    def labels(self) -> list[str]:
        """The judges' ids."""
        return [judge.model.label for judge in self.judges]

    @property
    def slugs(self) -> list[str]:
        """The judges' ids as parts of file names."""
        return [judge_slug(label) for label in self.labels]

    @property
    def jury(self) -> str | None:
        """What the jury is called; None of a single judge."""
        from calibration.assemble import jury_name

        return jury_name(self.labels) if len(self.judges) > 1 else None

    @property
    def reports(self) -> list[str]:
        """Names of the reports, in order: one a judge, then the jury's."""
        return [f"{slug}-calibration" for slug in [*self.slugs, *([JURY] if self.jury else [])]]

    def readings(self, shard: Shard) -> list[Judge]:
        """How a judge reads a shard: known answers in both orders, then again in the first."""
        from benchmarks.val_bench.judging import FORWARD, REVERSED

        judge = self.judges[shard.judge]
        if shard.target:
            return [judge]
        again = [replace(judge, orders=(FORWARD,), sample=n) for n in range(1, self.num_repeats)]
        return [replace(judge, orders=(FORWARD, REVERSED)), *again]

    def place(self, judge: int | None, target: int) -> str:
        """Where a judge's (None: the jury's) judged dataset goes."""
        who = JURY if judge is None else self.slugs[judge]
        if target == 0:
            return located(f"{self.output}-{who}-{KNOWN}")
        return located(f"{self.output}-{self.targets[target]}-{who}-evaluation")

    def work(self, judge: int | None, target: int) -> str:
        """A name for that dataset's work: the same judges on the same pairs in the same way."""
        who = [
            replace(j, fresh="") for j in (self.judges if judge is None else [self.judges[judge]])
        ]
        return hash_of("calibration", who, self.fingerprints[self.targets[target]], target == 0)

    def report_work(self, number: int) -> str:
        """A name for what a report's folder holds: the same judge on the same known answers.

        Responses, labels and repeats may come later: the report is then written anew.
        """
        return self.work(number if number < len(self.judges) else None, 0)
