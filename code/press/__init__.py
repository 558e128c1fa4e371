"""The book's Sphinx extension: honest caching, figures with text alternatives, verdicts, and the ledger check.

executed   what is missing is run before a page is read, and MyST-NB finds its outputs
outputs    figures with alt text and caption
pages      the links under a chapter's title, and the executed notebooks of the site
frame      landing page, map of the chapters, timeline, sides, citation, and what pages tell machines
verdicts   what the chapters found, and the comparison with their expected words
bets       the cards' numbers as data for the reader's bets, which stay in the browser
ledger_page  the ledger's table with filters, its scoreboard, and its rows as files
explorables  the figures that a reader can move
offer      the PDF and the EPUB where they were made, offered on the site
coursework   minutes and points of the assignments, from their sources
hygiene    the written pages without inline scripts, with sized images; assets cut down to what is used
"""

from __future__ import annotations

import os

from sphinx.application import Sphinx

from press import (
    bets,
    coursework,
    executed,
    explorables,
    frame,
    hygiene,
    ledger_page,
    offer,
    outputs,
    pages,
    verdicts,
)


def setup(app: Sphinx) -> dict[str, object]:
    """Register the extension with Sphinx."""
    os.environ["ALCHEMY_ROOT"] = str(app.srcdir)  # the book that is built, here and in the kernels
    app.add_config_value("alchemy_repository", os.environ.get("GITHUB_REPOSITORY", ""), "html", str)
    executed.connect(app)
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
    return {"version": "0.1.0", "env_version": 4, "parallel_read_safe": False, "parallel_write_safe": True}
