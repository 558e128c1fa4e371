"""Where things are: the book's root, its chapters with their manifests and folders, and the code cells of a page.

A chapter NN-slug is a page `chapters/NN-slug.md` and a folder `chapters/NN-slug/` with everything else of it. The
folder's `chapter.toml` says what no other file says: title, part, question, what it requires, the survey's sentences.
A folder without a page is a chapter that is planned, or an assignment that belongs to no chapter.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

from markdown_it import MarkdownIt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

SLUG = re.compile(r"\d\d(-[a-z0-9]+)+")
COURSE = 90  # numbers from here on are assignments without a chapter


class ProjectError(ValueError):
    """A file of the project is missing, or says what it cannot mean."""


class Statement(BaseModel):
    """A sentence of the belief survey, tested by one chapter."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    key: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    text: str


class Manifest(BaseModel):
    """What `chapter.toml` says.

    title: without the number. part: the caption of its part of the book. question: one sentence; empty for assignments.
    minutes: reading time of the page; what computing takes is measured by the run.
    requires, helps: pages ("book/method" or a chapter's slug) that the chapter assumes, or that only help.
    background: what a reader should know from elsewhere, a phrase.
    survey: sentences of the belief survey that the chapter tests.
    collects: whether the page reads the results of all other chapters.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    slug: str
    title: str
    part: str
    question: str = ""
    minutes: int = Field(default=0, ge=0)
    requires: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
    background: str = ""
    survey: tuple[Statement, ...] = ()
    collects: bool = False

    @property
    def number(self) -> int:
        """The chapter's number."""
        return int(self.slug[:2])

    @property
    def topic(self) -> str:
        """The slug without its number: the first half of every claim id of the chapter."""
        return self.slug.partition("-")[2]

    @property
    def written(self) -> bool:
        """Whether the chapter has a page, or is only planned."""
        return page(self.slug).is_file()


def root() -> Path:
    """The book's folder: ALCHEMY_ROOT, or the checkout this library lies in, or the current folder's checkout."""
    if named := os.environ.get("ALCHEMY_ROOT"):
        if not (Path(named) / "chapters").is_dir():
            raise ProjectError(f"ALCHEMY_ROOT is {named!r}, which holds no folder chapters/; expected the book's checkout.")
        return Path(named).resolve()
    here = Path.cwd().resolve()
    for folder in (Path(__file__).resolve().parents[2], here, *here.parents):
        if (folder / "chapters").is_dir() and (folder / "_toc.yml").is_file():
            return folder
    # An installed copy outside a checkout still runs a chapter; it has no records and no ledger beside it.
    return here


def folder(slug: str) -> Path:
    """The folder of a chapter."""
    return root() / "chapters" / slug


def page(slug: str) -> Path:
    """The MyST source of a chapter."""
    return root() / "chapters" / f"{slug}.md"


def evidence(slug: str, name: str) -> Path:
    """A file that only a run writes: "words.json", "others.json" (words on other seeds), "gpu.json" (the record)."""
    return folder(slug) / "evidence" / name


def slugs() -> list[str]:
    """Every chapter that has a page, in the book's order."""
    return sorted(p.stem for p in (root() / "chapters").glob("[0-9][0-9]-*.md"))


def find(name: str | Path) -> str:
    """The slug of a chapter given its slug, number or path; raises ProjectError naming the known ones."""
    stem = re.sub(r"\.(md|ipynb)$", "", Path(name).name)
    known = slugs()
    for slug in known:
        if stem in (slug, slug[:2], slug.partition("-")[2]):
            return slug
    raise ProjectError(f"no chapter {str(name)!r}; expected one of {', '.join(known) or 'none here'}.")


def manifest(slug: str) -> Manifest:
    """A chapter's manifest; raises ProjectError naming the file and the field that is wrong."""
    path = folder(slug) / "chapter.toml"
    try:
        return Manifest(slug=slug, **tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ProjectError(f"{slug} has no manifest; write {path} with title, part and question.") from None
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"{path} is not TOML: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise ProjectError(
            f"{path}: {'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']} (got {str(first.get('input'))[:80]!r})."
        ) from None


def manifests(*, course: bool = False) -> list[Manifest]:
    """Every chapter's manifest, written or planned, in order; with `course`, the assignments without a chapter too."""
    found = sorted(p.parent.name for p in (root() / "chapters").glob("*/chapter.toml"))
    read = [manifest(slug) for slug in found if SLUG.fullmatch(slug)]
    return [m for m in read if course or m.number < COURSE]


def load(path: Path, *, anew: bool = False) -> ModuleType:
    """The module in a chapter's file, such as its bench; loaded once a process, or `anew` to see what was edited.

    A folder that begins with a digit is no package, so files of chapters are loaded by their path.
    Raises ProjectError if there is no such file.
    """
    path = path.resolve()
    name = re.sub(r"\W", "_", f"chapter_{path.parent.name}_{path.stem}")
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(path) and not anew:
        return known
    if not path.is_file():
        raise ProjectError(f"there is no file {path}; expected a chapter's module.")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling look there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def code_cells(source: str) -> list[str]:
    """The code of a MyST notebook's cells, in order, without their options."""
    cells = []
    for token in MarkdownIt("commonmark").parse(source):
        # Level 0 only: inside a list or a quotation a fence is an example, not a cell, to Jupytext too.
        if token.type != "fence" or token.level or not token.info.startswith("{code-cell}"):
            continue
        body = re.sub(r"\A---\n.*?^---\n", "", token.content, flags=re.DOTALL | re.MULTILINE)
        options = re.match(r"(?::[a-z-]+:[^\n]*\n)*", body)
        cells.append(body[options.end() :].strip("\n"))
    return cells


def collects(slug: str) -> bool:
    """Whether a chapter collects the results of the others."""
    path = folder(slug) / "chapter.toml"
    return path.is_file() and manifest(slug).collects
