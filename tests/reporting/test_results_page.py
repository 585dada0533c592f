"""The page of a results folder shows its summary as the terminal does."""

from __future__ import annotations

import re
from pathlib import Path

from reporting.results_page import write_results_page


def test_columns_of_the_summary_stay_in_line(tmp_path: Path) -> None:
    summary = "A title\n\n  model   Elo\n  a      1510\n  b <i>  1490\n"
    page = write_results_page(summary, tmp_path).read_text()
    (shown,) = re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)
    assert shown == "model   Elo\na      1510\nb &lt;i&gt;  1490"
