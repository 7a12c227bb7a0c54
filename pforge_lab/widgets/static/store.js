// The store browser. Python lists the keys and looks at values; only what can be seen is asked for and drawn.
const PAGE = 100;
const BUTTONS = { refresh: "Refresh", delete: "Delete", undo: "Undo", stats: "Figures", compact: "Compact" };

class StoreBrowser {
  constructor(model) {
    this.model = model;
    this.id = `pfk${made += 1}-${Math.random().toString(36).slice(2, 8)}`;
    this.asked = 0;
    this.waiting = {};
    this.deleted = 0;
    this.build();
    this.refresh();
  }

  build() {
    this.buttons = {};
    const bar = element("div", { role: "toolbar", "aria-label": "Store", class: "pfs-bar" });
    for (const [name, words] of Object.entries(BUTTONS)) {
      const button = element("button", { type: "button", "data-do": name }, words);
      button.addEventListener("click", () => this.act(name));
      this.buttons[name] = button;
      bar.append(button);
    }
    this.prefix = element("input", { type: "search", placeholder: "Begins with", "aria-label": "Keys that begin with", spellcheck: "false" });
    this.containing = element("input", { type: "search", placeholder: "Contains", "aria-label": "Keys that contain", spellcheck: "false" });
    this.own = element("input", { type: "checkbox" });
    for (const field of [this.prefix, this.containing]) field.addEventListener("input", () => this.refresh());
    this.own.addEventListener("change", () => this.refresh());
    const search = element("div", { role: "search", class: "pfs-bar" }, this.prefix, this.containing,
      element("label", {}, this.own, " keys of runs"));
    this.status = element("span", { role: "status", "aria-live": "polite", class: "pfs-status" });
    search.append(this.status);
    this.notice = element("p", { role: "alert", class: "pfs-notice", hidden: "" });
    this.keys = new Rows(`${this.id}-k`, "Keys", (row, place) => this.row(row, place), () => this.look());
    this.keys.node.addEventListener("keydown", (event) => {
      if (event.key !== "Delete") return;
      event.preventDefault();
      this.act("delete");
    });
    this.panel = element("div", { tabindex: "0", role: "region", "aria-label": "Value", class: "pfs-panel" });
    const panes = element("div", { class: "pfs-panes" }, this.keys.node, element("div", { class: "pfs-right" }, this.panel));
    this.root = element("section", { class: "pforge-view pfs pfk", "aria-label": "Store browser" },
      element("p", { class: "pf-title" }, this.model.get("url")), bar, search, this.notice, panes);
    this.root.addEventListener("keydown", (event) => event.stopPropagation());
    shield(this.root);
    for (const field of [this.prefix, this.containing, this.own]) field.dataset.lmSuppressShortcuts = "true";
    this.words();
  }

  words() {
    const off = { delete: this.model.get("readonly") || !this.chosen, undo: this.model.get("readonly") || !this.deleted,
      compact: this.model.get("readonly") };
    for (const [name, button] of Object.entries(this.buttons)) button.setAttribute("aria-disabled", Boolean(off[name]));
  }

  get chosen() { return this.keys.items[this.keys.at]; }

  ask(ask, more, then) {
    this.asked += 1;
    this.waiting[ask] = { asked: this.asked, then };
    this.model.send({ ask, asked: this.asked, ...more });
  }

  received(answer) {
    const waiting = this.waiting[answer.ask];
    if (!waiting || waiting.asked !== answer.asked) return;
    delete this.waiting[answer.ask];
    if (answer.error !== undefined) this.tell(answer.error);
    else waiting.then(answer.data);
  }

  tell(text) {
    this.notice.textContent = text;
    this.notice.hidden = !text;
  }

  refresh(kept) {
    this.fetch(0, (data) => {
      const items = new Array(data.total).fill(null);
      data.rows.forEach((row, place) => { items[data.start + place] = row; });
      const at = kept ? Math.max(0, items.findIndex((row) => row && row.key === kept)) : 0;
      this.keys.show(items, at);
      this.status.textContent = `${data.total.toLocaleString("en")} ${data.total === 1 ? "key" : "keys"}`;
      if (data.total) this.look(); else this.panel.replaceChildren(element("p", { class: "pf-muted" }, "No key matches."));
      this.words();
    });
  }

  fetch(start, then) {
    this.ask("page", { start, count: PAGE, prefix: this.prefix.value, containing: this.containing.value, own: this.own.checked }, then);
  }

  // A row that is not there yet is asked for with its neighbours, and drawn when they come.
  row(row, place) {
    if (!row) {
      if (!this.waiting.page) {
        this.fetch(Math.max(1, place - PAGE / 4), (data) => {
          const unknown = !this.chosen;
          data.rows.forEach((found, at) => { this.keys.items[data.start + at] = found; });
          this.keys.paint();
          if (unknown && this.chosen) this.look();
        });
      }
      return element("div", { class: "pfk-key pfs-muted", "aria-label": "not loaded yet" }, "…");
    }
    return element("div", { class: "pfk-key", "aria-label": `${row.key}, ${row.size}, ${row.kind}${row.ttl === "—" ? "" : `, expires in ${row.ttl}`}` },
      element("code", { class: "pfs-name", title: row.key }, row.key), element("span", { class: "pfs-number" }, row.size),
      element("span", { class: "pfs-number", title: row.ttl === "—" ? "never expires" : `expires in ${row.ttl}` }, row.ttl),
      element("span", { class: "pfs-muted" }, row.kind));
  }

  look() {
    this.words();
    const row = this.chosen;
    if (!row) return;
    this.ask("value", { key: row.key }, (html) => this.html(html));
  }

  html(html) {
    this.panel.innerHTML = html;
    this.panel.setAttribute("aria-label", this.chosen ? `Value of ${this.chosen.key}` : "Value");
    shield(this.panel);
  }

  act(name) {
    if (this.buttons[name].getAttribute("aria-disabled") === "true") return;
    const row = this.chosen;
    this.tell("");
    if (name === "refresh") this.refresh(row?.key);
    else if (name === "stats") this.ask("stats", {}, (html) => { this.html(html); this.panel.setAttribute("aria-label", "Figures"); });
    else if (name === "delete") {
      const next = this.keys.items[this.keys.at + 1] ?? this.keys.items[this.keys.at - 1];
      this.ask("delete", { key: row.key }, (told) => { this.deleted += 1; this.tell(told); this.refresh(next?.key); });
    } else if (name === "undo") this.ask("undo", {}, (told) => { this.deleted -= 1; this.tell(told); this.refresh(row?.key); });
    else this.ask("compact", {}, (told) => { this.tell(told); this.refresh(row?.key); });
  }
}

function render({ model, el }) {
  const browser = new StoreBrowser(model);
  const heard = (answer) => browser.received(answer);
  model.on("msg:custom", heard);
  el.replaceChildren(browser.root);
  browser.keys.paint();
  return () => model.off("msg:custom", heard);
}

export default { render };
