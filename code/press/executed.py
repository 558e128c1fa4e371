"""The executed pages: what is missing is run by `alchemy.run` before Sphinx reads a page, and MyST-NB finds it in its cache.

A page is read again when its run's fingerprint moves. Its outputs are put into a cache of MyST-NB's own kind, one folder a
run, beside the page's present text: prose and comments may have changed since the cells ran. `jupyter-book build .` alone
runs what is missing too.
"""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
from alchemy import run as runs
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from myst_nb.core.read import create_nb_reader
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

from press import fronts, verdicts


def connect(app: Sphinx) -> None:
    """Register this module's events."""
    app.connect("env-get-outdated", moved_pages)
    app.connect("env-before-read-docs", run_missing)
    app.connect("source-read", use_run)
    app.connect("build-finished", prune)


def pages(app: Sphinx, *, anew: bool = False) -> dict[str, runs.Run]:
    """Page -> the run that it shows, for the pages of this build that have cells; looked up once, and `anew` on request.

    That is the run of this build's scale and seed. One that a budget left out shows its run at smoke scale, which the
    command that keeps the budget has made.
    """
    if not anew and hasattr(app, "alchemy_pages"):
        return app.alchemy_pages
    scale, seed = verdicts.scale_and_seed()
    plans = {run.page.resolve(): run for run in runs.plan(scale, int(seed)).values()}
    small = runs.plan("smoke", int(seed)) if os.environ.get("ALCHEMY_BUDGET") else {}
    app.alchemy_pages = {}
    for docname in app.env.found_docs:
        if run := plans.get(Path(app.env.doc2path(docname)).resolve()):
            fallback = small.get(run.slug)
            left_out = fallback and not run.done(notebook=True) and fallback.done(notebook=True)
            app.alchemy_pages[docname] = fallback if left_out else run
    return app.alchemy_pages


def moved_pages(app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """Pages whose runs are not the ones that they were read with."""
    read_with = getattr(env, "alchemy_runs", {})
    return [name for name, run in pages(app, anew=True).items() if read_with.get(name) != run.fingerprint.key]


def run_missing(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Run what the pages about to be read have not; pages that collect others are read last, and run meanwhile."""
    jobs = int(os.environ.get("JOBS", "0")) or None
    first = [run for name, run in pages(app).items() if name in docnames and not run.after and not run.done(notebook=True)]
    if failed := runs.execute(first, jobs=jobs, notebook=True).failed:
        raise ExtensionError(f"{', '.join(failed)} could not be executed; see above. Finished pages are kept.")
    read_with = getattr(env, "alchemy_runs", {})
    late = {name: run for name, run in pages(app, anew=True).items() if run.after}
    for name, run in late.items():
        if name in docnames or read_with.get(name) != run.fingerprint.key:
            docnames[:] = [other for other in docnames if other != name] + [name]
    todo = [run for name, run in late.items() if name in docnames and not run.done(notebook=True)]
    pool = ThreadPoolExecutor(1)
    app.alchemy_late = pool.submit(runs.execute, todo, jobs=jobs, notebook=True)
    pool.shutdown(wait=False)


def use_run(app: Sphinx, docname: str, source: list[str]) -> None:
    """Let MyST-NB find the outputs of the page that is about to be read."""
    run = pages(app).get(docname)
    if run is None:
        return
    if run.after and (failed := app.alchemy_late.result().failed):
        raise ExtensionError(f"{', '.join(failed)} could not be executed; see above. Finished pages are kept.")
    folder = cache_root(app) / f"{run.slug}-{run.fingerprint.key}"
    app.env.mystnb_config = app.env.mystnb_config.copy(execution_cache_path=str(folder))
    reader = create_nb_reader(str(run.page), app.env.myst_config, app.env.mystnb_config, source[0])
    notebook = with_outputs(reader.read(source[0]), run)
    folder.mkdir(parents=True, exist_ok=True)
    cache = get_cache(str(folder))
    try:
        cache.match_cache_notebook(notebook)
    except KeyError:
        bundle = CacheBundleIn(nb=notebook, uri=str(run.page), data={"execution_seconds": run.result["cost"]["seconds"]})
        cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    app.env.__dict__.setdefault("alchemy_runs", {})[docname] = run.fingerprint.key


def with_outputs(notebook: nbformat.NotebookNode, run: runs.Run) -> nbformat.NotebookNode:
    """The page's notebook with the outputs of its run, cell by cell."""
    ran = [cell for cell in nbformat.read(run.notebook, as_version=4).cells if cell.cell_type == "code"]
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell, done in zip(cells, ran, strict=True):
        cell.outputs, cell.execution_count = done.outputs, done.execution_count
    return notebook


def notebook(app: Sphinx, docname: str) -> dict[str, Any] | None:
    """A page as an executed notebook: its present text with the outputs of its run; None if it has no cells."""
    import jupytext

    run = pages(app).get(docname)
    if run is None or not run.done(notebook=True):
        return None
    text = fronts.with_head(app.env, docname, run.page.read_text(encoding="utf-8"))
    return with_outputs(jupytext.reads(text, fmt="md:myst"), run)


def cache_root(app: Sphinx) -> Path:
    """Where the caches for MyST-NB lie; they can be made again from runs/."""
    return Path(app.outdir).parent / ".nbcache"


def prune(app: Sphinx, exception: Exception | None) -> None:
    """Drop the caches that no page of this build uses."""
    if exception is not None or not cache_root(app).is_dir():
        return
    used = {f"{run.slug}-{run.fingerprint.key}" for run in pages(app).values()}
    for folder in cache_root(app).iterdir():
        if folder.name not in used:
            shutil.rmtree(folder, ignore_errors=True)
