"""When an endpoint is given up: what is not sent any more costs neither money nor hours."""

from __future__ import annotations

from inference.providers.base import RequestFailed
from inference.result import Failure

HOPELESS_AFTER = 50
"""So many failures in a row without one answer, and an endpoint is given up."""
OVER_BUDGET = RequestFailed(Failure.OVER_BUDGET, "not sent: --max_cost is reached")
_OWN_FAULT = (Failure.BAD_REQUEST, Failure.TOO_LARGE, Failure.FILTERED)


class GivingUp:
    """At once on a bad key or an empty budget, and when nothing at all goes through.

    Attributes:
        because: what becomes of every request that is left; None while sending goes on.
    """

    def __init__(self) -> None:
        self.because: RequestFailed | None = None
        self._failures_in_a_row = 0
        self._answers = 0

    def answered(self) -> None:
        """Take in a reply."""
        self._failures_in_a_row = 0
        self._answers += 1

    def over_budget(self) -> None:
        """Nothing more can be paid for."""
        self.because = OVER_BUDGET

    def failed(self, failure: RequestFailed) -> None:
        """Take in a request that has failed for good.

        Requests that are bad by themselves (too long a prompt) count only as long as the endpoint
        has answered nothing: a wrong model id looks the same, and never answers.
        """
        if not failure.counts:
            return
        self._failures_in_a_row += 1
        if failure.failure is Failure.AUTH:
            self.because = RequestFailed(Failure.AUTH, f"not sent after: {failure.detail}")
            return
        own_fault = failure.failure in _OWN_FAULT
        if self._failures_in_a_row >= HOPELESS_AFTER and not (own_fault and self._answers):
            detail = f"not sent: {HOPELESS_AFTER} in a row failed; the last: {failure.detail}"
            self.because = RequestFailed(failure.failure, detail)
