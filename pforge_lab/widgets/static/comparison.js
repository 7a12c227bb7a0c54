
// Two runs side by side. Python says what differs (`view`), and looks at what is chosen in both runs.
const SIDES = ["A", "B"];
const SIGNS = { done: "✓", failed: "✕", skipped: "↷", edited: "✎", "not taken": "—" };
const VIEWS = { steps: "Steps", params: "Parameters", variables: "Variables", memory: "Memory" };

class RunComparison extends Browser {
  constructor(model) {
    super(model, "pfc");
    this.view = model.get("view");
    this.tab = "steps";
    this.steps = new Rows(`${this.id}-s`, "Steps of both runs", (row) => this.step(row), () => this.record());
    this.variables = new Rows(`${this.id}-v`, "Variables that differ", (row) => this.variable(row), () => this.preview());
    this.only = element("input", { type: "checkbox" });
    this.only.addEventListener("change", () => this.filter());
    this.detail = element("div", { class: "pfc-pair" });
    this.panel = element("div", { role: "tabpanel", id: `${this.id}-p`, tabindex: "0", class: "pfs-panel" });
    const runs = element("div", { class: "pfc-runs" });
    runs.innerHTML = this.view.runs;
    const { variables, variables_left_out: more } = this.view;
    this.tablist = tabs(this, "Compare", { ...VIEWS, variables: `${VIEWS.variables} (${variables.length + more})` });
    this.frame("Comparison of two runs", "pfk pfc", runs, this.notice, this.tablist, this.panel);
    this.look();
  }

  look() {
    this.waiting = {};  // no answer for what was looked at before is shown in here
    for (const tab of this.tablist.children) {
      const chosen = tab.dataset.tab === this.tab;
      tab.setAttribute("aria-selected", chosen);
      tab.tabIndex = chosen ? 0 : -1;
    }
    this.panel.setAttribute("aria-labelledby", `${this.id}-t-${this.tab}`);
    this.detail.replaceChildren();
    this.tell("");
    if (this.tab === "steps") this.showSteps();
    else if (this.tab === "variables") this.showVariables();
    else if (this.tab === "params") this.panel.innerHTML = this.view.params;
    else {
      this.panel.replaceChildren(this.detail);
      this.pair("memory", {}, "No step has been measured yet.");
    }
    shield(this.panel);
    this.only.dataset.lmSuppressShortcuts = "true";
  }

  head(kind, words) {
    return element("div", { class: `${kind} pfs-head`, "aria-hidden": "true" }, ...words.map((word) => element("span", {}, word)));
  }

  left(many, noun) {
    return many ? [element("p", { class: "pf-muted" }, `… ${many.toLocaleString("en")} ${noun} left out`)] : [];
  }

  showSteps() {
    this.panel.replaceChildren(element("label", {}, this.only, " only steps whose status or code differs"),
      this.head("pfc-step", ["Step", "A", "B", "Time A", "Time B", "", "B / A", "Peak A MB", "Peak B MB", ""]), this.steps.node,
      ...this.left(this.view.steps_left_out, "steps"), this.detail);
    this.filter();
  }

  filter() {
    const shown = this.only.checked ? this.view.steps.filter((row) => row.differs) : this.view.steps;
    this.steps.show(shown, 0);
    this.detail.replaceChildren();
    if (!shown.length) this.detail.append(element("p", { class: "pf-muted" }, this.only.checked ? "No step differs so." : "Neither run has taken a step."));
  }

  showVariables() {
    const rows = this.view.variables;
    if (!rows.length) { this.panel.replaceChildren(element("p", { class: "pf-muted" }, this.view.no_variable)); return; }
    this.panel.replaceChildren(this.head("pfc-variable", ["Variable", "Change", "A", "B"]), this.variables.node,
      ...this.left(this.view.variables_left_out, "variables"), this.detail);
    this.variables.show(rows, this.variables.at);
  }

  bars(pair) {
    return element("span", { class: "pfc-bars", "aria-hidden": "true" },
      ...pair.map((part) => element("span", { class: "pfs-memory" }, element("b", { style: `width:${part * 100}%` }))));
  }

  step(row) {
    const told = SIDES.map((side, at) => [`${side} ${row.statuses[at]}`, row.times[at] === "—" ? "" : row.times[at],
      row.peaks[at] === "—" ? "" : `peak ${row.peaks[at]} MB`].filter(Boolean).join(" "));
    const status = (at) => element("span", { class: `pf-${row.statuses[at].replace(" ", "-")}` },
      element("span", { class: "pfs-glyph", "aria-hidden": "true" }, SIGNS[row.statuses[at]] ?? "•"), ` ${row.statuses[at]}`);
    const number = (text) => element("span", { class: "pfs-number" }, text);
    return element("div", { class: "pfc-step", "aria-label": [row.label, ...told, row.code && `code ${row.code}`].filter(Boolean).join(", ") },
      element("span", { class: "pfs-name", title: row.label }, row.label, element("small", {}, row.code && `code ${row.code}`)),
      status(0), status(1), number(row.times[0]), number(row.times[1]), this.bars(row.bars.seconds),
      element("span", { class: "pfs-number", style: row.steady ? null : "color:inherit;font-weight:600" }, row.ratio),
      number(row.peaks[0]), number(row.peaks[1]), this.bars(row.bars.peak));
  }

  variable(row) {
    return element("div", { class: "pfc-variable", "aria-label": `${row.name}, ${row.change}, A ${row.a}, B ${row.b}` },
      element("code", { class: "pfs-name", title: row.name }, row.name),
      element("span", { class: `pfs-change pf-${row.change}` }, row.change),
      element("span", { class: "pfs-name", title: row.a }, row.a), element("span", { class: "pfs-name", title: row.b }, row.b));
  }

  record() {
    const row = this.steps.items[this.steps.at];
    if (row) this.pair("record", { at: row.at }, "This run did not take it.");
  }

  preview() {
    const row = this.variables.items[this.variables.at];
    if (row) this.pair("preview", { name: row.name }, "This run has none.");
  }

  // What both runs have, side by side.
  pair(ask, more, none) {
    this.ask(ask, more, (pair) => {
      this.detail.replaceChildren(...pair.map((html, at) => {
        const half = element("div", { role: "group", "aria-label": `Run ${SIDES[at]}` }, element("p", { class: "pfs-title" }, SIDES[at]));
        const shown = element("div");
        shown.innerHTML = html || `<p class="pf-muted">${none}</p>`;
        half.append(shown);
        return half;
      }));
      shield(this.detail);
    });
  }

  mount(el) {
    const heard = (answer) => this.received(answer);
    this.model.on("msg:custom", heard);
    el.replaceChildren(this.root);
    this.steps.paint();
    return () => this.model.off("msg:custom", heard);
  }
}

function render({ model, el }) { return new RunComparison(model).mount(el); }

export default { render };
