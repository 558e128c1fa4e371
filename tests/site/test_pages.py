"""Every page of the built site, as a reader's browser meets it.

A page is visited once, under the strict policy, on a desktop; what is seen there is kept in a `Visit`, and one check
after another asks it: a page is one test, its checks are subtests.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

KB = 1000
LIMITS = {"text": 900 * KB, "all": 2000 * KB}
PACKED = {".woff", ".woff2", ".png", ".webp", ".jpg", ".jpeg", ".gif"}
PICTURES = {".png", ".webp", ".jpg", ".jpeg", ".gif", ".svg"}

SHIFTS = """window.shifts = [];
new PerformanceObserver(list => { for (const e of list.getEntries()) if (!e.hadRecentInput) shifts.push(e.value); })
  .observe({type: 'layout-shift', buffered: true});"""
READY = """async () => {
  const math = [...document.scripts].some(s => s.src.includes('mathjax/'));
  while (math && !window.MathJax?.startup?.promise) await new Promise(r => setTimeout(r, 20));
  if (math) await MathJax.startup.promise;
  await document.fonts.ready;
}"""
SCROLL = """async () => {  // to the end, so that every lazy image is asked for, and back
  for (let y = 0; y < document.documentElement.scrollHeight; y += 700) {
    scrollTo(0, y); await new Promise(r => requestAnimationFrame(() => setTimeout(r, 8)));
  }
  await Promise.all([...document.images].filter(i => !i.complete)
    .map(i => new Promise(r => { i.onload = i.onerror = r; setTimeout(r, 3000); })));
  scrollTo(0, 0);
}"""
# Thousands of coloured words of code take axe half a minute. One of each colour stays, the others become plain text;
# and of a long table, whose rows are alike, thirty rows.
ONE_OF_EACH = """() => {
  const words = [...document.querySelectorAll('.highlight pre span[class]')], kinds = new Set();
  const extra = words.filter(w => {
    const kind = w.className + getComputedStyle(w.closest('pre')).backgroundColor;
    return !w.id && kinds.size === kinds.add(kind).size;
  });
  extra.forEach(w => w.replaceWith(...w.childNodes));
  document.querySelectorAll('tbody > tr:nth-child(n + 31)').forEach(row => row.remove());
}"""
# The insides of a formula are MathJax's drawing, those of a card's picture a drawing with a name: both are left out,
# after everything else has been asked of the page.
DRAWN = """() => document.querySelectorAll('mjx-container, svg[role=img]').forEach(
  e => e.replaceChildren(...[...e.children].filter(c => c.matches('title, desc'))))"""
AXE = """rules => axe.run({resultTypes: ['violations'], preload: false, ...(rules && {runOnly: rules})})
  .then(r => r.violations.map(v => `${v.id}: `
    + v.nodes.slice(0, 4).map(n => `${n.target} ${n.html.slice(0, 120)}`).join(' | ')))"""
# Colours that are still on their way to another theme have any contrast.
SETTLED = """() => Promise.race([
  Promise.all(document.getAnimations().map(a => a.finished.catch(() => null))), new Promise(done => setTimeout(done, 2000))])
  .then(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))))"""
COLOURS = ["color-contrast", "link-in-text-block"]  # what the dark can change
SEEN = """() => ({
  formulas: document.querySelectorAll('.math.notranslate, div.math').length,
  typeset: document.querySelectorAll('mjx-container').length,
  raw: [...document.querySelectorAll('.math')].map(e => e.textContent).filter(t => /\\\\[([]/.test(t)),
  broken: [...document.querySelectorAll('mjx-merror, [data-mjx-error]')].map(e => e.textContent),
  silent: [...document.querySelectorAll('figure img, img.alchemy-figure')].filter(i => !i.alt.trim()).map(i => i.src),
  altless: [...document.images].filter(i => !i.hasAttribute('alt')).map(i => i.src),
  unsized: [...document.images].filter(i => !i.hasAttribute('width') || !i.hasAttribute('height')).map(i => i.src),
  missing: [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src),
  headless: [...document.querySelectorAll('table:not([role=presentation])')]
    .filter(t => !t.querySelector('th')).map(t => t.outerHTML.slice(0, 200)),
  asleep: [...document.querySelectorAll('.explorable:not([data-live])')].map(e => e.id),
  glaring: [...document.querySelectorAll('img.alchemy-figure:not(.dark-light)')]
    .map(i => [getComputedStyle(i), i.src])
    .filter(([s]) => !s.filter.includes('invert') || s.backgroundColor !== 'rgba(0, 0, 0, 0)').map(([, src]) => src),
})"""
WIDE = """() => { const w = innerWidth;
  return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > w + 1
    && !e.closest('pre, .alchemy-scroll, mjx-container, .pst-scrollable-table-container, dialog, .bd-sidebar'))
    .slice(0, 5).map(e => e.outerHTML.slice(0, 100)); }"""


@dataclass
class Visit:
    """What was seen of one page."""

    trouble: object
    seen: dict
    requests: list[str] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)  # bytes on the wire of every file that the visit asked for
    shift_of_all: float = 0.0
    shift_of_figures: float = 0.0  # what moved after the formulas were set, while the images came
    light: list[str] = field(default_factory=list)
    dark: list[str] = field(default_factory=list)
    phone: tuple[int, int, list[str]] = (0, 0, [])


def look(page, base: str, html: str) -> Visit:
    """Visit one page: load it, scroll through it, light and dark, then as a phone."""
    axe = Path(pytest.importorskip("axe_playwright_python").__file__).with_name("axe.min.js")
    page.add_init_script(SHIFTS)
    requests: list[str] = []
    page.on("request", lambda r: requests.append(r.url))
    page.goto(f"{base}/{html}", wait_until="load")
    page.evaluate(READY)
    page.wait_for_timeout(100)
    before = page.evaluate("shifts.reduce((a, b) => a + b, 0)")
    page.evaluate(SCROLL)
    asked = -1
    while asked < len(requests):  # explorables fetch their library and data when they are near
        asked = len(requests)
        page.wait_for_timeout(250)
    total = page.evaluate("shifts.reduce((a, b) => a + b, 0)")
    visit = Visit(page.trouble, {}, requests, total, total - before)
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(50)
    width = page.evaluate("document.scrollingElement.scrollWidth")
    visit.phone = (width, page.evaluate("innerWidth"), page.evaluate(WIDE) if width > 391 else [])
    page.set_viewport_size({"width": 1440, "height": 900})
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    visit.seen = page.evaluate(SEEN)  # in the dark, where figures are turned round
    page.evaluate("document.querySelectorAll('.explorable details').forEach(d => { d.open = true })")
    page.evaluate(ONE_OF_EACH)
    page.evaluate(axe.read_text(encoding="utf-8"))
    page.evaluate(DRAWN)
    page.evaluate(SETTLED)
    visit.dark = page.evaluate(AXE, COLOURS)
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    page.evaluate(SETTLED)
    visit.light = page.evaluate(AXE)
    return visit


def test_the_address_of_the_site_leads_to_the_landing_page(page, strict):
    page.goto(f"{strict}/", wait_until="load")
    page.wait_for_selector("article h1")
    assert not page.trouble, page.trouble


def weight(file: Path) -> int:
    """Bytes on the wire: compressed as a site's host would send them."""
    content = file.read_bytes()
    return len(content) if file.suffix in PACKED else len(gzip.compress(content, 6))


def it_loads_with_nothing_from_elsewhere_and_no_inline_script(visit):
    assert not visit.trouble.errors
    assert not visit.trouble.failed
    assert not visit.trouble.external


def formulas_are_set(visit):
    assert not visit.seen["raw"]
    assert not visit.seen["broken"]
    assert visit.seen["typeset"] >= visit.seen["formulas"]


def every_image_comes_and_says_its_size_and_its_finding(visit):
    assert {k: visit.seen[k] for k in ("missing", "altless", "unsized", "silent")} == {
        "missing": [], "altless": [], "unsized": [], "silent": []}  # fmt: skip


def explorables_come_alive_where_the_reader_gets_near(visit):
    assert not visit.seen["asleep"]


def no_figure_is_a_white_sheet_in_the_dark(visit):
    assert not visit.seen["glaring"]


def every_table_has_headers(visit):
    assert not visit.seen["headless"]


def nothing_moves_when_figures_come(visit):
    assert visit.shift_of_figures < 0.02
    assert visit.shift_of_all < 0.15  # with the formulas, which MathJax sets after the text is shown


def axe_finds_no_violation_in_the_light(visit):
    assert not visit.light, "\n".join(visit.light)


def axe_finds_no_violation_in_the_dark(visit):
    assert not visit.dark, "\n".join(visit.dark)


def a_phone_shows_it_without_scrolling_sideways(visit):
    width, window, widest = visit.phone
    assert width <= window + 1, widest


def a_first_visit_is_light(visit):
    files = sorted(((size, name) for name, size in visit.files.items()), reverse=True)
    heaviest = ", ".join(f"{name} {size / KB:.0f} kB" for size, name in files[:5])
    assert files
    assert sum(size for size, name in files if Path(name).suffix not in PICTURES) <= LIMITS["text"], heaviest
    assert sum(size for size, _ in files) <= LIMITS["all"], heaviest


CHECKS = (
    it_loads_with_nothing_from_elsewhere_and_no_inline_script, formulas_are_set,
    every_image_comes_and_says_its_size_and_its_finding, explorables_come_alive_where_the_reader_gets_near,
    no_figure_is_a_white_sheet_in_the_dark, every_table_has_headers, nothing_moves_when_figures_come,
    axe_finds_no_violation_in_the_light, axe_finds_no_violation_in_the_dark,
    a_phone_shows_it_without_scrolling_sideways, a_first_visit_is_light,
)  # fmt: skip


def test_a_page_is_sound(page, strict, built, html, subtests):
    visit = look(page, strict, html)
    names = {urlsplit(url).path.lstrip("/") for url in visit.requests}
    visit.files = {name: weight(built / name) for name in names if (built / name).is_file()}
    for check in CHECKS:
        with subtests.test(check.__name__.replace("_", " ")):
            check(visit)
