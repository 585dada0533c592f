"""What a shard has and what it lacks: rows, and a gap for each request that got no answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from inference.request import Request
from inference.result import Failure, Result

if TYPE_CHECKING:
    import pyarrow as pa


class Gap(NamedTuple):
    """A request without an answer.

    Attributes:
        row: in the shard's table.
        part: of the row, where it has several requests (a side, an order); else "".
        failure: its name.
        reason: in one line.
    """

    row: int
    part: str
    failure: str
    reason: str

    @classmethod
    def of(cls, row: int, part: str, result: Result) -> Self:
        """The gap that a failed result leaves."""
        return cls(row, part, str(result.failure), result.reason or "")


class Filled(NamedTuple):
    """The rows of a shard with what came back, and what is missing in them."""

    table: pa.Table
    gaps: list[Gap]

    @property
    def failures(self) -> list[Failure]:
        """Why each gap is there."""
        return [Failure(gap.failure) for gap in self.gaps]


class Again(NamedTuple):
    """The request behind each gap of a shard, with its failure."""

    requests: list[Request]
    failures: list[Failure]


class Asker(Protocol):
    """How rows are asked about, as far as filling their gaps goes."""

    def request_again(self, filled: Filled, /) -> Again:
        """The request behind each gap."""
        ...

    def mended(self, filled: Filled, results: Sequence[Result | None], /) -> Filled:
        """The rows with the results of asking again, None where it was not tried."""
        ...


def untried(results: Sequence[Any]) -> bool:
    """Whether nothing was asked again."""
    return all(result is None for result in results)
