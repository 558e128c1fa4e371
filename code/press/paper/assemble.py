"""The built site's pages as one book: clean, unfolded, figures numbered, every link inside the book or out of the house.

Interactive parts go, and what stands in for them stays: scripts, buttons and forms are removed, `<noscript>` is unwrapped.
An element of class `no-paper` is removed; one of class `only-paper` (hidden on the site by print.css) is kept.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path
from string import ascii_uppercase

import yaml
from bs4 import BeautifulSoup, Tag

GONE = (
    "script, style:not(svg style), link, template, button, form, input, select, textarea, label, output, dialog, iframe, "
    "audio, video, progress, a.headerlink, nav.alchemy-links, .no-paper, .only-dark, .pst-js-only, [hidden], "
    ".explorable-controls, .explorable-data, .alchemy-cite, .alchemy-ways, .ledger-downloads"
)
REFERRING = ("aria-labelledby", "aria-describedby", "aria-controls", "headers", "for")
HEADINGS = re.compile(r"h[1-6]")
EXERCISES = re.compile(r"exercises", re.I)
# Spans that look like their surroundings; without them the page has a third of its elements.
PLAIN = re.compile(r'<span class="(?:n|nn|nx|p|o|w|pre|pasted-text)">([^<]*)</span>|<span></span>')


class PaperError(RuntimeError):
    """The book cannot be put on paper; the message says what to do."""


@dataclass
class Chapter:
    """One page of the site as a chapter: its slug, its title, and its content with ids that are unique in the book."""

    docname: str
    slug: str
    title: str
    body: Tag
    part: str = ""  # the caption of the part that begins here, if one does
    headings: list[tuple[int, str, str]] = field(default_factory=list)  # (level, id, text); the title is level 1


def slug_of(docname: str, taken: Container[str]) -> str:
    """The name of a page inside the book: `chapters/07-adam` is `07-adam`; with its folders where that is `taken`."""
    short = docname.rpartition("/")[2]
    return docname.replace("/", "-") if short in taken else short


def label(index: int) -> str:
    """The letters of the page without a number that has `index` (from 0) such pages before it: A to Z, AA, AB and so on."""
    letters = ""
    while index >= 0:
        index, last = divmod(index, 26)
        letters = ascii_uppercase[last] + letters
        index -= 1
    return letters


def contents(root: Path) -> list[tuple[str, list[str]]]:
    """(part's caption, its pages) in order, as _toc.yml has them; the first page stands alone."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    parts = [(part.get("caption", ""), [row["file"] for row in part["chapters"]]) for part in toc["parts"]]
    return [("", [toc["root"]]), *parts]


def assemble(root: Path, site: Path) -> list[Chapter]:
    """All pages of the book, ready for print. Raises PaperError for a page that is missing or a link that leads nowhere."""
    chapters: list[Chapter] = []
    pages: dict[str, Chapter] = {}
    slugs: set[str] = set()
    unnumbered = 0
    for caption, docnames in contents(root):
        for position, docname in enumerate(docnames):
            path = site / f"{docname}.html"
            if not path.is_file():
                raise PaperError(f"{path} is missing: the site is not built. Run `make book` first.")
            body = article(path)
            clean(body)
            unfold(body)
            title = body.find("h1").get_text(" ", strip=True)
            chapter = Chapter(docname, slug_of(docname, slugs), title, body, caption if position == 0 else "")
            slugs.add(chapter.slug)
            number = re.match(r"(\d+)-", chapter.slug)
            number_figures(chapter, str(int(number[1])) if number else label(unnumbered))
            unnumbered += number is None
            chapters.append(chapter)
            pages[docname] = chapter
    for chapter in chapters:
        make_unique(chapter)
    targets = {tag["id"] for chapter in chapters for tag in chapter.body.find_all(id=True)}
    lost = [problem for chapter in chapters for problem in relink(chapter, pages, targets, site)]
    if lost:
        raise PaperError("These links lead nowhere in the book:\n  " + "\n  ".join(lost))
    for chapter in chapters:
        chapter.headings = [(int(tag.name[1]), tag["id"], words(tag)) for tag in headings(chapter.body)]
    return chapters


def article(path: Path) -> Tag:
    """The content of a built page."""
    soup = BeautifulSoup(PLAIN.sub(r"\1", path.read_text(encoding="utf-8")), "html.parser")
    found = soup.select_one("article.bd-article")
    if found is None or found.find("h1") is None:
        raise PaperError(f"{path} has no article with a title: did the theme change? Expected article.bd-article h1.")
    found.name, found.attrs = "section", {"class": ["chapter"]}
    return found.extract()


def clean(body: Tag) -> None:
    """Remove what only a screen can use; mathematics stays as TeX, for whoever sets it."""
    for tag in body.select("noscript"):
        tag.unwrap()
    for tag in body.select(GONE):
        tag.decompose()
    for tag in body.select("picture"):
        tag.replace_with(tag.find("img"))
    for image in body.find_all("img", style=True):
        del image["style"]  # a fixed size for the screen
    for tag in body.find_all(True):
        for name in [a for a in tag.attrs if a.startswith("on") or a in ("tabindex", "loading", "contenteditable")]:
            del tag[name]


def unfold(body: Tag) -> None:
    """Open what is folded; in the exercises, move it to the end of the chapter, so that nobody reads an answer too early."""
    here = next((s for s in body.find_all("section") if s.find(HEADINGS) and EXERCISES.match(words(s.find(HEADINGS)))), None)
    if here is not None:
        move_answers(body, here)
    for fold in body.select("details"):
        open_fold(fold)


def open_fold(fold: Tag) -> Tag:
    """A `<details>` as a plain box: hidden code small and without its summary, other folds with their summary as title."""
    summary = fold.find("summary", recursive=False)
    name = "" if summary is None else summary.get_text(" ", strip=True)
    code = "hide" in fold.get("class", []) or fold.find_parent(class_="cell_input") or fold.select_one(".cell_input")
    if summary is not None:
        summary.decompose()
    fold.name, fold.attrs = "div", {"class": ["folded-code" if code else "folded"]}
    if name and not code:
        title = BeautifulSoup("", "html.parser").new_tag("p", attrs={"class": "fold-title"})
        title.string = name
        fold.insert(0, title)
    return fold


def move_answers(body: Tag, exercises: Tag) -> None:
    """Put hints, checks and solutions under a heading at the end, with links there and back."""
    make = BeautifulSoup("", "html.parser").new_tag
    tasks: list[tuple[Tag, list[Tag]]] = []  # an exercise's first paragraph or heading, and what it folds
    inside: set[int] = set()
    for tag in exercises.find_all(True):
        if id(tag) in inside:
            continue
        if is_task(tag):
            tasks.append((tag, []))
        elif tasks and is_folded(tag):
            tasks[-1][1].append(tag)
            inside.update(id(t) for t in tag.find_all(True))
    if not any(rows for _, rows in tasks):
        return
    section = make("section", attrs={"class": "answers", "id": "answers-to-the-exercises"})
    heading = make("h2")
    heading.string = "Answers to the exercises"
    section.append(heading)
    for number, (task, rows) in enumerate(tasks, 1):
        if not rows:
            continue
        if not task.get("id"):
            task["id"] = f"exercise-{number}"
        pointer = make("p", attrs={"class": "see-answer"})
        link = make("a", attrs={"href": f"#answer-{number}", "class": "paged"})
        link.string = "Answer at the end of the chapter"
        pointer.append(link)
        rows[-1].insert_after(pointer)
        head = make("p", attrs={"class": "answer-to", "id": f"answer-{number}"})
        link = make("a", attrs={"href": f"#{task['id']}"})
        link.string = words(task.find("strong") or task).rstrip(".")
        head.append(link)
        section.append(head)
        for row in rows:
            section.append(row.extract())
    body.find("h1").parent.append(section)


def is_task(tag: Tag) -> bool:
    """Whether an exercise begins here: a heading or a paragraph that opens in bold with its number."""
    if tag.name == "p":
        strong = tag.find("strong")
        return strong is not None and re.match(r"(Exercise )?\d+", words(tag)) is not None
    return HEADINGS.fullmatch(tag.name) is not None and re.match(r"(Exercise )?\d+", words(tag)) is not None


def is_folded(tag: Tag) -> bool:
    """Whether the site folds this: a cell with hidden input, a dropdown."""
    classes = set(tag.get("class", []))
    return bool(classes & {"tag_hide-cell", "tag_hide-input", "sd-dropdown"}) or {"admonition", "dropdown"} <= classes


def number_figures(chapter: Chapter, prefix: str) -> None:
    """`Figure 3.2` before every caption, counted within the chapter; a figure without a caption gets the number alone."""
    make = BeautifulSoup("", "html.parser").new_tag
    for image in chapter.body.select("img.alchemy-figure"):
        if image.find_parent("figure") is None:
            image.wrap(make("figure", attrs={"class": "alchemy-figure"}))
    for count, figure in enumerate(chapter.body.select("figure"), 1):
        caption = figure.find("figcaption")
        if caption is None:
            caption = make("figcaption")
            figure.append(caption)
        name = make("strong", attrs={"class": "figure-number"})
        name.string = f"Figure {prefix}.{count}. "
        (caption.find("p") or caption).insert(0, name)


def words(tag: Tag) -> str:
    """A heading's text, with formulas as their TeX less its delimiters."""
    return re.sub(r"\\[()\[\]]", "", " ".join(tag.get_text("", strip=False).split()))


def headings(body: Tag) -> list[Tag]:
    """The headings that the contents and the bookmarks name: those of sections, not those inside cards and boxes."""
    return [tag for tag in body.find_all(HEADINGS) if tag.parent.name == "section"]


def make_unique(chapter: Chapter) -> None:
    """Prefix ids with the chapter's slug, and everything on the page that names one."""
    body, slug = chapter.body, chapter.slug
    for tag in headings(body):
        if not tag.get("id"):
            own = tag.parent.get("id") if tag.parent.find(HEADINGS) is tag else None
            if own:
                del tag.parent["id"]
            tag["id"] = own or re.sub(r"[^a-z0-9]+", "-", words(tag).lower()).strip("-")
    seen: set[str] = set()
    for tag in body.find_all(id=True):
        if tag["id"] in seen:
            del tag["id"]  # the first one is the one that a browser goes to
        else:
            seen.add(tag["id"])
            tag["id"] = f"{slug}--{tag['id']}"
    body["id"] = slug
    for tag in body.find_all(True):
        for name in REFERRING:
            if name in tag.attrs:
                value = tag[name] if isinstance(tag[name], str) else " ".join(tag[name])
                tag[name] = " ".join(f"{slug}--{part}" for part in value.split())
    for drawing in body.select("svg"):
        for tag in [drawing, *drawing.find_all(True)]:
            for name, value in list(tag.attrs.items()):
                if isinstance(value, str) and "url(#" in value:
                    tag[name] = value.replace("url(#", f"url(#{slug}--")
            if tag.name == "style" and tag.string:
                own = {t["id"].removeprefix(f"{slug}--") for t in [drawing, *drawing.find_all(id=True)] if t.get("id")}
                names = "|".join(map(re.escape, own)) or "(?!)"
                tag.string = re.sub(rf"#({names})(?![\w-])", rf"#{slug}--\1", tag.string)


def relink(chapter: Chapter, pages: dict[str, Chapter], targets: set[str], site: Path) -> list[str]:
    """Point links to places in the book, pictures to files; what is only on the site loses its link. Returns broken ones."""
    here, lost = posixpath.dirname(chapter.docname), []
    for tag in chapter.body.find_all("a", href=True):
        address, _, anchor = tag["href"].partition("#")
        if re.match(r"[a-z]+:", address):
            continue
        docname = posixpath.normpath(posixpath.join(here, address)).removesuffix(".html") if address else chapter.docname
        if docname not in pages:
            tag.unwrap()
            continue
        goal = f"{pages[docname].slug}--{anchor}" if anchor else pages[docname].slug
        if anchor and goal not in targets:
            lost.append(f"{chapter.docname}: {tag['href']}")
        tag["href"] = f"#{goal}"
        if docname != chapter.docname and "bibtex-citation" not in " ".join(tag.parent.get("class", [])):
            tag["class"] = [*tag.get("class", []), "paged"]
    for image in chapter.body.find_all("img"):
        image["src"] = str(Path(os.path.normpath(site / here / image["src"])))
        if not Path(image["src"]).is_file():
            lost.append(f"{chapter.docname}: picture {image['src']}")
    return lost
