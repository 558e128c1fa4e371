"""What a reader's bets need on the page: each card's numbers as data, a place for the form, numbers in prose by claim.

The bets themselves live in the reader's browser (book/_static/bets.js). Here every claim card and verdict card of an
HTML page gets data-* attributes from what the executed chapter published, so that the script computes nothing anew:

    data-claim                                  the claim's id, on both cards
    data-asked                                  a short hash of what is measured; a bet on another question does not count
    data-estimate, -low, -high                  the measurement and its interval (verdict card)
    data-region-low, -region-high               the acceptance region; absent where that end is infinite
    data-record                                 "estimate low high" of the GPU record, where there is one
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from docutils import nodes
from myst_nb.ext.glue.roles import PasteTextRole
from sphinx.application import Sphinx

from press import verdicts
from press.verdicts import CHAPTER

Row = Mapping[str, Any]
CARD = re.compile(
    r'<div class="(?P<classes>alchemy-card alchemy-(?P<what>claim|verdict)\b[^"]*)" '
    r'id="(?:claim|verdict)-(?P<slug>[^"]+)"'
)
HELP = "book/how-to-use"


def connect(app: Sphinx) -> None:
    """Register this module's events, and the role that remembers which number it pasted."""
    app.add_role_to_domain("glue", "text", KeyedText(), override=True)
    app.connect("doctree-resolved", prepare)
    app.connect("html-page-context", load)


def on_the_web(app: Sphinx) -> bool:
    """Whether pages are built that a browser runs scripts on."""
    return app.builder.name in ("html", "dirhtml")


class KeyedText(PasteTextRole):
    """MyST-NB's {glue:text}, whose node also keeps the key of the number that it shows."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The same nodes, the first with an attribute `glue_key`."""
        made, messages = super().run()
        if made and isinstance(made[0], nodes.inline):
            made[0]["glue_key"] = self.text.rsplit(":", 1)[0]
        return made, messages


def slug_of(claim: str) -> str:
    """A claim's id as the cards' anchors write it."""
    return claim.replace("/", "-")


def asked(claim: Row) -> str:
    """A short hash of the quantity that a claim asks for. The region may move; the question must not."""
    text = f"{claim.get('measure', '')}|{claim.get('statistic', 'mean')}"
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def attributes(row: Row) -> dict[str, str]:
    """The data-* attributes of a judged claim's verdict card; empty if there is no finite number to bet on."""
    claim, found = row["claim"], row.get("verdict")
    if not found:
        return {}
    interval = found["interval"]
    numbers = {name: interval.get(name) for name in ("estimate", "low", "high")}
    if any(v is None or not math.isfinite(v) for v in numbers.values()):
        return {}
    made = {"claim": claim["id"], "asked": asked(claim)} | {k: repr(float(v)) for k, v in numbers.items()}
    for name, end in zip(("region-low", "region-high"), claim.get("holds") or (None, None), strict=True):
        if end is not None:
            made[name] = repr(float(end))
    record = row.get("reference")
    if record and all(record.get(k) is not None for k in ("estimate", "low", "high")):
        made["record"] = " ".join(repr(float(record[k])) for k in ("estimate", "low", "high"))
    return made


def as_html(data: Mapping[str, str]) -> str:
    """Attributes as HTML, each with a space before it."""
    return "".join(f' data-{name}="{escape(value)}"' for name, value in data.items())


def place(claim: str) -> str:
    """Where the script puts the form for a claim; the theme hides it where scripts are off."""
    return f'<div class="bets pst-js-only" data-bets="{escape(claim)}"></div>'


def with_data(html: str, rows: Mapping[str, Row], carded: Iterable[str]) -> str:
    """An output's HTML with its cards' data.

    rows: card slug -> ledger row. carded: slugs of the claims that show a registration card on this page; a claim
    that shows none gets its form before the verdict card.
    """
    match = CARD.search(html)
    row = rows.get(match["slug"]) if match else None
    data = attributes(row) if row else {}
    if not data:
        return html
    name = data["claim"]
    if match["what"] == "claim":
        data = {k: data[k] for k in ("claim", "asked")}
    start = match.start("classes") - len('<div class="')
    opened = f'<div class="{match["classes"]}"{as_html(data)}' + html[match.end("classes") + 1 :]
    if match["what"] == "verdict":
        return html[:start] + ("" if match["slug"] in carded else place(name)) + opened
    body, end, rest = opened.rpartition("</div>")
    return html[:start] + body + place(name) + end + rest


def about(key: str, claims: Iterable[str]) -> str | None:
    """The claim that a pasted number belongs to: its verdict's own numbers are pasted as `claim` or `claim/name`."""
    return next((c for c in claims if key == c or key.startswith(c + "/")), None)


def prepare(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give an HTML chapter page the data, the places for forms, and the page's switch."""
    if not on_the_web(app) or not CHAPTER.fullmatch(docname):
        return
    found = verdicts.known(app.env).get(docname.rpartition("/")[2])
    if not found:
        return
    rows = {slug_of(r["claim"]["id"]): r for r in found["claims"] if attributes(r)}
    outputs = [n for n in doctree.findall(nodes.raw) if n.get("format") == "html" and CARD.search(n.astext())]
    cards = [(m["what"], m["slug"]) for m in (CARD.search(n.astext()) for n in outputs)]
    carded = {slug for what, slug in cards if what == "claim"}
    for node in outputs:
        html = with_data(node.astext(), rows, carded)
        node.children = [nodes.Text(html)]
        node.rawsource = html
    claims = [r["claim"]["id"] for r in rows.values()]
    for node in doctree.findall(nodes.inline):
        if claim := about(node.get("glue_key", ""), claims):
            node["classes"].append(f"about-{slug_of(claim)}")
    if rows:
        switch(app, doctree, docname)


def switch(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """The place of the page's switch, below the title and what stands directly under it."""
    address = app.builder.get_relative_uri(docname, HELP) if HELP in app.env.found_docs else ""
    html = f'<div class="bets-switch pst-js-only" data-bets-switch data-help="{escape(address)}"></div>'
    for title in doctree.findall(nodes.title):
        parent, index = title.parent, title.parent.index(title) + 1
        while index < len(parent) and isinstance(parent[index], nodes.raw):
            index += 1
        parent.insert(index, nodes.raw("", html, format="html"))
        return


def load(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Load scripts and style on chapter pages. Deferred scripts, no modules: browsers load no module from file://."""
    if doctree is not None and on_the_web(app) and CHAPTER.fullmatch(pagename):
        app.add_css_file("bets.css")
        for script in ("bets-store.js", "bets.js"):
            app.add_js_file(script, defer="defer")
