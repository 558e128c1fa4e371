"""The roster."""

from __future__ import annotations

from pathlib import Path

import pytest
from course import course as courses
from course.release import students


def test_a_roster_is_checked(tmp_path: Path) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text("student,name,email\nada,Ada L,ada@example.org\n", encoding="utf-8")
    assert students(roster)[0].get("email") == "ada@example.org"
    for text, message in (
        ("name\nada\n", "no column `student`"),
        ("student\n../x\n", "no path"),
        ("student\na\na\n", "more than once"),
    ):
        roster.write_text(text, encoding="utf-8")
        with pytest.raises(courses.CourseError, match=message):
            students(roster)
    with pytest.raises(courses.CourseError, match="--students"):
        students(tmp_path / "none.csv")


def test_the_example_of_a_roster_is_one() -> None:
    assert [student.id for student in students(courses.COURSEWORK / "roster.example.csv")] == ["ada", "bo"]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le"])
def test_a_roster_in_another_encoding_is_named_with_what_to_save(tmp_path: Path, encoding: str) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_bytes("student,name\nada,Zoë\n".encode(encoding))
    with pytest.raises(courses.CourseError, match='is no CSV in UTF-8 .*save it in the spreadsheet as "CSV UTF-8"') as told:
        students(roster)
    assert str(roster) in str(told.value)
    assert "\n" not in str(told.value)


def test_a_spreadsheets_blank_rows_and_spaces_are_no_students(tmp_path: Path) -> None:
    roster = tmp_path / "roster.csv"
    text = "student, name ,email,\r\nada, Zoë Z ,a@x.org\r\n,,\r\n\r\n bob ,Bob,b@x.org,more,and more\r\n"
    roster.write_bytes(text.encode("utf-8-sig"))
    found = students(roster)
    assert [(s.id, s.get("name"), s.get("email")) for s in found] == [("ada", "Zoë Z", "a@x.org"), ("bob", "Bob", "b@x.org")]
