"""Which of the page's colours a model has: one on the whole page, and no other's in any chart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

COLORS = 16
"""How many colours the page has (`charts.js`); the first `SAFE` stay apart for the colour-blind."""
SAFE = 8
SHAPES = ("circle", "square")
"""Of the points: the first `SAFE` colours, the others."""


def places(boards: Iterable[Sequence[str]]) -> dict[str, int]:
    """A place among the colours for every model.

    Models of one board never share a place while it has no more than there are colours; those that
    never meet may, once the safe ones are given out.
    """
    boards = [list(board) for board in boards]
    found: dict[str, int] = {}
    for board in boards:
        for model in board:
            if model in found:
                continue
            met = {found[m] for other in boards if model in other for m in other if m in found}
            used = Counter(found.values())
            free = [at for at in range(SAFE) if at not in met]
            free = free or [at for at in range(SAFE, COLORS) if at not in met]
            found[model] = min(free, key=lambda at: (used[at], at)) if free else COLORS
    return found


def domain(models: Sequence[str], given: Mapping[str, int]) -> list[str]:
    """The domain of a chart's colours: each model at its place, elsewhere a name that is none."""
    taken: dict[int, str] = {}
    late = []
    for model in models:
        at = given.get(model, COLORS)
        if at < COLORS and at not in taken:
            taken[at] = model
        else:
            late.append(model)
    free = (at for at in range(COLORS + len(late)) if at not in taken)
    taken |= dict(zip(free, late, strict=False))
    return [taken.get(at, f"\u200b{at}") for at in range(max([COLORS - 1, *taken]) + 1)]


def shapes(names: Sequence[str]) -> list[str]:
    """The shape of each place of a domain."""
    return [SHAPES[0] if at < SAFE else SHAPES[1] for at in range(len(names))]
