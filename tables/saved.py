"""Tables in a folder that `Dataset.save_to_disk` wrote, memory-mapped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tables.on_s3 import BadPlace, line_of

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa


def read_saved(folder: Path, split: str) -> pa.Table:
    """All rows of a saved dataset; `split` chooses where it has several.

    Raises:
        BadPlace: it can't be read, has no such split, or names a file outside of the folder.
    """
    table = _mapped(folder)
    return _loaded(folder, split) if table is None else table


def _mapped(folder: Path) -> pa.Table | None:
    """The Arrow files of a dataset that was saved whole; None for a folder of any other kind.

    `load_from_disk` maps the same files, but takes half a second to import, in every task.

    Raises:
        BadPlace: it names a file outside of the folder.
    """
    import pyarrow as pa

    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        names = [Path(part["filename"]) for part in state["_data_files"]]
        outside = [name for name in names if name.name != str(name)]
        tables = [] if outside else [_stream(folder / name) for name in names]
        table = pa.concat_tables(tables) if tables else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if outside:
        raise BadPlace(f"{folder} can't be read: it names {outside[0]}, a file outside of it")
    return table if table is None else _few_chunks(table)


def _stream(path: Path) -> pa.Table:
    import pyarrow as pa

    return pa.ipc.open_stream(pa.memory_map(str(path))).read_all()


def _loaded(path: Path, split: str) -> pa.Table:
    """A folder with several splits, or one that can't be read."""
    from datasets import Dataset, DatasetDict, load_from_disk

    try:
        loaded = load_from_disk(str(path))
    except Exception as error:
        raise BadPlace(f"{path} can't be read as a dataset: {line_of(error)}") from None
    if isinstance(loaded, DatasetDict):
        loaded = _pick(loaded, split, str(path))
    assert isinstance(loaded, Dataset)
    return plain_table(loaded)


def _pick(splits: datasets.DatasetDict, split: str, where: str) -> datasets.Dataset:
    if split in splits:
        return splits[split]
    if len(splits) == 1:
        return next(iter(splits.values()))
    raise BadPlace(f"{where} has no split '{split}'; it has: {', '.join(splits)}")


def plain_table(dataset: datasets.Dataset) -> pa.Table:
    """The Arrow table behind a dataset, its row selection (if any) applied."""
    if dataset._indices is not None:
        dataset = dataset.flatten_indices()
    return _few_chunks(dataset.data.table)


def _few_chunks(table: pa.Table) -> pa.Table:
    """An empty table with one empty chunk a column, where it may have none."""
    return table.combine_chunks() if table.num_rows == 0 else table
