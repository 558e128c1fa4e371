/* Bets before the verdicts: the form on a claim's card, the bet on the verdict's axis, and the switch that covers
   verdicts until a bet is made. The cards bring their numbers as data (code/press/bets.py); the bets are
   kept by bets-store.js. Without scripts nothing of this shows, and the page is complete. */
(() => {
  "use strict";
  const store = window.alchemyBets;
  const { make, draw, short, say } = store;
  const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
  const slug = (id) => id.replace("/", "-");

  // ---------------------------------------------------------------- the claims of this page
  const claims = new Map();
  for (const card of document.querySelectorAll(".alchemy-verdict[data-claim]")) {
    const data = card.dataset;
    const value = (name) => (data[name] === undefined ? null : Number(data[name]));
    claims.set(data.claim, {
      id: data.claim, card, asked: data.asked, svg: card.querySelector("svg.alchemy-axis"),
      estimate: value("estimate"), low: value("low"), high: value("high"),
      from: value("regionLow"), to: value("regionHigh"),
      record: data.record ? data.record.split(" ").map(Number) : null,
    });
  }
  /** This browser's bet on a claim, unless it was made on another question. */
  function betOn(claim) {
    const bet = store.all()[claim.id];
    return bet && (!bet.asked || bet.asked === claim.asked) ? bet : null;
  }

  // ---------------------------------------------------------------- the form
  function check(fields) {
    const errors = [];
    const numberOf = (field, name) => {
      const text = field.value.trim().replace(/[\u2212\u2013]/g, "-");
      if (NUMBER.test(text) && Number.isFinite(Number(text))) return Number(text);
      const given = field.value.trim();
      const hint = /^[+-]?\d+,\d+$/.test(text) ? `write ${text.replace(",", ".")}` : "for example 0.85 or 2e-3";
      errors.push([field, `${name}: ${given ? `"${given}" is not a number` : "nothing was given"}; expected a number, ${hint}.`]);
      return NaN;
    };
    const low = numberOf(fields.low, "Low end");
    const high = numberOf(fields.high, "High end");
    if (low >= high) errors.push([fields.high, `High end: ${short(high)} is not above the low end ${short(low)}; expected low < high.`]);
    const text = fields.confidence.value.trim().replace(/\s*%$/, "");
    const confidence = NUMBER.test(text) ? Number(text) : NaN;
    if (!(confidence >= 50 && confidence <= 99)) {
      const given = fields.confidence.value.trim();
      errors.push([fields.confidence, `Confidence: ${given ? `"${given}"` : "nothing"} was given; expected 50 to 99 per cent.`]);
    }
    return { errors, bet: { low, high, confidence } };
  }
  function form(claim) {
    const name = slug(claim.id);
    const field = (key, label, more) => {
      const input = make("input", { type: "text", id: `bet-${name}-${key}`, autocomplete: "off", spellcheck: "false", ...more });
      return [input, make("div", { class: "bets-field" }, make("label", { for: input.id }, label), input)];
    };
    const [low, lowBox] = field("low", "Low end");
    const [high, highBox] = field("high", "High end");
    const [confidence, sureBox] = field("confidence", "How sure, in %", { inputmode: "numeric", placeholder: "50 to 99" });
    const fields = { low, high, confidence };
    const problems = make("div", { class: "bets-errors", role: "alert", id: `bet-${name}-errors` });
    const submit = (event) => {
      event.preventDefault();
      const { errors, bet } = check(fields);
      for (const input of Object.values(fields)) {
        input.removeAttribute("aria-invalid");
        input.removeAttribute("aria-describedby");
      }
      problems.replaceChildren(...errors.map(([, text]) => make("p", {}, text)));
      if (errors.length) {
        for (const [input] of errors) {
          input.setAttribute("aria-invalid", "true");
          input.setAttribute("aria-describedby", problems.id);
        }
        errors[0][0].focus();
        return;
      }
      const covered = store.hidden() && !store.seen(claim.id);
      store.put({ [claim.id]: { ...bet, at: new Date().toISOString(), asked: claim.asked, covered } });
      places.get(claim.id)?.querySelector(".bets-made")?.focus();
    };
    const measure = claimText(claim);
    const rate = /^(the )?(fraction|share) /i.test(measure);
    return make("details", { class: "bets-offer" },
      make("summary", {}, "Bet before you look"),
      make("form", { onsubmit: submit, novalidate: true, "aria-label": `Bet on ${claim.id}` },
        make("p", { class: "bets-ask" }, "Between which two numbers will the measured value fall, and how sure are you?",
          rate ? " A fraction lies between 0 and 1." : "", measure ? ` Measured: ${measure}.` : ""),
        make("div", { class: "bets-fields" }, lowBox, highBox, sureBox, make("button", { type: "submit", class: "bets-button" }, "Place the bet")),
        problems));
  }
  function claimText(claim) {
    const card = document.getElementById(`claim-${slug(claim.id)}`);
    const terms = [...(card?.querySelectorAll("dt") ?? [])];
    return terms.find((t) => t.textContent === "Measure")?.nextElementSibling?.textContent ?? "";
  }
  function made(claim, bet) {
    const undo = () => {
      store.remove(claim.id);
      const summary = places.get(claim.id)?.querySelector("summary");
      summary?.focus();
      say(`Your bet on ${claim.id} is erased.`);
    };
    return make("div", { class: "bets-placed" },
      make("p", { class: "bets-made", tabindex: "-1" }, make("strong", {}, "Your bet: "),
        `${bet.low} to ${bet.high}, ${bet.confidence} % sure. `,
        make("a", { href: `#verdict-${slug(claim.id)}` }, "See the verdict")),
      make("button", { type: "button", class: "bets-button bets-quiet", onclick: undo, "aria-label": `Erase this bet on ${claim.id}` }, "Erase this bet"));
  }
  function stale(claim) {
    const bet = store.all()[claim.id];
    return make("p", { class: "bets-note" },
      `You bet ${bet.low} to ${bet.high} on an earlier version of this claim, which measured something else. That bet no longer counts.`);
  }

  // ---------------------------------------------------------------- theory, measurement and bet on one axis
  function axis(claim, bet) {
    const width = 560;
    const own = [claim.low, claim.high, claim.estimate, claim.from, claim.to, ...(claim.record ?? [])].filter((v) => v !== null);
    const span = Math.max(...own) - Math.min(...own) || Math.abs(own[0]) || 1;
    // A bet far away or very wide must not shrink the rest to a point: it is cut, and an arrow says so.
    const floor = Math.min(...own) - 3 * span;
    const ceiling = Math.max(...own) + 3 * span;
    const shown = [...own, ...[bet.low, bet.high].map((v) => Math.min(Math.max(v, floor), ceiling))];
    const pad = 0.12 * (Math.max(...shown) - Math.min(...shown));
    const [left, right] = [Math.min(...shown) - pad, Math.max(...shown) + pad];
    const x = (v) => 12 + (width - 24) * Math.min(Math.max((v - left) / (right - left), 0), 1);
    const at = (v) => x(v).toFixed(1);
    const bar = (low, high, y, kind) => draw("line", { class: kind, x1: at(low), x2: at(high), y1: y, y2: y });
    const low = claim.from === null ? left : claim.from;
    const high = claim.to === null ? right : claim.to;
    const end = (v, sign) => (v < left || v > right
      ? `M${at(v)} 24 l${-sign * 7} -5 M${at(v)} 24 l${-sign * 7} 5 ` : `M${at(v)} 18 v12 `);
    const region = claim.to === null ? `at least ${short(claim.from)}` : claim.from === null ? `at most ${short(claim.to)}`
      : `between ${short(claim.from)} and ${short(claim.to)}`;
    const label = `Region: ${region}. Measured: ${short(claim.estimate)}, interval ${short(claim.low)} to ${short(claim.high)}. `
      + (claim.record ? `GPU record: ${short(claim.record[0])}. ` : "") + `Your bet: ${bet.low} to ${bet.high}.`;
    const svg = draw("svg", { class: "alchemy-axis bets-axis", viewBox: `0 0 ${width} 86`, role: "img", "aria-label": label });
    svg.append(
      draw("rect", { class: "region", x: at(low), y: 33, width: Math.max(x(high) - x(low), 1).toFixed(1), height: 31, rx: 3 }),
      bar(left, right, 64, "rule"), bar(claim.low, claim.high, 43, "live"),
      draw("circle", { class: "live", cx: at(claim.estimate), cy: 43, r: 5 }),
      draw("path", { class: "bets-span", d: `${end(bet.low, -1)}M${at(bet.low)} 24 H${at(bet.high)} ${end(bet.high, 1)}` }),
      draw("text", { x: Math.min(Math.max((x(bet.low) + x(bet.high)) / 2, 46), width - 46).toFixed(1), y: 13 }, "your bet"));
    if (claim.record) {
      const [m, a, b] = claim.record;
      svg.append(bar(a, b, 56, "record"), draw("path", { class: "record", d: `M${(x(m) - 5).toFixed(1)} 56 l5 -5 l5 5 l-5 5 z` }));
    }
    const taken = [];
    for (const value of [claim.from, claim.to].filter((v) => v !== null)) {
      if (taken.every((other) => Math.abs(x(value) - other) > 60)) {
        taken.push(x(value));
        svg.append(draw("text", { x: Math.min(Math.max(x(value), 30), width - 30).toFixed(1), y: 80 }, short(value)));
      }
    }
    return svg;
  }
  function result(claim, bet) {
    const { estimate } = claim;
    const inside = bet.low <= estimate && estimate <= bet.high;
    const where = inside ? "contains" : `lies ${estimate > bet.high ? "below" : "above"}`;
    return make("p", { class: `bets-result ${inside ? "bets-inside" : "bets-outside"}` },
      make("strong", {}, inside ? "◉ Inside. " : "○ Outside. "),
      `Your interval, ${bet.low} to ${bet.high} at ${bet.confidence} %, ${where} the measured ${short(estimate)}. `,
      make("span", { class: "bets-legend" }, "Shaded: where the claim holds. Dot and line: the measurement and its interval. Bracket: your bet."));
  }

  // ---------------------------------------------------------------- covering what was not bet on
  const covered = (claim) => store.hidden() && !betOn(claim) && !store.seen(claim.id);
  function reveal(claim, focus) {
    store.see(claim.id);
    say(`The verdict on ${claim.id} is shown.`);
    focus();
  }
  function cover(claim) {
    claim.card.classList.add("bets-covered");
    const show = () => reveal(claim, () => {
      claim.card.setAttribute("tabindex", "-1");
      claim.card.focus();
    });
    const place = places.get(claim.id);
    const go = () => {
      const details = place?.querySelector("details");
      if (details) details.open = true;
      details?.querySelector("input")?.focus();
    };
    claim.card.prepend(make("div", { class: "bets-cover" },
      make("p", {}, make("strong", {}, "Verdict covered. "), "You have not bet on ", make("code", {}, claim.id), " yet."),
      make("p", { class: "bets-buttons" },
        make("button", { type: "button", class: "bets-button", onclick: go, "aria-label": `Bet on ${claim.id}` }, "Bet on it"), " ",
        make("button", { type: "button", class: "bets-button bets-quiet", onclick: show, "aria-label": `Reveal the verdict on ${claim.id} without betting` },
          "Show without betting"))));
  }
  /** Hide what stands in `element` behind a button, or behind a word where a neighbour has the button. */
  function veil(element, claim, button) {
    const content = make("span", { class: "bets-veiled" });
    content.append(...element.childNodes);
    const show = () => reveal(claim, () => {
      element.setAttribute("tabindex", "-1");
      element.focus();
    });
    const sign = button
      ? make("button", { type: "button", class: "bets-veil", onclick: show, "aria-label": `Reveal: the verdict on ${claim.id}, not yet bet on` }, "reveal")
      : make("span", { class: "bets-veil" }, "covered");
    element.append(content, sign);
  }
  function unveil() {
    for (const card of document.querySelectorAll(".bets-covered")) card.classList.remove("bets-covered");
    for (const cover of document.querySelectorAll(".bets-cover, .bets-veil")) cover.remove();
    for (const content of document.querySelectorAll(".bets-veiled")) content.replaceWith(...content.childNodes);
  }
  function veilAll() {
    for (const claim of claims.values()) {
      if (!covered(claim)) continue;
      cover(claim);
      const name = slug(claim.id);
      for (const number of document.getElementsByClassName(`about-${name}`)) veil(number, claim, true);
      for (const link of document.querySelectorAll(`.alchemy-summary a[href="#verdict-${name}"]`)) {
        const cells = link.closest("tr").cells;
        const heads = [...link.closest("table").tHead.rows[0].cells].map((c) => c.textContent.trim());
        veil(cells[heads.indexOf("verdict")], claim, true);
        veil(cells[heads.indexOf("found")], claim, false);
      }
    }
  }

  // ---------------------------------------------------------------- the page
  const places = new Map([...document.querySelectorAll("[data-bets]")].map((p) => [p.dataset.bets, p]));
  const box = document.querySelector("[data-bets-switch]");
  const count = make("span", { class: "bets-count" });
  const notice = make("div", { class: "bets-notice", role: "status" });
  function renderSwitch() {
    const toggle = make("input", { type: "checkbox", role: "switch", id: "bets-hide" });
    toggle.checked = store.hidden();
    toggle.addEventListener("change", () => {
      store.hide(toggle.checked);
      const open = [...claims.values()].filter(covered).length;
      say(toggle.checked ? `${open} verdicts on this page are covered until you bet.` : "All verdicts are shown.");
    });
    const help = box.dataset.help ? make("a", { href: `${box.dataset.help}#bets` }, "How betting works") : "";
    box.replaceChildren(make("div", { class: "bets-row" },
      make("span", {}, toggle, " ", make("label", { for: "bets-hide" }, "Hide verdicts until I bet")), count, help), notice);
  }
  function render() {
    unveil();
    for (const claim of claims.values()) {
      const place = places.get(claim.id);
      const bet = betOn(claim);
      const open = place?.querySelector("details")?.open;
      const kept = place?.querySelector("form");
      if (place && bet) place.replaceChildren(made(claim, bet));
      else if (place && !(kept && open)) place.replaceChildren(...(store.all()[claim.id] ? [stale(claim)] : []), form(claim));
      claim.card.querySelectorAll(".bets-axis, .bets-result").forEach((e) => e.remove());
      claim.svg?.classList.toggle("bets-replaced", Boolean(bet));
      if (bet) {
        const drawing = axis(claim, bet);
        if (claim.svg) claim.svg.after(drawing, result(claim, bet));
        else claim.card.append(drawing, result(claim, bet));
      }
    }
    veilAll();
    box.querySelector("input").checked = store.hidden();
    const placed = [...claims.values()].filter(betOn).length;
    count.textContent = `${placed} of ${claims.size} claims bet on`;
    notice.replaceChildren(...store.messages.map((text) => make("p", {}, text)));
  }
  if (claims.size && box) {
    renderSwitch();
    store.listen(render);
    render();
  }
})();
