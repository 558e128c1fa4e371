"""Graders are tested too: plausible mistakes must be caught, and right answers written otherwise must pass.

Every solution of a suite is run for several students through the item's own probes, reference and comparison, in this
process: these are our files. A wrong one is killed if it earns less than half of the points.
"""

from __future__ import annotations

import contextlib
import io
import json
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from course import scoring, variants
from course.course import Course
from course.items import Item, Score
from course.runner import TimeUp, allow, disallow
from course.scoring import Key
from course.wire import WireError, decode, encode

STUDENTS = ("ada", "bo", "chandra", "dia", "emeka")
SECRET = b"mutation tests use a key of their own"
COURSE = "mutation"


@dataclass(frozen=True)
class Outcome:
    """One solution of one item for one student. right: whether it should pass."""

    item: str
    solution: str
    right: bool
    student: str
    share: float
    message: str
    seconds: float

    @property
    def good(self) -> bool:
        """Full points for a right solution, less than half for a wrong one."""
        return self.share >= 1.0 if self.right else self.share < 0.5


@contextlib.contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Stop what takes more of the processor, as the sandbox would; what else the machine does kills no mutant."""
    allow(seconds)
    try:
        yield
    finally:
        disallow()


@lru_cache(maxsize=512)
def _expected(item: Item, student: str) -> tuple[dict[str, Any], list[tuple], list[Any]]:
    """A student's variant, the probes and the reference answers: the same for every solution."""
    variant = variants.draw(item, SECRET, COURSE, student)
    drawn = scoring.probes(item, variant, Key(SECRET, COURSE, student)) if item.kind == "function" else [()]
    return variant, drawn, [item.reference(variant, *arguments) for arguments in drawn]


def namespace(slug: str, everything: dict[str, dict[str, Any]], student: str) -> dict[str, Any]:
    """What a solution finds: the assignment's set-up, without a file of bets."""
    import jax
    import jax.numpy as jnp

    from course import assignment

    work = assignment.Work(slug, None, everything)
    return {"__name__": "__main__", "work": work, "np": np, "jax": jax, "jnp": jnp, "assignment": assignment}


def run(course: Course, slug: str, item: Item, code: str, student: str) -> Score:
    """The score of one solution, as grading would give it."""
    variant, drawn, expected = _expected(item, student)
    everything = {variants.short(i): _variant(i, student) for i in course.items(slug)}
    space, short = namespace(slug, everything, student), variants.short(item)
    try:
        with _within(item.seconds), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            exec(compile(code, f"<{short}>", "exec"), space)  # noqa: S102 - our own files
            found = [_answer(item, space, arguments) for arguments in drawn]
    except TimeUp:
        return Score(0.0, f"it ran longer than {item.seconds:g} s.")
    except Exception as error:  # noqa: BLE001 - a wrong solution may raise
        return Score(0.0, f"it raised {type(error).__name__}: {error}")
    scores = [
        value if isinstance(value, Score) else scoring.compared(item, value, right, variant, arguments)
        for value, right, arguments in zip(found, expected, drawn, strict=True)
    ]
    return scoring.together(item, scores)


@lru_cache(maxsize=512)
def _variant(item: Item, student: str) -> dict[str, Any]:
    return variants.draw(item, SECRET, COURSE, student)


def _answer(item: Item, space: dict[str, Any], arguments: tuple) -> Any:
    """The value, or the function's on one probe, through the same wall as in the sandbox."""
    if item.answer not in space:
        raise NameError(f"there is no {item.answer}")
    if item.kind == "value":
        return decode(encode(space[item.answer]))
    try:
        return decode(encode(space[item.answer](*decode(encode(list(arguments))))))
    except WireError as error:
        return Score(0.0, str(error))
    except Exception as error:  # noqa: BLE001
        return Score(0.0, f"it raised {type(error).__name__} on a hidden input: {error}")


def outcomes(course: Course, slug: str, item: Item, suite: Any, students: tuple[str, ...] = STUDENTS) -> list[Outcome]:
    """Every solution of one item's suite for every student."""
    found = []
    for right, solutions in ((True, suite.right), (False, suite.wrong)):
        for name, code in solutions.items():
            for student in students:
                begun = time.process_time()  # of this process: what else the machine does is not the item's fault
                score = run(course, slug, item, code, student)
                found.append(Outcome(item.id, name, right, student, score.share, score.message, time.process_time() - begun))
    return found


def cases(course: Course) -> list[tuple[str, Item]]:
    """Every auto-graded item of every assignment that has items; with or without a suite."""
    return [(slug, item) for slug in course.slugs() for item in course.items(slug) if item.kind in ("function", "value")]


def summary(found: list[Outcome]) -> dict[str, Any]:
    """Mutants killed of all, right solutions passed of all, by item; and the failures."""
    by_item: dict[str, dict[str, int]] = {}
    for item, name, right in {(o.item, o.solution, o.right) for o in found}:
        row = by_item.setdefault(item, {"killed": 0, "mutants": 0, "passed": 0, "right": 0})
        good = all(o.good for o in found if (o.item, o.solution, o.right) == (item, name, right))
        row["right" if right else "mutants"] += 1
        row["passed" if right else "killed"] += good
    total = {k: sum(row[k] for row in by_item.values()) for k in ("killed", "mutants", "passed", "right")}
    return {**total, "items": dict(sorted(by_item.items())), "failures": [asdict(o) for o in found if not o.good]}


def save(found: list[Outcome], path: Path) -> dict[str, Any]:
    """Write the summary and return it."""
    made = summary(found)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    return made
