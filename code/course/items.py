"""What an assignment asks for: items, each with its variant, its probes and its reference answer.

Trusted code: it runs where the course secret is, never where a student's code runs. A student's function is called
on the probes inside the sandbox; what it returns comes out as plain numbers and is compared here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Kind = Literal["function", "value", "prediction", "essay"]
Plain = None | bool | int | float | str | np.ndarray | Sequence[Any] | Mapping[str, Any]  # what crosses the wall


@dataclass(frozen=True)
class Score:
    """share: 0 to 1 of the item's points. message: what the student reads; it teaches and gives no answer away."""

    share: float
    message: str


@dataclass(frozen=True)
class Item:
    """One thing to be handed in.

    id: 'assignment-slug/item-slug', the assignment's slug without number. answer: the name in the student's notebook
        that holds the answer: a function for kind "function", a number or array for "value"; for "prediction" the item
        is filled by `work.predict(...)`; an essay has none and is graded by hand with the rubric in the source.
    variant: draws what this student gets (plain, small, JSON-able with arrays as lists); shown as work["item-slug"].
    probes: (variant, rng) -> list of argument tuples for the student's function (hidden; drawn at grading).
    reference: (variant, *arguments) -> the right answer; for "value" called without arguments; for "prediction" it
        returns the measured result that the bet is scored against.
    compare: (found, expected, variant, arguments) -> Score for one probe; an item's share is the mean over probes,
        unless `all_or_nothing`.
    tolerance: one sentence: why `compare` is as wide as it is. How far right solutions lie apart is measured: spread.json.
    seconds: processor time for all calls of this item together.
    scale: for "prediction", which must have it: the standard deviation of the result over at least 20 students' variants, in
        the result's own unit, so that bets on different items can be added up (`python -m course.spread NN` measures it).
    """

    id: str
    points: int
    kind: Kind
    answer: str = ""
    variant: Callable[[np.random.Generator], dict[str, Any]] = field(default=lambda rng: {})
    probes: Callable[[dict[str, Any], np.random.Generator], list[tuple]] | None = None
    reference: Callable[..., Plain] | None = None
    compare: Callable[[Any, Any, dict[str, Any], tuple], Score] | None = None
    tolerance: str = ""
    seconds: float = 20.0
    all_or_nothing: bool = False
    scale: float | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a prediction without a scale, and for a scale that is none."""
        missing = self.scale is None
        if missing and self.kind != "prediction":
            return
        if missing or isinstance(self.scale, bool) or not isinstance(self.scale, int | float) or not 0 < self.scale < math.inf:
            raise ValueError(
                f"{self.id}: its scale is {self.scale!r}; expected a positive number, the standard deviation of its "
                "result over at least 20 variants, as `python -m course.spread NN` measures it."
            )


@dataclass(frozen=True)
class Suite:
    """Solutions for the mutation test of one item: name -> source code that defines the item's answer.

    The code runs after the assignment's set-up: `work`, `np`, `jax`, `jnp` are there, and `work["item-slug"]` is the variant.
    right: at least two, written differently. wrong: at least five plausible mistakes, named for the mistake.
    """

    right: Mapping[str, str]
    wrong: Mapping[str, str]


def changed(source: str, *pairs: tuple[str, str]) -> str:
    """For a suite: the source of a right solution with every `old` replaced by its `new`.

    Raises ValueError for an `old` that is not there.
    """
    for old, new in pairs:
        if old not in source:
            raise ValueError(f"{old!r} is not in the solution that this mutant changes.")
        source = source.replace(old, new)
    return source


def answering(setup: str, head: str) -> Callable[[str], str]:
    """For a suite: a maker of sources, the set-up, then a function `head`, "f(x)", that returns the expression asked for."""
    return lambda expression: f"{setup}\ndef {head}:\n    return {expression}\n"


def close(rtol: float = 1e-6, atol: float = 0.0, *, hint: str = "") -> Callable[[Any, Any, dict[str, Any], tuple], Score]:
    """A `compare` that wants the shape and the numbers of the reference, to a relative and an absolute tolerance."""

    def compare(found: Any, expected: Any, variant: dict[str, Any], arguments: tuple) -> Score:
        try:
            found = np.asarray(found, np.float64)
        except (TypeError, ValueError):
            return Score(0.0, f"the answer is a {type(found).__name__}; expected numbers.")
        expected = np.asarray(expected, np.float64)
        if found.shape != expected.shape:
            return Score(0.0, f"the answer has shape {found.shape}; expected {expected.shape}.")
        if not np.isfinite(found).all():
            return Score(0.0, "the answer holds numbers that are not finite.")
        error = np.abs(found - expected)
        if (error <= atol + rtol * np.abs(expected)).all():
            return Score(1.0, "right.")
        far = float((error / np.maximum(np.abs(expected), 1e-300)).max())
        # One digit, and an end: an exact ratio to an absurd answer would give the right one away.
        by = "more than 1000%" if far > 10 else f"up to {float(f'{100 * far:.1g}'):g}%"
        return Score(0.0, f"off by {by} on a hidden input. {hint}".strip())

    return compare
