"""A column of several types is named, whatever Arrow says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tables.places import BadPlace, read_table


@pytest.mark.parametrize("odd", ['"four"', "[1]", "123456789012345678901234567890"])
def test_a_column_of_several_types_is_named(tmp_path: Path, odd: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(f'{{"category": "c", "issue_scale": 3}}\n{{"issue_scale": {odd}}}\n')
    with pytest.raises(BadPlace, match="can't be read: column 'issue_scale'"):
        read_table(str(path))
