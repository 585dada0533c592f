"""The static page: one file that opens from disk, needs no network, and runs nothing but its own.

Three things keep a model's text from ever being run. Texts of transcripts are compressed and in
base64; all other data are JSON with every `<` escaped; and the page's own policy allows exactly the
scripts whose hashes it names, and no connection to anywhere. The scripts put texts into the page as
text nodes alone.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from inference.secrets import NO_WORD, scrub
from reporting.report.assemble import Report
from reporting.report.sections import about, tabs
from reporting.report.transcripts import INDEX, Transcript, allot, pack, packed_chunks, sample

HTML = Path(__file__).parent.parent / "html"
VENDOR = ("vega.min.js", "vega-lite.min.js")
INTERPRETER = "vega-interpreter.js"
SCRIPTS = ("dom.js", "tables.js", "charts.js", "blocks.js", "transcripts.js", "main.js")
MOST_TRANSCRIPTS = 10_000


def write_page(report: Report, path: Path, most_transcripts: int = MOST_TRANSCRIPTS) -> Path:
    """Write the page; returns its path. It is written through a temporary name, chunk by chunk.

    Args:
        report: what it shows.
        path: of the HTML file.
        most_transcripts: how many items can be opened, an even share of each run where there are
            more; 0 for all.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".{path.name}.writing")
    before, after = _frame(report)
    with staging.open("w", encoding="utf-8", errors="replace") as file:
        file.write(before)
        index = _write_chunks(report, file, most_transcripts)
        file.write(_data("report", _payload(report, index)))
        file.write(after)
    staging.rename(path)
    return path


def _frame(report: Report) -> tuple[str, str]:
    """The page before and after its data."""
    template = (HTML / "page.html").read_text(encoding="utf-8")
    scripts = [_vendored(name) for name in VENDOR]
    scripts += [_interpreter(), "\n".join(_ours(name) for name in SCRIPTS)]
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts)
    filled = {
        "TITLE": html.escape(report.title),
        "POLICY": f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'",
        "STYLE": (HTML / "page.css").read_text(encoding="utf-8"),
        "SCRIPTS": "\n".join(f"<script>{script}</script>" for script in scripts),
    }
    page = re.sub(r"\{\{(\w+)\}\}", lambda match: filled.get(match[1], match[0]), template)
    before, _, after = page.partition("<!-- DATA -->")
    return before, after


def _payload(report: Report, index: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": report.title,
        "about": about(report),
        "tabs": tabs(report),
        "transcripts": index,
    }


def chosen_transcripts(report: Report, most: int) -> Iterator[Transcript]:
    """The transcripts to show, run by run: all, or an even share of each run."""
    sources = [r.transcripts for r in report.readings if r.transcripts is not None]
    for source, share in zip(sources, allot([len(s.strata) for s in sources], most), strict=True):
        yield from source.read(sample(source.strata, share))


def count_transcripts(report: Report) -> int:
    """How many items there are to open."""
    return sum(len(r.transcripts.strata) for r in report.readings if r.transcripts is not None)


def _write_chunks(report: Report, file: IO[str], most: int) -> dict[str, Any]:
    """Write the packed texts; returns the index that goes with them."""
    rows: list[list[str]] = []
    for number, (part, packed) in enumerate(packed_chunks(chosen_transcripts(report, most))):
        rows += part
        file.write(f'<script type="text/plain" id="chunk-{number}">{packed}</script>\n')
    return {
        "fields": list(INDEX),
        "packed": pack(_columns(rows)),
        "count": len(rows),
        "total": count_transcripts(report),
    }


def _columns(rows: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """Each field as its distinct values and, for each row, the place among them."""
    columns = []
    for at in range(len(INDEX)):
        values = [scrub(row[at], NO_WORD) for row in rows]
        distinct = list(dict.fromkeys(values))
        place = {value: number for number, value in enumerate(distinct)}
        columns.append({"values": distinct, "rows": [place[value] for value in values]})
    return columns


def _data(name: str, content: Any) -> str:
    """A JSON data block that no text in it can close."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    safe = scrub(text, NO_WORD).replace("<", "\\u003c").replace("\u2028", "\\u2028")
    return f'<script type="application/json" id="{name}">{safe}</script>\n'


def _vendored(name: str) -> str:
    """A library as published, without the pointer to a map that is not there."""
    text = (HTML / "vendor" / name).read_text(encoding="utf-8")
    return re.sub(r"\n?//# sourceMappingURL=.*\s*$", "\n", text)


def _interpreter() -> str:
    """The expression interpreter, published as a module: Vega then needs no `eval`."""
    text = _vendored(INTERPRETER)
    text = re.sub(r"^import \{([^}]*)\} from 'vega-util';", r"const {\1} = vega;", text, count=1)
    text = re.sub(
        r"export \{ (\w+) as expressionInterpreter \};",
        r"vega.expressionInterpreter = \1;",
        text,
        count=1,
    )
    return f"(function () {{\n{text}\n}})();"


def _ours(name: str) -> str:
    return (HTML / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
