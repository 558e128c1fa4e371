"""How far right solutions lie from the reference, over many students: where every tolerance comes from.

    python -m course.spread [--students 24] [--bets] [slug or item id ...]

For each auto-graded item, for each of so many drawn students, every right solution of its suite answers the hidden
inputs; then once more with all numbers that it is given in single precision. Three figures come out:

- differ: the largest difference from the reference, as a share of the reference's largest entry for that student;
- inside: the smallest factor by which a difference may grow before the item's own `compare` takes points away;
- single: the share of students for whom the first right solution in single precision still gets full points.

With `--bets` it measures instead, for each prediction, the result over so many students: its mean and its standard
deviation, which is the item's `scale`.

An item's `tolerance` says what was found. A tolerance is sound if `inside` is large, and of use if the mutation test
(tests/test_coursework_mutants.py) shows that no wrong solution fits into it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from course import course as courses
from course import mutation, scoring, variants
from course.course import Course
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

    def __str__(self) -> str:
        same = "none differs from the reference" if self.differ == 0 else (
            f"they differ from it by at most {self.differ:.0e}, and {min(self.inside, LARGEST):.1e} times that would pass")
        return (f"{self.item}: {self.students} students, {self.inputs} hidden inputs, {self.solutions} right solutions: {same}; "
                f"in single precision {self.single:.0%} of the students pass"
                + "".join(f"\n  NOT RIGHT: {line}" for line in self.failed))


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


def _bets(course: Course, names: set[str], students: int) -> None:
    """Print what `scale` each prediction's results give, beside the one that it has."""
    for slug in course.slugs():
        for item in course.items(slug):
            if item.kind == "prediction" and (not names or {slug, item.id} & names):
                found = results(item, students)
                print(f"{item.id}: {students} students, results from {found.min():.4g} to {found.max():.4g}, "
                      f"mean {found.mean():.4g}, standard deviation {found.std(ddof=1):.4g}; scale={item.scale:g}", flush=True)


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


def main() -> int:
    """Print a line for each item that was named, or for all; and write _build/coursework/spread.json. 1 if one was not right."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("names", nargs="*", help="assignments (04-initialization) or items (initialization/signal)")
    options.add_argument("--students", type=int, default=STUDENTS)
    options.add_argument("--bets", action="store_true", help="the scales of the predictions instead")
    given = options.parse_args()
    course, bad = courses.load(), 0
    if given.bets:
        _bets(course, set(given.names), given.students)
        return 0
    path = courses.ROOT.parent / "_build" / "coursework" / "spread.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for slug, item in mutation.cases(course):
        if not given.names or {slug, item.id} & set(given.names):
            found = measure(course, slug, item, given.students)
            print(found, flush=True)
            bad += len(found.failed)
            kept[item.id] = asdict(found)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return min(bad, 1)


if __name__ == "__main__":
    raise SystemExit(main())
