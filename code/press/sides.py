"""Whose turn it is to speak: sections that begin with "Rigor's" or "Practice's" get the side's shape and a card."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx

from press.verdicts import CHAPTER

TITLE = re.compile(r"(Rigor|Practice)['’]s (?:\w+ )??(case|experiment|reply|theorems)?\b")
SHAPES = {"rigor": "▲", "practice": "●"}
VERBS = {"experiment": "measures", "reply": "replies", "theorems": "proves"}


def turn(title: str) -> tuple[str, str] | None:
    """(side, what it does) of a heading, or None if it belongs to no side."""
    found = TITLE.match(title)
    return (found[1].lower(), VERBS.get(found[2] or "", "argues")) if found else None


def mark(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Class the section, and set its first paragraph as the side's card."""
    if not CHAPTER.fullmatch(docname):
        return
    for section in list(doctree.findall(nodes.section)):
        place = section.first_child_matching_class(nodes.title)
        side = turn(section[place].astext()) if place is not None else None
        if side is None:
            continue
        section["classes"].append(f"side-{side[0]}")
        if place + 1 < len(section) and isinstance(section[place + 1], nodes.paragraph):
            opening = section[place + 1]
            kicker = nodes.paragraph("", f"{SHAPES[side[0]]} {side[0]} · {side[1]}", classes=["alchemy-kicker"])
            section[place + 1] = nodes.container("", kicker, opening, classes=["alchemy-argument", f"side-{side[0]}"])


def connect(app: Sphinx) -> None:
    """Register this module's event."""
    app.connect("doctree-resolved", mark)
