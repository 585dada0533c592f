"""Where results go: other work stays, and a place that can't be written is refused at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.naming import claim_results
from inference.errors import PlumblineError


def test_a_free_folder_and_ones_own_are_fine(tmp_path: Path) -> None:
    claim_results(tmp_path / "new" / "below", "w")
    (tmp_path / "manifest.json").write_text(json.dumps({"work": "w"}))
    claim_results(tmp_path, "w")
    with pytest.raises(PlumblineError, match="holds the results of other work"):
        claim_results(tmp_path, "another")


def test_a_place_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(PlumblineError, match="can't be written: no write access to"):
            claim_results(folder, "w")
