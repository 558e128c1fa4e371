"""Reference results: what `alchemy run --scale gpu` wrote, with where it came from, and whether it still holds.

One JSON file a chapter in book/records/. Only a run writes them.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from markdown_it import MarkdownIt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from alchemy import stats
from alchemy.claims import interval_from
from alchemy.words import Word

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "scipy", "scikit-learn", "diffrax", "optimistix", "matfree")


class RecordError(ValueError):
    """A record is missing a field, has one of the wrong type, or is not where it should be."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Provenance(_Strict):
    """Where a record came from."""

    device: str
    time: datetime
    seconds: float = Field(ge=0)
    scale: Literal["smoke", "laptop", "gpu"]
    seed: int = Field(ge=0)
    python: str
    packages: dict[str, str]
    chapter_hash: str
    code_hash: str


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

    format: Literal[1] = 1
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


def root() -> Path:
    """The book's folder: ALCHEMY_ROOT, or the checkout this library lies in, or the current folder's checkout."""
    if named := os.environ.get("ALCHEMY_ROOT"):
        if not (Path(named) / "chapters").is_dir():
            raise RecordError(f"ALCHEMY_ROOT is {named!r}, which holds no folder chapters/; expected the book's checkout.")
        return Path(named).resolve()
    here = Path.cwd().resolve()
    for folder in (Path(__file__).resolve().parents[2], here, *here.parents):
        if (folder / "chapters").is_dir() and (folder / "_toc.yml").is_file():
            return folder
    # An installed copy outside a checkout still runs a chapter; it has no records and no ledger beside it.
    return here


def chapter_path(name: str | Path) -> Path:
    """The MyST source of a chapter given its path, slug or number; raises RecordError naming the known ones."""
    path = Path(name)
    if path.suffix == ".md" and path.is_file():
        return path.resolve()
    known = sorted((root() / "chapters").glob("[0-9][0-9]-*.md"))
    stem = path.stem if path.suffix == ".md" else path.name
    for found in known:
        if stem in (found.stem, found.stem.partition("-")[0]):
            return found
    raise RecordError(f"no chapter {str(name)!r}; expected one of {', '.join(p.stem for p in known) or 'none here'}.")


def code_cells(source: str) -> list[str]:
    """The code of a MyST notebook's cells, in order, without their options."""
    cells = []
    for token in MarkdownIt("commonmark").parse(source):
        # Level 0 only: inside a list or a quotation a fence is an example, not a cell, to Jupytext too.
        if token.type != "fence" or token.level or not token.info.startswith("{code-cell}"):
            continue
        body = re.sub(r"\A---\n.*?^---\n", "", token.content, flags=re.DOTALL | re.MULTILINE)
        options = re.match(r"(?::[a-z-]+:[^\n]*\n)*", body)
        cells.append(body[options.end():].strip("\n"))
    return cells


def chapter_hash(path: Path) -> str:
    """A hash of what a chapter computes: its cells' code, without comments or layout, and none of its prose."""
    code = "\n".join(map(_meaning, code_cells(path.read_text(encoding="utf-8"))))
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def _meaning(cell: str) -> str:
    try:
        return ast.dump(ast.parse(cell))
    except SyntaxError:
        return cell  # a cell with an IPython magic is compared letter by letter


def code_hash() -> str:
    """A hash of the library's sources."""
    digest = hashlib.sha256()
    folder = Path(__file__).resolve().parent
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def packages() -> dict[str, str]:
    """The installed versions of the packages that results depend on."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def reference_path(slug: str) -> Path:
    """Where the GPU-scale record of a chapter lies."""
    return root() / "book" / "records" / f"{slug}.json"


def load(path: Path) -> Record:
    """Read and validate a record; raises RecordError naming the file and the field."""
    try:
        return Record.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecordError(f"no record at {path}; write it with `alchemy run {path.stem} --scale gpu`.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise RecordError(
            f"record {path.name}: {where}: {first['msg']} (got {str(first.get('input'))[:80]!r}). "
            f"Write it again with `alchemy run {path.stem} --scale gpu`; records are never edited by hand."
        ) from None


def load_reference(slug: str) -> Record | None:
    """The GPU-scale record of a chapter, or None where none has been written yet.

    Raises RecordError if the file is malformed, another chapter's, or not of gpu scale.
    """
    path = reference_path(slug)
    if not path.is_file():
        return None
    record = load(path)
    for field, found, expected in (("slug", record.slug, slug), ("provenance.scale", record.provenance.scale, "gpu")):
        if found != expected:
            raise RecordError(
                f"record {path.name}: {field} is {found!r}; expected {expected!r}. "
                f"Move it away, or write it again with `alchemy run {slug} --scale gpu`."
            )
    return record


def save(record: Record, path: Path) -> Path:
    """Write a record, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".json.part")
    partial.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
    return path


def reasons_stale(record: Record) -> list[str]:
    """Why a record no longer describes the sources; empty if it does."""
    try:
        path = chapter_path(record.slug)
    except RecordError as error:
        return [str(error)]
    reasons = []
    if record.provenance.chapter_hash != chapter_hash(path):
        reasons.append("the chapter's code has changed since")
    if record.provenance.code_hash != code_hash():
        reasons.append("code/alchemy has changed since")
    return reasons


def is_current(record: Record) -> bool:
    """Whether the record was written by today's chapter and library."""
    return not reasons_stale(record)


def verdict_folder(scale: str, seed: int) -> Path:
    """Where the build and `alchemy run` leave the verdicts of each chapter for the ledger."""
    return root() / "_build" / "verdicts" / f"{scale}-seed{seed}"


def load_verdicts(scale: str, seed: int) -> dict[str, Mapping[str, Any]]:
    """Slug -> what its last run at this scale and seed found, for every chapter that has run here."""
    folder = verdict_folder(scale, seed)
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            found[path.stem] = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise RecordError(f"{path} is not JSON ({error}); delete it and run the chapter again.") from None
    return found
