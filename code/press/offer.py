"""The book on paper as the site offers it: `{downloads-paper}` becomes links with size and date, or how to make them.

`make pdf` and `make epub` write _build/paper; a build of the site copies what it finds there into `_paper/` and fills in
the directive's places. The commands call `publish` too, so that a site built before them need not be built again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

NAME = "explorers-and-settlers"
FOLDER = "_paper"
KINDS = {"pdf": "PDF", "epub": "EPUB"}
PLACE_ID = "on-paper"
PLACE = re.compile(r"<!-- paper:begin -->.*?<!-- paper:end -->", re.S)


class Downloads(SphinxDirective):
    """Where the links to the PDF and the EPUB go."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        """A place that `publish` fills; other builders show nothing."""
        self.env.alchemy_paper = self.env.docname
        return [nodes.raw("", f'<span id="{PLACE_ID}"></span><!-- paper:begin --><!-- paper:end -->', format="html")]


def address(app: Sphinx, docname: str) -> str:
    """Where a page finds the links; empty where no page has them."""
    page = getattr(app.env, "alchemy_paper", "")
    return f"{app.builder.get_relative_uri(docname, page)}#{PLACE_ID}" if page in app.env.found_docs else ""


def offered(folder: Path) -> dict[str, dict[str, str]]:
    """kind -> size and date of each file made."""
    memory = folder / "state.json"
    state = json.loads(memory.read_text(encoding="utf-8")) if memory.is_file() else {}
    found = {}
    for kind in KINDS:
        path = folder / f"{NAME}.{kind}"
        if path.is_file() and kind in state:
            row = state[kind]
            pages = f"{row['pages']} pages, " if row.get("pages") else ""
            found[kind] = {"size": f"{pages}{path.stat().st_size / 1e6:.1f} MB", "date": row["date"][:10]}
    return found


def snippet(found: dict[str, dict[str, str]], base: str) -> str:
    """The links, as HTML; for what was not made, the command that makes it. `base` leads to the site's root."""
    items = []
    for kind, label in KINDS.items():
        if kind in found:
            row = found[kind]
            when = f'<time datetime="{row["date"]}">{row["date"]}</time>'
            items.append(
                f'<li><a href="{escape(base)}{FOLDER}/{NAME}.{kind}" download>The book as {label}</a> '
                f'<span class="alchemy-quiet">{row["size"]}, {when}</span></li>'
            )
        else:
            items.append(f"<li>The book as {label}: not made for this site; <code>make {kind}</code> makes it.</li>")
    return (
        f'<!-- paper:begin --><ul class="alchemy-paper no-paper" aria-label="The book on paper">{"".join(items)}</ul>'
        "<!-- paper:end -->"
    )


def publish(site: Path, folder: Path) -> None:
    """Copy what was made into the site, and fill every place on its pages."""
    found = offered(folder)
    for kind in KINDS:
        copy = site / FOLDER / f"{NAME}.{kind}"
        if kind in found:
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(folder / f"{NAME}.{kind}", copy)
        else:
            copy.unlink(missing_ok=True)
    for page in site.rglob("*.html"):
        if FOLDER in page.parts or "_static" in page.parts:
            continue
        text = page.read_text(encoding="utf-8")
        if "<!-- paper:begin -->" in text:
            links = snippet(found, os.path.relpath(site, page.parent).replace(os.sep, "/") + "/")
            filled = links.join(PLACE.split(text))
            if filled != text:
                page.write_text(filled, encoding="utf-8")


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Offer the files on the site just built."""
    if exception is None and app.builder.name in ("html", "dirhtml"):
        publish(Path(app.outdir), Path(app.outdir).parent / "paper")


def connect(app: Sphinx) -> None:
    """Register the directive and the last step."""
    app.add_directive("downloads-paper", Downloads)
    app.connect("build-finished", finish)
