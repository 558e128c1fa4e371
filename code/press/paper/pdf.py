"""The PDF: one HTML page of the whole book, printed by Chromium, read for its page numbers, and printed again with them."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from pypdf import PdfReader, PdfWriter
from pypdf.generic import NameObject, TextStringObject

from press.paper.assemble import HEADINGS, Chapter, PaperError, words
from press.paper.browser import opened

# The page: A4 and also Letter, which is wider and shorter, have room for it.
WIDTH = 612  # CSS pixels between the margins that print.css sets: 210 mm less 24 mm on either side
FONTS = "paperfonts/fonts.css"

SETTLE = """async () => {
  const texts = [...document.querySelectorAll(".math")].map(span => [span, span.textContent]);
  await MathJax.typesetPromise();
  for (const [span, text] of texts) {
    const formula = span.querySelector("mjx-container");
    formula?.setAttribute("role", "img");
    formula?.setAttribute("aria-label", text.trim().slice(2, -2));
  }
  await document.fonts.ready;
  await Promise.all([...document.images].map(image => image.decode().catch(() => { throw new Error(image.src); })));
  return document.querySelectorAll("mjx-container").length;
}"""

# What does not fit between the margins is set smaller, never cut; short blocks stay in one piece.
FIT = """() => {
  // A line that has to wrap goes on further in than it began.
  const hang = block => {
    const lines = document.createDocumentFragment(), range = document.createRange();
    for (let text = block.textContent; text; text = block.textContent) {
      const end = text.indexOf("\\n"), length = end < 0 ? text.length : end + 1, line = document.createElement("span");
      const walk = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
      let node = walk.nextNode(), left = length;
      while (node.data.length < left) { left -= node.data.length; node = walk.nextNode(); }
      range.setStart(block, 0);
      range.setEnd(node, left);
      const indent = text.length - text.trimStart().length + 6;
      line.style = `display: block; padding-left: ${indent}ch; text-indent: -${indent}ch`;
      line.append(range.extractContents());
      lines.append(line);
    }
    block.replaceChildren(lines);
  };
  const small = [], room = element => element.parentElement.getBoundingClientRect().right;
  for (const table of document.querySelectorAll("table")) {
    let size = 100;
    while (size > 55 && table.getBoundingClientRect().right > room(table) + .5) {
      size -= 5;
      table.style.fontSize = `calc(var(--table-size) * ${size / 100})`;
    }
    if (size < 100) small.push([`table at ${size} %`, table.innerText.slice(0, 60)]);
  }
  for (const block of document.querySelectorAll("pre")) {
    const full = parseFloat(getComputedStyle(block).fontSize), least = (block.closest(".cell_output") ? 5.4 : 6.2) / .75;
    const fits = () => block.scrollWidth <= block.clientWidth + .5;
    let size = full;
    block.style.whiteSpace = "pre";
    while (size > least && !fits()) block.style.fontSize = `${size -= .15}px`;
    const wrapped = !fits();
    block.style.whiteSpace = "";
    if (wrapped) {
      block.style.fontSize = `${Math.min(full, 6.8 / .75)}px`;
      hang(block);
      small.push(["code with wrapped lines", block.innerText.slice(0, 60)]);
    }
  }
  for (const formula of document.querySelectorAll('mjx-container[display="true"]')) {
    const inner = formula.firstElementChild.getBoundingClientRect().width;
    const outer = formula.getBoundingClientRect().width;
    if (inner > outer) {
      const size = Math.floor(100 * outer / inner * .98);
      formula.style.fontSize = `${size}%`;
      small.push([`formula at ${size} %`, formula.ariaLabel.slice(0, 60)]);
    }
  }
  for (const box of document.querySelectorAll("pre, table, .admonition, .folded")) {
    if (box.getBoundingClientRect().height < 330) box.classList.add("short");
  }
  return small;
}"""

OUTSIDE = """() => {
  const page = document.body.getBoundingClientRect(), out = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    if (!node.data.trim() || node.parentElement.closest("mjx-assistive-mml, style, title")) continue;
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      if (box.width > 1 && (box.right > page.right + 1 || box.left < page.left - 1)) {
        out.push(node.data.trim().slice(0, 70));
        break;
      }
    }
  }
  for (const box of document.querySelectorAll("img, svg, mjx-container > mjx-math")) {
    const edge = box.getBoundingClientRect();
    if (edge.right > page.right + 1 || edge.left < page.left - 1) out.push(box.outerHTML.slice(0, 70));
  }
  return out;
}"""


def front(about: Mapping[str, str]) -> str:
    """The title page and its back: what it is, which version, under which licence, and which run computed its numbers."""
    e = {name: escape(value) for name, value in about.items()}
    return f"""<section class="title-page"><div class="title-mark">{about["logo"]}</div>
<p class="book-title">{e["title"]}</p><p class="book-subtitle">{e["subtitle"]}</p><p class="book-author">{e["author"]}</p>
<p class="book-version">Version {e["version"]} · {e["date"]}</p></section>
<section class="imprint"><p><strong>{e["title"]}</strong><br>{e["subtitle"]}</p>
<p>Version {e["version"]}, made on {e["date"]}. {e["run"]}</p>
<p>Text and figures: Creative Commons Attribution 4.0 International (CC BY 4.0),
<a href="https://creativecommons.org/licenses/by/4.0/">creativecommons.org/licenses/by/4.0</a>. Code: MIT.
Quotations are short and belong to their authors.</p>
<p>Source, and the chapters as notebooks: <a href="{e["repository"]}">{e["repository"]}</a></p>
<p>To cite: {e["author"]}. <em>{e["title"]}: {e["subtitle"]}</em>. Version {e["version"]}. {e["repository"]}.</p>
<p>On paper, code that the site folds is printed small where it stands; answers to the exercises stand at the end of their
chapter. What moves on the site (figures with sliders, bets, the ledger's filters) is printed at rest.</p></section>"""


def table_of_contents(chapters: list[Chapter], pages: Mapping[str, int]) -> str:
    """The contents, two levels deep, with page numbers; 000 where they are not known yet."""
    rows = []
    for chapter in chapters:
        if chapter.part:
            rows.append(f'<li class="toc-part">{escape(chapter.part)}</li>')
        for level, anchor, text in chapter.headings:
            if level <= 2:
                page = pages.get(anchor, 0)
                rows.append(
                    f'<li class="toc-{level}"><a href="#{anchor}"><span class="toc-text">{escape(text)}</span>'
                    f'<span class="toc-dots"></span><span class="toc-page">{page or "000"}</span></a></li>'
                )
    return f'<section class="contents"><h1 id="contents">Contents</h1><ol>{"".join(rows)}</ol></section>'


def chapter_html(chapter: Chapter, pages: Mapping[str, int]) -> str:
    """A chapter's content one heading level down (parts are the first level), with page numbers after links across the book."""
    body = copy.copy(chapter.body)
    if chapter.slug != "intro":
        for tag in body.find_all(HEADINGS):
            tag["class"] = [*tag.get("class", []), f"level-{tag.name[1]}"]
            tag.name = f"h{min(6, int(tag.name[1]) + 1)}"
    for image in body.find_all("img"):
        image["src"] = Path(image["src"]).as_uri()
    for link in body.select("a.paged"):
        link["data-page"] = str(pages.get(link["href"][1:], "000"))
    body["style"] = f"page: {page_name(chapter)}"
    part = f'<h1 class="part" style="page: {page_name(chapter)}">{escape(chapter.part)}</h1>' if chapter.part else ""
    if part:
        body["class"] = ["chapter", "begins-part"]
    return f"{part}\n{body}"


def page_name(chapter: Chapter) -> str:
    """The CSS name of a chapter's pages."""
    return "page-" + chapter.slug


def running_heads(chapters: list[Chapter]) -> str:
    """A named page for every chapter, which carries its title above the text."""
    return "\n".join(
        f'@page {page_name(c)} {{ @top-right {{ content: {json.dumps(c.title, ensure_ascii=False)} }} }}' for c in chapters[1:]
    )  # the first page's title is the book's


def whole(chapters: list[Chapter], about: Mapping[str, str], static: Path, styles: list[str], pages: Mapping[str, int]) -> str:
    """The HTML of the whole book."""
    sheets = "".join(f'<link rel="stylesheet" href="{(static / name).as_uri()}">' for name in [FONTS, *styles])
    parts = "\n".join(chapter_html(chapter, pages) for chapter in chapters)
    settings = {
        "startup": {"typeset": False},
        "options": {
            "enableAssistiveMml": False,
            "enableMenu": False,
            "ignoreHtmlClass": "tex2jax_ignore|mathjax_ignore",
            "processHtmlClass": "tex2jax_process|math",
        },
    }
    return f"""<!DOCTYPE html><html lang="en" data-theme="light" data-mode="light"><head><meta charset="utf-8">
<title>{escape(about["title"])}: {escape(about["subtitle"])}</title>{sheets}<style>{running_heads(chapters)}</style>
<script>window.MathJax = {json.dumps(settings)}</script><script src="{(static / "mathjax/tex-chtml.js").as_uri()}"></script>
</head><body class="paper">{front(about)}{table_of_contents(chapters, pages)}
<main>{parts}</main></body></html>"""


def anchors(path: Path) -> dict[str, int]:
    """The page number (from 1) of every place that a link in the PDF leads to."""
    reader = PdfReader(path)
    found = {}
    for name, place in reader.named_destinations.items():
        number = reader.get_destination_page_number(place)
        if number is not None and number >= 0:
            found[name.lstrip("/")] = number + 1
    return found


def print_once(source: Path, target: Path) -> dict[str, Any]:
    """Print a page. Returns what had to be set smaller, and what lies outside the page (nothing should)."""
    with opened(source, WIDTH) as page:
        formulas = page.evaluate(SETTLE)
        smaller = page.evaluate(FIT)
        outside = page.evaluate(OUTSIDE)
        broken = page.evaluate("() => [...document.querySelectorAll('mjx-merror, [data-mml-node=merror]')].map(e => e.title)")
        page.pdf(path=target, prefer_css_page_size=True, print_background=True, outline=True, tagged=True)
    return {"formulas": formulas, "smaller": smaller, "outside": outside, "broken": broken}


def make(
    chapters: list[Chapter],
    about: Mapping[str, str],
    static: Path,
    styles: list[str],
    out: Path,
    work: Path,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Write the PDF; returns what was measured. Raises PaperError if a link, a bookmark or a line got lost."""
    work.mkdir(parents=True, exist_ok=True)
    source, draft = work / "book.html", work / "draft.pdf"
    pages: dict[str, int] = {}
    for attempt in range(1, 5):
        source.write_text(whole(chapters, about, static, styles, pages), encoding="utf-8")
        measured = print_once(source, draft)
        if lost := [*measured["outside"], *measured["broken"]]:
            raise PaperError("Outside the page, or not typeset:\n  " + "\n  ".join(lost[:30]))
        found = anchors(draft)
        say(f"pass {attempt}: {len(PdfReader(draft).pages)} pages, {measured['formulas']} formulas, {len(found)} destinations")
        if found == pages:
            break
        pages = found
    else:
        raise PaperError("The page numbers did not settle in four passes; look at the contents in print.css.")
    logging.getLogger("pypdf").setLevel(logging.ERROR)  # Chromium counts its objects five short
    writer = PdfWriter(clone_from=draft)
    writer.add_metadata(
        {
            "/Title": f"{about['title']}: {about['subtitle']}",
            "/Author": about["author"],
            "/Subject": about["subtitle"],
            "/Keywords": about["keywords"],
        }
    )
    writer.page_mode = "/UseOutlines"
    name_bookmarks(writer, [title for chapter in chapters for title in titles(chapter)])
    writer.write(out)
    return measured | check(out, sum(len(c.headings) for c in chapters))


def titles(chapter: Chapter) -> list[str]:
    """The bookmarks of a chapter, in order: its part's, if one begins here, and one for each heading."""
    return [chapter.part] * bool(chapter.part) + [words(tag) for tag in chapter.body.find_all(HEADINGS)]


def name_bookmarks(writer: PdfWriter, named: list[str]) -> None:
    """Give the bookmarks their headings' words: Chromium writes the words of some headings twice."""
    found: list[Any] = []

    def collect(row: Any) -> None:
        while row is not None:
            row = row.get_object()
            found.append(row)
            collect(row.get("/First"))
            row = row.get("/Next")

    collect(writer.root_object["/Outlines"].get_object().get("/First"))
    expected = ["Contents", *named]
    plain = [" ".join(str(row["/Title"]).split()) for row in found]
    if len(plain) != len(expected) or any(not a.startswith(b[:6]) for a, b in zip(plain, expected, strict=True)):
        raise PaperError(f"{len(plain)} bookmarks for {len(expected)} headings, or another order: is a heading hidden?")
    for row, title in zip(found, expected, strict=True):
        row[NameObject("/Title")] = TextStringObject(title)


def check(path: Path, expected: int) -> dict[str, Any]:
    """What has to be true of the PDF: a bookmark for every heading, links that resolve, fonts inside. Raises PaperError."""
    reader = PdfReader(path)
    places, problems, inside, outwards = reader.named_destinations, [], 0, 0
    for number, page in enumerate(reader.pages, 1):
        for note in page.get("/Annots") or []:
            note = note.get_object()
            action = note.get("/A", {})
            uri = action.get("/URI") if action else None
            if uri is not None:
                outwards += 1
                if not str(uri).startswith(("http://", "https://", "mailto:")):
                    problems.append(f"page {number}: link to {uri}")
            elif "/Dest" in note or action.get("/D") is not None:
                inside += 1
                goal = note.get("/Dest", action.get("/D"))
                if isinstance(goal, str) and goal not in places and goal.lstrip("/") not in places:
                    problems.append(f"page {number}: link to {goal}, which is nowhere")
    marks = count(reader.outline)
    if marks < expected:
        problems.append(f"{marks} bookmarks for {expected} headings")
    if problems:
        raise PaperError("The PDF is not as it should be:\n  " + "\n  ".join(problems[:30]))
    return {"pages": len(reader.pages), "bookmarks": marks, "links_inside": inside, "links_outside": outwards}


def count(outline: list[Any]) -> int:
    """How many bookmarks an outline has, on all levels."""
    return sum(count(row) if isinstance(row, list) else 1 for row in outline)
