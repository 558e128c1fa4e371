"""Reference results: what `alchemy reference` wrote at gpu scale, with where it came from, and whether it still holds.

One file a chapter, evidence/gpu.json in its folder. Only a run writes them.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from alchemy import project, stats
from alchemy.claims import interval_from
from alchemy.words import Word


class RecordError(ValueError):
    """A record is missing a field, has one of the wrong type, or is not where it should be."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Provenance(_Strict):
    """Where a record came from. code: fingerprint.code_of the page; versions, settings: as in its fingerprint."""

    device: str
    time: datetime
    seconds: float = Field(ge=0)
    scale: Literal["smoke", "laptop", "gpu"]
    seed: int = Field(ge=0)
    code: str
    versions: str
    settings: str


class _Interval(BaseModel):
    estimate: float
    low: float | None
    high: float | None
    n: int


class _Claim(BaseModel):
    id: str
    holds: tuple[float | None, float | None]


class _Verdict(BaseModel):
    word: Word
    interval: _Interval
    values: list[float | None]
    diverged: int = Field(ge=0)


class _Row(BaseModel):
    """What is read back of a claim's row; the rest is kept as it was written."""

    claim: _Claim
    verdict: _Verdict | None


def _check_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    try:
        TypeAdapter(list[_Row]).validate_python(rows)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    return rows


class Record(_Strict):
    """One chapter's run: its claims with verdicts and per-seed values, and small summary curves."""

    format: Literal[2] = 2
    slug: str = Field(pattern=r"^\d+-[a-z0-9-]+$")
    provenance: Provenance
    claims: Annotated[list[dict[str, Any]], AfterValidator(_check_rows)]
    curves: dict[str, dict[str, Any]] = Field(default_factory=dict)
    reported: dict[str, str] = Field(default_factory=dict)

    def intervals(self) -> dict[str, stats.Interval]:
        """Claim id -> the interval found."""
        return {row["claim"]["id"]: interval_from(row["verdict"]["interval"]) for row in self.claims if row["verdict"]}

    def curve(self, name: str) -> dict[str, np.ndarray]:
        """A kept curve as arrays (None becomes not-a-number); raises RecordError naming the known curves."""
        if name not in self.curves:
            raise RecordError(f"record of {self.slug} has no curve {name!r}; it has {', '.join(self.curves) or 'none'}.")
        return {k: np.asarray(v, np.float64) for k, v in self.curves[name].items()}


def load(path: Path) -> Record:
    """Read and validate a record; raises RecordError naming the file and the field."""
    try:
        return Record.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecordError(f"no record at {path}; write it with `alchemy reference`.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise RecordError(
            f"record {path}: {where}: {first['msg']} (got {str(first.get('input'))[:80]!r}). "
            "Write it again with `alchemy reference`; records are never edited by hand."
        ) from None


def load_reference(slug: str) -> Record | None:
    """The GPU-scale record of a chapter, or None where none has been written yet.

    Raises RecordError if the file is malformed, another chapter's, or not of gpu scale.
    """
    path = project.evidence(slug, "gpu.json")
    if not path.is_file():
        return None
    record = load(path)
    for field, found, expected in (("slug", record.slug, slug), ("provenance.scale", record.provenance.scale, "gpu")):
        if found != expected:
            raise RecordError(
                f"record {path}: {field} is {found!r}; expected {expected!r}. "
                f"Move it away, or write it again with `alchemy reference {slug}`."
            )
    return record


def save(record: Record, path: Path) -> Path:
    """Write a record, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".json.part")
    partial.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
    return path
