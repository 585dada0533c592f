"use strict";
// Vega-Lite charts in the page's colours, redrawn when the theme changes. Expressions are
// interpreted, not compiled: the page allows no eval.

const drawn = new Map();

function chartConfig(narrow) {
  const css = getComputedStyle(document.documentElement);
  const color = (name) => css.getPropertyValue(name).trim();
  const ink = color("--ink"), muted = color("--muted"), line = color("--line"), point = color("--point");
  // The first eight stay apart under colour blindness; `model_colors.py` gives them out.
  const category = Theme.dark
    ? ["#56b4e9", "#ff8a4c", "#3ecb9f", "#f2b632", "#e3a3c6", "#8040e0", "#d8d5dd", "#806040",
      "#c00080", "#a06000", "#0080a0", "#a0e080", "#6060c0", "#e060c0", "#a08080", "#8fa8ff"]
    : ["#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#56b4e9", "#333333", "#8000e0",
      "#804020", "#400040", "#4020a0", "#c0a060", "#a00080", "#8060e0", "#606060", "#000000"];
  return {
    background: "transparent",
    font: getComputedStyle(document.body).fontFamily,
    view: { stroke: null },
    axis: {
      labelColor: ink, titleColor: muted, titleFontWeight: "normal", labelFontSize: 12,
      titleFontSize: 12, gridColor: line, domainColor: line, tickColor: line, labelLimit: 260,
      titlePadding: 8, labelFlush: false, labelOverlap: true,
    },
    axisQuantitative: { tickCount: narrow ? 4 : 7 },
    axisY: { grid: false, ticks: false, domain: false, labelPadding: 8 },
    legend: { labelColor: ink, titleColor: muted, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal", symbolSize: 80 },
    range: { category, heatmap: { scheme: "purples" } },
    rule: { color: point },
    point: { color: point, fill: point },
    text: { color: ink },
    title: { color: ink },
  };
}

function readable(value) {
  return value === null || value === undefined ? "\u2013" : String(value).replace("-", MINUS);
}

function showTip(handler, event, item, value) {
  if (value === null || value === undefined || value === "") return Tip.hide();
  const rows = typeof value === "object" ? Object.entries(value) : [[String(value), null]];
  return Tip.show(event, rows.map(([label, said]) => [label, said === null ? null : readable(said)]));
}

// On a phone legends stand below each other and angled labels upright.
function narrowed(spec) {
  return JSON.parse(JSON.stringify(spec), (key, value) => {
    if (key === "legend" && value && value.columns) return { ...value, columns: 1 };
    if (key === "labelAngle" && value) return -90;
    if (key === "axis" && value && value.labelLimit) return { ...value, labelLimit: 150 };
    return value;
  });
}

function drawChart(plot, spec) {
  const before = drawn.get(plot);
  if (before) before.finalize();
  const narrow = plot.clientWidth < 520;
  if (narrow) spec = narrowed(spec);
  const config = chartConfig(narrow);
  if (narrow) config.axis.labelLimit = 150;
  const compiled = vegaLite.compile(spec, { config }).spec;
  const view = new vega.View(vega.parse(compiled, null, { ast: true }), {
    expr: vega.expressionInterpreter, renderer: "svg", container: plot, hover: true,
    tooltip: showTip, logLevel: vega.Error,
  });
  drawn.set(plot, view);
  return view.runAsync();
}

function chartBlock(block) {
  const plot = el("div", { class: "plot", role: "img", "aria-label": block.title || "chart" });
  const wide = () => plot.clientWidth > 0;
  let width = 0;
  const draw = () => { if (plot.isConnected && wide()) { width = plot.clientWidth; drawChart(plot, block.spec); } };
  // Drawn when it first has a width (its tab is open), and again when that changes.
  new ResizeObserver(() => { if (wide() && Math.abs(plot.clientWidth - width) > 2) draw(); }).observe(plot);
  Theme.listeners.push(draw);
  return el("div", { class: "chart" }, block.title ? el("h3", {}, block.title) : null, plot,
    block.note ? el("p", { class: "note" }, block.note) : null);
}
