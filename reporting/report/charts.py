"""Vega-Lite specifications of the page's charts, their data inside; the page adds the colours.

Every chart is drawn from plain rows. Model names and other texts are data only: none of them ever
becomes part of an expression.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reporting.report import model_colors
from reporting.report.differences import Difference
from reporting.report.values import Measure
from reporting.style import number
from reporting.val_bench_outcomes import OUTCOME_COLORS, OUTCOME_LABELS

Rows = list[dict[str, Any]]
Spec = dict[str, Any]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
ROW = 26  # pixels a model
NAME_LETTERS = 31  # of a model in a label that names two
PAIR_LIMIT = 480  # pixels of such a label
NO_GROUP = "(none)"


def intervals(rows: Rows, measure: Measure, models: Sequence[str]) -> Spec:
    """One measure: a point and its 95% interval a model, and a line where chance lies.

    `rows` hold model, value, low, high.
    """
    x = _x(measure, _ends(rows, measure))
    y = {"field": "model", "type": "nominal", "sort": list(models), "title": None}
    tips = [tip("model", "Model"), *_value_tips(measure)]
    layers: list[Spec] = [
        {
            "mark": {"type": "rule", "strokeWidth": 2},
            "encoding": {
                "y": y,
                "x": {**x, "field": "low"},
                "x2": {"field": "high"},
                "tooltip": tips,
            },
        },
        {
            "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
            "encoding": {"y": y, "x": {**x, "field": "value"}, "tooltip": tips},
        },
    ]
    if measure.chance is not None:
        layers.insert(0, _line_at(measure.chance, "chance", x))
    return spec_of({"layer": layers}, rows, ROW * len(models))


def forest(differences: Sequence[Difference], measure: Measure) -> Spec:
    """Differences between models: its own interval thick, the one for all comparisons thin."""
    rows = _difference_rows(differences)
    x = {"type": "quantitative", "title": f"difference in {measure.label}", "scale": {"zero": True}}
    y = {
        "field": "pair",
        "type": "nominal",
        "sort": [row["pair"] for row in rows],
        "title": None,
        "axis": {"labelLimit": PAIR_LIMIT},
    }
    color = {
        "field": "told",
        "type": "nominal",
        "title": None,
        "scale": {"domain": ["clear", "not clear"], "range": ["#0072B2", "#999999"]},
        "legend": {"orient": "top", "columns": 2},
    }
    tips = [
        tip("first", "First"),
        tip("second", "less"),
        tip("value", "Value", measure.digits),
        tip("low", "95% from", measure.digits),
        tip("high", "to", measure.digits),
        tip("low_all", "all together from", measure.digits),
        tip("high_all", "to ", measure.digits),
        tip("p", "p, all together", 3),
    ]
    shared = {"y": y, "color": color, "tooltip": tips}
    layers = [
        _line_at(0.0, "", x),
        {
            "mark": {"type": "rule", "strokeWidth": 1},
            "encoding": {**shared, "x": {**x, "field": "low_all"}, "x2": {"field": "high_all"}},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 3.5},
            "encoding": {**shared, "x": {**x, "field": "low"}, "x2": {"field": "high"}},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 45, "opacity": 1},
            "encoding": {**shared, "x": {**x, "field": "value"}},
        },
    ]
    return spec_of({"layer": layers}, rows, 20 * len(rows))


def _difference_rows(differences: Sequence[Difference]) -> Rows:
    """One row a difference that was measured, its label short enough for both names."""
    short = short_names([name for d in differences for name in (d.first, d.second)])
    return [
        {
            "pair": f"{short[d.first]} \u2212 {short[d.second]}",
            "first": d.first,
            "second": d.second,
            "value": _plain(d.value),
            "low": _plain(d.low),
            "high": _plain(d.high),
            "low_all": _plain(d.low_all),
            "high_all": _plain(d.high_all),
            "p": _plain(d.p_all),
            "told": "clear" if d.clear else "not clear",
        }
        for d in differences
        if math.isfinite(d.value)
    ]


def outcomes(rows: Rows, models: Sequence[str]) -> Spec:
    """What became of the pairs, one bar a model; a click in the legend keeps one outcome.

    `rows` hold model, outcome, value (percent).
    """
    names = list(OUTCOME_LABELS.values())
    order = {name: place for place, name in enumerate(names)}
    table = [{**row, "order": order.get(row["outcome"], len(order))} for row in rows]
    body = {
        "mark": {"type": "bar", "height": {"band": 0.72}},
        "params": [_legend_choice("outcome")],
        "encoding": {
            "y": {"field": "model", "type": "nominal", "sort": list(models), "title": None},
            "x": {
                "field": "value",
                "type": "quantitative",
                "title": "% of used pairs",
                "stack": "zero",
                "scale": {"domain": [0, 100], "nice": False},
            },
            "color": {
                "field": "outcome",
                "type": "nominal",
                "title": None,
                "scale": {"domain": names, "range": list(OUTCOME_COLORS.values())},
                "legend": {"orient": "top", "columns": 3},
            },
            "order": {"field": "order", "type": "quantitative"},
            "opacity": _chosen_else_faint(),
            "tooltip": [tip("model", "Model"), tip("outcome", "Outcome"), tip("value", "%", 1)],
        },
    }
    return spec_of(body, table, 30 * len(models))


def groups(
    rows: Rows,
    measure: Measure,
    models: Sequence[str],
    heading: str,
    colors: Mapping[str, int] | None = None,
) -> Spec:
    """One measure by group (category, framework), models side by side; the legend picks a model.

    `rows` hold model, group, n, value, low, high. `colors` are the models' places among the page's
    colours, so that each has the same one in every chart of a report.
    """
    names = sorted({str(row["group"]) for row in rows}, key=lambda name: (name == NO_GROUP, name))
    x = _x(measure, _ends(rows, measure))
    y = {"field": "group", "type": "nominal", "sort": names, "title": None}
    domain = model_colors.domain(models, colors or {})
    look = {
        "field": "model",
        "type": "nominal",
        "sort": list(models),
        "title": None,
        "legend": {"orient": "top", "columns": 3, "labelLimit": 220, "values": list(models)},
    }
    color = {**look, "scale": {"domain": domain}}
    shape = {**look, "scale": {"domain": domain, "range": model_colors.shapes(domain)}}
    tips = [
        tip("model", "Model"),
        tip("group", heading),
        *_value_tips(measure),
        tip("n", "n", 0),
    ]
    offset = {"field": "model", "type": "nominal", "sort": list(models)}
    shared = {"y": y, "yOffset": offset, "color": color, "opacity": _chosen_else_faint()}
    layers: list[Spec] = [
        {
            "mark": {"type": "rule", "strokeWidth": 1.5},
            "params": [_legend_choice("model")],
            "encoding": {
                **shared,
                "x": {**x, "field": "low"},
                "x2": {"field": "high"},
                "tooltip": tips,
            },
        },
        {
            "mark": {"type": "point", "filled": True, "size": 40},
            "encoding": {**shared, "shape": shape, "x": {**x, "field": "value"}, "tooltip": tips},
        },
    ]
    return spec_of({"layer": layers}, rows, len(names) * (12 + 9 * len(models)))


def spec_of(body: Spec, rows: Rows, height: float) -> Spec:
    """A whole specification, as wide as its place on the page and `height` pixels high."""
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": max(40, height),
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": rows},
        **body,
    }


def _x(measure: Measure, domain: tuple[float, float] | None) -> Spec:
    scale: Spec = {"zero": False, "nice": True}
    if domain:
        scale["domain"] = list(domain)
        scale["nice"] = False
    return {"type": "quantitative", "title": axis_title(measure), "scale": scale}


def axis_title(measure: Measure) -> str:
    """A measure with its unit, or with its ends where it has no unit."""
    low, high = measure.limits
    ends = measure.unit
    if not ends and math.isfinite(low) and math.isfinite(high):
        ends = f"{number(low, 0)} to {number(high, 0)}"
    if not ends:
        return measure.label
    if measure.label.endswith(")"):
        return f"{measure.label[:-1]}, {ends})"
    return f"{measure.label} ({ends})"


def _ends(rows: Rows, measure: Measure) -> tuple[float, float] | None:
    """The measure's whole range where the data fill a good part of it, else Vega-Lite's choice."""
    low, high = measure.limits
    ends = [row[k] for row in rows for k in ("low", "high", "value") if row.get(k) is not None]
    if not ends or not math.isfinite(low) or not math.isfinite(high):
        return None
    return (low, high) if max(ends) - min(ends) > 0.3 * (high - low) else None


def _line_at(value: float, label: str, x: Spec) -> Spec:
    """A dashed vertical line; it has data of its own."""
    return {
        "data": {"values": [{"at": value, "what": label}]},
        "mark": {"type": "rule", "strokeDash": [4, 4], "opacity": 0.6, "color": "gray"},
        "encoding": {
            "x": {**x, "field": "at"},
            "tooltip": [tip("what", "Line"), tip("at", "at", 2)],
        },
    }


def tip(field: str, title: str, digits: int | None = None) -> Spec:
    """A line of a tooltip: a name, or a number to so many digits."""
    if digits is None:
        return {"field": field, "type": "nominal", "title": title}
    return {"field": field, "type": "quantitative", "title": title, "format": f",.{digits}f"}


def _value_tips(measure: Measure) -> list[Spec]:
    return [
        tip("value", measure.label, measure.digits),
        tip("low", "95% from", measure.digits),
        tip("high", "to", measure.digits),
    ]


def _legend_choice(field: str) -> Spec:
    return {
        "name": "chosen",
        "select": {"type": "point", "fields": [field]},
        "bind": "legend",
    }


def _chosen_else_faint() -> Spec:
    return {"condition": {"param": "chosen", "value": 1}, "value": 0.15}


def common_prefix(names: Sequence[str]) -> int:
    """How many letters every name shares up to its last `/`: "sim/" says nothing twice in a row."""
    prefixes = {name[: name.rfind("/") + 1] for name in names}
    return len(prefixes.pop()) if len(prefixes) == 1 else 0


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Names for a narrow place, still all different: without what all begin with, without the id
    behind a display name, and long ones without their middle."""
    cut = common_prefix(names)
    short = {name: name[cut:] for name in names}
    ways: tuple[Callable[[str], str], ...] = (_without_id, _without_middle)
    for way in ways:
        shorter = {name: way(label) for name, label in short.items()}
        if len(set(shorter.values())) == len(shorter):
            short = shorter
    return short


def _without_id(name: str) -> str:
    shown, bracket, _ = name.partition(" (")
    return shown if bracket and name.endswith(")") else name


def _without_middle(name: str) -> str:
    if len(name) <= NAME_LETTERS:
        return name
    half = (NAME_LETTERS - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
