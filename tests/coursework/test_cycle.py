"""The whole cycle as a class runs it: release, hand in, grade, essays, feedback, export. Needs nbgrader and a sandbox."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

pytest.importorskip("nbgrader", reason="the coursework's environment is not installed (make test-coursework installs it)")

from classroom import CLASS, SLUG, hand_in  # noqa: E402

from coursework.kit import course as courses  # noqa: E402
from coursework.kit import feedback, gradebook, inputs, release  # noqa: E402
from coursework.kit import grade as grading  # noqa: E402
from coursework.kit.sandbox import Limits, NoSandbox, engine  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
DEMO = Path(__file__).parent / "demo"
SECRET = b"a secret of this test run, 0123456789"
TARGET = 20.0  # seconds a submission on one core

try:
    ENGINE = engine()
except NoSandbox as error:
    pytest.skip(str(error), allow_module_level=True)

COURSE = courses.load(root=DEMO)
PEOPLE = [release.Student(p.name, (("name", f"Given {p.name}"), ("email", f"{p.name}@example.org"))) for p in CLASS]


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
    for job, error in grading.grade(jobs, COURSE, SECRET, out, limits, ENGINE):
        assert error == "", job
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
    unread = pupil.name in ("malformed", "not-cells", "huge")
    written = "essay" in (pupil.answers or {}) and not unread
    assert points["essay"] is (None if written else points["essay"]) and (written or points["essay"] == 0)


def test_a_submission_takes_its_time_and_no_more(out: Path, record_property, capsys) -> None:  # noqa: ANN001
    seconds = {p.name: result(out, p.name)["seconds"] for p in CLASS}
    plain = sorted(seconds[f"right{n}"] for n in range(5))
    with capsys.disabled():
        print(f"\nseconds a submission: right ones {plain[0]:.1f} to {plain[-1]:.1f}; "
              f"slowest {max(seconds, key=seconds.get)} {max(seconds.values()):.1f}; whole class {sum(seconds.values()):.0f}")
    assert plain[len(plain) // 2] < TARGET


def test_what_the_hostile_ones_saw(out: Path) -> None:
    printed = {name: " ".join(c.get("printed", "") for c in result(out, name)["cells"]) for name in
               ("snoop", "network", "deleter", "memory")}
    assert "refused at once" in printed["memory"]
    assert "FOUND [] []" in printed["snoop"]
    assert "REACHED []" in printed["network"]
    assert "refused" in printed["deleter"] and "WROTE" not in printed["deleter"]
    assert (ROOT / "code" / "alchemy" / "assignment.py").read_text(encoding="utf-8") != "hacked"


def test_nothing_is_left_running(out: Path) -> None:
    time.sleep(0.5)
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"/course/kit/runner.py" in entry.read_bytes():
                status = (entry.parent / "stat").read_text().split()
                found.append(status)
        except OSError:
            continue
    assert [f for f in found if f[3] == str(os.getpid())] == []


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
    assert gradebook.harmless("a < b <img src=x onerror=1> [x](javascript:1)") == "a < b &lt;img src=x onerror=1> [x](#1)"
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


def test_a_killed_grader_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """SIGKILL in the middle: finished results are whole, the rest is graded by the same command."""
    names = [f"right{n}" for n in range(5)]
    environment = os.environ | {"ALCHEMY_COURSE_SECRET": SECRET.decode(), "PYTHONPATH": f"{ROOT / 'code'}:{ROOT}"}
    base = [sys.executable, "-m", "coursework.kit"]
    common = ["--students", ",".join(names), "--root", str(DEMO), "--out", str(tmp_path / "out")]
    subprocess.run([*base, "release", *common], env=environment, check=True, capture_output=True, cwd=tmp_path)
    by_name = {p.name: p for p in CLASS}
    for name in names:
        (tmp_path / "in" / name).mkdir(parents=True)
        data = hand_in(tmp_path / "out" / "release" / name / f"{SLUG}.ipynb", by_name[name])
        (tmp_path / "in" / name / f"{SLUG}.ipynb").write_bytes(data)
    command = [*base, "grade", *common, "--submitted", str(tmp_path / "in")]
    running = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    folder, end = tmp_path / "out" / "results" / SLUG, time.monotonic() + 120
    while len(list(folder.glob("*.json"))) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    before = {p.name: p.stat().st_mtime_ns for p in folder.glob("*.json")}
    assert 2 <= len(before) < 5
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert "5 of 5 submissions graded" in done.stdout
    assert {n: (folder / n).stat().st_mtime_ns for n in before} == before
    for step in ("feedback", "export", "status"):
        subprocess.run([*base, step, *common], env=environment, check=True, capture_output=True, cwd=tmp_path)
    assert (tmp_path / "out" / "moodle.csv").is_file()
