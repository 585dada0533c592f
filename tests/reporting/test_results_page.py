"""The page of a results folder shows its summary as the terminal does."""

from __future__ import annotations

import re
from pathlib import Path

from reporting import calibration_plots, calibration_tables, results_titles
from reporting.results_page import write_results_page


def test_columns_of_the_summary_stay_in_line(tmp_path: Path) -> None:
    summary = "A title\n\n  model   Elo\n  a      1510\n  b <i>  1490\n"
    page = write_results_page(summary, tmp_path).read_text()
    (shown,) = re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)
    assert shown == "model   Elo\na      1510\nb &lt;i&gt;  1490"


def test_long_sentences_wrap_and_columns_do_not(tmp_path: Path) -> None:
    row = "model  " + "1510  " * 40
    summary = f"A title\n\n  {row}\n  WARNING: {'a long sentence ' * 20}\n"
    (shown,) = re.findall(
        r"<pre>(.*?)</pre>", write_results_page(summary, tmp_path).read_text(), re.DOTALL
    )
    lines = shown.split("\n")
    assert lines[0] == row
    assert len(lines) > 3 and max(map(len, lines[1:])) <= 120


def test_titles_say_what_is_shown_the_weightiest_first(tmp_path: Path) -> None:
    files = ("category_metrics.png", "outcome_composition.png", "my_own.png")
    for name in (*files, "accuracy_matrix-sim-a.png", "coverage.csv", "alignment_statistics.csv"):
        (tmp_path / name).write_bytes(b"a,b\n1,2\n")
    page = write_results_page("A title", tmp_path).read_text()
    assert re.findall(r"<h2>(.*?)(?: <small>.*?)?</h2>", page) == [
        "What became of the pairs",
        "By category",
        "Accuracy matrix: sim-a",
        "My own",
        "All measures with intervals",
        "What was planned and what came",
    ]
    assert "<small>coverage.csv</small>" in page


def test_every_picture_and_table_of_a_judge_report_has_a_title() -> None:
    assert set(results_titles.PICTURES) >= set(calibration_plots.PICTURES)
    assert set(results_titles.TABLES) >= {Path(name).stem for name in calibration_tables.FILES}
