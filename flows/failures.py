"""When failed requests fail a run, and what it says then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from inference import Failure
from inference.errors import PlumblineError
from inference.result import TRANSIENT
from inference.usage import show_cost

MENDED_BY_HAND = frozenset({Failure.AUTH, Failure.BAD_REQUEST})
"""Failures that last until somebody sees to a key, an account or a server: `resume` says so."""
BEYOND_RESUME = frozenset(
    {Failure.FILTERED, Failure.TRUNCATED, Failure.TOO_LARGE, Failure.OVER_BUDGET}
)
"""Failures that the same request meets again; a resumed run can't have other parameters."""
_SHOWN = 12


class TooManyFailures(PlumblineError):
    """More requests failed than `--max_failure_rate` allows."""


def worth_another_try(resumed: bool) -> frozenset[Failure]:
    """The failures that a join asks again; in a resumed run somebody may have mended the cause."""
    return TRANSIENT | MENDED_BY_HAND if resumed else TRANSIENT


def check_failures(
    reasons: Iterable[str],
    planned: int,
    allowed: float,
    what: str = "requests",
    budget: float = 0.0,
) -> None:
    """Refuse more failures than a share of `allowed`, with a table of the reasons.

    Where `budget`, the run's `--max_cost`, was among the reasons, the message leads with it.

    Raises:
        TooManyFailures: the run stops here; the message says how to go on.
    """
    counts = Counter(reasons)
    failed = counts.total()
    if not planned or failed / planned <= allowed:
        return
    if budget and any(_kind(why) == Failure.OVER_BUDGET for why in counts):
        raise TooManyFailures(
            f"stopped at --max_cost {show_cost(budget)}: {planned - failed:,} of {planned:,} "
            "answered; `run` again with a higher --max_cost (what was answered is not asked "
            f"again). Not answered:\n{_reasons_table(counts)}"
        )
    lasting = sum(n for why, n in counts.items() if _kind(why) in BEYOND_RESUME)
    mend = "Mend the cause and `resume`, or `run` again with other parameters"
    if lasting / planned > allowed:
        mend = "`run` again with other limits (`resume` would meet the same)"
    raise TooManyFailures(
        f"{failed:,} of {planned:,} {what} failed, more than --max_failure_rate "
        f"{allowed:g} allows:\n{_reasons_table(counts)}\n"
        f"{mend}: what was answered is not asked again."
    )


def _kind(reason: str) -> str:
    return reason.split(":", 1)[0]


def _reasons_table(counts: Counter[str]) -> str:
    """The most frequent reasons, and how many more failures there are."""
    shown = counts.most_common(_SHOWN)
    rest = counts.total() - sum(n for _, n in shown)
    lines = [*shown, ("other reasons", rest)] if rest else shown
    return "\n".join(f"  {n:>8,}  {reason}" for reason, n in lines)
