/* The ledger's table: filters, sorting, and a count of the rows that are shown. The table itself stands on the page,
   complete; its rows carry what the filters read as data (code/press/ledger_page.py). */
(() => {
  "use strict";
  const table = document.querySelector("table.ledger-table");
  if (!table) return;
  const { make } = window.alchemyBets;
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row, index) => ({ row, index, data: row.dataset, text: row.textContent.toLowerCase() }));
  const scroller = table.closest(".alchemy-scroll") ?? table.parentElement;
  const ORDER = { verdict: ["held", "undecided", "failed", "not judged"], side: ["rigor", "practice", "neither"] };
  const FILTERS = [["chapter", "Chapter"], ["side", "Led by"], ["kind", "Evidence"], ["verdict", "Verdict"], ["device", "Device"]];
  const place = (name, value) => (ORDER[name]?.includes(value) ? ORDER[name].indexOf(value) : value);

  // ---------------------------------------------------------------- filters
  const search = make("input", { type: "search", id: "ledger-search", autocomplete: "off", spellcheck: "false" });
  const selects = FILTERS.map(([name, label]) => {
    const values = [...new Set(rows.map((r) => r.data[name]).filter(Boolean))];
    values.sort((a, b) => (place(name, a) < place(name, b) ? -1 : 1));
    const how = (value) => rows.filter((r) => r.data[name] === value).length;
    return make("select", { id: `ledger-${name}`, "data-name": name, "data-label": label },
      make("option", { value: "" }, "all"), ...values.map((v) => make("option", { value: v }, `${v} (${how(v)})`)));
  });
  const count = make("p", { class: "ledger-count", role: "status", "aria-live": "polite" });
  const clear = make("button", { type: "button", class: "bets-button bets-quiet" }, "Show all");
  const field = (input, label) => make("div", { class: "ledger-field" }, make("label", { for: input.id }, label), input);
  const form = make("form", { class: "ledger-filters", role: "search", "aria-label": "Filter the ledger" },
    field(search, "Text"), ...selects.map((s) => field(s, s.dataset.label)), clear);
  let waiting = 0;

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = selects.filter((s) => s.value).map((s) => [s.dataset.name, s.value]);
    let shown = 0;
    for (const { row, data, text } of rows) {
      const fits = wanted.every(([name, value]) => data[name] === value) && words.every((w) => text.includes(w) || data.claim?.includes(w));
      row.hidden = !fits;
      shown += fits;
    }
    const filtered = words.length || wanted.length;
    clear.disabled = !filtered;
    const what = rows.length === 1 ? "line" : "lines";
    const told = shown ? `${shown} of ${rows.length} ${what} shown` : `No line fits; ${rows.length} are in the ledger`;
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

  // ---------------------------------------------------------------- sorting
  const heads = [...table.tHead.rows[0].cells];
  const NUMBERS = { found: "estimate", "holds if": "holdsLow" };
  const WORDS = { verdict: "verdict", "led by": "side", evidence: "kind", device: "device", chapter: "chapter" };
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
    scroller.scrollTop = 0;
  }
  heads.forEach((head, column) => {
    const name = head.textContent.trim();
    const button = make("button", { type: "button", class: "ledger-sort", onclick: () => sort(column, name) }, name);
    head.replaceChildren(button);
  });

  scroller.classList.add("ledger-scroll");
  scroller.before(form, count);
  filter();
})();
