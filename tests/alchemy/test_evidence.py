"""What runs leave in a chapter's folder: expected words, words on other seeds; kept whole, current or dropped, summed up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from alchemy import evidence, project
from alchemy.claims import Claim, Ledger, at_least
from alchemy.evidence import EvidenceError

SLUG = "01-test-topic"
SOURCE = "# A title\n\n```{code-cell}\na = 1\n```\n"


@pytest.fixture
def book(tmp_path, monkeypatch) -> Path:
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / f"{SLUG}.md").write_text(SOURCE)
    monkeypatch.setenv("ALCHEMY_ROOT", str(tmp_path))
    return tmp_path


def rows(*values: float) -> list[dict]:
    """What a run found: claim a about the values, claim b about their negatives, both at least 0."""
    ledger = Ledger("laptop")
    for name, sign in (("a", 1), ("b", -1)):
        claim = Claim(f"test-topic/{name}", side="rigor", kind="experiment", says="s", measure="m", holds=at_least(0), seeds=3)
        ledger.register(claim).judge([sign * v for v in values])
    return ledger.rows()


HELD, NEAR = (1.0, 1.1, 1.2), (-1.0, 0.0, 1.0)


def test_words_of_other_seeds_are_kept_seed_by_seed_and_without_digits(book):
    assert evidence.others(SLUG) is None and evidence.missing(SLUG) == [1, 2, 3, 4, 5]
    evidence.keep(SLUG, 4, rows(*HELD))
    evidence.keep(SLUG, 2, rows(*NEAR))
    found, old = evidence.elsewhere()
    assert found == {"test-topic/a": {2: "undecided", 4: "held"}, "test-topic/b": {2: "undecided", 4: "failed"}} and old == []
    assert evidence.missing(SLUG) == [1, 3, 5]
    written = project.evidence(SLUG, "others.json").read_text()
    assert "1.1" not in written and list(json.loads(written)["seeds"]) == ["2", "4"]
    assert not list(book.rglob("*.part"))


def test_a_chapter_that_computes_something_else_starts_anew_and_one_that_reads_otherwise_does_not(book):
    evidence.keep(SLUG, 1, rows(*HELD))
    source = project.page(SLUG)
    source.write_text(SOURCE.replace("# A title", "# Another title").replace("a = 1", "a = 1  # why"))
    assert evidence.missing(SLUG) == [2, 3, 4, 5]
    source.write_text(SOURCE.replace("a = 1", "a = 2"))
    assert evidence.missing(SLUG) == [1, 2, 3, 4, 5]
    found, old = evidence.elsewhere()
    assert old == [SLUG] and found["test-topic/a"] == {1: "held"}  # what an earlier version found is named as such
    evidence.keep(SLUG, 3, rows(*HELD))
    assert list(evidence.others(SLUG).seeds) == [3]


def test_the_seed_of_the_expected_words_is_no_other_seed(book):
    with pytest.raises(EvidenceError, match="seed 0"):
        evidence.keep(SLUG, 0, rows(*HELD))


def test_expected_words_change_only_as_a_run_says_and_never_disappear_unasked(book):
    assert evidence.words(SLUG) is None
    assert evidence.accept(SLUG, rows(*HELD), 12.5) == ["test-topic/a: nothing -> held", "test-topic/b: nothing -> failed"]
    assert evidence.accept(SLUG, rows(*NEAR)) == ["test-topic/a: held -> undecided", "test-topic/b: failed -> undecided"]
    before = evidence.words(SLUG)
    with pytest.raises(EvidenceError, match="test-topic/b.*--drop"):
        evidence.accept(SLUG, rows(*HELD)[:1])
    assert evidence.words(SLUG) == before
    assert evidence.accept(SLUG, rows(*HELD)[:1], drop=True)[-1] == "test-topic/b: undecided -> nothing"
    assert evidence.all_words() == {"test-topic/a": "held"}


def test_differences_name_the_claims_that_only_one_side_knows(book):
    evidence.accept(SLUG, rows(*HELD)[:1])
    assert evidence.differences(SLUG, rows(*HELD)[:1]) == []
    (only,) = evidence.differences(SLUG, rows(*HELD))
    assert (only.id, only.committed, only.found) == ("test-topic/b", None, "failed")


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("words.json", "{", ["JSON", "alchemy ledger --update"]),
        ("words.json", '{"code": "", "words": {"test-topic/a": "true"}}', ["words.test-topic/a", "'true'"]),
        ("words.json", '{"words": {}}', ["code"]),
        ("others.json", '{"code": "", "seeds": {"one": {}}}', ["seeds.one", "alchemy replicate"]),
    ],
)
def test_a_malformed_file_is_named_with_its_field_and_the_command_that_writes_it(book, name, content, parts):
    path = project.evidence(SLUG, name)
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(EvidenceError) as caught:
        evidence.words(SLUG) if name == "words.json" else evidence.others(SLUG)
    assert all(part in str(caught.value) for part in [f"{SLUG}/evidence/{name}", *parts])


@pytest.mark.parametrize(
    ("word", "others", "said", "reversed_on"),
    [
        ("held", {}, "", []),
        ("held", {1: "held", 2: "held"}, "same on 2", []),
        ("held", {1: "held", 4: "undecided"}, "same on 1, undecided on 1 (seed 4)", []),
        ("failed", {1: "held", 2: "undecided", 3: "held"}, "held on 2 (seeds 1, 3), undecided on 1 (seed 2)", [1, 3]),
        ("undecided", {1: "held", 2: "failed"}, "held on 1 (seed 1), failed on 1 (seed 2)", []),
    ],
)
def test_how_a_verdict_fared_elsewhere_in_one_phrase(word, others, said, reversed_on):
    assert evidence.summary(word, others) == said
    assert evidence.reversed_by(word, others) == reversed_on
