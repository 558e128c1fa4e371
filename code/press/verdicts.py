"""The verdicts of the chapters that were read: as files for the ledger chapter, and against book/ledger.json.

Files: _build/verdicts/<scale>-seed<seed>/<slug>.json, one a chapter, as `chapter.finish()` published it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from jupyter_cache import get_cache
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors import EnvironmentCollector
from sphinx.util import logging

from press.outputs import CHAPTER_MIME

CHAPTER = re.compile(r"chapters/\d\d-[a-z0-9-]+")
LEDGER = re.compile(r"chapters/\d\d-ledger")  # the chapter that collects the others' verdicts
COMMITTED = Path("book") / "ledger.json"
JUDGED = ("laptop", "0")  # the scale and the seed that the committed ledger speaks of
LOGGER = logging.getLogger(__name__)


def scale_and_seed() -> tuple[str, str]:
    """This build's scale and seed, as the chapters will read them."""
    return os.environ.get("ALCHEMY_SCALE", "").strip() or "laptop", os.environ.get("ALCHEMY_SEED", "").strip() or "0"


def folder(root: Path) -> Path:
    """Where this scale's and seed's verdicts lie."""
    scale, seed = scale_and_seed()
    return root / "_build" / "verdicts" / f"{scale}-seed{seed}"


def known(env: BuildEnvironment) -> dict[str, dict[str, Any]]:
    """Slug -> what its chapter found, for the pages read so far at this scale and seed."""
    found = getattr(env, "alchemy_verdicts", {})
    return {slug: row for slug, row in found.items() if (row["scale"], str(row["seed"])) == scale_and_seed()}


def collected(env: BuildEnvironment) -> dict[str, dict[str, Any]]:
    """What the ledger chapter collects: every chapter's findings but its own."""
    return {slug: found for slug, found in known(env).items() if not LEDGER.fullmatch(f"chapters/{slug}")}


def dump(found: Mapping[str, Any]) -> str:
    """The text of a verdict file."""
    return json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def executed(app: Sphinx, docname: str) -> nbformat.NotebookNode | None:
    """The page just read as a notebook with its outputs, or None if it has no code to execute.

    MyST-NB writes jupyter_execute/<page>.ipynb, but without outputs when they came from its cache: put them back.
    """
    path = Path(app.outdir).parent / "jupyter_execute" / f"{docname}.ipynb"
    if not path.is_file():
        return None
    notebook = nbformat.read(path, as_version=4)
    if not any(cell.get("outputs") for cell in notebook.cells):
        cache = get_cache(app.env.mystnb_config.execution_cache_path)
        try:
            _, notebook = cache.merge_match_into_notebook(notebook)
        except KeyError:  # execution is switched off, or failed
            return None
        nbformat.write(notebook, path)
    return notebook


def carried(notebook: nbformat.NotebookNode) -> dict[str, Any] | None:
    """What the executed notebook's `chapter.finish()` published, or None if it has no such output."""
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    found = [out["data"][CHAPTER_MIME] for out in outputs if CHAPTER_MIME in out.get("data", {})]
    return found[-1] if found else None


class Collector(EnvironmentCollector):
    """Keeps what each chapter found, in step with the pages that Sphinx knows."""

    def clear_doc(self, app: Sphinx, env: BuildEnvironment, docname: str) -> None:
        """Forget a page that is read again or gone."""
        getattr(env, "alchemy_verdicts", {}).pop(docname.rpartition("/")[2], None)

    def merge_other(self, app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment) -> None:
        """Never called: the extension declares that pages are read one after another."""
        raise NotImplementedError("chapters are read one after another")

    def process_doc(self, app: Sphinx, doctree: nodes.document) -> None:
        """Take the verdicts out of the page just read, and write their file."""
        env, docname = app.env, app.env.docname
        notebook = executed(app, docname) if CHAPTER.fullmatch(docname) else None
        if notebook is None:
            return
        found = carried(notebook)
        if found is None:
            LOGGER.warning("this chapter publishes no verdicts; end it with chapter.finish()",
                           location=docname, type="alchemy", subtype="verdicts")
            return
        if not hasattr(env, "alchemy_verdicts"):
            env.alchemy_verdicts = {}
        env.alchemy_verdicts[docname.rpartition("/")[2]] = found
        write(app)


def write(app: Sphinx) -> None:
    """Make the folder of verdict files say what the pages say, and nothing else."""
    target = folder(Path(app.srcdir))
    target.mkdir(parents=True, exist_ok=True)
    current = known(app.env)
    for slug, found in current.items():
        text, path = dump(found), target / f"{slug}.json"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in target.glob("*.json"):
        if path.stem not in current:
            path.unlink()


def check(app: Sphinx, exception: Exception | None) -> None:
    """Fail a laptop build on seed 0 whose verdict words are not the committed ones, naming each claim."""
    if exception is not None:
        return
    write(app)
    if scale_and_seed() == JUDGED:
        # Imported late: a build at another scale, or one without chapters, needs no JAX of its own.
        from alchemy.claims import ClaimError
        from alchemy.claims.ledger import compare, read_committed

        try:
            committed = read_committed(Path(app.srcdir) / COMMITTED)
            rows = [row for _, found in sorted(known(app.env).items()) for row in found["claims"]]
            problems = [d.explain() for d in compare(committed, rows)]
        except ClaimError as error:
            problems = [str(error)]
        for problem in problems:
            LOGGER.warning("ledger: %s", problem, type="alchemy", subtype="ledger")
        if problems:
            LOGGER.warning("ledger: re-read the chapters' interpretation; `make ledger UPDATE=1` accepts the change.",
                           type="alchemy", subtype="ledger")
            app.statuscode = 1
    if app.statuscode or getattr(app, "_warncount", 0):
        forget(app)


def forget(app: Sphinx) -> None:
    """Drop Sphinx's memory of a build with warnings; otherwise the next, unchanged, build would pass in silence."""
    (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)


def connect(app: Sphinx) -> None:
    """Register this module's events."""
    app.add_env_collector(Collector)
    # Last of all, so that no other handler's warning is missed.
    app.connect("build-finished", check, priority=900)
