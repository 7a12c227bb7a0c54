
// The run browser. Python lists the runs and does what is asked; what is opened is a widget of its own below the list.
const RUN_GLYPHS = { done: "✓", failed: "✕", interrupted: "✕", running: "▶", paused: "◐", ready: "○" };
const STATUSES = ["ready", "running", "paused", "done", "failed", "interrupted"];
const COLUMNS = ["Run", "Status", "Pipeline", "Steps", "Time", "Peak", "Stored", "Updated"];

class RunBrowser extends Browser {
  constructor(model) {
    super(model, "pfr");
    this.nouns = ["run", "runs"];
    this.none = "No run matches.";
    const bar = this.toolbar("Runs", { open: "Open", resume: "Resume", fork: "Fork", compare: "Compare", delete: "Delete", refresh: "Refresh" });
    this.buttons.open.classList.add("pfs-primary");
    this.containing = this.search(["Search", "Runs that contain"]);
    this.filter = element("select", { "aria-label": "Status" });
    this.filter.addEventListener("change", () => this.refresh());
    const search = element("div", { role: "search", class: "pfs-bar" }, this.containing, this.filter, this.status);
    const runs = this.list("Runs");
    runs.addEventListener("keydown", (event) => {
      const name = { Enter: "open", Delete: "delete" }[event.key];
      if (name) event.preventDefault();
      if (name) this.act(name);
      else if (event.key === "Escape" && this.first) this.mark(null);
    });
    const head = element("div", { class: "pfr-run pfr-head", "aria-hidden": "true" }, element("span"), ...COLUMNS.map((word) => element("span", {}, word)));
    this.question = element("div", { role: "alertdialog", class: "pfs-notice pfr-question", hidden: "" });
    this.panel = element("div", { tabindex: "0", role: "region", "aria-label": "Run", class: "pfs-panel" });
    this.stage = element("div", { role: "region", "aria-label": "Opened", class: "pfr-stage", hidden: "" });
    this.frame("Run browser", "pfk pfr", element("p", { class: "pf-title" }, `Runs in ${model.get("place")}`), bar, search,
      this.notice, this.question, head, runs, this.panel, this.stage);
    this.statuses({}, model.get("status"));
    this.words();
    this.show();
    this.refresh();
  }

  query() { return { containing: this.containing.value, status: this.filter.value }; }

  // How many runs there are of each status stands in the choice of it.
  statuses(counts, chosen) {
    const bad = (counts.failed ?? 0) + (counts.interrupted ?? 0);
    const choices = [["", "Any status"], ["unfinished", `failed or interrupted${bad ? ` (${bad})` : ""}`],
      ...STATUSES.map((name) => [name, name + (counts[name] ? ` (${counts[name]})` : "")])];
    this.filter.replaceChildren(...choices.map(([value, text]) => element("option", { value, selected: value === chosen }, text)));
    this.filter.value = chosen;
  }

  listed(data) {
    this.statuses(data.statuses, this.filter.value);
    const unknown = data.rows.filter((row) => !row.stored).map((row) => row.key);
    if (!unknown.length) return;
    this.ask("sizes", { keys: unknown }, (sizes) => {
      for (const row of this.rows.items) if (row && sizes[row.key]) row.stored = sizes[row.key];
      this.rows.paint();
    });
  }

  words() {
    const { chosen, first } = this, none = !chosen;
    this.disable({ open: none, resume: none || chosen.status === "done" || chosen.status === "running", fork: none,
      compare: none || (first && first.key === chosen.key), delete: none || chosen.status === "running" });
    const word = first ? "Compare with it" : "Compare";
    if (this.buttons.compare.textContent !== word) this.buttons.compare.textContent = word;
  }

  drawn(row) {
    const part = row.total ? Math.min(1, row.done / row.total) : 1;
    const bar = element("span", { class: "pfs-memory", "aria-hidden": "true" }, element("b", { style: `width:${part * 100}%` }));
    const marked = this.first?.key === row.key;
    return element("div", { class: "pfr-run", title: row.place,
      "aria-label": [row.id, row.status, row.pipeline, row.steps, row.time, row.peak === "—" ? "" : `peak ${row.peak}`,
        row.stored && `stored ${row.stored}`, `updated ${row.updated}`, marked ? "to be compared" : ""].filter(Boolean).join(", ") },
      element("span", { class: `pfs-glyph pf-${row.status}`, "aria-hidden": "true" }, RUN_GLYPHS[row.status] ?? "•"),
      element("code", { class: "pfs-name", title: row.id }, ...(marked ? [element("mark", {}, "A"), " "] : []), row.id),
      element("span", { class: `pf-${row.status}` }, row.status), element("span", { class: "pfs-name", title: row.pipeline }, row.pipeline),
      element("span", { class: "pfr-steps", title: row.steps }, bar, element("span", { class: "pfs-number" }, `${row.done} of ${row.total}`)),
      element("span", { class: "pfs-number" }, row.time), element("span", { class: "pfs-number" }, row.peak),
      element("span", { class: "pfs-number" }, row.stored || "…"), element("span", { class: "pfs-muted" }, row.updated));
  }

  // What is open below the list stays there while other runs are chosen.
  look() {
    this.words();
    const row = this.chosen;
    if (row && !this.model.get("stage")) this.ask("look", { key: row.key }, (html) => this.html(html, `Run ${row.id}`));
  }

  act(name) {
    if (this.buttons[name].getAttribute("aria-disabled") === "true") return;
    const row = this.chosen;
    this.tell("");
    this.confirm(null);
    if (name === "refresh") this.refresh(row?.key);
    else if (name === "delete") this.confirm(row);
    else if (name === "compare" && !this.first) this.mark(row);
    else if (name === "compare") {
      const keys = [this.first.key, row.key];
      this.mark(null);
      this.ask("compare", { keys }, (told) => this.tell(told));
    } else if (name === "fork") this.ask("fork", { key: row.key }, ({ told, key }) => { this.tell(told); this.refresh(key); });
    else this.ask(name, { key: row.key }, (told) => { this.tell(told); this.refresh(row.key); });
  }

  // The first of two runs to compare.
  mark(row) {
    this.first = row;
    this.tell(row ? `A is ${row.id}. Choose another run and press Compare with it; Escape lets go.` : "");
    this.rows.paint();
    this.words();
  }

  confirm(row) {
    this.question.hidden = !row;
    this.question.replaceChildren();
    if (!row) return;
    const question = `Delete ${row.id}, all its lines, and the snapshots that no other run needs? This cannot be undone.`;
    const yes = element("button", { type: "button", "data-do": "yes" }, "Delete it");
    const no = element("button", { type: "button", "data-do": "no" }, "Keep it");
    const end = () => { this.confirm(null); this.rows.node.focus(); };
    no.addEventListener("click", end);
    yes.addEventListener("click", () => {
      const next = this.rows.items[this.rows.at + 1] ?? this.rows.items[this.rows.at - 1];
      if (this.first?.key === row.key) this.mark(null);
      end();
      this.ask("delete", { key: row.key }, (told) => { this.tell(told); this.refresh(next?.key); });
    });
    this.question.onkeydown = (event) => { if (event.key === "Escape") end(); };
    this.question.setAttribute("aria-label", question);
    this.question.append(element("span", {}, question), yes, no);
    shield(this.question);
    no.focus();
  }

  // A stepper or a comparison is a view of its own, made by the widget manager of the page.
  async show() {
    const stage = this.model.get("stage");
    this.stage.hidden = !stage;
    this.panel.hidden = Boolean(stage);
    this.view?.remove();
    this.view = null;
    if (!stage) { this.stage.replaceChildren(); this.look(); return; }
    const manager = this.model.widget_manager;
    const view = await manager.create_view(await manager.get_model(stage.replace("IPY_MODEL_", "")));
    if (this.model.get("stage") !== stage) { view.remove(); return; }
    this.view = view;
    const close = element("button", { type: "button", "data-do": "leave" }, "Close");
    close.addEventListener("click", () => { this.ask("leave", {}, () => this.tell("")); this.rows.node.focus(); });
    this.stage.replaceChildren(element("div", { class: "pfs-bar" }, close), view.el);
    shield(this.stage);
  }
}

function render({ model, el }) {
  const browser = new RunBrowser(model);
  const end = browser.mount(el);
  const moved = () => browser.refresh(browser.chosen?.key, true);
  const show = () => browser.show();
  model.on("change:moved", moved);
  model.on("change:stage", show);
  return () => {
    browser.view?.remove();
    model.off("change:moved", moved);
    model.off("change:stage", show);
    end();
  };
}

export default { render };
