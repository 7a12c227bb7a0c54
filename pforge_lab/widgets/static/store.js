
// The store browser. Python lists the keys and looks at values; only what can be seen is asked for and drawn.
class StoreBrowser extends Browser {
  constructor(model) {
    super(model, "pfk");
    this.nouns = ["key", "keys"];
    this.none = "No key matches.";
    this.deleted = 0;
    const bar = this.toolbar("Store", { refresh: "Refresh", delete: "Delete", undo: "Undo", stats: "Figures", compact: "Compact" });
    this.prefix = this.search(["Begins with", "Keys that begin with"]);
    this.containing = this.search(["Contains", "Keys that contain"]);
    this.own = element("input", { type: "checkbox" });
    this.own.addEventListener("change", () => this.refresh());
    const search = element("div", { role: "search", class: "pfs-bar" }, this.prefix, this.containing,
      element("label", {}, this.own, " keys of runs"), this.status);
    const keys = this.list("Keys");
    keys.addEventListener("keydown", (event) => {
      if (event.key !== "Delete") return;
      event.preventDefault();
      this.act("delete");
    });
    this.panel = element("div", { tabindex: "0", role: "region", "aria-label": "Value", class: "pfs-panel" });
    this.frame("Store browser", "pfk", element("p", { class: "pf-title" }, model.get("url")), bar, search, this.notice,
      element("div", { class: "pfs-panes" }, keys, element("div", { class: "pfs-right" }, this.panel)));
    this.words();
    this.refresh();
  }

  query() { return { prefix: this.prefix.value, containing: this.containing.value, own: this.own.checked }; }

  words() {
    const readonly = this.model.get("readonly");
    this.disable({ delete: readonly || !this.chosen, undo: readonly || !this.deleted, compact: readonly });
  }

  drawn(row) {
    const expires = row.ttl === "—" ? "never expires" : `expires in ${row.ttl}`;
    return element("div", { class: "pfk-key", "aria-label": [row.key, row.size, row.kind, row.ttl === "—" ? "" : expires].filter(Boolean).join(", ") },
      element("code", { class: "pfs-name", title: row.key }, row.key), element("span", { class: "pfs-number" }, row.size),
      element("span", { class: "pfs-number", title: expires }, row.ttl), element("span", { class: "pfs-muted" }, row.kind));
  }

  look() {
    this.words();
    const row = this.chosen;
    if (row) this.ask("value", { key: row.key }, (html) => this.html(html, `Value of ${row.key}`));
  }

  act(name) {
    if (this.buttons[name].getAttribute("aria-disabled") === "true") return;
    const row = this.chosen;
    this.tell("");
    if (name === "refresh") this.refresh(row?.key);
    else if (name === "stats") this.ask("stats", {}, (html) => this.html(html, "Figures"));
    else if (name === "delete") {
      const next = this.rows.items[this.rows.at + 1] ?? this.rows.items[this.rows.at - 1];
      this.ask("delete", { key: row.key }, (told) => { this.deleted += 1; this.tell(told); this.refresh(next?.key); });
    } else if (name === "undo") this.ask("undo", {}, (told) => { this.deleted -= 1; this.tell(told); this.refresh(row?.key); });
    else this.ask("compact", {}, (told) => { this.tell(told); this.refresh(row?.key); });
  }
}

function render({ model, el }) { return new StoreBrowser(model).mount(el); }

export default { render };
