"""What a page says of itself at its head: title, question, prerequisites, and a plain description."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sphinx.environment import BuildEnvironment

LONGEST = 200  # characters of a description; search engines and chat programs cut there
NUMBERED = re.compile(r"(\d\d) · (.+)")
# A link in such a sentence is an offer, not a condition.
OFFERED = re.compile(r"\bnot needed\b|\brecalled\b|\bneighbours?\b|\boptional\b|\bsays it\b|\bhelps\b", re.IGNORECASE)
LINK = re.compile(r"\{doc\}`(?:[^`<]*<)?([^`<>]+)>?`")


@dataclass(frozen=True)
class Front:
    """The head of one page, from its source. Empty strings where the page has no such line."""

    title: str
    question: str
    prerequisites: str
    description: str


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
    return cut[:end + 1] if end > longest // 3 else cut.rpartition(" ")[0].rstrip(",;:") + " …"


def parse(text: str) -> Front:
    """The head of a page from its Markdown source."""
    description = ""
    if found := re.match(r"---\n(.*?)\n---\n", text, re.DOTALL):
        if stated := re.search(r"(?m)^description: *(.+)$", found[1]):
            description = stated[1].strip().strip("\"'")
        text = text[found.end():]
    title = found[1].strip() if (found := re.search(r"(?m)^# +(.+)$", text)) else ""
    question = found[1].strip() if (found := re.search(r"(?m)^\*\*The question\.\*\* *(.+)$", text)) else ""
    needs = found[1].strip() if (found := re.search(r"(?m)^- \*Prerequisites\*: *(.+)$", text)) else ""
    if not (description or question):
        blocks = re.split(r"\n\s*\n", re.sub(r"(?ms)^(```|:::).*?^\1\s*$", "", text))
        described = (b for b in blocks if b.strip() and not re.match(r"\s*([#|>*\-+(%<]|\d+\.)", b))
        description = next(described, "")
    return Front(plain(title), plain(question), needs, shorten(plain(question or description)))


@lru_cache(maxsize=256)
def _read(path: Path, changed: int) -> Front:
    return parse(path.read_text(encoding="utf-8"))


def front(env: BuildEnvironment, docname: str) -> Front:
    """The head of a page of the book."""
    path = Path(env.doc2path(docname))
    return _read(path, path.stat().st_mtime_ns)


def prerequisite_links(docname: str, line: str) -> dict[str, bool]:
    """Page -> whether it is assumed (True) or only offered (False), from a chapter's prerequisite line.

    A sentence, or the part of one up to a semicolon, that says "not needed", "recalled" or the like offers its links.
    """
    found: dict[str, bool] = {}
    for part in re.split(r"(?<=[.;])\s+", line):
        for target in LINK.findall(part):
            name = target.strip()
            name = name[1:] if name.startswith("/") else posixpath.join(posixpath.dirname(docname), name)
            found[posixpath.normpath(name)] = not OFFERED.search(part)
    return found


def number_and_name(title: str) -> tuple[str, str]:
    """("7", "A proof ...") of "07 · A proof ..."; the number is empty where there is none."""
    found = NUMBERED.fullmatch(title)
    return (str(int(found[1])), found[2]) if found else ("", title)
