"""What stands under a page's title (links, a word to readers without scripts), and the executed notebooks of the site."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from press import executed, firstcell, offer
from press.verdicts import CHAPTER

NOTEBOOKS = "_notebooks"
BRANCH = "gh-pages"  # the branch the site is served from; it carries the executed notebooks


def connect(app: Sphinx) -> None:
    """Register this module's events."""
    app.connect("doctree-resolved", add_links)
    app.connect("doctree-resolved", explain_formulas)
    app.connect("build-finished", publish)


def links(slug: str, repository: str) -> list[tuple[str, str]]:
    """(label, address) of every way to take a chapter away. Colab and Binder need the repository's name."""
    here = f"../{NOTEBOOKS}/{slug}"
    found = [("Notebook (.ipynb, executed)", f"{here}.ipynb"), ("Source (.md)", f"{here}.md")]
    if repository:
        colab = f"https://colab.research.google.com/github/{repository}/blob/{BRANCH}/{NOTEBOOKS}/{slug}.ipynb"
        binder = f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/chapters/{slug}.md"
        found += [("Open in Colab", colab), ("Open in Binder", binder)]
    return found


def add_links(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the links under the title of an HTML chapter page."""
    if app.builder.name not in ("html", "dirhtml") or not CHAPTER.fullmatch(docname):
        return
    items = "".join(
        f'<li><a href="{address}"{" download" if address.startswith("..") else ""}>{label}</a></li>'
        for label, address in links(docname.rpartition("/")[2], app.config.alchemy_repository)
    )
    html = f'<nav class="alchemy-links" aria-label="Take this chapter with you"><ul>{items}</ul></nav>'
    for title in doctree.findall(nodes.title):
        title.parent.insert(title.parent.index(title) + 1, nodes.raw("", html, format="html"))
        return


def explain_formulas(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Tell readers without JavaScript why they see TeX, on pages with formulas. The book on paper has them set."""
    formulas = doctree.findall(lambda node: isinstance(node, nodes.math | nodes.math_block))
    if app.builder.name not in ("html", "dirhtml") or not any(True for _ in formulas):
        return
    paper = offer.address(app, docname)
    typeset = f'; <a href="{paper}">the PDF</a> has them typeset' if paper else ""
    said = f"Formulas are shown as TeX because JavaScript is off{typeset}."
    html = f'<noscript><p class="alchemy-noscript no-paper">{said}</p></noscript>'
    for title in doctree.findall(nodes.title):
        title.parent.insert(title.parent.index(title) + 1, nodes.raw("", html, format="html"))
        return


def publish(app: Sphinx, exception: Exception | None) -> None:
    """Copy every chapter's executed notebook and its source into the site."""
    if exception is not None or app.builder.name not in ("html", "dirhtml"):
        return
    target = Path(app.outdir) / NOTEBOOKS
    target.mkdir(parents=True, exist_ok=True)
    for docname in filter(CHAPTER.fullmatch, app.env.found_docs):
        source, read = Path(app.env.doc2path(docname)), executed.notebook(app, docname)
        if read is not None:
            notebook = with_setup(read, source.stem, app.config.alchemy_repository, Path(app.srcdir))
            text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
            (target / f"{source.stem}.ipynb").write_text(text, encoding="utf-8")
        shutil.copyfile(source, target / source.name)


def with_setup(notebook: dict[str, Any], slug: str, repository: str, root: Path) -> dict[str, Any]:
    """The notebook with a first cell that brings the laboratory: from the repository, else out of the notebook."""
    cell = {
        "cell_type": "code",
        "id": "laboratory",
        "metadata": {"tags": ["setup"]},
        "source": firstcell.source(notebook, slug, repository, root),
        "outputs": [],
        "execution_count": None,
    }
    carried = {} if repository else {"laboratory": firstcell.laboratory(notebook, slug, root)}
    return notebook | {
        "cells": [cell, *map(without_stderr, notebook["cells"])],
        "metadata": notebook.get("metadata", {}) | carried,
    }


def without_stderr(cell: dict[str, Any]) -> dict[str, Any]:
    """The cell as the page shows it: progress bars and the building machine's warnings are left out."""
    if "outputs" not in cell:
        return cell
    return cell | {"outputs": [out for out in cell["outputs"] if out.get("name") != "stderr"]}
