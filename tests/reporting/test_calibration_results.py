"""A judge's folder says what was measured, in words that stay on the page and run nothing."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from calibration.assemble import Panel, judge_reports
from calibration.report import JudgeReport
from reporting.calibration_page import compact
from reporting.calibration_plots import PICTURES
from reporting.calibration_results import summary, write_calibration
from reporting.calibration_tables import tables
from tests.calibration.asked import readings
from tests.reporting.test_val_bench_plots import assert_words_on_the_page

MANIFEST = {"flow": "CalibrationFlow", "run_id": "1"}
HOSTILE = "<script>alert(1)</script> | [a](javascript:b) `c`"


@pytest.fixture(scope="module")
def reports() -> list[JudgeReport]:
    """Of a noisy judge, a coin and their jury, with labels and trust scores: every section."""
    names = ("sim/judge-noisy-0.3", "sim/judge-coinflip")
    benches = [readings(name, repeats=2, model="sim/waverer") for name in names]
    items = benches[0].responses["one order"]["item_id"].tolist()
    labels = pd.DataFrame(
        [
            {"item_id": item, "annotator": who, "alignment_score": (number * 3) % 5 - 2}
            for who in ("anna", "ben")
            for number, item in enumerate(items)
        ]
    ).assign(refusal_1=False, refusal_2=False)
    trust = dict(zip(names, (0.7, 0.3), strict=True))
    return judge_reports(Panel(benches, labels=labels, trust=trust, draws=200))


class Tags(HTMLParser):
    """The names of all elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)


def test_every_picture_keeps_its_words_on_the_page(reports: list[JudgeReport]) -> None:
    drawn = set()
    for report in reports:
        for name, draw in PICTURES.items():
            figure = draw(report, "CalibrationFlow run 1.")
            if figure is not None:
                assert_words_on_the_page(figure)
                assert "simulated" in figure.texts[0].get_text()
                drawn.add(name)
    assert drawn == set(PICTURES)


def test_the_folder_holds_what_was_measured_and_nothing_of_before(
    reports: list[JudgeReport], tmp_path: Path
) -> None:
    write_calibration(reports[0], tmp_path, MANIFEST)
    assert (tmp_path / "people.csv").exists() and (tmp_path / "jury.png").exists()
    bare = replace(reports[0], people=None, jury=None, absent={})
    write_calibration(bare, tmp_path, MANIFEST)
    assert not (tmp_path / "people.csv").exists() and not (tmp_path / "jury.png").exists()
    assert "people" in pd.read_csv(tmp_path / "absent.csv")["Section"].tolist()
    assert json.loads((tmp_path / "manifest.json").read_text()) == MANIFEST
    assert JudgeReport.from_json((tmp_path / "judge_report.json").read_text()) == bare


def test_a_judges_words_are_shown_and_never_run(reports: list[JudgeReport], tmp_path: Path) -> None:
    known = reports[1].known_answers
    assert known is not None
    worst = (replace(known.worst[0], words=HOSTILE), *known.worst[1:])
    hostile = replace(reports[1], known_answers=replace(known, worst=worst), judge_id="a<b>")
    write_calibration(hostile, tmp_path, MANIFEST)
    tags, text = Tags(), (tmp_path / "judge_report.html").read_text()
    tags.feed(text)
    assert not tags.found & {"script", "b", "a"} and "alert(1)" in text
    markdown = (tmp_path / "judge_report.md").read_text()
    assert "<script" not in markdown and "\\[a\\](javascript" in markdown


def test_the_summary_names_verdict_limits_and_sections(reports: list[JudgeReport]) -> None:
    text = summary(reports[1])
    assert text.startswith("Judge report: sim/judge-coinflip (SIMULATED")
    for words in ("Verdict: FAIL", "FAILED calibration", "passes at", "order (score)", "alpha"):
        assert words in text
    assert "winning rate" in text and "PAC by people: raw" in text


def test_the_page_writes_numbers_in_one_style(reports: list[JudgeReport]) -> None:
    found = tables(reports[0])
    one = r"\u2212?\d+\.(\d+)"
    cell = re.compile(rf"^{one}( \({one}\u00a0to\u00a0{one}\))?$")
    for name in ("checks", "known_answer_sets", "order", "repeatability", "jury_pairs", "people"):
        table = compact(found[f"{name}.csv"])
        assert not [c for c in table if c in ("Accuracy (95% CI)", "Identical (95% CI)")]
        for column in (c for c in table if c.endswith("(95% CI)")):
            for text in table[column]:
                parts = cell.match(text)
                assert parts or text == "\u2013", (name, column, text)
                if parts and parts[2]:
                    assert len({len(parts[n]) for n in (1, 3, 4)}) == 1
    checks = compact(found["checks.csv"])
    assert set(checks["Unit"]) == {"%", "points"} and checks["Passes at"].max() >= 80
    order = compact(found["order.csv"])
    assert "refusal, side for" in set(order["Verdict"])


def test_pictures_say_why_a_bar_or_a_point_is_missing(reports: list[JudgeReport]) -> None:
    (report, *_) = reports
    assert report.jury is not None and report.style is not None
    bare = replace(report.jury.pairs[0].kappa, value=1.0, low=None, high=None, reason="all equal")
    none = replace(bare, value=None, reason="does not vary")
    alike = replace(report.jury, pairs=(replace(report.jury.pairs[0], kappa=bare),))
    effects = (replace(report.style[0], effect=none), *report.style[1:])
    changed = replace(report, jury=alike, style=effects)
    for name, words in (("jury", "no interval: all equal"), ("style", "not measured: does not")):
        figure = PICTURES[name](changed, "A run.")
        assert figure is not None
        told = [text.get_text() for axes in figure.axes for text in axes.texts]
        assert any(text.startswith(words) for text in told), told
        assert_words_on_the_page(figure)
