"""What runs have left in a chapter's folder: the expected words of its verdicts, and the words on other seeds.

    evidence/words.json     the word of each claim at laptop scale on seed 0: a build that finds another one fails
    evidence/others.json    the words of the same claims on other seeds, from `alchemy replicate`

Only a run writes them. Both say which code they came from, by the rule of `alchemy.fingerprint`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from alchemy import claims, fingerprint, project, records
from alchemy.words import Judged

SCALE, SEED = "laptop", 0  # what the expected words speak of
SEEDS = (1, 2, 3, 4, 5)
Kind = TypeVar("Kind", bound="_File")


class EvidenceError(ValueError):
    """A file of evidence is malformed, or what should enter it does not fit; the message says what to do."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    code: str  # fingerprint.code_of the page that ran; empty where that was not yet recorded


class Words(_File):
    """The expected words of one chapter, with the versions of the packages that they were found with and its seconds."""

    versions: str = ""
    seconds: float = 0.0
    words: dict[str, Judged]


class Others(_File):
    """One chapter on other seeds. seeds: seed -> claim id -> word."""

    seeds: dict[int, dict[str, Judged]] = Field(default_factory=dict)


def words(slug: str) -> Words | None:
    """The expected words of a chapter, or None where none were accepted yet. Raises EvidenceError for a malformed file."""
    return _read(project.evidence(slug, "words.json"), Words, "alchemy ledger --update")


def others(slug: str) -> Others | None:
    """The words of a chapter on other seeds, or None where it ran on none. Raises EvidenceError for a malformed file."""
    return _read(project.evidence(slug, "others.json"), Others, "alchemy replicate")


def all_words() -> dict[str, str]:
    """Claim id -> expected word, over all chapters."""
    found = [words(slug) for slug in project.slugs()]
    return {name: word for each in found if each is not None for name, word in each.words.items()}


def accept(slug: str, rows: Iterable[Mapping[str, Any]], seconds: float = 0.0, *, drop: bool = False) -> list[str]:
    """Make a run's words the expected ones of its chapter; the lines that say what changed.

    rows: of the run's summary. seconds: what the run took. Raises EvidenceError, and writes nothing, where a claim would
    disappear and `drop` was not asked for.
    """
    new, known = claims.words(rows), words(slug)
    old = {} if known is None else known.words
    if (gone := sorted(set(old) - set(new))) and not drop:
        raise EvidenceError(
            f"{slug}: the run judged no {', '.join(gone)}, which the committed words hold. A claim does not disappear "
            "unseen: run the chapter whole, or accept the loss with --drop."
        )
    page = project.page(slug)
    made = Words(
        code=fingerprint.code_of(page), versions=fingerprint.versions(), seconds=seconds, words=dict(sorted(new.items()))
    )
    _write(project.evidence(slug, "words.json"), made)
    return [
        f"{name}: {old.get(name, 'nothing')} -> {new.get(name, 'nothing')}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def differences(slug: str, rows: Iterable[Mapping[str, Any]]) -> list[claims.Difference]:
    """Where a run's words are not the expected ones."""
    known = words(slug)
    return claims.compare({} if known is None else known.words, rows)


def is_fresh(slug: str) -> bool:
    """Whether the expected words come from the chapter's code and the packages as they are now."""
    known = words(slug)
    return known is not None and (known.code, known.versions) == (fingerprint.code_of(project.page(slug)), fingerprint.versions())


def keep(slug: str, seed: int, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add the words of a laptop run on another seed. Words of an earlier version of the code are dropped."""
    if seed == SEED:
        raise EvidenceError(f"{slug}: seed {seed} is the one that the expected words hold; expected another.")
    code = fingerprint.code_of(project.page(slug))
    known = others(slug)
    seeds = dict(known.seeds) if known is not None and known.code == code else {}
    seeds[seed] = claims.words(rows)
    _write(project.evidence(slug, "others.json"), Others(code=code, seeds=dict(sorted(seeds.items()))))


def missing(slug: str, seeds: Iterable[int] = SEEDS) -> list[int]:
    """The seeds among `seeds` on which the chapter, as it is now, has not run."""
    known = others(slug)
    current = known is not None and known.code == fingerprint.code_of(project.page(slug))
    return [seed for seed in seeds if not (current and seed in known.seeds)]


def elsewhere() -> tuple[dict[str, dict[int, str]], list[str]]:
    """Claim id -> seed -> word; and the chapters whose other seeds ran an earlier version of their code."""
    known = {slug: found for slug in project.slugs() if (found := others(slug)) is not None}
    old = [slug for slug, found in known.items() if found.code != fingerprint.code_of(project.page(slug))]
    words: dict[str, dict[int, str]] = {}
    for found in known.values():
        for seed, row in found.seeds.items():
            for name, word in row.items():
                words.setdefault(name, {})[seed] = word
    return words, old


def reasons_stale(record: records.Record) -> list[str]:
    """Why a GPU record no longer describes the sources; empty if it does."""
    page = project.page(record.slug)
    if not page.is_file():
        return [f"there is no chapter {record.slug} any more"]
    if record.provenance.code != fingerprint.code_of(page):
        return ["the code that the chapter reaches has changed since"]
    return []


def reversed_by(word: str, elsewhere: Mapping[int, str]) -> list[int]:
    """The seeds that reverse a verdict: held here and failed there, or the other way round."""
    opposite = {"held": "failed", "failed": "held"}.get(word)
    return sorted(seed for seed, other in elsewhere.items() if other == opposite)


def summary(word: str, elsewhere: Mapping[int, str]) -> str:
    """How a verdict fared elsewhere: `same on 5`, or `same on 3, undecided on 1 (seed 4)`; empty if it ran nowhere else."""
    if not elsewhere:
        return ""
    parts = []
    if same := sum(other == word for other in elsewhere.values()):
        parts.append(f"same on {same}")
    for other in ("held", "failed", "undecided"):
        seeds = sorted(seed for seed, found in elsewhere.items() if found == other != word)
        if seeds:
            parts.append(f"{other} on {len(seeds)} (seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))})")
    return ", ".join(parts)


def _read(path: Path, kind: type[Kind], command: str) -> Kind | None:
    if not path.is_file():
        return None
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        first = error.errors()[0]
        raise EvidenceError(
            f"{path.parent.parent.name}/evidence/{path.name}: {'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']} "
            f"(got {str(first.get('input'))[:60]!r}). Write it again with `{command}`; it is never edited by hand."
        ) from None


def _write(path: Path, made: _File) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".json.part")
    partial.write_text(made.model_dump_json(indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
