"""From a readable source to each student's notebook, the same bytes each time.

nbgrader defines the cells (metadata schema 3) and strips the solutions; what it does not have is added here: rubrics
go, the first code cell gets the student's variant, and nothing in the file depends on the day or the machine.
"""

from __future__ import annotations

import ast
import csv
import hashlib
import io
import json
import pprint
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

import jupytext
from nbformat import NotebookNode

from course import variants
from course.course import Course, CourseError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
OPENING = re.compile(r"^work = assignment\.open\(.*\)$", re.MULTILINE)
REGIONS = re.compile(r"(BEGIN|END) (SOLUTION|RUBRIC|HIDDEN TESTS)")
INSTRUCTOR_TAG = "instructor"  # cells with it are for teachers


@dataclass(frozen=True)
class Student:
    """One line of the roster. id names folders and draws the variants; the other fields go to the exports."""

    id: str
    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str:
        return dict(self.fields).get(name, "")


def students(roster: Path | None = None, named: str = "") -> list[Student]:
    """The class: the names given, else the roster's column `student`.

    Raises CourseError for a roster without that column, a name that cannot be a folder's, or one that comes twice.
    """
    if named:
        found = [Student(name.strip()) for name in named.split(",") if name.strip()]
    else:
        if roster is None or not roster.is_file():
            raise CourseError(
                f"there is no roster {roster}. Write that file, one line a student under this header:\n"
                "  student,name,email\n  ada,Ada Example,ada@example.org\n"
                "Only `student` is required; canvas_id, sis_id, login and section are used where they are "
                "given. Or name another file with --roster (make coursework ROSTER=file), or --students ada,bob."
            )
        rows = _rows(roster)
        if not rows or "student" not in rows[0]:
            raise CourseError(
                f"{roster} has no column `student`; its first line should be student,name,email, "
                f"with a student on each line below; found {', '.join(rows[0]) if rows else 'no line below it'}."
            )
        found = [Student(r["student"], tuple(r.items())) for r in rows]
    for student in found:
        if not NAME.match(student.id):
            raise CourseError(f"student {student.id!r}: expected letters, digits, dots, dashes; at most 64, and no path.")
    ids = [s.id for s in found]
    if twice := sorted({i for i in ids if ids.count(i) > 1}):
        raise CourseError(f"the roster has {', '.join(twice)} more than once.")
    return found


def _rows(roster: Path) -> list[dict[str, str]]:
    """The lines of a roster by its header, without spaces around anything; blank lines are none. Raises CourseError."""
    try:
        text = roster.read_bytes().decode("utf-8-sig")
        if "\0" in text:
            raise ValueError("it holds null characters")
        head, *lines = [[field.strip() for field in line] for line in csv.reader(io.StringIO(text, newline=""))] or [[]]
    except (ValueError, csv.Error) as error:
        raise CourseError(f"{roster} is no CSV in UTF-8 ({error}); save it in the spreadsheet as \"CSV UTF-8\".") from error
    lines = [line[: len(head)] for line in lines if any(line)]
    return [{key: value for key, value in zip_longest(head, line, fillvalue="") if key} for line in lines]


def nbgrader_of(cell: Any) -> dict[str, Any]:
    """A cell's nbgrader metadata, {} without any."""
    return cell.get("metadata", {}).get("nbgrader", {}) or {}


def item_of(grade_id: str, slugs: list[str]) -> str | None:
    """The item that a cell's grade_id names: the slug itself, or with words before or after ('test-slug')."""
    fits = [slug for slug in slugs if re.search(rf"(?:^|-){re.escape(slug)}(?:$|-)", grade_id)]
    return max(fits, key=len, default=None)


@lru_cache(maxsize=64)
def _template(source: str, slug: str) -> NotebookNode:
    """The released notebook of nobody yet: regions stripped, outputs none."""
    from nbgrader.preprocessors import ClearSolutions, LockCells

    notebook = jupytext.reads(source, fmt="md:myst")
    notebook.cells = [c for c in notebook.cells if INSTRUCTOR_TAG not in c.metadata.get("tags", [])]
    for cell in notebook.cells:
        for what in ("RUBRIC", "HIDDEN TESTS"):
            cell.source = _without(cell.source, what, slug)
    notebook.cells = [c for c in notebook.cells if c.source.strip()]
    opening = [c for c in notebook.cells if c.cell_type == "code" and OPENING.search(c.source)]
    if len(opening) != 1:
        raise CourseError(f"{slug}: {len(opening)} cells have a line `work = assignment.open(...)`; expected one.")
    if not nbgrader_of(opening[0]):
        opening[0].metadata["nbgrader"] = NotebookNode(
            schema_version=3, grade_id="open", grade=False, solution=False, locked=True, task=False
        )
    ids = [nbgrader_of(c)["grade_id"] for c in notebook.cells if nbgrader_of(c)]
    if twice := sorted({i for i in ids if ids.count(i) > 1}):
        raise CourseError(f"{slug}: two cells share the grade_id {', '.join(twice)}.")
    for step in (ClearSolutions(), LockCells()):
        try:
            notebook, _ = step.preprocess(notebook, {})
        except RuntimeError as error:
            raise CourseError(f"{slug}: {error}") from error
    return notebook


def _without(text: str, what: str, slug: str) -> str:
    """The text without its `### BEGIN what` ... `### END what` regions."""
    kept, inside = [], False
    for line in text.split("\n"):
        if f"BEGIN {what}" in line:
            inside = True
        elif f"END {what}" in line:
            inside = False
        elif not inside:
            kept.append(line)
    if inside:
        raise CourseError(f"{slug}: a region BEGIN {what} has no END {what}.")
    return "\n".join(kept).strip("\n") if len(kept) < len(text.split("\n")) else text


def template(course: Course, slug: str) -> NotebookNode:
    """A private copy of the release without a student. Raises CourseError where the source is not in order."""
    notebook = deepcopy(_template(course.source(slug), slug))
    for cell in notebook.cells:
        if REGIONS.search(cell.source):
            raise CourseError(f"{slug}: a marker of a region is left in a released cell: {cell.source[:80]!r}.")
    return notebook


def check(course: Course, slug: str) -> list[str]:
    """What is wrong with an assignment: cells without items, items without cells, points that disagree."""
    found, items = [], {variants.short(i): i for i in course.items(slug)}
    cells = [nbgrader_of(c) | {"cell_type": c.cell_type} for c in template(course, slug).cells if nbgrader_of(c)]
    points = dict.fromkeys(items, 0.0)
    total = 0.0
    for cell in (c for c in cells if c.get("grade")):
        name, worth = item_of(cell["grade_id"], list(items)), float(cell.get("points", 0))
        total += worth
        if name is not None:
            points[name] += worth
        elif not (cell.get("solution") and cell["cell_type"] == "markdown"):
            found.append(f"the graded cell {cell['grade_id']} belongs to no item")
    for name, item in items.items():
        if item.kind != "essay" and not any(c.get("grade") and item_of(c["grade_id"], list(items)) == name for c in cells):
            found.append(f"item {item.id} has no graded cell")
        elif points[name] != item.points and (item.kind != "essay" or points[name]):
            found.append(f"item {item.id} has {item.points} points and its cells {points[name]:g}")
    if total != 100:
        found.append(f"the cells' points sum to {total:g}, not 100")
    return found


def opening(slug: str, student: str, variant: dict[str, Any]) -> str:
    """The line that opens a released notebook, its numbers in readable width."""
    text = pprint.pformat(variant, width=110, sort_dicts=False, compact=True)
    ast.literal_eval(text)  # what stands in the release is a plain value or nothing
    return f"work = assignment.open({slug!r}, student={student!r}, variant={text.lstrip()})"


def notebook(course: Course, slug: str, student: str, key: bytes) -> NotebookNode:
    """One student's notebook."""
    from nbgrader.preprocessors import ComputeChecksums

    released, items = template(course, slug), course.items(slug)
    line = opening(slug, student, variants.draw_all(items, key, course.id, student))
    for cell in released.cells:
        if cell.cell_type == "code" and OPENING.search(cell.source):
            cell.source = OPENING.sub(lambda _: line, cell.source)
    released, _ = ComputeChecksums().preprocess(released, {})
    cells = [_plain_cell(cell, slug, number) for number, cell in enumerate(released.cells)]
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "coursework": {"assignment": slug, "student": student},
    }
    return NotebookNode(cells=cells, metadata=metadata, nbformat=4, nbformat_minor=5)


def _plain_cell(cell: NotebookNode, slug: str, number: int) -> dict[str, Any]:
    """A cell with a fixed id, no outputs, and no metadata but nbgrader's and the tags."""
    kept = {k: cell.metadata[k] for k in ("nbgrader", "deletable", "editable", "tags") if k in cell.metadata}
    name = nbgrader_of(cell).get("grade_id", str(number))
    plain: dict[str, Any] = {
        "cell_type": cell.cell_type,
        "metadata": kept,
        "source": cell.source,
        "id": hashlib.sha256(f"{slug}/{name}".encode()).hexdigest()[:12],
    }
    return plain | ({"outputs": [], "execution_count": None} if cell.cell_type == "code" else {})


def text(released: NotebookNode) -> str:
    """The file: sorted keys, source as lines, one newline at the end."""
    cells = [c | {"source": c["source"].splitlines(keepends=True)} for c in released["cells"]]
    return json.dumps({**released, "cells": cells}, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write(course: Course, slugs: list[str], people: list[Student], key: bytes, folder: Path) -> Iterator[Path]:
    """Write folder/student/slug.ipynb for everyone, one at a time. Raises CourseError before a secret could leave."""
    for slug in slugs:  # all of them first: half a release is none
        if wrong := check(course, slug):
            raise CourseError(f"{slug} is not in order: {'; '.join(wrong)}.")
    for slug in slugs:
        for student in people:
            content = text(notebook(course, slug, student.id, key))
            if key.decode("utf-8", "replace") in content:
                raise CourseError(f"{slug}: the course secret would be in the release of {student.id}; nothing was written.")
            path = folder / student.id / f"{slug}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
            yield path
