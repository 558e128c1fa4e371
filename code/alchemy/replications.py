"""Verdicts on other seeds: the words that each claim got when its chapter ran again on fresh random numbers.

`alchemy replicate` runs a chapter at laptop scale on seeds 1 to 5 and keeps the words, no digits, in
book/replications.json; the ledger page prints them beside the verdict of seed 0. Only a run writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from alchemy import claims, records
from alchemy.records import Record, RecordError
from alchemy.words import JUDGED, Judged

SCALE = "laptop"
SEEDS = (1, 2, 3, 4, 5)


class Runs(BaseModel):
    """One chapter on other seeds. chapter_hash: of the cells that ran. seeds: seed -> claim id -> word."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    chapter_hash: str
    seeds: dict[int, dict[str, Judged]] = Field(default_factory=dict)


class _File(RootModel[dict[str, Runs]]):
    """What the file holds: slug -> runs."""


def path() -> Path:
    """Where the book keeps them."""
    return records.root() / "book" / "replications.json"


def load() -> dict[str, Runs]:
    """Slug -> its runs on other seeds; empty where nothing was run. Raises RecordError naming the field that is wrong."""
    if not path().is_file():
        return {}
    try:
        return _File.model_validate_json(path().read_text(encoding="utf-8")).root
    except ValidationError as error:
        first = error.errors()[0]
        raise RecordError(
            f"{path().name}: {'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}. "
            "Write it again with `alchemy replicate`; it is never edited by hand."
        ) from None


def keep(record: Record) -> None:
    """Add one run's words to the file. Words of an earlier version of the chapter's cells are dropped.

    Raises RecordError if the record is not of laptop scale, is of seed 0 (which the ledger holds), or was written by
    other cells than the chapter has now.
    """
    came = record.provenance
    if came.scale != SCALE or came.seed == 0:
        raise RecordError(
            f"record of {record.slug} is of scale {came.scale} and seed {came.seed}; expected {SCALE} and another seed than 0."
        )
    if came.chapter_hash != records.chapter_hash(records.chapter_path(record.slug)):
        raise RecordError(
            f"record of {record.slug}, seed {came.seed}, was written by other cells than the chapter has now; "
            f"run it again: `alchemy replicate {record.slug}`."
        )
    known = load()
    earlier = known.get(record.slug)
    seeds = dict(earlier.seeds) if earlier and earlier.chapter_hash == came.chapter_hash else {}
    seeds[came.seed] = claims.words(record.claims)
    known[record.slug] = Runs(chapter_hash=came.chapter_hash, seeds=dict(sorted(seeds.items())))
    partial = path().with_suffix(".json.part")
    partial.write_text(_File(dict(sorted(known.items()))).model_dump_json(indent=1) + "\n", encoding="utf-8")
    partial.replace(path())


def is_current(slug: str, runs: Runs) -> bool:
    """Whether the runs are of the cells that the chapter has now."""
    return runs.chapter_hash == records.chapter_hash(records.chapter_path(slug))


def missing(slug: str, seeds: Iterable[int] = SEEDS) -> list[int]:
    """The seeds among `seeds` on which the chapter, as it is now, has not run."""
    runs = load().get(slug)
    done = runs.seeds if runs is not None and is_current(slug, runs) else {}
    return [seed for seed in seeds if seed not in done]


def words(known: Mapping[str, Runs]) -> dict[str, dict[int, str]]:
    """Claim id -> seed -> word, over all chapters."""
    found: dict[str, dict[int, str]] = {}
    for runs in known.values():
        for seed, verdicts in runs.seeds.items():
            for name, word in verdicts.items():
                found.setdefault(name, {})[seed] = word
    return found


def reversed_by(word: str, others: Mapping[int, str]) -> list[int]:
    """The seeds that reverse a verdict: held here and failed there, or the other way round."""
    opposite = {"held": "failed", "failed": "held"}.get(word)
    return sorted(seed for seed, other in others.items() if other == opposite)


def summary(word: str, others: Mapping[int, str]) -> str:
    """How a verdict fared elsewhere: `same on 5`, or `same on 3, undecided on 1 (seed 4)`; empty if it ran nowhere else."""
    if not others:
        return ""
    parts = []
    if same := sum(other == word for other in others.values()):
        parts.append(f"same on {same}")
    for other in JUDGED:
        seeds = sorted(seed for seed, found in others.items() if found == other != word)
        if seeds:
            parts.append(f"{other} on {len(seeds)} (seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))})")
    return ", ".join(parts)
