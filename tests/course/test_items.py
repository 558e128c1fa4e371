"""What every assignment of the book keeps to."""

from __future__ import annotations

import json
import math
import re

import pytest
from course import course as courses
from course import mutation, variants
from course.items import Item

COURSE = courses.load()
CASES = mutation.cases(COURSE)


@pytest.mark.parametrize("scale", [None, 0, -1.0, math.nan, math.inf, True, "1"])
def test_a_prediction_needs_a_scale(scale: object) -> None:
    with pytest.raises(ValueError, match=r"a/bet: its scale is .*course.spread NN"):
        Item("a/bet", 5, "prediction", scale=scale)
    assert Item("a/essay", 5, "essay").scale is None


@pytest.mark.parametrize(("slug", "item"), CASES, ids=[item.id for _, item in CASES])
def test_variants_differ_and_repeat(slug: str, item: Item) -> None:
    people = mutation.STUDENTS
    drawn = [json.dumps(variants.draw(item, mutation.SECRET, "c", s), sort_keys=True) for s in people]
    again = [json.dumps(variants.draw(item, mutation.SECRET, "c", s), sort_keys=True) for s in people]
    assert drawn == again
    assert len(set(drawn)) > 1, f"{item.id}: {len(people)} students all get the same variant"
    other = [json.dumps(variants.draw(item, b"another course's secret", "c", s), sort_keys=True) for s in people]
    assert drawn != other, f"{item.id}: another secret draws the same variants"


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
