"""What an executed chapter shows and carries: figures with alt text and caption; its verdicts are data."""

from __future__ import annotations

from alchemy.words import CHAPTER_MIME, LEDGER_MIME
from docutils import nodes
from myst_nb.core.render import MimeData, NbElementRenderer, load_mime_renders
from sphinx.application import Sphinx
from sphinx.util import logging

IMAGES = ("image/png", "image/svg+xml", "image/jpeg", "image/gif")
LOGGER = logging.getLogger(__name__)


class Listing(nodes.General, nodes.Element):
    """Stands for a table of the ledger; `listed` says which claims it lists. On the web ledger_page draws it."""


class AlchemyOutputs:
    """MyST-NB's plug-in for what `alchemy.figures.show`, `chapter.finish()` and the ledger's tables publish."""

    mime_priority_overrides = (("html", LEDGER_MIME, 1), ("dirhtml", LEDGER_MIME, 1))  # before the table's own HTML

    @staticmethod
    def handle_mime(renderer: NbElementRenderer, data: MimeData, inline: bool) -> list[nodes.Element] | None:
        """The nodes of an output, or None for the kinds that MyST-NB shows well itself."""
        if data.mime_type == CHAPTER_MIME:
            return []  # data for the ledger, not for the eye; read from the executed notebook
        if data.mime_type == LEDGER_MIME and not inline:
            return [Listing(listed=data.content)]
        if data.mime_type in IMAGES and not inline:
            return figure(renderer, data)
        return None


def figure(renderer: NbElementRenderer, data: MimeData) -> list[nodes.Element]:
    """An image with the text alternative of its metadata, inside a figure if there is a caption."""
    about = data.output_metadata.get(data.mime_type, {})
    image = renderer.render_image(data)[0]
    if not about.get("alt"):
        where = (renderer.renderer.document["source"], data.line)
        LOGGER.warning(
            "an image output has no alt text; publish figures through alchemy.figures.show(fig, alt=...)",
            location=where,
            type="alchemy",
            subtype="alt",
        )
        return [image]
    image["alt"] = about["alt"]
    image["classes"].append("alchemy-figure")
    if not about.get("caption"):
        return [image]
    parsed = nodes.Element()
    with renderer.renderer.current_node_context(parsed):
        renderer.renderer.nested_render_text(about["caption"], data.line or 0)
    first, *rest = parsed.children
    whole = nodes.figure("", image, nodes.caption("", "", *first.children), classes=["alchemy-figure"])
    if rest:
        whole += nodes.legend("", *rest)
    return [whole]


def connect(app: Sphinx) -> None:
    """Enter the plug-in. MyST-NB finds plug-ins among installed packages; this one lives in the book."""
    app.add_node(Listing)
    known = load_mime_renders()
    if AlchemyOutputs not in known:
        known.append(AlchemyOutputs)
