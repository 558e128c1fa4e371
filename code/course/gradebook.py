"""nbgrader's gradebook: essays are graded in its formgrader, points and comments kept in its database.

Our results go in as automatic scores; what a reader gave stays, with a flag where the essay's text changed since.
"""

from __future__ import annotations

import csv
import json
import math
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from course import calibration, readers, release
from course.course import Course, CourseError
from course.release import Student, nbgrader_of


@dataclass(frozen=True)
class Line:
    """One student's one assignment. score: after the late penalty. pending: essay points that a reader still gives.
    again: essay points that were given to another text than the one handed in last; they count until a reader looks."""

    student: str
    slug: str
    score: float | None
    most: float
    penalty: float
    pending: float
    days_late: int
    again: float = 0.0


def results(out: Path, slug: str) -> dict[str, dict[str, Any]]:
    """student -> result, as graded."""
    return {p.stem: json.loads(p.read_text(encoding="utf-8")) for p in sorted((out / "results" / slug).glob("*.json"))}


def days_late(course: Course, slug: str, student: str, submitted: str | None) -> int:
    """Days begun after the student's deadline and its grace; 0 without a deadline or a time of submission."""
    due = course.due(slug, student)
    if due is None or not submitted:
        return 0
    late = (datetime.fromisoformat(submitted) - due).total_seconds() - 60 * float(course.settings["late"]["grace_minutes"])
    return max(0, math.ceil(late / 86_400))


def penalty_share(course: Course, days: int) -> float:
    """The share of the earned points that is lost."""
    rule = course.settings["late"]
    return min(float(rule["most"]), float(rule["per_day"]) * days)


@contextmanager
def opened(out: Path) -> Iterator[Any]:
    """nbgrader's Gradebook on out/gradebook.db."""
    import warnings

    from nbgrader.api import Gradebook
    from sqlalchemy.exc import SAWarning

    # nbgrader's own order of adding a submission; nothing is lost, and a teacher can do nothing about it.
    warnings.filterwarnings("ignore", r"Object of type <Submitted\w+> not in session", SAWarning)
    out.mkdir(parents=True, exist_ok=True)
    beside = str(Path(sys.executable).parent)  # a new database is stamped by `alembic`, which need not be on the path
    if beside not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join(filter(None, (beside, os.environ.get("PATH"))))
    with Gradebook(f"sqlite:///{(out / 'gradebook.db').resolve()}") as book:
        yield book


def sync(course: Course, out: Path, slugs: list[str], people: list[Student], secret: bytes) -> list[str]:
    """Bring every result into the database, and the formgrader's notebooks and settings beside it.

    Returns a note for each result that could not be entered.
    """
    known, notes = {s.id for s in people}, []
    with opened(out) as book:
        for student in people:
            first, _, last = student.get("name").rpartition(" ")
            book.update_or_create_student(
                student.id, first_name=first or None, last_name=last or None, email=student.get("email") or None
            )
        for slug in slugs:
            _structure(book, course, slug)
            (out / "source" / slug).mkdir(parents=True, exist_ok=True)  # the formgrader lists what has a folder there
            for student, result in results(out, slug).items():
                if student not in known:
                    continue
                try:
                    _enter(book, course, out, slug, student, result)
                    readers.notebook(course, out, slug, student, result, secret)
                except Exception as error:  # noqa: BLE001 - one student's result stops nobody else's
                    book.db.rollback()
                    notes.append(f"{student}/{slug}: not entered, {type(error).__name__}: {ascii(str(error))[:200]}")
    (out / "nbgrader_config.py").write_text(
        "# For `nbgrader formgrader`, JupyterLab's Formgrader menu, in this folder.\n"
        "c = get_config()\n"
        f"c.CourseDirectory.course_id = {course.id!r}\n",
        encoding="utf-8",
    )
    return notes


def _structure(book: Any, course: Course, slug: str) -> None:
    """The assignment's cells, once."""
    due = course.due(slug)
    book.update_or_create_assignment(slug, duedate=due.astimezone(UTC).replace(tzinfo=None) if due else None)
    book.update_or_create_notebook(slug, slug)
    for cell in release.template(course, slug).cells:
        about = nbgrader_of(cell)
        if about.get("grade"):
            book.update_or_create_grade_cell(
                about["grade_id"], slug, slug, max_score=float(about["points"]), cell_type=cell.cell_type
            )
        if about.get("solution"):
            book.update_or_create_solution_cell(about["grade_id"], slug, slug)


def _enter(book: Any, course: Course, out: Path, slug: str, student: str, result: dict[str, Any]) -> None:
    moment = result["submitted"]
    stamp = datetime.fromisoformat(moment).astimezone(UTC).replace(tzinfo=None) if moment else None
    submitted = book.update_or_create_submission(slug, student, timestamp=stamp)
    known = readers.known(out, slug, student)
    for row in result["grades"]:
        grade = book.find_grade(row["grade_id"], slug, slug, student)
        grade.auto_score = row["score"]
        if row["kind"] != "essay":
            grade.needs_manual_grade = False
            continue
        reading = readers.reading(
            known.get(row["grade_id"]), row["text"], marked=grade.manual_score is not None, waiting=bool(grade.needs_manual_grade)
        )
        known[row["grade_id"]] = reading
        grade.needs_manual_grade = reading["changed"] if grade.manual_score is not None else row["score"] is None
        said = readers.AGAIN if reading["changed"] else row["message"] if row["score"] is not None else None
        book.find_comment(row["grade_id"], slug, slug, student).auto_comment = said
    book.db.commit()
    readers.keep(out, slug, student, known)
    earned = sum(g.score or 0.0 for n in submitted.notebooks for g in n.grades)
    for notebook in submitted.notebooks:
        notebook.late_submission_penalty = earned * penalty_share(course, days_late(course, slug, student, moment))
    book.db.commit()


def lines(course: Course, out: Path, slugs: list[str], people: list[Student]) -> list[Line]:
    """Everybody's points in every assignment, a reader's included. score is None where nothing was handed in."""
    made = []
    with opened(out) as book:
        for slug in slugs:
            graded = results(out, slug)
            most = sum(
                float(nbgrader_of(c).get("points", 0))
                for c in release.template(course, slug).cells
                if nbgrader_of(c).get("grade")
            )
            for student in people:
                if student.id not in graded:
                    made.append(Line(student.id, slug, None, most, 0.0, 0.0, 0))
                    continue
                grades = _grades(book, slug, student.id)
                earned = sum(g.score or 0.0 for g in grades)
                days = days_late(course, slug, student.id, graded[student.id]["submitted"])
                lost = earned * penalty_share(course, days)
                pending = sum(g.max_score for g in grades if g.needs_manual_grade and g.manual_score is None)
                again = sum(g.max_score for g in grades if g.needs_manual_grade and g.manual_score is not None)
                made.append(Line(student.id, slug, round(earned - lost, 2), most, round(lost, 2), pending, days, again))
    return made


def _grades(book: Any, slug: str, student: str) -> list[Any]:
    from nbgrader.api import MissingEntry

    try:
        return [g for n in book.find_submission(slug, student).notebooks for g in n.grades]
    except MissingEntry as error:
        raise CourseError(
            f"{student}'s {slug} is graded and not in the gradebook: grading was interrupted. Run the "
            "same grade command again; what is graded is kept."
        ) from error


def bets(out: Path, slugs: list[str], student: str) -> list[dict[str, Any]]:
    """A student's bets over the course, with their results and scales."""
    found = []
    for slug in slugs:
        path = out / "results" / slug / f"{student}.json"
        if path.is_file():
            made = json.loads(path.read_text(encoding="utf-8"))["bets"].values()
            if any("scale" not in bet for bet in made):
                raise CourseError(f"{student}'s bet in {slug} was graded by an older kit, without a scale; run `grade` again.")
            found += made
    return found


def export(course: Course, out: Path, slugs: list[str], people: list[Student]) -> list[Path]:
    """gradebook.csv, canvas.csv and moodle.csv. A field that is empty changes nothing there: not handed in.

    total: the points of the assignments. mark: per cent of the course, assignments by their points and the bets by
    [calibration], percent; without enough bets the assignments alone.
    """
    by_student: dict[str, dict[str, Line]] = {}
    for line in lines(course, out, slugs, people):
        by_student.setdefault(line.student, {})[line.slug] = line
    worth = float(course.settings.get("calibration", {}).get("percent", 0))
    full, canvas, moodle = [], [], []
    for student in people:
        row = by_student.get(student.id, {})
        found = calibration.over(bets(out, slugs, student.id))
        bonus = "" if found.share is None else round(found.share * worth, 2)
        scores = {slug: "" if row[slug].score is None else row[slug].score for slug in slugs}
        name = student.get("name") or student.id
        total = round(sum(v for v in scores.values() if v != ""), 2)
        earned = total / (sum(row[slug].most for slug in slugs) or 1.0)
        mark = 100 * earned if bonus == "" else (100 - worth) * earned + bonus
        details = {
            f"{slug} {what}": getattr(row[slug], key)
            for slug in slugs
            for what, key in (("penalty", "penalty"), ("days late", "days_late"), ("pending", "pending"), ("read again", "again"))
        }
        full.append(
            {
                "student": student.id,
                "name": name,
                **scores,
                **details,
                "bets": found.n,
                "mean confidence": _short(found.stated),
                "held": _short(found.held),
                "spread": _short(found.spread),
                "calibration": bonus,
                "total": total,
                "mark": round(mark, 2),
            }
        )
        first, _, last = name.rpartition(" ")
        canvas.append(
            {
                "Student": f"{last}, {first}" if first else last,
                "ID": student.get("canvas_id"),
                "SIS User ID": student.get("sis_id"),
                "SIS Login ID": student.get("login") or student.id,
                "Section": student.get("section"),
                **scores,
                "calibration": bonus,
            }
        )
        moodle.append(
            {
                "Email address": student.get("email"),
                "ID number": student.get("sis_id") or student.id,
                **{f"Assignment: {slug} (Real)": scores[slug] for slug in slugs},
                "Calibration (Real)": bonus,
            }
        )
    most = {slug: next((row[slug].most for row in by_student.values()), 0.0) for slug in slugs}
    canvas.insert(
        0,
        {
            "Student": "    Points Possible",
            **dict.fromkeys(("ID", "SIS User ID", "SIS Login ID", "Section"), ""),
            **most,
            "calibration": worth,
        },
    )
    return [_csv(out / f"{name}.csv", rows) for name, rows in (("gradebook", full), ("canvas", canvas), ("moodle", moodle))]


def _short(value: float) -> float | str:
    return round(value, 3) if math.isfinite(value) else ""


def _csv(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """A table. A text that a spreadsheet would run as a formula gets an apostrophe before it."""
    rows = [{k: f"'{v}" if isinstance(v, str) and v[:1] in tuple("=+-@\t\r") and v else v for k, v in r.items()} for r in rows]
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path
