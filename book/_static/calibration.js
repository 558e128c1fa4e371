/* The reader's calibration over the whole book, on the ledger's page: bets kept by bets-store.js, measured numbers
   from the data on this page's table and cards. Exports, imports and erases bets. Nothing leaves the browser. */
(() => {
  "use strict";
  const box = document.querySelector("[data-bets-score]");
  const store = window.alchemyBets;
  if (!box || !store) return;
  const { make, draw, short } = store;
  const BINS = [[50, 59], [60, 69], [70, 79], [80, 89], [90, 99]];

  const measured = new Map();
  for (const element of document.querySelectorAll('.alchemy-verdict[data-claim], tr[data-claim][data-source="this build"]')) {
    const { claim, asked, estimate } = element.dataset;
    if (estimate === undefined) continue;
    const says = (element.querySelector("th a") ?? element.querySelector(".alchemy-says"))?.textContent ?? claim;
    const address = element.querySelector("th a")?.getAttribute("href") ?? `#${element.id}`;
    measured.set(claim, { asked, estimate: Number(estimate), says, address });
  }

  /** The bets that count, each with what was measured; and the number of those that do not. */
  function judged() {
    const kept = [];
    let left = 0;
    for (const [id, bet] of Object.entries(store.all())) {
      const found = measured.get(id);
      if (!found || (bet.asked && bet.asked !== found.asked)) left += 1;
      else kept.push({ id, ...bet, ...found, inside: bet.low <= found.estimate && found.estimate <= bet.high });
    }
    kept.sort((a, b) => (a.id < b.id ? -1 : 1));
    return { kept, left };
  }
  /** Wilson's 95 % interval for a share. */
  function wilson(hits, n) {
    const z = 1.96;
    const middle = (hits + (z * z) / 2) / (n + z * z);
    const half = (z / (n + z * z)) * Math.sqrt((hits * (n - hits)) / n + (z * z) / 4);
    return [Math.max(0, middle - half), Math.min(1, middle + half)];
  }
  function binned(bets) {
    return BINS.map(([low, high]) => {
      const inBin = bets.filter((b) => b.confidence >= low && b.confidence < high + 1);
      const n = inBin.length;
      const hits = inBin.filter((b) => b.inside).length;
      const mean = n ? inBin.reduce((s, b) => s + b.confidence, 0) / n : NaN;
      return { low, high, n, hits, mean, share: hits / n, ends: n ? wilson(hits, n) : null };
    });
  }
  const percent = (share) => `${Math.round(100 * share)} %`;

  function table(caption, head, lines, empty) {
    const cells = (line) => line.map((c, i) => (i ? make("td", {}, c) : make("th", { scope: "row" }, c)));
    return make("div", { class: "alchemy-scroll", tabindex: "0", role: "region", "aria-label": caption },
      make("table", { class: "alchemy-summary bets-table" }, make("caption", {}, caption),
        make("thead", {}, make("tr", {}, ...head.map((h) => make("th", { scope: "col" }, h)))),
        make("tbody", {}, ...lines.map((line) => make("tr", {}, ...cells(line)))), empty ?? ""));
  }
  function diagram(bins) {
    const [left, top, size] = [48, 14, 250];
    const x = (p) => left + ((p - 50) / 50) * size;
    const y = (share) => top + (1 - share) * size;
    const filled = bins.filter((b) => b.n);
    const label = "Reliability diagram: share of intervals that contained the measured number, against stated confidence. "
      + filled.map((b) => `${b.low} to ${b.high} %: ${b.hits} of ${b.n}`).join("; ") + ". The table beside it has the same numbers.";
    const svg = draw("svg", { class: "bets-diagram", viewBox: "0 0 330 318", role: "img", "aria-label": label });
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      svg.append(draw("line", { class: "grid", x1: left, x2: left + size, y1: y(share), y2: y(share) }),
        draw("text", { class: "side", x: left - 7, y: y(share) + 4 }, String(Math.round(100 * share))));
    }
    for (const p of [50, 60, 70, 80, 90, 100]) svg.append(draw("text", { x: x(p), y: top + size + 17 }, String(p)));
    svg.append(draw("line", { class: "honest", x1: x(50), y1: y(0.5), x2: x(100), y2: y(1) }),
      draw("text", { class: "name", x: x(75), y: top + size + 38 }, "stated confidence, %"),
      draw("text", { class: "name", transform: `translate(12 ${top + size / 2}) rotate(-90)` }, "contained, %"));
    for (const b of filled) {
      svg.append(draw("line", { class: "noise", x1: x(b.mean), x2: x(b.mean), y1: y(b.ends[0]), y2: y(b.ends[1]) }),
        draw("circle", { class: "share", cx: x(b.mean), cy: y(b.share), r: 6 }));
    }
    return make("figure", { class: "bets-figure" }, svg, make("figcaption", {},
      "Dots: your intervals, by stated confidence; bars: 95 % of the noise that so few bets leave. Dashed: perfect calibration. Below it you were surer than right."));
  }
  function verdictOn(bets) {
    const n = bets.length;
    const hits = bets.filter((b) => b.inside).length;
    const stated = bets.reduce((s, b) => s + b.confidence, 0) / n / 100;
    const brier = bets.reduce((s, b) => s + (b.confidence / 100 - b.inside) ** 2, 0) / n;
    const [low, high] = wilson(hits, n);
    const told = n < 5 ? "Too few bets to say more."
      : stated > high ? "You were surer than right." : stated < low ? "You were righter than sure."
        : "That is within the noise of so few bets.";
    const blind = bets.filter((b) => b.covered).length;
    return [
      make("p", { class: "bets-headline" }, make("strong", {}, `${n} ${n === 1 ? "bet" : "bets"}. `),
        `On average you were ${percent(stated)} sure; ${hits} of ${n} intervals (${percent(hits / n)}) contained the measured number. ${told}`),
      make("p", {}, make("strong", {}, `Brier score ${brier.toFixed(3)}. `),
        `0 is perfect; 0.25 is what a steady 50 % earns. ${blind} of these bets ${blind === 1 ? "was" : "were"} placed while the verdict was covered.`),
    ];
  }

  // ---------------------------------------------------------------- taking bets away and bringing them back
  const told = make("p", { class: "bets-told", role: "status", "aria-live": "polite" });
  function offer(text, name) {
    const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: "application/json" })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
  function exported() {
    const bets = store.all();
    offer(`${JSON.stringify({ schema: store.SCHEMA, book: "Explorers & Settlers", exported: new Date().toISOString(), bets }, null, 1)}\n`,
      "my-bets.json");
    told.textContent = `${Object.keys(bets).length} bets written to my-bets.json.`;
  }
  const file = make("input", { type: "file", accept: ".json,application/json", id: "bets-import" });
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    if (!chosen) return;
    const found = store.parse(await chosen.text());
    const bets = Object.keys(found.bets);
    const replaced = bets.filter((id) => id in store.all()).length;
    if (!found.foreign) store.put(found.bets);
    told.textContent = found.foreign ? `${chosen.name} holds no bets: ${found.foreign}. Expected a file that this page exported.`
      : `${bets.length} bets read from ${chosen.name}, ${replaced} of them in place of bets that were here.`
        + (found.problems.length ? ` Left out: ${found.problems.join("; ")}.` : "");
    file.value = "";
  });
  const erase = make("button", { type: "button", class: "bets-button bets-quiet" }, "Erase all bets");
  const sure = make("div", { class: "bets-sure", role: "group", "aria-label": "Erase all bets?" });
  const hideSure = () => {
    sure.hidden = true;
    erase.hidden = false;
    erase.focus();
  };
  sure.hidden = true;
  erase.addEventListener("click", () => {
    const n = Object.keys(store.all()).length;
    const yes = make("button", { type: "button", class: "bets-button" }, "Yes, erase");
    const no = make("button", { type: "button", class: "bets-button bets-quiet", onclick: hideSure }, "Keep them");
    yes.addEventListener("click", () => {
      store.erase();
      hideSure();
      told.textContent = "All bets are erased.";
    });
    sure.replaceChildren(make("p", {}, `Erase ${n} ${n === 1 ? "bet" : "bets"} from this browser? There is no other copy unless you exported one.`),
      no, " ", yes);
    sure.hidden = false;
    erase.hidden = true;
    no.focus();
  });
  sure.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hideSure();
  });
  const aside = make("button", { type: "button", class: "bets-button bets-quiet", onclick: () => offer(store.aside(), "bets-set-aside.txt") },
    "Save what was set aside");
  const tools = make("div", { class: "bets-tools" },
    make("button", { type: "button", class: "bets-button", onclick: exported }, "Export as a file"),
    make("div", { class: "bets-field" }, make("label", { for: "bets-import" }, "Import a file of bets"), file), aside, erase);
  const score = make("div", { class: "bets-scored" });

  function render() {
    const { kept, left } = judged();
    aside.hidden = !store.aside();
    const parts = [];
    if (!kept.length) {
      parts.push(make("p", { class: "bets-headline" }, "No bets in this browser yet. Open a chapter, find a registration card, and choose “Bet before you look”."));
    } else {
      const bins = binned(kept);
      const lines = bins.map((b) => [`${b.low} to ${b.high} %`, String(b.n), b.n ? `${short(b.mean)} %` : "–",
        b.n ? `${b.hits} of ${b.n} (${percent(b.share)})` : "–"]);
      const list = kept.map((b) => [make("a", { href: b.address }, b.says), `${short(b.low)} to ${short(b.high)}`, `${b.confidence} %`,
        short(b.estimate), b.inside ? "◉ inside" : "○ outside"]);
      parts.push(...verdictOn(kept), make("div", { class: "bets-beside" }, diagram(bins),
        table("Your calibration", ["stated confidence", "bets", "mean stated", "contained"], lines)),
      make("details", { class: "bets-all" }, make("summary", {}, "All your bets"),
        table("All your bets", ["claim", "your interval", "how sure", "measured", "your bet"], list)));
    }
    if (left) parts.push(make("p", { class: "bets-note" },
      `${left} more ${left === 1 ? "bet is" : "bets are"} kept and not counted: on claims that are not in this book, or that have since come to measure something else.`));
    score.replaceChildren(...parts);
  }
  box.append(score, tools, sure, told);
  store.listen(render);
  render();
})();
