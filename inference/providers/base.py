"""The protocol every provider fulfils, and the words in which an SDK's errors are said."""

from __future__ import annotations

import contextlib
import email.utils
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from typing import Any, NamedTuple, Protocol

from inference.limits import LONGEST_RETRY_AFTER
from inference.request import Request
from inference.result import Citation, Failure, Usage
from inference.secrets import scrub

MAX_BODY_BYTES = 16 * 1024 * 1024
"""A response body above this is refused by name instead of being read into memory."""
HALF_A_CHARACTER = "the prompt holds half a surrogate pair, which is no text; mend the data"
_WITHHELD = re.compile(
    r"content.?filter|content.?policy|content management policy|moderation|flagged", re.IGNORECASE
)
"""Words by which providers say inside an error that a filter stopped the prompt or the answer."""


@dataclass(frozen=True, slots=True)
class ProviderOptions:
    """What a provider needs to know of the run.

    Attributes:
        concurrency: requests in flight at most; HTTP and thread pools are made this wide.
        timeout: seconds for one request.
    """

    concurrency: int
    timeout: float


@dataclass(frozen=True, slots=True)
class OwnLimits:
    """What a provider that runs its model on this machine wants instead of the run's limits.

    Attributes:
        concurrency: requests that it can take at once, whatever `--batch_size` says.
        timeout: seconds for one request, None where it watches over them itself.
    """

    concurrency: int
    timeout: float | None


class Reply(NamedTuple):
    """An answer as it came, before it is judged.

    `finish` is "stop", "length", "filtered" (the provider withheld the answer) or "refusal" (the
    model said in words that it won't: an answer to a free question, none to a structured one).
    """

    text: str
    finish: str
    finish_reason: str
    usage: Usage
    reasoning: str | None = None
    citations: tuple[Citation, ...] = ()


class RequestFailed(Exception):
    """One sending of one request failed.

    Attributes:
        failure: its name.
        detail: one line for people, without secrets.
        retry_after: seconds the server asked to wait, if it did.
        retryable: whether the same request may go through later.
        cuts: whether the server said "slow down" (429, 529), which cuts the concurrency.
        counts: whether it says something of the endpoint too, which is given up after many.
        usage: tokens that it cost all the same: a reply that was broken off is paid for.
    """

    def __init__(
        self,
        failure: Failure,
        detail: str,
        *,
        retry_after: float | None = None,
        retryable: bool = False,
        cuts: bool = False,
        counts: bool = True,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = one_line(detail)
        self.retry_after = retry_after
        self.retryable = retryable
        self.cuts = cuts
        self.counts = counts
        self.usage = usage or Usage()


class Provider(Protocol):
    """Sends one request at a time; many at once are in flight on one event loop."""

    async def send(self, request: Request) -> Reply:
        """The model's reply.

        Raises:
            RequestFailed: there is none; it says why and whether to try again.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...


def limits_of(provider: Provider, options: ProviderOptions) -> OwnLimits:
    """The provider's own limits where it has any, else those of the run."""
    own: OwnLimits | None = getattr(provider, "limits", None)
    return own or OwnLimits(options.concurrency, options.timeout)


def one_line(text: str, limit: int = 300) -> str:
    """`text` without line breaks and keys, cut at `limit` characters."""
    flat = scrub(" ".join(text[: 20 * limit].split()))
    return flat if len(flat) <= limit else flat[: limit - 3] + "..."


def failed_status(status: int, detail: str, retry_after: float | None) -> RequestFailed:
    """The failure that an HTTP status means. An empty account counts as `auth`: it stops all."""
    detail = f"HTTP {status}: {detail}"
    if status in (400, 403, 422) and _WITHHELD.search(detail):
        return RequestFailed(Failure.FILTERED, detail)
    if status in (401, 402, 403) or (status == 429 and "insufficient_quota" in detail):
        return RequestFailed(Failure.AUTH, detail)
    if status in (429, 529):
        return RequestFailed(
            Failure.RATE_LIMITED, detail, retry_after=retry_after, retryable=True, cuts=True
        )
    if status in (408, 504):
        return RequestFailed(Failure.TIMEOUT, detail, retryable=True)
    if status >= 500 or status in (409, 425):
        return RequestFailed(Failure.SERVER_ERROR, detail, retry_after=retry_after, retryable=True)
    return RequestFailed(Failure.BAD_REQUEST, detail)


def failed_error(error: Any) -> RequestFailed:
    """What an error object inside a status 200 means, by its `code` or `type`."""
    if not isinstance(error, dict):
        return RequestFailed(Failure.SERVER_ERROR, str(error), retryable=True)
    detail = str(error.get("message") or error)
    for word in (error.get("code"), error.get("type")):
        status = _STATUS_OF.get(str(word)) or (int(str(word)) if str(word).isdigit() else 0)
        if status >= 400:
            return failed_status(status, detail, None)
    return RequestFailed(Failure.SERVER_ERROR, detail, retryable=True)


_STATUS_OF = {
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}


def understood(
    read: Callable[[dict[str, Any]], Reply],
    usage_of: Callable[[dict[str, Any]], Usage],
    answer: dict[str, Any],
) -> Reply:
    """The reply in a body.

    Raises:
        RequestFailed: there is none, or the body lacks what the API promises; with its usage.
    """
    try:
        # Gateways such as OpenRouter report an upstream error inside a 200.
        if answer.get("error"):
            raise failed_error(answer["error"])
        return read(answer)
    except RequestFailed as failure:
        failure.usage = _usage_in(usage_of, answer)
        raise
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        detail = f"the answer is not in the API's form ({type(error).__name__}: {error})"
        usage = _usage_in(usage_of, answer)
        failed = RequestFailed(Failure.SERVER_ERROR, detail, retryable=True, usage=usage)
        raise failed from None


def _usage_in(usage_of: Callable[[dict[str, Any]], Usage], answer: dict[str, Any]) -> Usage:
    try:
        return usage_of(answer)
    except (TypeError, AttributeError, ValueError):
        return Usage()


def tokens(usage: dict[str, Any], name: str) -> int:
    """A count out of a usage object; what is missing or null counts as 0."""
    return int(usage.get(name) or 0)


def parse_retry_after(headers: Any) -> float | None:
    """Seconds from `retry-after-ms` or `Retry-After` (seconds or an HTTP date), if any.

    At most `LONGEST_RETRY_AFTER`: a slip in a header must not put a run to sleep for ever.
    """
    milliseconds = headers.get("retry-after-ms")
    text = headers.get("retry-after")
    for value, scale in ((milliseconds, 1000), (text, 1)):
        with contextlib.suppress(TypeError, ValueError):
            return _bounded(float(value) / scale)
    try:
        when = email.utils.parsedate_to_datetime(text)
        # A date without a zone ("-0000") is in UTC, not in ours.
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return _bounded(when.timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None


def _bounded(seconds: float) -> float | None:
    return None if math.isnan(seconds) else min(max(0.0, seconds), LONGEST_RETRY_AFTER)


_BROKEN_OFF = frozenset(
    {"error", "abort", "aborted", "cancelled", "incomplete", "in_progress", "queued",
     "malformed_model_output", "malformed_tool_use"}
)  # fmt: skip


def finish_of(reason: str, names: dict[str, str]) -> str:
    """A provider's finish reason as one of `Reply.finish`.

    Raises:
        RequestFailed: the provider says that it broke off: half an answer is none.
    """
    if reason in _BROKEN_OFF:
        detail = f"the answer was broken off ({reason})"
        raise RequestFailed(Failure.SERVER_ERROR, detail, retryable=True)
    return names.get(reason, "stop")


def split_system(request: Request) -> tuple[str | None, list[dict[str, str]]]:
    """The system prompt and the remaining turns, for APIs that take them apart."""
    system = "\n\n".join(m.content for m in request.messages if m.role == "system")
    turns = [{"role": m.role, "content": m.content} for m in request.messages if m.role != "system"]
    return system or None, turns


def without_none(**fields: Any) -> dict[str, Any]:
    """The fields that are set."""
    return {name: value for name, value in fields.items() if value is not None}
