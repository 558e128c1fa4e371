"""The built site holds nothing that a class has to find out by itself: pages, downloads, search index, notebooks.

The site is the folder of the environment's SITE, else _build/html; without one this is skipped. Needs no nbgrader.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from course import variants

from . import private

ROOT = Path(__file__).resolve().parents[3]
SITE = (ROOT / (os.environ.get("SITE") or "_build/html")).resolve()
built = pytest.mark.skipif(not (SITE / "index.html").is_file(), reason=f"no built site in {SITE} (make book; or SITE=folder)")


def test_the_detector_sees_what_it_should_see(tmp_path: Path) -> None:
    """A solution, highlighted as on a page; a rubric, wrapped; a reference function; and nothing in what is public."""
    assert len(private.secrets()) > 3000
    pygments = pytest.importorskip("pygments")
    from pygments import formatters, lexers

    for path in private.SOURCES:
        slug, source = path.parts[-3], path.read_text(encoding="utf-8")
        for kind in ("SOLUTION", "RUBRIC"):
            for region in re.findall(rf"BEGIN {kind}\n(.*?)### END", source, re.DOTALL):
                if private.runs(region) & private.secrets():
                    page = pygments.highlight(region, lexers.PythonLexer(), formatters.HtmlFormatter())
                    assert private.found(page.encode(), "page.html"), f"{slug}: {region[:60]}"
        assert private.found(private.hidden(source).encode(), "source.md"), slug
        assert not private.found(private.seen(source).encode(), "source.md"), slug
    items = (ROOT / "chapters" / "01-alchemy" / "assignment" / "items.py").read_bytes()
    assert private.found(items, "items.js")
    assert not private.found((ROOT / "code" / "course" / "assignment.py").read_bytes(), "assignment.py")


@built
def test_nothing_private_is_on_the_site() -> None:
    seen = {}
    for path in private.published(SITE):
        if runs := private.found(path.read_bytes(), path.name):
            seen[path.relative_to(SITE).as_posix()] = sorted(runs)[:3]
    assert seen == {}


@built
def test_the_search_index_knows_no_name_of_a_solutions() -> None:
    index = SITE / "searchindex.js"
    if not index.is_file():
        pytest.skip("this site has no search index")
    assert len(private.names()) > 50
    known = set(re.findall(r"\w+", index.read_text(encoding="utf-8").lower()))
    assert sorted(private.names() & known) == []


@built
def test_no_file_of_the_coursework_is_on_the_site() -> None:
    names = [p.relative_to(SITE).as_posix() for p in private.published(SITE)]
    slugs = "|".join(p.parts[-3] for p in private.SOURCES if p.parts[-3].startswith("9"))
    assert len(names) > 50
    assert [n for n in names if re.search(rf"coursework/|assignment/|mutants|\.secret|(?:{slugs})\.(ipynb|html|md)", n)] == []


@built
def test_no_secret_is_on_the_site() -> None:
    if not variants.SECRET_FILE.exists() and not os.environ.get(variants.VARIABLE):
        pytest.skip("there is no course secret here to look for")
    secret = variants.secret(create=False)
    assert [p for p in private.published(SITE) if secret in p.read_bytes()] == []
