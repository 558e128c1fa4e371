/* The ledger by chapter: filters over all folds, one table to sort, and the way to a line that an address names.
   The folds stand on the page, complete; their rows carry what is read here as data (code/press/ledger_table.py). */
(() => {
  "use strict";
  const whole = document.querySelector(".ledger-whole");
  if (!whole) return;
  const { make } = window.alchemyBets;
  const groups = [...whole.querySelectorAll("details.ledger-group")].map((fold) => ({
    fold, body: fold.querySelector("tbody"), note: make("span", { class: "ledger-shown" }), was: fold.open,
  }));
  const rows = groups.flatMap((group) => [...group.body.rows].map((row) => ({ row, group, data: row.dataset, text: row.textContent.toLowerCase() })));
  rows.forEach((item, index) => { item.index = index; });
  const ORDER = {
    verdict: ["held", "undecided", "failed", "not judged"], side: ["rigor", "practice", "neither"],
    evidence: ["proved", "derived", "reported", "conjectured", "control", "theorem", "experiment"],
    regionFrom: ["theory", "publication", "pilot", "convention"],
  };
  const FILTERS = [["chapter", "Chapter"], ["side", "Led by"], ["evidence", "Evidence"], ["verdict", "Verdict"],
    ["regionFrom", "Region from"], ["device", "Device"]];
  const place = (name, value) => (ORDER[name]?.includes(value) ? ORDER[name].indexOf(value) : value);

  // ---------------------------------------------------------------- filters
  const search = make("input", { type: "search", id: "ledger-search", autocomplete: "off", spellcheck: "false" });
  const selects = FILTERS.filter(([name]) => rows.some((r) => r.data[name])).map(([name, label]) => {
    const values = [...new Set(rows.map((r) => r.data[name]).filter(Boolean))];
    values.sort((a, b) => (place(name, a) < place(name, b) ? -1 : 1));
    const how = (value) => rows.filter((r) => r.data[name] === value).length;
    return make("select", { id: `ledger-${name}`, "data-name": name, "data-label": label },
      make("option", { value: "" }, "all"), ...values.map((v) => make("option", { value: v }, `${v} (${how(v)})`)));
  });
  const count = make("p", { class: "ledger-count", role: "status", "aria-live": "polite" });
  const clear = make("button", { type: "button", class: "bets-button bets-quiet" }, "Show all lines");
  const single = make("button", { type: "button", class: "bets-button bets-quiet ledger-single", "aria-pressed": "false" }, "One table, to sort");
  const field = (input, label) => make("div", { class: "ledger-field" }, make("label", { for: input.id }, label), input);
  const form = make("form", { class: "ledger-filters", role: "search", "aria-label": "Filter the ledger" },
    field(search, "Text"), ...selects.map((s) => field(s, s.dataset.label)), clear, single);
  let waiting = 0;
  let filtered = false;

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = selects.filter((s) => s.value).map((s) => [s.dataset.name, s.value]);
    const asked = Boolean(words.length || wanted.length);
    if (asked && !filtered) for (const group of groups) group.was = group.fold.open;
    for (const group of groups) group.shown = 0;
    let shown = 0;
    for (const { row, group, data, text } of rows) {
      const fits = wanted.every(([name, value]) => data[name] === value) && words.every((w) => text.includes(w) || data.claim?.includes(w));
      row.hidden = !fits;
      shown += fits;
      group.shown += fits;
    }
    for (const { fold, shown: own, note, was } of groups) {
      fold.hidden = !own;
      note.textContent = asked ? `${own} shown` : "";
      if (asked || filtered) fold.open = asked ? own > 0 : was;
    }
    filtered = asked;
    clear.disabled = !asked;
    const what = rows.length === 1 ? "line" : "lines";
    const told = shown ? (asked ? `${shown} of ${rows.length} ${what} shown` : `${rows.length} ${what} in the ledger`) : `No line fits; ${rows.length} are in the ledger`;
    // Announced once the reader pauses, not at every key.
    clearTimeout(waiting);
    waiting = setTimeout(() => { count.textContent = `${told}.`; }, count.textContent ? 250 : 0);
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", filter);
  clear.addEventListener("click", () => {
    form.reset();
    filter();
    search.focus();
  });

  // ---------------------------------------------------------------- one table, sorted
  const NUMBERS = { found: "estimate", "holds if": "holdsLow" };
  const WORDS = { verdict: "verdict", "led by": "side", evidence: "evidence", "region from": "regionFrom", device: "device", chapter: "chapter" };
  const names = groups.length ? [...groups[0].body.parentElement.tHead.rows[0].cells].map((c) => c.textContent) : [];
  const buttons = names.map((name, column) => make("button", { type: "button", class: "ledger-sort", onclick: () => sort(column, name) }, name));
  const heads = names.map((name, column) => make("th", { scope: "col", class: name.replaceAll(" ", "-") }, buttons[column]));
  const body = make("tbody", {});
  const flat = make("div", { class: "alchemy-scroll ledger-scroll", tabindex: "0", role: "region", "aria-label": "The ledger", hidden: true },
    make("table", { class: "alchemy-summary ledger-table ledger-flat" }, make("caption", {}, "The ledger"),
      make("thead", {}, make("tr", {}, ...heads)), body));
  function key(item, column, name) {
    if (NUMBERS[name]) {
      const { estimate, holdsLow, holdsHigh } = item.data;
      const value = name === "found" ? estimate : holdsLow ?? holdsHigh;
      return value === undefined ? Infinity : Number(value);
    }
    if (WORDS[name]) return place(WORDS[name], item.data[WORDS[name]] ?? "");
    return item.row.cells[column].textContent.toLowerCase();
  }
  function sort(column, name) {
    const head = heads[column];
    const direction = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", direction);
    const sign = direction === "ascending" ? 1 : -1;
    const sorted = rows.map((item) => [key(item, column, name), item]);
    sorted.sort(([a, x], [b, y]) => (a === b ? x.index - y.index : a < b ? -sign : sign));
    body.append(...sorted.map(([, item]) => item.row));
    flat.scrollTop = 0;
  }
  function arrange(together) {
    single.setAttribute("aria-pressed", String(together));
    for (const other of heads) other.removeAttribute("aria-sort");
    for (const { row, group } of rows) (together ? body : group.body).append(row);
    flat.hidden = !together;
    for (const { fold } of groups) fold.classList.toggle("ledger-empty", together);
  }
  single.addEventListener("click", () => arrange(single.getAttribute("aria-pressed") !== "true"));

  // ---------------------------------------------------------------- a line that an address names
  function arrive() {
    const row = location.hash.startsWith("#line-") ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
    if (!row) return;
    if (row.hidden) {
      form.reset();
      filter();
    }
    const fold = row.closest("details");
    if (fold) fold.open = true;
    row.scrollIntoView({ block: "center" });
  }
  window.addEventListener("hashchange", arrive);

  for (const { fold, note } of groups) fold.querySelector("summary").append(" ", note);
  whole.before(form, count);
  whole.append(flat);
  filter();
  arrive();
})();
