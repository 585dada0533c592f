"""The pictures of a steerability run, each drawn from a SteerabilityResult and nothing else.

Every mean carries its 95% interval, and chance is drawn beside every score.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.steerability.conditions import UNSTEERED
from benchmarks.steerability.result import SteerabilityResult
from reporting import style
from reporting.steerability_caption import (
    SYSTEM_LABELS,
    Caption,
    Key,
    Point,
    captioned_figure,
    keys,
    leads,
    models,
    persona_rows,
    point,
)
from reporting.steerability_matrix import accuracy_matrix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CHANCE = 0.5
_DASHED = (0, (4, 3))
_SWARM_DEPTH = 4  # rings below each other
_LINE = 0.2  # inches of a legend's line
_MARKERS = ("o", "s", "D", "^", "v", "P", "X")
PANELS = {
    "sensitivity_mid_rank": ("Sensitivity (mid-rank)", 0.5),
    "own_minus_others": ("Own less others' accuracy", 0.0),
}


def save_all(
    result: SteerabilityResult, folder: str | Path, caption: Caption, *, svg: bool = True
) -> list[Path]:
    """Write every picture that the result has numbers for; returns the files written."""
    shown = leads(result)
    pictures: dict[str, Figure] = {}
    for key in shown:
        name = "accuracy_matrix" if len(shown) == 1 else f"accuracy_matrix-{_slug(key.model)}"
        pictures[name] = accuracy_matrix(result, key, caption)
    if shown:
        pictures["sensitivity_vs_specificity"] = sensitivity_vs_specificity(result, caption)
        pictures["sensitivity_distribution"] = sensitivity_distribution(result, caption)
    if any(point(result, key, "gain").value == point(result, key, "gain").value for key in shown):
        pictures["gain_by_framework"] = gain_by_framework(result, caption)
    if len(_counts(result)) > 1:
        pictures["steering_curve"] = steering_curve(result, caption)
    if len({k.system for k in keys(result)} - {UNSTEERED}) > 1:
        pictures["conditions"] = conditions_compared(result, caption)
    paths = []
    for name, figure in pictures.items():
        paths += style.save(figure, Path(folder) / f"{name}.png", svg=svg)
    return paths


def sensitivity_vs_specificity(result: SteerabilityResult, caption: Caption) -> Figure:
    """Each persona's two mid-ranks, and each model's means with intervals."""
    shown = leads(result)
    with style.house():
        figure = captioned_figure(
            "Sensitivity against specificity", caption, result, _conditions(shown), height=4.4
        )
        axes = figure.subplots()
        for number, key in enumerate(shown):
            color, marker = _look(number)
            rows = persona_rows(result, key)
            x, y = rows["specificity_mid_rank"], rows["sensitivity_mid_rank"]
            axes.scatter(x, y, s=16, color=color, alpha=0.35, linewidths=0, marker=marker)
        for number in range(len(shown)):
            _cross(axes, result, shown, number)
        axes.axhline(CHANCE, color=style.MUTED, linewidth=0.8, linestyle=_DASHED, zorder=1)
        axes.axvline(CHANCE, color=style.MUTED, linewidth=0.8, linestyle=_DASHED, zorder=1)
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(-0.03, 1.03)
        axes.set_aspect("equal")
        axes.set_xlabel("Specificity: nobody else answers its statements as well")
        axes.set_ylabel("Sensitivity: it answers no others' statements as well")
        axes.legend(
            loc="center left",
            bbox_to_anchor=(1.02, 0.5),
            title="Mean (dashed: chance;\nnested: same place)",
        )
    return figure


def _means(result: SteerabilityResult, key: Key) -> tuple[Point, Point]:
    """Specificity and sensitivity."""
    return (
        point(result, key, "specificity_mid_rank"),
        point(result, key, "sensitivity_mid_rank"),
    )


def _cross(axes: Axes, result: SteerabilityResult, shown: Sequence[Key], number: int) -> None:
    """A model's means, with an interval each way; larger where later ones lie on the same place,
    so that all of them are seen."""
    key = shown[number]
    across, up = _means(result, key)
    color, marker = _look(number)
    here = [other for other in shown if _means(result, other) == (across, up)]
    above = len(here) - 1 - here.index(key)
    axes.errorbar(
        [across.value],
        [up.value],
        xerr=[[across.value - across.low], [across.high - across.value]],
        yerr=[[up.value - up.low], [up.high - up.value]],
        fmt=marker,
        color=color,
        markeredgecolor="white",
        markersize=8 + 4 * above,
        elinewidth=1.6,
        capsize=3,
        zorder=4,
    )
    # The legend's own mark: all of one size.
    axes.plot(
        [],
        [],
        linestyle="none",
        color=color,
        marker=marker,
        markeredgecolor="white",
        markersize=8,
        label=key.model,
    )


def sensitivity_distribution(result: SteerabilityResult, caption: Caption) -> Figure:
    """Every persona's sensitivity, a row a model, with the mean and its interval."""
    shown = leads(result)
    with style.house():
        height = 0.9 + 0.75 * len(shown)
        figure = captioned_figure(
            "Sensitivity of the personas", caption, result, _conditions(shown), height=height
        )
        axes = figure.subplots()
        for number, key in enumerate(shown):
            color, _ = _look(number)
            values = persona_rows(result, key)["sensitivity_mid_rank"].to_numpy(float)
            _swarm(axes, values, number, color)
        means = [point(result, key, "sensitivity_mid_rank") for key in shown]
        style.draw_intervals(axes, range(len(shown)), means, horizontal=True)
        axes.axvline(CHANCE, color=style.MUTED, linewidth=0.8, linestyle=_DASHED, zorder=1)
        axes.set_yticks(range(len(shown)), [_short(key.model) for key in shown])
        axes.set_ylim(len(shown) - 0.2, -0.4)
        axes.set_xlim(-0.03, 1.03)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("Sensitivity, mid-rank (rings, ×n: personas; bar: mean; dashed: chance)")
    return figure


def _swarm(axes: Axes, values: np.ndarray, row: float, color: str) -> None:
    """A ring for each persona, those of about one value below each other; where they are too many
    for that, as many as there is room for and the number of all."""
    values = values[~np.isnan(values)]
    step = 0.025 if len(values) <= 40 else 0.05  # so that neighbours' numbers stay apart
    columns = np.round(values / step).astype(int)
    for column, count in zip(*np.unique(columns, return_counts=True), strict=True):
        depth = np.arange(min(count, _SWARM_DEPTH))
        x = np.median(values[columns == column])
        axes.scatter(
            np.full(len(depth), x),
            row + 0.18 + 0.1 * depth,
            s=13,
            facecolors="white",
            edgecolors=color,
            linewidths=0.8,
        )
        if count > _SWARM_DEPTH:
            below = row + 0.22 + 0.1 * _SWARM_DEPTH
            axes.text(x, below, f"×{count}", size=7, color=style.INK, ha="center", va="center")


def gain_by_framework(result: SteerabilityResult, caption: Caption) -> Figure:
    """The gain in accuracy over the unsteered model, by framework."""
    shown = [key for key in leads(result) if key.system != UNSTEERED]
    frameworks = ["all", *sorted(set(result.summary["framework"]) - {"all"})]
    subtitle = f"{_conditions(shown)}\nGain: accuracy on own statements, steered less unsteered"
    with style.house():
        height = 0.8 + len(frameworks) * max(0.34, 0.17 * len(shown))
        figure = captioned_figure("Gain by framework", caption, result, subtitle, height=height)
        axes = figure.subplots()
        for number, key in enumerate(shown):
            color, marker = _look(number)
            places = [row + _aside(number, len(shown)) for row in range(len(frameworks))]
            points = [point(result, key, "gain", framework) for framework in frameworks]
            style.draw_intervals(
                axes, places, points, color=color, marker=marker, label=key.model, horizontal=True
            )
        axes.axvline(0, color=style.MUTED, linewidth=0.8, linestyle=_DASHED, zorder=1)
        sizes = result.results.drop_duplicates("persona_id")["framework"].value_counts()
        names = [f"all ({sizes.sum()})", *(f"{f} ({sizes[f]})" for f in frameworks[1:])]
        axes.set_yticks(range(len(frameworks)), names)
        axes.set_ylim(len(frameworks) - 0.5, -0.5)
        axes.set_xlabel("Gain (index toward the persona, −1 to 1)")
        _legend(axes, shown)
    return figure


def steering_curve(result: SteerabilityResult, caption: Caption) -> Figure:
    """How scores rise with the number of steering statements."""
    subtitle = (
        "Tested on the same statements at every count; 0: the unsteered model; dashed: chance"
    )
    series = list(dict.fromkeys((k.model, k.system) for k in keys(result) if k.n_steer))
    with style.house():
        names = [_series_name(*one, series) for one in series]
        lines = _legend_lines(names)
        figure = captioned_figure(
            "Steering curve", caption, result, subtitle, height=2.9 + _LINE * lines
        )
        top, *panels = _panels(figure, lines, 2.9)
        step = 0.01 * max(_counts(result))
        for axes, (measure, (label, chance)) in zip(panels, PANELS.items(), strict=True):
            for number, (model, system) in enumerate(series):
                counts, points = _curve(result, model, system, measure)
                # A little aside, or equal series would hide one another.
                places = [n + step * (number - (len(series) - 1) / 2) for n in counts]
                color, marker = _look(number)
                axes.plot(places, [p.value for p in points], color=color, linewidth=1.2)
                style.draw_intervals(
                    axes, places, points, color=color, marker=marker, label=names[number]
                )
            axes.axhline(chance, color=style.MUTED, linewidth=0.8, linestyle=_DASHED, zorder=1)
            axes.set_xticks(_counts(result))
            axes.set_xlabel("Steering statements a persona")
            axes.set_ylabel(label)
        _shared_legend(top, panels[0])
    return figure


def _curve(
    result: SteerabilityResult, model: str, system: str, measure: str
) -> tuple[list[int], list[Point]]:
    """A curve's counts and points; it begins at the baseline where it has no own zero."""
    mine = [k for k in keys(result) if k.model == model and k.system == system]
    if all(k.n_steer for k in mine):
        mine += [k for k in keys(result) if k.model == model and k.system == UNSTEERED]
    mine.sort(key=lambda k: k.n_steer)
    return [k.n_steer for k in mine], [point(result, k, measure) for k in mine]


def conditions_compared(result: SteerabilityResult, caption: Caption) -> Figure:
    """What is shown of a persona against what it does: statements, name, both, nothing."""
    shown = sorted({(k.system, k.n_steer) for k in keys(result)}, key=_condition_order)
    names = models(result)
    with style.house():
        height, lines = 0.8 + len(shown) * max(0.32, 0.15 * len(names)), _legend_lines(names)
        subtitle = (
            "What the model is shown of a persona; all are tested on the same statements; "
            "dashed: chance"
        )
        figure = captioned_figure(
            "Conditions", caption, result, subtitle, height=height + _LINE * lines
        )
        top, *all_axes = _panels(figure, lines, height)
        for axes, (measure, (label, chance)) in zip(all_axes, PANELS.items(), strict=True):
            for number, model in enumerate(names):
                color, marker = _look(number)
                places = [row + _aside(number, len(names)) for row in range(len(shown))]
                points = [point(result, Key(model, *c), measure) for c in shown]
                style.draw_intervals(
                    axes, places, points, color=color, marker=marker, label=model, horizontal=True
                )
            axes.axvline(chance, color=style.MUTED, linewidth=0.8, linestyle=_DASHED, zorder=1)
            axes.set_xlabel(label)
            axes.set_yticks(range(len(shown)), [""] * len(shown))
            axes.set_ylim(len(shown) - 0.5, -0.5)
        all_axes[0].set_yticks(range(len(shown)), [Key("", *c).label for c in shown])
        _shared_legend(top, all_axes[0])
    return figure


def _condition_order(condition: tuple[str, int]) -> tuple[int, str, int]:
    system, n_steer = condition
    known = list(SYSTEM_LABELS)
    return (known.index(system) if system in known else -1, system, n_steer)


def _counts(result: SteerabilityResult) -> list[int]:
    """The counts of steering statements on the curve, the baseline as 0."""
    steered = {k.n_steer for k in keys(result) if k.n_steer}
    base = {0} if any(k.system == UNSTEERED for k in keys(result)) else set()
    return sorted(steered | base) if len(steered) > 1 else sorted(steered)


def _conditions(shown: Sequence[Key]) -> str:
    """The shown conditions in words, once where they are the same."""
    labels = list(dict.fromkeys(key.label for key in shown))
    return f"Shown of each persona: {'; '.join(labels)}"


def _series_name(model: str, system: str, series: Sequence[tuple[str, str]]) -> str:
    label = SYSTEM_LABELS.get(system, system)
    if len({s for _, s in series}) == 1:
        return model
    return label if len({m for m, _ in series}) == 1 else f"{model}, {label}"


def _look(number: int) -> tuple[str, str]:
    """Colour and marker, no two alike: markers move on with each round of colours."""
    at = (number + number // len(style.PALETTE)) % len(_MARKERS)
    return style.PALETTE[number % len(style.PALETTE)], _MARKERS[at]


def _aside(number: int, of: int) -> float:
    """Places side by side within a row."""
    return 0.0 if of == 1 else 0.56 * (number / (of - 1) - 0.5)


def _legend(axes: Axes, shown: Sequence[Key]) -> None:
    if len(shown) > 1:
        style.legend_above(axes, _columns([key.model for key in shown]))


def _columns(names: Sequence[str]) -> int:
    """Columns of a legend that fit the figure's width."""
    return max(1, min(3, len(names), 66 // (max(map(len, names)) + 4)))


def _legend_lines(names: Sequence[str]) -> int:
    """Lines of a legend above all panels; none where there is one series only."""
    return math.ceil(len(names) / _columns(names)) if len(names) > 1 else 0


def _panels(figure: Figure, lines: int, height: float) -> list[Axes]:
    """An empty strip for a legend, and the panels below it."""
    grid = figure.add_gridspec(2, len(PANELS), height_ratios=[max(0.01, _LINE * lines), height])
    strip = figure.add_subplot(grid[0, :])
    strip.set_axis_off()
    return [strip, *(figure.add_subplot(grid[1, i]) for i in range(len(PANELS)))]


def _shared_legend(strip: Axes, panel: Axes) -> None:
    handles, labels = panel.get_legend_handles_labels()
    if len(labels) > 1:
        strip.legend(handles, labels, loc="center left", ncols=_columns(labels), borderaxespad=0)


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)


def _short(name: str, letters: int = 26) -> str:
    return name if len(name) <= letters else f"{name[: letters - 1]}…"
