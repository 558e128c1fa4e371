"""What is derived from the chapters' manifests: the block under a page's title, the contents, the tables of chapters.

The block is put in whenever a page is rendered or written as a notebook. The rest stands in files, between a line with
`NAME:begin` and one with `NAME:end`; `alchemy manifest` writes it, and a test compares it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path

from alchemy import project
from alchemy.project import Manifest, ProjectError

HEADING = re.compile(r"(?m)^# +(.+?) *$")


def docname(page: str) -> str:
    """A page's address in the book, such as "chapters/07-adam", from what a manifest calls it: a slug or "book/method"."""
    return f"chapters/{page}" if project.SLUG.fullmatch(page) else page


def heading(manifest: Manifest) -> str:
    """The title as the page's first heading has it."""
    return f"{manifest.slug[:2]} · {manifest.title}"


def title(page: str) -> str:
    """The title of a page that a manifest names. Raises ProjectError for one that is not there."""
    if project.SLUG.fullmatch(page):
        return heading(project.manifest(page))
    path = project.root() / f"{page}.md"
    found = HEADING.search(path.read_text(encoding="utf-8")) if path.is_file() else None
    if found is None:
        raise ProjectError(
            f"a manifest names the page {page!r}, but {path} is no page with a title; expected the slug of a "
            "chapter, or a page such as 'book/method'."
        )
    return found[1]


def sentence(manifest: Manifest, link: Callable[[str], str]) -> str:
    """What a chapter assumes, as a sentence. link: the marked-up title of a page that a manifest names."""
    needs = [part for part in (manifest.background, ", ".join(map(link, manifest.requires))) if part]
    helps = f" Helpful, not needed: {', '.join(map(link, manifest.helps))}." if manifest.helps else ""
    return ("; ".join(needs) or "nothing") + "." + helps


def head(slug: str) -> str:
    """The block under a chapter's title as Markdown: question, minutes, prerequisites with links to pages beside it."""
    manifest = project.manifest(slug)

    def link(page: str) -> str:
        chapter = project.SLUG.fullmatch(page)
        there = not chapter or project.page(page).is_file()
        return f"[{title(page)}]({'' if chapter else '../'}{page}.md)" if there else title(page)

    return (
        f"**The question.** {manifest.question}\n\n- *Minutes*: about {manifest.minutes} to read.\n"
        f"- *Prerequisites*: {sentence(manifest, link)}\n"
    )


def with_head(source: str, slug: str) -> str:
    """A page's source with the block under its title. Raises ProjectError where the title is not the manifest's."""
    wanted = heading(project.manifest(slug))
    found = HEADING.search(source)
    if found is None or found[1] != wanted:
        raise ProjectError(f"{slug}.md has the title {found and found[1]!r}, its manifest says {wanted!r}; make them agree.")
    return f"{source[: found.end()]}\n\n{head(slug)}{source[found.end() :]}"


def contents(chapters: Iterable[Manifest]) -> str:
    """The parts of _toc.yml that hold chapters."""
    lines = []
    for part, group in groupby(chapters, key=lambda m: m.part):
        files = [f"      - file: {docname(m.slug)}" for m in group if m.written]
        if files:
            lines += [f"  - caption: {json.dumps(part, ensure_ascii=False)}", "    chapters:", *files]
    return "\n".join(lines)


def table(chapters: Iterable[Manifest], name: Callable[[Manifest], str]) -> str:
    """A table of chapters with their questions. name: what stands in the first column."""
    rows = [f"| {name(m)} | {m.question} |" for m in chapters]
    return "\n".join(["", "| chapter | the question |", "|---|---|", *rows, ""])


def regions() -> dict[str, dict[str, str]]:
    """File -> name of a region -> what has to stand in it."""
    chapters = project.manifests()
    written, planned = [m for m in chapters if m.written], [m for m in chapters if not m.written]
    return {
        "_toc.yml": {"chapters": contents(chapters)},
        "README.md": {
            "chapters": table(written, lambda m: f"[{m.slug[:2]} {m.title}](chapters/{m.slug}.md)")
            + f"\n{len(written)} chapters are written and {len(planned)} more are planned.\n"
        },
        "book/intro.md": {
            "chapters": table(written, lambda m: f"{{doc}}`../chapters/{m.slug}`"),
            "planned": table(planned, heading),
        },
    }


def filled(text: str, wanted: dict[str, str]) -> str:
    """A text with its regions filled. Raises ProjectError for a region whose two lines are not there."""
    for name, content in wanted.items():
        found = re.search(rf"(?ms)^[^\n]*\b{name}:begin\b[^\n]*\n(.*?)^[^\n]*\b{name}:end\b", text)
        if found is None:
            raise ProjectError(f"there is no line with {name}:begin before one with {name}:end.")
        text = text[: found.start(1)] + content + "\n" + text[found.end(1) :]
    return text


def stale() -> dict[Path, str]:
    """File -> its text as the manifests want it, for every file that says something else."""
    root = project.root()
    found = {root / name: filled((root / name).read_text(encoding="utf-8"), wanted) for name, wanted in regions().items()}
    return {path: text for path, text in found.items() if path.read_text(encoding="utf-8") != text}
