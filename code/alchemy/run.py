"""The one executor: pages side by side, each run kept under its fingerprint, resumed where it was interrupted.

A run lies in runs/<slug>/<fingerprint>/: result.json (what it found and what it cost), executed.ipynb where Jupyter is
installed, log.txt. The folder is what the site, the ledger and the tests read; nothing else executes a page for the book.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from alchemy import cost, evidence, fingerprint, project, worker
from alchemy.execute import CORES

KEPT = 8  # runs of a page that stay
GUESS = 60.0  # seconds of a page that never ran here


@dataclass(frozen=True)
class Run:
    """One page at one scale and seed. After: the runs that it collects, which come first."""

    slug: str
    page: Path
    scale: str
    seed: int
    after: tuple[Run, ...] = ()

    @cached_property
    def fingerprint(self) -> fingerprint.Fingerprint:
        """What this run depends on: the page and, if it collects other runs, those that are there."""
        reads = [project.evidence(self.slug, "gpu.json")]
        made = fingerprint.of_page(self.page, self.scale, self.seed, [*reads, *_collected(self)])
        others = {run.slug: run.fingerprint.key for run in self.after if run.result is not None}
        return fingerprint.Fingerprint({**made.parts, **({"runs": json.dumps(others, sort_keys=True)} if self.after else {})})

    @property
    def folder(self) -> Path:
        """Where it is kept."""
        return project.root() / "runs" / self.slug / self.fingerprint.key

    @property
    def notebook(self) -> Path:
        """The executed notebook."""
        return self.folder / "executed.ipynb"

    @property
    def result(self) -> dict[str, Any] | None:
        """What it found ("summary", None for a page that is no chapter) and cost ("cost"); None if it has not run."""
        try:
            return json.loads((self.folder / "result.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def done(self, *, notebook: bool = False) -> bool:
        """Whether it has run; with `notebook`, whether its executed notebook is there too."""
        return self.result is not None and (self.notebook.is_file() or not notebook)


def _collected(run: Run) -> Iterator[Path]:
    """The committed evidence that a page reads of all chapters: the ledger other seeds and records, another page the words."""
    if run.after:
        names = ("others.json", "gpu.json")
    else:
        names = () if project.SLUG.fullmatch(run.slug) else ("words.json",)
    yield from (project.evidence(slug, name) for slug in project.slugs() for name in names)


def extra_pages() -> list[Path]:
    """Pages with cells that are no chapters."""
    return [
        path
        for path in sorted((project.root() / "book").rglob("*.md"))
        if re.match(r"---\njupytext:", path.read_text(encoding="utf-8"))
    ]


def plan(scale: str, seed: int) -> dict[str, Run]:
    """Every page that can run, by slug: the chapters, those that collect the others last, and the few other pages."""
    chapters = [Run(slug, project.page(slug), scale, seed) for slug in project.slugs() if not project.collects(slug)]
    runs = {run.slug: run for run in chapters}
    for slug in filter(project.collects, project.slugs()):
        runs[slug] = Run(slug, project.page(slug), scale, seed, tuple(chapters))
    return runs | {path.stem: Run(path.stem, path, scale, seed) for path in extra_pages()}


def results(scale: str = "laptop", seed: int = 0) -> dict[str, dict[str, Any]]:
    """Slug -> what today's version of each chapter found at this scale and seed, for those that have run here."""
    found = {slug: run.result for slug, run in plan(scale, seed).items()}
    return {slug: result["summary"] for slug, result in found.items() if result and result["summary"]}


def costs(scale: str = "laptop", seed: int = 0) -> dict[str, dict[str, float]]:
    """Slug -> what each page cost at this scale and seed, for those that have run here."""
    found = {slug: run.result for slug, run in plan(scale, seed).items()}
    return {slug: result["cost"] for slug, result in found.items() if result}


def expected(run: Run) -> float:
    """Seconds that a page is expected to take: what its newest run at this scale took here, else what it took elsewhere."""
    newest = sorted((project.root() / "runs" / run.slug).glob("*/result.json"), key=lambda p: p.stat().st_mtime, reverse=True)
    for path in newest:
        read = json.loads(path.read_text(encoding="utf-8"))
        if (read["summary"] or {}).get("scale", run.scale) == run.scale:
            return float(read["cost"]["seconds"])
    known = evidence.words(run.slug)
    return known.seconds if known is not None and known.seconds and run.scale == evidence.SCALE else GUESS


def default_jobs() -> int:
    """As many pages at a time as there are cores to lend, at most four: more would not fit into a reader's memory."""
    return max(1, min(4, len(cores())))


def cores() -> list[int]:
    """The cores that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


@dataclass
class Outcome:
    """What became of the pages that were asked for: slugs by what happened. Pages that had run already are in none."""

    finished: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def execute(
    runs: Iterable[Run],
    *,
    jobs: int | None = None,
    force: bool = False,
    notebook: bool = False,
    budget: float | None = None,
    shortest_first: bool = False,
    echo: Callable[[str], None] = print,
    finished: Callable[[Run], None] = lambda run: None,
) -> Outcome:
    """Run what is missing, `jobs` pages side by side.

    Each page has a process and a fair share of the cores of its own: threads of two pages on the same cores fight.
    Long pages first, so that the short ones fill the gaps; pages that collect others last. What has finished is kept,
    whatever happens to the rest; Ctrl-C ends the pages that run.

    budget: seconds for all; then pages whose expected words come from today's code and packages run only as long as it
    lasts, in an order that changes from day to day, and are named when left out. The others always run.
    finished: called with each page that has ended well.
    """
    runs, outcome, begun = list(runs), Outcome(), time.monotonic()
    for late in (False, True):
        # Anew: the fingerprint of a page that collects others knows which of them have run by now.
        turn = [replace(run) for run in runs if bool(run.after) == late]
        todo = sorted((run for run in turn if force or not run.done(notebook=notebook)), key=expected, reverse=not shortest_first)
        if budget is not None:
            may_wait = [run for run in todo if evidence.is_fresh(run.slug)]
            first = date.today().toordinal() % max(1, len(may_wait))
            todo = [run for run in todo if run not in may_wait] + may_wait[first:] + may_wait[:first]
        else:
            may_wait = []
        crew = _Crew(jobs or default_jobs(), len(todo), echo, finished)

        def fits(run: Run, may_wait: list[Run] = may_wait) -> bool:
            return run not in may_wait or time.monotonic() - begun + expected(run) <= (budget or 0)

        crew.work(todo, fits, outcome)
    if outcome.skipped:
        echo(f"  left out, the budget of {budget:.0f} s being spent and their words unchanged: {', '.join(outcome.skipped)}")
    return outcome


class _Crew:
    """Pages that run at the same time, each on its own cores."""

    def __init__(self, jobs: int, pages: int, echo: Callable[[str], None], finished: Callable[[Run], None]) -> None:
        every, jobs = cores(), max(1, min(jobs, pages))
        self.jobs, self.echo, self.finished = jobs, echo, finished
        self.shares = [every[i::jobs] or [every[i % len(every)]] for i in range(jobs)]

    def work(self, todo: list[Run], fits: Callable[[Run], bool], outcome: Outcome) -> None:
        """Run the pages in order; a page that does not fit the budget when its turn comes is left out."""
        stop, running = threading.Event(), {}
        with ThreadPoolExecutor(self.jobs) as pool:
            try:
                while todo or running:
                    while todo and self.shares:
                        run = todo.pop(0)
                        if fits(run):
                            share = self.shares.pop(0)
                            running[pool.submit(_one, run, share, stop)] = (run, share)
                        else:
                            outcome.skipped.append(run.slug)
                    self._status([run.slug for run, _ in running.values()], len(todo))
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        run, share = running.pop(future)
                        self.shares.append(share)
                        self._tell(run, future.result(), outcome)
            except KeyboardInterrupt:
                stop.set()
                self.echo(f"interrupted: {', '.join(run.slug for run, _ in running.values())} ended; finished pages are kept")
                raise

    def _status(self, running: list[str], waiting: int) -> None:
        if running and self.echo is print and sys.stdout.isatty():
            print(f"  running {', '.join(running)}; {waiting} waiting ...", end="\r", flush=True)

    def _tell(self, run: Run, error: str, outcome: Outcome) -> None:
        """Say in a line how a page ended."""
        if error:
            outcome.failed.append(run.slug)
            self.echo(f"  {run.slug:28} FAILED\n{error}")
        else:
            outcome.finished.append(run.slug)
            self.finished(run)
            self.echo(line(run))


def line(run: Run) -> str:
    """One line about a run: name, scale, device, seconds of compiling and computing, peak memory."""
    result = run.result or {}
    spent, found = result["cost"], result["summary"] or {}
    computing = spent["seconds"] - spent["compile_seconds"]
    name = run.slug + (f" (seed {run.seed})" if run.seed else "")
    return (
        f"  {name:36} {run.scale:7} {found.get('device', ''):10} compile {spent['compile_seconds']:5.1f} s  "
        f"compute {computing:5.1f} s  {spent['peak_mb']:5.0f} MB  {cost.yardsticks(spent):6.0f} yardsticks"
    )


def _one(run: Run, share: list[int], stop: threading.Event) -> str:
    """Execute a page in a process of its own; empty, or the end of its log where it failed."""
    own = {"ALCHEMY_SCALE": run.scale, "ALCHEMY_SEED": str(run.seed), CORES: ",".join(map(str, share))}
    error = worker.work(run.page, run.folder, own, project.root() / "_build" / "jax", stop)
    if not error:
        (run.folder / "fingerprint.json").write_text(json.dumps(dict(run.fingerprint.parts), indent=1), encoding="utf-8")
        _prune(run.folder)
    return error


def _prune(folder: Path) -> None:
    """Keep a page's most recent runs."""
    runs = sorted(folder.parent.iterdir(), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in runs[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
