/* One switch for all code of a page: as the page folds it (mixed), all shown (true), none shown (false). Kept in this
   browser. Read before the first paint, so that nothing moves: folds are opened as the parser makes them, and frame.css
   hides code by the attribute that is set here. */
(() => {
  "use strict";
  const KEY = "explorers-settlers.code";
  const NEXT = { mixed: "true", true: "false", false: "mixed" };
  const SAID = { mixed: "Code: helpers folded", true: "Code: all shown", false: "Code: all hidden" };
  const root = document.documentElement;
  const folds = document.getElementsByClassName("hide above-input");
  let state = "mixed";
  try {
    state = localStorage.getItem(KEY) ?? state;
  } catch { /* a browser that keeps nothing */ }
  if (!(state in NEXT)) state = "mixed";
  root.dataset.code = state;

  let opened = 0;
  const open = () => {
    for (; opened < folds.length; opened += 1) folds[opened].open = true;
  };
  const watcher = new MutationObserver(open);
  if (state === "true") watcher.observe(root, { childList: true, subtree: true });

  /** What the reader looks at: the first piece of text or picture below the header that no code switch hides. */
  function looked() {
    const pieces = document.querySelectorAll("article :is(h1, h2, h3, p, li, figure, .alchemy-card, .math, table)");
    return [...pieces].find((e) => e.offsetParent && e.getBoundingClientRect().top > 60 && !e.closest("details.hide"));
  }
  function set(button, wanted) {
    const kept = looked();
    const before = kept?.getBoundingClientRect().top;
    root.style.overflowAnchor = "none";
    state = wanted;
    root.dataset.code = state;
    for (const fold of folds) fold.open = state === "true";
    try {
      localStorage.setItem(KEY, state);
    } catch { /* it lasts as long as the page */ }
    show(button);
    if (kept) window.scrollBy({ top: kept.getBoundingClientRect().top - before, behavior: "instant" });
    requestAnimationFrame(() => root.style.removeProperty("overflow-anchor"));
  }
  function show(button) {
    button.setAttribute("aria-pressed", state);
    button.title = SAID[state];
  }
  document.addEventListener("DOMContentLoaded", () => {
    watcher.disconnect();
    if (state === "true") open();
    const button = document.querySelector(".code-switch");
    if (!button) return;
    show(button);
    button.addEventListener("click", () => set(button, NEXT[state]));
  });
})();
