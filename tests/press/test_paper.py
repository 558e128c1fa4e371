"""The book on paper: pages become chapters with unique ids and links that lead somewhere; the EPUB's container; the offer."""

from __future__ import annotations

import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]

from press import offer  # noqa: E402
from press.paper import assemble, browser, epub, pdf  # noqa: E402

ONE = """<section id="one"><h1>01 · One<a class="headerlink" href="#one">#</a></h1><script>no()</script>
<p>See <a class="reference internal" href="02-two.html#deep">two</a>, <a href="#one">here</a>,
<a href="../_notebooks/x.md">file</a>.</p>
<figure><img class="alchemy-figure" alt="a line" src="../_images/a.svg" style="height: 9px"/>
<figcaption><p>Cap.</p></figcaption></figure>
<section id="exercises"><h2>Exercises</h2><p><strong>1. Do.</strong> It.</p>
<div class="cell tag_hide-cell"><details class="admonition hide"><summary>Show</summary><pre>answer</pre></details></div>
</section></section>"""
TWO = """<section id="two"><h1>02 · Two</h1><noscript><p>static</p></noscript><form><input/></form>
<section id="deep"><h2>Deep</h2><p><span class="math notranslate">\\(x\\)</span></p>
<details class="sd-dropdown"><summary>More</summary><p>open</p></details></section></section>"""
FACTS = {
    "title": "T & T",
    "subtitle": "s",
    "author": "A",
    "version": "1",
    "date": "1 May 2026",
    "modified": "2026-05-01T00:00:00Z",
    "run": "Run.",
    "repository": "https://example.org/r",
    "keywords": "a, b",
    "abstract": "x < y",
    "logo": "<svg></svg>",
}


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A root with a table of contents and a built site of three pages."""
    (tmp_path / "_toc.yml").write_text(
        "root: book/intro\nparts:\n  - caption: I\n    chapters: [{file: chapters/01-one}, {file: chapters/02-two}]\n",
        encoding="utf-8",
    )
    site = tmp_path / "html"
    pages = {"book/intro": "<section id='i'><h1>Intro</h1></section>", "chapters/01-one": ONE, "chapters/02-two": TWO}
    for name, body in pages.items():
        path = site / f"{name}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'<html><body><article class="bd-article">{body}</article></body></html>', encoding="utf-8")
    (site / "_images").mkdir()
    (site / "_images" / "a.svg").write_text('<!DOCTYPE svg><svg xmlns="http://www.w3.org/2000/svg"><path style="x"/></svg>')
    return tmp_path


def test_pages_become_one_book(book: Path) -> None:
    intro, one, two = assemble.assemble(book, book / "html")
    assert [c.part for c in (intro, one, two)] == ["", "I", ""]
    text = str(one.body)
    assert 'href="#02-two--deep"' in text and 'href="#01-one--one"' in text
    assert "script" not in text and "headerlink" not in text and "_notebooks" not in text
    assert "Figure 1.1. " in one.body.find("figcaption").get_text()
    assert not one.body.find("img").has_attr("style")
    assert "static" in str(two.body) and "<input" not in str(two.body) and two.body.find("details") is None
    ids = [tag["id"] for c in (intro, one, two) for tag in c.body.find_all(id=True)]
    assert len(ids) == len(set(ids))
    assert [text for _, _, text in one.headings] == ["01 · One", "Exercises", "Answers to the exercises"]


def test_any_number_of_pages_without_a_number(book: Path) -> None:
    figure = '<figure><img class="alchemy-figure" alt="a" src="../_images/a.svg"/></figure>'
    for i in range(40):
        (book / "html" / "book" / f"page{i}.html").write_text(
            f'<html><body><article class="bd-article"><section id="p"><h1>{i} things</h1>{figure}</section></article></body>'
        )
    rows = ", ".join(f"{{file: book/page{i}}}" for i in range(40))
    toc = book / "_toc.yml"
    toc.write_text(toc.read_text(encoding="utf-8") + f"  - caption: II\n    chapters: [{rows}]\n", encoding="utf-8")
    chapters = assemble.assemble(book, book / "html")
    numbers = [tag.get_text() for c in chapters for tag in c.body.select(".figure-number")]
    assert numbers[0] == "Figure 1.1. " and len(set(numbers)) == len(numbers) == 41
    assert numbers[1] == "Figure B.1. " and numbers[25:27] == ["Figure Z.1. ", "Figure AA.1. "]
    assert numbers[-1] == "Figure AO.1. "


def test_pages_of_the_same_name_in_two_folders_stay_apart(book: Path) -> None:
    (book / "html" / "more").mkdir()
    (book / "html" / "more" / "02-two.html").write_text(
        '<html><body><article class="bd-article"><section id="two"><h1>Again</h1></section></article></body></html>'
    )
    toc = book / "_toc.yml"
    toc.write_text(toc.read_text(encoding="utf-8") + "  - caption: II\n    chapters: [{file: more/02-two}]\n", encoding="utf-8")
    chapters = assemble.assemble(book, book / "html")
    assert [c.slug for c in chapters] == ["intro", "01-one", "02-two", "more-02-two"]


def test_every_fold_is_open(book: Path) -> None:
    page = book / "html" / "chapters" / "02-two.html"
    folds = """<div class="alchemy-card"><p>Says.</p><details><summary>Details</summary><dl><dt>seeds</dt></dl></details></div>
    <div class="cell"><div class="cell_input"><details class="fold"><summary>Show code</summary><pre>import x</pre></details>
    </div></div></section></section>"""
    page.write_text(page.read_text(encoding="utf-8").replace("</section></section>", folds), encoding="utf-8")
    two = assemble.assemble(book, book / "html")[2].body
    assert two.find("details") is None and "seeds" in two.select_one(".alchemy-card .folded").get_text()
    assert two.select_one(".cell_input > .folded-code").get_text(strip=True) == "import x"


def test_answers_move_to_the_end_of_the_chapter(book: Path) -> None:
    one = assemble.assemble(book, book / "html")[1]
    order = one.body.get_text(" ", strip=True)
    assert order.index("Answer at the end") < order.index("Answers to the exercises") < order.rindex("answer")
    for link in one.body.select(".see-answer a, .answer-to a"):
        assert one.body.find(id=link["href"][1:]) is not None


def test_a_link_that_leads_nowhere_is_an_error(book: Path) -> None:
    page = book / "html" / "chapters" / "02-two.html"
    page.write_text(page.read_text(encoding="utf-8").replace('id="deep"', 'id="shallow"'), encoding="utf-8")
    with pytest.raises(assemble.PaperError, match="02-two.html#deep"):
        assemble.assemble(book, book / "html")


def test_a_site_that_is_not_built_is_an_error(book: Path) -> None:
    (book / "html" / "chapters" / "02-two.html").unlink()
    with pytest.raises(assemble.PaperError, match="make book"):
        assemble.assemble(book, book / "html")


def test_the_contents_name_pages(book: Path) -> None:
    chapters = assemble.assemble(book, book / "html")
    html = BeautifulSoup(pdf.table_of_contents(chapters, {"02-two--deep": 12}), "html.parser")
    rows = {a["href"]: a.select_one(".toc-page").get_text() for a in html.find_all("a")}
    assert rows["#02-two--deep"] == "12" and rows["#01-one--one"] == "000"
    assert "page: page-02-two" in pdf.chapter_html(chapters[2], {})


def test_the_container_of_the_epub(book: Path, tmp_path: Path) -> None:
    chapters = assemble.assemble(book, book / "html")
    files = {
        "nav.xhtml": epub.navigation(chapters, "T").encode(),
        "title.xhtml": epub.title_page(FACTS).encode(),
        "images/a.svg": epub.drawing((book / "html/_images/a.svg").read_bytes()),
    }
    files["package.opf"] = epub.package(FACTS, chapters, files).encode()
    epub.write(tmp_path / "b.epub", files)
    with zipfile.ZipFile(tmp_path / "b.epub") as archive:
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        for name in archive.namelist():
            if name.endswith((".xhtml", ".opf", ".xml", ".svg")):
                ElementTree.fromstring(archive.read(name))
    assert b"DOCTYPE" not in files["images/a.svg"] and b'<path d="M0 0" style' in files["images/a.svg"]


def test_links_between_the_files_of_the_epub(book: Path) -> None:
    chapters = assemble.assemble(book, book / "html")
    owner = {tag["id"]: c.slug for c in chapters for tag in [c.body, *c.body.find_all(id=True)] if tag.get("id")}
    files: dict[str, bytes] = {}
    html = epub.portable(chapters[1], owner, files)
    assert 'href="02-two.xhtml#02-two--deep"' in html and 'src="images/a.svg"' in html and "images/a.svg" in files


def test_no_chromium_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chrome")
    with pytest.raises(assemble.PaperError, match="CHROMIUM=/nowhere/chrome"):
        browser.chromium()


def test_the_site_offers_what_was_made(tmp_path: Path) -> None:
    site, folder = tmp_path / "html", tmp_path / "paper"
    (site / "book").mkdir(parents=True)
    folder.mkdir()
    page = site / "book" / "intro.html"
    page.write_text("a<!-- paper:begin --><!-- paper:end -->b", encoding="utf-8")
    offer.publish(site, folder)
    assert "make pdf" in page.read_text(encoding="utf-8") and "make epub" in page.read_text(encoding="utf-8")
    (folder / f"{offer.NAME}.pdf").write_bytes(b"x" * 2_000_000)
    (folder / "state.json").write_text('{"pdf": {"date": "2026-05-01", "pages": 300}}', encoding="utf-8")
    for _ in range(2):  # filling it twice changes nothing
        offer.publish(site, folder)
        text = page.read_text(encoding="utf-8")
        assert text.startswith("a<!--") and text.endswith("-->b") and text.count("300 pages, 2.0 MB") == 1
        assert f'href="../_paper/{offer.NAME}.pdf"' in text and "make epub" in text
    assert (site / "_paper" / f"{offer.NAME}.pdf").is_file()
