"""The theme's style sheets and icon fonts, cut down to what the pages use.

The theme brings Font Awesome twice, as 1.5 MB of script and as fonts of 300 kB, for about twenty icons. The script goes;
the fonts keep the icons that the pages, the theme's scripts and its style sheets name. It also brings the whole of Bootstrap's
style sheet: a rule goes if it asks for a class that no page and no script names.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Collection, Container, Iterable
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

THEME = "_static/styles/pydata-sphinx-theme.css"
FONTS = "_static/vendor/fontawesome/webfonts"
ICON = re.compile(r'((?:\.fa-[a-z0-9-]+:before,?)+)\{content:"(\\[0-9a-f]+|[^"\\])"\}')
FACE = re.compile(r"@font-face\{([^{}]*?src:url\(\.\./vendor/fontawesome/webfonts/([\w-]+)\.(?:ttf|woff2?)\)[^{}]*)\}")
logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells every table that it cuts
RULE = re.compile(r"([^{};]+)\{([^{}]*)\}")
CLASS = re.compile(r"\.((?:[A-Za-z_-]|\\.)(?:[\w-]|\\.)*)")
NEGATIVE = re.compile(r":(?:not|is|where|has)\([^)]*\)")  # may hold for an element without the class inside
WORD = re.compile(r"[\w-]+")
MADE = "bs-"  # Bootstrap puts the names of these classes together as it runs
PRIVATE = re.compile("[\ue000-\uf8ff]")


def slim(site: Path, pages: Collection[str]) -> dict[str, str]:
    """Cut the theme's assets in `site` down to what `pages` use. Returns the digests of the files that it changed."""
    for useless in [*site.glob("_static/**/*.map"), site / "_static/scripts/fontawesome.js"]:
        useless.unlink(missing_ok=True)
    theme = site / THEME
    if not theme.is_file():
        return {}
    css = theme.read_text(encoding="utf-8")
    scripts = [p.read_text(encoding="utf-8") for p in site.glob("_static/scripts/*.js")]
    used = set().union(*(re.findall(r"\bfa-[a-z0-9-]+", text) for text in [*pages, *scripts]))
    css = ICON.sub(lambda m: m.group() if used & set(re.findall(r"fa-[a-z0-9-]+", m.group(1))) else "", css)
    sheets = [css, *(p.read_text(encoding="utf-8") for p in site.glob("_static/**/*.css") if p != theme)]
    css = FACE.sub(lambda m: face(m, site, points(sheets)), css)
    css = re.sub(r"/\*# sourceMappingURL=.*?\*/", "", css)
    ours = [p.read_text(encoding="utf-8") for p in site.glob("_static/*.js")]
    css = trimmed(css, set().union(*(WORD.findall(text) for text in [*pages, *scripts, *ours])))
    theme.write_text(css, encoding="utf-8")
    return {THEME: digest(css.encode())}


def trimmed(css: str, words: Container[str]) -> str:
    """A minified style sheet without the rules for classes that are not among `words`, the words of pages and scripts."""

    def kept(match: re.Match[str]) -> str:
        said, end, selectors = match.group(1).rpartition("*/")  # a comment before the rule stays
        if "@" in selectors or re.fullmatch(r"(from|to|[\d.%,\s])+", selectors):  # a font, a page, a step of an animation
            return match.group()
        wanted = [
            s
            for s in re.split(r",(?![^(]*\))", selectors)
            if all(c in words or c.startswith(MADE) for c in CLASS.findall(NEGATIVE.sub("", s)))
        ]
        return said + end + (f"{','.join(wanted)}{{{match.group(2)}}}" if wanted else "")

    return re.sub(r"@media[^{}]*\{\}", "", RULE.sub(kept, css))


def points(sheets: Iterable[str]) -> set[int]:
    """The private code points (icons) that style sheets name, as characters or as escapes."""
    text = "".join(sheets)
    return {ord(c) for c in PRIVATE.findall(text)} | {int(e, 16) for e in re.findall(r'"\\([ef][0-9a-f]{3})"', text)}


def face(match: re.Match[str], site: Path, wanted: set[int]) -> str:
    """An @font-face rule for the wanted icons of one font; nothing if it has none of them."""
    rule, name = match.groups()
    whole = site / FONTS / f"{name}.ttf"
    if not whole.is_file():  # cut in an earlier build, which wrote this rule
        return match.group()
    font = TTFont(whole)
    kept = wanted & set(font.getBestCmap())
    for file in whole.parent.glob(f"{name}.*"):
        file.unlink()
    if not kept:
        return ""
    cutter = subset.Subsetter(subset.Options(layout_features=[], hinting=False, name_IDs=[], notdef_outline=False))
    cutter.populate(unicodes=kept)
    cutter.subset(font)
    font.flavor = "woff"
    font.save(whole.with_suffix(".woff"))
    src = f'src:url(../vendor/fontawesome/webfonts/{name}.woff) format("woff")'
    return "@font-face{" + re.sub(r"src:[^;]*", src, rule) + "}"


def digest(content: bytes) -> str:
    """A short name of a content."""
    return hashlib.sha256(content).hexdigest()[:10]


def refer(text: str, digests: dict[str, str]) -> str:
    """The page whose addresses of changed files carry their new digests, so that no reader's cache serves the old."""
    for path, name in digests.items():
        text = re.sub(rf'({re.escape(path)})(?:\?[^"]*)?"', rf'\1?digest={name}"', text)
    return text
