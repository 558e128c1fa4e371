"""The explorables in a browser: they come alive under the strict policy, answer to the keyboard, and compute what Python does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("vl_convert", reason="the site's tools are not installed")

from alchemy import project  # noqa: E402
from press import charts, explorables  # noqa: E402

ROOT = Path(__file__).parents[2]
PATHS = {explorables.identifier(path): path for path in sorted((ROOT / "chapters").glob("*/explorable*.py"))}
PLACES = {name: path.parent.name for name, path in PATHS.items()}


def it_comes_alive_without_trouble(page, explorable):
    assert not page.trouble, page.trouble
    svg, stage = explorable.locator(".explorable-view svg").bounding_box(), explorable.locator(".explorable-stage").bounding_box()
    assert svg["width"] <= stage["width"] + 1 and svg["height"] > 250
    assert explorable.locator(".explorable-view svg path").count() > 5


def every_control_has_a_label_and_moves_the_figure_by_keyboard(page, explorable):
    said = explorable.locator(".explorable-says")
    heard = {said.inner_text()}
    for control in explorable.locator("[data-signal]").all():
        assert control.evaluate("e => e.labels.length") == 1 and control.is_enabled()
        control.focus()
        drawing = explorable.locator(".explorable-view").inner_html()
        for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
            page.keyboard.press(key)
        page.wait_for_timeout(150)
        assert explorable.locator(".explorable-view").inner_html() != drawing, control.get_attribute("data-signal")
        heard.add(said.inner_text())
    assert len(heard) > 1
    explorable.locator(".explorable-reset").click()
    page.wait_for_timeout(150)
    assert not page.trouble, page.trouble


def it_fits_a_phone_and_takes_the_dark_colours(page, explorable):
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    svg, stage = explorable.locator(".explorable-view svg").bounding_box(), explorable.locator(".explorable-stage").bounding_box()
    assert svg["width"] <= stage["width"] + 1
    colour = "e => [...e.querySelectorAll('.explorable-view svg text')].map(t => t.getAttribute('fill'))[0]"
    light = explorable.evaluate(colour)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_timeout(500)
    assert explorable.evaluate(colour) != light


def the_browser_says_what_python_says(page, explorable):
    name = explorable.get_attribute("id").removeprefix("explorable-")
    spec = charts.compiled(project.load(PATHS[name]).chart())
    slider = explorable.locator("input[type=range]").first
    value = float(slider.get_attribute("max"))
    slider.focus()
    page.keyboard.press("End")
    page.wait_for_timeout(200)
    expected = charts.signal_texts(spec, ["says"], **{slider.get_attribute("data-signal"): value})["says"]
    assert explorable.locator(".explorable-says").inner_text() == expected


CHECKS = (
    it_comes_alive_without_trouble, every_control_has_a_label_and_moves_the_figure_by_keyboard,
    it_fits_a_phone_and_takes_the_dark_colours, the_browser_says_what_python_says,
)  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_an_explorable_works(page, strict, name, subtests):
    """Its page is opened once, with a policy that forbids eval and other sites; between two checks it is set back."""
    page.goto(f"{strict}/chapters/{PLACES[name]}.html", wait_until="load")
    figure = page.locator(f"#explorable-{name}")
    figure.scroll_into_view_if_needed()
    page.wait_for_selector(f"#explorable-{name}[data-live]", timeout=30_000)
    for check in CHECKS:
        with subtests.test(check.__name__.replace("_", " ")):
            check(page, figure)
        page.set_viewport_size({"width": 1440, "height": 900})
        page.evaluate("document.documentElement.dataset.theme = 'light'")
        figure.locator(".explorable-reset").click()
        page.wait_for_timeout(200)


@pytest.mark.parametrize("name", PLACES)
def test_without_a_script_the_page_is_complete(built, name):
    text = (built / "chapters" / f"{PLACES[name]}.html").read_text(encoding="utf-8")
    figure = re.search(rf'<figure[^>]*id="explorable-{name}".*?</figure>', text, re.S)[0]
    image = re.search(r"<img[^>]*>", figure)[0]
    assert re.search(r'alt="[^"]{80,}"', image) and re.search(r'src="[^"]+\.svg"', image)
    assert "<figcaption" in figure and figure.count('scope="col"') > 2 and figure.count('scope="row"') > 3
    assert re.search(r'class="explorable-says"[^>]*>[^<]{40,}<', figure)


def test_pages_without_explorables_load_none_of_it(built):
    for path in (built / "chapters").glob("*.html"):
        if path.stem not in PLACES.values():
            assert "explorables" not in re.sub(r"<body.*", "", path.read_text(encoding="utf-8"), flags=re.S), path.name
