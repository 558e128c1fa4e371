"""The frame in a real browser: the landing page's one screen, map, timeline, sides, citation, tags, downloads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urljoin
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup

pytestmark = pytest.mark.browser
CHAPTER = "chapters/07-adam.html"
SCREENS = [(1440, 900), (390, 844)]


@pytest.mark.parametrize(("width", "height"), SCREENS)
def test_quarrel_promise_ways_and_score_are_on_the_first_screen(page, site, width, height):
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"{site}/book/intro.html")
    for selector in (
        ".bd-article h1",
        ".alchemy-quote.side-rigor",
        ".alchemy-quote.side-practice",
        ".alchemy-ways",
        ".alchemy-score tr.all",
    ):
        box = page.locator(selector).first.bounding_box()
        assert box is not None, selector
        assert box["y"] >= 0, selector
        assert box["y"] + box["height"] <= height, f"{selector} ends at {box['y'] + box['height']:.0f} of {height} px"
        assert box["x"] + box["width"] <= width, selector


def test_the_three_ways_lead_somewhere(page, site):
    page.goto(f"{site}/book/intro.html")
    ways = page.locator(".alchemy-ways a")
    targets = ways.evaluate_all("links => links.map(a => a.href)")
    assert len(targets) == 3
    for target in targets:
        page.goto(target)
        fragment = target.partition("#")[2]
        assert page.locator(f"[id='{fragment}']" if fragment else "h1").count() >= 1, target


def test_the_score_adds_up(page, site):
    page.goto(f"{site}/book/intro.html")
    rows = page.locator(".alchemy-score tbody tr").evaluate_all(
        "rows => rows.map(r => [...r.querySelectorAll('td:not(.bar)')].map(c => Number(c.textContent)))"
    )
    *sides, whole = rows
    assert sides
    assert [sum(column) for column in zip(*sides, strict=True)] == whole
    assert sum(whole) > 0
    assert page.locator(".alchemy-score thead th").all_inner_texts()[1:4] == ["✓ held", "✗ failed", "? undecided"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_map_and_timeline_fit_a_phone(page, site, scheme):
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme=scheme)
    for name, selector in (("intro", ".alchemy-map"), ("people", ".alchemy-timeline")):
        page.goto(f"{site}/book/{name}.html")
        box = page.locator(selector).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    page.goto(f"{site}/book/intro.html")
    sizes = page.locator(".alchemy-map a text").evaluate_all("all => all.map(t => t.getBoundingClientRect().height)")
    assert min(sizes) >= 12
    links = page.locator(".alchemy-map a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    links = [urljoin(page.url, link) for link in links]
    assert len(links) == len(set(links)) > 2
    for link in links:
        assert page.request.get(link).ok, link


def test_every_event_of_the_timeline_has_its_source(page, site):
    page.goto(f"{site}/book/people.html")
    events = page.locator(".alchemy-timeline > li")
    assert events.count() > 20
    without = events.evaluate_all(
        "all => all.filter(e => !e.querySelector('a[href*=\"references.html#\"]')).map(e => e.innerText)"
    )
    assert without == []


def test_a_chapter_shows_whose_turn_it_is(page, site):
    page.goto(f"{site}/{CHAPTER}")
    for side, shape in (("rigor", "▲"), ("practice", "●")):
        drawn = page.locator(f"section.side-{side} > h2").first.evaluate("h => getComputedStyle(h, '::before').content")
        assert shape in drawn
        assert page.locator(f".alchemy-argument.side-{side} .alchemy-kicker").first.inner_text().startswith(f"{shape} {side}")


def test_how_to_cite_opens_and_has_something_to_copy(page, site):
    page.goto(f"{site}/{CHAPTER}")
    block = page.locator("details.alchemy-cite")
    assert block.count() == 1
    assert not block.locator("pre").is_visible()
    block.locator("summary").focus()
    page.keyboard.press("Enter")
    assert block.locator("pre").inner_text().startswith("@incollection{")
    assert block.locator("button.copybtn").count() == 1


def test_tags_icons_and_cards(built, html):
    if html == "index.html":
        pytest.skip("the site's root only leads on to the landing page")
    head = BeautifulSoup((built / html).read_bytes(), "html.parser").head
    if html.startswith(("book/", "chapters/")):
        (said,) = head.select("meta[name=description]")
        assert 20 < len(said["content"]) <= 210
        (card,) = head.select("meta[property='og:image']")
        assert 0 < (built / "_social" / card["content"].rpartition("/")[2]).stat().st_size < 60_000
    icons = head.select("link[rel~=icon], link[rel=apple-touch-icon]")
    assert len(icons) >= 3
    for icon in icons:
        address = icon["href"]  # a page that stands for any address names its files from the site's root
        found = built / address[1:] if address.startswith("/") else (built / html).parent / address
        assert found.resolve().is_file(), icon


def test_the_plain_index_leads_to_pages_and_sources(page, site):
    text = page.request.get(f"{site}/llms.txt").text()
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert sum(link.endswith(".html") for link in links) > 5
    assert sum(link.endswith(".md") for link in links) > 5
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not page.request.get(f"{site}/{link}").ok] == []
    robots = page.request.get(f"{site}/robots.txt").text()
    assert robots.startswith("User-agent: *")
    if "Sitemap:" in robots:
        assert len(ElementTree.fromstring(page.request.get(f"{site}/sitemap.xml").text())) > 5


def test_downloads_of_every_chapter_resolve(built):
    pages = sorted((built / "chapters").glob("[0-9][0-9]-*.html"))
    assert pages
    for path in pages:
        nav = re.search(r'<nav class="alchemy-links".*?</nav>', path.read_text(encoding="utf-8"), re.DOTALL)
        assert nav is not None, path.name
        local = [path.parent / link for link in re.findall(r'href="(\.\.[^"]+)"', nav[0])]
        assert [file for file in local if not Path(file).is_file()] == []
        (notebook,) = (file for file in local if file.suffix == ".ipynb")
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        assert cells[0]["id"] == "laboratory"
        compile(cells[0]["source"], notebook.name, "exec")
