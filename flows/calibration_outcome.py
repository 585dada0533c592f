"""From the judged datasets of a calibration to what its reports are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

from benchmarks.gaps import Filled
from calibration.asked import sampling_words
from calibration.assemble import Panel, Readings, jury_of
from calibration.criteria import criterion_orders
from calibration.jury_dataset import jury_dataset
from calibration.labelling import labelling_sheet
from calibration.manners import MANNERS, ONE, OUTSIDE, verdicts
from flows.calibration_plan import Plan, Shard
from flows.manifest import hash_of, model_entry
from inference.result import Result
from tables.places import read_table, write_table
from tables.rows import Rows
from tables.spill import Spill

_SHOWN = ("issue_description", "for_question", "against_question")


Parts = dict[Shard, list[Filled]]
"""The judged rows of every shard, one part a reading."""


class Mended(NamedTuple):
    """Shards with what was asked again filled in.

    Attributes:
        parts: The shards.
        outside: Reasons of what is still missing for causes outside the judge. What the judge
            itself leaves unreadable is its invalid rate, which is measured and fails no run.
    """

    parts: Parts
    outside: list[str]


def mended(plan: Plan, parts: Parts, results: list[Result | None]) -> Mended:
    """Fill in the results of asking again, None where that was not tried."""
    done, outside, rest = {}, [], iter(results)
    for shard, mine in parts.items():
        done[shard] = [
            judge.mended(part, list(islice(rest, len(part.gaps))))
            for judge, part in zip(plan.readings(shard), mine, strict=True)
        ]
        for part in done[shard]:
            outside += [gap.reason for gap in part.gaps if gap.failure in OUTSIDE]
    return Mended(done, outside)


def save_judged(plan: Plan, parts: Parts, manifest: dict[str, Any]) -> list[list[Rows]]:
    """Join each judge's shards and write its judged datasets; returns each judge's repeats."""
    repeats = []
    for number, judge in enumerate(plan.judges):
        note = {
            **manifest,
            "judge": model_entry(judge.model, judge.sampling),
            "judge_orders": list(judge.orders),
            "judge_prompt_hash": hash_of(judge.template),
        }
        for target in range(len(plan.targets)):
            mine = [parts[s] for s in sorted(parts) if (s.judge, s.target) == (number, target)]
            with Spill() as spill:
                for shard in mine:
                    spill.add(shard[0].table)
                place, work = plan.place(number, target), plan.work(number, target)
                write_table(spill.table(), place, work, note)
            if target == 0:
                repeats.append([Rows(part.table) for shard in mine for part in shard[1:]])
    return repeats


def readings_of(
    plan: Plan,
    number: int,
    repeats: Sequence[pa.Table],
    comparisons: Sequence[Mapping[str, Any]] = (),
) -> Readings:
    """All verdicts of one judge, from its saved datasets and its repeated readings."""
    judge = plan.judges[number]
    known = read_table(plan.place(number, 0))
    by_manner = {manner: verdicts(known, manner) for manner in MANNERS}
    judged = [read_table(plan.place(number, at)) for at in range(1, len(plan.targets))]
    responses = {}
    for manner in MANNERS if len(judge.orders) > 1 else (ONE,):
        tables = [verdicts(table, manner) for table in judged]
        if tables:
            responses[manner] = pd.concat(tables, ignore_index=True)
    candidates = set(responses[plan.manner]["candidate"]) if responses else set()
    return Readings(
        judge_id=judge.model.label,
        known=by_manner,
        responses=responses,
        repeats=_repeats([by_manner[ONE], *(verdicts(table) for table in repeats)]),
        criteria=criterion_orders(comparisons, judge.model.label) if comparisons else None,
        simulated=any(name.startswith("sim/") for name in {judge.model.label, *candidates}),
        notes={
            "rubric": hash_of(judge.template),
            "sampling": sampling_words(judge.sampling),
            "known answers": ", ".join(known["set"].unique().to_pylist()),
        }
        | ({"models judged": ", ".join(sorted(candidates))} if candidates else {}),
    )


def _repeats(tables: Sequence[pd.DataFrame]) -> pd.DataFrame | None:
    if len(tables) < 2:
        return None
    columns = ["item_id", "cluster", "score"]
    return pd.concat([table[columns] for table in tables], ignore_index=True)


def save_juries(plan: Plan, panel: Panel, manifest: dict[str, Any]) -> list[str]:
    """Save the jury's judged dataset of every responses dataset; returns the places."""
    if plan.jury is None:
        return []
    places = []
    for at in range(1, len(plan.targets)):
        judged = read_table(plan.place(0, at))
        items = set(judged["item_id"].to_pylist())
        benches = [
            Readings(
                bench.judge_id,
                {},
                {m: t[t["item_id"].isin(items)] for m, t in bench.responses.items()},
            )
            for bench in panel.judges
        ]
        medians = jury_of(benches, plan.jury).responses[plan.manner]
        table = jury_dataset(judged, medians, plan.jury, plan.manner)
        place = plan.place(None, at)
        write_table(table, place, plan.work(None, at), {**manifest, "judge": {"id": plan.jury}})
        places.append(place)
    return places


def sheet_of(plan: Plan, panel: Panel, n: int) -> Any:
    """The sheet for people, drawn by the first judge's verdicts."""
    bench = panel.judges[0]
    first = 1 if bench.responses else 0
    tables = [read_table(plan.place(0, at)) for at in range(first, max(1, len(plan.targets)))]
    texts = pd.concat([table.select(["item_id", *_SHOWN]).to_pandas() for table in tables])
    items = bench.items(plan.manner).merge(texts, on="item_id", how="left")
    judged = items.assign(for_response=items["response_1"], against_response=items["response_2"])
    return labelling_sheet(judged, n)
