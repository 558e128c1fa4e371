"""What a page's numbers depend on besides its own cells, and re-execution when any of it moves.

MyST-NB keys its cache on a notebook's cells alone. Here every page gets a cache folder of its own inputs:
the laboratory's files, the versions of the packages in requirements.txt, Python, scale, seed and JAX's
settings; its GPU record where it has one; for the ledger page, every other chapter's verdicts; and for the survey's
analysis the committed words that it compares beliefs with.
Sphinx reads a page again when that folder's name changes, and coming back to an earlier state reuses its cache.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from press import verdicts
from press.verdicts import CHAPTER, LEDGER

ENVIRONMENT = ("ALCHEMY_SCALE", "ALCHEMY_SEED", "JAX_PLATFORMS", "JAX_ENABLE_X64", "XLA_FLAGS")
APART = ("alchemy/assignment.py",)  # of code/, what no page runs: the coursework's own module
READS = {"book/instructors/survey-analysis": ("book/ledger.json",)}  # executed pages that are no chapters -> their files
KEPT = 8  # states of the laboratory whose results stay cached


def connect(app: Sphinx) -> None:
    """Register this module's events."""
    app.connect("config-inited", set_cache)
    app.connect("env-get-outdated", moved_pages)
    app.connect("env-before-read-docs", ledger_last)
    app.connect("source-read", use_page_cache)
    app.connect("build-finished", prune)


def digest(parts: Iterable[str | bytes]) -> str:
    """A short hash of the parts in order, each with its length so that no two lists collide."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()[:16]


def laboratory(root: Path) -> list[bytes]:
    """Names and contents of all files under code/ that a page can run: the modules and the data shipped with them."""
    folder = root / "code"
    hidden = ("__pycache__", ".egg-info")
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    seen = sorted(name for name in files if name not in APART and not any(part in name for part in hidden))
    return [part for name in seen for part in (name.encode(), files[name].read_bytes())]


def packages(root: Path) -> list[str]:
    """`name==version` of every installed package that requirements.txt lists."""
    found = []
    for line in (root / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if name := re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line.strip()):
            try:
                found.append(f"{name[0]}=={metadata.version(name[0])}")
            except metadata.PackageNotFoundError:
                found.append(f"{name[0]} absent")
    return found


def common_key(root: Path) -> str:
    """The hash of all inputs that every page shares."""
    settings = [f"{name}={os.environ.get(name, '')}" for name in ENVIRONMENT]
    return digest([platform.python_version(), platform.machine(), *settings, *packages(root), *laboratory(root)])


def page_key(app: Sphinx, docname: str) -> str:
    """The hash of one page's inputs: the common ones, its GPU record, and the verdicts it collects, on other seeds too."""
    root = Path(app.srcdir)
    records = root / "book" / "records"
    if docname in READS:
        extra = [path.read_bytes() for name in READS[docname] if (path := root / name).is_file()]
    elif LEDGER.fullmatch(docname):
        elsewhere = root / "book" / "replications.json"
        extra = [p.read_bytes() for p in [*sorted(records.glob("*.json")), elsewhere] if p.is_file()]
        extra += [verdicts.dump(found) for _, found in sorted(verdicts.collected(app.env).items())]
    else:
        record = records / f"{docname.rpartition('/')[2]}.json"
        extra = [record.read_bytes()] if record.is_file() else []
    return digest([app.config.nb_execution_cache_path, *extra]) if extra else ""


def set_cache(app: Sphinx, config: object) -> None:
    """Point MyST-NB's cache at the folder of the common inputs; a change makes Sphinx read every page again."""
    folder = Path(app.outdir).parent / ".nbcache" / common_key(Path(app.srcdir))
    app.config.nb_execution_cache_path = str(folder)


def executes(docname: str) -> bool:
    """Whether a page has cells to run: a chapter, or one of the few others."""
    return CHAPTER.fullmatch(docname) is not None or docname in READS


def moved_pages(app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """Pages whose own inputs moved since they were read."""
    read_with = getattr(env, "alchemy_inputs", {})
    return [name for name in env.found_docs
            if executes(name) and not LEDGER.fullmatch(name) and read_with.get(name) != page_key(app, name)]


def ledger_last(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Read the ledger page after the chapters it collects, and whenever one of them or its inputs moved."""
    ledgers = sorted(name for name in env.found_docs if LEDGER.fullmatch(name))
    read_with = getattr(env, "alchemy_inputs", {})
    for name in ledgers:
        stale = any(CHAPTER.fullmatch(other) for other in docnames) or read_with.get(name) != page_key(app, name)
        if name in docnames:
            docnames.remove(name)
        elif not stale:
            continue
        docnames.append(name)


def use_page_cache(app: Sphinx, docname: str, source: list[str]) -> None:
    """Give the page that is about to be read the cache folder of its own inputs."""
    if not executes(docname):
        return
    if LEDGER.fullmatch(docname):
        verdicts.write(app)  # a run outside the book may have left others
    key, common = page_key(app, docname), Path(app.config.nb_execution_cache_path)
    folder = common / f"{docname.rpartition('/')[2]}-{key}" if key else common
    folder.mkdir(parents=True, exist_ok=True)
    app.env.mystnb_config = app.env.mystnb_config.copy(execution_cache_path=str(folder))
    if not hasattr(app.env, "alchemy_inputs"):
        app.env.alchemy_inputs = {}
    app.env.alchemy_inputs[docname] = key


def prune(app: Sphinx, exception: Exception | None) -> None:
    """Keep the caches of the most recent states of the laboratory."""
    current = Path(app.config.nb_execution_cache_path)
    if current.is_dir():
        os.utime(current)
        states = sorted(current.parent.iterdir(), key=lambda p: p.stat().st_mtime, reverse=True)
        for old in states[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
