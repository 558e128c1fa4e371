"""Pages with the marks of an unfinished merge are refused: `<<<<<<< ours`, `=======`, `>>>>>>> theirs` at a line's start."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

FENCE = re.compile(r" {0,3}(`{3,}|~{3,}|:{3,})(.*)")
BEGIN, MIDDLE, END = re.compile(r"<{7}( |$)"), re.compile(r"={7}$"), re.compile(r">{7}( |$)")
LOGGER = logging.getLogger(__name__)


def connect(app: Sphinx) -> None:
    """Register this module's event."""
    app.connect("source-read", refuse)


def marks(text: str) -> Iterator[tuple[int, str]]:
    """(line, mark) of every conflict mark of a page's source, lines from 1.

    A fenced listing may show marks, a code cell may not. `=======` alone underlines a heading: it counts inside a conflict.
    """
    fence, listing, inside = "", False, False
    for number, line in enumerate(text.splitlines(), 1):
        found = FENCE.match(line)
        if found and not fence and found[1][0] != ":":
            fence, listing = found[1], not found[2].lstrip().startswith("{code-cell}")
        elif found and fence and found[1].startswith(fence) and not found[2].strip():
            fence = ""
        if fence and listing:
            continue
        if BEGIN.match(line) or END.match(line) or (inside and MIDDLE.match(line)):
            inside = not END.match(line)
            yield number, line[:7]


def refuse(app: Sphinx, docname: str, source: list[str]) -> None:
    """Warn of every mark with file and line; `make book` takes a warning for an error."""
    text = Path(app.env.doc2path(docname)).read_text(encoding="utf-8")  # as it stands, before anything is put at its head
    for line, mark in marks(text):
        LOGGER.warning(
            "a merge was not finished: the line begins with the conflict mark %s; resolve it.",
            mark,
            location=(docname, line),
            type="alchemy",
            subtype="conflict",
        )
