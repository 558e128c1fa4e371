"""How to cite a chapter: authors, version and date where the project keeps them, as a sentence and as BibTeX."""

from __future__ import annotations

import datetime
import os
import re
import subprocess
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.application import Sphinx

from press import fronts
from press.meta import site_url
from press.verdicts import CHAPTER


@dataclass(frozen=True)
class Book:
    """What every chapter's citation shares. date: ISO 8601."""

    title: str
    authors: tuple[str, ...]
    version: str
    date: str


def git(root: Path, *arguments: str) -> str:
    """A line of git's, or an empty string where this is no checkout of its own."""
    if not (root / ".git").exists():  # a folder in a checkout of something else has no version of its own
        return ""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=20, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def author(row: dict[str, str]) -> str:
    """A person's or a group's name of CITATION.cff."""
    return row.get("name") or " ".join(filter(None, (row.get("given-names"), row.get("family-names"))))


@lru_cache(maxsize=4)
def book(root: Path) -> Book | None:
    """The book as CITATION.cff, pyproject.toml and git describe it; None without CITATION.cff."""
    if not (root / "CITATION.cff").is_file():
        return None
    stated = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    project = root / "pyproject.toml"
    number = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"] if project.is_file() else stated["version"]
    described = git(root, "describe", "--tags", "--always")
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    date = git(root, "log", "-1", "--format=%cs")
    if not date:
        now = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC) if epoch else datetime.datetime.now(datetime.UTC)
        date = now.date().isoformat()
    version = described if described.startswith(("v", number)) else f"{number} ({described})" if described else number
    return Book(stated["title"], tuple(map(author, stated["authors"])), version, date)


def sentence(whole: Book, number: str, title: str, address: str) -> str:
    """The citation as a sentence."""
    where = f" {address}" if address else ""
    return (
        f"{', '.join(whole.authors)} ({whole.date[:4]}). {title.rstrip('.')}{'' if title[-1] in '?!' else '.'} "
        f"Chapter {number} of {whole.title}, version {whole.version}, {whole.date}.{where}"
    )


def bibtex(whole: Book, slug: str, number: str, title: str, address: str) -> str:
    """The citation as a BibTeX entry. A group's name is braced, so that BibTeX does not take it apart."""

    def safe(text: str) -> str:
        return re.sub(r"([&%#_])", r"\\\1", text)

    people = " and ".join("{" + safe(name) + "}" for name in whole.authors)
    fields = {
        "author": people,
        "title": "{" + safe(title) + "}",
        "booktitle": "{" + safe(whole.title) + "}",
        "chapter": number,
        "year": whole.date[:4],
        "month": "jan feb mar apr may jun jul aug sep oct nov dec".split()[int(whole.date[5:7]) - 1],
        "edition": f"Version {safe(whole.version)}",
    } | ({"url": address} if address else {})
    rows = [f"  {name:<9} = {value if name == 'month' else '{' + value + '}'}" for name, value in fields.items()]
    return f"@incollection{{explorers-settlers-{slug},\n" + ",\n".join(rows) + "\n}"


def add(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the block, folded, at the end of an HTML chapter."""
    whole = book(Path(app.srcdir))
    if app.builder.name not in ("html", "dirhtml") or whole is None or not CHAPTER.fullmatch(docname):
        return
    front = fronts.front(app.env, docname)
    base = site_url(app)
    address = base + app.builder.get_target_uri(docname) if base else ""
    said = escape(sentence(whole, front.number, front.name, address))
    text = bibtex(whole, docname.rpartition("/")[2], front.number, front.name, address)
    entry = nodes.literal_block(text, text, language="bibtex", force=True)  # with its raw text it is highlighted, and copied
    opening = f'<details class="alchemy-cite"><summary>How to cite this chapter</summary><p>{said}</p>'
    last = next(doctree.findall(nodes.section), doctree)
    last += [nodes.raw("", opening, format="html"), entry, nodes.raw("", "</details>", format="html")]


def connect(app: Sphinx) -> None:
    """Register this module's event."""
    app.connect("doctree-resolved", add)
