"""Every auto-graded item of the coursework, against wrong solutions that it must reject and right ones that it must pass.

The score is printed at the end of the run and written to _build/coursework/mutation.json (tests/conftest.py).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from statistics import median

import pytest
from course import course as courses
from course import mutation, variants
from course.items import Item, Score

COURSE = courses.load()
CASES = mutation.cases(COURSE)
DEMO = courses.load(folders=(Path(__file__).parents[1] / "demo",))
SLOWEST = 5.0  # seconds of processor time to grade an item once, in the median over students


@pytest.mark.parametrize(("slug", "item"), CASES, ids=[item.id for _, item in CASES])
def test_wrong_solutions_are_rejected_and_right_ones_pass(
    slug: str, item: Item, record_property: Callable[[str, object], None],
) -> None:
    suite = COURSE.suites(slug).get(item.id)
    assert suite is not None, f"{item.id} has no suite in coursework/mutants/{slug.replace('-', '_')}.py"
    assert len(suite.wrong) >= 5, f"{item.id}: expected at least five wrong solutions, found {len(suite.wrong)}"
    assert len(suite.right) >= 2, f"{item.id}: expected at least two right solutions, found {len(suite.right)}"
    found = mutation.outcomes(COURSE, slug, item, suite)
    record_property("mutation", json.dumps([asdict(o) for o in found]))
    bad = [f"{'right' if o.right else 'wrong'} solution {o.solution!r} of {o.student} got {o.share:.2f}: {o.message}"
           for o in found if not o.good]
    assert bad == []
    taken = {name: median(o.seconds for o in found if o.solution == name) for name in suite.right}
    assert max(taken.values()) <= SLOWEST, f"{item.id}: seconds to grade {taken}; expected at most {SLOWEST:g}"


@pytest.mark.parametrize(("slug", "item"), CASES, ids=[item.id for _, item in CASES])
def test_variants_differ_and_repeat(slug: str, item: Item) -> None:
    people = mutation.STUDENTS
    drawn = [json.dumps(variants.draw(item, mutation.SECRET, "c", s), sort_keys=True) for s in people]
    again = [json.dumps(variants.draw(item, mutation.SECRET, "c", s), sort_keys=True) for s in people]
    assert drawn == again
    assert len(set(drawn)) > 1, f"{item.id}: {len(people)} students all get the same variant"
    other = [json.dumps(variants.draw(item, b"another course's secret", "c", s), sort_keys=True) for s in people]
    assert drawn != other, f"{item.id}: another secret draws the same variants"


@pytest.mark.parametrize("item", [item for _, item in CASES], ids=lambda i: i.id)
def test_every_tolerance_was_measured_over_at_least_twenty_students(item: Item) -> None:
    """coursework/mutants/spread.py measures it; the item says over how many students, and what was found."""
    measured = [int(n) for n in re.findall(r"(\d+) students", item.tolerance)]
    assert measured and max(measured) >= 20, f"{item.id}: expected 'over at least 20 students', found {item.tolerance!r}"


@pytest.mark.parametrize("slug", COURSE.slugs())
def test_at_least_half_of_the_points_are_given_by_a_reader(slug: str) -> None:
    items = COURSE.items(slug)
    assert sum(item.points for item in items) == 100
    read = sum(item.points for item in items if item.kind == "essay")
    assert read >= 50, f"{slug}: essays, replications and registered claims have {read} of 100 points; expected at least 50"


@pytest.mark.parametrize("slug", COURSE.slugs())
def test_the_parts_say_their_minutes_and_their_points(slug: str) -> None:
    """The table at the start: one to two hours in all, and every item's points in one of its rows."""
    rows = re.findall(r"^\| \d\. [^|]+ \| (\d+) \| ([\d +]+) \|", COURSE.source(slug), re.M)
    parts = re.findall(r"^## \d\. ", COURSE.source(slug), re.M)
    assert len(rows) == len(parts), f"{slug}: the table has {len(rows)} rows for {len(parts)} parts"
    minutes = [int(m) for m, _ in rows]
    assert min(minutes) > 0 and 60 <= sum(minutes) <= 120, f"{slug}: planned minutes {minutes}, {sum(minutes)} in all"
    told = sorted(int(n) for _, points in rows for n in points.split("+"))
    assert told == sorted(item.points for item in COURSE.items(slug)), f"{slug}: the table's points {told} are not its items'"


def test_the_spread_of_right_solutions_is_measured() -> None:
    """The tool behind the tolerances: on the demonstration, where a tolerance is known, and with a solution that is not right."""
    from dataclasses import replace

    from course import spread

    item = DEMO.items("90-demo")[0]
    found = spread.measure(DEMO, "90-demo", item, students=3)
    assert (found.students, found.failed) == (3, ()) and 0 <= found.differ < 1e-6 and found.inside > 1
    strict = spread.measure(DEMO, "90-demo", replace(item, compare=lambda *_: Score(0.0, "never.")), students=2)
    assert len(strict.failed) == 2 * len(DEMO.suites("90-demo")[item.id].right) * found.inputs // 3
    assert "NOT RIGHT" in str(strict)


def test_the_demonstrations_suites_hold() -> None:
    """The runner itself: on a small course that needs no chapter."""
    begun = time.perf_counter()
    found = [o for slug, item in mutation.cases(DEMO)
             for o in mutation.outcomes(DEMO, slug, item, DEMO.suites(slug)[item.id])]
    made = mutation.summary(found)
    assert made["failures"] == []
    assert (made["killed"], made["mutants"], made["passed"], made["right"]) == (10, 10, 4, 4)
    assert time.perf_counter() - begun < 60


def test_a_mutant_that_is_not_caught_is_reported() -> None:
    """A grader without teeth: everything passes, so nothing is killed."""
    from dataclasses import replace

    item = replace(DEMO.items("90-demo")[0], compare=lambda *_: Score(1.0, "right."))
    found = mutation.outcomes(DEMO, "90-demo", item, DEMO.suites("90-demo")[item.id], students=("ada",))
    made = mutation.summary(found)
    assert made["killed"] == 0 and made["mutants"] == 5 and len(made["failures"]) == 5


def test_a_solution_that_hangs_is_stopped() -> None:
    from dataclasses import replace

    item = replace(DEMO.items("90-demo")[0], seconds=0.3)
    score = mutation.run(DEMO, "90-demo", item, "def weighted_mean(x, w):\n    while True: pass", "ada")
    assert score.share == 0 and "longer" in score.message
