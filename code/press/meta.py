"""What a page tells machines: description, social card, icons; and the site's map, robots.txt and plain index."""

from __future__ import annotations

import json
import os
from html import escape
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

from press import fronts, social
from press.prerequisites import parts
from press.verdicts import CHAPTER

SOCIAL = "_social"
LOGGER = logging.getLogger(__name__)
COLORS = (("light", "#ffffff"), ("dark", "#121212"))  # the theme's page colours
DATA = (".csv", ".json")


def site_url(app: Sphinx) -> str:
    """The address that the site is served from, with a slash at its end; empty where nobody said.

    `alchemy_site_url` or ALCHEMY_SITE_URL, else GitHub Pages' address of the repository.
    """
    stated = app.config.alchemy_site_url
    if not stated and app.config.alchemy_repository:
        owner, _, name = app.config.alchemy_repository.partition("/")
        host = f"https://{owner.lower()}.github.io/"
        stated = host if name.lower() == f"{owner.lower()}.github.io" else f"{host}{name}/"
    return stated.rstrip("/") + "/" if stated else ""


def pages(app: Sphinx) -> list[str]:
    """Every page of the book in the order of the table of contents, the landing page first."""
    order = [app.config.root_doc, *parts(Path(app.srcdir))]
    return [name for name in order if name in app.env.found_docs]


def card_path(docname: str) -> str:
    """Where a page's social card lies in the site."""
    return f"{SOCIAL}/{docname.replace('/', '-')}.png"


def tags(app: Sphinx, docname: str, title: str, description: str) -> dict[str, str]:
    """Name -> content of a page's tags. Social networks want absolute addresses: without one, a relative one stands in."""
    base, up = site_url(app), "../" * docname.count("/")
    found = {
        "og:site_name": social.BOOK,
        "og:type": "book" if docname == app.config.root_doc else "article",
        "og:title": title,
        "og:description": description,
        "og:image": f"{base or up}{card_path(docname)}",
        "og:image:width": str(social.SIZE[0]),
        "og:image:height": str(social.SIZE[1]),
        "og:image:alt": f"{title}. {description}",
        "twitter:card": "summary_large_image",
    }
    if base:
        found["og:url"] = base + app.builder.get_target_uri(docname)
    return found


def head(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Add the tags to the page's head."""
    up = "../" * pagename.count("/")
    lines = [f'<meta name="theme-color" media="(prefers-color-scheme: {mode})" content="{color}"/>' for mode, color in COLORS]
    lines += [
        f'<link rel="icon" type="image/png" sizes="48x48" href="{up}_static/logo-48.png"/>',
        f'<link rel="apple-touch-icon" href="{up}_static/logo-180.png"/>',
    ]
    if pagename in app.env.found_docs:
        front = fronts.front(app.env, pagename)
        if front.description:
            lines.append(f'<meta name="description" content="{escape(front.description)}"/>')
        for name, content in tags(app, pagename, front.name, front.description).items():
            kind = "name" if name.startswith("twitter:") else "property"
            lines.append(f'<meta {kind}="{name}" content="{escape(content)}"/>')
    context["metatags"] = context.get("metatags", "") + "\n    ".join(["", *lines, ""])


def draw(app: Sphinx, out: Path) -> None:
    """The icons, and a card for every page; one that says what it said is kept."""
    captions = parts(Path(app.srcdir))
    memory = out.parent / "cards.json"
    drawn = json.loads(memory.read_text(encoding="utf-8")) if memory.is_file() else {}
    for name, side in social.ICONS.items():
        if not (out / "_static" / name).is_file():
            social.write(social.mark(side), out / "_static" / name)
    for docname in pages(app):
        front = fronts.front(app.env, docname)
        part = captions.get(docname, "")
        kicker = " · ".join(piece for piece in (f"Chapter {front.number}" if front.number else "", part) if piece)
        words, path = [front.name, front.description, kicker or "An executable course"], out / card_path(docname)
        if drawn.get(docname) != words or not path.is_file():
            social.write(social.card(*words), path)
            drawn[docname] = words
    memory.write_text(json.dumps(drawn), encoding="utf-8")


def sitemap(app: Sphinx, base: str) -> str:
    """The site's map, for a known address."""
    rows = "".join(f"  <url><loc>{escape(base + app.builder.get_target_uri(name))}</loc></url>\n" for name in pages(app))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{rows}</urlset>\n'
    )


def index(app: Sphinx, base: str, out: Path) -> str:
    """The plain index: one line a page, with its source, and the data that the site offers."""
    captions = parts(Path(app.srcdir))
    first = fronts.front(app.env, app.config.root_doc)
    lines = [
        f"# {first.title}",
        "",
        f"> {first.description}",
        "",
        "Text and figures CC BY 4.0, code MIT. The source of a chapter is Markdown with its code cells; the executed "
        "notebook beside it has the outputs. Every verdict is decided by a rule over registered claims.",
        "",
    ]
    part = None
    for name in pages(app):
        caption = captions.get(name, "The book") or "Pages"
        if caption != part:
            part = caption
            lines += [*([""] if lines[-1] else []), f"## {caption}", ""]
        front = fronts.front(app.env, name)
        links = [f"[source]({base}{source})" for source in (f"_sources/{name}.md",) if (out / source).is_file()]
        notebook = f"_notebooks/{name.rpartition('/')[2]}.ipynb"
        links += [f"[notebook]({base}{notebook})"] if CHAPTER.fullmatch(name) and (out / notebook).is_file() else []
        also = f" ({', '.join(links)})" if links else ""
        page = base + app.builder.get_target_uri(name)
        lines.append(f"- [{front.title}]({page}): {front.description}{also}")
    data = sorted(p.relative_to(out).as_posix() for p in out.rglob("*ledger*") if p.suffix in DATA)
    papers = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.suffix in (".pdf", ".epub"))
    if data or papers:
        lines += ["", "## Downloads", "", *(f"- [{name}]({base}{name})" for name in [*data, *papers])]
    return "\n".join(lines) + "\n"


def publish(app: Sphinx, exception: Exception | None) -> None:
    """Write what machines ask for at the root of an HTML site."""
    if exception is not None or app.builder.name not in ("html", "dirhtml"):
        return
    out, base = Path(app.outdir), site_url(app)
    draw(app, out)
    robots = "User-agent: *\nAllow: /\n"
    if base:
        (out / "sitemap.xml").write_text(sitemap(app, base), encoding="utf-8")
        robots += f"Sitemap: {base}sitemap.xml\n"
    else:
        (out / "sitemap.xml").unlink(missing_ok=True)
        LOGGER.info("sitemap: none written, for the site's address is not known; set ALCHEMY_SITE_URL or GITHUB_REPOSITORY.")
    (out / "robots.txt").write_text(robots, encoding="utf-8")
    (out / "llms.txt").write_text(index(app, base, out), encoding="utf-8")


def connect(app: Sphinx) -> None:
    """Register the configuration and this module's events."""
    app.add_config_value("alchemy_site_url", os.environ.get("ALCHEMY_SITE_URL", ""), "html", str)
    app.connect("html-page-context", head)
    app.connect("build-finished", publish, priority=800)  # after the notebooks and the data, before the ledger's check
