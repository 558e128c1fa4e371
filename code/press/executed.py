"""The executed pages: what is missing is run by `alchemy.run` before Sphinx reads a page, and MyST-NB finds it in its cache.

A page is read again when its run's fingerprint moves. Its outputs are put into a cache of MyST-NB's own kind, one folder a
run, beside the page's present text: prose and comments may have changed since the cells ran. `jupyter-book build .` alone
runs what is missing too.
"""

from __future__ import annotations

import os
import shutil
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


def pages(env: BuildEnvironment) -> dict[str, runs.Run]:
    """Page -> the run that it shows, for the pages of this build that have cells.

    That is the run of this build's scale and seed. One that a budget left out shows its run at smoke scale, which the
    command that keeps the budget has made.
    """
    scale, seed = verdicts.scale_and_seed()
    plans = {run.page.resolve(): run for run in runs.plan(scale, int(seed)).values()}
    small = runs.plan("smoke", int(seed)) if os.environ.get("ALCHEMY_BUDGET") else {}
    found = {}
    for docname in env.found_docs:
        if run := plans.get(Path(env.doc2path(docname)).resolve()):
            fallback = small.get(run.slug)
            found[docname] = fallback if fallback and not run.done(notebook=True) and fallback.done(notebook=True) else run
    return found


def moved_pages(app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """Pages whose runs are not the ones that they were read with."""
    read_with = getattr(env, "alchemy_runs", {})
    return [name for name, run in pages(env).items() if read_with.get(name) != run.fingerprint.key]


def run_missing(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Run what the pages about to be read have not; then pages that collect others, whose fingerprint may have moved."""
    for _ in range(2):  # the second time for a page that collects what the first one ran
        wanted = pages(env)
        read_with = getattr(env, "alchemy_runs", {})
        for name, run in wanted.items():
            if run.after and name not in docnames and read_with.get(name) != run.fingerprint.key:
                docnames.append(name)
        todo = [run for name, run in wanted.items() if name in docnames and not run.done(notebook=True)]
        jobs = int(os.environ.get("JOBS", "0")) or None
        if failed := runs.execute(todo, jobs=jobs, notebook=True).failed:
            raise ExtensionError(f"{', '.join(failed)} could not be executed; see above. Finished pages are kept.")


def use_run(app: Sphinx, docname: str, source: list[str]) -> None:
    """Let MyST-NB find the outputs of the page that is about to be read."""
    run = pages(app.env).get(docname)
    if run is None:
        return
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

    run = pages(app.env).get(docname)
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
    used = {f"{run.slug}-{run.fingerprint.key}" for run in pages(app.env).values()}
    for folder in cache_root(app).iterdir():
        if folder.name not in used:
            shutil.rmtree(folder, ignore_errors=True)
