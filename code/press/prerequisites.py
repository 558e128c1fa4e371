"""A map of what each chapter assumes, drawn from the manifests, with the same as a list."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from html import escape
from pathlib import Path

import yaml
from alchemy import manifests, project
from sphinx.application import Sphinx

from press import fronts, places

WIDTH, LINE, GAP, RAIL, DOT, TEXT = 400, 18, 20, 18, 76, 92
LETTERS = 38  # of a title's line


@dataclass(frozen=True)
class Node:
    """One page on the map. needs: page -> whether it is assumed, or only helps; manifest: of a chapter."""

    docname: str
    front: fronts.Front
    part: str
    needs: dict[str, bool]
    manifest: project.Manifest | None = None


def parts(root: Path) -> dict[str, str]:
    """Page -> caption of its part, in the order of _toc.yml."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    sections = toc.get("parts") or [{"caption": "", "chapters": toc.get("chapters", [])}]
    return {entry["file"]: part.get("caption", "") for part in sections for entry in part["chapters"]}


def chart(app: Sphinx) -> list[Node]:
    """Every chapter in order, and before them the other pages that they name as prerequisites."""
    env, order = app.env, parts(Path(app.srcdir))
    nodes = []
    for name, part in order.items():
        found = fronts.manifest(env, name)
        if found is not None and name in env.found_docs:
            needs = dict.fromkeys(map(manifests.docname, found.helps), False)
            needs |= dict.fromkeys(map(manifests.docname, found.requires), True)
            nodes.append(Node(name, fronts.front(env, name), part, {to: needs[to] for to in order if to in needs}, found))
    asked = {to for node in nodes for to in node.needs} - {node.docname for node in nodes}
    first = [Node(name, fronts.front(env, name), "Before any chapter", {}) for name in order if name in asked]
    return [*first, *nodes]


def drawing(nodes: list[Node], address: dict[str, str]) -> str:
    """The map as SVG: pages from top to bottom; a rail from what all assume, arcs between chapters."""
    y, at, texts, caption = 14.0, {}, [], None
    for node in nodes:
        if node.part != caption:
            caption = node.part
            y += 10 if texts else 0
            texts.append(f'<text class="part" x="{TEXT}" y="{y:.0f}">{escape(caption)}</text>')
            y += LINE + 6
        number = node.front.number
        lines = textwrap.wrap(f"{number} · {node.front.name}" if number else node.front.name, LETTERS)
        at[node.docname] = y - 5
        spans = "".join(f'<tspan x="{TEXT}" dy="{LINE if i else 0}">{escape(line)}</tspan> ' for i, line in enumerate(lines))
        kind = "chapter" if number else "page"
        texts.append(
            f'<a href="{escape(address[node.docname])}"><circle class="{kind}" cx="{DOT}" cy="{y - 5:.0f}" r="6"/>'
            f'<text x="{TEXT}" y="{y:.0f}">{spans}</text></a>'
        )
        y += LINE * len(lines) + GAP
    lines = []
    bases = [node.docname for node in nodes if node.manifest is None]
    for depth, base in enumerate(bases):
        x = RAIL + 8 * depth
        users = [node for node in nodes if base in node.needs]
        lines.append(f'<path class="rail" d="M{DOT - 8} {at[base]:.0f} H{x} V{at[users[-1].docname]:.0f}"/>')
        lines += [
            f'<path class="rail{"" if node.needs[base] else " offered"}" d="M{x} {at[node.docname]:.0f} H{DOT - 9}"/>'
            for node in users
        ]
    for node in nodes:
        for to, hard in node.needs.items():
            if to in bases:
                continue
            a, b = at[to], at[node.docname]
            bulge = min(62.0, 26 + abs(b - a) / 6)
            lines.append(
                f'<path class="arc{"" if hard else " offered"}" marker-end="url(#map-tip)" d="M{DOT - 5} {a + 4:.0f} '
                f'C{DOT - bulge:.0f} {a + 12:.0f} {DOT - bulge:.0f} {b - 12:.0f} {DOT - 8} {b - 4:.0f}"/>'
            )
    tip = (
        '<defs><marker id="map-tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="5" markerHeight="5" '
        'orient="auto-start-reverse"><path d="M0 0 L10 5 L0 10 z"/></marker></defs>'
    )
    return (
        f'<svg class="alchemy-map" viewBox="0 0 {WIDTH} {y - GAP + 8:.0f}" role="group" aria-label="Map of the chapters: '
        f'what each one assumes. The list below says the same.">'
        f'{tip}{"".join(lines)}{"".join(texts)}</svg>'
    )


def listing(nodes: list[Node], address: dict[str, str]) -> list[tuple[str, str]]:
    """(linked title as HTML, what the chapter assumes as HTML) of every chapter."""

    def link(page: str) -> str:
        there, words = address.get(manifests.docname(page)), escape(manifests.title(page))
        return f'<a href="{escape(there)}">{words}</a>' if there else words

    return [(link(node.manifest.slug), manifests.sentence(escaped(node.manifest), link)) for node in nodes if node.manifest]


def escaped(manifest: project.Manifest) -> project.Manifest:
    """The manifest with what a reader should know as HTML."""
    return manifest.model_copy(update={"background": escape(fronts.plain(manifest.background))})


def render(app: Sphinx, docname: str) -> tuple[str, str]:
    """The map and its list, as HTML and as text."""
    nodes = chart(app)
    address = {node.docname: places.link(app, docname, node.docname) for node in nodes}
    rows = listing(nodes, address)
    items = "".join(f"<li><strong>{title}</strong> assumes: {said}</li>" for title, said in rows)
    html = (
        f'<figure class="alchemy-mapped">{drawing(nodes, address)}<figcaption>The rail joins what every chapter on it '
        f"assumes. An arrow leads from a chapter to one that builds on it: solid where it is assumed, dashed where it only "
        f'helps, because what is used is said again.</figcaption></figure>'
        f'<details class="alchemy-same"><summary>The same as a list, with what you should '
        f"know from elsewhere</summary><ul>{items}</ul></details>"
    )
    return html, "\n".join(
        f"{node.front.title}: {fronts.plain(manifests.sentence(node.manifest, manifests.title))}"
        for node in nodes
        if node.manifest
    )


def connect(app: Sphinx) -> None:
    """Register the directive."""
    places.directive(app, "prerequisites", render)
