"""The whole cycle as a class runs it: release, hand in, grade, essays, feedback, export. Needs nbgrader and a sandbox."""

from __future__ import annotations

import csv
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

pytest.importorskip("nbgrader", reason="the coursework's environment is not installed (make test-coursework installs it)")

from course import course as courses  # noqa: E402
from course import feedback, gradebook, inputs, readers, release, seccomp, variants  # noqa: E402
from course import grade as grading  # noqa: E402
from course.engines import Limits  # noqa: E402

from .pupils import CLASS, RIGHT, SLUG, hand_in  # noqa: E402
from .solved import TARGET, confined  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
DEMO = Path(__file__).parents[1] / "demo"
SECRET = b"a secret of this test run, 0123456789"

ENGINE = confined()
COURSE = courses.load(folders=(DEMO,))
PEOPLE = [release.Student(p.name, (("name", f"Given {p.name}"), ("email", f"{p.name}@example.org"))) for p in CLASS]


@pytest.fixture(scope="module", autouse=True)
def secret_around() -> Iterator[None]:
    """The secret where a careless sandbox would show it: in the grader's environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(variants.VARIABLE, SECRET.decode())
        yield


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graded class. Graded in two goes: the first is stopped after a third of it."""
    out = tmp_path_factory.mktemp("class")
    list(release.write(COURSE, [SLUG], PEOPLE, SECRET, out / "release"))
    for pupil in CLASS:
        whose = "right0" if pupil.name == "copier" else pupil.name
        home = out / "in" / pupil.name
        home.mkdir(parents=True)
        (home / f"{SLUG}.ipynb").write_bytes(hand_in(out / "release" / whose / f"{SLUG}.ipynb", pupil))
        due = COURSE.due(SLUG)
        (home / "timestamp.txt").write_text((due + timedelta(days=pupil.late or -1)).isoformat(), encoding="utf-8")
    jobs, notes = inputs.folder(out / "in", [SLUG], PEOPLE)
    assert notes == [] and len(jobs) == len(CLASS)
    limits = Limits(**COURSE.settings["limits"])
    stopped = grading.grade(jobs, COURSE, SECRET, out, limits, ENGINE)
    for _ in range(len(jobs) // 3):
        next(stopped)
    stopped.close()
    for fate in grading.grade(jobs, COURSE, SECRET, out, limits, ENGINE):
        assert fate.error == "", fate.job
    gradebook.sync(COURSE, out, [SLUG], PEOPLE, SECRET)
    return out


def result(out: Path, name: str) -> dict:
    return json.loads((out / "results" / SLUG / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("pupil", CLASS, ids=lambda p: p.name)
def test_everyone_gets_what_is_due(out: Path, pupil) -> None:  # noqa: ANN001
    found = result(out, pupil.name)
    points = {g["grade_id"]: g["score"] for g in found["grades"]}
    assert (points["weighted-mean"], points["largest"], points["heads"]) == pupil.points, found["grades"]
    said = " ".join([*found["notes"], *(g["message"] for g in found["grades"])])
    assert pupil.says in said
    assert pupil.says == "altered" or "altered" not in said
    assert not re.search("ran out of time|did not stop|ended Python|MB of memory|no notebook", said) or found["attention"]
    unread = pupil.name in ("malformed", "not-cells", "huge", "deep", "crowded")
    written = "essay" in (pupil.answers or {}) and not unread
    assert points["essay"] is (None if written else points["essay"]) and (written or points["essay"] == 0)


def test_a_submission_takes_its_time_and_no_more(out: Path, record_property) -> None:  # noqa: ANN001
    seconds = {p.name: result(out, p.name).get("processor", 0.0) for p in CLASS}
    plain = sorted(seconds[f"right{n}"] for n in range(5))
    record_property(
        "seconds",
        f"class of {len(CLASS)}: right ones {plain[0]:.1f} to {plain[-1]:.1f}, slowest "
        f"{max(seconds, key=seconds.get)} {max(seconds.values()):.1f}, all {sum(seconds.values()):.0f}",
    )
    assert 0 < plain[len(plain) // 2] < TARGET


def test_what_the_hostile_ones_saw(out: Path) -> None:
    printed = {
        name: " ".join(c.get("printed", "") for c in result(out, name)["cells"])
        for name in ("snoop", "network", "deleter", "memory", "fills-the-disk", "hidden-memory", "links")
    }
    assert "refused at once" in printed["memory"]
    assert "FOUND [] []" in printed["snoop"]
    written = int(re.search(r"WRITTEN (\d+)", printed["fills-the-disk"]).group(1))
    assert written <= COURSE.settings["limits"]["file_mb"] and "full:" in printed["fills-the-disk"]
    assert "SHADOW False ROOT False" in printed["links"]
    if seccomp.program():
        assert "refused" in printed["hidden-memory"] and "SEGMENT -1 NAMESPACE -1" in printed["hidden-memory"]
    assert "REACHED []" in printed["network"]
    assert "refused" in printed["deleter"] and "WROTE" not in printed["deleter"]
    assert (ROOT / "code" / "course" / "assignment.py").read_text(encoding="utf-8") != "hacked"


def test_nothing_is_left_running(out: Path) -> None:
    time.sleep(0.5)
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            said = entry.read_bytes()
            status = (entry.parent / "stat").read_text().split()
        except OSError:
            continue
        if b"course.runner" in said and status[3] == str(os.getpid()) or b"\0lingering\0" in said:
            found.append(status)
    assert found == []


def test_late_work_loses_its_share(out: Path) -> None:
    lines = {line.student: line for line in gradebook.lines(COURSE, out, [SLUG], PEOPLE)}
    assert lines["right0"].score == 50 and lines["right0"].pending == 50
    assert (lines["late-a-day"].score, lines["late-a-day"].days_late) == (45, 1)
    assert lines["late-a-month"].score == 25
    assert lines["in-the-grace"].score == 50


def test_essays_are_graded_by_a_reader_and_stay_graded(out: Path) -> None:
    with gradebook.opened(out) as book:
        grade = book.find_grade("essay", SLUG, SLUG, "right1")
        assert grade.needs_manual_grade and grade.max_score == 50
        grade.manual_score, grade.needs_manual_grade = 40, False
        book.find_comment("essay", SLUG, SLUG, "right1").manual_comment = "Clear. <b>Which</b> seeds?"
        book.db.commit()
    gradebook.sync(COURSE, out, [SLUG], PEOPLE, SECRET)  # a second sync keeps what the reader gave
    line = next(ln for ln in gradebook.lines(COURSE, out, [SLUG], PEOPLE) if ln.student == "right1")
    assert (line.score, line.pending) == (90, 0)
    pages = {p.parent.name: p.read_text(encoding="utf-8") for p in feedback.write(COURSE, out, [SLUG], PEOPLE)}
    assert len(pages) == len(CLASS)
    assert "90 of 100 points" in pages["right1"] and "Clear. &lt;b&gt;Which&lt;/b&gt; seeds?" in pages["right1"]
    assert "50 more points are still with a reader" in pages["right2"]
    assert not any("<script" in page or "://" in page.replace("://www.w3", "") for page in pages.values())


def test_the_readers_notebooks_hold_no_markup_of_a_students(out: Path) -> None:
    assert readers.harmless("a < b <img src=x onerror=1> [x](data:1)") == "a < b &lt;img src=x onerror=1> [x] (data:1)"
    made = json.loads((out / "autograded" / "right0" / SLUG / f"{SLUG}.ipynb").read_text(encoding="utf-8"))
    assert {o["output_type"] for c in made["cells"] for o in c.get("outputs", [])} <= {"stream"}


def test_the_exports_have_the_columns_of_canvas_and_moodle(out: Path) -> None:
    gradebook.export(COURSE, out, [SLUG], PEOPLE)
    tables = {}
    for name in ("gradebook", "canvas", "moodle"):
        with (out / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            tables[name] = list(csv.DictReader(file))
    canvas = tables["canvas"]
    assert list(canvas[0])[:5] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    assert canvas[0]["Student"].strip() == "Points Possible" and float(canvas[0][SLUG]) == 100
    by_login = {row["SIS Login ID"]: row for row in canvas[1:]}
    assert by_login["right0"]["Student"] == "right0, Given" and float(by_login["right0"][SLUG]) == 50
    assert {"Email address", "ID number", f"Assignment: {SLUG} (Real)"} <= set(tables["moodle"][0])
    assert len(tables["gradebook"]) == len(CLASS)
    assert next(r for r in tables["gradebook"] if r["student"] == "late-a-day")[f"{SLUG} days late"] == "1"


def test_readers_see_the_cells_that_a_student_added(out: Path) -> None:
    made = json.loads((out / "autograded" / "snoop" / SLUG / f"{SLUG}.ipynb").read_text(encoding="utf-8"))
    sources = ["".join(c["source"]) for c in made["cells"]]
    mine = next(n for n, text in enumerate(sources) if "/proc/[0-9]*/environ" in text)
    assert "Added or changed by the student" in sources[mine - 1] and "assignment.open" in sources[mine - 2]
    assert "FOUND [] []" in made["cells"][mine]["outputs"][0]["text"]
    assert len({c["id"] for c in made["cells"]}) == len(made["cells"])
    plain = json.loads((out / "autograded" / "right0" / SLUG / f"{SLUG}.ipynb").read_text(encoding="utf-8"))
    assert not any("Added or changed" in "".join(c["source"]) for c in plain["cells"])


def test_markup_in_an_essay_is_shown_and_not_obeyed(out: Path) -> None:
    (page,) = (p for p in feedback.write(COURSE, out, [SLUG], PEOPLE) if p.parent.name == "marked-up")
    assert "&lt;script&gt;alert(1)" in page.read_text(encoding="utf-8")
    assert "<script" not in (out / "autograded" / "marked-up" / SLUG / f"{SLUG}.ipynb").read_text(encoding="utf-8")


def essay(out: Path, name: str) -> tuple[gradebook.Line, str, str]:
    """A student's line, feedback page, and the notebook that a reader sees."""
    line = next(ln for ln in gradebook.lines(COURSE, out, [SLUG], PEOPLE) if ln.student == name)
    pages = {p.parent.name: p.read_text(encoding="utf-8") for p in feedback.write(COURSE, out, [SLUG], PEOPLE)}
    return line, pages[name], (out / "autograded" / name / SLUG / f"{SLUG}.ipynb").read_text(encoding="utf-8")


def hand_in_again(out: Path, name: str, **answers: str) -> None:
    pupil = replace(next(p for p in CLASS if p.name == name), answers=RIGHT | answers)
    (out / "in" / name / f"{SLUG}.ipynb").write_bytes(hand_in(out / "release" / name / f"{SLUG}.ipynb", pupil))
    jobs, _ = inputs.folder(out / "in", [SLUG], PEOPLE)
    job = next(j for j in jobs if j.student == name)
    assert [f.error for f in grading.grade([job], COURSE, SECRET, out, Limits(**COURSE.settings["limits"]), ENGINE)] == [""]
    gradebook.sync(COURSE, out, [SLUG], [p for p in PEOPLE if p.id == name], SECRET)


def mark(out: Path, name: str, points: float) -> None:
    """What the formgrader does when a reader types points."""
    with gradebook.opened(out) as book:
        grade = book.find_grade("essay", SLUG, SLUG, name)
        grade.manual_score, grade.needs_manual_grade = points, False
        book.db.commit()


def test_the_formgrader_lists_the_assignment_and_those_who_handed_in(out: Path) -> None:
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config

    settings = Config()
    settings.CourseDirectory.root, settings.Exchange.root = str(out), str(out / "nobody-exchanges")
    api = NbGraderAPI(config=settings)
    assert [a["name"] for a in api.get_assignments()] == [SLUG]
    assert len(api.get_notebook_submissions(SLUG, SLUG)) > 20


def test_a_mark_stays_with_its_text_and_is_flagged_when_the_text_changes(out: Path) -> None:
    name = "right3"
    mark(out, name, 30)
    hand_in_again(out, name, **{"largest-solution": "largest = 0.0"})  # other code, the same essay
    line, page, _ = essay(out, name)
    assert (line.score, line.pending, line.again) == (60, 0, 0) and "text changed" not in page

    hand_in_again(out, name, essay="Another essay altogether.")
    line, page, notebook = essay(out, name)
    assert (line.score, line.pending, line.again) == (80, 0, 50)
    assert "80 of 100 points" in page and "for a text that changed since" in page and readers.AGAIN in page
    assert "To the reader" in notebook and "-I would register the claim first" in notebook
    gradebook.sync(COURSE, out, [SLUG], PEOPLE, SECRET)
    assert essay(out, name)[0].again == 50, "a second look forgets nothing"

    hand_in_again(out, name)  # the first text once more: its mark is right again
    assert essay(out, name)[0].again == 0

    hand_in_again(out, name, essay="A third.")
    mark(out, name, 45)
    gradebook.sync(COURSE, out, [SLUG], PEOPLE, SECRET)
    line, page, notebook = essay(out, name)
    assert (line.score, line.again) == (95, 0) and "text changed" not in page and "To the reader" not in notebook
    hand_in_again(out, name)  # and now the first text is the one that was not read
    assert essay(out, name)[0].again == 50


def test_an_essay_that_was_never_read_waits_for_a_reader(out: Path) -> None:
    hand_in_again(out, "right4", essay="New words.")
    line, _, notebook = essay(out, "right4")
    assert (line.pending, line.again) == (50, 0) and "To the reader" not in notebook
