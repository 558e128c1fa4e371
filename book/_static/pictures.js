/* A figure opens large in a dialog: it is panned by dragging, by the arrow keys, by a finger, and its size is changed there.
   Without this script the figure is a plain link to its picture. */
(() => {
  "use strict";
  const STEPS = [1, 1.5, 2, 3, 4];
  function make(tag, props, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(props)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }
  const image = make("img", { alt: "", class: "alchemy-figure" });
  const pane = make("div", { class: "large-pane", tabindex: "0", role: "region", "aria-label": "The figure, to scroll" }, image);
  const caption = make("div", { class: "large-caption" });
  const bigger = make("button", { type: "button", "aria-label": "Larger", onclick: () => grow(1) }, "+");
  const smaller = make("button", { type: "button", "aria-label": "Smaller", onclick: () => grow(-1) }, "−");
  const close = make("button", { type: "button", onclick: () => dialog.close() }, "Close");
  const dialog = make("dialog", { class: "alchemy-large-dialog", "aria-label": "Figure" },
    make("div", { class: "large-tools" }, smaller, bigger, close), pane, caption);
  let step = 0;
  let fit = 0;

  function size() {
    image.style.width = `${Math.round(fit * STEPS[step])}px`;
    smaller.disabled = step === 0;
    bigger.disabled = step === STEPS.length - 1;
  }
  function grow(by) {
    const [x, y] = [(pane.scrollLeft + pane.clientWidth / 2) / pane.scrollWidth, (pane.scrollTop + pane.clientHeight / 2) / pane.scrollHeight];
    step = Math.min(Math.max(step + by, 0), STEPS.length - 1);
    size();
    pane.scrollTo(x * pane.scrollWidth - pane.clientWidth / 2, y * pane.scrollHeight - pane.clientHeight / 2);
  }
  function show(link) {
    const small = link.querySelector("img");
    const ratio = small.getAttribute("width") / small.getAttribute("height");
    image.src = link.href;
    image.alt = small.alt;
    const words = link.closest("figure")?.querySelector("figcaption");
    caption.replaceChildren(...(words ? [...words.cloneNode(true).childNodes] : []));
    for (const named of caption.querySelectorAll("[id], .headerlink")) named.matches(".headerlink") ? named.remove() : named.removeAttribute("id");
    dialog.showModal();
    fit = Math.min(pane.clientWidth, pane.clientHeight * ratio);
    // On a phone the figure already had the whole width: begin where its letters have the size they were drawn in.
    const wanted = STEPS.findIndex((s) => fit * s >= 0.9 * small.getAttribute("width"));
    step = wanted < 0 ? STEPS.length - 1 : wanted;
    size();
    pane.scrollTo(0, 0);
    pane.focus();
  }

  let held = null;
  pane.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse") return;  // a finger scrolls by itself
    held = [event.clientX + pane.scrollLeft, event.clientY + pane.scrollTop];
    pane.setPointerCapture(event.pointerId);
    event.preventDefault();
    pane.focus();
  });
  pane.addEventListener("pointermove", (event) => {
    if (held) pane.scrollTo(held[0] - event.clientX, held[1] - event.clientY);
  });
  pane.addEventListener("pointerup", () => { held = null; });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "+" || event.key === "=") grow(1);
    if (event.key === "-") grow(-1);
    if (event.key !== "Escape") return;
    event.preventDefault();
    dialog.close();
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  for (const link of document.querySelectorAll("a.alchemy-large")) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;  // the reader wants a tab of its own
      event.preventDefault();
      if (!dialog.isConnected) document.body.append(dialog);
      show(link);
    });
  }
})();
