"""One line a chapter while the book is built: name, scale, device, seconds (or that the cache had it)."""

from __future__ import annotations

import sys
import time

from docutils import nodes
from sphinx.application import Sphinx

from press import verdicts


def connect(app: Sphinx) -> None:
    """Register this module's events."""
    app.connect("source-read", begin)
    app.connect("doctree-read", end)


def begin(app: Sphinx, docname: str, source: list[str]) -> None:
    """Note the time; on a terminal, say which chapter is running."""
    if verdicts.CHAPTER.fullmatch(docname):
        app.alchemy_began = (time.time(), time.perf_counter())
        if sys.stdout.isatty():
            print(f"  {docname:36} running ...", end="\r", flush=True)


def end(app: Sphinx, doctree: nodes.document) -> None:
    """Say how long the chapter took."""
    docname = app.env.docname
    if not verdicts.CHAPTER.fullmatch(docname):
        return
    clock, start = app.alchemy_began
    executed = app.env.nb_metadata.get(docname, {}).get("exec_data") or {}
    found = verdicts.known(app.env).get(docname.rpartition("/")[2], {})
    scale, _ = verdicts.scale_and_seed()
    seconds = time.perf_counter() - start
    note = "cached" if executed.get("mtime", 0) < clock else f"{seconds:6.1f} s"
    print(f"  {docname:36} {scale:7} {found.get('device', ''):12} {note}", flush=True)
