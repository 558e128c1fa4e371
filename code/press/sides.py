"""Whose turn it is to speak: a section that says so under its heading gets the side's shape and a card.

## Rigor's case: a kernel is an average

<!-- rigor argues -->
"""

from __future__ import annotations

import re

from alchemy.words import SIDE_SIGNS
from docutils import nodes
from sphinx.application import Sphinx

from press.verdicts import CHAPTER

TURN = re.compile(r"<!-- (rigor|practice) (argues|measures|replies|proves) -->")


def turn(section: nodes.section) -> tuple[nodes.raw, str, str] | None:
    """The comment under a section's heading, with the side and what it does; None where the section belongs to no side."""
    place = section.first_child_matching_class(nodes.title)
    under = section[place + 1] if place is not None and place + 1 < len(section) else None
    found = TURN.fullmatch(under.astext().strip()) if isinstance(under, nodes.raw) else None
    return (under, found[1], found[2]) if found else None


def mark(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Class the section, and set its first paragraph as the side's card."""
    if not CHAPTER.fullmatch(docname):
        return
    for section in list(doctree.findall(nodes.section)):
        found = turn(section)
        if found is None:
            continue
        comment, side, verb = found
        section["classes"].append(f"side-{side}")
        place = section.index(comment)
        section.remove(comment)
        if place < len(section) and isinstance(section[place], nodes.paragraph):
            kicker = nodes.paragraph("", f"{SIDE_SIGNS[side]} {side} · {verb}", classes=["alchemy-kicker"])
            section[place] = nodes.container("", kicker, section[place], classes=["alchemy-argument", f"side-{side}"])


def connect(app: Sphinx) -> None:
    """Register this module's event."""
    app.connect("doctree-resolved", mark)
