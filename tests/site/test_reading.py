"""The site used: search, theme, keyboard, the menu of a phone, code shown and hidden, figures opened, a wrong address."""

from __future__ import annotations

import colorsys
import io
import re

import pytest
from PIL import Image

CHAPTER = "chapters/06-batch-normalization.html"


def test_search_finds_a_chapter(page, strict):
    page.goto(f"{strict}/search.html")
    page.locator(".bd-search-container input[name=q], form.bd-search input[name=q]").last.fill("covariate")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=covariate*")
    page.locator("#search-results li a").first.wait_for()
    links = page.locator("#search-results li a").evaluate_all("links => links.map(a => a.href)")
    assert any("06-batch-normalization" in link for link in links)
    page.goto(links[0])
    assert not page.trouble, page.trouble


def test_the_search_of_every_page_opens_by_keyboard_and_leads_to_results(page, strict):
    page.goto(f"{strict}/{CHAPTER}")
    page.keyboard.press("Control+k")
    page.keyboard.type("curvature")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=curvature*")
    page.locator("#search-results li a").first.wait_for()
    assert not page.trouble, page.trouble


def test_the_theme_switch_works_and_sticks(page, strict):
    page.goto(f"{strict}/{CHAPTER}")
    theme = "document.documentElement.dataset.theme"
    assert page.evaluate(theme) == "light"
    button = page.locator("button.theme-switch-button:visible").first
    for _ in range(3):
        if page.evaluate(theme) == "dark":
            break
        button.click()
    assert page.evaluate(theme) == "dark"
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, re.findall(r"\d+", dark)[:3])) < 90
    page.goto(f"{strict}/book/glossary.html")
    assert page.evaluate(theme) == "dark"
    assert not page.trouble, page.trouble


def test_the_first_key_offers_to_skip_to_the_text(page, strict):
    page.goto(f"{strict}/{CHAPTER}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main-content"
    page.wait_for_timeout(300)
    box = page.locator("#pst-skip-link").bounding_box()
    assert box["y"] >= 0
    page.keyboard.press("Enter")
    page.wait_for_function("location.hash === '#main-content'")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('#main-content').contains(document.activeElement)")


def test_focus_is_visible_wherever_tab_leads(page, strict):
    page.goto(f"{strict}/{CHAPTER}", wait_until="load")
    unseen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen = page.evaluate("""() => { const e = document.activeElement; if (!e || e === document.body) return null;
          const drawn = s => (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0) || s.boxShadow !== 'none';
          const marked = drawn(getComputedStyle(e)) || (e.parentElement && drawn(getComputedStyle(e.parentElement)));
          return [marked || e.closest('.skip-link') !== null, e.outerHTML.slice(0, 120)]; }""")
        unseen += [seen[1]] if seen and not seen[0] else []
    assert not unseen


def test_the_menu_of_a_phone_opens_and_closes_by_keyboard(page, strict):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{strict}/{CHAPTER}", wait_until="load")
    toggle = page.locator("button.primary-toggle:visible, button.pst-navbar-icon.sidebar-toggle:visible").first
    toggle.focus()
    page.keyboard.press("Enter")
    menu = page.locator("dialog#pst-primary-sidebar-modal")
    page.wait_for_function("document.querySelector('#pst-primary-sidebar-modal').open")
    assert menu.locator("a.reference").first.is_visible()
    page.keyboard.press("Escape")
    page.wait_for_function("!document.querySelector('#pst-primary-sidebar-modal').open")
    assert not page.trouble, page.trouble


def test_without_scripts_the_page_is_complete(browser, strict):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1440, "height": 900})
    try:
        opened = context.new_page()
        opened.goto(f"{strict}/{CHAPTER}")
        assert opened.locator("article h1").is_visible()
        assert opened.locator("figure img").count() > 3
        assert opened.locator(".alchemy-card").count() > 3
        assert "JavaScript is off" in opened.locator(".alchemy-noscript").inner_text()
        assert not opened.locator(".code-switch").is_visible()
        fold = opened.locator("details.hide", has_text="Code: imports").first
        assert not fold.locator("pre").first.is_visible()
        fold.locator("summary").click()
        assert fold.locator("pre").first.is_visible()
        link = opened.locator("a.alchemy-large").first
        with opened.expect_navigation():
            link.click()
        assert "_images/" in opened.url
    finally:
        context.close()


def test_with_scripts_nobody_is_told_that_they_are_off(page, strict):
    page.goto(f"{strict}/{CHAPTER}")
    assert page.locator(".alchemy-noscript").count() == 0


# ---------------------------------------------------------------- code
SHOWN = "() => [...document.querySelectorAll('article .cell_input')].filter(e => e.checkVisibility()).length"


def test_one_switch_shows_and_hides_all_code_and_is_remembered(page, strict):
    page.goto(f"{strict}/{CHAPTER}")
    switch, total = page.locator(".code-switch"), page.locator("article .cell_input").count()
    folded = page.evaluate(SHOWN)
    assert switch.get_attribute("aria-pressed") == "mixed" and switch.get_attribute("aria-label") == "Show all code"
    assert 0 < folded < total
    switch.focus()
    for pressed, shown in (("true", total), ("false", 0)):
        page.keyboard.press("Enter")
        assert switch.get_attribute("aria-pressed") == pressed
        assert page.evaluate(SHOWN) == shown
        page.reload()
        switch.focus()
        assert switch.get_attribute("aria-pressed") == pressed
        assert page.evaluate(SHOWN) == shown
    page.keyboard.press("Space")
    assert switch.get_attribute("aria-pressed") == "mixed" and page.evaluate(SHOWN) == folded
    assert not page.trouble, page.trouble


@pytest.mark.parametrize("state", ["true", "false"])
def test_a_remembered_state_moves_nothing_when_the_page_comes(page, strict, state):
    page.add_init_script(
        f"localStorage.setItem('explorers-settlers.code', '{state}'); window.moved = 0;"
        "new PerformanceObserver(l => { for (const e of l.getEntries()) for (const s of e.sources)"
        " if (s.node?.closest?.('.cell')) moved += e.value; }).observe({type: 'layout-shift', buffered: true});"
    )
    page.route("**/mathjax/*", lambda route: route.abort())  # formulas move things by themselves
    page.goto(f"{strict}/{CHAPTER}", wait_until="load")
    page.wait_for_timeout(300)
    assert page.evaluate("moved") == 0


def test_the_place_is_kept_when_code_is_shown_or_hidden(page, strict):
    page.route("**/mathjax/*", lambda route: route.abort())  # formulas move things by themselves
    page.goto(f"{strict}/{CHAPTER}", wait_until="load")
    heading = page.locator("article h2").nth(4)
    heading.evaluate("h => window.scrollTo(0, h.getBoundingClientRect().top + scrollY - 200)")
    before, switch = heading.bounding_box()["y"], page.locator(".code-switch").bounding_box()
    for _ in range(3):
        page.mouse.click(switch["x"] + 9, switch["y"] + 9)  # Playwright's own click may scroll first
        page.wait_for_timeout(100)
        assert abs(heading.bounding_box()["y"] - before) < 3


# ---------------------------------------------------------------- figures
def test_a_figure_opens_large_with_its_caption_and_gives_the_focus_back(page, strict):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{strict}/{CHAPTER}", wait_until="load")
    link = page.locator("a.alchemy-large").nth(1)
    small = link.locator("img").evaluate("i => i.clientWidth")
    link.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog.alchemy-large-dialog")
    dialog.wait_for(state="visible")
    assert dialog.locator("img").evaluate("i => i.clientWidth") > 1.5 * small
    assert dialog.locator("img").get_attribute("alt") == link.locator("img").get_attribute("alt")
    words = link.evaluate("e => e.closest('figure').querySelector('figcaption').innerText")
    assert words.strip()[:30] in dialog.locator(".large-caption").inner_text()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    assert dialog.locator(".large-pane").evaluate("e => e.scrollLeft") > 0
    wide = dialog.locator("img").evaluate("i => i.clientWidth")
    page.keyboard.press("+")
    assert dialog.locator("img").evaluate("i => i.clientWidth") > wide
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    assert link.evaluate("e => e === document.activeElement")
    assert not page.trouble, page.trouble


def test_figures_keep_their_colours_and_lose_their_sheet_in_the_dark(page, strict):
    """The book's blue and vermilion, drawn on white and on nothing, as a reader in the dark sees them."""
    page.emulate_media(color_scheme="dark")
    page.goto(f"{strict}/{CHAPTER}", wait_until="load")
    for sheet in ('<rect width="90" height="30" fill="#fff"/>', ""):
        drawn = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="90" height="30">{sheet}<rect x="30" width="30" height="30" '
            'fill="#0072B2"/><rect x="60" width="30" height="30" fill="#D55E00"/></svg>'
        )
        page.evaluate(
            """drawn => { const i = document.querySelector('img.alchemy-figure'); i.loading = 'eager';
          i.style = 'width: 90px; height: 30px; border-radius: 0'; i.src = 'data:image/svg+xml,' + encodeURIComponent(drawn);
          return i.decode(); }""",
            drawn,
        )
        picture = Image.open(io.BytesIO(page.locator("img.alchemy-figure").first.screenshot())).convert("RGB")
        page_colour, blue, vermilion = (picture.getpixel((x, 15)) for x in (12, 45, 75))
        assert max(page_colour) < 40
        for colour, hue in ((blue, 0.56), (vermilion, 0.07)):  # on the circle of hues; the originals' are 0.56 and 0.07
            found, _, saturation = colorsys.rgb_to_hsv(*(c / 255 for c in colour))
            assert abs(found - hue) < 0.035 and saturation > 0.6 and max(colour) > 200


# ---------------------------------------------------------------- an address that does not exist
@pytest.mark.parametrize("address", ["nothing.html", "chapters/nothing.html", "a/b/c/nothing"])
def test_a_wrong_address_gets_search_and_contents(page, strict, address):
    page.goto(f"{strict}/{address}")
    assert page.locator("article h1").inner_text() == "This page is not here"
    assert page.evaluate("document.styleSheets.length") > 3
    links = page.locator(".missing-contents a").evaluate_all("all => all.map(a => a.href)")
    assert any("06-batch-normalization" in link for link in links)
    assert page.request.get(links[1]).ok
    failed = [f for f in page.trouble.failed if not f.startswith(f"{strict}/{address}:")]
    assert not failed
    page.locator("#missing-words").fill("covariate")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=covariate*")
    page.locator("#search-results li a").first.wait_for()
