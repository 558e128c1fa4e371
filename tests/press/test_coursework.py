"""The instructors' tables of minutes and points come from the assignments' sources, and from the filled forms."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from alchemy import run as runs
from press import coursework

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "book" / "instructors"
FOUND = coursework.assignments(ROOT)

SOURCE = """
| part | minutes | points | graded by |
|---|---|---|---|
| 1. A sum | 25 | 30 | hidden tests: all |
| 2. A bet | 5 | 8 + 5 | hidden tests; a bet |
| 3. Words | 35 | 57 | a reader |

nbgrader: {grade: true, grade_id: sum, locked: true, points: 30, schema_version: 3, solution: false, task: false}
nbgrader: {grade: true, grade_id: twice, locked: true, points: 8, schema_version: 3, solution: false, task: false}
nbgrader: {grade: true, grade_id: heads, locked: true, points: 5, schema_version: 3, solution: false, task: false}
bet = work.locked("heads")
+++ {"nbgrader": {"grade": true, "grade_id": "essay", "locked": false, "points": 57, "schema_version": 3, "solution": true}}
"""
HEAD = ",".join(coursework.COLUMNS) + "\n"


def test_a_source_is_read():
    found = coursework.assignment("01-x", SOURCE)
    assert (found.minutes, found.written, found.bet, found.automatic) == (65, 57, 5, 38)
    assert "| `01-x` | 65 | 57 | 5 | 38 |" in coursework.overview([found])
    assert "| 2. A bet | 5 | not yet | 8 + 5 |" in coursework.parts([found], {})


def test_a_table_that_disagrees_with_its_cells_is_refused():
    with pytest.raises(coursework.SourceError, match="the table of parts says 100 points in 3 rows, the cells say 101"):
        coursework.assignment("01-x", SOURCE.replace("points: 30", "points: 31"))
    with pytest.raises(coursework.SourceError, match="0 rows"):
        coursework.assignment("01-x", "")


def test_logged_minutes_stand_beside_planned_ones(tmp_path):
    (tmp_path / "coursework").mkdir()
    assert coursework.measured(tmp_path) == {}
    rows = ["c,01-x,1,25,40,yes,", "c,01-x,1,25,20,yes,long", "c,01-x,1,25,,no,", "c,01-x,2,5,9,no,", "c,01-x,3,35,,,"]
    (tmp_path / coursework.MEASURED).write_text(HEAD + "\n".join(rows) + "\n")
    text = coursework.parts([coursework.assignment("01-x", SOURCE)], coursework.measured(tmp_path))
    assert "| 1. A sum | 25 | 40 (n = 3, 1 gave up) | 30 |" in text
    assert "| 2. A bet | 5 | most gave up (n = 1, 1 gave up) | 8 + 5 |" in text and "| 3. Words | 35 | not yet | 57 |" in text


@pytest.mark.parametrize(
    "row",
    [
        "c,01-x,1,25,40,perhaps,",
        "c,01-x,1,25,-3,yes,",
        "c,01-x,one,25,5,yes,",
        "c,01-x,1,25,,yes,",
        "c,01-x",
    ],
)
def test_a_bad_row_is_named(tmp_path, row):
    (tmp_path / "coursework").mkdir()
    (tmp_path / coursework.MEASURED).write_text(HEAD + row + "\n")
    with pytest.raises(coursework.SourceError, match="line 2"):
        coursework.measured(tmp_path)


def test_half_of_every_assignment_is_written():
    """The pages promise it."""
    assert FOUND and all(a.written >= 50 and a.written + a.bet + a.automatic == 100 for a in FOUND)
    assert all(60 <= a.minutes <= 120 for a in FOUND), [(a.slug, a.minutes) for a in FOUND]


def test_the_schedules_hand_out_what_exists():
    slugs = {a.slug for a in FOUND}
    text = (PAGES / "syllabus.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(\d\d-[a-z-]+)`", text)) == slugs
    for title, least in (("Six weeks", 6), ("Ten weeks", 9), ("Fourteen weeks", 11)):
        week = text.partition(f"## {title}")[2].partition("\n## ")[0]
        assert len(re.findall(r"(?m)^\| \d+ \|", week)) == {6: 6, 9: 10, 11: 14}[least]
        rows = [row.strip("| ").split("|") for row in re.findall(r"(?m)^\| \d+ \|.*$", week)]
        due = [slug for row in rows for slug in re.findall(r"`([\w-]+)`", row[-1])]
        assert len(due) == len(set(due)) == least
        for slug in ("90-replication", "91-debate"):  # long work is in the students' hands weeks before
            given = next(k for k, row in enumerate(rows) if f"hand out `{slug}`" in row[1])
            assert given < next(k for k, row in enumerate(rows) if f"`{slug}`" in row[-1])


def test_rubrics_add_up():
    """The page's lines are the chapters' lines, and they sum to the essay's points."""
    page = dict(re.findall(r"\*\*([\w ]+)\*\* \((\d+)\) \|", (PAGES / "rubrics.md").read_text(encoding="utf-8")))
    assert page
    for path in (path for path in sorted(ROOT.glob(coursework.SOURCES)) if path.parts[-3][0] != "9"):
        slug = path.parts[-3]
        rubric = path.read_text(encoding="utf-8").partition("BEGIN RUBRIC")[2].partition("END RUBRIC")[0]
        lines = dict(re.findall(r"(?m)^\| ([\w ]+) \((\d+)\) \|", rubric))
        assert sorted(map(int, lines.values())) == sorted(map(int, page.values())), slug
        assert sum(map(int, lines.values())) == next(a.written for a in FOUND if a.slug == slug)


def test_every_page_for_instructors_is_in_the_contents_once():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    (part,) = (p for p in toc["parts"] if p["caption"] == "For instructors")
    listed = [entry["file"] for entry in part["chapters"]]
    assert sorted(listed) == sorted(f"book/instructors/{p.stem}" for p in PAGES.glob("*.md"))
    assert {path.relative_to(ROOT).with_suffix("").as_posix() for path in runs.extra_pages()} <= set(listed)
    index = (PAGES / "index.md").read_text(encoding="utf-8")
    assert all(f"{{doc}}`{p.stem}`" in index for p in PAGES.glob("*.md") if p.stem != "index")
