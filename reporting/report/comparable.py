"""Which runs may stand in one table: those that agree in everything but the model.

Runs of one benchmark with the same data, judge, rubric and procedure make one board. Any other run
gets a board of its own, and what differs is said in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

from reporting.report.values import Entry, Reading

MOST_TRIED = 8
"""Boards of each benchmark among which `side_by_side` looks: of three benchmarks, 512 choices."""


@dataclass(frozen=True)
class Board:
    """Readings that are comparable.

    Attributes:
        benchmark: which benchmark.
        label: what the readings have in common, for a title.
        readings: oldest first.
        entries: all models, each under a unique name.
        names: the name each entry has in tables, in the order of `entries`.
        differs: what sets it apart from the benchmark's first board, one phrase a fact; empty for
            the first.
    """

    benchmark: str
    label: str
    readings: tuple[Reading, ...]
    entries: tuple[Entry, ...]
    names: tuple[str, ...]
    differs: tuple[str, ...] = ()


def boards_of(readings: Sequence[Reading]) -> list[Board]:
    """The boards of one benchmark, that of most models first, then the newest."""
    groups: dict[tuple[tuple[str, str], ...], list[Reading]] = {}
    for reading in readings:
        groups.setdefault(tuple(sorted(reading.key.items())), []).append(reading)
    ordered = sorted(
        groups.values(),
        key=lambda group: (sum(len(r.entries) for r in group), group[-1].run.created),
        reverse=True,
    )
    return [_board(group, ordered[0]) for group in ordered]


def side_by_side(boards: Mapping[str, Sequence[Board]]) -> dict[str, list[Board]]:
    """By benchmark, the same boards, those first that have most models in common.

    Where several do, those that stood first already.
    """
    choices = [range(min(len(some), MOST_TRIED)) for some in boards.values()]

    def shared(chosen: tuple[int, ...]) -> int:
        names = [set(some[at].names) for at, some in zip(chosen, boards.values(), strict=True)]
        return sum(len(ours & theirs) for ours, theirs in combinations(names, 2))

    best = max(product(*choices), key=shared)
    return {
        name: _led_by(list(some), at) for (name, some), at in zip(boards.items(), best, strict=True)
    }


def _led_by(boards: list[Board], at: int) -> list[Board]:
    first = boards[at].readings[0]
    led = [boards[at], *boards[:at], *boards[at + 1 :]]
    return [
        replace(board, differs=_differences(board.readings[0], first) if number else ())
        for number, board in enumerate(led)
    ]


def _board(group: list[Reading], first: list[Reading]) -> Board:
    entries = tuple(entry for reading in group for entry in reading.entries)
    return Board(
        benchmark=group[0].benchmark,
        label=group[0].label,
        readings=tuple(group),
        entries=entries,
        names=_unique_names(entries),
        differs=_differences(group[0], first[0]) if group is not first else (),
    )


def _unique_names(entries: Sequence[Entry]) -> tuple[str, ...]:
    """The model's id; where a model was measured twice, with the run it comes from."""
    models = [entry.model for entry in entries]
    return tuple(
        entry.model if models.count(entry.model) == 1 else f"{entry.model} ({entry.run})"
        for entry in entries
    )


def _differences(reading: Reading, other: Reading) -> tuple[str, ...]:
    """What differs, in words: "judge: gpt-4.1 instead of sim/judge"."""
    facts = list(dict.fromkeys([*reading.key, *other.key]))
    return tuple(
        f"{fact}: {_shown(reading.key.get(fact))} instead of {_shown(other.key.get(fact))}"
        for fact in facts
        if reading.key.get(fact) != other.key.get(fact)
    )


def _shown(value: str | None, letters: int = 60) -> str:
    if not value:
        return "unknown"
    return value if len(value) <= letters else f"{value[: letters - 1]}…"
