"""A judge report as a page: sections of words, tables and pictures, in Markdown and in HTML.

Words of judges and models stand in it as text: they are escaped, never run.
"""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from calibration.report import JudgeReport
from calibration.thresholds import PASS
from reporting.calibration_tables import HIGH, LOW, tables
from reporting.calibration_words import VERDICTS
from reporting.style import number

READING = (
    "A judge passes when every measure lies within its passing limit. Caution means that a measure "
    "lies between its limits, or that the sample is too small to tell. A judge that fails should "
    "not be believed: its scores are printed with a warning, and the corrected ones are wide."
)
_CELL = 300
_STYLE = """
:root { color-scheme: light; font: 16px/1.5 system-ui, sans-serif; color: #222; }
body { max-width: 60rem; margin: 1.5rem auto; padding: 0 1rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0 1rem; font-size: .85rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem; }
th, td { border-bottom: 1px solid #ddd; }
td.long { min-width: 22rem; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
img { max-width: 40rem; width: 100%; height: auto; display: block; margin: .5rem 0; }
.verdict { font-weight: bold; padding: .5rem .75rem; border-left: .4rem solid; }
.pass { border-color: #009E73; background: #E6F4EF; }
.caution { border-color: #E69F00; background: #FDF5E1; }
.fail, .not-measured { border-color: #D55E00; background: #FBEAE0; }
"""


@dataclass(frozen=True)
class Section:
    """One section of the page.

    Attributes:
        title: Its heading.
        words: Paragraphs.
        table: File name of a table, '' for none.
        picture: Name of a picture without its suffix, '' for none.
    """

    title: str
    words: str = ""
    table: str = ""
    picture: str = ""


SECTIONS = (
    Section("Verdict", READING, "checks.csv", "calibration"),
    Section(
        "Known answers",
        "PAC of a perfect judge beside the measured one, for each manner of asking.",
        "known_answer_sets.csv",
        "known_answers",
    ),
    Section("Confusion", "What pairs of each known outcome were judged as.", "", "confusion"),
    Section("Worst disagreements", "In the judge's own words.", "worst_disagreements.csv"),
    Section(
        "Order",
        "Each pair judged in both orders; the p-value is exact, Holm's corrects for the number of "
        "verdicts tested.",
        "order.csv",
        "order",
    ),
    Section("Repeatability", "The same pair read several times.", "repeatability.csv"),
    Section("Jury", "Quadratic-weighted kappa, Krippendorff's alpha.", "jury_pairs.csv", "jury"),
    Section("Jury, judge by judge", "What the score owes to each judge.", "jury_seats.csv"),
    Section(
        "Self-preference",
        "The judge on models of its own kind against the other judges.",
        "self_preference.csv",
    ),
    Section("Length and style", "At equal verdict of the others.", "style.csv", "style"),
    Section("People", "Agreement with annotators.", "people.csv", "people"),
    Section("May the judge stand in for a person?", "", "alt_test.csv"),
    Section("Scores set right by people", "", "corrected_by_people.csv"),
    Section(
        "Trust and accuracy", "EigenBench's assumption.", "trust_accuracy.csv", "trust_accuracy"
    ),
    Section("Not measured", "", "absent.csv"),
)


def page_title(report: JudgeReport) -> str:
    """The report's title, which says when it is about simulated models."""
    simulated = " (SIMULATED models: shows the pipeline, says nothing of any real model)"
    return f"Judge report: {report.judge_id}{simulated if report.simulated else ''}"


def verdict_line(report: JudgeReport) -> str:
    """The verdict and, below a pass, why."""
    line = f"Verdict: {report.verdict.upper()} ({report.manner})."
    return line if report.verdict == PASS else f"{line} {report.warning}"


def _alt_words(report: JudgeReport) -> str:
    found = report.alt_test
    if found is None:
        return ""
    if found.skipped:
        return f"The alternative annotator test was skipped: {found.skipped}."
    word = "may" if found.passes else "may not"
    return (
        f"Alternative annotator test (arXiv 2501.10970), epsilon {found.epsilon:g}: winning rate "
        f"{found.winning_rate:.2f}, so the judge {word} stand in for an annotator; average "
        f"advantage {found.advantage}."
    )


def _filled(report: JudgeReport, folder: Path) -> list[tuple[Section, str, pd.DataFrame | None]]:
    """Sections that have something to show, with their words and tables."""
    found = tables(report)
    result = []
    for section in SECTIONS:
        words = _alt_words(report) if section.table == "alt_test.csv" else section.words
        table = compact(found[section.table]) if section.table in found else None
        picture = section.picture and (folder / f"{section.picture}.png").exists()
        if table is not None or picture or (section.table == "alt_test.csv" and words):
            result.append((section, words, table))
    return result


def compact(table: pd.DataFrame) -> pd.DataFrame:
    """The table as a reader wants it: each value and its interval in one cell and to the same
    digits, shares as percent, no empty columns."""
    table = _for_readers(table)
    merged: dict[str, list[object]] = {}
    for name in map(str, table.columns):
        if name.endswith((LOW, HIGH)):
            continue
        prefix = "" if name == "Value" else f"{name} "
        if f"{prefix}{LOW}" not in table:
            merged[name] = _alike(table[name])
            continue
        ends = [table[part] for part in (name, f"{prefix}{LOW}", f"{prefix}{HIGH}")]
        rows = zip(*ends, _digits(table, name, ends), strict=True)
        merged[f"{name} (95% CI)"] = [_with_ends(*row) for row in rows]
    return pd.DataFrame(
        {name: cells for name, cells in merged.items() if any(map(_says_something, cells))}
    )


_SHARES = ("Accuracy", "Identical")
"""Columns that hold shares in every row."""
_SHARE_ROWS = (
    "Share of the variance within items",
    "Items whose readings are all the same (share)",
)


def _for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Shares as percent, and names in words."""
    table = table.copy()
    for name in _SHARES:
        for end in ("", f" {LOW}", f" {HIGH}"):
            if f"{name}{end}" in table:
                table[f"{name}{end}"] *= 100.0
    names = {f"{name}{end}": f"{name} %{end}" for name in _SHARES for end in ("", f" {LOW}")}
    names |= {f"{name} {HIGH}": f"{name} % {HIGH}" for name in _SHARES}
    table = table.rename(columns=names)
    if "Unit" in table:
        _scale(table, table["Unit"] == "share", ["Passes at", "Fails beyond", "Value", LOW, HIGH])
        table["Unit"] = table["Unit"].replace("share", "%")
    if "Statistic" in table:
        shares = table["Statistic"].isin(_SHARE_ROWS)
        _scale(table, shares, ["Value", LOW, HIGH])
        words = table["Statistic"].str.removesuffix(" (share)")
        table["Statistic"] = words.where(~shares, words + " (%)")
    if "Section" in table:
        table["Section"] = table["Section"].str.replace("_", " ")
    if "Verdict" in table:
        table["Verdict"] = [VERDICTS.get(name, name) for name in table["Verdict"]]
    return table


def _scale(table: pd.DataFrame, rows: pd.Series, columns: Sequence[str]) -> None:
    """Some rows of some columns as percent."""
    for name in columns:
        numbers = pd.to_numeric(table[name])
        table[name] = numbers.where(~rows, 100.0 * numbers)


def _digits(table: pd.DataFrame, name: str, ends: Sequence[pd.Series]) -> list[int]:
    """Digits after the point, row by row: one of percent and of PAC, two of everything smaller."""
    if name == "Value" and "Unit" in table:
        return [1] * len(table)
    if name == "Value":
        named = table.get("Statistic", pd.Series("", table.index))
        return [1 if str(words).endswith("(%)") else 2 for words in named]
    largest = max(pd.to_numeric(end).abs().max() for end in ends)
    return [1 if largest >= 5 else 2] * len(table)


def _with_ends(value: object, low: object, high: object, digits: int) -> str:
    """A value and its ends, all to the same digits."""
    words = [
        number(float(n) if isinstance(n, float | int) else math.nan, digits)
        for n in (value, low, high)
    ]
    # One line may end before the interval, none within it.
    return words[0] if words[1] == "–" else f"{words[0]} ({words[1]}\u00a0to\u00a0{words[2]})"


def _alike(column: pd.Series) -> list[object]:
    """A column's cells; whole numbers without a point."""
    cells = column.tolist()
    known = [cell for cell in cells if isinstance(cell, float) and not math.isnan(cell)]
    if not known or not all(cell.is_integer() for cell in known):
        return cells
    return [int(c) if isinstance(c, float) and not math.isnan(c) else c for c in cells]


def _says_something(cell: object) -> bool:
    return shown(cell) not in ("", "–")


def markdown(report: JudgeReport, folder: Path) -> str:
    """The page as Markdown, with the pictures beside it."""
    lines = [f"# {_md(page_title(report))}", "", f"**{_md(verdict_line(report))}**", ""]
    for section, words, table in _filled(report, folder):
        lines += [f"## {section.title}", ""]
        lines += [words, ""] if words else []
        if section.picture and (folder / f"{section.picture}.png").exists():
            lines += [f"![{section.title}]({section.picture}.png)", ""]
        if table is not None:
            lines += [*_markdown_table(table), ""]
    lines += ["## Notes", "", *(f"* {name}: {_md(text)}" for name, text in report.notes.items())]
    return "\n".join(lines) + "\n"


def _markdown_table(table: pd.DataFrame) -> list[str]:
    rows = [[_md(shown(cell)) for cell in row] for row in table.itertuples(index=False)]
    head = [_md(str(name)) for name in table.columns]
    rule = ["---:" if _numeric(table[name]) else "---" for name in table.columns]
    return [f"| {' | '.join(row)} |" for row in [head, rule, *rows]]


def _md(text: str) -> str:
    """Text that no Markdown reader takes for markup, in one line."""
    flat = html.escape(" ".join(text.split()), quote=False)
    for mark in "\\`*_[]|":
        flat = flat.replace(mark, f"\\{mark}")
    return flat


def page(report: JudgeReport, folder: Path) -> str:
    """The page as one self-contained HTML document."""
    title, parts = html.escape(page_title(report)), []
    for section, words, table in _filled(report, folder):
        parts.append(f"<h2>{html.escape(section.title)}</h2>")
        parts += [f"<p>{html.escape(words)}</p>"] if words else []
        parts.append(_picture(folder / f"{section.picture}.png", section.title))
        parts += [_html_table(table)] if table is not None else []
    notes = "".join(
        f"<li>{html.escape(name)}: {html.escape(text)}</li>" for name, text in report.notes.items()
    )
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    verdict = report.verdict.replace(" ", "-")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body><h1>{title}</h1>\n"
        f'<p class="verdict {verdict}">{html.escape(verdict_line(report))}</p>\n'
        + "\n".join(filter(None, parts))
        + f"\n<h2>Notes</h2><ul>{notes}</ul></body></html>\n"
    )


def _picture(path: Path, title: str) -> str:
    if not path.exists():
        return ""
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{html.escape(title)}" src="data:image/png;base64,{data}">'


def _html_table(table: pd.DataFrame) -> str:
    head = "".join(f'<th scope="col">{html.escape(str(name))}</th>' for name in table.columns)
    numeric = [_numeric(table[name]) for name in table.columns]
    rows = [_html_row(row, numeric) for row in table.itertuples(index=False)]
    return (
        f'<div class="table"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _html_row(row: Sequence[object], numeric: Sequence[bool]) -> str:
    cells = [
        f"<td{' class=number' if is_number else ''}>{html.escape(shown(cell))}</td>"
        for cell, is_number in zip(row, numeric, strict=True)
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _numeric(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column))


def shown(cell: object) -> str:
    """A cell as a reader wants it: three significant digits, a dash for what is undefined."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return "–"
    if isinstance(cell, float):
        return f"{cell:.3g}" if abs(cell) < 100 else f"{cell:.1f}"
    text = str(cell)
    return text if len(text) <= _CELL else f"{text[:_CELL]}…"
