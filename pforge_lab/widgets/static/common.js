// What the widgets share: elements, Lab's shortcuts kept out, long lists of which only what shows is in the page.
const ROW = 28, SPARE = 8;
let made = 0;

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

// Jupyter's own shortcuts must not fire on what is focused in here.
function shield(node) {
  const focusable = "button, select, textarea, summary, a[href], [tabindex]";
  for (const each of node.querySelectorAll(focusable)) each.dataset.lmSuppressShortcuts = "true";
}

// A list of rows of one height, of which only those in sight are in the page; one of them is chosen.
class Rows {
  constructor(prefix, label, draw, choose) {
    Object.assign(this, { prefix, draw, choose, items: [], at: 0 });
    this.inner = element("div", { role: "presentation", class: "pfs-inner" });
    this.node = element("div", { role: "listbox", "aria-label": label, tabindex: "0", class: "pfs-rows",
      "data-lm-suppress-shortcuts": "true" }, this.inner);
    this.node.addEventListener("scroll", () => this.paint());
    this.node.addEventListener("click", (event) => {
      const row = event.target.closest("[data-row]");
      if (row) this.move(Number(row.dataset.row));
    });
    this.node.addEventListener("keydown", (event) => {
      const page = Math.max(1, Math.floor(this.node.clientHeight / ROW) - 1);
      const to = { ArrowDown: this.at + 1, ArrowUp: this.at - 1, Home: 0, End: this.items.length - 1,
        PageDown: this.at + page, PageUp: this.at - page }[event.key];
      if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.move(to);
    });
  }
  move(to) {
    this.at = Math.max(0, Math.min(this.items.length - 1, to));
    this.reveal();
    this.paint();
    this.choose(this.at);
  }
  show(items, at) {
    this.items = items;
    this.at = Math.max(0, Math.min(items.length - 1, at));
    this.inner.style.height = `${items.length * ROW}px`;
    this.paint();
  }
  reveal() {
    const top = this.at * ROW, { scrollTop, clientHeight } = this.node;
    if (top < scrollTop) this.node.scrollTop = top;
    else if (clientHeight && top + ROW > scrollTop + clientHeight) this.node.scrollTop = top + ROW - clientHeight;
  }
  paint() {
    const height = this.node.clientHeight || 420;
    const first = Math.max(0, Math.floor(this.node.scrollTop / ROW) - SPARE);
    const last = Math.min(this.items.length, Math.ceil((this.node.scrollTop + height) / ROW) + SPARE);
    const rows = [];
    const places = Array.from({ length: Math.max(0, last - first) }, (_, place) => first + place);
    if (this.items.length && (this.at < first || this.at >= last)) places.push(this.at);
    for (const place of places) {
      const row = this.draw(this.items[place], place);
      row.id = `${this.prefix}-${place}`;
      row.style.top = `${place * ROW}px`;
      row.dataset.row = place;
      row.setAttribute("role", "option");
      row.setAttribute("aria-setsize", this.items.length);
      row.setAttribute("aria-posinset", place + 1);
      row.setAttribute("aria-selected", place === this.at);
      rows.push(row);
    }
    this.inner.replaceChildren(...rows);
    if (this.items.length) this.node.setAttribute("aria-activedescendant", `${this.prefix}-${this.at}`);
    else this.node.removeAttribute("aria-activedescendant");
  }
}

