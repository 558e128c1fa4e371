"""404.html: what a reader gets for an address that does not exist, with the search and the contents.

A host serves this one file for any address, however deep, so its links start at the site's root.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from docutils import nodes
from sphinx.application import Sphinx

from press.meta import site_url

NAME = "404"
TITLE = "This page is not here"
ADDRESS = re.compile(r'(?<![\w-])(href|src|action|data-content_root)="(?!(?:[a-z][a-z0-9+.-]*:|/|#))([^"]*)"', re.IGNORECASE)
BODY = """<section id="missing">
<h1>{title}</h1>
<p>No page of this book has the address that you asked for. It may have moved, or the address may be mistyped.</p>
<form class="missing-search" action="search.html" method="get" role="search">
<label for="missing-words">Search the book</label>
<input type="search" id="missing-words" name="q" autocomplete="off" spellcheck="false" />
<button type="submit">Search</button>
</form>
<h2>Contents</h2>
<nav class="missing-contents" aria-label="Contents of the book"><p><a href="{home}">{book}</a></p>{contents}</nav>
</section>"""


def connect(app: Sphinx) -> None:
    """Register this module's events."""
    app.connect("html-collect-pages", collect)
    app.connect("html-page-context", fill)
    app.connect("build-finished", anchor, priority=950)  # after the pages are cleaned


def collect(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """One more page for Sphinx to write."""
    yield NAME, {"title": TITLE, "body": ""}, "page.html"


def fill(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """The page's text: search and contents."""
    if pagename == NAME:
        contents = context["toctree"](maxdepth=1, collapse=False, includehidden=True, titles_only=True)
        context["body"] = BODY.format(
            title=TITLE,
            contents=contents,
            book=escape(app.config.html_title),
            home=app.builder.get_target_uri(app.config.root_doc),
        )


def rooted(text: str, root: str) -> str:
    """The page whose relative addresses start at `root`, the site's path: "/" or "/name/"."""
    return ADDRESS.sub(lambda m: f'{m[1]}="{root}{m[2].removeprefix("./")}"', text)


def anchor(app: Sphinx, exception: Exception | None) -> None:
    """Write the addresses from the root, which is the site's path where its address is known."""
    page = Path(app.outdir) / f"{NAME}.html"
    if exception is None and page.is_file():
        root = urlsplit(site_url(app)).path or "/"
        text = page.read_text(encoding="utf-8")
        page.write_text(rooted(text, root), encoding="utf-8")
