"""An answer or a named failure: the one place where that is decided."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from inference.providers.base import Reply, one_line
from inference.request import Request
from inference.result import Citation, Failure, Result, Usage
from inference.secrets import NO_WORD, scrub
from inference.store import Store

log = logging.getLogger(__name__)

REASKED = frozenset({Failure.EMPTY, Failure.INVALID_OUTPUT})
"""Replies that another draw may mend."""


def judge(request: Request, reply: Reply, usage: Usage) -> Result:
    """The result that a reply means; `usage` is what is to be said of its cost."""
    failure, detail = _verdict(request, reply)
    text = _clean(reply.text)
    return Result(
        key=request.key,
        model=request.model.label,
        failure=failure,
        content=text if failure is None else None,
        raw=None if failure is None else text,
        reasoning=_clean(reply.reasoning) if reply.reasoning else None,
        citations=tuple(Citation(*map(_clean, page)) for page in reply.citations),
        usage=usage,
        finish_reason=reply.finish_reason,
        detail=whole(one_line(detail)),
    )


def _clean(text: str) -> str:
    """A model's text as it is kept: without keys, but not without words that are keys too."""
    return whole(scrub(text, NO_WORD))


def misfit(request: Request, text: str) -> str | None:
    """Why a text does not fit the request's schema; None when it does."""
    if request.schema is None:
        return None
    try:
        return request.schema.check(text)
    except Exception as error:
        # A text that breaks the check (nested a thousand deep, say) must not break the run.
        log.warning("the check of %s broke", request.schema.name, exc_info=True)
        return f"it can't be checked: {type(error).__name__}: {error}"


def stored_answer(store: Store, request: Request, keys: Iterable[str]) -> Result | None:
    """The first answer stored under one of the request's keys that fits, with this label."""
    for key in keys:
        result = store.get(request.model, key)
        if result is not None and not misfit(request, result.content or ""):
            same = result.model == request.model.label
            return result if same else replace(result, model=request.model.label)
    return None


def whole(text: str) -> str:
    """The text with every half of a surrogate pair replaced: no file or table can hold one."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _verdict(request: Request, reply: Reply) -> tuple[Failure | None, str]:
    if reply.finish == "filtered":
        return Failure.FILTERED, f"the provider withheld the answer ({reply.finish_reason})"
    if reply.finish == "refusal" and request.schema:
        return Failure.FILTERED, f"the model declined to give the structure: {reply.text[:200]}"
    if reply.finish == "length":
        limit = request.sampling.max_tokens
        return Failure.TRUNCATED, f"cut short ({reply.finish_reason}; --max_tokens {limit})"
    if not reply.text.strip():
        return Failure.EMPTY, "the answer has no text"
    problem = misfit(request, reply.text)
    return (Failure.INVALID_OUTPUT, problem) if problem else (None, "")
