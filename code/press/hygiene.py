"""The written pages made strict, light and steady, after Sphinx and the theme are done with them.

- No inline script: what the theme writes into its pages goes to files, so that a page runs under `script-src 'self'`.
- Scripts wait for the page (`defer`); only the search page loads the search, only a page with tabs what turns them.
- Images say their size, so that nothing moves when they arrive; all but a page's first are loaded when they come near.
- Icons are for the eye (`aria-hidden`), the sidebar is a landmark, an empty header cell is no header,
  the index's table is no table, a fold is called what it says.

Everything here can be done twice: an incremental build meets pages of the build before.
"""

from __future__ import annotations

import hashlib
import re
from html import escape
from pathlib import Path
from xml.etree import ElementTree

from PIL import Image
from sphinx.application import Sphinx

from press import assets

SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script>[ \t]*\n?", re.DOTALL | re.IGNORECASE)
SEARCH = ("_static/searchtools.js", "_static/language_data.js", "searchindex.js")
EAGER = "data-cfasync"  # the theme marks its one script with it that must run before the first paint
# On a first visit that script leaves the choice to a later one: until then dark readers see light, and both logos show.
LATER = 'localStorage.getItem("theme") || "auto"'
AT_ONCE = 'localStorage.getItem("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")'
UNITS = {"": 1.0, "px": 1.0, "pt": 96 / 72, "in": 96.0, "cm": 96 / 2.54, "mm": 9.6 / 2.54}


def connect(app: Sphinx) -> None:
    """After everybody else who writes into the site."""
    app.connect("build-finished", clean, priority=900)


def clean(app: Sphinx, exception: Exception | None) -> None:
    """Clean every page of an HTML build, then the theme's style sheets and fonts."""
    if exception is not None or app.builder.name not in ("html", "dirhtml"):
        return
    site = Path(app.outdir)
    written = {page: page.read_text(encoding="utf-8") for page in pages(site)}
    digests = assets.slim(site, list(written.values()))
    for page, text in written.items():
        text = redirection(text, app.config.html_title)
        cleaned = assets.refer(strict(sound(measured(text, page), page.name), page, site), digests)
        if cleaned != written[page]:
            page.write_text(cleaned, encoding="utf-8")


def pages(site: Path) -> list[Path]:
    """The pages of the site; those below _static and the like are not its own."""
    return sorted(p for p in site.rglob("*.html") if not p.relative_to(site).parts[0].startswith("_"))


def attribute(name: str, attributes: str) -> str | None:
    """The value of an attribute in the text of a tag, or None where it is absent."""
    found = re.search(rf"""(?<![\w-]){name}\s*=\s*(?:"([^"]*)"|'([^']*)')""", attributes)
    return None if found is None else found.group(1) or found.group(2) or ""


def runs(attributes: str) -> bool:
    """Whether a script element holds code of its own, not data and not the address of a file."""
    kind = attribute("type", attributes)
    return attribute("src", attributes) is None and kind in (None, "", "text/javascript", "module")


def strict(text: str, page: Path, site: Path) -> str:
    """The page without inline scripts. Settings go into one file, read before the scripts that they set."""
    root = "../" * (len(page.relative_to(site).parts) - 1)
    settings: list[str] = []
    head, body = text[: text.find("</head>")], text[text.find("</head>") :]

    def move(match: re.Match[str]) -> str:
        attributes, code = match.groups()
        if not runs(attributes):
            return match.group()
        if EAGER not in attributes and match.string is head:
            if "DOCUMENTATION_OPTIONS.pagename" not in code and code.strip() not in settings:  # for version switchers
                settings.append(code.strip())
            return ""
        return f'<script{attributes} src="{root}{stored(site, code.replace(LATER, AT_ONCE))}"></script>\n'

    head, body = SCRIPT.sub(move, head), SCRIPT.sub(move, body)
    if settings:
        tag = f'<script src="{root}{stored(site, chr(10).join(settings) + chr(10))}"></script>\n'
        first = re.search(r"<script\b[^>]*documentation_options\.js[^>]*></script>\s*", head)
        head = head[: first.end()] + tag + head[first.end() :] if first else head + tag
    waits = re.compile(rf"<script\b(?![^>]*(?:\bdefer\b|\basync\b|{EAGER}))(?=[^>]*\bsrc=)(?![^>]*type=\"module\")")
    return waits.sub("<script defer", head) + body


def stored(site: Path, code: str) -> str:
    """The path in the site of a file that holds `code`, named by its content."""
    name = f"_static/inline/{hashlib.sha256(code.encode()).hexdigest()[:10]}.js"
    (site / name).parent.mkdir(exist_ok=True)
    (site / name).write_text(code, encoding="utf-8")
    return name


def sound(text: str, name: str) -> str:
    """The page without the faults of the theme's frame."""

    def drop(match: re.Match[str]) -> str:
        source = (attribute("src", match.group(1)) or "").partition("?")[0]
        unused = "scripts/fontawesome.js" in source or (name != "search.html" and source.endswith(SEARCH))
        unused = unused or (source.endswith("design-tabs.js") and "sd-tab-set" not in match.string)
        return "" if unused else match.group()

    text = SCRIPT.sub(drop, text)
    text = re.sub(r'<i (?![^>]*aria-hidden)(class="fa[^"]*")', r'<i aria-hidden="true" \1', text)
    text = re.sub(r'(<div id="pst-primary-sidebar")(?! role)', r'\1 role="navigation" aria-label="Book"', text)
    text = text.replace('<summary aria-label="Toggle hidden content">', "<summary>")  # its own words say what it folds
    text = re.sub(r"<th\b[^>]*>\s*(?:<p>\s*</p>)?\s*</th>", "<td></td>", text)
    text = re.sub(r'<table (?=[^>]*\bindextable\b)(?![^>]*\brole=)', '<table role="presentation" ', text)  # columns only
    text = text.replace(' role="doc-biblioentry"', ' role="listitem"')  # deprecated, and what they are in is a list
    viewport = re.compile(r'\s*<meta name="viewport"[^>]*>')
    first = viewport.search(text)
    return text if first is None else text[: first.end()] + viewport.sub("", text[first.end() :])


def redirection(text: str, title: str) -> str:
    """A whole page in the place of Jupyter Book's bare redirection; any other page as it is."""
    bare = re.fullmatch(r'\s*<meta http-equiv="Refresh" content="0; url=([^"]+)" />\s*', text)
    if bare is None:
        return text
    target, name = bare.group(1), escape(title)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8" />\n<title>{name}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1.0" />\n'
        f'<meta http-equiv="refresh" content="0; url={target}" />\n<link rel="canonical" href="{target}" />\n'
        f'<link rel="icon" href="_static/logo.svg" />\n</head>\n<body>\n'
        f'<main><h1><a href="{target}">{name}</a></h1></main>\n</body>\n</html>\n'
    )


def measured(text: str, page: Path) -> str:
    """The page whose images carry their size and do not hold it up."""
    count = 0

    def sized(match: re.Match[str]) -> str:
        nonlocal count
        tag, source = match.group(), attribute("src", match.group()) or ""
        extra = ""
        if attribute("width", tag) is None and attribute("height", tag) is None and "://" not in source:
            size = dimensions(page.parent / source.partition("?")[0])
            extra = f' width="{size[0]}" height="{size[1]}"' if size else ""
        if "logo" not in tag:
            count += 1
            if count > 1 and attribute("loading", tag) is None:
                extra += ' loading="lazy" decoding="async"'
        return tag[:4] + extra + tag[4:]

    return re.sub(r"<img\s[^>]*>", sized, text)


def dimensions(image: Path) -> tuple[int, int] | None:
    """Width and height of an image file in CSS pixels; None where they cannot be told."""
    if not image.is_file():
        return None
    if image.suffix != ".svg":
        with Image.open(image) as opened:
            return opened.size
    root = next(ElementTree.iterparse(image, events=("start",)))[1]
    lengths = [re.fullmatch(r"\s*([\d.]+)\s*([a-z]*)\s*", root.get(side, "")) for side in ("width", "height")]
    if all(length and length.group(2) in UNITS for length in lengths):
        return tuple(round(float(length.group(1)) * UNITS[length.group(2)]) for length in lengths)
    box = root.get("viewBox", "").split()
    return (round(float(box[2])), round(float(box[3]))) if len(box) == 4 else None
