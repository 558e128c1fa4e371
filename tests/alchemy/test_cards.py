"""Cards: well-formed on the web, readable in a terminal, nothing drawn from a number that is not one."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from alchemy import stats
from alchemy.claims import Claim, Ledger, at_least, at_most, between, cards

MIMES = {"text/html", "text/markdown", "text/plain"}
HOSTILE = 'loss < 0.1 & "width" > 2 | <script>alert(1)</script>'


def made(**changes) -> Claim:
    return Claim(
        **dict(
            id="topic/grows",
            side="practice",
            kind="experiment",
            says=HOSTILE,
            measure="x < y, one value a seed",
            holds=between(0, 1),
            seeds=12,
            refuted_by="a <b> that shrinks",
            may_diverge=0.25,
        )
        | changes
    )


def verdict_of(interval: stats.Interval, *, references=None, bet=None, diverged=None, attempts=1, **changes):
    ledger = Ledger("laptop", references or {})
    for _ in range(attempts):
        claim = ledger.register(made(**changes))
        if bet:
            claim.predict(*bet)
        found = claim.judge(interval, diverged=diverged)
    return cards.verdict(claim, found, ledger)


def parsed(html: str) -> ET.Element:
    """The card as XML: fails if a tag is left open, an attribute unquoted or a character unescaped."""
    return ET.fromstring(html)


def by_class(tree: ET.Element, tag: str, name: str) -> list[ET.Element]:
    return [e for e in tree.iter(tag) if name in (e.get("class") or "").split()]


def coordinates(tree: ET.Element) -> list[float]:
    names = ("x", "x1", "x2", "cx", "y", "y1", "y2", "cy", "width", "height")
    found = [e.get(n) for e in tree.iter("svg") for e in e.iter() for n in names if e.get(n)]
    found += re.findall(r"-?[\d.]+|nan|inf", " ".join(p.get("d") for p in tree.iter("path")))
    return [float(v) for v in found]


def test_registration_card_is_well_formed_in_three_types():
    bundle = made()._repr_mimebundle_()
    assert set(bundle) == MIMES
    tree = parsed(bundle["text/html"])
    assert tree.get("id") == "claim-topic-grows" and "side-practice" in tree.get("class")
    text = "".join(tree.itertext())
    assert HOSTILE in text and not list(tree.iter("script"))
    for part in (
        "between 0 and 1",
        "mean over 12 seeds",
        "25%",
        "a <b> that shrinks",
        "● practice",
        "topic/grows",
    ):
        assert part in text and part in bundle["text/plain"] and part in bundle["text/markdown"]
    assert str(made()) == bundle["text/plain"]


@pytest.mark.parametrize(
    ("interval", "word", "sign"),
    [
        (stats.Interval(0.5, 0.4, 0.6, 12), "held", "✓"),
        (stats.Interval(2, 1.5, 2.5, 12), "failed", "✗"),
        (stats.Interval(1, 0.5, 1.5, 12), "undecided", "?"),
    ],
)
def test_verdict_card_tells_the_word_by_text_and_sign(interval, word, sign):
    bundle = verdict_of(interval)
    assert set(bundle) == MIMES
    tree = parsed(bundle["text/html"])
    assert word in tree.get("class").split() and tree.get("id") == "verdict-topic-grows"
    assert by_class(tree, "strong", "alchemy-word")[0].text == f"{sign} {word}"
    assert f"{sign} {word}".upper() in bundle["text/plain"] and f"**{sign} {word}**" in bundle["text/markdown"]
    assert HOSTILE in "".join(tree.itertext()) and not list(tree.iter("script"))
    assert f"n = {interval.n}" in bundle["text/plain"]


def test_axis_draws_what_was_found_where_it_lies():
    tree = parsed(verdict_of(stats.Interval(1, 0.5, 1.5, 12))["text/html"])
    (region,) = by_class(tree, "rect", "region")
    (live,), (dot,) = by_class(tree, "line", "live"), by_class(tree, "circle", "live")
    left, right = float(region.get("x")), float(region.get("x")) + float(region.get("width"))
    unit = right - left  # the region is [0, 1]
    assert float(live.get("x1")) == pytest.approx(left + 0.5 * unit, abs=0.2)
    assert float(live.get("x2")) == pytest.approx(left + 1.5 * unit, abs=0.2)
    assert float(dot.get("cx")) == pytest.approx(right, abs=0.2)
    (svg,) = tree.iter("svg")
    assert svg.get("role") == "img" and "1 [0.5, 1.5]" in svg.get("aria-label")


def test_reference_and_bet_are_drawn_and_told():
    bundle = verdict_of(
        stats.Interval(0.5, 0.4, 0.6, 12),
        bet=(0.3, 0.45, 0.8),
        references={"topic/grows": stats.Interval(0.52, 0.51, 0.53, 100)},
    )
    tree = parsed(bundle["text/html"])
    assert by_class(tree, "path", "record") and by_class(tree, "line", "record") and by_class(tree, "path", "bet")
    label = next(tree.iter("svg")).get("aria-label")
    assert "GPU record 0.52 [0.51, 0.53]" in label and "bet 0.3 to 0.45" in label
    assert "n = 100" in bundle["text/plain"] and "[0.3, 0.45] at 80%: misses the estimate" in bundle["text/plain"]
    plain = parsed(verdict_of(stats.Interval(0.5, 0.4, 0.6, 12))["text/html"])
    assert not by_class(plain, "path", "record") and not by_class(plain, "path", "bet")


def test_diverged_runs_attempts_and_notes_are_told():
    text = verdict_of(stats.Interval(0.5, 0.4, 0.6, 8), diverged=np.arange(12) < 4, attempts=2)["text/plain"]
    assert "4 of 12 runs" in text and "Attempt: 2" in text and "more than registered" in text


@pytest.mark.parametrize("region", [between(0, 1), at_least(0), at_most(0), between(-1e-12, 1e-12), at_least(1e12)])
@pytest.mark.parametrize(
    "interval",
    [
        stats.Interval(0, 0, 0, 12),
        stats.Interval(0.5, -np.inf, np.inf, 12),
        stats.Interval(1e6, 1e6, np.inf, 12),
        stats.Interval(-1e-9, -2e-9, 1e-9, 12),
        stats.Interval(1, 1 - 1e-15, 1, 12),
    ],
)
@pytest.mark.parametrize("extras", [{}, dict(bet=(-5, 5, 0.8), references={"topic/grows": stats.Interval(1, -np.inf, 2, 9)})])
def test_every_coordinate_is_a_number_inside_the_picture(region, interval, extras):
    tree = parsed(verdict_of(interval, holds=region, **extras)["text/html"])
    found = coordinates(tree)
    assert len(found) > 12 and np.isfinite(found).all()
    for element in tree.iter():
        for name in ("x1", "x2", "cx"):
            if value := element.get(name):
                assert 0 <= float(value) <= 560
    (rect,) = by_class(tree, "rect", "region")
    assert float(rect.get("width")) >= 1


def test_the_summary_is_a_table_with_a_row_a_claim():
    ledger = Ledger("laptop")
    ledger.register(made()).judge(stats.Interval(0.5, 0.4, 0.6, 12))
    ledger.register(made(id="topic/open", says="Never\njudged."))
    bundle = cards.summary(ledger)
    assert set(bundle) == MIMES
    tree = parsed(bundle["text/html"])
    rows = list(next(tree.iter("tbody")))
    assert [row.get("class") for row in rows] == ["held", "not-judged"]
    assert HOSTILE in "".join(tree.itertext()) and not list(tree.iter("script"))
    assert [a.get("href") for a in tree.iter("a")][0] == "#verdict-topic-grows"
    lines = bundle["text/markdown"].splitlines()
    assert len(lines) == 4  # head, rule, two rows: neither the bar nor the line break made another
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 6 for line in lines)
    assert "not judged" in bundle["text/plain"]


def folded(html: str) -> tuple[str, str, str]:
    """The text of a card that every reader sees, its fold's summary, and what the fold holds."""
    tree = parsed(html)
    (fold,) = tree.iter("details")
    assert fold.get("open") is None
    summary = "".join(fold.find("summary").itertext())
    inside = "".join("".join(e.itertext()) for e in fold if e.tag != "summary")
    return "".join(tree.itertext()).replace(summary + inside, ""), summary, inside


def test_a_registration_shows_sentence_and_region_and_folds_the_rest():
    bundle = made(source="somebody2017")._repr_mimebundle_()
    seen, summary, inside = folded(bundle["text/html"])
    assert HOSTILE in seen and "between 0 and 1" in seen and summary == "Details"
    for part in ("x < y, one value a seed", "mean over 12 seeds", "somebody2017", "a <b> that shrinks"):
        assert part in inside and part not in seen
        assert part in bundle["text/plain"] and part in bundle["text/markdown"]


def test_a_verdict_shows_word_sentence_axis_and_finding_and_folds_the_rest():
    interval = stats.Interval(0.5, 0.4, 0.6, 12)
    bundle = verdict_of(interval, bet=(0, 1, 0.8), references={"topic/grows": interval})
    seen, summary, inside = folded(bundle["text/html"])
    assert "✓ held" in seen and HOSTILE in seen and "n = 12" in seen and "alchemy-axis" in bundle["text/html"]
    assert summary == "Details"
    for part in ("Holds if", "GPU record", "Your bet"):
        assert part in inside and part not in seen and part in bundle["text/plain"]


def test_what_nobody_should_have_to_unfold_stands_in_the_summary():
    diverged = np.arange(12) < 2
    bundle = verdict_of(stats.Interval(0.5, 0.4, 0.6, 10), diverged=diverged, attempts=2)
    assert folded(bundle["text/html"])[1] == "Details · 2 diverged · attempt 2"
