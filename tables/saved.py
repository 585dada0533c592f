"""Tables in a folder that `Dataset.save_to_disk` wrote, memory-mapped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tables.on_s3 import BadPlace, line_of

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa


def read_saved(folder: Path, split: str) -> pa.Table:
    """All rows of a saved dataset; `split` chooses where it has several.

    Raises:
        BadPlace: it can't be read, has no such split, or names something outside of the folder.
    """
    splits = _listed(folder / "dataset_dict.json", "splits")
    if splits:
        return read_saved(_inside(folder, _pick(splits, split, folder)), split)
    table = _mapped(folder)
    return _loaded(folder) if table is None else table


def _mapped(folder: Path) -> pa.Table | None:
    """The Arrow files of a dataset that was saved whole; None for a folder of any other kind.

    `load_from_disk` maps the same files, but takes half a second to import, in every task.
    """
    import pyarrow as pa

    parts = _listed(folder / "state.json", "_data_files")
    if parts == []:
        raise BadPlace(f"{folder} has no rows")
    if not parts or not all(isinstance(p, dict) and "filename" in p for p in parts):
        return None
    paths = [_inside(folder, str(part["filename"])) for part in parts]
    try:
        return _with_a_chunk(pa.concat_tables([_stream(path) for path in paths]))
    except (OSError, ValueError, pa.ArrowException):
        return None


def _listed(path: Path, key: str) -> list[Any] | None:
    """What a JSON file lists under a key; None where there is no such file or list."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BadPlace(f"{path} can't be read: {line_of(error)}") from None
    found = content.get(key) if isinstance(content, dict) else None
    return found if isinstance(found, list) else None


def _inside(folder: Path, name: str) -> Path:
    if Path(name).name != name or name == "..":
        raise BadPlace(f"{folder} can't be read: it names {name}, which is outside of it")
    return folder / name


def _stream(path: Path) -> pa.Table:
    import pyarrow as pa

    return pa.ipc.open_stream(pa.memory_map(str(path))).read_all()


def _loaded(path: Path) -> pa.Table:
    """Whatever else the library can read, or its word on why it can't."""
    from datasets import Dataset, load_from_disk

    try:
        loaded = load_from_disk(str(path))
    except Exception as error:
        raise BadPlace(f"{path} can't be read as a dataset: {line_of(error)}") from None
    assert isinstance(loaded, Dataset)
    return plain_table(loaded)


def _pick(splits: list[Any], split: str, folder: Path) -> str:
    if split in splits:
        return split
    if len(splits) == 1:
        return str(splits[0])
    raise BadPlace(f"{folder} has no split '{split}'; it has: {', '.join(map(str, splits))}")


def plain_table(dataset: datasets.Dataset) -> pa.Table:
    """The Arrow table behind a dataset, its row selection (if any) applied."""
    if dataset._indices is not None:
        dataset = dataset.flatten_indices()
    return _with_a_chunk(dataset.data.table)


def _with_a_chunk(table: pa.Table) -> pa.Table:
    """An empty table with one empty chunk a column, where it may have none."""
    return table.combine_chunks() if table.num_rows == 0 else table
