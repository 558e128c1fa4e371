"""How far right solutions lie apart: the measurement, and what is stored of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from course import course as courses
from course import spread
from course.items import Item, Score

REAL = courses.load()
ROOM = 2.0  # times that a right solution's difference may grow, at least, before points are lost
DEMO = courses.load(folders=(Path(__file__).parent / "demo",))


class Refused(courses.Course):
    """A course whose items find nothing right."""

    def items(self, slug: str) -> list[Item]:
        return [replace(item, compare=lambda *_: Score(0.0, "never.")) for item in super().items(slug)]


def test_the_spread_of_right_solutions_is_measured() -> None:
    """The tool behind the tolerances: on the demonstration, where a tolerance is known, and with a solution that is not right."""
    item = DEMO.items("90-demo")[0]
    found = spread.measure(DEMO, "90-demo", item, students=3)
    assert (found.students, found.failed) == (3, ()) and 0 <= found.differ < 1e-6 and found.inside > 1
    strict = spread.measure(DEMO, "90-demo", replace(item, compare=lambda *_: Score(0.0, "never.")), students=2)
    assert len(strict.failed) == 2 * len(DEMO.suites("90-demo")[item.id].right) * found.inputs // 3
    with pytest.raises(courses.CourseError, match="not every right solution was found right"):
        spread.assignment(Refused(DEMO.folders, DEMO.settings), "90-demo", students=2)


def test_the_measurement_is_written_as_data(tmp_path: Path) -> None:
    made = spread.assignment(DEMO, "90-demo", students=3)
    assert set(made["items"]) == {"demo/weighted-mean", "demo/largest"} and set(made["bets"]) == {"demo/heads"}
    assert made["items"]["demo/weighted-mean"]["students"] == 3 and "numpy" in made["versions"]
    assert 0 < made["bets"]["demo/heads"]["deviation"] < 50


@pytest.mark.parametrize("slug", REAL.slugs())
def test_every_tolerance_rests_on_a_measurement(slug: str) -> None:
    """At least twenty students, nothing that a right solution shows is near the tolerance, and a bet's scale is its results'."""
    stored, items = spread.load(REAL, slug), REAL.items(slug)
    assert set(stored["items"]) == {item.id for item in items if item.kind in ("function", "value")}
    assert set(stored["bets"]) == {item.id for item in items if item.kind == "prediction"}
    for name, found in stored["items"].items():
        assert found["students"] >= 20 and found["solutions"] >= 2 and found["inputs"] >= found["students"], name
        assert found["inside"] >= ROOM, f"{name}: {found['inside']:g} times the difference of a right solution would not pass"
    for item in items:
        if item.kind == "prediction":
            bet = stored["bets"][item.id]
            assert bet["students"] >= 20 and 0.5 < bet["deviation"] / item.scale < 2, (item.id, bet)
