"""The report page in a real browser, opened from disk: nothing fails, nothing is fetched."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

SHOTS = os.environ.get("PLUMBLINE_SHOTS", "")
"""A folder for screenshots, such as docs/pictures."""
SHOWN = os.environ.get("PLUMBLINE_PAGE", "")
"""The page they show: the demo's report rather than the tests' planted world."""


def test_every_tab_draws(opened: Any, page_file: Path) -> None:
    page = opened(page_file)
    for tab in ("summary", "val_bench", "eigenbench", "steerability", "judges", "runs"):
        page.tab(tab)
        page.page.wait_for_selector(f"#tab-{tab} table")
        charts = page.page.locator(f"#tab-{tab} .plot")
        for at in range(charts.count()):
            charts.nth(at).scroll_into_view_if_needed()
            charts.nth(at).locator("svg").wait_for()


def test_sorts_a_table(opened: Any, page_file: Path) -> None:
    page = opened(page_file)
    assert page.column(1) == ["sim/a", "sim/c", "sim/b", "sim/d"]
    page.page.click("#tab-summary table >> nth=0 >> th button:has-text('VAL-Bench')")
    assert page.column(1)[0] == "sim/d"
    page.page.click("#tab-summary table >> nth=0 >> th button:has-text('EigenBench')")
    assert page.column(1) == ["sim/a", "sim/b", "sim/c", "sim/d"]
    head = page.page.locator("#tab-summary table >> nth=0 >> th:has-text('EigenBench')")
    assert head.get_attribute("aria-sort") == "descending"


def test_filters_and_opens_transcripts(opened: Any, page_file: Path) -> None:
    page = opened(page_file)
    page.tab("transcripts")
    found = page.page.locator(".count span")
    page.page.wait_for_selector(".item")
    everything = int(found.inner_text().split()[0].replace(",", ""))
    page.page.select_option("select[data-filter=benchmark]", "VAL-Bench")
    page.page.select_option("select[data-filter=model]", "sim/d")
    page.page.select_option("select[data-filter=outcome]", "contradictory")
    page.page.wait_for_function(
        "() => document.querySelector('.count span').textContent.startsWith('5')"
    )
    assert int(found.inner_text().split()[0]) < everything
    assert page.page.locator(".item").first.inner_text().count("contradictory") == 1
    page.page.locator(".item").nth(1).click()
    page.page.wait_for_selector(".detail .panel")
    text = page.page.locator(".detail").inner_text()
    assert "Asked from the side for" in text and "Alignment score" in text
    page.page.click("text=Clear filters")
    page.page.fill("input[type=search]", "Issue 17 of article 8")
    page.page.wait_for_function(
        "() => document.querySelector('.count span').textContent === '4 transcripts'"
    )


def test_searches_answers_too(opened: Any, page_file: Path) -> None:
    page = opened(page_file)
    page.tab("transcripts")
    page.page.wait_for_selector(".item")
    page.page.fill("input[type=search]", "window.planted = 2")
    page.page.wait_for_function(
        "() => document.querySelector('.count span').textContent === '1 transcript'"
    )
    page.page.locator(".item").click()
    page.page.wait_for_selector("mark")
    assert "onerror" in page.page.locator(".detail").inner_text()


def test_a_planted_script_does_not_run(opened: Any, page_file: Path) -> None:
    page = opened(page_file)
    page.tab("transcripts")
    page.page.wait_for_selector(".item")
    page.page.fill("input[type=search]", "window.planted")
    page.page.wait_for_function(
        "() => document.querySelector('.count span').textContent === '1 transcript'"
    )
    page.page.locator(".item").click()
    page.page.wait_for_selector(".detail .said")
    page.page.wait_for_timeout(300)
    assert "<script>window.planted = 1</script>" in page.page.locator(".detail").inner_text()
    assert page.page.evaluate("() => typeof window.planted") == "undefined"
    assert page.page.locator(".detail img, .detail script").count() == 0


def test_even_markup_put_there_by_force_is_not_run(opened: Any, page_file: Path) -> None:
    """The page's policy is the second wall: its own scripts alone, no handler, no request."""
    page = opened(page_file)
    page.page.evaluate(
        """() => {
            const holder = document.createElement('div');
            holder.innerHTML = '<img src=x onerror="window.planted = 3">';
            const script = document.createElement('script');
            script.textContent = 'window.planted = 4';
            document.body.append(holder, script);
        }"""
    )
    page.page.wait_for_timeout(300)
    assert page.page.evaluate("() => typeof window.planted") == "undefined"
    refused = [error for error in page.errors if "Content Security Policy" in error]
    assert refused
    page.errors.clear()
    page.requests = [url for url in page.requests if url.endswith("report.html")]


def test_a_link_opens_one_transcript(opened: Any, page_file: Path) -> None:
    page = opened(page_file)
    page.tab("transcripts")
    page.page.wait_for_selector(".item")
    page.page.locator(".item").nth(4).click()
    page.page.wait_for_selector(".detail h2")
    title, link = page.page.locator(".detail h2").inner_text(), page.page.evaluate("location.hash")
    other = opened(page_file)
    other.page.evaluate(f"location.hash = '{link}'")
    other.page.wait_for_selector(".detail h2")
    assert other.page.locator(".detail h2").inner_text() == title
    other.page.evaluate("location.hash = 'transcripts/0000000000'")
    other.page.wait_for_selector("text=There is no transcript 0000000000")


def test_switches_theme(opened: Any, page_file: Path) -> None:
    page = opened(page_file)
    ground = "() => getComputedStyle(document.body).backgroundColor"
    page.page.locator("#tab-summary .plot svg").first.wait_for()
    assert page.page.evaluate(ground) == "rgb(255, 255, 255)"
    page.page.click("#theme")
    assert page.page.evaluate(ground) == "rgb(22, 21, 24)"
    page.page.locator("#tab-summary .plot svg").first.wait_for()
    assert opened(page_file, dark=True).page.evaluate(ground) == "rgb(22, 21, 24)"


def test_fits_a_phone(opened: Any, page_file: Path) -> None:
    page = opened(page_file, phone=True)
    for tab in ("summary", "val_bench", "eigenbench", "steerability", "judges", "runs"):
        page.tab(tab)
        page.page.wait_for_selector(f"#tab-{tab} table")
        wide = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.page.evaluate(wide) <= 0, tab
    page.tab("transcripts")
    page.page.locator(".item").nth(2).click()
    page.page.wait_for_selector(".detail .panel")
    assert not page.page.locator(".list").is_visible()
    page.page.click("text=List")
    page.page.wait_for_selector(".list", state="visible")
    assert not page.page.locator(".detail .panel").first.is_visible()


def test_a_wide_table_keeps_all_its_columns_in_sight(opened: Any, page_file: Path) -> None:
    page = opened(page_file)
    over = page.page.evaluate(
        """async () => {
            const columns = [{ key: "model", label: "Model", kind: "model" }];
            const row = { model: "a display name (organisation/a-long-model-id-0.75)" };
            for (let n = 0; n < 5; n += 1) {
                columns.push({ key: `m${n}`, label: `A measure number ${n}`, kind: "interval",
                               digits: 0, plot: n === 0 });
                row[`m${n}`] = { v: 1595, lo: 1578, hi: 1614 };
            }
            const block = tableBlock({ columns, rows: [row] });
            document.querySelector("main > div:not([hidden])").prepend(block);
            await new Promise((done) => setTimeout(done, 300));
            const scroll = block.querySelector(".scroll");
            return [scroll.scrollWidth - scroll.clientWidth, !!block.querySelector(".dense")];
        }"""
    )
    assert over == [0, True]


def test_names_sort_by_the_numbers_in_them(opened: Any, page_file: Path) -> None:
    page = opened(page_file)
    names = ["eigen-0.9", "m10", "eigen-0.45", "m9", "eigen"]
    found = page.page.evaluate("(names) => names.sort(compareWords)", names)
    assert found == ["eigen", "eigen-0.45", "eigen-0.9", "m9", "m10"]


def test_ten_thousand_items_do_not_freeze_it(opened: Any, large_page: Path) -> None:
    page = opened(large_page)
    # The longest time the page does not answer, watched from inside.
    page.page.evaluate(
        """() => {
            window.longest = 0;
            let last = performance.now();
            setInterval(() => {
                const now = performance.now();
                window.longest = Math.max(window.longest, now - last);
                last = now;
            }, 20);
        }"""
    )
    page.tab("transcripts")
    page.page.wait_for_function(
        "() => document.querySelector('.count span')?.textContent === '10,000 transcripts'"
    )
    assert page.page.locator(".item").count() < 60
    page.page.evaluate("() => { document.querySelector('.list').scrollTop = 300000; }")
    page.page.wait_for_function(
        "() => [...document.querySelectorAll('.item')].some((i) => i.textContent.includes('Issue'))"
    )
    page.page.fill("input[type=search]", "the needle of")
    page.page.wait_for_function(
        "() => document.querySelector('.count span').textContent === '5 transcripts'",
        timeout=60_000,
    )
    assert page.page.evaluate("() => window.longest") < 1500


@pytest.mark.skipif(not SHOTS, reason="PLUMBLINE_SHOTS names no folder")
@pytest.mark.parametrize(
    ("name", "how"), [("", {}), ("_dark", {"dark": True}), ("_phone", {"phone": True})]
)
def test_pictures_for_the_documentation(
    opened: Any, page_file: Path, name: str, how: dict[str, bool]
) -> None:
    page = opened(Path(SHOWN).resolve() if SHOWN else page_file, **how)
    page.page.locator(".plot svg").first.wait_for()
    page.page.wait_for_timeout(500)
    page.page.screenshot(path=str(Path(SHOTS) / f"report_summary{name}.png"))
    page.tab("transcripts")
    page.page.select_option("select[data-filter=benchmark]", "VAL-Bench")
    page.page.wait_for_timeout(300)
    page.page.locator(".item").nth(2).click()
    page.page.wait_for_selector(".detail .panel")
    page.page.screenshot(path=str(Path(SHOTS) / f"report_transcript{name}.png"))
