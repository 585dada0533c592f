"""One look for every picture of the suite: colours, sizes, titles, intervals, provenance, saving.

The colours are Okabe and Ito's, which stay apart under the common kinds of colour blindness.
Figures are drawn at column width (6.4 in), so that the smallest text is still 8 pt when the picture
is printed at that width. No figure touches pyplot: no display is needed, and nothing is left open.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, BLACK = "#CC79A7", "#56B4E9", "#F0E442", "#000000"
PLUM, SAND = "#6A2C5B", "#DDD8CC"
PALETTE = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BLACK)
INK, MUTED, FAINT = "#222222", "#555555", "#DDDDDD"

WIDTH = 6.4  # inches
DPI = 200
TITLE_SIZE, TEXT_SIZE, SMALL_SIZE = 11.0, 9.0, 8.0
SIMULATED = "simulated models"

# Any: matplotlib's stub wants the literal names of its 330 settings.
_RC: Any = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same picture on every machine
    "font.size": TEXT_SIZE,
    "axes.labelsize": TEXT_SIZE,
    "axes.titlesize": TEXT_SIZE,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.labelsize": SMALL_SIZE,
    "ytick.labelsize": SMALL_SIZE,
    "legend.fontsize": SMALL_SIZE,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "hatch.linewidth": 0.8,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "none",  # text stays text: searchable, and read aloud by screen readers
    "svg.hashsalt": "plumbline",
}


class Interval(Protocol):
    """Anything with a value and the ends of its interval, such as a benchmark's Estimate."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


@contextmanager
def house() -> Iterator[None]:
    """Draw inside this context to get the house style; the caller's settings come back after it."""
    import matplotlib

    with matplotlib.rc_context(_RC):
        yield


def new_figure(
    title: str, subtitle: str = "", footnote: str = "", *, height: float, simulated: bool = False
) -> Figure:
    """An empty figure with its title, a line of figures below it, and its provenance at the foot.

    Args:
        title: what is shown; "(simulated models)" is added where `simulated`.
        subtitle: the headline numbers, with n and units.
        footnote: where the numbers come from.
        height: of the plotting area, in inches; room for the texts is added to it.
        simulated: the numbers come from the built-in simulated models.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    full_title = f"{title} ({SIMULATED})" if simulated else title
    lines = {
        "title": _wrap(full_title, TITLE_SIZE * 1.12),
        "subtitle": _wrap(subtitle, TEXT_SIZE),
        "footnote": _wrap(footnote, SMALL_SIZE),
    }
    top = 0.1 + 0.21 * len(lines["title"]) + 0.17 * len(lines["subtitle"])
    bottom = 0.06 + 0.15 * len(lines["footnote"])
    total = top + height + bottom
    figure = Figure(figsize=(WIDTH, total), dpi=DPI)
    rect = (0, bottom / total, 1, height / total)
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=rect, w_pad=0.08, h_pad=0.05))
    x, below_title = 0.1 / WIDTH, 1 - (0.1 + 0.21 * len(lines["title"])) / total
    text: dict[str, Any] = {"ha": "left", "va": "top", "linespacing": 1.25}
    figure.text(
        x, 1 - 0.08 / total, "\n".join(lines["title"]), size=TITLE_SIZE, weight="bold", **text
    )
    figure.text(x, below_title, "\n".join(lines["subtitle"]), color=INK, **text)
    foot = 0.06 / total
    figure.text(
        x, foot, "\n".join(lines["footnote"]), size=SMALL_SIZE, color=MUTED, ha="left", va="bottom"
    )
    return figure


def save(figure: Figure, path: str | Path, *, svg: bool = True) -> list[Path]:
    """Write the figure as PNG, and as SVG beside it; returns the files written.

    The same figure gives the same bytes: no date goes into the files.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    # A model's name may hold dots: only a picture's own suffix is taken off.
    stem = Path(path).with_suffix("") if Path(path).suffix in (".png", ".svg") else Path(path)
    png, vector = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.svg")
    png.parent.mkdir(parents=True, exist_ok=True)
    # Not `savefig`, which draws everything a second time to no effect: half of a picture's time.
    with house():
        FigureCanvasAgg(figure).print_png(png, metadata={"Software": None})
        if not svg:
            return [png]
        figure.set_layout_engine("none")  # everything is in its place by now
        FigureCanvasSVG(figure).print_svg(vector, metadata={"Date": None, "Creator": None})
    return [png, vector]


def draw_intervals(
    axes: Axes,
    positions: Sequence[float],
    estimates: Sequence[Interval],
    *,
    color: str = INK,
    marker: str = "o",
    label: str | None = None,
    horizontal: bool = False,
    hollow: bool = False,
) -> None:
    """Points with their 95% intervals: NaN is left out, and without an interval a point is bare."""
    known = [(p, e) for p, e in zip(positions, estimates, strict=True) if e.value == e.value]
    places, values = [p for p, _ in known], [e.value for _, e in known]
    errors = [
        [max(e.value - e.low, 0.0) if e.low == e.low else float("nan") for _, e in known],
        [max(e.high - e.value, 0.0) if e.high == e.high else float("nan") for _, e in known],
    ]
    look: dict[str, Any] = {
        "fmt": marker,
        "color": color,
        "markersize": 4.5,
        "markerfacecolor": "white" if hollow else color,
        "elinewidth": 1.3,
        "capsize": 2.5,
        "label": label,
        "zorder": 3,
    }
    if horizontal:
        axes.errorbar(values, places, xerr=errors, **look)
    else:
        axes.errorbar(places, values, yerr=errors, **look)


def legend_above(axes: Axes, columns: int) -> None:
    """A legend over the plot that reads row by row (matplotlib fills it column by column)."""
    handles, labels = axes.get_legend_handles_labels()
    order = [at for column in range(columns) for at in range(column, len(labels), columns)]
    axes.legend(
        [handles[at] for at in order],
        [labels[at] for at in order],
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=columns,
        borderaxespad=0.2,
        handlelength=1.4,
    )


def fit_percent_range(axes: Axes, estimates: Sequence[Interval]) -> None:
    """A horizontal scale in percent that shows all intervals, at least 10 wide, within 0 to 100."""
    ends = [end for e in estimates for end in (e.low, e.value, e.high) if end == end] or [0.0]
    low, high = min(ends), max(ends)
    if high - low < 10:
        low, high = max(0.0, (low + high) / 2 - 5), min(100.0, (low + high) / 2 + 5)
    margin = 0.06 * (high - low)
    axes.set_xlim(low - margin, high + margin)
    axes.locator_params(axis="x", nbins=4, integer=True)


def text_color_on(background: str) -> str:
    """Black or white, whichever is easier to read on a colour (WCAG relative luminance)."""
    from matplotlib.colors import to_rgb

    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(background)
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "white" if luminance < 0.179 else "black"


def number(value: float, digits: int = 1) -> str:
    """A number as a reader wants it: a true minus sign, no "-0.0", a dash for what is undefined."""
    if value != value:
        return "–"
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "\u2212")


def with_interval(estimate: Interval, unit: str = "", digits: int = 1) -> str:
    """The value in words, as in 61.3% (95% CI 52.0 to 70.1); says so where it has no interval."""
    value = f"{number(estimate.value, digits)}{unit}"
    if estimate.low != estimate.low:
        return f"{value} (no interval)"
    low, high = number(estimate.low, digits), number(estimate.high, digits)
    return f"{value} (95% CI {low} to {high})"


def _wrap(text: str, size: float) -> list[str]:
    """Lines that fit the figure's width; DejaVu Sans runs at about 0.53 em a letter."""
    letters = int((WIDTH - 0.2) * 72 / (0.53 * size))
    return [
        line
        for part in text.splitlines()
        for line in textwrap.wrap(part, letters, break_on_hyphens=False)
    ]
