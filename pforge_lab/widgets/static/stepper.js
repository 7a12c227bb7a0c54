// The stepper. Python says what is shown (`view`) and answers what is asked for; only what can be seen is drawn.
const GLYPHS = { done: "✓", failed: "✕", skipped: "↷", edited: "✎", running: "▶", pending: "○", start: "•" };
const ICONS = {
  reset: "M12 5V1L7 6l5 5V7a5 5 0 1 1-5 5H5a7 7 0 1 0 7-7z", back: "M6 6h2v12H6zm3.5 6 8.5 6V6z",
  step: "M6 18l8.5-6L6 6zM16 6v12h2V6z", finish: "M4 18l8.5-6L4 6zm9-12v12l8.5-6z", stop: "M6 6h12v12H6z",
};
const NAMES = { reset: "Reset", back: "Back", step: "Step", finish: "Run to end", stop: "Stop" };
const STOPS = "Stop: commands, requests and coroutines end at once, a Python function at its next bytecode; a C call finishes first";
const TABS = { variables: "Variables", record: "Record", diff: "Diff", memory: "Memory", flow: "Data flow" };
const START = { label: "Start", tool: "", status: "start", at: 0, time: "", memory: "" };
function icon(name) {
  const span = element("span", { class: "pfs-icon", "aria-hidden": "true" });
  span.innerHTML = `<svg viewBox="0 0 24 24" width="16" height="16"><path fill="currentColor" d="${ICONS[name]}"/></svg>`;
  return span;
}

class Stepper {
  constructor(model) {
    this.model = model;
    this.id = `pfs${made += 1}-${Math.random().toString(36).slice(2, 8)}`;
    this.tab = "variables";
    this.asked = 0;
    this.waiting = {};
    this.against = null;
    this.build();
    this.redraw(true);
  }

  build() {
    this.buttons = {};
    const bar = element("div", { role: "toolbar", "aria-label": "Run", class: "pfs-bar" });
    for (const name of Object.keys(NAMES)) {
      const button = element("button", { type: "button", "data-do": name, title: name === "stop" ? STOPS : NAMES[name],
        "aria-label": NAMES[name], class: name === "step" ? "pfs-primary" : "" }, icon(name));
      if (name === "step") button.append(NAMES[name]);
      button.addEventListener("click", () => this.act(name));
      this.buttons[name] = button;
      bar.append(button);
    }
    this.status = element("span", { role: "status", "aria-live": "polite", class: "pfs-status" });
    bar.append(this.status);
    this.told = element("span");
    this.other = element("button", { type: "button", "data-do": "show" });
    this.other.addEventListener("click", () => {
      if (!this.model.get("busy")) this.model.send({ do: "show", run: this.model.get("other") });
    });
    this.notice = element("p", { role: "alert", class: "pfs-notice" }, this.told, this.other);
    this.steps = new Paged(`${this.id}-s`, "Steps", (step) => this.stepRow(step), () => this.look(), (start) => {
      this.ask("steps", { start: Math.max(0, start - 1), count: PAGE }, (data) => this.steps.fill(data.start + 1, data.steps));
    }, [START]);
    this.steps.node.addEventListener("keydown", (event) => {
      const name = { Enter: "step", Backspace: "back" }[event.key];
      if (!name) return;
      event.preventDefault();
      this.act(name);
    });
    this.variables = new Paged(`${this.id}-v`, "Variables", (row) => this.variableRow(row), () => this.preview(), (start) => {
      this.ask("more", { at: this.chosen.at, start, count: PAGE }, (data) => this.variables.fill(data.start, data.rows));
    });
    this.variables.node.addEventListener("keydown", (event) => {
      if (event.key === "Enter") { event.preventDefault(); this.preview(); }
    });
    this.title = element("p", { class: "pfs-title" });
    this.detail = element("div", { class: "pfs-detail" });
    this.panel = element("div", { role: "tabpanel", id: `${this.id}-p`, tabindex: "0", class: "pfs-panel" });
    this.tablist = tabs(this, "Look at", TABS);
    const right = element("div", { class: "pfs-right" }, this.tablist, this.title, this.panel);
    const panes = element("div", { class: "pfs-panes" }, this.steps.node, right);
    this.root = element("div", { role: "group", class: "pforge-view pfs", "aria-label": "Stepper" }, bar, this.notice, panes);
    // What is typed in here is for here alone.
    this.root.addEventListener("keydown", (event) => event.stopPropagation());
  }

  stepRow(step) {
    const here = step.at !== null && step.at === this.view.position;
    const ahead = step.at !== null && step.at > this.view.position;
    const glyph = element("span", { class: `pfs-glyph pf-${step.status}`, "aria-hidden": "true" }, GLYPHS[step.status] ?? "•");
    const bar = element("span", { class: step.memory || step.at === null ? "pfs-memory" : "", title: step.memory || null, "aria-hidden": "true" });
    if (step.memory) {
      bar.append(element("i", { style: `width:${step.peak * 100}%` }), element("b", { style: `width:${step.after * 100}%` }));
    }
    return element("div", { class: `pfs-step${here ? " pfs-here" : ""}${ahead || step.at === null ? " pfs-muted" : ""}`,
      "aria-label": [step.label, step.status === "start" ? "" : step.status, step.time, step.memory, here ? "the run stands here" : ""].filter(Boolean).join(", ") },
      glyph, element("span", { class: "pfs-name" }, step.label, element("small", {}, step.tool === step.label ? "" : step.tool)),
      element("span", { class: "pfs-time" }, step.time), bar,
      element("span", { class: "pfs-peak" }, step.memory.split(" MB")[0]));
  }

  variableRow(row) {
    return element("div", { class: "pfs-variable", "aria-label": `${row.name}, ${row.type} ${row.shape}, ${row.size}, ${row.change}` },
      element("code", { title: row.name }, row.name), element("span", { class: "pfs-type", title: row.type }, row.type),
      element("span", { class: "pfs-number", title: row.shape }, row.shape), element("span", { class: "pfs-number" }, row.size),
      element("span", { class: `pfs-change pf-${row.change.replace(" ", "-")}` }, row.change),
      element("span", { class: "pfs-sketch", title: row.preview }, row.preview));
  }

  act(name) {
    if (this.buttons[name].getAttribute("aria-disabled") === "true") return;
    performance.mark("pforge-click");
    this.model.send({ do: name });
  }

  // Choose what the run stands after when it has moved; keep what was chosen otherwise.
  redraw(moved) {
    performance.mark("pforge-draw");
    const before = this.view;
    this.view = this.model.get("view");
    const { view } = this;
    delete this.waiting.steps;  // what was asked of the list before
    const changed = moved || before.position !== view.position || before.id !== view.id;
    this.steps.list(view.length + 1, changed ? view.position : this.steps.at, view.start + 1, view.steps, before?.id === view.id);
    if (changed) { this.steps.reveal(); this.steps.paint(); }
    this.words();
    this.look();
    performance.measure("pforge-redraw", "pforge-draw");
    if (performance.getEntriesByName("pforge-click").length && !this.model.get("busy")) {
      performance.measure("pforge-click-to-redraw", "pforge-click");
      performance.clearMarks("pforge-click");
    }
  }

  words() {
    const { view } = this, busy = this.model.get("busy") || view.status === "running";
    const told = [`${view.pipeline} · ${view.under_way ? "running" : `position ${view.position} ·`} `,
      view.under_way || view.here || START.label, ` · ${busy ? "running" : view.status}`];
    if (this.status.textContent !== told.join("")) this.status.replaceChildren(told[0], element("strong", {}, told[1]), told[2]);
    const off = { reset: busy || !view.position, back: busy || !view.position, step: busy || !view.next,
      finish: busy || !view.next, stop: !busy };
    for (const [name, button] of Object.entries(this.buttons)) {
      button.setAttribute("aria-disabled", Boolean(off[name] || (view.readonly && name !== "stop")));
    }
    const notice = this.model.get("notice") || (view.status === "failed" ? view.error : "");
    if (this.told.textContent !== notice) this.told.textContent = notice;
    this.notice.hidden = !notice;
    const other = this.model.get("other");
    this.other.hidden = !other;
    if (other) this.other.textContent = `Show ${other}`;
    this.other.setAttribute("aria-disabled", Boolean(this.model.get("busy")));
  }

  get chosen() { return this.steps.items[this.steps.at]; }

  ask(look, more, then) {
    this.asked += 1;
    this.waiting[look] = { asked: this.asked, then };
    this.model.send({ look, asked: this.asked, ...more });
  }

  received(answer) {
    const waiting = this.waiting[answer.look];
    if (!waiting || waiting.asked !== answer.asked) return;
    if (answer.error === undefined) {
      this.again = false;
      waiting.then(answer.data);
    } else if (!this.again) {  // the run may have moved while it was looked at: what it is now is asked for, once
      this.again = true;
      this.look();
    } else this.tell(answer.error);
  }

  tell(text) { this.panel.replaceChildren(element("p", { class: "pf-error" }, text)); }

  html(place, html) {
    place.innerHTML = html;
    shield(place);
  }

  look() {
    this.waiting = { steps: this.waiting.steps };  // no answer for what was looked at before is shown in here
    for (const tab of this.tablist.children) {
      const chosen = tab.dataset.tab === this.tab;
      tab.setAttribute("aria-selected", chosen);
      tab.tabIndex = chosen ? 0 : -1;
      tab.dataset.lmSuppressShortcuts = "true";
    }
    this.panel.setAttribute("aria-labelledby", `${this.id}-t-${this.tab}`);
    const { chosen, panel } = this;
    if (!chosen) return;  // its row is under way
    panel.dataset.lmSuppressShortcuts = "true";
    const name = chosen.at === 0 ? "the start" : chosen.label;
    const titles = { variables: `Variables after ${name}`, record: `Record of ${name}`, diff: `What differs at ${name}`,
      memory: "Memory of the run", flow: "Data flow; the step the run stands after is marked" };
    const [before, after] = titles[this.tab].split(name, 2);
    this.title.replaceChildren(...(after === undefined ? [before] : [before, element("strong", {}, name), after]));
    if (["variables", "diff"].includes(this.tab) && chosen.at === null) {
      this.tell("");
      panel.replaceChildren(element("p", { class: "pf-muted" }, chosen.status === "failed"
        ? "This step failed; the variables are as before it. Record shows its traceback." : "This step has not run yet."));
      return;
    }
    if (this.tab === "variables") {
      const kept = this.variables.items[this.variables.at]?.name;
      this.ask("variables", { at: chosen.at, start: 0, count: PAGE, kept }, (data) => this.showVariables(data));
    } else if (this.tab === "diff") this.diff();
    else this.ask(this.tab, { at: chosen.at }, (html) => this.html(panel, html));
  }

  showVariables({ total, start, at, rows }) {
    performance.mark("pforge-draw-variables");
    const head = element("div", { class: "pfs-variable pfs-head", "aria-hidden": "true" },
      ...["Name", "Type", "Shape", "Size", "Change", "Preview"].map((word) => element("span", {}, word)));
    const again = this.variables.node.isConnected && this.panel.contains(this.variables.node);
    if (!again) this.panel.replaceChildren(head, this.variables.node, this.detail);
    delete this.waiting.more;
    const chosen = this.variables.items[this.variables.at]?.name;  // it may be another one than when this was asked for
    const place = rows.findIndex((row) => row.name === chosen);
    this.variables.list(total, place < 0 ? at ?? 0 : start + place, start, rows, false);
    performance.measure("pforge-redraw-variables", "pforge-draw-variables");
    const row = this.variables.items[this.variables.at];
    if (this.opened && row?.name === this.opened) this.preview(); else this.detail.replaceChildren();
  }

  preview() {
    const row = this.variables.items[this.variables.at], at = this.chosen.at;
    if (!row || row.change === "deleted") { this.detail.replaceChildren(); return; }
    this.opened = row.name;
    this.ask("preview", { at, name: row.name }, (data) => {
      const shown = element("div");
      this.html(shown, data.html);
      this.detail.replaceChildren(shown, ...(data.json === null || this.view.readonly ? [] : [this.editor(row.name, at, data.json)]));
    });
  }

  editor(name, at, json) {
    const box = element("textarea", { rows: Math.min(8, json.split("\n").length), spellcheck: "false",
      "aria-label": `Value of ${name} as JSON` });
    box.value = json;
    const send = (what) => this.model.send({ do: what, name, at, value: box.value });
    const fork = element("button", { type: "button", "data-do": "fork" }, "Fork from here");
    fork.addEventListener("click", () => send("fork"));
    const buttons = [fork];
    if (at === this.view.position) {
      const set = element("button", { type: "button", "data-do": "set" }, "Set");
      set.addEventListener("click", () => send("set"));
      buttons.unshift(set);
    }
    const form = element("div", { class: "pfs-editor" }, box, ...buttons);
    shield(form);
    return form;
  }

  // With another position: chosen by its label, or by its number where there are more than a list should have.
  diff() {
    const { at } = this.chosen, { end, length, steps } = this.view;
    if (!end) { this.panel.replaceChildren(element("p", { class: "pf-muted" }, "There is nothing to compare with yet.")); return; }
    if (this.against === null || this.against > end || this.against === at) this.against = at ? at - 1 : 1;
    const others = [START, ...steps].filter((step) => step.at !== null && step.at !== at);
    const field = length > steps.length
      ? element("input", { type: "number", min: 0, max: end, value: this.against, "aria-label": "Compare with position" })
      : element("select", { "aria-label": "Compare with" }, ...others.map((step) =>
        element("option", { value: step.at, selected: step.at === this.against ? "" : null }, `${step.at} ${step.label}`)));
    const shown = element("div");
    const ask = () => this.ask("diff", { at, before: this.against }, (html) => this.html(shown, html));
    field.addEventListener("change", () => {
      if (!field.checkValidity() || field.value === "") { field.reportValidity(); return; }
      this.against = Number(field.value);
      ask();
    });
    this.panel.replaceChildren(element("label", {}, "From ", field), shown);
    shield(this.panel);
    ask();
  }
}

function render({ model, el }) {
  const stepper = new Stepper(model);
  shield(stepper.root);
  el.append(stepper.root);
  stepper.steps.paint();
  const redraw = () => stepper.redraw(false);
  const words = () => stepper.words();
  const received = (answer) => stepper.received(answer);
  model.on("change:view", redraw);
  model.on("change:busy", words);
  model.on("change:notice", words);
  model.on("change:other", words);
  model.on("msg:custom", received);
  return () => {
    model.off("change:view", redraw);
    model.off("change:busy", words);
    model.off("change:notice", words);
    model.off("change:other", words);
    model.off("msg:custom", received);
  };
}

export default { render };
