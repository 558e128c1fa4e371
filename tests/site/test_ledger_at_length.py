"""The ledger at 400 claims, which the book does not have yet: its weight, filters, keyboard, addresses, and axe."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest
from press import ledger_page

axe = pytest.importorskip("axe_playwright_python", reason="axe is not installed; `make test` installs it")
STATIC = Path(__file__).resolve().parents[2] / "book" / "_static"
CHAPTERS, EACH = 25, 16
SIDES, EVIDENCE = ("rigor", "practice", "neither"), ("proved", "derived", "reported", "conjectured", "control")
ORIGINS, WORDS = ("theory", "publication", "pilot", "convention"), ("held", "held", "held", "failed", "undecided")
PAGE = """<!DOCTYPE html><html lang="en" data-theme="{theme}"><head><meta charset="utf-8"><title>Ledger</title>
<link rel="stylesheet" href="alchemy.css"><link rel="stylesheet" href="bets.css"><link rel="stylesheet" href="ledger.css">
<style>html[data-theme=light] {{ --pst-color-background: #fff; color: #222832 }}
html[data-theme=dark] {{ --pst-color-background: #121212; color: #ced6dd }}
body {{ background: var(--pst-color-background) }} html[data-theme=light] a {{ color: #0a58ca }}
html[data-theme=dark] a {{ color: #5e9bf0 }}</style>
<script defer src="bets-store.js"></script><script defer src="ledger.js"></script></head>
<body><main><h1>Ledger</h1>{table}</main></body></html>"""


def lines():
    """400 lines of 25 chapters, with every side, evidence, word and origin of a region."""
    made = []
    for number in range(CHAPTERS * EACH):
        chapter, estimate = number // EACH + 1, 0.37 + 0.0137 * (number * 7 % 400)
        claim = {
            "id": f"chapter-{chapter}/claim-{number}",
            "side": SIDES[number % 3],
            "evidence": EVIDENCE[number % 5],
            "region_from": ORIGINS[number % 4],
            "statistic": "mean",
            "measure": "log2 of steps to the test loss",
            "says": f"Sentence {number}: at tuned rates a normalized network is at least a fifth faster than a bare one.",
            "holds": [0.9, None] if number % 2 else [0.25, 0.75],
        }
        found = {"estimate": estimate, "low": estimate - 0.1, "high": estimate + 0.1, "n": 12, "level": 0.95, "method": "BCa"}
        row = {"claim": claim, "verdict": {"word": WORDS[number % 5], "interval": found, "diverged": 0}}
        made.append(ledger_page.entry(row, f"{chapter:02d}-chapter-{chapter}", "this build", "1 cpu", "laptop", 0))
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The page, light and dark, with the site's own styles and scripts."""
    found, made = lines(), tmp_path_factory.mktemp("ledger")
    titles = {line["chapter"]: f"{line['chapter'][:2]} · A chapter" for line in found}
    listed = {"caption": "The ledger", "claims": [], "elsewhere": {line["claim"]: "same on 10" for line in found}}
    table = ledger_page.drawn(listed, found, titles, True, "")
    for theme in ("light", "dark"):
        (made / f"{theme}.html").write_text(PAGE.format(theme=theme, table=table), encoding="utf-8")
    for name in ("alchemy.css", "bets.css", "ledger.css", "bets-store.js", "ledger.js"):
        shutil.copy(STATIC / name, made)
    return made


@pytest.fixture
def ledger(page, folder):
    """The page in a browser."""
    page.goto((folder / "light.html").as_uri())
    page.locator(".ledger-count", has_text="400 lines").wait_for()
    return page


def test_four_hundred_rows_stay_light(folder):
    content = (folder / "light.html").read_bytes()
    assert len(content) < 700_000
    assert len(gzip.compress(content, 6)) < 45_000


def test_it_begins_as_a_list_of_chapters_that_fits_two_screens(ledger):
    assert ledger.locator("details.ledger-group").count() == CHAPTERS
    assert ledger.locator("details.ledger-group tbody tr:visible").count() == 0
    assert ledger.evaluate("document.documentElement.scrollHeight") < 2 * 900
    assert "held" in ledger.locator("details.ledger-group summary").first.inner_text()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("side", "practice", 133), ("evidence", "derived", 80), ("verdict", "failed", 80), ("regionFrom", "pilot", 100)],
)
def test_a_filter_opens_the_chapters_that_have_such_lines(ledger, name, value, expected):
    ledger.locator(f"#ledger-{name}").select_option(value)
    ledger.locator(".ledger-count", has_text=f"{expected} of 400").wait_for()
    assert ledger.locator("details.ledger-group tbody tr:visible").count() == expected
    ledger.get_by_role("button", name="Show all lines").click()
    ledger.locator(".ledger-count", has_text="400 lines in the ledger").wait_for()
    assert ledger.locator("details.ledger-group[open]").count() == 0


def test_filters_combine_and_hide_chapters_without_such_lines(ledger):
    ledger.locator("#ledger-chapter").select_option("07-chapter-7")
    ledger.locator("#ledger-verdict").select_option("undecided")
    assert ledger.locator("details.ledger-group:visible").count() == 1
    shown = ledger.locator("details.ledger-group tbody tr:visible")
    assert shown.count() == ledger.locator('tr[data-chapter="07-chapter-7"][data-verdict="undecided"]').count() > 0
    assert f"{shown.count()} shown" in ledger.locator("details.ledger-group:visible summary").inner_text()


def test_everything_is_reached_by_keyboard(ledger):
    ledger.locator("#ledger-side").focus()
    ledger.keyboard.press("p")  # practice
    ledger.keyboard.press("Tab")
    assert ledger.evaluate("document.activeElement.id") == "ledger-evidence"
    ledger.locator(".ledger-count", has_text="133 of 400").wait_for()
    fold = ledger.locator("details.ledger-group").first
    fold.locator("summary").focus()
    ledger.keyboard.press("Enter")
    assert fold.get_attribute("open") is None
    ledger.keyboard.press("Enter")
    ledger.keyboard.press("Tab")
    assert ledger.evaluate("document.activeElement.matches('.alchemy-scroll[role=region]')")
    ledger.keyboard.press("Tab")
    ledger.keyboard.press("Tab")
    link = ledger.evaluate("[document.activeElement.className, getComputedStyle(document.activeElement).opacity]")
    assert link == ["ledger-link no-paper", "1"]
    ledger.keyboard.press("Enter")
    assert "#line-chapter-1" in ledger.url


def test_the_address_of_a_line_opens_its_chapter_and_shows_it(page, folder):
    page.goto((folder / "light.html").as_uri() + "#line-chapter-20-claim-310")
    row = page.locator("#line-chapter-20-claim-310")
    row.wait_for(state="visible")
    box = row.bounding_box()
    assert 0 <= box["y"] < 900
    assert page.locator("details.ledger-group[open]").count() == 1


def test_one_table_sorts_all_lines_and_the_chapters_come_back(ledger):
    single = ledger.get_by_role("button", name="One table, to sort")
    single.click()
    assert single.get_attribute("aria-pressed") == "true"
    rows = ledger.locator("table.ledger-flat tbody tr:visible")
    assert rows.count() == 400 and ledger.locator("details.ledger-group:visible").count() == 0
    ledger.locator("table.ledger-flat thead button", has_text="found").click()
    found = rows.evaluate_all("all => all.map(r => Number(r.dataset.estimate))")
    assert found == sorted(found)
    single.click()
    assert ledger.locator("details.ledger-group").count() == CHAPTERS and rows.count() == 0
    order = ledger.locator("details.ledger-group tbody tr").evaluate_all("all => all.map(r => r.dataset.claim)")
    assert order == [line["claim"] for line in lines()]


def test_without_scripts_the_folds_hold_every_line(browser, folder):
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto((folder / "light.html").as_uri())
    plain.locator("details.ledger-group summary").nth(3).click()
    assert plain.locator("details.ledger-group tbody tr:visible").count() == EACH
    assert plain.locator("details.ledger-group tbody tr").count() == 400
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(page, folder, theme):
    page.goto((folder / f"{theme}.html").as_uri())
    page.locator("details.ledger-group summary").first.click()
    page.get_by_role("button", name="One table, to sort").click()
    page.get_by_role("button", name="One table, to sort").click()
    page.evaluate(Path(axe.__file__).with_name("axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("axe.run({resultTypes: ['violations']}).then(r => r.violations.map(v => v.id + ' ' + v.nodes[0].html))")
    assert found == []
