"""What the report knows of a run: its scores with intervals, what it covered, what it cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from calibration.asked import Asked
from inference.errors import PlumblineError
from reporting.report.resampling import Draws, Floats
from reporting.report.transcripts import Transcript

NAN = float("nan")


class ReportError(PlumblineError):
    """A report that can't be made; one line that says why."""


class UnreadableRun(PlumblineError):
    """A run that can't be read; it is named, and the others are reported."""


class Value(NamedTuple):
    """A number with the ends of its 95% interval (NaN where there is none) and a note on it."""

    value: float
    low: float = NAN
    high: float = NAN
    note: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a number."""
        return math.isfinite(self.value)


@dataclass(frozen=True)
class Measure:
    """A column of scores.

    Attributes:
        name: key in every table.
        label: for headings.
        about: one sentence for readers.
        unit: "%" or "".
        digits: after the point.
        better: "higher", "lower", or "" where neither is.
        limits: the least and the greatest value.
        chance: what ignoring the task gives; None where there is no such thing.
    """

    name: str
    label: str
    about: str
    unit: str = ""
    digits: int = 1
    better: str = "higher"
    limits: tuple[float, float] = (-math.inf, math.inf)
    chance: float | None = None


class Lost(NamedTuple):
    """Items that got no further than a stage, for one reason."""

    stage: str
    reason: str
    items: int


@dataclass(frozen=True)
class Covered:
    """How many items were planned, answered, judged and used, and where the others were lost.

    `judged` is None where a benchmark has no judge.
    """

    planned: int
    answered: int
    judged: int | None
    used: int
    lost: tuple[Lost, ...] = ()


@dataclass(frozen=True)
class Spent:
    """Tokens and money of one model in one run; `cost` is None where it has no price."""

    model: str
    run: str
    role: str
    input_tokens: int
    output_tokens: int
    cost: float | None


@dataclass(frozen=True)
class Run:
    """A finished run: a folder with a manifest.

    Attributes:
        name: of the run, unique in a report.
        folder: where its files are.
        manifest: manifest.json.
    """

    name: str
    folder: Path
    manifest: Mapping[str, Any]

    @property
    def benchmark(self) -> str:
        """Which benchmark it is."""
        return str(self.manifest.get("benchmark", ""))

    @property
    def simulated(self) -> bool:
        """Whether simulated models took part."""
        return bool(self.manifest.get("simulated"))

    @property
    def created(self) -> str:
        """When it finished, ISO 8601; "" where that is not known."""
        return str(self.manifest.get("created") or "")


@dataclass(frozen=True)
class Entry:
    """One model's scores in one run.

    Attributes:
        model: the model's id.
        run: the run's name.
        values: by measure name.
        covered: what the scores rest on; None where the run does not say.
    """

    model: str
    run: str
    values: Mapping[str, Value]
    covered: Covered | None = None


@dataclass(frozen=True)
class ItemScores:
    """What one model got on each item: a frame indexed by item id, with a `cluster` column and one
    column a measure, NaN where the item can't be used.

    `redraw` is given where a score depends on which other items there are: what the items of given
    ids would score on a measure if each were drawn as often as the weights (b, N) say, (b, N), see
    `resampling.Items`.
    """

    model: str
    table: pd.DataFrame
    redraw: Callable[[str, Sequence[str], Floats], Floats] | None = None


@dataclass(frozen=True)
class Reading:
    """What one run says, or one condition of it.

    Attributes:
        run: where it comes from.
        benchmark: which benchmark.
        key: what must be equal for scores to be comparable, in the reader's words.
        label: how tables of this kind are titled.
        entries: one a model.
        items: item scores for paired comparisons; empty where the run has joint draws.
        draws: joint draws by measure name.
        judges: ids of the judges the scores depend on.
        frames: further tables by name, for the benchmark's own tab.
        spent: tokens and money.
        warnings: what could not be read; the rest is reported.
        notes: sentences that belong beside the scores.
        transcripts: the number of items that can be opened, and a function that reads given ones.
        shown: what the benchmark's own tab calls a model, where that is not its id.
        asked: how a judge report's verdicts must have been asked for to correct these; None where
            that differs from row to row, or the rows are not at hand.
    """

    run: Run
    benchmark: str
    key: Mapping[str, str]
    label: str
    entries: tuple[Entry, ...]
    items: tuple[ItemScores, ...] = ()
    draws: Mapping[str, Draws] = field(default_factory=dict)
    judges: tuple[str, ...] = ()
    frames: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    spent: tuple[Spent, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    transcripts: TranscriptSource | None = None
    shown: Mapping[str, str] = field(default_factory=dict)
    asked: Asked | None = None


@dataclass(frozen=True)
class TranscriptSource:
    """Items that can be opened.

    Attributes:
        strata: one label an item, e.g. its outcome; samples keep the strata's shares.
        read: the transcripts of the given item numbers, in their order.
    """

    strata: Sequence[str]
    read: Callable[[Sequence[int]], Iterator[Transcript]]


def number(value: Any) -> float:
    """A float; NaN for None and what is no number."""
    try:
        return float(value) if value is not None else NAN
    except (TypeError, ValueError):
        return NAN


def value_of(cell: Mapping[str, Any] | None) -> Value:
    """A Value from a JSON estimate with `value`, `low`, `high` and maybe `note`."""
    if not cell:
        return Value(NAN)
    value, low, high = (number(cell.get(name)) for name in ("value", "low", "high"))
    return Value(value, low, high, str(cell.get("note") or ""))


def spent_in(run: Run, role_of: Callable[[str], str]) -> tuple[Spent, ...]:
    """Tokens and money by model, from a manifest's `usage`.

    The money is what the run recorded, where it asked one model. Where it asked several it recorded
    the sum, and each model's part comes from the price list.
    """
    usage = run.manifest.get("usage") or {}
    by_model = usage.get("tokens_by_model") or {}
    alone = len(by_model) == 1
    return tuple(
        Spent(
            model,
            run.name,
            role_of(model),
            int(tokens.get("input") or 0),
            int(tokens.get("output") or 0),
            usage.get("cost_usd") if alone else priced(model, tokens),
        )
        for model, tokens in by_model.items()
    )


def priced(model: str, tokens: Mapping[str, Any]) -> float | None:
    """Dollars by the price list; None for a model that is not in it."""
    from inference.models import ModelRef
    from inference.result import Usage
    from inference.usage import load_prices

    provider = "simulated" if model.startswith("sim/") else ""
    price = load_prices().of(ModelRef(model, provider, model.split("/", 1)[-1]))
    if price is None:
        return None
    counts = {name: int(tokens.get(name) or 0) for name in Usage._fields}
    return price.cost(Usage(**counts))


def stamp(text: str) -> str:
    """A point in time for readers, to the minute: 2026-05-04 13:05 UTC."""
    return f"{text[:16].replace('T', ' ')} UTC" if len(text) >= 16 else text
