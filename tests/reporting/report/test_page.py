"""The page: nothing in it can be mistaken for markup, and every transcript comes back whole."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from reporting.report.assemble import Report
from reporting.report.build import write_report
from reporting.report.page import HTML, write_page
from tests.reporting.report.conftest import PLANTED


@pytest.fixture(scope="module")
def page(report: Report, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_page(report, tmp_path_factory.mktemp("page") / "report.html").read_text("utf-8")


def unpacked(text: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(text)))


def data_of(page: str) -> dict:
    return json.loads(re.findall(r'id="report">(.*?)</script>', page, re.DOTALL)[0])


def test_scripts_are_ours_alone(page: str) -> None:
    policy = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)[0]
    allowed = set(re.findall(r"'sha256-([^']*)'", policy))
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    assert len(scripts) == 4 and set(hashes) == allowed
    assert "default-src 'none'" in policy and "eval" not in policy
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=[\"']?https?:", page)
    assert "window.planted" not in page  # only inside packed texts
    assert page.count("</script>") == page.count("<script")


def test_every_transcript_comes_back(page: str, report: Report) -> None:
    index = data_of(page)["transcripts"]
    columns = dict(zip(index["fields"], unpacked(index["packed"]), strict=True))
    bodies: list[Any] = []
    for chunk in re.findall(r'id="chunk-\d+">([^<]*)<', page):
        bodies += unpacked(chunk)
    assert len(bodies) == index["count"] == index["total"] == len(columns["id"]["rows"])
    assert len(columns["id"]["values"]) == index["count"], "ids are unique"
    said = [part[1] for body in bodies for _, _, parts in body for part in parts]
    assert PLANTED in said


def test_fewer_transcripts_where_there_are_many(report: Report, tmp_path: Path) -> None:
    path = write_page(report, tmp_path / "small.html", most_transcripts=50)
    index = data_of(path.read_text("utf-8"))["transcripts"]
    assert index["count"] == 50 and index["total"] > 500


def test_tabs_say_what_they_should(page: str) -> None:
    tabs = {tab["id"]: tab for tab in data_of(page)["tabs"]}
    assert list(tabs) == ["summary", "val_bench", "eigenbench", "steerability", "judges", "runs"]
    text = json.dumps(tabs["summary"])
    assert "says nothing of any real model" in text
    assert "A report (simulated models)" in page


def test_vendored_libraries_are_the_documented_ones() -> None:
    readme = (HTML / "vendor" / "README.md").read_text()
    for path in (HTML / "vendor").glob("*.js"):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert f"`{path.name}`" in readme and digest in readme


def test_a_report_leaves_page_tables_pictures_and_its_manifest(
    report: Report, tmp_path: Path
) -> None:
    told = write_report(report, tmp_path, {"benchmark": "report"}, 100)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"report.html", "scores.csv", "differences.csv", "agreement.csv", "spent.csv"} <= names
    assert {"runs.csv", "problems.csv", "manifest.json", "leaderboard_val_bench.svg"} <= names
    assert "VAL-Bench: PAC" in told and "sim/a" in told and "rank 2 to 3" in told
