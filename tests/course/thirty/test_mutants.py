"""Every auto-graded item of the coursework, against wrong solutions that it must reject and right ones that it must pass.

The score is printed at the end of the run and written to _build/coursework/mutation.json (tests/course/conftest.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from statistics import median

import pytest
from course import course as courses
from course import mutation, spread
from course.items import Item

COURSE = courses.load()
CASES = mutation.cases(COURSE)
SLOWEST = 5.0  # seconds of processor time to grade an item once, in the median over students


@pytest.mark.parametrize(("slug", "item"), CASES, ids=[item.id for _, item in CASES])
def test_wrong_solutions_are_rejected_and_right_ones_pass(
    slug: str,
    item: Item,
    record_property: Callable[[str, object], None],
) -> None:
    suite = COURSE.suites(slug).get(item.id)
    assert suite is not None, f"{item.id} has no suite in chapters/{slug}/assignment/mutants.py"
    assert len(suite.wrong) >= 5, f"{item.id}: expected at least five wrong solutions, found {len(suite.wrong)}"
    assert len(suite.right) >= 2, f"{item.id}: expected at least two right solutions, found {len(suite.right)}"
    found = mutation.outcomes(COURSE, slug, item, suite)
    record_property("mutation", json.dumps([asdict(o) for o in found]))
    bad = [
        f"{'right' if o.right else 'wrong'} solution {o.solution!r} of {o.student} got {o.share:.2f}: {o.message}"
        for o in found
        if not o.good
    ]
    assert bad == []
    taken = {name: median(o.seconds for o in found if o.solution == name) for name in suite.right}
    assert max(taken.values()) <= SLOWEST, f"{item.id}: seconds to grade {taken}; expected at most {SLOWEST:g}"


@pytest.mark.parametrize(("slug", "item"), CASES, ids=[item.id for _, item in CASES])
def test_the_stored_measurement_is_that_of_the_item_as_it_is(slug: str, item: Item) -> None:
    """The first students once more: they lie within what all of them showed. `python -m course.spread NN` measures anew."""
    stored, found = spread.load(COURSE, slug)["items"][item.id], spread.measure(COURSE, slug, item, students=2)
    assert found.failed == ()
    assert found.solutions == stored["solutions"] and found.inputs < stored["inputs"]  # how many, some items draw
    # What is far inside differs by rounding alone, which other machines do otherwise.
    assert found.differ <= max(2 * stored["differ"], 1e-12), "right solutions lie farther apart than was measured"
    assert found.inside >= min(stored["inside"] / 2, 1e3), "the tolerance is tighter than the one that was measured"
