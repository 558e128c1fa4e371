"""Bets in a real browser: placed, refused, kept, shown on the verdict, scored, exported, imported, erased."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
KEY = "explorers-settlers.bets"
LEDGER = "chapters/25-ledger.html"


@pytest.fixture
def chapter(built: Path) -> str:
    """The path of a chapter with claims on it."""
    found = [p for p in sorted((built / "chapters").glob("[0-9]*.html")) if "data-bets=" in p.read_text(encoding="utf-8")]
    if not found:
        pytest.skip("no chapter of this site has a claim to bet on")
    return f"chapters/{found[0].name}"


@pytest.fixture
def claim(page, site, chapter):
    """An opened chapter's first claim that shows a card: (id, estimate, slug)."""
    page.goto(f"{site}/{chapter}")
    name = page.locator(".alchemy-claim [data-bets]").first.get_attribute("data-bets")
    slug = name.replace("/", "-")
    return name, float(page.locator(f"#verdict-{slug}").get_attribute("data-estimate")), slug


def place(page, slug, low, high, confidence):
    """Bet by keyboard."""
    card = page.locator(f"#claim-{slug}")
    if card.locator("details.bets-offer").get_attribute("open") is None:
        card.locator("details.bets-offer summary").focus()
        page.keyboard.press("Enter")
    for field, value in (("low", low), ("high", high), ("confidence", confidence)):
        page.locator(f"#bet-{slug}-{field}").fill(str(value))
    page.keyboard.press("Enter")


def kept(page):
    """What the browser keeps."""
    return json.loads(page.evaluate(f"localStorage.getItem('{KEY}')") or "null")


@pytest.mark.parametrize(("shift", "word"), [(0, "Inside"), (5, "Outside")])
def test_a_bet_is_kept_and_drawn_on_the_verdicts_axis(page, claim, shift, word):
    name, estimate, slug = claim
    place(page, slug, estimate + shift - 1, estimate + shift + 1, 80)
    verdict = page.locator(f"#verdict-{slug}")
    assert word in verdict.locator(".bets-result").inner_text()
    axis = verdict.locator("svg.bets-axis")
    assert axis.locator(".region").count() == 1 and axis.locator("circle.live").count() == 1
    assert axis.locator(".bets-span").count() == 1 and "Your bet" in axis.get_attribute("aria-label")
    assert verdict.locator("svg.alchemy-axis:visible").count() == 1
    page.reload()
    assert word in page.locator(f"#verdict-{slug} .bets-result").inner_text()
    assert kept(page)["bets"][name]["confidence"] == 80
    page.locator(f"#claim-{slug} button", has_text="Erase this bet").click()
    assert kept(page)["bets"] == {} and verdict.locator(".bets-result").count() == 0
    assert verdict.locator("svg.alchemy-axis:visible").count() == 1
    assert not page.trouble


@pytest.mark.parametrize(
    ("values", "named", "expected"),
    [
        (("abc", "1", "80"), '"abc" is not a number', "expected a number"),
        (("0,5", "1", "80"), '"0,5" is not a number', "write 0.5"),
        (("2", "1", "80"), "1 is not above the low end 2", "expected low < high"),
        (("0", "1", "120"), '"120"', "50 to 99"),
        (("0", "1", ""), "nothing", "50 to 99"),
    ],
)
def test_an_error_names_the_value_and_what_was_expected(page, claim, values, named, expected):
    _, _, slug = claim
    place(page, slug, *values)
    errors = page.locator(f"#claim-{slug} [role=alert]").inner_text()
    assert named in errors and expected in errors
    invalid = page.locator(f"#claim-{slug} [aria-invalid]")
    assert invalid.count() == 1 and invalid.get_attribute("aria-describedby") == f"bet-{slug}-errors"
    assert page.evaluate("document.activeElement.getAttribute('aria-invalid')") == "true"
    assert kept(page) is None


def test_verdicts_are_covered_only_when_asked_and_until_a_bet(page, claim):
    name, estimate, slug = claim
    word = page.locator(f"#verdict-{slug} .alchemy-word")
    assert word.is_visible()
    page.locator("#bets-hide").focus()
    page.keyboard.press("Space")
    assert not word.is_visible()
    numbers = page.locator(f".about-{slug}")
    for i in range(numbers.count()):
        assert numbers.nth(i).inner_text().strip() == "reveal"
    page.reload()
    assert page.locator("#bets-hide").is_checked() and not word.is_visible()
    place(page, slug, estimate - 1, estimate + 1, 80)
    assert word.is_visible() and kept(page)["bets"][name]["covered"] is True
    left = page.locator(".bets-covered").count()
    page.locator(".bets-covered").first.get_by_role("button", name=re.compile("without betting")).click()
    assert page.locator(".bets-covered").count() == left - 1
    page.locator("#bets-hide").uncheck()
    assert page.locator(".bets-covered, .bets-veil").count() == 0
    assert not page.trouble


def test_paper_shows_every_verdict_and_no_form(page, claim):
    _, _, slug = claim
    page.locator("#bets-hide").check()
    page.emulate_media(media="print")
    assert page.locator(f"#verdict-{slug} .alchemy-word").is_visible()
    assert page.locator(".bets:visible, .bets-cover:visible, .bets-switch:visible").count() == 0


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        '{"schema": 99, "bets": {}}',
        '{"schema": 1, "bets": {"adam/x": {"low": 2, "high": 1, "confidence": 80}}}',
        "null",
    ],
)
def test_foreign_data_is_set_aside_with_a_message(page, site, chapter, text):
    page.goto(f"{site}/{chapter}")
    page.evaluate("text => localStorage.setItem('explorers-settlers.bets', text)", text)
    page.reload()
    assert "et aside" in page.locator(".bets-notice").inner_text()
    assert page.evaluate("localStorage.getItem('explorers-settlers.bets.set-aside')") == text
    assert kept(page) == {"schema": 1, "bets": {}, "seen": []}
    assert not page.trouble


def test_the_ledger_scores_exports_imports_and_erases(page, site, claim, tmp_path):
    name, estimate, slug = claim
    place(page, slug, estimate - 1, estimate + 1, 80)
    page.goto(f"{site}/{LEDGER}")
    score = page.locator("[data-bets-score]")
    assert "1 of 1 intervals" in score.inner_text() and "Brier score 0.040" in score.inner_text()
    assert "1 of 1" in score.locator("svg.bets-diagram").get_attribute("aria-label")
    assert "1 of 1 (100 %)" in score.locator("table").first.inner_text()
    with page.expect_download() as caught:
        score.get_by_role("button", name="Export").click()
    exported = tmp_path / "bets.json"
    caught.value.save_as(exported)
    assert json.loads(exported.read_text())["bets"][name]["low"] == estimate - 1
    score.get_by_role("button", name="Erase all bets").click()
    score.get_by_role("button", name="Keep them").click()
    assert name in kept(page)["bets"]
    score.get_by_role("button", name="Erase all bets").click()
    score.get_by_role("button", name="Yes, erase").click()
    assert kept(page)["bets"] == {} and "No bets in this browser" in score.inner_text()
    score.locator("#bets-import").set_input_files(exported)
    score.locator("text=1 bets read").wait_for()
    assert name in kept(page)["bets"] and "1 of 1 intervals" in score.inner_text()
    foreign = tmp_path / "foreign.json"
    foreign.write_text('{"beliefs": []}')
    score.locator("#bets-import").set_input_files(foreign)
    score.locator("text=holds no bets").wait_for()
    assert name in kept(page)["bets"]
    assert not page.trouble


def test_it_works_from_files_without_a_server(page, built, chapter):
    page.goto((built / chapter).as_uri())
    assert page.locator("details.bets-offer").count() > 0
    page.goto((built / LEDGER).as_uri())
    assert "No bets in this browser" in page.locator("[data-bets-score]").inner_text()


def test_without_scripts_nothing_shows_and_the_verdicts_do(browser, site, chapter):
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(f"{site}/{chapter}")
    assert plain.locator(".bets:visible, .bets-switch:visible").count() == 0
    assert plain.locator(".alchemy-verdict .alchemy-word:visible").count() == plain.locator(".alchemy-verdict").count() > 0
    context.close()


@pytest.mark.parametrize("width", [390, 1440])
def test_open_forms_do_not_widen_the_page(page, claim, width):
    _, _, slug = claim
    page.set_viewport_size({"width": width, "height": 844})
    place(page, slug, "wrong", "1", "800")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
