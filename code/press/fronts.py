"""What a page says of itself at its head: title and a plain description, and the block under a chapter's title.

A chapter's come from its manifest. Other pages state a description in their front matter, or begin with one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from alchemy import manifests, project
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

LONGEST = 200  # characters of a description; search engines and chat programs cut there


@dataclass(frozen=True)
class Front:
    """The head of one page. number: a chapter's, without leading zeros; empty for other pages."""

    name: str
    description: str
    number: str = ""

    @property
    def title(self) -> str:
        """The title as the page shows it."""
        return f"{int(self.number):02d} · {self.name}" if self.number else self.name


def plain(text: str) -> str:
    """Markdown without its marks: roles, links, emphasis, and citations are gone, their words stay."""
    text = re.sub(r"\s*\{cite[^}]*\}`[^`]*`", "", text)
    text = re.sub(r"\{[a-z:]+\}`([^`<]*?)\s*<[^`]*>`", r"\1", text)
    text = re.sub(r"\{doc\}`[^`]*?([\w-]+)`", lambda found: found[1].replace("-", " "), text)
    text = re.sub(r"\{[a-z:]+\}`([^`]*)`", r"\1", text)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\*+|`|\$", "", text)
    return " ".join(text.split())


def shorten(text: str, longest: int = LONGEST) -> str:
    """At most `longest` characters, cut at a sentence's end or, failing that, between two words."""
    if len(text) <= longest:
        return text
    cut = text[:longest]
    end = max(cut.rfind(mark) for mark in (". ", "? ", "! "))
    return cut[: end + 1] if end > longest // 3 else cut.rpartition(" ")[0].rstrip(",;:") + " …"


def parse(text: str) -> Front:
    """The head of a page that is no chapter, from its Markdown source."""
    description = ""
    if found := re.match(r"---\n(.*?)\n---\n", text, re.DOTALL):
        if stated := re.search(r"(?m)^description: *(.+)$", found[1]):
            description = stated[1].strip().strip("\"'")
        text = text[found.end() :]
    title = found[1] if (found := manifests.HEADING.search(text)) else ""
    if not description:
        blocks = re.split(r"\n\s*\n", re.sub(r"(?ms)^(```|:::).*?^\1\s*$", "", text))
        described = (b for b in blocks if b.strip() and not re.match(r"\s*([#|>*\-+(%<]|\d+\.)", b))
        description = next(described, "")
    return Front(plain(title), shorten(plain(description)))


@lru_cache(maxsize=256)
def _read(path: Path, changed: int) -> Front:
    return parse(path.read_text(encoding="utf-8"))


def manifest(env: BuildEnvironment, docname: str) -> project.Manifest | None:
    """The manifest of a chapter of the book that is built; None for other pages, and in a book without manifests."""
    path = Path(env.srcdir) / docname / "chapter.toml"
    return project.manifest(path.parent.name) if path.is_file() else None


def front(env: BuildEnvironment, docname: str) -> Front:
    """The head of a page of the book."""
    if found := manifest(env, docname):
        return Front(found.title, shorten(plain(found.question)), str(found.number))
    path = Path(env.doc2path(docname))
    return _read(path, path.stat().st_mtime_ns)


def with_head(env: BuildEnvironment, docname: str, source: str) -> str:
    """A page's source with the block under its title, if it is a chapter."""
    found = manifest(env, docname)
    return manifests.with_head(source, found.slug) if found else source


def add_head(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put question, minutes and prerequisites under a chapter's title, before the page is parsed."""
    found = manifest(app.env, docname)
    if found is None:
        return
    for slug in (found.slug, *filter(project.SLUG.fullmatch, (*found.requires, *found.helps))):
        app.env.note_dependency(str(project.folder(slug) / "chapter.toml"))
    source[0] = with_head(app.env, docname, source[0])


def connect(app: Sphinx) -> None:
    """Register this module's event."""
    app.connect("source-read", add_head)
