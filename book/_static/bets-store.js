/* Where a reader's bets are kept: this browser's local storage and nowhere else. What is kept is checked on every page;
   what is no bet is set aside with a message. Plain deferred scripts share window.alchemyBets: browsers do not load
   modules from file://, where a book that was built at home is read. */
(() => {
  "use strict";
  const KEY = "explorers-settlers.bets";
  const HIDE = "explorers-settlers.hide-verdicts";
  const ASIDE = `${KEY}.set-aside`;
  const SCHEMA = 1;
  const ID = /^[a-z0-9]+(-[a-z0-9]+)*\/[a-z0-9]+(-[a-z0-9]+)*$/;

  // ---------------------------------------------------------------- storage
  const messages = [];
  let memory = null; // where the browser refuses storage, bets live as long as the page

  function read(key) {
    if (memory) return memory.get(key) ?? null;
    try {
      return localStorage.getItem(key);
    } catch {
      memory = new Map();
      messages.push("This browser keeps nothing for this site. Bets will be forgotten when you leave the page.");
      return null;
    }
  }
  function write(key, text) {
    try {
      if (!memory) {
        localStorage.setItem(key, text);
        return;
      }
    } catch {
      memory = new Map([[KEY, read(KEY)], [HIDE, read(HIDE)]]);
      say("This browser has no room for your bets. They will be forgotten when you leave the page.");
    }
    memory.set(key, text);
  }

  /** What is wrong with a kept bet, or "" if nothing is. */
  function wrong(id, bet) {
    if (!ID.test(id)) return `"${id}" is not the name of a claim, such as "adam/regret"`;
    if (typeof bet !== "object" || bet === null) return `the bet on ${id} is not an object`;
    if (!Number.isFinite(bet.low) || !Number.isFinite(bet.high)) return `the bet on ${id} has an end that is not a number`;
    if (!(bet.low < bet.high)) return `the bet on ${id} runs from ${bet.low} to ${bet.high}; expected low < high`;
    if (!(bet.confidence >= 50 && bet.confidence <= 99)) return `the bet on ${id} has confidence ${bet.confidence}; expected 50 to 99`;
    return "";
  }
  /** Sort a file or a stored text into bets and problems. Never throws. */
  function parse(text) {
    const found = { bets: {}, seen: [], problems: [], foreign: "" };
    let data;
    try {
      data = JSON.parse(text);
    } catch {
      found.foreign = "it is not JSON";
      return found;
    }
    if (typeof data !== "object" || data === null || Array.isArray(data)) found.foreign = "it is not an object";
    else if (data.schema !== SCHEMA) found.foreign = `its schema is ${JSON.stringify(data.schema) ?? "missing"}; expected ${SCHEMA}`;
    else if (typeof data.bets !== "object" || data.bets === null || Array.isArray(data.bets)) found.foreign = "it has no list of bets";
    if (found.foreign) return found;
    for (const [id, bet] of Object.entries(data.bets)) {
      const problem = wrong(id, bet);
      if (problem) found.problems.push(problem);
      else {
        const { low, high, confidence } = bet;
        found.bets[id] = { low, high, confidence, at: String(bet.at ?? ""), asked: String(bet.asked ?? ""), covered: bet.covered === true };
      }
    }
    found.seen = Array.isArray(data.seen) ? data.seen.filter((id) => typeof id === "string" && ID.test(id)) : [];
    return found;
  }
  let state = { bets: {}, seen: [] };
  function load() {
    const text = read(KEY);
    if (text === null) {
      state = { bets: {}, seen: [] };
      return;
    }
    const found = parse(text);
    state = { bets: found.bets, seen: found.seen };
    if (found.foreign || found.problems.length) {
      write(ASIDE, text);
      messages.push(found.foreign
        ? `The bets that this browser kept could not be read: ${found.foreign}. They were set aside, not erased; the ledger page offers them as a file.`
        : `Set aside, not counted: ${found.problems.join("; ")}. The ledger page offers what was set aside as a file.`);
      save();
    }
  }
  function save() {
    write(KEY, JSON.stringify({ schema: SCHEMA, bets: state.bets, seen: state.seen }));
  }
  const listeners = [];
  const changed = () => listeners.forEach((tell) => tell());
  const hidden = () => read(HIDE) === "yes";

  // ---------------------------------------------------------------- small helpers
  /** A new element: tag, properties and attributes, children. */
  function make(tag, props = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(props)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children);
    return element;
  }
  const SVG = "http://www.w3.org/2000/svg";
  function draw(tag, attributes, text) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text) element.textContent = text;
    return element;
  }
  /** A number as a person writes it: four significant digits. */
  function short(value) {
    if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)) return value.toExponential(2);
    return String(Number(value.toPrecision(4)));
  }
  const live = make("p", { class: "bets-live", role: "status", "aria-live": "polite" });
  function say(text) {
    if (!live.isConnected) document.body.append(live);
    live.textContent = "";
    requestAnimationFrame(() => { live.textContent = text; });
  }
  load();
  window.addEventListener("storage", (event) => {
    if (event.key !== KEY && event.key !== HIDE) return;
    load();
    changed();
  });

  window.alchemyBets = {
    ASIDE, SCHEMA, make, draw, short, say, parse, messages, hidden,
    all: () => state.bets,
    seen: (id) => state.seen.includes(id),
    /** Hide verdicts until a bet is made, or do not. */
    hide(yes) {
      write(HIDE, yes ? "yes" : "no");
      changed();
    },
    /** Keep bets: claim id -> bet. */
    put(bets) {
      Object.assign(state.bets, bets);
      state.seen = [...new Set([...state.seen, ...Object.keys(bets)])];
      save();
      changed();
    },
    /** Note that a claim's verdict was shown. */
    see(id) {
      state.seen = [...new Set([...state.seen, id])];
      save();
      changed();
    },
    /** Erase one bet. */
    remove(id) {
      delete state.bets[id];
      save();
      changed();
    },
    /** Erase all bets, and what was set aside. */
    erase() {
      state = { bets: {}, seen: [] };
      save();
      write(ASIDE, "");
      messages.length = 0;
      changed();
    },
    aside: () => read(ASIDE) || "",
    /** Call `tell` whenever the bets change, here or in another tab. */
    listen: (tell) => listeners.push(tell),
  };
})();
