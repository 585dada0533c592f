"""Two headlines against each other: the chart, and names that lie on no point and on no other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from reporting.report.charts import Rows, Spec, common_prefix, spec_of, tip
from reporting.report.values import Measure

Box = tuple[float, float, float, float]

SCATTER_WIDTH, SCATTER_HEIGHT = 250.0, 240.0
LETTER, LINE = 6.2, 13.0
SAME_PLACE, MARGIN = 3.0, 10.0  # pixels
_SIDES = (
    *((7, -8, "left"), (7, 10, "left"), (-7, -8, "right"), (-7, 10, "right")),
    *((0, -14, "center"), (0, 16, "center"), (7, -21, "left"), (7, 23, "left")),
    *((-7, -21, "right"), (-7, 23, "right"), (0, -34, "center"), (0, 36, "center")),
)
_ENDS = ("", "_low", "_high")


def scatter(rows: Rows, first: Measure, second: Measure, titles: tuple[str, str]) -> Spec:
    """Two headlines against each other, a point with both intervals a model.

    `rows` hold model, x, x_low, x_high, y, y_low, y_high. Models on one place share a label; one
    that finds no room beside the others is left to the tooltip.
    """
    x = {"type": "quantitative", "title": titles[0], "scale": {"zero": False}}
    y = {"type": "quantitative", "title": titles[1], "scale": {"zero": False}}
    tips = [
        tip("model", "Model"),
        tip("x", titles[0], first.digits),
        tip("y", titles[1], second.digits),
    ]
    at = {"x": {**x, "field": "x"}, "y": {**y, "field": "y"}}
    layers: list[Spec] = [
        {
            "mark": {"type": "rule", "opacity": 0.45},
            "encoding": {**at, "x": {**x, "field": "x_low"}, "x2": {"field": "x_high"}},
        },
        {
            "mark": {"type": "rule", "opacity": 0.45},
            "encoding": {**at, "y": {**y, "field": "y_low"}, "y2": {"field": "y_high"}},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
            "encoding": {**at, "tooltip": tips},
        },
    ]
    table = _with_labels(rows)
    for side in sorted({row["side"] for row in table if row["label"]}):
        dx, dy, align = _SIDES[side]
        layers.append(
            {
                "transform": [{"filter": {"field": "side", "equal": side}}],
                "mark": {"type": "text", "align": align, "dx": dx, "dy": dy, "fontSize": 11},
                "encoding": {**at, "text": {"field": "label"}},
            }
        )
    return spec_of({"layer": layers}, table, SCATTER_HEIGHT)


def _with_labels(rows: Rows) -> Rows:
    """The rows with a name and the side of its point it stands on, where it lies on no other.

    The width of the chart is not known here; a narrow one is assumed.
    """
    cut = common_prefix([row["model"] for row in rows])
    spans = [
        _span([row[f"{axis}{end}"] for row in rows for end in _ENDS if _known(row, axis, end)])
        for axis in ("x", "y")
    ]
    points = [
        (
            SCATTER_WIDTH * (row["x"] - spans[0][0]) / spans[0][1],
            SCATTER_HEIGHT * (spans[1][1] - row["y"] + spans[1][0]) / spans[1][1],
        )
        for row in rows
    ]
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in points]
    table = []
    for at, (row, (x, y)) in enumerate(zip(rows, points, strict=True)):
        here = [n for n, other in enumerate(points) if math.dist(other, (x, y)) < SAME_PLACE]
        name = _together([rows[n]["model"][cut:] for n in here])
        width = LETTER * len(name)
        side, label = 0, ""
        # The first of those on one place bears the label of all.
        for number, (dx, dy, align) in enumerate(_SIDES if at == here[0] else ()):
            left = x + dx - width * {"left": 0.0, "center": 0.5, "right": 1.0}[align]
            box = (left, y + dy - LINE / 2, left + width, y + dy + LINE / 2)
            inside = box[0] > -MARGIN and box[2] < SCATTER_WIDTH + MARGIN
            if inside and not any(_overlap(box, other) for other in taken):
                side, label = number, name
                taken.append(box)
                break
        table.append({**row, "side": side, "label": label})
    return table


def _known(row: dict[str, Any], axis: str, end: str) -> bool:
    return row.get(f"{axis}{end}") is not None


def _together(names: Sequence[str]) -> str:
    """One label for models on one place: all names where they fit, else the first and a count."""
    label = ", ".join(names)
    if len(names) == 1 or LETTER * len(label) < SCATTER_WIDTH * 0.7:
        return label
    return f"{names[0]} and {len(names) - 1} more"


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Least value and width, never 0."""
    low, high = min(values), max(values)
    return low, (high - low) or 1.0


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
