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
  const focusable = "button, select, input, textarea, summary, a[href], [tabindex]";
  for (const each of node.querySelectorAll(focusable)) each.dataset.lmSuppressShortcuts = "true";
}

// The tabs of a view that has `id`, `tab` and `look()`, its panel called like it; arrow keys go from one to the next.
function tabs(view, label, words) {
  const list = element("div", { role: "tablist", "aria-label": label, class: "pfs-tabs" });
  for (const [name, text] of Object.entries(words)) {
    const tab = element("button", { type: "button", role: "tab", id: `${view.id}-t-${name}`, "data-tab": name,
      "aria-controls": `${view.id}-p` }, text);
    tab.addEventListener("click", () => { view.tab = name; view.look(); });
    list.append(tab);
  }
  list.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const names = Object.keys(words);
    view.tab = names[(names.indexOf(view.tab) + by + names.length) % names.length];
    view.look();
    list.querySelector(`[data-tab=${view.tab}]`).focus();
  });
  return list;
}

// A list of rows of one height, of which only those in sight are in the page; one of them is chosen.
class Rows {
  constructor(prefix, label, draw, choose) {
    Object.assign(this, { prefix, draw, choose, items: [], at: 0 });
    this.inner = element("div", { role: "presentation", class: "pfs-inner" });
    this.node = element("div", { role: "listbox", "aria-label": label, tabindex: "0", class: "pfs-rows",
      "data-lm-suppress-shortcuts": "true" }, this.inner);
    this.node.addEventListener("scroll", () => this.paint());
    // A press chooses, as in lists of the system: by its release the row may have been drawn anew. A click without one
    // (its detail is 0) comes from what helps people to do without a mouse.
    this.node.addEventListener("mousedown", (event) => this.pressed(event, event.button === 0));
    this.node.addEventListener("click", (event) => this.pressed(event, event.detail === 0));
    this.node.addEventListener("keydown", (event) => {
      const page = Math.max(1, Math.floor(this.node.clientHeight / ROW) - 1);
      const to = { ArrowDown: this.at + 1, ArrowUp: this.at - 1, Home: 0, End: this.items.length - 1,
        PageDown: this.at + page, PageUp: this.at - page }[event.key];
      if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.move(to);
    });
  }
  pressed(event, chooses) {
    const row = event.target.closest("[data-row]");
    if (!row || !chooses) return;
    event.preventDefault();  // else the focus would go to a row that is no longer there
    this.node.focus({ preventScroll: true });
    this.move(Number(row.dataset.row));
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

const PAGE = 100;

// Rows of which those in sight are asked for, a page at a time. What is known of a row from before is shown until it has come.
class Paged extends Rows {
  constructor(prefix, label, draw, choose, fetch, head = []) {  // `head` are rows in front that are known
    super(prefix, label, (item, place) => this.known(item, place, draw), choose);
    Object.assign(this, { fetch, head, fresh: new Set(), asking: false });
  }
  list(length, at, start, rows, same) {
    const items = same && this.items.length === length ? this.items : new Array(length).fill(null);
    this.fresh.clear();
    this.asking = false;
    this.put(items, 0, this.head);
    this.put(items, start, rows);
    this.show(items, at);
  }
  put(items, start, rows) {
    rows.slice(0, Math.max(0, items.length - start)).forEach((row, place) => {
      items[start + place] = row;
      this.fresh.add(start + place);
    });
  }
  fill(start, rows) {
    const unknown = !this.fresh.has(this.at);
    this.put(this.items, start, rows);
    this.asking = !this.fresh.has(this.missing);  // there is no such row any more: the list will come anew
    this.paint();
    if (unknown && this.fresh.has(this.at)) this.choose(this.at);
  }
  known(item, place, draw) {
    if (!this.asking && !this.fresh.has(place)) this.missing ??= place;
    return item ? draw(item, place) : element("div", { class: "pfs-muted pfs-unknown", "aria-label": "not loaded yet" }, "…");
  }
  paint() {
    if (!this.asking) this.missing = undefined;
    super.paint();
    if (this.asking || this.missing === undefined) return;
    this.asking = true;
    this.fetch(Math.max(0, this.missing - PAGE / 4));
  }
}

// What browsers share: rows asked for a page at a time as they come into sight, answers matched with questions,
// a line that tells what happened. A subclass has `nouns`, `none`, `query()`, `drawn(row)`, `look()` and `words()`.

class Browser {
  constructor(model, prefix) {
    this.model = model;
    this.id = `${prefix}${made += 1}-${Math.random().toString(36).slice(2, 8)}`;
    this.asked = 0;
    this.waiting = {};
    this.status = element("span", { role: "status", "aria-live": "polite", class: "pfs-status" });
    this.notice = element("p", { role: "alert", class: "pfs-notice", hidden: "" });
  }

  toolbar(label, words) {
    this.buttons = {};
    const bar = element("div", { role: "toolbar", "aria-label": label, class: "pfs-bar" });
    for (const [name, text] of Object.entries(words)) {
      const button = element("button", { type: "button", "data-do": name }, text);
      button.addEventListener("click", () => this.act(name));
      this.buttons[name] = button;
      bar.append(button);
    }
    return bar;
  }

  list(label) {
    this.rows = new Rows(`${this.id}-r`, label, (row, place) => this.row(row, place), () => this.look());
    return this.rows.node;
  }

  search(label) {
    const field = element("input", { type: "search", placeholder: label[0], "aria-label": label[1], spellcheck: "false" });
    field.addEventListener("input", () => this.refresh());
    return field;
  }

  // What is typed in here is for here alone.
  frame(label, name, ...parts) {
    this.root = element("div", { role: "group", class: `pforge-view pfs ${name}`, "aria-label": label }, ...parts);
    this.root.addEventListener("keydown", (event) => event.stopPropagation());
    shield(this.root);
    for (const field of this.root.querySelectorAll("input")) field.dataset.lmSuppressShortcuts = "true";
    return this.root;
  }

  get chosen() { return this.rows.items[this.rows.at]; }

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

  disable(off) {
    for (const [name, button] of Object.entries(this.buttons)) button.setAttribute("aria-disabled", Boolean(off[name]));
  }

  // The row that is chosen stays so, or the one of this key, wherever it is in the new list. Quietly: in its place, too.
  refresh(kept, quietly = false) {
    this.fetch(0, (data) => {
      const items = new Array(data.total).fill(null);
      data.rows.forEach((row, place) => { items[data.start + place] = row; });
      const chosen = items.findIndex((row) => row && row.key === (kept ?? this.chosen?.key));
      this.rows.show(items, chosen >= 0 ? chosen : data.at ?? 0);
      if (!quietly) { this.rows.reveal(); this.rows.paint(); }
      this.status.textContent = `${data.total.toLocaleString("en")} ${data.total === 1 ? this.nouns[0] : this.nouns[1]}`;
      this.listed(data);
      if (data.total) this.look(); else this.html(`<p class="pf-muted">${this.none}</p>`);
      this.words();
    }, kept ?? this.chosen?.key);
  }

  listed() {}

  fetch(start, then, kept) { this.ask("page", { start, count: PAGE, kept, ...this.query() }, then); }

  // A row that is not there yet is asked for with its neighbours, and drawn when they come.
  row(row, place) {
    if (row) return this.drawn(row);
    if (!this.waiting.page) {
      this.fetch(Math.max(1, place - PAGE / 4), (data) => {
        const unknown = !this.chosen;
        data.rows.forEach((found, at) => { this.rows.items[data.start + at] = found; });
        this.listed(data);
        this.rows.paint();
        if (unknown && this.chosen) this.look();
      });
    }
    return element("div", { class: "pfk-key pfs-muted", "aria-label": "not loaded yet" }, "…");
  }

  html(html, label) {
    this.panel.innerHTML = html;
    this.panel.setAttribute("aria-label", label ?? this.none);
    shield(this.panel);
  }

  mount(el) {
    const heard = (answer) => this.received(answer);
    this.model.on("msg:custom", heard);
    el.replaceChildren(this.root);
    this.rows.paint();
    return () => this.model.off("msg:custom", heard);
  }
}
