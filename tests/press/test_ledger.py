"""The ledger as the site draws it: from rows, by chapter, with records, parts, scoreboard and downloads."""

from __future__ import annotations

import csv
import io
import json

import pytest
from alchemy import words
from alchemy.claims import tables
from bs4 import BeautifulSoup
from press import ledger_page, ledger_table


def row(name="topic/one", holds=(0.9, None), estimate=1.06, word="held", **claim):
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
        "verdict": word and {"word": word, "interval": interval, "diverged": 0},
        "reference": None,
    }


ROWS = [
    row("topic/one"),
    row("topic/two", (None, 2.0), word="failed", side="practice", kind="experiment", says='A "b", c | <d>.'),
]
TITLES = {"03-topic": "03 · A <topic>"}


def lines(rows=ROWS, chapter="03-topic", source="this build", device="1 cpu"):
    """The ledger's lines of one chapter."""
    return [ledger_page.entry(r, chapter, source, device, "laptop", 0) for r in rows]


def whole(found, elsewhere=None):
    """The whole ledger as the site draws it."""
    listed = {"caption": "The ledger", "claims": [line["claim"] for line in found], "elsewhere": elsewhere}
    return BeautifulSoup(ledger_page.drawn(listed, found, TITLES, True, "../"), "html.parser")


def test_downloads_carry_the_same_lines():
    read = list(csv.DictReader(io.StringIO(ledger_page.csv_text(lines()))))
    kept = json.loads(ledger_page.json_text(lines()))["claims"]
    assert [r["claim"] for r in read] == [r["claim"] for r in kept] == ["topic/one", "topic/two"]
    assert read[1]["says"] == kept[1]["says"] == 'A "b", c | <d>.'
    assert read[1]["holds_low"] == "" and kept[1]["holds_low"] is None
    assert float(read[0]["estimate"]) == kept[0]["estimate"] == 1.06
    assert kept[0]["address"] == "chapters/03-topic.html#verdict-topic-one"
    assert "region_from" not in kept[0]


def test_scoreboard_counts_each_claim_once_a_side_and_once_a_kind_of_evidence():
    score = BeautifulSoup(ledger_page.scoreboard([*lines(), *lines(ROWS[:1], source="record")]), "html.parser")
    found = {tr.th.get_text(): [int(td.get_text()) for td in tr.find_all("td")] for tr in score.tbody.find_all("tr")}
    assert found == {
        "led by rigor": [1, 0, 0, 1],
        "led by practice": [0, 1, 0, 1],
        "led by neither": [0, 0, 0, 0],
        "theorem": [1, 0, 0, 1],
        "experiment": [0, 1, 0, 1],
        "all claims": [1, 1, 0, 2],
    }
    assert all(th.get("scope") for th in score.find_all("th"))


def test_each_chapter_is_a_closed_fold_that_counts_its_words():
    found = [*lines(), *lines([row("other/one", word="undecided")], "05-other")]
    groups = whole(found).select("details.ledger-group")
    assert [g["id"] for g in groups] == ["ledger-03-topic", "ledger-05-other"]
    assert not any(g.has_attr("open") for g in groups)
    assert [" ".join(g.summary.get_text().split()) for g in groups] == [
        "03 · A <topic> ✓ 1 held ✗ 1 failed",
        "05-other ? 1 undecided",
    ]


def test_a_row_leads_to_its_card_and_to_itself_and_carries_its_data():
    table = whole(lines()).select_one("table.ledger-table")
    heads = [th.get_text() for th in table.thead.find_all("th")]
    assert heads == ["claim", "chapter", "verdict", "led by", "evidence", "found", "holds if", "device"]
    _, second = table.tbody.find_all("tr")
    assert [c.get_text() for c in second.find_all(["th", "td"])] == [
        'A "b", c | <d>. #',
        "03",
        "✗ failed",
        "● practice",
        "experiment",
        "1.06 [1.03, 1.09], mean",
        "at most 2",
        "1 cpu",
    ]
    assert second["id"] == "line-topic-two"
    assert [a["href"] for a in second.th.find_all("a")] == ["03-topic.html#verdict-topic-two", "#line-topic-two"]
    assert second["data-verdict"] == "failed" and second["data-evidence"] == "experiment" and second["data-device"] == "1 cpu"
    assert "data-holds-low" not in second.attrs and float(second["data-holds-high"]) == 2.0


def test_where_a_region_comes_from_is_a_column_only_where_rows_say_it():
    assert not whole(lines()).select(".region-from")
    found = lines([row("topic/one", region_from="pilot", evidence="derived"), ROWS[1]])
    first = whole(found).select_one("table.ledger-table tbody tr")
    assert first["data-region-from"] == "pilot" and first.select_one("td.region-from").get_text() == "pilot"
    assert first["data-evidence"] == "derived"
    assert json.loads(ledger_page.json_text(found))["claims"][0]["region_from"] == "pilot"


def test_a_gpu_record_is_a_row_of_its_own():
    record = lines([row("topic/one", estimate=0.5, word="failed")], source="record", device="8 H100")
    found = [*lines()[:1], *record, *lines()[1:]]
    rows = whole(found, {"topic/one": "same on 5"}).select("tbody tr[data-claim]")
    assert [(r["data-claim"], r["data-device"], r["data-verdict"]) for r in rows] == [
        ("topic/one", "1 cpu", "held"),
        ("topic/one", "8 H100", "failed"),
        ("topic/two", "1 cpu", "failed"),
    ]
    assert [r.select_one("td.on-other-seeds").get_text() for r in rows] == ["same on 5", "–", "not run"]
    assert "0.5 [0.47, 0.53]" in rows[1].get_text()
    assert rows[0]["data-source"] == "this build" and rows[1]["data-source"] == "record"
    assert len({r["id"] for r in rows}) == 3


def test_a_claim_that_was_not_judged_is_a_row_without_numbers():
    (found,) = whole(lines([row(word=None)])).select("tbody tr[data-claim]")
    assert found["data-verdict"] == "not judged" and found.select_one("td.found").get_text() == ""


@pytest.mark.parametrize(("count", "folds"), [(ledger_table.SHORT, 0), (ledger_table.SHORT + 1, 1)])
def test_a_part_of_the_ledger_is_a_table_without_addresses_and_folded_where_it_is_long(count, folds):
    found = lines([row(f"topic/n{i}") for i in range(30)])
    listed = {"caption": "Claims that failed", "claims": [f"topic/n{i}" for i in range(count)], "elsewhere": None}
    part = BeautifulSoup(ledger_page.drawn(listed, found, TITLES, False, "../"), "html.parser")
    assert len(part.select("tbody tr")) == count and len(part.select("details")) == folds
    assert not part.select("[id], [data-claim], .ledger-downloads, .ledger-score") and "Claims that failed" in part.get_text()


def test_the_chapters_table_publishes_what_it_lists_beside_its_own_html():
    table = tables.ledger_table(ROWS, lambda name: f"#{name}", elsewhere={"topic/one": "same on 5", "topic/two": ""})
    bundle = table._repr_mimebundle_()
    assert bundle[words.LEDGER_MIME] == {
        "caption": "The ledger",
        "claims": ["topic/one", "topic/two"],
        "elsewhere": {"topic/one": "same on 5"},
    }
    assert "<table" in bundle["text/html"] and "topic/one" in bundle["text/markdown"]
