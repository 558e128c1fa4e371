"""The site used: search, theme, keyboard, and the menu of a phone."""

from __future__ import annotations

import re

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
    finally:
        context.close()
