"""What the written pages are cleaned of: inline scripts, unsized images, faults of the theme's frame."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from press import assets, hygiene

SVG = '<svg xmlns="http://www.w3.org/2000/svg" {} viewBox="0 0 300 150"/>'
PAGE = """<html><head>
<script data-cfasync="false">mode()</script>
<script src="../_static/documentation_options.js"></script>
<script>let hint = 'Show';</script><script>let hint = 'Show';</script>
<script>DOCUMENTATION_OPTIONS.pagename = 'x';</script>
<script src="../_static/searchtools.js"></script>
<script type="application/ld+json">{"kept": true}</script>
</head><body><script>late()</script></body></html>"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "_static").mkdir()
    (tmp_path / "chapters").mkdir()
    return tmp_path / "chapters" / "x.html"


def test_inline_code_moves_to_files_and_data_stays(page: Path, tmp_path: Path) -> None:
    done = hygiene.strict(PAGE, page, tmp_path)
    assert "mode()" not in done
    assert "let hint" not in done
    assert "late()" not in done
    assert '{"kept": true}' in done
    moved = [p.read_text(encoding="utf-8") for p in (tmp_path / "_static" / "inline").iterdir()]
    assert sorted(moved) == ["late()", "let hint = 'Show';\n", "mode()"]  # once, and no name of the page
    assert done.index("documentation_options") < done.index("defer src=\"../_static/inline") < done.index("</head>")
    assert '<script data-cfasync="false" src="../_static/inline/' in done  # before the first paint, not deferred
    assert hygiene.strict(done, page, tmp_path) == done


def test_only_the_search_page_loads_the_search() -> None:
    assert "searchtools" not in hygiene.sound(PAGE, "x.html")
    assert "searchtools" in hygiene.sound(PAGE, "search.html")


def test_icons_sidebar_and_empty_headers() -> None:
    done = hygiene.sound(
        '<i class="fa-solid fa-list"></i><div id="pst-primary-sidebar" class="a"><th class="head"><p></p></th><th>full</th>',
        "x.html",
    )
    assert '<i aria-hidden="true" class="fa-solid fa-list">' in done
    assert '<div id="pst-primary-sidebar" role="navigation" aria-label="Book" class="a">' in done
    assert "<td></td><th>full</th>" in done
    assert hygiene.sound(done, "x.html") == done


@pytest.mark.parametrize(
    ("size", "expected"), [('width="72pt" height="36pt"', (96, 48)), ("", (300, 150)), ('width="100%" height="100%"', (300, 150))]
)
def test_size_of_a_drawing(tmp_path: Path, size: str, expected: tuple[int, int]) -> None:
    (tmp_path / "a.svg").write_text(SVG.format(size), encoding="utf-8")
    assert hygiene.dimensions(tmp_path / "a.svg") == expected


def test_images_say_their_size_and_later_ones_wait(page: Path) -> None:
    Image.new("L", (40, 30)).save(page.parent / "a.png")
    done = hygiene.measured('<img alt="" src="a.png" /><img alt="" src="a.png" /><img alt="" src="none.png" />', page)
    first, second, third = done.split("<img ")[1:]
    assert 'width="40" height="30"' in first
    assert "lazy" not in first
    assert 'width="40" height="30" loading="lazy" decoding="async"' in second
    assert "width" not in third
    assert hygiene.measured(done, page) == done


def test_a_bare_redirection_becomes_a_page() -> None:
    done = hygiene.redirection('<meta http-equiv="Refresh" content="0; url=book/intro.html" />\n', "E & S")
    assert '<html lang="en">' in done
    assert '<a href="book/intro.html">E &amp; S</a>' in done
    assert hygiene.redirection(done, "E & S") == done


def test_icons_in_use_are_found_as_characters_and_as_escapes() -> None:
    assert assets.points(['a{content:"\\f104"}', "b{--icon:\"\uf05a\"}", 'c{content:"x"}']) == {0xF104, 0xF05A}


def test_changed_files_get_new_addresses() -> None:
    text = '<link href="../_static/a.css?digest=1"/><link href="../_static/b.css"/>'
    assert assets.refer(text, {"_static/a.css": "new"}) == text.replace("digest=1", "digest=new")


@pytest.mark.parametrize(
    ("rule", "stays"),
    [
        (".used{a:b}", True),
        (".unused{a:b}", False),
        (".used .unused{a:b}", False),
        (".used:not(.unused){a:b}", True),
        (":is(.used,.unused) p{a:b}", True),
        ("p,a:hover{a:b}", True),
        (":root{--a:b}", True),
        ("@font-face{src:url(a.woff)}", True),
        ("@keyframes x{0%{a:b}to{a:c}}", True),
        (".bs-tooltip-auto{a:b}", True),
        (".md\\:used{a:b}", False),
        ("/*! from a.b */:root{a:b}", True),
        ("@media print{.used{a:b}}", True),
    ],
)
def test_rules_for_classes_that_nothing_names_go(rule: str, stays: bool) -> None:
    assert assets.trimmed(rule + "p{c:d}", {"used"}) == (rule if stays else "") + "p{c:d}"


def test_of_several_selectors_those_in_use_stay_and_empty_conditions_go() -> None:
    assert assets.trimmed("p,.unused,.used{a:b}@media (x){.unused{a:b}}", {"used"}) == "p,.used{a:b}"


def test_only_a_page_with_tabs_loads_their_script() -> None:
    tag = '<script defer src="_static/design-tabs.js?v=1"></script>'
    assert tag not in hygiene.sound(f"<p>{tag}</p>", "x.html")
    assert tag in hygiene.sound(f'<div class="sd-tab-set">{tag}</div>', "x.html")
