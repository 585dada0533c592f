"""What a calibration reads: known-answer sets, responses, labels of people, EigenBench runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from benchmarks.val_bench.responses import RESPONSE_COLUMNS
from flows.judge_report import read_report
from flows.remote import at_hand
from inference.errors import PlumblineError
from tables.columns import Column, checked
from tables.places import BadPlace, is_hub, read_table

if TYPE_CHECKING:
    import pandas as pd

    from calibration.estimate import Estimate

_SET_COLUMNS = tuple(
    Column(column.name, "any" if column.nullable else column.kind, column.nullable)
    for column in RESPONSE_COLUMNS
)


def read_known(places: Sequence[str]) -> pa.Table:
    """The known-answer sets at these places as one table (see `calibration.sets`)."""
    from calibration.sets import known_table

    return known_table({place: checked(_read_set(place), _SET_COLUMNS, place) for place in places})


def _read_set(place: str) -> pa.Table:
    try:
        return read_table(place)
    except BadPlace:
        if not is_hub(place):
            raise
        return read_table(place, "test")


def read_responses(places: str, limit: int) -> dict[str, pa.Table]:
    """Response datasets by name, the first `limit` rows of each (0: all), with `item_id` and
    `candidate`, the model that answered.

    Raises:
        PlumblineError: two datasets of one name, or a table that can't be used.
    """
    from calibration.sets import as_messages, item_ids

    found: dict[str, pa.Table] = {}
    for place in filter(None, (part.strip() for part in places.split(","))):
        name = place.rstrip("/").rsplit("/", 1)[-1].replace("builtin:", "")
        if name in found:
            raise PlumblineError(f"two responses datasets are called {name}: rename one")
        table = checked(read_table(place), RESPONSE_COLUMNS, place)
        found[name] = table.slice(0, limit) if limit > 0 else table
    ids = item_ids(found)
    for name, table in found.items():
        kept = [c for c in table.column_names if c not in ("item_id", "candidate")]
        models = table["model"].to_pylist() if "model" in kept else [name] * table.num_rows
        table = table.select(kept).append_column("item_id", pa.array(ids[name], pa.string()))
        table = table.append_column("candidate", pa.array(list(map(str, models)), pa.string()))
        for side in ("for_response", "against_response"):
            place_of = table.column_names.index(side)
            table = table.set_column(place_of, side, as_messages(table[side], name))
        found[name] = table
    return found


def read_labels(text: str | None, items: Sequence[pa.Table]) -> pd.DataFrame | None:
    """The labels of people, checked against the pairs that will be judged; None of no text.

    Raises:
        PlumblineError: it is no CSV.
        LabelsError: the labels don't fit (see `calibration.people.check_labels`).
    """
    import numpy as np
    import pandas as pd

    from calibration.people import check_labels
    from calibration.verdicts import FLAGS

    if text is None:
        return None
    try:
        as_text = {"item_id": str, "annotator": str, "shown": str}
        labels = pd.read_csv(StringIO(text), dtype=as_text)
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise PlumblineError(f"--human_labels can't be read as CSV: {reason}") from None
    ids = [item for table in items for item in table["item_id"].to_pylist()]
    blank = pd.DataFrame({"item_id": ids, "score": np.nan}).assign(**dict.fromkeys(FLAGS, np.nan))
    check_labels(labels, blank)
    return labels


def read_trust(folder: str) -> dict[str, float] | None:
    """Each model's trust score, from summary.csv of an EigenBench run; None of no folder.

    Raises:
        PlumblineError: there is none, or it lacks a column.
    """
    import pandas as pd

    if not folder:
        return None
    path = _in_run(folder, "summary.csv")
    if path is None:
        raise PlumblineError(f"{folder} holds no summary.csv of an EigenBench run")
    table = pd.read_csv(path)
    missing = [name for name in ("model", "trust") if name not in table]
    if missing:
        raise PlumblineError(f"{path} has no column '{missing[0]}': give an EigenBench run")
    ids = _model_ids(path.parent)
    names = [ids.get(name, name) for name in table["model"].map(str)]
    return dict(zip(names, table["trust"].astype(float), strict=True))


def read_comparisons(folder: str) -> list[dict[str, Any]]:
    """The comparisons that an EigenBench run recorded, empty where it kept none."""
    from benchmarks.eigenbench.records import read_records

    for name in ("evaluations.jsonl", "evaluations.jsonl.gz"):
        path = _in_run(folder, name) if folder else None
        if path is not None:
            ids = _model_ids(path.parent)
            records = read_records(path)
            judges = [record.get("judge_name") for record in records]
            return [
                {**record, "judge_name": ids.get(judge, judge)}
                for record, judge in zip(records, judges, strict=True)
            ]
    return []


def _model_ids(folder: Path) -> dict[Any, str]:
    """The model id behind each name of an EigenBench ensemble, where only one name has it."""
    try:
        models = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["models"]
        pairs = [(str(model["name"]), str(model["id"])) for model in models]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    taken = [model_id for _, model_id in pairs]
    return {name: model_id for name, model_id in pairs if taken.count(model_id) == 1}


def _in_run(folder: str, name: str) -> Path | None:
    """A file of a run, in the folder itself or in the part of it that holds EigenBench's."""
    root = at_hand(folder)
    places = (root, root / "trust", root / "eigenbench", root / "collection", root.parent)
    return next((place / name for place in places if (place / name).is_file()), None)


def read_accuracies(reports: str) -> dict[str, Estimate]:
    """Accuracy on known answers of judges calibrated earlier, from a comma-separated list."""
    found = {}
    for path in filter(None, (part.strip() for part in reports.split(","))):
        report = read_report(path)
        if report.known_answers is not None:
            found[report.judge_id] = report.known_answers.accuracy
    return found
