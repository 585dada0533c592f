"""The judge's rubric, the user's own where one is given."""

from __future__ import annotations

from judges.stance import DEFAULT_TEMPLATE, check_template


def checked_rubric(text: str | None) -> str:
    """The user's rubric, checked; the built-in one for None.

    Raises:
        PlumblineError: it lacks a placeholder.
    """
    if text is None:
        return DEFAULT_TEMPLATE
    check_template(text)
    return text
