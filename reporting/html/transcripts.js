"use strict";
// The transcript browser: filters and search over an index, a list of which only what is seen is
// in the page, and texts that are unpacked a hundred at a time when they are needed.

const CHUNK = 100, ITEM_HEIGHT = 60, CHUNKS_KEPT = 30;
const OUTCOME_TONES = {
  consistent: "good", contradictory: "bad", "one side refused": "warn", "both sides refused": "warn",
  "no information": "warn", "closest to its own persona": "good", "no closer than chance": "bad",
  unreadable: "bad",
};
const FILTERS = [
  ["benchmark", "All benchmarks"], ["model", "All models"], ["judge", "All judges"],
  ["category", "All categories"], ["outcome", "All outcomes"], ["run", "All runs"],
];

class Transcripts {
  constructor(index) {
    this.index = index;
    this.kept = new Map();
    this.filter = {};
    this.query = "";
    this.searches = 0;
    this.shown = [];
    this.open = -1;
  }

  async load() {
    if (this.columns) return;
    const packed = await unpack(this.index.packed);
    this.columns = Object.fromEntries(this.index.fields.map((name, at) => [name, packed[at]]));
    this.place = new Map(this.columns.id.rows.map((value, row) => [this.columns.id.values[value], row]));
    // A comparison has two models; either finds it.
    this.models = this.columns.model.values.map((names) => names.split(" / "));
  }

  get(name, row) {
    const column = this.columns[name];
    return column.values[column.rows[row]];
  }

  async body(row) {
    const number = Math.floor(row / CHUNK);
    if (!this.kept.has(number)) {
      const bodies = await unpack(document.getElementById(`chunk-${number}`).textContent);
      if (this.kept.size >= CHUNKS_KEPT) this.kept.delete(this.kept.keys().next().value);
      this.kept.set(number, bodies);
    }
    return this.kept.get(number)[row % CHUNK];
  }

  // Filters -----------------------------------------------------------------------------------

  passes(row) {
    return Object.entries(this.filter).every(([name, wanted]) => {
      const at = this.columns[name].rows[row];
      return name === "model" ? this.models[at].includes(wanted) : this.columns[name].values[at] === wanted;
    });
  }

  // Rows that pass the filters; titles are searched at once, texts chunk by chunk.
  async search(tell) {
    const mine = ++this.searches;
    const rows = [];
    for (let row = 0; row < this.index.count; row++) if (this.passes(row)) rows.push(row);
    const query = this.query.trim().toLowerCase();
    if (!query) return tell(rows, 1);
    const titles = this.columns.title.values.map((title) => title.toLowerCase().includes(query));
    const found = rows.filter((row) => titles[this.columns.title.rows[row]]);
    const rest = rows.filter((row) => !titles[this.columns.title.rows[row]]);
    tell(found, 0);
    let last = performance.now();
    for (let at = 0; at < rest.length; at++) {
      const body = await this.body(rest[at]);
      if (body.some(([, , parts]) => parts.some(([, said]) => said.toLowerCase().includes(query)))) found.push(rest[at]);
      if (performance.now() - last > 40) {
        await pause();
        if (mine !== this.searches) return undefined;
        tell(found, (at + 1) / rest.length);
        last = performance.now();
      }
    }
    if (mine !== this.searches) return undefined;
    return tell(found.sort((a, b) => a - b), 1);
  }

  // The page ----------------------------------------------------------------------------------

  build() {
    this.list = el("div", { class: "list", role: "listbox", tabindex: "0", "aria-label": "Transcripts" });
    this.spacer = el("div");
    this.list.append(this.spacer);
    this.list.addEventListener("scroll", () => this.drawList());
    this.list.addEventListener("keydown", (event) => this.onKey(event));
    this.found = el("span");
    this.clear = el("button", { type: "button", hidden: true, onclick: () => this.reset() }, "Clear filters");
    this.detail = el("div", { class: "detail" }, el("p", { class: "empty" }, "Choose a transcript."));
    this.input = el("input", { type: "search", placeholder: "Search questions, answers and verdicts", "aria-label": "Search" });
    let timer = 0;
    this.input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => { this.query = this.input.value; this.refresh(); }, 200);
    });
    this.filters = el("div", { class: "filters" }, this.input);
    const { count, total } = this.index;
    const part = count < total
      ? `${number(count, 0)} of ${number(total, 0)} items can be opened here: an even share of every run that keeps its outcomes.` : "";
    this.box = el("div", { class: "browse" },
      el("div", { class: "side" }, this.filters, el("div", { class: "count" }, this.found, this.clear),
        this.list, part ? el("p", { class: "note" }, part) : null),
      this.detail);
    this.ready = this.load().then(() => { this.buildFilters(); return this.refresh(); })
      .catch((error) => { this.detail.replaceChildren(noticeBlock({ tone: "bad", text: error.message, items: [] })); });
    return this.box;
  }

  buildFilters() {
    this.selects = {};
    for (const [name, all] of FILTERS) {
      const values = name === "model" ? [...new Set(this.models.flat())] : this.columns[name].values;
      const named = [...values].filter(Boolean).sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
      if (named.length < 2) continue;
      const select = el("select", { "aria-label": name, "data-filter": name }, el("option", { value: "" }, all),
        named.map((value) => el("option", { value }, value)));
      select.addEventListener("change", () => {
        if (select.value) this.filter[name] = select.value; else delete this.filter[name];
        this.refresh();
      });
      this.selects[name] = select;
      this.filters.append(select);
    }
  }

  reset() {
    this.filter = {};
    this.query = this.input.value = "";
    for (const select of Object.values(this.selects)) select.value = "";
    this.refresh();
  }

  refresh() {
    this.clear.hidden = !this.query && !Object.keys(this.filter).length;
    this.list.scrollTop = 0;
    return this.search((rows, done) => {
      this.shown = rows;
      const words = rows.length === 1 ? "1 transcript" : `${number(rows.length, 0)} transcripts`;
      this.found.textContent = done < 1 ? `${words}, ${Math.round(100 * done)}% searched` : words;
      this.drawList();
    });
  }

  drawList() {
    this.spacer.style.height = `${this.shown.length * ITEM_HEIGHT}px`;
    const first = Math.max(0, Math.floor(this.list.scrollTop / ITEM_HEIGHT) - 5);
    const last = Math.min(this.shown.length, first + Math.ceil(this.list.clientHeight / ITEM_HEIGHT) + 12);
    const items = [];
    for (let at = first; at < last; at++) items.push(this.item(at));
    this.list.replaceChildren(this.spacer, ...items);
  }

  item(at) {
    const row = this.shown[at];
    const outcome = this.get("outcome", row);
    const node = el("div", {
      class: "item", role: "option", "aria-selected": row === this.open ? "true" : "false",
      onclick: () => { this.go(row); },
    },
    el("div", { class: "line1" }, this.get("title", row)),
    el("div", { class: "line2" }, el("span", {}, this.get("model", row)),
      el("span", { class: "right" }, el("i", { class: `dot ${OUTCOME_TONES[outcome] || ""}` }), outcome)));
    node.style.top = `${at * ITEM_HEIGHT}px`;
    return node;
  }

  onKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.step(step);
  }

  step(by) {
    const at = this.shown.indexOf(this.open);
    const next = at < 0 ? 0 : at + by;
    if (next < 0 || next >= this.shown.length) return;
    this.go(this.shown[next]);
    const top = next * ITEM_HEIGHT, { scrollTop, clientHeight } = this.list;
    if (top < scrollTop) this.list.scrollTop = top;
    else if (top + ITEM_HEIGHT > scrollTop + clientHeight) this.list.scrollTop = top + ITEM_HEIGHT - clientHeight;
  }

  go(row) {
    location.hash = `transcripts/${this.get("id", row)}`;
  }

  // Opens the transcript of an id, from a click or from a link.
  async show(id) {
    await this.ready;
    if (!id) { this.box.classList.remove("open"); this.open = -1; return this.drawList(); }
    this.box.classList.add("open");
    const row = this.place.get(id);
    if (row === undefined) {
      this.detail.replaceChildren(el("p", { class: "empty" }, `There is no transcript ${id} in this report.`));
      return undefined;
    }
    this.open = row;
    this.drawList();
    const body = await this.body(row);
    if (this.open === row) this.drawDetail(row, body);
    return undefined;
  }

  drawDetail(row, body) {
    const facts = ["benchmark", "model", "category", "outcome", "score", "run"]
      .map((name) => this.get(name, row)).filter(Boolean).join(" · ");
    const copy = el("button", { type: "button", class: "quiet", onclick: () => this.copy(copy) }, "Copy link");
    const bar = el("div", { class: "bar" },
      el("button", { type: "button", class: "quiet back", onclick: () => { location.hash = "transcripts"; } }, "\u2190 List"),
      el("button", { type: "button", class: "quiet", "aria-label": "Previous", onclick: () => this.step(-1) }, "\u2191"),
      el("button", { type: "button", class: "quiet", "aria-label": "Next", onclick: () => this.step(1) }, "\u2193"),
      el("span", { class: "grow" }), copy);
    const panels = [];
    let pair = null;
    for (const [heading, side, parts] of body) {
      const panel = el("section", { class: "panel" }, el("h3", {}, heading), parts.map((part) => this.part(part)));
      if (side < 0) { pair = null; panels.push(panel); continue; }
      if (!pair) { pair = el("div", { class: "pair" }); panels.push(pair); }
      pair.append(panel);
    }
    this.detail.replaceChildren(bar, el("h2", {}, this.marked(this.get("title", row))),
      el("p", { class: "facts" }, facts), ...panels);
    if (window.innerWidth <= 820) window.scrollTo(0, 0);
  }

  part([label, said, kind]) {
    const text = el("div", { class: "said" }, this.marked(said));
    const query = this.query.trim().toLowerCase();
    if (kind === "context" || kind === "reasoning") {
      const open = kind === "reasoning" || (query && said.toLowerCase().includes(query));
      return el("details", { class: `part ${kind}`, open: Boolean(open) }, el("summary", {}, label), text);
    }
    return el("div", { class: `part ${kind}` }, el("div", { class: "label" }, label), text);
  }

  // The text with what was searched for marked; still text nodes alone.
  marked(said) {
    const query = this.query.trim().toLowerCase();
    if (!query) return [said];
    const pieces = [], lower = said.toLowerCase();
    let from = 0;
    for (let at = lower.indexOf(query); at >= 0 && pieces.length < 400; at = lower.indexOf(query, from)) {
      pieces.push(said.slice(from, at), el("mark", {}, said.slice(at, at + query.length)));
      from = at + query.length;
    }
    return [...pieces, said.slice(from)];
  }

  async copy(button) {
    let words = "Copied";
    try { await navigator.clipboard.writeText(location.href); } catch { words = "Copy the address bar"; }
    button.textContent = words;
    setTimeout(() => { button.textContent = "Copy link"; }, 1500);
  }
}
