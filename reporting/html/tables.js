"use strict";
// Sortable tables. A cell is a plain value, or {v, lo, hi, note} where there is an interval.

const TONES = {
  pass: "good", clear: "good", caution: "warn", fail: "bad", "not measured": "warn",
};

function sortKey(cell) {
  if (cell === null || cell === undefined || cell === "") return null;
  return typeof cell === "object" ? cell.v ?? null : cell;
}

// Numbers within words by their value: eigen-0.45 before eigen-0.9, m9 before m10.
function compareWords(a, b) {
  const parts = (text) => text.split(/(\d+(?:\.\d+)?)/);
  const x = parts(a), y = parts(b);
  for (let at = 0; at < Math.min(x.length, y.length); at += 1) {
    const order = at % 2 ? Number(x[at]) - Number(y[at]) : x[at].localeCompare(y[at], "en");
    if (order) return order;
  }
  return x.length - y.length;
}

function compareCells(a, b) {
  const x = sortKey(a), y = sortKey(b);
  if (x === null || y === null) return (x === null) - (y === null);
  if (typeof x === "number" && typeof y === "number") return x - y;
  return compareWords(String(x), String(y));
}

function domainOf(column, rows) {
  const ends = rows.flatMap((row) => {
    const cell = row[column.key];
    return cell && typeof cell === "object" ? [cell.v, cell.lo, cell.hi] : [];
  }).filter((value) => typeof value === "number");
  if (typeof column.chance === "number") ends.push(column.chance);
  if (!ends.length) return null;
  let low = Math.min(...ends), high = Math.max(...ends);
  const [floor, ceiling] = column.limits || [];
  const limited = typeof floor === "number" && typeof ceiling === "number";
  const whole = column.whole || high - low > 0.3 * (ceiling - floor);
  if (limited && whole) [low, high] = [floor, ceiling];
  return high > low ? [low, high] : [low - 1, high + 1];
}

function intervalPlot(cell, domain, chance) {
  const x = (value) => 4 + 88 * (value - domain[0]) / (domain[1] - domain[0]);
  const line = (x1, x2, name = "") => svg("line", { x1, x2, y1: 8, y2: 8, class: name });
  const plot = svg("svg", { viewBox: "0 0 96 16", "aria-hidden": "true" }, line(4, 92, "axis"));
  if (typeof chance === "number") {
    plot.append(svg("line", { x1: x(chance), x2: x(chance), y1: 2, y2: 14, class: "chance" }));
  }
  if (typeof cell.lo === "number") plot.append(line(x(cell.lo), x(cell.hi)));
  plot.append(svg("circle", { cx: x(cell.v), cy: 8, r: 3.2 }));
  return plot;
}

function intervalCell(cell, column, domain) {
  const digits = column.digits ?? 1;
  const known = typeof cell.lo === "number";
  const ends = known ? `${number(cell.lo, digits)} to ${number(cell.hi, digits)}` : "";
  const box = el("span", { class: column.plot ? "iv main" : "iv" },
    el("span", { class: "v" }, number(cell.v, digits)), el("span", { class: "ends" }, ends),
    column.plot && domain ? intervalPlot(cell, domain, column.chance) : null,
    cell.rank ? el("span", { class: "place" }, "rank ", rankCell(cell.rank)) : null);
  return cell.note ? Tip.on(box, cell.note) : box;
}

function rankCell(cell) {
  const range = cell.lo && cell.lo !== cell.hi ? `${cell.lo}\u2013${cell.hi}` : "";
  return [String(cell.v), range ? el("span", { class: "ends" }, ` (${range})`) : null];
}

function cellContent(cell, column, domain) {
  if (cell === null || cell === undefined || cell === "") {
    const dash = el("span", { class: "v none" }, "\u2013");
    return column.kind === "interval" ? el("span", { class: "iv" }, dash) : dash;
  }
  switch (column.kind) {
    case "interval": return intervalCell(cell, column, domain);
    case "rank": return rankCell(cell);
    case "number": return number(cell, column.digits ?? 1);
    case "money": return cell.text;
    case "chip": return el("span", { class: `chip ${TONES[cell] || ""}` }, cell);
    default: return String(cell);
  }
}

const CLASS_OF_KIND = { number: "num", interval: "ivc", money: "num", rank: "rank", model: "model", code: "code", short: "short" };

function tableBlock(block) {
  const state = block.sort ? { key: block.sort[0], down: block.sort[1] } : { key: null, down: false };
  const domains = Object.fromEntries(block.columns
    .filter((column) => column.kind === "interval")
    .map((column) => [column.key, domainOf(column, block.rows)]));
  const body = el("tbody");
  const heads = block.columns.map((column) => {
    const unit = column.unit ? ` (${column.unit})` : "";
    const button = el("button", { type: "button", onclick: () => sortBy(column) }, column.label + unit);
    if (column.about) Tip.on(button, column.about);
    const below = column.below ? el("span", { class: "below" }, column.below) : null;
    return el("th", { class: CLASS_OF_KIND[column.kind] || "text", scope: "col" }, button, below);
  });

  function sortBy(column) {
    // Numbers start with the largest, ranks and words with the first.
    const large = ["number", "interval", "money"].includes(column.kind);
    state.down = state.key === column.key ? !state.down : large && column.better !== "lower";
    state.key = column.key;
    draw();
  }

  function draw() {
    let rows = [...block.rows];
    if (state.key !== null) {
      const sign = state.down ? -1 : 1;
      const empty = (row) => sortKey(row[state.key]) === null;
      rows.sort((a, b) => (empty(a) || empty(b))
        ? empty(a) - empty(b) : sign * compareCells(a[state.key], b[state.key]));
    }
    block.columns.forEach((column, at) => {
      if (column.key === state.key) heads[at].setAttribute("aria-sort", state.down ? "descending" : "ascending");
      else heads[at].removeAttribute("aria-sort");
    });
    body.replaceChildren(...rows.map((row) => el("tr", {}, block.columns.map((column) =>
      el("td", { class: CLASS_OF_KIND[column.kind] || "text", title: column.kind === "model" ? row[column.key] : null },
        cellContent(row[column.key], column, domains[column.key]))))));
  }

  draw();
  const table = el("table", {}, el("thead", {}, el("tr", {}, heads)), body);
  const scroll = el("div", { class: "scroll" }, table);
  let width = 0;
  // One that is too wide for its place puts more below each other.
  new ResizeObserver(() => {
    if (scroll.clientWidth === width) return;
    width = scroll.clientWidth;
    table.classList.remove("dense");
    table.classList.toggle("dense", table.scrollWidth > width);
  }).observe(scroll);
  return el("div", { class: "table" }, scroll,
    block.note ? el("p", { class: "note" }, block.note) : null);
}
