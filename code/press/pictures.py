"""Figures that open large: a link to the picture alone, which book/_static/pictures.js opens in a dialog to pan in."""

from __future__ import annotations

import posixpath
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.osutil import relative_uri

from press.bets import on_the_web

FIGURE = "alchemy-figure"  # the class of every picture that a cell publishes


def connect(app: Sphinx) -> None:
    """Register this module's events."""
    app.connect("doctree-resolved", link)
    app.connect("html-page-context", load)


def opens(image: nodes.image) -> bool:
    """Whether a picture is a figure of its own: not one that a reader moves, and not a link already."""
    parent = image.parent
    moved = "explorable" in parent.get("classes", ())
    return FIGURE in image["classes"] and not moved and not isinstance(parent, nodes.reference)


def link(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Make every figure a link to its picture."""
    if not on_the_web(app):
        return
    folder = relative_uri(app.builder.get_target_uri(docname), app.builder.imagedir)
    for image in list(doctree.findall(nodes.image)):
        if opens(image) and image["uri"] in app.env.images:
            address = posixpath.join(folder, app.env.images[image["uri"]][1])
            reference = nodes.reference("", "", internal=True, refuri=address, reftitle="Open large", classes=["alchemy-large"])
            image.replace_self(reference)
            reference += image


def load(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """The script, on pages with such figures."""
    if doctree is not None and any("alchemy-large" in n["classes"] for n in doctree.findall(nodes.reference)):
        app.add_js_file("pictures.js", loading_method="defer")
