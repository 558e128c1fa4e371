"""The data that bets read on the cards."""

from __future__ import annotations

import re

import pytest
from alchemy import stats
from alchemy.claims import Claim, Ledger, at_least, between, cards
from bs4 import BeautifulSoup
from press import bets


def row(name="topic/one", holds=(0.9, None), estimate=1.06, record=None, word="held", **claim):
    """A ledger row as a chapter publishes it."""
    interval = {"estimate": estimate, "low": estimate - 0.03, "high": estimate + 0.03, "n": 12, "level": 0.95, "method": "BCa"}
    return {
        "claim": {
            "id": name,
            "side": "rigor",
            "kind": "theorem",
            "holds": list(holds),
            "says": f"About {name}.",
            "measure": "S eta / 2",
            "statistic": "mean",
            **claim,
        },
        "verdict": {"word": word, "interval": interval, "diverged": 0},
        "reference": record,
    }


@pytest.fixture
def judged():
    """A claim that was registered and judged, with its ledger."""
    ledger = Ledger("laptop")
    claim = ledger.register(Claim("topic/one", "rigor", "theorem", "It is <one>.", "S eta / 2", at_least(0.9), 5))
    claim.judge([1.0, 1.1, 1.05, 1.02, 1.08])
    return claim, ledger


def data_of(html, name):
    """The data-* attributes of the element with that id."""
    tag = BeautifulSoup(html, "html.parser").find(id=name)
    return {k: v for k, v in tag.attrs.items() if k.startswith("data-")}


def test_the_real_verdict_card_gets_its_numbers(judged):
    claim, ledger = judged
    found = ledger.verdicts[claim.id]
    rows = {"topic-one": {"claim": claim.as_dict(), "verdict": found.as_dict(), "reference": None}}
    html = bets.with_data(cards.verdict(claim, found, ledger)["text/html"], rows, {"topic-one"})
    data = data_of(html, "verdict-topic-one")
    assert float(data["data-estimate"]) == found.interval.estimate
    assert (float(data["data-low"]), float(data["data-high"])) == (found.interval.low, found.interval.high)
    assert float(data["data-region-low"]) == 0.9 and "data-region-high" not in data
    assert "data-bets" not in html  # the form is on the claim's card


def test_the_real_claim_card_gets_a_place_but_no_number(judged):
    claim, ledger = judged
    rows = {"topic-one": {"claim": claim.as_dict(), "verdict": ledger.verdicts[claim.id].as_dict()}}
    html = bets.with_data(claim._repr_mimebundle_()["text/html"], rows, {"topic-one"})
    card = BeautifulSoup(html, "html.parser").find(id="claim-topic-one")
    assert set(data_of(html, "claim-topic-one")) == {"data-claim", "data-asked"}
    assert card.find(attrs={"data-bets": "topic/one"}) is not None
    assert html.count("<div") == html.count("</div>")


def test_a_claim_without_a_card_gets_its_place_before_the_verdict(judged):
    claim, ledger = judged
    found = ledger.verdicts[claim.id]
    rows = {"topic-one": {"claim": claim.as_dict(), "verdict": found.as_dict()}}
    html = bets.with_data(cards.verdict(claim, found, ledger)["text/html"], rows, set())
    assert html.index('data-bets="topic/one"') < html.index('id="verdict-topic-one"')


@pytest.mark.parametrize("change", [{"verdict": None}, {"estimate": float("inf")}])
def test_nothing_to_bet_on_without_a_finite_number(change):
    changed = row(**{k: v for k, v in change.items() if k == "estimate"}) | {k: v for k, v in change.items() if k == "verdict"}
    assert bets.attributes(changed) == {}


def test_other_outputs_stay_as_they_are():
    assert bets.with_data("<p>words</p>", {"topic-one": row()}, set()) == "<p>words</p>"
    other = '<div class="alchemy-card alchemy-verdict held" id="verdict-topic-two"></div>'
    assert bets.with_data(other, {"topic-one": row()}, set()) == other


def test_the_record_is_carried():
    data = bets.attributes(row(record={"estimate": 7.25, "low": 7.0, "high": 7.5}))
    assert data["record"] == "7.25 7.0 7.5"


def test_asked_changes_with_the_question_and_not_with_the_region():
    same = bets.asked(row(holds=(0.5, 0.6))["claim"])
    assert bets.asked(row()["claim"]) == same
    assert bets.asked(row(measure="something else")["claim"]) != same
    assert bets.asked(row(statistic="median")["claim"]) != same


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("topic/one", "topic/one"),
        ("topic/one/low", "topic/one"),
        ("topic/one-more", None),
        ("topic", None),
        ("", None),
    ],
)
def test_a_pasted_number_belongs_to_one_claim(key, expected):
    assert bets.about(key, ["topic/one", "topic/two"]) == expected


def test_the_card_pattern_meets_every_kind_of_card():
    ledger = Ledger("laptop", {"topic/one": stats.Interval(1.0, 0.9, 1.1, 5, "BCa")})
    claim = ledger.register(Claim("topic/one", "neither", "experiment", "s", "m", between(0, 2), 5))
    claim.judge([1.0, 1.1, 1.05, 1.02, 1.08])
    for html in (claim._repr_mimebundle_()["text/html"], cards.verdict(claim, ledger.verdicts[claim.id], ledger)["text/html"]):
        assert re.search(bets.CARD, html)["slug"] == "topic-one"
