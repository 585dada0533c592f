"""A matrix as a chart: who trusts whom, who acts like whom."""

from __future__ import annotations

from reporting.report.charts import Rows, Spec, spec_of, tip


def heat_map(
    rows: Rows,
    x: str,
    y: str,
    value: str,
    titles: tuple[str, str, str],
    scheme: str,
    digits: int = 2,
    top: float | None = None,
) -> Spec:
    """A matrix in long form; `titles` of x, y and the value, whose colours go from 0 to `top` (the
    greatest one where that is not given)."""
    top = top or max(row[value] for row in rows) or 1.0
    columns = list(dict.fromkeys(row[x] for row in rows))
    lines = list(dict.fromkeys(row[y] for row in rows))
    few = len(columns) <= 8
    base = {
        "x": {
            "field": x,
            "type": "nominal",
            "sort": columns,
            "title": titles[0],
            "axis": {"orient": "top", "labelAngle": -40, "labels": len(columns) <= 40},
        },
        "y": {
            "field": y,
            "type": "nominal",
            "sort": lines,
            "title": titles[1],
            "axis": {"labels": len(lines) <= 60},
        },
        "tooltip": [tip(y, titles[1]), tip(x, titles[0]), tip(value, titles[2], digits)],
    }
    layers = [_cells(base, value, titles[2], scheme, top)]
    if few:
        layers.append(_numbers(base, value, digits, top))
    return spec_of({"layer": layers}, rows, max(80, min(520, (34 if few else 16) * len(lines))))


def _cells(base: Spec, value: str, title: str, scheme: str, top: float) -> Spec:
    color = {
        "field": value,
        "type": "quantitative",
        "title": title,
        "scale": {"scheme": scheme, "domain": [0, top]},
        "legend": {
            "orient": "bottom",
            "gradientLength": 160,
            "values": [0, top / 2, top],
            "format": ".2f",
        },
    }
    return {"mark": {"type": "rect"}, "encoding": {**base, "color": color}}


def _numbers(base: Spec, value: str, digits: int, top: float) -> Spec:
    """The values, white where the cell is dark."""
    encoding = {
        **base,
        "text": {"field": value, "type": "quantitative", "format": f".{digits}f"},
        "color": {
            "condition": {"test": {"field": value, "gt": 0.6 * top}, "value": "white"},
            "value": "#111",
        },
    }
    return {"mark": {"type": "text", "fontSize": 11}, "encoding": encoding}
