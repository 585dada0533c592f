"""The pictures of an EigenBench run, each drawn from its analysis and nothing else.

EigenBench (Chang et al., arXiv 2509.01938): Elo with intervals, the trust matrix, dispositions and
lenses in the fixed gauge, held-out likelihood by dimension, order bias per judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.eigenbench.direct_rating import RatingAnalysis
from benchmarks.eigenbench.result import Analysis
from reporting import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LABELLED = 16
"""Above so many models a matrix has no numbers in its cells, and a cloud no names of judges."""
_NAME_LETTERS = 28


class Caption(NamedTuple):
    """What a picture says about itself.

    Attributes:
        run: name of the run.
        source: one line of provenance (scenarios, constitution, run).
        simulated: the answers come from simulated models.
    """

    run: str
    source: str = ""
    simulated: bool = False


class Bar(NamedTuple):
    """A value with the ends of its interval, NaN where it has none."""

    value: float
    low: float
    high: float


def save_all(
    analysis: Analysis | RatingAnalysis, folder: str | Path, caption: Caption, *, svg: bool = True
) -> list[Path]:
    """Write the pictures of one run into a folder; returns the files written."""
    pictures = {
        "elo": elo_with_intervals(analysis, caption),
        "trust_matrix": trust_heat_map(analysis, caption),
    }
    if isinstance(analysis, Analysis):
        pictures["order_bias"] = order_bias(analysis, caption)
        pictures["dispositions"] = dispositions(analysis, caption)
        if len(analysis.estimate.held_out):
            pictures["held_out_by_dimension"] = held_out_by_dimension(analysis, caption)
    paths = []
    for name, figure in pictures.items():
        paths += style.save(figure, Path(folder) / f"{name}.png", svg=svg)
    return paths


def elo_with_intervals(analysis: Analysis | RatingAnalysis, caption: Caption) -> Figure:
    """Every model's Elo; below it the published one and that of even judges. All with intervals."""
    table = analysis.summary
    best = _bars(table, "elo", "elo_low", "elo_high")[0]
    subtitle = f"{table['model'].iloc[0]}: {style.with_interval(best, digits=0)}\n{_how(analysis)}"
    with style.house():
        height = 0.6 + 0.46 * len(table)
        figure = _figure("Elo", caption, subtitle, _error_bars(analysis), height)
        axes = figure.subplots()
        shown = {
            "Elo": ("elo", "o", style.BLUE),
            "published procedure": ("elo_published", "D", style.VERMILLION),
            "every judge weighs the same": ("elo_uniform_judges", "s", style.GREEN),
        }
        if isinstance(analysis, RatingAnalysis):
            del shown["published procedure"]  # it is this one
        for place, (label, (column, marker, color)) in enumerate(shown.items()):
            style.draw_intervals(
                axes,
                [row + 0.22 * (place - (len(shown) - 1) / 2) for row in range(len(table))],
                _bars(table, column, f"{column}_low", f"{column}_high"),
                color=color,
                marker=marker,
                label=label,
                horizontal=True,
                hollow=column != "elo",
            )
        axes.axvline(1500, color=style.MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        _name_rows(axes, table["model"])
        axes.set_xlabel("Elo (1500: as trusted as the average; 400 more: ten times the trust)")
        style.legend_above(axes, columns=3)
    return figure


def trust_heat_map(analysis: Analysis | RatingAnalysis, caption: Caption) -> Figure:
    """How each judge (row) divides its trust among the models (columns), best model first."""
    names = list(analysis.summary["model"])
    table = analysis.trust_matrix.set_index("judge").loc[names, names]
    values = table.to_numpy(dtype=float)
    subtitle = f"Rows sum to 1; {1 / len(names):.2f} is an even share\n{_how(analysis)}"
    with style.house():
        letters = max(len(_short(name)) for name in names)
        height = max(1.2, 0.3 * len(names)) + 0.75 + 0.045 * letters  # slanted names stand below
        figure = _figure("Trust", caption, subtitle, "", height)
        axes = figure.subplots()
        top = max(float(values.max()), 2 / len(names))
        image = axes.imshow(values, cmap="cividis", vmin=0, vmax=top, aspect="auto")
        if len(names) <= MOST_LABELLED:
            _write_cells(axes, values, image)
        short = [_short(name) for name in names]
        axes.set_xticks(range(len(names)), short, rotation=35, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(names)), short)
        axes.set_ylabel("Judge")
        axes.set_xlabel("Judged model")
        axes.grid(visible=False)
        figure.colorbar(image, ax=axes, label="Trust", shrink=0.9)
    return figure


def order_bias(analysis: Analysis, caption: Caption) -> Figure:
    """Each judge's position bias, and how often it names the same response in both orders."""
    table = analysis.judges
    rows = range(len(table))
    bars = _bars(table, "order_bias", "order_bias_low", "order_bias_high")
    subtitle = "Above 0: favours the first response shown. Consistent: same response in both orders"
    with style.house():
        figure = _figure(
            "Order bias of the judges",
            caption,
            subtitle,
            _error_bars(analysis),
            0.75 + 0.3 * len(table),
        )
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=[2, 1])
        style.draw_intervals(left, rows, bars, color=style.PURPLE, horizontal=True)
        left.axvline(0, color=style.MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        left.set_xlabel("Order bias (log-odds for the first)")
        _name_rows(left, table["model"])
        looks = (
            ("consistency", "consistent", style.GREEN, "o", -0.13),
            ("tie_rate", "ties", style.ORANGE, "s", 0.13),
        )
        for name, label, color, marker, aside in looks:
            style.draw_intervals(
                right,
                [row + aside for row in rows],
                _percent_bars(table, name),
                color=color,
                marker=marker,
                label=label,
                horizontal=True,
                hollow=marker == "s",
            )
        right.set_xlim(-4, 104)
        right.set_xlabel("Judgements (%)")
        style.legend_above(right, columns=2)
    return figure


def dispositions(analysis: Analysis, caption: Caption) -> Figure:
    """What judges look for (lenses, arrows) and where models stand (dispositions, points)."""
    u, v = analysis.arrays["u"], analysis.arrays["v"]
    dim = v.shape[1]
    lenses = u.reshape(-1, len(analysis.models), dim).mean(axis=0)
    # Signs of axes are free: the judges together look right and up.
    signs = np.where(lenses.sum(axis=0) < 0, -1.0, 1.0)
    lenses, v = lenses * signs, v * signs
    dims = f"{min(dim, 2)} of {dim} dimensions" if dim > 2 else "axes by falling strength"
    gauge = f"Fixed gauge: centred, {dims}, turned so that judges look right"
    with style.house():
        if dim > 1:
            subtitle = f"A judge prefers the models that lie in the direction of its lens\n{gauge}"
            key = "; ".join(f"{n} {_short(name)}" for n, name in enumerate(analysis.models, 1))
            figure = _figure("Dispositions and lenses", caption, subtitle, f"{key}.", 3.6)
            _draw_plane(figure.subplots(), lenses[:, :2], v[:, :2])
        else:
            subtitle = f"A judge prefers the models that lie on the side of its lens\n{gauge}"
            height = 0.8 + 0.3 * len(analysis.models)
            figure = _figure("Dispositions and lenses", caption, subtitle, "", height)
            _draw_line(figure.subplots(), analysis.models, lenses[:, 0], v[:, 0])
    return figure


def held_out_by_dimension(analysis: Analysis, caption: Caption) -> Figure:
    """How well fits of each dimension predict judgements they have not seen."""
    table = analysis.estimate.held_out
    chosen = int(analysis.estimate.fit.form.dim)
    bars = [
        Bar(row.nll, row.nll - 1.96 * row.nll_se, row.nll + 1.96 * row.nll_se)
        for row in table.itertuples()
    ]
    guess = "ln 3 = 1.10" if analysis.estimate.fit.form.ties else "ln 2 = 0.69"
    subtitle = f"Fitted with d = {chosen}; lower is better; {guess} is guessing"
    note = (
        "Error bars: 95%, held-out judge calls as the unit. Every d is scored on the same calls: "
        "differences between them are surer than the bars."
    )
    with style.house():
        figure = _figure("Held-out loss by dimension", caption, subtitle, note, 2.4)
        axes = figure.subplots()
        style.draw_intervals(axes, list(table["dim"]), bars, color=style.BLUE)
        mark = table["dim"] == chosen
        axes.plot(
            table["dim"][mark],
            table["nll"][mark],
            "o",
            markersize=9,
            markerfacecolor="none",
            color=style.VERMILLION,
            label="fitted",
        )
        axes.set_xticks(list(table["dim"]))
        axes.set_xlim(table["dim"].min() - 0.5, table["dim"].max() + 0.5)
        axes.set_xlabel("Dimension d of lenses and dispositions")
        axes.set_ylabel("Held-out loss (nats)")
        axes.grid(axis="x", visible=False)
        style.legend_above(axes, columns=1)
    return figure


# What the pictures are made of -----------------------------------------------------------------


def _figure(title: str, caption: Caption, subtitle: str, note: str, height: float) -> Figure:
    foot = " ".join(
        part for part in ("EigenBench (arXiv 2509.01938).", note, caption.source) if part
    )
    return style.new_figure(
        f"{title}: {caption.run}", subtitle, foot, height=height, simulated=caption.simulated
    )


def _how(analysis: Analysis | RatingAnalysis) -> str:
    if isinstance(analysis, RatingAnalysis):
        return "direct ratings"
    return analysis.estimate.title


def _error_bars(analysis: Analysis | RatingAnalysis) -> str:
    resampled = analysis.bootstrap
    if resampled is None:
        return "No error bars: nothing was resampled."
    unit = resampled.unit if resampled.num_units == 1 else f"{resampled.unit}s"
    note = f"Error bars: 95%, {len(resampled.elo):,} resamples of {resampled.num_units:,} {unit}."
    if resampled.unit == "comparison":
        note += " Where scenarios matter these are too short."
    return note


def _bars(table: pd.DataFrame, value: str, low: str, high: str) -> list[Bar]:
    columns = (table[name].to_numpy(dtype=float) for name in (value, low, high))
    return [Bar(*row) for row in zip(*columns, strict=True)]


def _percent_bars(table: pd.DataFrame, name: str) -> list[Bar]:
    ends = 100 * table[[name, f"{name}_low", f"{name}_high"]].astype(float)
    return [Bar(*row) for row in ends.to_numpy()]


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [_short(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)


def _write_cells(axes: Axes, values: np.ndarray, image: object) -> None:
    from matplotlib.colors import to_hex

    for (row, column), value in np.ndenumerate(values):
        color = to_hex(image.cmap(image.norm(value)))  # type: ignore[attr-defined]
        axes.text(
            column,
            row,
            f"{value:.2f}",
            ha="center",
            va="center",
            size=style.SMALL_SIZE if len(values) <= 10 else 6.5,
            color=style.text_color_on(color),
        )


def _draw_plane(axes: Axes, lenses: np.ndarray, v: np.ndarray) -> None:
    """Points and rays with the models' numbers; one scale on both axes, so that angles are true."""
    # Lenses and dispositions have scales of their own: only a ray's direction is compared.
    reach = np.linalg.norm(v, axis=1).max() / max(float(np.linalg.norm(lenses, axis=1).max()), 1e-9)
    small: dict[str, Any] = {"size": style.SMALL_SIZE, "textcoords": "offset points"}
    for number, (x, y) in enumerate(lenses * reach, start=1):
        label = "lens (as a judge)" if number == 1 else None
        axes.plot([0, x], [0, y], "-", color=style.ORANGE, linewidth=1.1, label=label)
        axes.plot([x], [y], "s", color=style.ORANGE, markersize=3)
        beyond = tuple(8 * np.array([x, y]) / max(float(np.hypot(x, y)), 1e-9))
        middle: dict[str, Any] = {"ha": "center", "va": "center", "color": style.MUTED}
        axes.annotate(str(number), (x, y), xytext=beyond, **middle, **small)
    axes.plot(*v.T, "o", color=style.BLUE, markersize=5, zorder=3, label="disposition (as a model)")
    for number, (x, y) in enumerate(v, start=1):
        axes.annotate(str(number), (x, y), xytext=(5, 3), color=style.BLUE, **small)
    axes.set_xlabel("First axis")
    axes.set_ylabel("Second axis")
    axes.margins(0.12)
    axes.set_aspect("equal", adjustable="datalim")
    style.legend_above(axes, columns=2)


def _draw_line(axes: Axes, names: Sequence[str], lenses: np.ndarray, v: np.ndarray) -> None:
    order = np.argsort(-v)
    rows = np.arange(len(names))
    axes.barh(rows - 0.17, v[order], 0.3, color=style.BLUE, label="disposition (as a model)")
    axes.barh(rows + 0.17, lenses[order], 0.3, color=style.ORANGE, label="lens (as a judge)")
    axes.axvline(0, color=style.MUTED, linewidth=0.8)
    _name_rows(axes, [names[at] for at in order])
    axes.set_xlabel("Place on the one axis")
    axes.grid(axis="y", visible=False)
    style.legend_above(axes, columns=2)


def _short(name: str) -> str:
    return name if len(name) <= _NAME_LETTERS else f"{name[: _NAME_LETTERS - 1]}…"
