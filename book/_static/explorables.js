// Bring a page's explorables to life when they come near the viewport. A page without them does not load this file.
// Vega runs without eval (its interpreter walks the parsed expressions), so a strict Content-Security-Policy holds.
// A page opened from a file may not fetch the charts: its figures stay still, and keep no room for more (explorables.css).

(() => {
  const here = new URL("./", document.currentScript.src);
  // The charts are written in the light palette; on the page they take the theme's variables.
  const COLOURS = {
    "#0072b2": "--alchemy-theory", "#d55e00": "--alchemy-experiment", "#009e73": "--alchemy-held", "#7b4b94": "--alchemy-record",
    "#22272e": "--alchemy-ink", "#57606a": "--alchemy-quiet", "#d3cfc4": "--alchemy-edge", "#fbfaf6": "--alchemy-paper",
  };
  const NARROWEST = 120; // of a plot, in pixels, axes not counted
  let library;

  function vega() {
    library ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL("vega/vega.min.js", here);
      script.onload = resolve;
      script.onerror = () => reject(new Error("vega.min.js did not load"));
      document.head.append(script);
    }).then(() => import(new URL("vega/vega-interpreter.js", here)));
    return library;
  }

  function coloured(text) {
    const style = getComputedStyle(document.documentElement);
    return text.replace(/#[0-9a-f]{6}/gi, (hex) => style.getPropertyValue(COLOURS[hex.toLowerCase()] ?? "").trim() || hex);
  }

  class Explorable {
    constructor(figure) {
      this.figure = figure;
      this.name = figure.id.replace("explorable-", "");
      this.stage = figure.querySelector(".explorable-stage");
      this.still = this.stage.querySelector("img");
      this.says = figure.querySelector(".explorable-says");
      this.inputs = [...figure.querySelectorAll("[data-signal]")];
      this.reset = figure.querySelector(".explorable-reset");
      this.settings = {};
    }

    async start() {
      const [{ expressionInterpreter }, reply] = await Promise.all([vega(), fetch(new URL(`explorables/${this.name}.json`, here))]);
      if (!reply.ok) throw new Error(`${this.name}.json: ${reply.status}`);
      this.interpreter = expressionInterpreter;
      this.text = await reply.text();
      this.box = document.createElement("div");
      this.box.className = "explorable-view";
      this.box.setAttribute("role", "img");
      await this.draw();
      this.still.classList.add("explorable-still");
      this.listen();
    }

    async draw() {
      const spec = { ...JSON.parse(coloured(this.text)), background: null };
      for (const signal of spec.signals) if (signal.name in this.settings) signal.value = this.settings[signal.name];
      this.view?.finalize();
      this.box.replaceChildren();
      if (!this.box.isConnected) this.stage.append(this.box);
      this.view = new window.vega.View(window.vega.parse(spec, null, { ast: true }), {
        renderer: "svg", container: this.box, expr: this.interpreter, hover: false, logLevel: window.vega.Error,
      });
      await this.view.runAsync();
      this.box.querySelector("svg").setAttribute("aria-hidden", "true"); // the box speaks for it: role img, and a label
      this.width = 0;
      await this.fit();
      this.tell();
    }

    // Charts of several panels have no automatic size: give the plots what the axes leave of the container.
    async fit() {
      const room = Math.floor(this.stage.clientWidth);
      if (!room || room === this.width) return;
      this.width = room;
      for (let pass = 0; pass < 3; pass += 1) {
        const taken = this.box.querySelector("svg").width.baseVal.value;
        if (taken <= room && taken > room - 2) break;
        await this.view.width(Math.max(NARROWEST, this.view.width() + room - Math.ceil(taken))).runAsync();
      }
    }

    tell() {
      const said = this.view.signal("says");
      if (this.says.textContent !== said) this.says.textContent = said;
      this.box.setAttribute("aria-label", `${this.figure.querySelector(".explorable-title").textContent} ${said}`);
      for (const input of this.inputs) {
        const shown = input.nextElementSibling;
        if (shown?.tagName !== "OUTPUT") continue;
        shown.textContent = String(this.view.signal(`${input.dataset.signal}_shown`));
        input.setAttribute("aria-valuetext", shown.textContent);
      }
    }

    async take(input) {
      const value = input.dataset.values ? JSON.parse(input.dataset.values)[input.selectedIndex] : Number(input.value);
      this.settings[input.dataset.signal] = value;
      await this.view.signal(input.dataset.signal, value).runAsync();
      this.tell();
    }

    listen() {
      const start = this.inputs.map((input) => input.dataset.values ? input.selectedIndex : input.value);
      this.inputs.forEach((input) => {
        input.disabled = false;
        input.addEventListener("input", () => this.take(input));
      });
      this.reset.disabled = false;
      this.reset.addEventListener("click", async () => {
        for (const [i, input] of this.inputs.entries()) {
          if (input.dataset.values) input.selectedIndex = start[i];
          else input.value = start[i];
          await this.take(input);
        }
      });
      new ResizeObserver(() => this.fit()).observe(this.stage);
      new MutationObserver(() => this.draw()).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
      this.figure.dataset.live = "true";
    }
  }

  const stay = (figure) => { figure.dataset.live = "no"; };
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      new Explorable(target).start().catch((error) => {
        stay(target);
        console.warn("explorable stays still:", error.message);
      });
    }
  }, { rootMargin: "600px 0px" });
  const wake = location.protocol === "file:" ? stay : (figure) => near.observe(figure);
  document.querySelectorAll("figure.explorable").forEach(wake);
})();
