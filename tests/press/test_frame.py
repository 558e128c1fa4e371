"""The site's frame: heads of pages, score, map, timeline, sides, citations, and tags."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import jupytext
import pytest
import yaml
from alchemy import evidence, manifests, project
from alchemy.words import SIDE_SIGNS
from docutils import nodes
from press import cite, executed, fronts, landing, meta, prerequisites, sides, social, timeline

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("[0-9][0-9]-*.md"))
WRITTEN = [m for m in project.manifests() if m.written]


class Env(SimpleNamespace):
    """As much of Sphinx's environment as the frame asks for."""

    def doc2path(self, name: str) -> str:
        return str(ROOT / f"{name}.md")


def application(**config: str) -> Any:
    names = ["book/intro", *prerequisites.parts(ROOT)]
    builder = SimpleNamespace(get_relative_uri=lambda here, there: f"../{there}.html", get_target_uri=lambda name: f"{name}.html")
    settings = SimpleNamespace(**({"alchemy_site_url": "", "alchemy_repository": "", "root_doc": "book/intro"} | config))
    return SimpleNamespace(srcdir=str(ROOT), env=Env(srcdir=str(ROOT), found_docs=set(names)), builder=builder, config=settings)


def claims(*rows: tuple[str, str, str | None]) -> dict[str, Any]:
    return {
        "device": "1 test",
        "scale": "laptop",
        "seed": 0,
        "claims": [{"claim": {"id": name, "side": side}, "verdict": word and {"word": word}} for name, side, word in rows],
    }


def test_the_head_of_a_page() -> None:
    front = fronts.parse("---\na: b\n---\n\n# A *title*\n\nWhat is {cite}`a2020b` it, with `x`?\n")
    assert front == fronts.Front("A title", "What is it, with x?")
    assert fronts.parse("---\ndescription: Said.\n---\n# T\n\nFirst.").description == "Said."
    assert fronts.parse("# T\n\n:::{note}\nno\n:::\n\nFirst\nparagraph.\n\nSecond.").description == "First paragraph."
    assert (front.title, fronts.Front("T", "", "7").title) == ("A title", "07 · T")


@pytest.mark.parametrize(
    "text", ["word " * 90, "One sentence that is long enough to stand alone, and to be kept whole here. " * 5]
)
def test_descriptions_are_cut_between_words(text: str) -> None:
    short = fronts.shorten(text.strip())
    assert 60 < len(short) <= fronts.LONGEST + 2
    assert short.endswith(("word …", "here."))


@pytest.mark.parametrize("manifest", WRITTEN, ids=lambda m: m.slug)
def test_a_chapter_is_described_by_its_manifest(manifest: project.Manifest) -> None:
    front = fronts.front(application().env, f"chapters/{manifest.slug}")
    assert front.title == manifests.heading(manifest)
    assert front.number == str(manifest.number)
    assert 40 < len(front.description) <= fronts.LONGEST + 2
    assert not re.search(r"[{}`*]", front.description)


def test_the_block_under_a_title_comes_from_the_manifest_before_the_page_is_parsed() -> None:
    app, noted = application(), []
    app.env.note_dependency = noted.append
    source = [project.page("05-lstm").read_text(encoding="utf-8")]
    fronts.add_head(app, "chapters/05-lstm", source)
    assert source == [manifests.with_head(project.page("05-lstm").read_text(encoding="utf-8"), "05-lstm")]
    assert {Path(path).parent.name for path in noted} == {"05-lstm", "04-initialization"}  # whose title it shows
    source = [(ROOT / "book" / "method.md").read_text(encoding="utf-8")]
    fronts.add_head(app, "book/method", source)
    assert source == [(ROOT / "book" / "method.md").read_text(encoding="utf-8")]


def test_the_map_shows_every_chapter_and_every_prerequisite_of_the_manifests() -> None:
    app = application()
    nodes = prerequisites.chart(app)
    assert [node.manifest for node in nodes if node.manifest] == WRITTEN
    for node in nodes:
        if node.manifest:
            assert node.needs == {
                **{manifests.docname(to): True for to in node.manifest.requires},
                **{manifests.docname(to): False for to in node.manifest.helps},
            }
    html, text = prerequisites.render(app, "book/intro")
    svg = ElementTree.fromstring(re.search(r"<svg.*</svg>", html)[0])
    assert [link.get("href") for link in svg.iter("a")] == [f"../{node.docname}.html" for node in nodes]
    arcs = [path.get("class") for path in svg.iter("path") if "arc" in path.get("class", "")]
    between = [hard for node in nodes for to, hard in node.needs.items() if to.startswith("chapters/")]
    assert arcs.count("arc") == sum(between)
    assert arcs.count("arc offered") == len(between) - sum(between) > 0
    assert html.count("<li>") == len(WRITTEN) == len(text.splitlines())
    assert 'href="../chapters/08-edge-of-stability.html">08 · At the edge of stability</a>.</li>' in html


def test_what_a_reader_should_know_is_escaped() -> None:
    manifest = project.Manifest(slug="07-adam", title="T", part="P", background="that $a < b$ & `c`")
    node = prerequisites.Node("chapters/07-adam", fronts.Front("T", "", "7"), "P", {}, manifest)
    assert prerequisites.listing([node], {})[0][1] == "that a &lt; b &amp; c."


def test_the_score_counts_words_by_side() -> None:
    counts = landing.counted([("practice", "held"), ("rigor", "failed"), ("rigor", "not judged"), ("rigor", "held")])
    assert list(counts) == ["rigor", "practice"]
    assert counts["rigor"] == Counter({"failed": 1, "not judged": 1, "held": 1})
    html = landing.table(counts, 2, "Said.", "ledger.html")
    assert "3 claims from 2 chapters" in html
    assert "1 more were not judged" in html
    assert re.findall(r'<td class="(?:held|failed|undecided)">(\d+)', html) == list("110100210")
    assert html.count('fill="url(#score-hatch)"') == 1


def test_the_score_is_live_or_says_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    app, found = application(), {"01-alchemy": claims(("a/b", "rigor", "held"), ("a/c", "neither", "undecided"))}
    monkeypatch.setattr(landing.verdicts, "collected", lambda env: found)
    counts, chapters, said = landing.score(app)
    assert (counts["rigor"]["held"], counts["neither"]["undecided"], chapters) == (1, 1, 1)
    assert "1 test" in said
    committed = evidence.all_words()
    words = Counter(word for name, word in committed.items() if not name.startswith("ledger/"))
    known = next(iter(committed))
    for runs, reason in (({}, "no chapter was run"), ({"x": claims((known, "practice", None))}, "judges no claim")):
        found = runs
        counts, _, said = landing.score(app)
        assert sum(counts.values(), Counter()) == words
        assert reason in said
        assert "expected words" in said
    assert sum(counts["practice"].values()) == 1


def test_the_timeline_is_in_order_and_sourced() -> None:
    events = json.loads((ROOT / timeline.SOURCE).read_text(encoding="utf-8"))
    assert [e["date"] for e in events] == sorted(e["date"] for e in events)
    keys = set(re.findall(r"(?m)^@\w+\{([^,\s]+)\s*,", (ROOT / "book" / "references.bib").read_text(encoding="utf-8")))
    for event in events:
        assert event["key"] in keys
        assert event["kind"] in timeline.SHAPES
        assert event["form"] in timeline.FORMS
    assert {e["form"] for e in events} == set(timeline.FORMS)
    assert timeline.citing({"b": "{cite}`x,y`", "a": "{cite:t}`y` {cite}`y`"}) == {"y": ["a", "b"], "x": ["b"]}


@pytest.mark.parametrize(
    ("under", "found"),
    [
        ("<!-- rigor argues -->", ("rigor", "argues")),
        ("<!-- practice measures -->", ("practice", "measures")),
        ("<!-- nobody argues -->", None),
        ("<b>rigor argues</b>", None),
    ],
)
def test_whose_turn_a_section_is_stands_under_its_heading(under: str, found: tuple[str, str] | None) -> None:
    comment, text = nodes.raw("", under, format="html"), nodes.paragraph("", "It is a good argument.")
    document, section = nodes.document(None, None), nodes.section("", nodes.title("", "Controls"), comment, text)
    document += section
    sides.mark(SimpleNamespace(), document, "chapters/01-alchemy")
    assert (comment in section.children) == (found is None)
    if found:
        assert section["classes"] == [f"side-{found[0]}"]
        assert section.children[1].astext() == f"{SIDE_SIGNS[found[0]]} {found[0]} · {found[1]}\n\nIt is a good argument."
    else:
        assert section["classes"] == [] and section.children[2] is text


def test_every_chapter_gives_both_sides_a_turn() -> None:
    for path in CHAPTERS:
        under = re.findall(r"(?m)^##+ .+\n\n(<!-- .+ -->)$", path.read_text(encoding="utf-8"))
        assert {sides.TURN.fullmatch(comment)[1] for comment in under} == {"rigor", "practice"}, path.stem


def test_a_citation_says_who_what_which_and_when() -> None:
    whole = cite.book(ROOT)
    stated = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert whole is not None
    assert list(whole.authors) == [cite.author(row) for row in stated["authors"]]
    assert version in whole.version
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", whole.date)
    entry = cite.bibtex(whole, "07-adam", "7", "A & B", "https://a.example/x.html")
    assert entry.count("{") == entry.count("}")
    assert "A \\& B" in entry
    assert "url       = {https://a.example/x.html}" in entry
    assert "url" not in cite.bibtex(whole, "07-adam", "7", "A", "")
    assert "When? Chapter 4 of" in cite.sentence(whole, "4", "When?", "")


@pytest.mark.parametrize(
    ("stated", "repository", "address"),
    [
        ("", "", ""),
        ("https://a.example/book", "x/y", "https://a.example/book/"),
        ("", "Some/book", "https://some.github.io/book/"),
        ("", "some/some.github.io", "https://some.github.io/"),
    ],
)
def test_the_address_of_the_site(stated: str, repository: str, address: str) -> None:
    app = application(alchemy_site_url=stated, alchemy_repository=repository)
    assert meta.site_url(app) == address
    tags = meta.tags(app, "chapters/07-adam", "T", "D")
    assert tags["og:image"] == (address or "../") + "_social/chapters-07-adam.png"
    assert ("og:url" in tags) == bool(address)


def test_the_map_of_the_site_and_the_plain_index_have_every_page(tmp_path: Path) -> None:
    app, base = application(alchemy_site_url="https://a.example"), "https://a.example/"
    tree = ElementTree.fromstring(meta.sitemap(app, base))
    listed = [node.text for node in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    assert listed == [f"{base}{name}.html" for name in meta.pages(app)]
    (tmp_path / "_ledger").mkdir()
    (tmp_path / "_ledger" / "ledger.csv").write_text("id\n")
    text = meta.index(app, "", tmp_path)
    assert [name for name in meta.pages(app) if f"]({name}.html): " not in text] == []
    assert "(_ledger/ledger.csv)" in text
    assert "[source]" not in text  # none lies there


def test_social_cards_are_small_and_of_their_size(tmp_path: Path) -> None:
    path = tmp_path / "x" / "card.png"
    social.write(social.card("A title that is rather long, so that it takes the smaller type", "Why? " * 80, "Chapter 1"), path)
    with social.Image.open(path) as image:
        assert image.size == social.SIZE
    assert path.stat().st_size < 60_000
    assert social.mark(48).size == (48, 48)


def test_the_executed_notebook_has_the_block_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, ran = project.page("07-adam"), tmp_path / "ran.ipynb"
    jupytext.write(jupytext.read(page), ran)
    run = SimpleNamespace(page=page, notebook=ran, done=lambda notebook: True)
    monkeypatch.setattr(executed, "pages", lambda env: {"chapters/07-adam": run})
    cells = executed.notebook(application(), "chapters/07-adam")["cells"]
    assert manifests.head("07-adam") in cells[0]["source"] + "\n"
