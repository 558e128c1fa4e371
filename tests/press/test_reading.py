"""A page as it is built: cells that fold, the switch, figures that open, formulas without scripts, conflicts, 404, ledger.

One miniature book, built once with the real extension and configuration; a second build with a conflict in it fails.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]
FRONT = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
"""
CHAPTER = (
    FRONT
    + """
# 01 · A page

Let $x$ be large.

```{code-cell} python
import alchemy
from IPython.display import publish_display_data
chapter = alchemy.open_chapter("01-first")
print("imported")
```

```{code-cell} python
def helper():
    return 1
```

```{code-cell} python
x = helper() + 1
print("the subject")
```

```{code-cell} python
:tags: [hide-input]
svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
publish_display_data({"image/svg+xml": svg}, {"image/svg+xml": {"alt": "a square of nine", "caption": "One."}})
number = alchemy.claim("first/number", side="rigor", kind="theorem", says="It is so.", measure="the number",
                       holds=alchemy.at_least(0), seeds=4)
number.judge([x, x + 1, x + 2, x + 3])
chapter.finish()
```
"""
)
LEDGER = (
    FRONT
    + """
# 25 · A page

```{code-cell} python
import alchemy
from alchemy import run
from alchemy.claims import tables
chapter = alchemy.open_chapter("25-ledger")
rows = [row for found in run.results(chapter.scale, chapter.seed).values() for row in found["claims"]]
tables.ledger_table(rows, lambda name: "their-own-link.html")
```

```{code-cell} python
chapter.finish()
```
"""
)
MANIFEST = 'title = "A page"\npart = "Parts"\nquestion = "Is it?"\n'
PLAIN = "# Words\n\nNo formula and no code.\n\n```{downloads-paper}\n```\n"
CONFLICT = "\n<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> other\n"


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run jupyter-book as `make book` does."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("ALCHEMY_") and k != "GITHUB_REPOSITORY"}
    env = clean | {"PYTHONPATH": str(ROOT / "code"), "ALCHEMY_SEED": "7", "GITHUB_REPOSITORY": "someone/book"}
    run = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", run, "build", ".", "-W", "-n", "--keep-going", "-q"]
    return subprocess.run(command, cwd=folder, env=env, text=True, capture_output=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built book."""
    folder = tmp_path_factory.mktemp("book")
    for name in ("book/_static", "chapters"):
        (folder / name).mkdir(parents=True)
    for name in ("logo.svg", "alchemy.css", "frame.css", "print.css", "code.js", "pictures.js"):
        shutil.copy(ROOT / "book" / "_static" / name, folder / "book" / "_static")
    shutil.copy(ROOT / "_config.yml", folder)
    texts = {
        "requirements.txt": "",
        "book/intro.md": PLAIN,
        "book/references.bib": "",
        "_toc.yml": yaml.dump(
            {
                "format": "jb-book",
                "root": "book/intro",
                "chapters": [{"file": "chapters/01-first"}, {"file": "chapters/25-ledger"}],
            }
        ),
        "chapters/01-first.md": CHAPTER,
        "chapters/25-ledger.md": LEDGER,
        "chapters/01-first/chapter.toml": MANIFEST,
        "chapters/25-ledger/chapter.toml": MANIFEST + "collects = true\n",
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    done = build(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def page(book: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((book / "_build" / "html" / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


def test_what_prepares_is_folded_and_says_what_it_is(book: Path) -> None:
    cells = page(book, "chapters/01-first").select("article div.cell")
    said = [" ".join(fold.summary.p.get_text().split()) if (fold := cell.find("details")) else None for cell in cells]
    assert said == ["Code: imports", "Code: helper", None, "Code"]
    assert not any(fold.has_attr("open") for fold in page(book, "chapters/01-first").select("details.hide"))
    assert "imported" in cells[0].select_one(".cell_output").get_text()  # only the input is folded
    assert not page(book, "chapters/01-first").select("summary[aria-label]")


def test_the_switch_stands_beside_the_themes_on_pages_with_code(book: Path) -> None:
    for name, there in (("chapters/01-first", True), ("book/intro", False), ("404", False)):
        soup = page(book, name)
        found = soup.select(".bd-header-article button.code-switch")
        eager = soup.head.select("script[src*='code.js']")
        assert len(found) == len(eager) == there
        if there:
            assert found[0]["aria-pressed"] == "mixed" and found[0]["aria-label"]
            assert not eager[0].has_attr("defer")  # before the first paint


def test_a_figure_is_a_link_to_its_picture(book: Path) -> None:
    soup = page(book, "chapters/01-first")
    link = soup.select_one("figure a.alchemy-large")
    assert link.img["alt"] == "a square of nine"
    assert (book / "_build/html/chapters" / link["href"]).resolve().is_file()
    assert soup.select("script[src*='pictures.js']") and not page(book, "book/intro").select("script[src*='pictures.js']")


def test_readers_without_scripts_are_told_about_formulas_where_there_are_some(book: Path) -> None:
    (notice,) = page(book, "chapters/01-first").select("noscript .alchemy-noscript")
    assert "JavaScript is off" in notice.get_text()
    address, _, place = notice.a["href"].partition("#")
    assert page(book, "book/intro").find(id=place) is not None and address == "../book/intro.html"
    assert not page(book, "book/intro").select(".alchemy-noscript")


def test_the_ledger_is_drawn_from_the_rows_of_the_chapters(book: Path) -> None:
    soup = page(book, "chapters/25-ledger")
    (fold,) = soup.select("details.ledger-group")
    assert "01 · A page" in fold.summary.get_text() and "✓ 1 held" in fold.summary.get_text()
    (line,) = fold.select("tbody tr")
    assert line["data-claim"] == "first/number" and line.th.a["href"] == "01-first.html#verdict-first-number"
    assert not soup.select('a[href="their-own-link.html"]')
    assert (book / "_build/html/_ledger/ledger.csv").is_file()


def test_the_page_for_wrong_addresses_starts_at_the_sites_root(book: Path) -> None:
    text = (book / "_build/html/404.html").read_text(encoding="utf-8")
    soup = BeautifulSoup(text, "html.parser")
    assert soup.select_one("form.missing-search")["action"] == "/book/search.html"
    assert "/book/chapters/01-first.html" in [a["href"] for a in soup.select(".missing-contents a")]
    addresses = re.findall(r'(?<![\w-])(?:href|src|action)="([^"]*)"', text)
    assert [a for a in addresses if not re.match(r"/book/|#|https?:|mailto:", a)] == []
    assert soup.html["data-content_root"] == "/book/"


def test_a_page_with_an_unfinished_merge_is_refused_by_file_and_line(book: Path) -> None:
    source = book / "chapters" / "01-first.md"
    line = len(CHAPTER.splitlines()) + 2
    try:
        source.write_text(CHAPTER + CONFLICT, encoding="utf-8")
        done = build(book)
    finally:
        source.write_text(CHAPTER, encoding="utf-8")
    assert done.returncode != 0
    assert f"01-first.md:{line}: WARNING: a merge was not finished" in done.stdout + done.stderr
