"""Records: written whole, read strictly, and known to be stale when what they describe has changed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from alchemy import evidence, fingerprint, project, records, stats
from alchemy.claims import Claim, Ledger, at_least
from alchemy.records import RecordError

from tests.pages import CHAPTER, SLUG


@pytest.fixture
def book(tmp_path, monkeypatch) -> Path:
    """A book with one chapter and no record."""
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / f"{SLUG}.md").write_text(CHAPTER)
    monkeypatch.setenv("ALCHEMY_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def record(book) -> records.Record:
    ledger = Ledger("gpu")
    anything = dict(side="rigor", kind="experiment", says="s", measure="m", holds=at_least(0), seeds=12)
    ledger.register(Claim("test-topic/a", **anything)).judge(np.linspace(1, 2, 12))
    ledger.register(Claim("test-topic/b", **anything)).judge(stats.Interval(1, 0.5, np.inf, 12))
    ledger.register(Claim("test-topic/c", **anything))
    return records.Record(
        slug=SLUG,
        claims=ledger.rows(),
        curves={"loss": {"steps": [0, 1], "value": [1.0, None]}},
        reported={"test-topic/x": "1.0"},
        provenance=records.Provenance(
            device="1 gpu",
            time="2026-01-01T00:00:00Z",
            seconds=1.5,
            scale="gpu",
            seed=0,
            code=fingerprint.code_of(project.page(SLUG)),
            versions=fingerprint.versions(),
            settings=fingerprint.settings(),
        ),
    )


def test_a_record_comes_back_as_it_was_written(record):
    path = records.save(record, project.evidence(SLUG, "gpu.json"))
    back = records.load(path)
    assert back == record == records.load_reference(SLUG)
    assert json.loads(path.read_text(), parse_constant=pytest.fail)["format"] == 2  # no NaN, no Infinity
    found = back.intervals()
    assert set(found) == {"test-topic/a", "test-topic/b"} and found["test-topic/b"].high == np.inf
    assert found["test-topic/a"].low == record.claims[0]["verdict"]["interval"]["low"]
    assert all(f"{name}==" in back.provenance.versions for name in ("jax", "numpy", "scipy"))


def test_curves_come_back_as_arrays(record):
    curve = record.curve("loss")
    assert curve["steps"].tolist() == [0, 1] and np.isnan(curve["value"][1])
    with pytest.raises(RecordError, match="no curve 'los'; it has loss"):
        record.curve("los")


def without(*path):
    def change(content):
        for key in path[:-1]:
            content = content[key]
        del content[path[-1]]

    return change


def setting(*path):
    *keys, last, value = path

    def change(content):
        for key in keys:
            content = content[key]
        content[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (without("slug"), "slug"),
        (without("provenance"), "provenance"),
        (without("provenance", "device"), "provenance.device"),
        (without("provenance", "code"), "provenance.code"),
        (setting("provenance", "seconds", -1), "provenance.seconds"),
        (setting("provenance", "seconds", "fast"), "provenance.seconds"),
        (setting("provenance", "scale", "huge"), "provenance.scale"),
        (setting("provenance", "time", "yesterday"), "provenance.time"),
        (setting("format", 1), "format"),
        (setting("slug", "Not a slug"), "slug"),
        (setting("extra", 1), "extra"),
        (setting("claims", {}), "claims"),
        (setting("curves", []), "curves"),
        (without("claims", 0, "claim"), "0.claim"),
        (without("claims", 0, "verdict", "word"), "0.verdict.word"),
        (setting("claims", 0, "verdict", "word", "true"), "0.verdict.word"),
        (without("claims", 1, "verdict", "interval", "low"), "1.verdict.interval.low"),
        (setting("claims", 1, "verdict", "interval", "estimate", None), "1.verdict.interval.estimate"),
        (setting("claims", 0, "verdict", "values", "many"), "0.verdict.values"),
    ],
)
def test_a_malformed_record_names_the_field(record, change, field):
    path = records.save(record, project.evidence(SLUG, "gpu.json"))
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(RecordError) as caught:
        records.load(path)
    for part in (path.name, field, "alchemy reference"):
        assert part in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_file_that_is_no_record_is_named(book, text):
    path = book / f"{SLUG}.json"
    path.write_text(text)
    with pytest.raises(RecordError, match=f"{SLUG}.json: the file"):
        records.load(path)


def test_a_missing_record_is_none_as_reference_and_an_error_when_asked_for(book):
    assert records.load_reference(SLUG) is None
    with pytest.raises(RecordError, match="no record at.*alchemy reference"):
        records.load(project.evidence(SLUG, "gpu.json"))


def test_a_reference_is_this_chapters_and_of_gpu_scale(record):
    other = record.model_copy(update={"slug": "92-other"})
    records.save(other, project.evidence(SLUG, "gpu.json"))
    with pytest.raises(RecordError, match="slug is '92-other'; expected '91-test-topic'"):
        records.load_reference(SLUG)
    small = record.model_copy(update={"provenance": record.provenance.model_copy(update={"scale": "laptop"})})
    records.save(small, project.evidence(SLUG, "gpu.json"))
    with pytest.raises(RecordError, match="provenance.scale is 'laptop'; expected 'gpu'"):
        records.load_reference(SLUG)


def test_saving_is_whole_or_not_at_all(record, monkeypatch):
    path = records.save(record, project.evidence(SLUG, "gpu.json"))
    before = path.read_text()

    def cut(self, text, **_):
        with self.open("w") as file:
            file.write(text[: len(text) // 2])
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_text", cut)
    with pytest.raises(OSError, match="disk full"):
        records.save(record.model_copy(update={"reported": {}}), path)
    assert path.read_text() == before and records.load(path) == record


def test_a_reader_never_sees_a_half_written_record(record):
    """The file is replaced, not rewritten: who has the old one open reads it to its end."""
    path = records.save(record, project.evidence(SLUG, "gpu.json"))
    before = path.read_text()
    with path.open() as reader:
        records.save(record.model_copy(update={"reported": {}}), path)
        assert reader.read() == before != path.read_text()
    assert [p.name for p in path.parent.iterdir()] == [path.name]


# Staleness


def test_a_record_of_todays_sources_is_current(record):
    assert evidence.reasons_stale(record) == []


def edit(book: Path, old: str, new: str) -> None:
    path = book / "chapters" / f"{SLUG}.md"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Some prose.", "Other prose."),
        ("a = 1  # a comment", "a = 1  # another"),
        ("a = 1  #", "a  =  1 #"),
        ("[hide-input]", "[hide-cell]"),
        ("not_a_cell = True", "not_a_cell = False"),
        ("only_an_example = 1", "x = 2"),
    ],
)
def test_prose_comments_and_layout_do_not_make_a_record_stale(book, record, old, new):
    edit(book, old, new)
    assert evidence.reasons_stale(record) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a = 1", "a = 2"),
        ("print(b)", "print(a)"),
        (":not: an option", ":now: an option"),
        ("~~~{code-cell}", "~~~"),
    ],
)
def test_changed_code_makes_a_record_stale(book, record, old, new):
    edit(book, old, new)
    assert evidence.reasons_stale(record) == ["the code that the chapter reaches has changed since"]


def test_a_record_without_a_chapter_is_stale(book, record):
    (book / "chapters" / f"{SLUG}.md").unlink()
    (reason,) = evidence.reasons_stale(record)
    assert SLUG in reason
