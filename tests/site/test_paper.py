"""The PDF and the EPUB as made: skipped unless `make pdf` and `make epub` have put them in _build/paper."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAPER = Path(os.environ.get("PAPER", ROOT / "_build" / "paper"))
OPF = "{http://www.idpf.org/2007/opf}"
HTML = "{http://www.w3.org/1999/xhtml}"
CHAPTERS = sorted(p.stem for p in (ROOT / "chapters").glob("[0-9][0-9]-*.md"))


def made(kind: str) -> Path:
    """The file, or the reason to skip."""
    path = PAPER / f"explorers-and-settlers.{kind}"
    if not path.is_file():
        pytest.skip(f"{path} is not there; `make {kind}` makes it")
    return path


@pytest.fixture(scope="module")
def pdf():
    """A pypdf reader of the PDF."""
    pypdf = pytest.importorskip("pypdf")
    return pypdf.PdfReader(made("pdf"))


@pytest.fixture(scope="module")
def book() -> Iterator[zipfile.ZipFile]:
    """The EPUB's archive."""
    with zipfile.ZipFile(made("epub")) as archive:
        yield archive


def flat(outline: list) -> Iterator:
    """All bookmarks, whatever their level."""
    for row in outline:
        if isinstance(row, list):
            yield from flat(row)
        else:
            yield row


def test_the_pdf_has_every_chapter_on_a_page_of_its_own(pdf) -> None:
    marks = {" ".join(row.title.split()): pdf.get_destination_page_number(row) for row in flat(pdf.outline)}
    begins = {title: page for title, page in marks.items() if re.match(r"\d\d · ", title)}
    assert len(begins) == len(CHAPTERS) and len(set(begins.values())) == len(begins)
    assert len(pdf.pages) > 20 * len(CHAPTERS)
    for title, page in begins.items():
        assert title[5:25] in " ".join(pdf.pages[page].extract_text().split()), f"{title} is not on page {page + 1}"


def test_the_contents_name_the_right_pages(pdf) -> None:
    marks = {" ".join(row.title.split()): pdf.get_destination_page_number(row) + 1 for row in flat(pdf.outline)}
    first = marks[next(row.title for row in pdf.outline[1:] if not isinstance(row, list))] - 1  # the page after the contents
    contents = " ".join(" ".join(p.extract_text() for p in pdf.pages[2:first]).split())
    for title, page in marks.items():
        if re.match(r"\d\d · ", title):
            assert re.search(rf"{re.escape(title)} ?{page}\b", contents), f"{title}: the contents do not say {page}"


def test_every_link_of_the_pdf_resolves(pdf) -> None:
    places, inside = pdf.named_destinations, 0
    for page in pdf.pages:
        for note in page.get("/Annots") or []:
            note = note.get_object()
            action = note.get("/A", {})
            if "/URI" in action:
                assert re.match(r"https?://|mailto:", str(action["/URI"])), action["/URI"]
            elif isinstance(goal := note.get("/Dest", action.get("/D")), str):
                inside += 1
                assert goal in places or goal.lstrip("/") in places, goal
    assert inside > 300


def test_every_font_of_the_pdf_is_embedded(pdf) -> None:
    seen = set()
    for page in pdf.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            font = font.get_object()
            if font["/Subtype"] == "/Type3":
                continue  # its glyphs are drawings inside the file
            inner = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
            descriptor = inner["/FontDescriptor"]
            assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(descriptor), font["/BaseFont"]
            seen.add(font["/BaseFont"].partition("+")[2])
    assert any("SourceSerif" in name for name in seen) and any("SourceCode" in name for name in seen)


def test_nothing_of_the_pdf_is_clipped(pdf) -> None:
    measured = json.loads((PAPER / "state.json").read_text(encoding="utf-8"))["pdf"]
    assert measured["outside"] == [] and measured["broken"] == []
    assert measured["formulas"] > 500
    ends = []

    def visit(text: str, cm: list[float], tm: list[float], font: dict | None, size: float) -> None:
        if text.strip() and font and "SourceCode" in str(font.get("/BaseFont")):  # every glyph is 0.6 em wide
            longest = max(map(len, text.rstrip().split("\n")))
            ends.append((tm[4] * cm[0] + cm[4] + 0.6 * longest * abs(size * tm[0] * cm[0]), number, text[:40]))

    chapter = next(pdf.get_destination_page_number(row) for row in flat(pdf.outline) if row.title.startswith("01 · "))
    for number in range(chapter, chapter + 12):
        pdf.pages[number].extract_text(visitor_text=visit)
    margin = 24 / 25.4 * 72
    assert len(ends) > 200
    assert max(ends)[0] <= float(pdf.pages[0].mediabox.width) - margin + 1, max(ends)


def test_the_epub_is_whole(book: zipfile.ZipFile) -> None:
    first = book.infolist()[0]
    assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
    assert book.read("mimetype") == b"application/epub+zip"
    container = ElementTree.fromstring(book.read("META-INF/container.xml"))
    root = next(e.get("full-path") for e in container.iter() if e.get("full-path"))
    package = ElementTree.fromstring(book.read(root))
    items = {row.get("id"): row for row in package.iter(f"{OPF}item")}
    folder = root.rpartition("/")[0]
    listed = {f"{folder}/{row.get('href')}" for row in items.values()}
    assert listed == set(book.namelist()) - {"mimetype", "META-INF/container.xml", root}
    assert sum("nav" in (row.get("properties") or "").split() for row in items.values()) == 1
    assert all(row.get("idref") in items for row in package.iter(f"{OPF}itemref"))
    assert set(CHAPTERS) <= {Path(row.get("href")).stem for row in items.values()}


def test_the_pages_of_the_epub_are_xml_and_stay_inside(book: zipfile.ZipFile) -> None:
    pages = {n.rpartition("/")[2]: ElementTree.fromstring(book.read(n)) for n in book.namelist() if n.endswith(".xhtml")}
    ids = {name: {e.get("id") for e in page.iter() if e.get("id")} for name, page in pages.items()}
    files = {n.partition("/")[2] for n in book.namelist()}
    formulas = 0
    for name, page in pages.items():
        assert not [e.tag for e in page.iter() if e.tag in {HTML + tag for tag in ("script", "form", "button", "iframe")}]
        formulas += len(list(page.iter("{http://www.w3.org/1998/Math/MathML}math")))
        for image in page.iter(f"{HTML}img"):
            assert image.get("src") in files, image.get("src")
            assert image.get("alt"), f"{name}: {image.get('src')} has no alternative text"
        for link in page.iter(f"{HTML}a"):
            address, _, anchor = (link.get("href") or "").partition("#")
            if not re.match(r"[a-z]+:", address):
                assert (address or name) in pages and (not anchor or anchor in ids[address or name]), link.get("href")
        assert "\\(" not in "".join(page.itertext()), f"{name}: TeX that was not converted"
    assert formulas > 500
