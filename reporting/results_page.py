"""results.html: one page beside a run's results that shows all of them, with nothing to fetch.

The same as the card of the last step, for where no card can be shown: a folder on S3, a mail.
Whatever came from a model or a data set is text here; no markup of it is run.
"""

from __future__ import annotations

import base64
import csv
import html
import textwrap
from pathlib import Path

from reporting.results_titles import titled

NAME = "results.html"
MOST_ROWS = 500
MOST_LETTERS = 120
"""Of a line of the summary that is a sentence."""
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem;"
    "color:#222}table{border-collapse:collapse;font-size:13px}td,th{padding:.2rem .6rem;"
    "border-bottom:1px solid #ddd;text-align:left}pre{overflow-x:auto;background:#f6f6f6;"
    "padding:1rem}img{max-width:100%}.scroll{overflow-x:auto}"
    "small{color:#666;font-weight:normal;font-size:.7em}"
)


def write_results_page(summary: str, folder: Path) -> Path:
    """Write the page of a results folder: its summary, pictures and tables; return its path."""
    title, _, rest = summary.partition("\n")
    body = textwrap.dedent(rest).strip("\n")  # the first line's own indent keeps the columns
    parts = [f"<h1>{_text(title)}</h1>", f"<pre>{_text(_wrapped(body))}</pre>"]
    parts += [_picture(name, path) for name, path in titled(folder, ".png")]
    parts += [_table(name, path) for name, path in titled(folder, ".csv")]
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    page = (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )
    path = folder / NAME
    path.write_text(page, encoding="utf-8", errors="backslashreplace")
    return path


def _text(value: str) -> str:
    return html.escape(value)


def _wrapped(body: str) -> str:
    """Long sentences in several lines; columns stay as they are."""
    lines = []
    for line in body.splitlines():
        words = line.lstrip()
        if len(line) <= MOST_LETTERS or "  " in words:
            lines.append(line)
            continue
        indent = line[: len(line) - len(words)]
        lines += textwrap.wrap(
            words,
            MOST_LETTERS,
            initial_indent=indent,
            subsequent_indent=f"{indent}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines)


def _picture(title: str, path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    name = _text(title)
    return f'<h2>{name}</h2><img alt="{name}" src="data:image/png;base64,{data}">'


def _table(title: str, path: Path) -> str:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    if not rows:
        return ""
    head = "".join(f"<th>{_text(cell)}</th>" for cell in rows[0])
    body = "".join(
        f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>"
        for row in rows[1 : MOST_ROWS + 1]
    )
    more = (
        f"<p>{len(rows) - 1:,} rows; the first {MOST_ROWS:,}.</p>" if len(rows) > MOST_ROWS else ""
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    named = f"<small>{_text(path.name)}</small>"
    return f'<h2>{_text(title)} {named}</h2>{more}<div class="scroll">{table}</div>'
