"""What the chapters of a build found: for the pages that tell it, and against the expected words of each chapter."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from alchemy import evidence, project, words
from alchemy import run as runs
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

CHAPTER = re.compile(r"chapters/\d\d-[a-z0-9-]+")
JUDGED = (evidence.SCALE, str(evidence.SEED))  # the scale and the seed that the expected words speak of
LOGGER = logging.getLogger(__name__)


def scale_and_seed() -> tuple[str, str]:
    """This build's scale and seed, as the chapters will read them."""
    return words.scale(), str(words.seed())


def is_ledger(docname: str) -> bool:
    """Whether a page collects the results of the other chapters."""
    return CHAPTER.fullmatch(docname) is not None and project.collects(docname.rpartition("/")[2])


def known(env: BuildEnvironment) -> dict[str, dict[str, Any]]:
    """Slug -> what its chapter found, for the pages of this build at its scale and seed."""
    kept = getattr(env, "alchemy_results", None)
    if kept is None:
        scale, seed = scale_and_seed()
        found = runs.results(scale, int(seed))
        kept = env.alchemy_results = {slug: run for slug, run in found.items() if f"chapters/{slug}" in env.found_docs}
    return kept


def collected(env: BuildEnvironment) -> dict[str, dict[str, Any]]:
    """What the ledger chapter collects: every chapter's findings but its own."""
    return {slug: found for slug, found in known(env).items() if not is_ledger(f"chapters/{slug}")}


def read_anew(app: Sphinx, env: BuildEnvironment, *_: Any) -> list[str]:
    """Results are read once the pages have run, and not kept from one build to the next."""
    env.alchemy_results = None
    return []


def check(app: Sphinx, exception: Exception | None) -> None:
    """Fail a laptop build on seed 0 whose verdict words are not the expected ones, naming each claim."""
    if exception is not None:
        return
    if scale_and_seed() == JUDGED:
        try:
            differences = [d for slug, found in known(app.env).items() for d in evidence.differences(slug, found["claims"])]
            problems = [d.explain() for d in differences]
        except evidence.EvidenceError as error:
            problems = [str(error)]
        for problem in problems:
            LOGGER.warning("ledger: %s", problem, type="alchemy", subtype="ledger")
        if problems:
            LOGGER.warning(
                "ledger: re-read the chapters' interpretation; `make ledger UPDATE=1` accepts the change.",
                type="alchemy",
                subtype="ledger",
            )
            app.statuscode = 1
    if app.statuscode or getattr(app, "_warncount", 0):
        forget(app)


def forget(app: Sphinx) -> None:
    """Drop Sphinx's memory of a build with warnings; otherwise the next, unchanged, build would pass in silence."""
    (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)


def connect(app: Sphinx) -> None:
    """Register this module's events."""
    app.connect("env-get-outdated", read_anew)
    app.connect("env-updated", read_anew)
    # Last of all, so that no other handler's warning is missed.
    app.connect("build-finished", check, priority=900)
