"""A chapter's run: its scale, keys and ledger, what it shows, and what it leaves for the record.

A chapter opens with `open_chapter(slug)` and ends with `.finish()`. It runs the same in Jupyter, in the
book's build and in a terminal without IPython.
"""

from __future__ import annotations

import re
import sys
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from alchemy import platforms, project
from alchemy import scale as scales
from alchemy.claims import Claim, ClaimError, Ledger, Verdict, cards
from alchemy.words import CHAPTER_MIME, GLUE_PREFIX, finite

if TYPE_CHECKING:
    from alchemy.records import Record


def in_notebook() -> bool:
    """Whether a Jupyter kernel is there to receive rich output."""
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None


def show(bundle: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> None:
    """Display a MIME bundle; where there is no kernel, print its plain text."""
    if in_notebook():
        from IPython.display import publish_display_data

        publish_display_data(dict(bundle), metadata=dict(metadata or {}))
    elif text := bundle.get("text/plain"):
        print(text, flush=True)


@dataclass
class Chapter:
    """One run of one chapter; made by `open_chapter`."""

    slug: str
    scale: str
    seed: int
    ledger: Ledger
    reference: Record | None = None
    curves: dict[str, dict[str, Any]] = field(default_factory=dict)
    reported: dict[str, str] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    @property
    def topic(self) -> str:
        """The slug without its number: the first half of every claim id of the chapter."""
        return self.slug.partition("-")[2]

    def choose(self, **options: Mapping[str, Any]) -> scales.Config:
        """This run's configuration out of smoke=..., laptop=..., gpu=...; see scale.choose."""
        return scales.choose(**options, scale=self.scale)

    def key(self, name: str) -> jax.Array:
        """The JAX key of a named random stream of this chapter, shifted by ALCHEMY_SEED."""
        stream = zlib.crc32(f"{self.slug}/{name}".encode())
        # The generator is named: with the default one, a variable in somebody's environment would change every number.
        return jax.random.fold_in(jax.random.key(self.seed, impl="threefry2x32"), stream)

    def keys(self, name: str, seeds: int | np.integer) -> jax.Array:
        """One key per seed, shape (seeds,)."""
        return jax.random.split(self.key(name), int(seeds))

    def rng(self, name: str) -> np.random.Generator:
        """The NumPy generator of a named random stream of this chapter, shifted by ALCHEMY_SEED."""
        return np.random.default_rng([self.seed, zlib.crc32(f"{self.slug}/{name}".encode())])

    def bench(self) -> ModuleType:
        """The chapter's apparatus, `chapters/<slug>/bench.py`, as a module: its network, trainer, measurements.

        Looked for in the book's checkout, in the working folder, and beside the folder that holds the laboratory, which
        is where a downloaded notebook unpacks what it carries. Raises FileNotFoundError naming these places.
        """
        folders = (project.root(), Path.cwd(), Path(__file__).resolve().parents[2])
        places = [folder / "chapters" / self.slug / "bench.py" for folder in folders]
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            raise FileNotFoundError(
                f"chapter {self.slug} has no bench: none of {', '.join(map(str, dict.fromkeys(places)))} is a file. "
                "Run the chapter in the book's checkout, or download its notebook again, which carries the bench."
            )
        return project.load(path, anew=True)  # a cell that runs again sees what was edited

    def keep(self, name: str, /, **arrays: ArrayLike | float) -> None:
        """Keep a small summary curve for the record (at most 20,000 numbers), to seven significant digits."""
        kept = {k: np.asarray(v, np.float64) for k, v in arrays.items()}
        size = sum(v.size for v in kept.values())
        if size > 20_000:
            raise ValueError(
                f"curve {name!r} holds {size} numbers; a record keeps summaries, at most 20000. "
                "Keep the mean and the band over seeds, thinned over steps."
            )
        self.curves[name] = {k: finite(_rounded(v).tolist()) for k, v in kept.items()}

    def report(self, name: str, value: Any, spec: str = "") -> None:
        """Make a value available to the prose as {glue:text}`name`.

        Raises ValueError for a name outside the chapter, or a number that is not finite (at laptop or gpu scale).
        """
        if not name.startswith(f"{self.topic}/"):
            raise ValueError(f"reported name {name!r} must start with {self.topic + '/'!r}, the chapter's slug.")
        if self.scale != "smoke" and isinstance(value, float | np.floating) and not np.isfinite(value):
            raise ValueError(f"reported value {name!r} is {value}; prose cannot print it. Say in words what happened to the run.")
        text = format(value, spec)
        self.reported[name] = text
        if in_notebook():
            show({GLUE_PREFIX + "text/plain": repr(text)}, {"scrapbook": {"name": name, "mime_prefix": GLUE_PREFIX}})

    def summary(self) -> dict[str, Any]:
        """JSON-ready: what this run found, for the ledger and the records."""
        return {
            "slug": self.slug,
            "scale": self.scale,
            "seed": self.seed,
            "device": device(),
            "seconds": round(time.perf_counter() - self.started, 1),
            "claims": self.ledger.rows(),
            "curves": self.curves,
            "reported": dict(self.reported),
        }

    def finish(self) -> None:
        """Show the table of verdicts; raises ClaimError if a registered claim was never judged."""
        if left := self.ledger.open():
            raise ClaimError(
                f"chapter {self.slug} registered {', '.join(left)} and never judged it. "
                "Judge every claim: one that is dropped after the run is a verdict withheld."
            )
        # The curves stay out of the page: they belong to the record that `alchemy run` writes.
        found = self.summary() | {"curves": {}}
        show(cards.summary(self.ledger) | {CHAPTER_MIME: found})


def _rounded(values: np.ndarray) -> np.ndarray:
    # Significant digits, not decimals: a loss of 1e-12 must not become 0.
    return np.array([float(f"{v:.6e}") for v in values.ravel()]).reshape(values.shape)


_current: Chapter | None = None  # the process's open chapter, so that `claim` and `report` need no handle


def open_chapter(slug: str) -> Chapter:
    """Open a chapter in this process: a fresh ledger, the scale and seed of the environment.

    Prints device, scale, seed, and the time that the GPU record took where there is one. From here on NumPy's and
    SciPy's linear algebra uses one thread of this process, and JAX's keys give the same numbers in every environment.
    Raises scale.ScaleError for an unknown scale or seed, records.RecordError for a malformed record.
    """
    global _current
    from alchemy import records

    if not re.fullmatch(r"[0-9]+(-[a-z0-9]+)+", slug):
        raise ValueError(f"chapter slug is {slug!r}; expected its file name without .md, such as '08-edge-of-stability'.")
    scale, seed = scales.current(), scales.seed()
    # As is JAX's default; a variable that says otherwise would draw other numbers from the same keys.
    jax.config.update("jax_threefry_partitionable", True)
    platforms.settle()
    # BLAS threads wait by spinning, on the cores that JAX's threads want: small solves took up to ten times as long.
    threadpool_limits(limits=1, user_api="blas")
    reference = records.load_reference(slug)
    intervals = {} if reference is None else reference.intervals()
    chapter = Chapter(slug, scale, seed, Ledger(scale, intervals), reference)
    chapter.ledger.report = chapter.report
    chapter.ledger.show = _show_verdict
    _current = chapter
    line = f"{slug} · scale {scale} · seed {seed} · {device()}"
    if reference is not None:
        line += f"\nGPU record: {reference.provenance.device}, {reference.provenance.seconds:.0f} s"
    show({"text/plain": line})
    return chapter


def device() -> str:
    """The devices of this run in words, such as '1 cpu' or '8 NVIDIA H200'."""
    kinds = [d.device_kind for d in jax.devices()]
    return f"{len(kinds)} {kinds[0]}"


def is_open() -> bool:
    """Whether this process has opened a chapter."""
    return _current is not None


def current() -> Chapter:
    """The chapter this process has open; raises ClaimError if there is none."""
    if _current is None:
        raise ClaimError("no chapter is open; start with chapter = alchemy.open_chapter('NN-slug').")
    return _current


def claim(id: str, **registration: Any) -> Claim:
    """Register a claim in the open chapter's ledger, before its experiment; see Claim for the arguments.

    id: 'topic/claim-slug', where topic is the chapter's slug without its number.
    """
    chapter = current()
    if id.partition("/")[0] != chapter.topic:
        raise ClaimError(f"claim id {id!r} does not start with {chapter.topic + '/'!r}, this chapter's slug.")
    return chapter.ledger.register(Claim(id, **registration))


def report(name: str, value: Any, spec: str = "") -> None:
    """Make a value of the open chapter available to its prose; see Chapter.report."""
    current().report(name, value, spec)


def _show_verdict(claim: Claim, found: Verdict, ledger: Ledger) -> None:
    show(cards.verdict(claim, found, ledger))
