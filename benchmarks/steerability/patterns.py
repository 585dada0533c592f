"""Systems whose scores mean nothing: those that answer the same whatever is asked or shown.

A system that always agrees has accuracy one half on balanced statements and, by the published rank,
sensitivity 100%; it must be named rather than ranked.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from benchmarks.steerability.arrays import Answers, Frame

NEARLY = 0.97
TESTS = {
    "always agrees": "every one of its answers agrees, whatever is asked",
    "always disagrees": "every one of its answers disagrees, whatever is asked",
    "nearly always agrees": f"at least {NEARLY:.0%} of its answers agree, whatever is asked",
    "nearly always disagrees": f"at least {NEARLY:.0%} of its answers disagree, whatever is asked",
    "ignores its steering": "each statement asked of it under several personas got the same answer "
    "under all of them",
}
"""What each verdict of a pattern rests on."""


class Pattern(NamedTuple):
    """How a system answers.

    Attributes:
        agree_share: share of its answers that agree.
        moved_share: share of the statements asked of several steered systems on which these do not
            all say the same; NaN if none was.
        verdict: "always agrees", "always disagrees", "nearly always agrees", "nearly always
            disagrees", "ignores its steering" or "".
        constant: whether the verdict is one of the first two.
    """

    agree_share: float
    moved_share: float
    verdict: str
    constant: bool


def find_pattern(answers: Answers, frame: Frame) -> Pattern:
    """The pattern in a condition's answers."""
    known = ~np.isnan(answers.correct)
    agrees = known & (answers.correct == frame.is_agree[None, :])
    share = float(agrees.sum() / known.sum()) if known.any() else float("nan")
    several = known.sum(axis=0) > 1
    mixed = agrees.any(axis=0) & (known & ~agrees).any(axis=0)
    moved = float(mixed[several].mean()) if several.any() else float("nan")
    verdict = _verdict(share, moved)
    return Pattern(share, moved, verdict, verdict in ("always agrees", "always disagrees"))


def _verdict(share: float, moved: float) -> str:
    for limit, verdict in (
        (1.0, "always agrees"),
        (NEARLY, "nearly always agrees"),
    ):
        if share >= limit:
            return verdict
        if 1 - share >= limit:
            return verdict.replace("agrees", "disagrees")
    return "ignores its steering" if moved == 0 else ""
