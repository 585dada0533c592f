"""A real browser: Debian's chromium, driven by playwright. `make browser` installs both."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reporting.report.assemble import assemble
from reporting.report.page import write_page
from tests.reporting.report.conftest import PLANTED
from tests.reporting.report.worlds import judged_rows, val_bench_run, whole_world

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless chromium; a machine without it, or without playwright, skips with the reason.

    It goes with each module: playwright keeps an event loop running, beside which nothing can ask.
    """
    api = pytest.importorskip("playwright.sync_api", reason="make browser installs playwright")
    binary = shutil.which("chromium")
    if binary is None:
        pytest.skip("no chromium: make browser installs Debian's package")
    with api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=binary, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report over all benchmarks, with an attack planted in an answer."""
    root = tmp_path_factory.mktemp("browser")
    results = whole_world(root, a={3: PLANTED})
    return write_page(assemble([results], "Plumbline report"), root / "report.html")


@pytest.fixture(scope="session")
def large_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10,000 judged pairs of five models, about 2 KB of text each."""
    root = tmp_path_factory.mktemp("large")
    for number in range(5):
        model = f"sim/m{number}"
        rows = judged_rows(model, 0.5 + number / 10, 1000, 2, words=200)
        rows[1234] |= {"issue_description": f"The needle of {model}"}
        val_bench_run(root, model, rows, n_resamples=50)
    return write_page(assemble([root / "evaluation_results"]), root / "report.html")


class Opened:
    """An open page with everything it said and asked for."""

    def __init__(self, browser: Any, path: Path, dark: bool = False, phone: bool = False) -> None:
        size = {"width": 390, "height": 844} if phone else {"width": 1280, "height": 900}
        scheme = "dark" if dark else "light"
        self.context = browser.new_context(
            viewport=size, color_scheme=scheme, device_scale_factor=2 if phone else 1
        )
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("#tabs button")

    def _note(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def tab(self, name: str) -> None:
        """Open a tab."""
        self.page.click(f"#tabs button[data-tab={name}]")

    def column(self, number: int) -> list[str]:
        """The texts of a column of the first table that is shown."""
        cells = f"main > div:not([hidden]) table >> nth=0 >> td:nth-child({number})"
        return [" ".join(text.split()) for text in self.page.locator(cells).all_inner_texts()]

    def check(self) -> None:
        """No error on the console, and no request but the file itself."""
        assert self.errors == []
        assert [url for url in self.requests if not url.startswith(("file:", "data:"))] == []


@pytest.fixture
def opened(browser: Any) -> Iterator[Any]:
    """Opens pages and checks each when the test is over."""
    pages: list[Opened] = []

    def open_page(path: Path, **how: bool) -> Opened:
        pages.append(Opened(browser, path, **how))
        return pages[-1]

    yield open_page
    for page in pages:
        page.check()
        page.context.close()
