"""Build the site: run what is missing, then render, with warnings as errors. usage: python -m press  (make book calls it)

Environment
    ALCHEMY_SCALE, ALCHEMY_SEED   as everywhere
    JOBS            pages side by side (default: one a core, at most four)
    ONLY            chapters by number or slug, such as "03 08": these alone, beside the pages that run nothing
    ALCHEMY_BUDGET  seconds for running; pages that it leaves out are shown at smoke scale, and named
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from alchemy import evidence, project
from alchemy import run as runs
from alchemy import scale as scales
from jupyter_book.cli.main import main as jupyter_book

ONLY_TOC = Path("_build") / "only.yml"


def number(name: str, kind: type[Any]) -> Any:
    """A number of the environment, None where it is not set. Raises ProjectError for what is none."""
    text = os.environ.get(name, "").strip()
    try:
        return kind(text) if text else None
    except ValueError:
        raise project.ProjectError(f"{name} is {text!r}; expected a number, such as {name}=2.") from None


def shortened(toc: dict[str, Any], slugs: list[str]) -> dict[str, Any]:
    """The table of contents with these chapters alone, and with the pages that are no chapters and run nothing."""
    executed = {path.relative_to(project.root()).with_suffix("").as_posix() for path in runs.extra_pages()}

    def kept(entry: dict[str, str]) -> bool:
        folder, _, name = entry["file"].rpartition("/")
        return name in slugs if folder == "chapters" else entry["file"] not in executed

    parts = [part | {"chapters": [entry for entry in part["chapters"] if kept(entry)]} for part in toc["parts"]]
    return toc | {"parts": [part for part in parts if part["chapters"]]}


def build(slugs: list[str]) -> int:
    """Render the site; the exit status of Jupyter Book."""
    root = project.root()
    options = ["--warningiserror", "--nitpick", "--keep-going", "-q"]
    if slugs:
        toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
        path = root / ONLY_TOC
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(shortened(toc, slugs), sort_keys=False, allow_unicode=True), encoding="utf-8")
        options = ["--toc", str(path), "-q", "-q"]  # other pages link to the chapters that are left out
    try:
        jupyter_book(["build", str(root), *options], standalone_mode=False)
    except RuntimeError:
        return 1
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def main() -> int:
    """Run, render, and say where the site is."""
    begun, root = time.monotonic(), project.root()
    scale, seed, jobs, budget = scales.current(), scales.seed(), number("JOBS", int), number("ALCHEMY_BUDGET", float)
    slugs = [project.find(name) for name in os.environ.get("ONLY", "").split()]
    print(f"Running what is missing: scale {scale}, seed {seed}", flush=True)
    plan = runs.plan(scale, seed)
    # A page that collects the others runs while their pages are read: see press.executed.
    wanted = [run for slug, run in plan.items() if not run.after and (not slugs or slug in slugs)]
    outcome = runs.execute(wanted, jobs=jobs, notebook=True, budget=budget)
    if outcome.skipped:
        small = runs.plan("smoke", seed)
        outcome.failed += runs.execute([small[slug] for slug in outcome.skipped], jobs=jobs, notebook=True).failed
    if outcome.failed:
        print(f"{', '.join(outcome.failed)} could not be executed (see above); finished pages are kept.", file=sys.stderr)
        return 1
    ran = time.monotonic()
    status = build(slugs)
    if status:
        print(f"The book was not built cleanly (see above); {time.monotonic() - begun:.0f} s.", file=sys.stderr)
        return status
    first = f"chapters/{slugs[0]}" if slugs else "index"
    print(
        f"Open {root / '_build' / 'html' / first}.html\n"
        f"Total time: {time.monotonic() - begun:.0f} s ({ran - begun:.0f} s running, the rest rendering)"
    )
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (project.ProjectError, scales.ScaleError, evidence.EvidenceError) as error:
        sys.exit(f"press: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
