"""The EPUB 3: every chapter as XHTML with MathML, in a container that needs nothing from outside.

Chromium serialises the pages and its MathJax writes the MathML, so that formulas are read by the same program as on the site.
"""

from __future__ import annotations

import mimetypes
import re
import uuid
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from press.paper.assemble import Chapter, PaperError
from press.paper.browser import opened

STYLE = Path(__file__).with_name("epub.css")
XHTML = "http://www.w3.org/1999/xhtml"
EPOCH = (1980, 1, 1, 0, 0, 0)  # every file of the archive, so that equal books are equal bytes

# A chapter's HTML in, its XHTML out, with the formulas that MathJax could not read.
CONVERT = r"""html => {
  const page = new DOMParser().parseFromString(html, "text/html"), failed = [];
  for (const span of page.querySelectorAll(".math")) {
    const tex = span.textContent.trim().slice(2, -2).trim();
    const mml = MathJax.tex2mml(tex, {display: span.localName === "div"});
    const math = new DOMParser().parseFromString(mml, "application/xml").documentElement;
    if (math.localName !== "math" || math.querySelector("merror")) { failed.push(tex); continue; }
    for (const part of [math, ...math.querySelectorAll("*")]) {
      for (const {name} of [...part.attributes]) if (name.startsWith("data-") || name === "class") part.removeAttribute(name);
    }
    math.setAttribute("alttext", tex);
    span.replaceChildren(page.importNode(math, true));
  }
  for (const drawing of page.querySelectorAll("svg[role]")) {
    if (!["img", "document", "application"].includes(drawing.getAttribute("role"))) drawing.setAttribute("role", "document");
  }
  for (const link of page.querySelectorAll("svg a")) {
    if (link.querySelector("title")) continue;
    const title = page.createElementNS("http://www.w3.org/2000/svg", "title");
    title.textContent = link.getAttribute("aria-label") || link.textContent.trim();
    link.prepend(title);
  }
  for (const part of page.querySelectorAll("[align], [data-page]")) {
    part.removeAttribute("align");
    part.removeAttribute("data-page");
  }
  return {body: new XMLSerializer().serializeToString(page.body), failed};
}"""


def document(title: str, body: str) -> str:
    """An XHTML file around a serialised body."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>\n<html xmlns="{XHTML}" '
        'xmlns:epub="http://www.idpf.org/2007/ops" lang="en" xml:lang="en"><head><meta charset="utf-8"/>'
        f'<title>{escape(title)}</title><link rel="stylesheet" type="text/css" href="style.css"/></head>{body}</html>\n'
    )


def title_page(about: Mapping[str, str]) -> str:
    """The title page, with licence, version and the run that computed the numbers."""
    e = {name: escape(value) for name, value in about.items()}
    link = f'<a href="{e["repository"]}">{e["repository"]}</a>'
    return document(
        about["title"],
        f"""<body class="title-page" epub:type="titlepage"><h1>{e["title"]}</h1>
<p class="subtitle">{e["subtitle"]}</p><p>{e["author"]}</p><p>Version {e["version"]}, {e["date"]}. {e["run"]}</p>
<p>Text and figures: <a href="https://creativecommons.org/licenses/by/4.0/">CC BY 4.0</a>. Code: MIT. Quotations are short
and belong to their authors.</p><p>Source, and the chapters as notebooks: {link}</p></body>""",
    )


def navigation(chapters: list[Chapter], title: str) -> str:
    """The table of contents: parts, chapters, sections."""

    def entry(chapter: Chapter) -> str:
        inner = "".join(
            f'<li><a href="{chapter.slug}.xhtml#{anchor}">{escape(text)}</a></li>'
            for level, anchor, text in chapter.headings
            if level == 2
        )
        return f'<li><a href="{chapter.slug}.xhtml">{escape(chapter.title)}</a>{f"<ol>{inner}</ol>" if inner else ""}</li>'

    rows, open_part = ['<li><a href="title.xhtml">Title page</a></li>'], False
    for chapter in chapters:
        if chapter.part:
            rows.append(f'{"</ol></li>" if open_part else ""}<li><span>{escape(chapter.part)}</span><ol>')
            open_part = True
        rows.append(entry(chapter))
    rows.append("</ol></li>" if open_part else "")
    marks = (
        '<nav epub:type="landmarks" hidden="hidden"><h2>Landmarks</h2><ol>'
        '<li><a epub:type="toc" href="nav.xhtml">Contents</a></li>'
        f'<li><a epub:type="bodymatter" href="{chapters[0].slug}.xhtml">Begin reading</a></li></ol></nav>'
    )
    return document(title, f'<body><nav epub:type="toc" id="toc"><h1>Contents</h1><ol>{"".join(rows)}</ol></nav>{marks}</body>')


def package(about: Mapping[str, str], chapters: list[Chapter], files: Mapping[str, bytes]) -> str:
    """The OPF: what the book is, which files it has, in which order they are read."""
    e = {name: escape(value) for name, value in about.items()}
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{about['repository']}#{about['version']}")
    items = []
    for name, data in sorted(files.items()):
        kind = "application/xhtml+xml" if name.endswith(".xhtml") else mimetypes.guess_type(name)[0] or "application/octet-stream"
        traits = [
            trait
            for trait, sign in (("nav", b'epub:type="toc" id'), ("mathml", b"<math"), ("svg", b"<svg"))
            if name.endswith(".xhtml") and sign in data
        ] + (["cover-image"] if name == "cover.png" else [])
        given = f' properties="{" ".join(traits)}"' if traits else ""
        items.append(f'<item id="{identifier(name)}" href="{name}" media-type="{kind}"{given}/>')
    spine = "".join(f'<itemref idref="{identifier(f"{slug}.xhtml")}"/>' for slug in ["title", "nav", *(c.slug for c in chapters)])
    subjects = "".join(f"<dc:subject>{escape(word)}</dc:subject>" for word in about["keywords"].split(", "))
    features = "".join(
        f'<meta property="schema:accessibilityFeature">{word}</meta>'
        for word in ("alternativeText", "MathML", "structuralNavigation", "tableOfContents", "readingOrder")
    )
    return f"""<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="book" xml:lang="en">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="book">urn:uuid:{identity}</dc:identifier>
<dc:title>{e["title"]}: {e["subtitle"]}</dc:title><dc:creator>{e["author"]}</dc:creator><dc:language>en</dc:language>
<dc:description>{e["abstract"]}</dc:description>{subjects}<dc:date>{e["modified"][:10]}</dc:date>
<dc:rights>Text and figures CC BY 4.0, code MIT</dc:rights><meta property="dcterms:modified">{e["modified"]}</meta>
<meta property="schema:accessMode">textual</meta><meta property="schema:accessMode">visual</meta>
<meta property="schema:accessModeSufficient">textual</meta>{features}
<meta property="schema:accessibilityHazard">none</meta><meta property="schema:accessibilitySummary">Every figure has a text
alternative with its measured finding; formulas are MathML with their TeX as alternative text.</meta>
<meta name="cover" content="{identifier("cover.png")}"/></metadata>
<manifest>{"".join(items)}</manifest><spine>{spine}</spine></package>
"""


def identifier(name: str) -> str:
    """A file's name as an XML id."""
    return "f-" + re.sub(r"[^A-Za-z0-9]+", "-", name)


def make(
    chapters: list[Chapter],
    about: Mapping[str, str],
    static: Path,
    styles: list[str],
    out: Path,
    work: Path,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Write the EPUB; returns what was measured. Raises PaperError for a formula or a page that did not survive."""
    work.mkdir(parents=True, exist_ok=True)
    owner = {tag["id"]: c.slug for c in chapters for tag in [c.body, *c.body.find_all(id=True)] if tag.get("id")}
    files: dict[str, bytes] = {
        "style.css": STYLE.read_bytes(),
        "title.xhtml": title_page(about).encode(),
        "nav.xhtml": navigation(chapters, about["title"]).encode(),
    }
    html = {chapter.slug: portable(chapter, owner, files) for chapter in chapters}
    stage, formulas, failed = work / "epub.html", 0, []
    stage.write_text(cover(about, static), encoding="utf-8")
    with opened(stage, 1200) as page:
        page.set_viewport_size({"width": 1200, "height": 1600})
        files["cover.png"] = page.screenshot()
        for chapter in chapters:
            done = page.evaluate(CONVERT, html[chapter.slug])
            failed += [f"{chapter.slug}: {tex}" for tex in done["failed"]]
            files[f"{chapter.slug}.xhtml"] = document(chapter.title, done["body"]).encode()
            formulas += done["body"].count("<math")
    if failed:
        raise PaperError("MathJax could not read these formulas:\n  " + "\n  ".join(failed))
    say(f"{formulas} formulas as MathML, {sum(n.startswith('images/') for n in files)} pictures")
    files["package.opf"] = package(about, chapters, files).encode()
    for name, data in files.items():
        if name.endswith((".xhtml", ".opf", ".svg")):
            try:
                ElementTree.fromstring(data)
            except ElementTree.ParseError as error:
                raise PaperError(f"{name} of the EPUB is not well-formed XML: {error}") from error
    write(out, files)
    return {"formulas": formulas, "files": len(files) + 2}


def portable(chapter: Chapter, owner: Mapping[str, str], files: dict[str, bytes]) -> str:
    """A chapter's HTML with links between files; adds its pictures to the files."""
    text = str(chapter.body)
    for image in chapter.body.find_all("img"):
        path = Path(image["src"])
        files[f"images/{path.name}"] = drawing(path.read_bytes()) if path.suffix == ".svg" else path.read_bytes()
        text = text.replace(f'src="{escape(str(path))}"', f'src="images/{path.name}"')
    return re.sub(
        r'href="#([^"]+)"',
        lambda m: (
            f'href="{owner[m[1]]}.xhtml{"" if m[1] in owner.values() else "#" + m[1]}"'
            if owner.get(m[1]) not in (None, chapter.slug)
            else m[0]
        ),
        text,
    )


def drawing(svg: bytes) -> bytes:
    """Matplotlib's SVG as EPUB wants it: without a document type, and with a path for glyphs without one (the space)."""
    return re.sub(rb'<path (?![^>]*\bd=")', b'<path d="M0 0" ', re.sub(rb"<!DOCTYPE[^>]*>", b"", svg))


def cover(about: Mapping[str, str], static: Path) -> str:
    """The page that is photographed for the cover; it also loads MathJax."""
    e = {name: escape(value) for name, value in about.items()}
    sheet = (static / "paperfonts/fonts.css").as_uri()
    return f"""<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><link rel="stylesheet" href="{sheet}"><style>
body {{ margin: 0; height: 1600px; text-align: center; background: #fdfcf8; color: #16191d;
  font: 46px "Source Sans 3", sans-serif; }}
svg {{ width: 520px; margin: 260px 0 120px; }} h1 {{ font-size: 124px; line-height: 1.05; margin: 0 60px 40px; }}
em {{ font-family: "Source Serif 4", serif; }} p {{ margin: 0 80px 200px; }}</style>
<script>window.MathJax = {{startup: {{typeset: false}}}}</script>
<script src="{(static / "mathjax/tex-chtml.js").as_uri()}"></script>
</head><body>{about["logo"]}<h1>{e["title"]}</h1><p><em>{e["subtitle"]}</em></p><div>{e["author"]}</div></body></html>"""


def write(out: Path, files: Mapping[str, bytes]) -> None:
    """The archive: the type first and stored, then the container, then the book."""
    container = (
        '<?xml version="1.0"?>\n<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
        '<rootfiles><rootfile full-path="book/package.opf" media-type="application/oebps-package+xml"/>'
        "</rootfiles></container>\n"
    )
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("mimetype", EPOCH), "application/epub+zip", zipfile.ZIP_STORED)
        for name, data in [("META-INF/container.xml", container.encode()), *((f"book/{n}", d) for n, d in sorted(files.items()))]:
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data, zipfile.ZIP_DEFLATED, 9)
