"""A card and a results page in a browser offline: the tables are there, no markup runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from reporting.results_page import write_results_page
from tests.flows.conftest import ROOT, Scratch

pytestmark = pytest.mark.slow

FONTS = {"fonts.googleapis.com", "fonts.gstatic.com"}
MARKUP = "<img src=x onerror=\"document.title='owned'\"><b id=bold>loud</b>"


class Seen(NamedTuple):
    """What a browser made of a page.

    Attributes:
        dom: the document after its scripts have run.
        hosts: what it wanted from the network.
        tables: how many tables it shows.
    """

    dom: str
    hosts: set[str]
    tables: int


def browse(browser: Any, path: Path, wait_for: str = "body") -> Seen:
    """Open a page without a network."""
    context = browser.new_context(offline=True)
    page, urls = context.new_page(), []
    page.on("request", lambda request: urls.append(request.url))
    page.goto(path.resolve().as_uri(), wait_until="domcontentloaded")
    page.wait_for_selector(wait_for, state="attached", timeout=60_000)
    seen = page.content(), page.locator("table").count()
    context.close()
    hosts = {urlsplit(url).hostname or "" for url in urls if url.startswith("http")}
    return Seen(seen[0], hosts, seen[1])


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A finished VAL-Bench run whose categories are markup."""
    scratch = Scratch(tmp_path_factory.mktemp("cards"))
    scratch.env.pop("METAFLOW_CARD_LOCALROOT")  # the Client API looks where Metaflow puts them
    rows = [json.loads(line) for line in (ROOT / "data/val_bench_pairs.jsonl").open()][:16]
    with (scratch.folder / "pairs.jsonl").open("w") as file:
        for row in rows:
            file.write(json.dumps(row | {"category": MARKUP}) + "\n")
    scratch.ok(
        "val_bench_responses_flow.py",
        *("run", "--model_id", "sim/waverer", "--dataset_id", "./pairs.jsonl"),
    )
    responses = "local_results/responses/val_responses-sim-waverer"
    scratch.ok(
        "evaluator_flow.py",
        *("run", "--judge_model_id", "sim/judge", "--responses_ds_path", responses),
    )
    return scratch


def card_of(scratch: Scratch) -> str:
    """The HTML of the card `results`, through the Client API."""
    code = (
        "from metaflow import Flow, namespace; from metaflow.cards import get_cards\n"
        "namespace(None); step = Flow('EvaluatorFlow').latest_run['measure']\n"
        "print(get_cards(step.task, id='results')[0].get())"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=scratch.folder,
        env=scratch.env | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_card_opens_offline(browser: Any, judged: Scratch, tmp_path: Path) -> None:
    (tmp_path / "card.html").write_text(card_of(judged))
    seen = browse(browser, tmp_path / "card.html", wait_for="table")
    assert seen.tables >= 2 and "alignment_statistics.csv" in seen.dom
    assert seen.hosts <= FONTS
    assert_harmless(seen.dom)


def test_the_results_page_needs_no_network(browser: Any, judged: Scratch) -> None:
    seen = browse(browser, judged.folder / "evaluation_results/sim-waverer-judge/results.html")
    assert seen.tables >= 3 and "category_metrics.csv" in seen.dom
    assert seen.hosts == set()
    assert_harmless(seen.dom)


def assert_harmless(dom: str) -> None:
    """The markup stands there as text."""
    assert "loud" in dom
    assert '<b id="bold">' not in dom and "<title>owned" not in dom
    assert 'src="x"' not in dom


def test_markup_that_is_let_through_is_seen_by_these_tests(browser: Any, tmp_path: Path) -> None:
    page = write_results_page(f"title\n{MARKUP}", tmp_path)
    assert_harmless(browse(browser, page).dom)
    (tmp_path / "open.html").write_text(f"<p>{MARKUP}</p>")
    with pytest.raises(AssertionError):
        assert_harmless(browse(browser, tmp_path / "open.html").dom)
