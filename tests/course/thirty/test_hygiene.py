"""What is released, built and packaged holds no solution, no hidden test, no rubric, no secret, and is the same each time."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("nbgrader", reason="the coursework's environment is not installed (make test-coursework installs it)")

from course import course as courses  # noqa: E402
from course import release  # noqa: E402

from . import private  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
DEMO = courses.load(folders=(Path(__file__).parents[1] / "demo",))
REAL = courses.load()
SECRET = b"the secret of the hygiene tests 42"
PLAIN = 25  # characters from which a line is nobody's coincidence
ALL = [(DEMO, "90-demo"), *((REAL, slug) for slug in REAL.slugs())]
every = pytest.mark.parametrize(("course", "slug"), ALL, ids=[slug for _, slug in ALL])


def private_lines(source: str) -> set[str]:
    """Lines of solutions, rubrics, hidden tests and sample essays that stand nowhere else in the source."""
    inside, outside, hidden = set(), set(), False
    for line in source.splitlines():
        if re.search(r"BEGIN (SOLUTION|RUBRIC|HIDDEN TESTS)", line):
            hidden = True
        elif re.search(r"END (SOLUTION|RUBRIC|HIDDEN TESTS)", line):
            hidden = False
        elif len(line.strip()) >= PLAIN:
            (inside if hidden else outside).add(line.strip())
    return inside - outside


@every
def test_an_assignment_is_in_order(course: courses.Course, slug: str) -> None:
    assert release.check(course, slug) == []


@every
def test_a_release_holds_nothing_private_and_is_the_same_each_time(course: courses.Course, slug: str, tmp_path: Path) -> None:
    people = [release.Student("ada"), release.Student("bob")]
    first = [p.read_bytes() for p in release.write(course, [slug], people, SECRET, tmp_path / "1")]
    release._template.cache_clear()
    again = [p.read_bytes() for p in release.write(course, [slug], people, SECRET, tmp_path / "2")]
    assert first == again
    assert first[0].replace(b"ada", b"bob") != first[1], "two students get the same notebook"
    lines = private_lines(course.source(slug))
    assert lines
    for data in first:
        text = "\n".join("".join(c["source"]) for c in json.loads(data)["cells"])
        assert lines & {line.strip() for line in text.splitlines()} == set()
        assert not re.search(r"(BEGIN|END) (SOLUTION|RUBRIC|HIDDEN)|marker_of_the", text)
        rest = [c for c in json.loads(data)["cells"] if "assignment.open(" not in "".join(c["source"])]  # drawn
        assert course is DEMO or private.found(json.dumps({"cells": rest}).encode(), "release.ipynb") == set()
        assert SECRET not in data and str(tmp_path).encode() not in data
        assert all(c.get("outputs", []) == [] for c in json.loads(data)["cells"])


def test_a_release_from_another_process_is_the_same(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from course import course, release\n"
        f"c = course.load(folders=(Path({str(DEMO.folders[0])!r}),))\n"
        f"list(release.write(c, ['90-demo'], [release.Student('ada')], {SECRET!r}, Path({str(tmp_path)!r}) / sys.argv[1]))"
    )
    for number in ("1", "2"):
        environment = {"PYTHONPATH": str(ROOT / "code"), "PYTHONHASHSEED": number}
        subprocess.run([sys.executable, "-c", code, number], check=True, env=environment, cwd=tmp_path)
    one, two = (tmp_path / n / "ada" / "90-demo.ipynb" for n in ("1", "2"))
    assert one.read_bytes() == two.read_bytes()


def test_a_secret_in_a_source_stops_the_release(tmp_path: Path) -> None:
    shutil.copytree(DEMO.folders[0], tmp_path / "demo")
    source = tmp_path / "demo" / "90-demo" / "source.md"
    source.write_text(source.read_text(encoding="utf-8").replace("## A bet", f"## A bet {SECRET.decode()}"), encoding="utf-8")
    course = courses.load(folders=(tmp_path / "demo",))
    with pytest.raises(courses.CourseError, match="nothing was written"):
        list(release.write(course, ["90-demo"], [release.Student("ada")], SECRET, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_an_overlay_replaces_and_adds(tmp_path: Path) -> None:
    shutil.copytree(DEMO.folders[0], tmp_path / "mine")
    (tmp_path / "mine" / "90-demo").rename(tmp_path / "mine" / "91-mine")
    source = tmp_path / "mine" / "91-mine" / "source.md"
    source.write_text(source.read_text(encoding="utf-8").replace("90-demo", "91-mine"), encoding="utf-8")
    (tmp_path / "mine" / "course.toml").write_text('[late]\nper_day = 0.2\n', encoding="utf-8")
    course = courses.load(tmp_path / "mine", DEMO.folders)
    assert course.slugs() == ["90-demo", "91-mine"]
    assert course.settings["late"] == {"grace_minutes": 15, "per_day": 0.2, "most": 0.5}
    (made,) = release.write(course, ["91-mine"], [release.Student("ada")], SECRET, tmp_path / "out")
    assert "91-mine" in made.read_text(encoding="utf-8")


def test_the_wheel_holds_the_students_side_alone(tmp_path: Path) -> None:
    try:
        usable = int(importlib.metadata.version("setuptools").split(".")[0]) >= 77
    except importlib.metadata.PackageNotFoundError:
        usable = False
    if not usable:
        pytest.skip("setuptools 77 or newer is not installed here")
    here = tmp_path / "checkout"
    here.mkdir()
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, here)
    for name in ("code", "coursework", "chapters"):
        shutil.copytree(ROOT / name, here / name, ignore=shutil.ignore_patterns("__pycache__"))
    (here / "coursework" / ".secret").write_text(SECRET.decode(), encoding="utf-8")
    code = "from setuptools import build_meta; build_meta.build_wheel('.')"
    subprocess.run([sys.executable, "-c", code], cwd=here, check=True, capture_output=True)
    (wheel,) = here.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert "course/assignment.py" in names
        assert [n for n in names if re.search(r"coursework/|chapters|assignment/|mutants|\.secret", n)] == []
        assert not any(SECRET in archive.read(n) for n in names)
    assert private.found(wheel.read_bytes(), wheel.name) == set()
