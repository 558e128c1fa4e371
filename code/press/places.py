"""Directives whose content is known only when every page has been read: a place now, its HTML at the end."""

from __future__ import annotations

from collections.abc import Callable

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

Render = Callable[[Sphinx, str], tuple[str, str]]  # (app, page) -> (HTML, the same as plain text)
RENDERERS: dict[str, Render] = {}


class Place(nodes.General, nodes.Element):
    """Stands for the content of a late directive; `name` says which."""


class LateDirective(SphinxDirective):
    """Leaves a place in the page."""

    def run(self) -> list[nodes.Node]:
        """The place, and a note that this page has one."""
        pages = self.env.__dict__.setdefault("alchemy_places", set())
        pages.add(self.env.docname)
        return [Place(name=self.name)]


def directive(app: Sphinx, name: str, render: Render) -> None:
    """Register a late directive without arguments."""
    RENDERERS[name] = render
    app.add_directive(name, LateDirective)


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the content where the places are."""
    for place in list(doctree.findall(Place)):
        html, text = RENDERERS[place["name"]](app, docname)
        if app.builder.format == "html":
            new: nodes.Node = nodes.raw("", html, format="html")
        else:
            lines = [nodes.line("", line) for line in text.splitlines()]
            new = nodes.line_block("", *lines)
        place.replace_self(new)


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """A page that is read again or gone."""
    getattr(env, "alchemy_places", set()).discard(docname)


def again(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Write the pages with places in every build: what they show belongs to other pages."""
    return sorted(getattr(env, "alchemy_places", set()) & set(env.found_docs))


def link(app: Sphinx, here: str, there: str, anchor: str = "") -> str:
    """The address of one page as seen from another."""
    return app.builder.get_relative_uri(here, there) + anchor


def connect(app: Sphinx) -> None:
    """Register the node and its events."""
    app.add_node(Place)
    app.connect("doctree-resolved", fill)
    app.connect("env-purge-doc", forget)
    app.connect("env-updated", again)
