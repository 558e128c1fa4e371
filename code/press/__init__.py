"""The book's Sphinx extension: honest caching, figures with text alternatives, verdicts, and the ledger check.

    inputs     which inputs a page's numbers depend on; a page whose inputs moved is executed again
    outputs    figures with alt text and caption; the verdicts that an executed chapter carries
    pages      the links under a chapter's title, and the executed notebooks of the site
    frame      landing page, map of the chapters, timeline, sides, citation, and what pages tell machines
    verdicts   the files that the ledger chapter reads, and the comparison with book/ledger.json
    bets       the cards' numbers as data for the reader's bets, which stay in the browser
    ledger_page  the ledger's table with filters, its scoreboard, and its rows as files
    explorables  the figures that a reader can move
    offer      the PDF and the EPUB where they were made, offered on the site
    coursework   minutes and points of the assignments, from their sources
    progress   one line a chapter while the book is built
    hygiene    the written pages without inline scripts, with sized images; assets cut down to what is used
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sphinx.application import Sphinx

from press import (
    bets,
    coursework,
    explorables,
    frame,
    hygiene,
    inputs,
    ledger_page,
    offer,
    outputs,
    pages,
    progress,
    verdicts,
)


def setup(app: Sphinx) -> dict[str, object]:
    """Register the extension with Sphinx."""
    app.add_config_value("alchemy_repository", os.environ.get("GITHUB_REPOSITORY", ""), "html", str)
    app.connect("config-inited", reach_the_laboratory)
    inputs.connect(app)
    outputs.connect(app)
    pages.connect(app)
    frame.connect(app)
    verdicts.connect(app)
    bets.connect(app)
    ledger_page.connect(app)
    hygiene.connect(app)
    explorables.connect(app)
    offer.connect(app)
    coursework.connect(app)
    progress.connect(app)  # after the verdicts, which know the device
    return {"version": "0.1.0", "env_version": 2, "parallel_read_safe": False, "parallel_write_safe": True}


def reach_the_laboratory(app: Sphinx, config: object) -> None:
    """Let the kernels, which inherit this process's environment, import `alchemy` from code/."""
    code = str(Path(app.srcdir) / "code")
    known = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    if code not in known:
        os.environ["PYTHONPATH"] = os.pathsep.join([*known, code])
    if code not in sys.path:
        sys.path.append(code)
