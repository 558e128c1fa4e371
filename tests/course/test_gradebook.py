"""Extensions, and what the course mark is made of."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from course import calibration, gradebook
from course import course as courses
from course.release import Student

DEMO = courses.load(folders=(Path(__file__).parent / "demo",))


def test_an_extension_is_one_students_deadline() -> None:
    def course(**extensions: object) -> courses.Course:
        return replace(DEMO, settings=DEMO.settings | {"extensions": extensions})

    late, due = "2026-10-08T12:00:00+02:00", datetime.fromisoformat("2026-10-08T23:59:00+02:00")
    given = course(**{"ada/90-demo": due})
    courses.check(given)
    assert gradebook.days_late(given, "90-demo", "ada", late) == 0
    assert gradebook.days_late(given, "90-demo", "bob", late) == 3 == gradebook.days_late(DEMO, "90-demo", "ada", late)
    assert gradebook.days_late(given, "90-demo", "ada", "2026-10-09T12:00:00+02:00") == 1
    for name, moment, message in (
        ("ada/90-demo", due.replace(tzinfo=None), "with its zone"),
        ("90-demo", due, "STUDENT/ASSIGNMENT"),
        ("ada/91-none", due, "no deadline to extend"),
    ):
        with pytest.raises(courses.CourseError, match=message):
            courses.check(course(**{name: moment}))


def test_the_mark_knows_the_bets_and_the_total_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five of a hundred for the bets, beside the assignments; without three bets the assignments alone."""
    bet = {"low": 0.0, "high": 2.0, "confidence": 0.8, "result": 1.0, "scale": 1.0}
    found = {"ada": [bet] * 4, "bob": [bet] * 2, "eve": []}
    monkeypatch.setattr(gradebook, "bets", lambda out, slugs, student: found[student])
    monkeypatch.setattr(
        gradebook,
        "lines",
        lambda *given: [
            gradebook.Line(name, slug, score, 100.0, 0.0, 0.0, 0)
            for name in found
            for slug, score in (("a", 80.0), ("b", None if name == "eve" else 60.0))
        ],
    )
    people = [Student(name) for name in found]
    gradebook.export(DEMO, tmp_path, ["a", "b"], people)
    with (tmp_path / "gradebook.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert [float(rows[name]["total"]) for name in found] == [140, 140, 80]
    share = calibration.over(found["ada"]).share
    assert float(rows["ada"]["calibration"]) == pytest.approx(5 * share, abs=0.005)
    assert float(rows["ada"]["mark"]) == pytest.approx(95 * 0.7 + 5 * share, abs=0.01)
    assert rows["bob"]["calibration"] == "" and float(rows["bob"]["mark"]) == 70 and float(rows["eve"]["mark"]) == 40
