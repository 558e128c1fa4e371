"""Verdicts on other seeds: words kept from runs, current or dropped, and summed up in one phrase."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alchemy import cli, records, replications
from alchemy.claims import Claim, Ledger, at_least, tables
from alchemy.records import RecordError
from typer.testing import CliRunner

SLUG = "91-test-topic"
SOURCE = "# A title\n\n```{code-cell}\na = 1\n```\n"


@pytest.fixture
def book(tmp_path, monkeypatch) -> Path:
    for folder in ("chapters", "book"):
        (tmp_path / folder).mkdir()
    (tmp_path / "chapters" / f"{SLUG}.md").write_text(SOURCE)
    monkeypatch.setenv("ALCHEMY_ROOT", str(tmp_path))
    return tmp_path


def record(seed: int = 1, *, scale: str = "laptop", values=(1.0, 1.1, 1.2), chapter_hash: str | None = None) -> records.Record:
    ledger = Ledger(scale)
    for name, sign in (("a", 1), ("b", -1)):
        claim = Claim(f"test-topic/{name}", side="rigor", kind="experiment", says="s", measure="m", holds=at_least(0), seeds=3)
        ledger.register(claim).judge([sign * v for v in values])
    return records.Record(
        slug=SLUG, claims=ledger.rows(), provenance=records.Provenance(
            device="1 cpu", time=datetime.now(UTC), seconds=1.0, scale=scale, seed=seed, python="3", packages={},
            chapter_hash=chapter_hash or records.chapter_hash(records.chapter_path(SLUG)), code_hash="x"))


def test_words_are_kept_seed_by_seed_and_without_digits(book):
    assert replications.load() == {} and replications.missing(SLUG) == [1, 2, 3, 4, 5]
    replications.keep(record(4))
    replications.keep(record(2, values=(-1.0, 0.0, 1.0)))
    assert replications.words(replications.load()) == {
        "test-topic/a": {2: "undecided", 4: "held"}, "test-topic/b": {2: "undecided", 4: "failed"}}
    assert replications.missing(SLUG) == [1, 3, 5]
    written = replications.path().read_text()
    assert "1.1" not in written and list(json.loads(written)[SLUG]["seeds"]) == ["2", "4"]
    assert not list(book.rglob("*.part"))


def test_a_chapter_that_computes_something_else_starts_anew_and_one_that_reads_otherwise_does_not(book):
    replications.keep(record(1))
    source = book / "chapters" / f"{SLUG}.md"
    source.write_text(SOURCE.replace("# A title", "# Another title").replace("a = 1", "a = 1  # why"))
    assert replications.missing(SLUG) == [2, 3, 4, 5] and replications.is_current(SLUG, replications.load()[SLUG])
    source.write_text(SOURCE.replace("a = 1", "a = 2"))
    assert replications.missing(SLUG) == [1, 2, 3, 4, 5] and not replications.is_current(SLUG, replications.load()[SLUG])
    replications.keep(record(3))
    assert list(replications.load()[SLUG].seeds) == [3]


@pytest.mark.parametrize(("options", "parts"), [
    (dict(seed=0), ["seed 0", "another seed"]), (dict(scale="gpu"), ["scale gpu", "laptop"]),
    (dict(chapter_hash="0"), ["other cells", f"alchemy replicate {SLUG}"]),
])
def test_records_that_are_no_replication_are_refused(book, options, parts):
    replications.keep(record(1))
    before = replications.path().read_text()
    with pytest.raises(RecordError) as caught:
        replications.keep(record(**options))
    for part in parts:
        assert part in str(caught.value)
    assert replications.path().read_text() == before


@pytest.mark.parametrize(("content", "part"), [
    ("{", "the file"), (json.dumps({SLUG: {"chapter_hash": "x", "seeds": {"1": {"a/b": "perhaps"}}}}), f"{SLUG}.seeds.1.a/b"),
    (json.dumps({SLUG: {"seeds": {}}}), "chapter_hash"),
])
def test_a_malformed_file_is_named_with_its_field(book, content, part):
    replications.path().write_text(content)
    with pytest.raises(RecordError, match="replications.json.*never edited by hand") as caught:
        replications.load()
    assert part in str(caught.value)


@pytest.mark.parametrize(("word", "others", "summary", "reversed_by"), [
    ("held", {}, "", []),
    ("held", {1: "held", 2: "held"}, "same on 2", []),
    ("held", {1: "held", 2: "undecided", 3: "failed", 4: "failed"},
     "same on 1, failed on 2 (seeds 3, 4), undecided on 1 (seed 2)", [3, 4]),
    ("failed", {1: "held"}, "held on 1 (seed 1)", [1]),
    ("undecided", {1: "held", 2: "failed"}, "held on 1 (seed 1), failed on 1 (seed 2)", []),
])
def test_how_a_verdict_fared(word, others, summary, reversed_by):
    assert replications.summary(word, others) == summary and replications.reversed_by(word, others) == reversed_by


# The command


def invoke(*arguments: str):
    return CliRunner().invoke(cli.app, ["replicate", *arguments])


def test_the_command_runs_what_is_missing_and_keeps_what_ran(book, monkeypatch):
    ran = []

    def run_one(path):
        seed = cli.scales.seed()
        ran.append(seed)
        return None if seed == 2 else {"claims": record(seed).claims, "curves": {}, "reported": {}, "device": "1 cpu",
                                       "scale": cli.scales.current(), "seed": seed}

    monkeypatch.setenv("ALCHEMY_SCALE", "smoke")
    monkeypatch.setenv("ALCHEMY_SEED", "0")
    monkeypatch.setattr(cli, "_run_one", run_one)
    replications.keep(record(1))
    done = invoke(SLUG, "--seeds", "1,2,3")
    assert ran == [2, 3] and done.exit_code == 1 and f"failed: {SLUG} on seed 2" in done.output
    assert sorted(replications.load()[SLUG].seeds) == [1, 3]


def test_the_command_takes_records_that_are_there(book, tmp_path):
    path = records.save(record(5), tmp_path / "out" / f"{SLUG}.json")
    assert invoke("--take", str(path)).exit_code == 0
    assert list(replications.load()[SLUG].seeds) == [5]


def test_seeds_that_are_no_numbers_are_named():
    done = invoke(SLUG, "--seeds", "one")
    assert done.exit_code == 2 and "'one'" in done.output


# On the ledger page


def test_the_ledger_table_says_how_each_claim_fared_elsewhere(book):
    rows = record(1).claims
    table = tables.ledger_table(rows, lambda name: f"#{name}", elsewhere={"test-topic/a": "same on 5", "test-topic/b": ""})
    column = list(table.head).index("on other seeds")
    assert [row[column] for row in table.cells] == ["same on 5", "not run"]
    assert [row[1].split()[-1] for row in table.cells] == ["held", "failed"] and list(table.classes) == ["held", "failed"]
    assert {len(row) for row in table.cells} == {len(table.head)}
    plain = tables.ledger_table(rows, lambda name: f"#{name}")
    assert len(plain.head) == len(table.head) - 1 and {len(row) for row in plain.cells} == {len(plain.head)}
