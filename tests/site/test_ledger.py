"""The ledger's page in a real browser: filters, sorting, links, downloads; and complete folds without scripts."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
ROWS = ".ledger-whole table.ledger-table tbody tr"
OPEN = "document.querySelectorAll('.ledger-whole > details').forEach(fold => { fold.open = true; })"


@pytest.fixture
def ledger(page, site):
    """The ledger's page, opened."""
    page.goto(f"{site}/chapters/25-ledger.html")
    page.locator(".ledger-count", has_text="lines").wait_for()
    page.evaluate(OPEN)
    return page


def column(page, name):
    """The texts of the visible cells below a header."""
    heads = page.locator("table.ledger-table").first.locator("thead th").all_text_contents()
    place = heads.index(name) + 1
    return [text.removesuffix(" #") for text in page.locator(f"{ROWS}:visible > :nth-child({place})").all_inner_texts()]


@pytest.mark.parametrize("name", ["chapter", "side", "evidence", "verdict", "device"])
def test_every_filter_leaves_its_own_rows_and_announces_how_many(ledger, name):
    total = ledger.locator(ROWS).count()
    values = [v for v in ledger.locator(f"#ledger-{name} option").evaluate_all("all => all.map(o => o.value)") if v]
    assert values
    for value in values:
        ledger.locator(f"#ledger-{name}").select_option(value)
        shown = ledger.locator(f"{ROWS}:visible")
        expected = ledger.locator(f'{ROWS}[data-{name}="{value}"]').count()
        assert shown.count() == expected > 0
        ledger.locator(".ledger-count", has_text=f"{expected} of {total}").wait_for()
    assert ledger.locator(".ledger-count").get_attribute("role") == "status"
    ledger.get_by_role("button", name="Show all lines").click()
    ledger.evaluate(OPEN)
    assert ledger.locator(f"{ROWS}:visible").count() == total
    assert not ledger.trouble


def test_free_text_filters_by_every_word(ledger):
    says = ledger.locator(f"{ROWS} th a:first-child").nth(3).inner_text()
    words = " ".join(reversed(says.split()[:6]))
    ledger.locator("#ledger-search").fill(words.upper())
    found = column(ledger, "claim")
    assert says in found and all(all(w.lower() in text.lower() for w in words.split()) for text in found)
    ledger.locator("#ledger-search").fill("nothing is called this")
    ledger.locator(".ledger-count", has_text="No line fits").wait_for()
    assert ledger.locator(f"{ROWS}:visible").count() == 0


def test_columns_sort_both_ways_and_say_so(ledger):
    ledger.get_by_role("button", name="One table, to sort").click()
    head = ledger.locator("table.ledger-flat thead th", has_text=re.compile("^found"))
    values = f"() => [...document.querySelectorAll('{ROWS}')].map(r => Number(r.dataset.estimate))"
    head.locator("button").focus()
    ledger.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert ledger.evaluate(values) == sorted(ledger.evaluate(values))
    ledger.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert ledger.evaluate(values) == sorted(ledger.evaluate(values), reverse=True)
    ledger.locator("table.ledger-flat thead th button", has_text="claim").click()
    assert ledger.locator("table.ledger-table [aria-sort]").count() == 1
    texts = [t.lower() for t in ledger.locator(f"{ROWS} th").all_text_contents()]
    assert texts == sorted(texts)


def test_every_line_leads_to_a_verdict_card(ledger, built):
    links = ledger.locator(f"{ROWS} th a:first-child").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert len(links) == ledger.locator(ROWS).count() > 0
    pages = {}
    for link in links:
        path, _, anchor = link.partition("#")
        if path not in pages:
            pages[path] = (built / "chapters" / path).read_text(encoding="utf-8")
        assert f'id="{anchor}"' in pages[path]


def test_downloads_and_scoreboard_agree_with_the_table(ledger, site):
    rows = ledger.locator(ROWS).evaluate_all("all => all.map(r => [r.dataset.claim, r.dataset.verdict, r.dataset.source])")
    links = [a.get_attribute("href") for a in ledger.locator(".ledger-downloads a").all()]
    texts = [ledger.request.get(f"{site}/chapters/{link}").text() for link in links]
    read = [list(csv.DictReader(io.StringIO(texts[0]))), json.loads(texts[1])["claims"]]
    for found in read:
        assert [[r["claim"], r["verdict"], r["source"]] for r in found] == rows
    live = [r for r in rows if r[2] == "this build"]
    score = ledger.locator("table.ledger-score tr.ledger-total td").all_inner_texts()
    assert int(score[-1]) == len(live) and int(score[0]) == sum(r[1] == "held" for r in live)


def test_without_scripts_it_is_a_complete_table(browser, site):
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(f"{site}/chapters/25-ledger.html")
    for summary in plain.locator(".ledger-whole > details > summary").all():
        summary.click()
    assert plain.locator(ROWS).count() == plain.locator(f"{ROWS}:visible").count() > 0
    assert plain.locator(".ledger-filters, [data-bets-score]:visible").count() == 0
    assert plain.locator("table.ledger-score").is_visible() and plain.locator(".ledger-downloads a").count() == 2
    context.close()


@pytest.mark.parametrize("width", [390, 820, 1440])
def test_the_page_is_no_wider_than_the_screen(ledger, width):
    ledger.set_viewport_size({"width": width, "height": 844})
    assert ledger.evaluate("document.documentElement.scrollWidth") <= width
