"""How far right solutions lie from the reference, over many students: where every tolerance comes from.

    python -m course.spread [--students 24] [--overlay FOLDER] [01 04-initialization ...]

For each auto-graded item, for each of so many drawn students, every right solution of its suite answers the hidden
inputs; then once more with all numbers that it is given in single precision. Three figures come out:

- differ: the largest difference from the reference, as a share of the reference's largest entry for that student;
- inside: the smallest factor by which a difference may grow before the item's own `compare` takes points away;
- single: the share of students for whom the first right solution in single precision still gets full points.

For each prediction, the result's mean and standard deviation over so many students: what the item's `scale` is held to.
All of it is written to the assignment's spread.json, which the tests compare with the items as they are. A tolerance is
sound if `inside` is large, and of use if the mutation test shows that no wrong solution fits into it.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import platform
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from course import course as courses
from course import mutation, scoring, variants
from course.course import Course, CourseError
from course.items import Item, Score
from course.scoring import Key

STUDENTS = 24
LARGEST = 1e15  # a factor that nobody needs to know better


@dataclass(frozen=True)
class Spread:
    """One item. students, inputs (hidden, of all students), solutions: how many; the rest is said above."""

    item: str
    students: int
    inputs: int
    solutions: int
    differ: float
    inside: float
    single: float
    failed: tuple[str, ...] = ()


def measure(course: Course, slug: str, item: Item, students: int = STUDENTS) -> Spread:
    """The spread of one item's right solutions; `failed` says where one of them was not found right."""
    suite, failed = course.suites(slug)[item.id], []
    differ, inside, single, inputs = 0.0, LARGEST, 0, 0
    for student in (f"student {k}" for k in range(students)):
        everything = {variants.short(i): variants.draw(i, mutation.SECRET, "spread", student) for i in course.items(slug)}
        variant, key = everything[variants.short(item)], Key(mutation.SECRET, "spread", student)
        probes = scoring.probes(item, variant, key) if item.kind == "function" else [()]
        expected = [item.reference(variant, *arguments) for arguments in probes]
        inputs += len(probes)
        size = max(map(_size, expected))
        for name, code in suite.right.items():
            for found, right, arguments in zip(_answers(slug, item, code, everything, probes), expected, probes, strict=True):
                score = scoring.compared(item, found, right, variant, arguments)
                if score.share < 1:
                    failed.append(f"{student}, {name!r}: {score.message}")
                    continue
                differ = max(differ, _difference(found, right) / size)
                inside = min(inside, _room(item, found, right, variant, arguments))
        code = next(iter(suite.right.values()))
        low = _answers(slug, item, code, everything, probes, np.float32)
        scores = [scoring.compared(item, *each) for each in zip(low, expected, [variant] * len(low), probes, strict=False)]
        single += bool(scores) and scoring.together(item, scores).share >= 1
    return Spread(item.id, students, inputs, len(suite.right), differ, inside, single / students, tuple(failed))


def results(item: Item, students: int = STUDENTS) -> np.ndarray:
    """A prediction's results over so many drawn students, in the result's own unit."""
    drawn = (variants.draw(item, mutation.SECRET, "spread", f"student {k}") for k in range(students))
    return np.array([float(item.reference(variant)) for variant in drawn])


def load(course: Course, slug: str) -> dict[str, Any]:
    """What is stored of an assignment. Raises CourseError where nothing is."""
    return json.loads(course.find(slug, "spread.json").read_text(encoding="utf-8"))


def assignment(course: Course, slug: str, students: int = STUDENTS) -> dict[str, Any]:
    """The measurement of every item of an assignment, as it is stored. Raises CourseError for a solution that was not right."""
    items = course.items(slug)
    found = [measure(course, slug, item, students) for item in items if item.kind in ("function", "value")]
    if failed := [f"{spread.item}, {line}" for spread in found for line in spread.failed]:
        raise CourseError("not every right solution was found right:\n  " + "\n  ".join(failed))
    bets = {item.id: results(item, students) for item in items if item.kind == "prediction"}
    return {
        "measured": datetime.now(UTC).date().isoformat(),
        "versions": {"python": platform.python_version(), **{name: metadata.version(name) for name in ("numpy", "scipy", "jax")}},
        "items": {
            spread.item: {k: _short(v) for k, v in asdict(spread).items() if k not in ("item", "failed")} for spread in found
        },
        "bets": {
            name: {"students": students, "mean": _short(drawn.mean()), "deviation": _short(drawn.std(ddof=1))}
            for name, drawn in bets.items()
        },
    }


def _short(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.3g}")


def _answers(slug: str, item: Item, code: str, everything: dict, probes: list[tuple], dtype: Any = None) -> list[Any]:
    """What a solution answers, one for each probe; none at all where single precision makes it raise."""
    space = mutation.namespace(slug, everything, "")
    if dtype is not None:
        space["work"] = _Narrow(space["work"], dtype)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            exec(compile(code, f"<{item.id}>", "exec"), space)  # noqa: S102 - our own files
            given = probes if dtype is None else [_narrow(p, dtype) for p in probes]
            return [_answer(item, space, arguments) for arguments in given]
        except Exception:
            if dtype is None:
                raise
            return []


def _answer(item: Item, space: dict[str, Any], arguments: tuple) -> Any:
    found = mutation._answer(item, space, arguments)
    return found.message if isinstance(found, Score) else found


class _Narrow:
    """A student's work whose numbers are in single precision."""

    def __init__(self, work: Any, dtype: Any) -> None:
        self._work, self._dtype = work, dtype

    def __getitem__(self, item: str) -> Any:
        return _narrow(self._work[item], self._dtype)


def _narrow(value: Any, dtype: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _narrow(v, dtype) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_narrow(v, dtype) for v in value)
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value.astype(dtype)
    return dtype(value) if isinstance(value, float) else value


def _leaves(value: Any) -> Iterator[Any]:
    """The numbers and words of an answer, in order."""
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from _leaves(value[key])
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _leaves(each)
    elif hasattr(value, "dtype"):
        yield from np.asarray(value).ravel().tolist()
    else:
        yield value


def _numbers(value: Any) -> np.ndarray | None:
    found = list(_leaves(value))
    return np.array(found, np.float64) if all(isinstance(v, bool | int | float) for v in found) else None


def _size(expected: Any) -> float:
    """The largest entry of an answer; 1 where there is none."""
    numbers = _numbers(expected)
    return float(np.nanmax(np.abs(numbers))) or 1.0 if numbers is not None and numbers.size else 1.0


def _difference(found: Any, expected: Any) -> float:
    """The largest difference; words that agree differ by nothing."""
    found, expected = _numbers(found), _numbers(expected)
    if found is None or expected is None or found.shape != expected.shape or not found.size:
        return 0.0
    return float(np.nanmax(np.abs(found - expected)))


def _room(item: Item, found: Any, expected: Any, variant: dict[str, Any], arguments: tuple) -> float:
    """The factor by which the difference may grow at full points, by bisection; `LARGEST` where there is none."""
    try:
        found, right = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    except (TypeError, ValueError):
        return LARGEST
    if found.shape != right.shape or np.array_equal(found, right, equal_nan=True):
        return LARGEST

    def passes(factor: float) -> bool:
        return scoring.compared(item, right + factor * (found - right), expected, variant, arguments).share >= 1

    low, high = 0.0, math.log10(LARGEST)
    if passes(LARGEST):
        return LARGEST
    while high - low > 0.02:
        middle = (low + high) / 2
        low, high = (middle, high) if passes(10**middle) else (low, middle)
    return 10**low


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Assignments, such as 04 or 04-initialization; all if none.")] = None,
    students: Annotated[int, typer.Option(min=2)] = STUDENTS,
    overlay: Annotated[Path | None, typer.Option(help="An instructor's overlay.")] = None,
) -> None:
    """Measure how far right solutions lie from the reference, and write it to the assignments' spread.json."""
    course = courses.load(overlay)
    for slug in course.slugs():
        if names and not {slug, slug.partition("-")[0]} & set(names):
            continue
        made = assignment(course, slug, students)
        path = course.find(slug, "items.py").with_name("spread.json")
        path.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
        typer.echo(f"{path}\n{json.dumps(made['items'] | made['bets'], indent=1)}")


if __name__ == "__main__":
    typer.run(main)
