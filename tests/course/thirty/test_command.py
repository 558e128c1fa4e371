"""The instructor's command: a class of 200 and a killed grader, a zip, an overlay, and what it says when something is missing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("nbgrader", reason="the coursework's environment is not installed (make test-coursework installs it)")

from course import variants  # noqa: E402
from course.cli import app  # noqa: E402
from course.engines import NoSandbox, engine  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from .pupils import RIGHT, SLUG, Pupil, hand_in  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
DEMO = Path(__file__).parents[1] / "demo"
SECRET = "a secret of these commands, 0123456789"
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != variants.VARIABLE} | {"PYTHONPATH": str(ROOT / "code")}
KIT = [sys.executable, "-m", "course"]

try:
    engine()
    WHY = ""
except NoSandbox as error:
    WHY = str(error)
confined = pytest.mark.skipif(bool(WHY), reason=WHY)


def run(where: Path, *words: object, check: bool = True, **environment: str) -> SimpleNamespace:
    """The command in this process, from the folder `where`: one of its own takes seconds to start."""
    engine.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where)
        for name, value in ({variants.VARIABLE: SECRET} | environment).items():
            patch.setenv(name, value)
        done = CliRunner().invoke(app, [*map(str, words)])
    engine.cache_clear()
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert not check or done.exit_code == 0, done.output
    return SimpleNamespace(returncode=done.exit_code, stdout=done.stdout, stderr=done.stderr)


def run_outside(where: Path, *words: object, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own."""
    done = subprocess.run(
        [*KIT, *map(str, words)],
        cwd=where,
        text=True,
        capture_output=True,
        check=False,
        env=ENVIRONMENT | {variants.VARIABLE: SECRET} | environment,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def common(where: Path, *names: str) -> list[object]:
    return ["--students", ",".join(names), "--root", DEMO, "--out", where / "out"]


def submitted(where: Path, name: str, data: bytes | None = None) -> None:
    """A right submission of a released notebook, or these bytes."""
    home = where / "in" / name
    home.mkdir(parents=True, exist_ok=True)
    released = where / "out" / "release" / name / f"{SLUG}.ipynb"
    (home / f"{SLUG}.ipynb").write_bytes(hand_in(released, Pupil(name, (20, 20, 10), RIGHT)) if data is None else data)


@confined
def test_a_grader_killed_in_a_class_of_200_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """SIGKILL in the middle: what is finished is whole and stays, the rest is graded by the same command.

    Most hand in a file that is no notebook, which needs no sandbox: what is tested is the book-keeping.
    """
    names = [f"s{n:03}" for n in range(200)]
    run(tmp_path, "release", *common(tmp_path, *names[::50]))
    for n, name in enumerate(names):
        submitted(tmp_path, name, None if n % 50 == 0 else b"no notebook")
    command = ["grade", *common(tmp_path, *names), "--submitted", tmp_path / "in", "--workers", "2"]
    running = subprocess.Popen(
        [*KIT, *map(str, command)],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT | {variants.VARIABLE: SECRET},
    )
    folder, end = tmp_path / "out" / "results" / SLUG, time.monotonic() + 120
    while len(list(folder.glob("*.json"))) < 60 and time.monotonic() < end:
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    running.wait()
    before = {p.name: p.stat().st_mtime_ns for p in folder.glob("*.json")}
    assert 60 <= len(before) < 200
    early = run(tmp_path, "export", *common(tmp_path, *names), check=False)
    assert early.returncode == 1 and "Run the same grade command again" in early.stderr
    done = run(tmp_path, *command)
    assert "200 of 200 submissions graded" in done.stdout and "seconds per submission: median" in done.stdout
    assert {n: (folder / n).stat().st_mtime_ns for n in before} == before
    assert len(list(folder.glob("*.json"))) == 200
    run(tmp_path, "export", *common(tmp_path, *names))
    table = (tmp_path / "out" / "gradebook.csv").read_text(encoding="utf-8").splitlines()
    assert len(table) == 201 and table[1].startswith("s000,s000,50.0") and table[2].startswith("s001,s001,0.0")


def gradescope(where: Path, *names: str) -> Path:
    """A zip as Gradescope exports it, with a path that leads out and a file that bursts."""
    people = "".join(
        f"submission_{n}:\n  :submitters:\n  - :name: {name}\n    :email: {name}@example.org\n    :sid: {name}\n"
        for n, name in enumerate(names)
    )
    path = where / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("assignment_1_export/submission_metadata.yml", people)
        for n, name in enumerate(names):
            released = where / "out" / "release" / name / f"{SLUG}.ipynb"
            data = hand_in(released, Pupil(name, (20, 20, 10), RIGHT))
            file.writestr(f"assignment_1_export/submission_{n}/.ipynb_checkpoints/{SLUG}-checkpoint.ipynb", released.read_bytes())
            file.writestr(f"assignment_1_export/submission_{n}/my homework.ipynb", data)
        file.writestr("assignment_1_export/submission_1/../../../../escaped.ipynb", b"{}")
        file.writestr(f"assignment_1_export/submission_1/{SLUG}.ipynb", b"0" * 30 * 2**20)
        link = zipfile.ZipInfo(f"assignment_1_export/submission_0/{SLUG}.ipynb")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")
    return path


@confined
def test_a_zip_of_gradescopes_is_graded_with_its_hostile_members_refused(tmp_path: Path) -> None:
    names = common(tmp_path, "ada", "bob")
    run(tmp_path, "release", *names)
    done = run(tmp_path, "grade", *names, "--submitted", gradescope(tmp_path, "ada", "bob"))
    assert "2 of 2 submissions graded" in done.stdout
    assert done.stderr.count("leads out of the zip") == 2 and "30 MB unpacked from" in done.stderr
    assert list(tmp_path.rglob("escaped*")) == [] and not (tmp_path.parent / "escaped.ipynb").exists()
    run(tmp_path, "feedback", *names)
    run(tmp_path, "export", *names)
    for name in ("ada", "bob"):
        page = (tmp_path / "out" / "feedback" / name / f"{SLUG}.html").read_text(encoding="utf-8")
        assert "50 of 100 points" in page


def test_a_damaged_zip_costs_its_author_and_nobody_else(tmp_path: Path) -> None:
    """A member whose bytes are damaged is noted; the metadata's own damage is named."""
    names = common(tmp_path, "ada", "bob")
    run(tmp_path, "release", *names)
    data = bytearray(gradescope(tmp_path, "ada", "bob").read_bytes())
    at = data.index(b"submission_0/my homework.ipynb") + 200
    data[at : at + 40] = b"\xff" * 40
    (tmp_path / "export.zip").write_bytes(data)
    done = run(tmp_path, "grade", *names, "--submitted", tmp_path / "export.zip", "--no-sandbox", check=False)
    assert "cannot be unpacked" in done.stderr
    assert (tmp_path / "out" / "submitted" / "bob" / SLUG / f"{SLUG}.ipynb").is_file()


def test_without_a_sandbox_nothing_runs_unless_it_is_asked_for(tmp_path: Path) -> None:
    names = common(tmp_path, "ada")
    run(tmp_path, "release", *names)
    submitted(tmp_path, "ada")
    command = ["grade", *names, "--submitted", tmp_path / "in"]
    (tmp_path / "bin").mkdir()
    refused = run(tmp_path, *command, check=False, PATH=str(tmp_path / "bin"))
    assert refused.returncode == 1 and "no sandbox works (bubblewrap: not installed)" in refused.stderr
    assert "apt-get install bubblewrap" in refused.stderr and not (tmp_path / "out" / "results").exists()
    broken = tmp_path / "bin" / "bwrap"
    broken.write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    refused = run(tmp_path, *command, check=False, PATH=str(tmp_path / "bin"))
    assert refused.returncode == 1 and "No permissions to create new namespace" in refused.stderr
    done = run(tmp_path, *command, "--no-sandbox", PATH=str(tmp_path / "bin"))
    assert "1 new, 0 kept, 0 changed" in done.stdout
    again = run(tmp_path, *command, "--no-sandbox", "--force", PATH=str(tmp_path / "bin"))
    assert "0 new, 0 kept, 0 changed, 1 graded again with the same points" in again.stdout
    assert "1 of 1 submissions graded, without a sandbox" in done.stdout and "run with your rights" in done.stderr


@pytest.mark.parametrize(
    ("files", "words", "message"),
    [
        ({}, ["--roster", "none.csv"], "student,name,email\n  ada,Ada Example,ada@example.org"),
        ({"r.csv": "name\nAda\n"}, ["--roster", "r.csv"], "no column `student`"),
        ({}, ["--students", "../ada"], "no path"),
        ({}, ["--students", "ada", "--overlay", "none"], "the overlay none is no folder"),
        ({"o/x": ""}, ["--students", "ada", "--overlay", "o"], "holds neither course.toml nor"),
        ({"o/course.toml": "[due"}, ["--students", "ada", "--overlay", "o"], "course.toml cannot be read"),
        (
            {"o/course.toml": "[due]\n90-dem = 2026-10-05T23:59:00+02:00"},
            ["--students", "ada", "--overlay", "o"],
            "no assignment 90-dem; expected one of 90-demo",
        ),
        ({"o/course.toml": "[due]\n90-demo = 2026-10-05T23:59:00"}, ["--students", "ada", "--overlay", "o"], "with its zone"),
        (
            {"o/course.toml": "[limits]\nmemory = 3"},
            ["--students", "ada", "--overlay", "o"],
            "memory is no limit; expected one of",
        ),
        ({"o/course.toml": "[late]\nper_day = '10 %'"}, ["--students", "ada", "--overlay", "o"], "per_day is '10 %'; expected"),
        ({"o/90-demo/items.py": "import nothing_of_that"}, ["--students", "ada", "--overlay", "o"], "items.py cannot be loaded"),
        ({"o/90-demo/items.py": "ITEMS = 3"}, ["--students", "ada", "--overlay", "o"], "no list ITEMS"),
        ({"o/92-more/source.md": "# no cells"}, ["--students", "ada", "--overlay", "o"], "92-more"),
        ({}, ["--students", "ada", "91-none"], "known assignments: 90-demo"),
    ],
)
def test_what_is_missing_is_named_with_the_next_step(
    tmp_path: Path,
    files: dict[str, str],
    words: list[str],
    message: str,
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = run(tmp_path, "release", *words, "--root", DEMO, "--out", tmp_path / "out", check=False)
    assert done.returncode == 1 and message in done.stderr, done.stderr
    assert not (tmp_path / "out").exists()


def test_a_stranger_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    names = common(tmp_path, "ada")
    run(tmp_path, "release", *names)
    (tmp_path / "in" / "stranger").mkdir(parents=True)
    done = run(tmp_path, "grade", *names, "--submitted", tmp_path / "in", "--no-sandbox", check=False)
    assert done.returncode == 1 and "stranger is not on the roster" in done.stderr
    assert f"expected STUDENT/ASSIGNMENT.ipynb, such as ada/{SLUG}.ipynb" in done.stderr


def test_the_secret_is_made_at_the_first_release_and_asked_for_at_grading(tmp_path: Path) -> None:
    """In a copy of the package: the repository's own secret is not touched."""
    shutil.copytree(ROOT / "code" / "course", tmp_path / "code" / "course", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "coursework").mkdir()
    path = tmp_path / "coursework" / ".secret"
    place = os.pathsep.join([str(tmp_path / "code"), str(ROOT / "code")])  # the copy, and the library
    names = common(tmp_path, "ada")
    early = run_outside(
        tmp_path, "grade", *names, "--submitted", tmp_path, check=False, ALCHEMY_COURSE_SECRET="", PYTHONPATH=place
    )
    assert early.returncode == 1 and "The first release makes it and keeps it in" in early.stderr and str(path) in early.stderr
    done = run_outside(tmp_path, "release", *names, ALCHEMY_COURSE_SECRET="", PYTHONPATH=place)
    assert f"The course secret is made: {path}. Back it up" in done.stderr and path.is_file()
    first = (tmp_path / "out" / "release" / "ada" / f"{SLUG}.ipynb").read_bytes()
    again = run_outside(tmp_path, "release", *names, ALCHEMY_COURSE_SECRET="", PYTHONPATH=place)
    assert "is made" not in again.stderr
    assert (tmp_path / "out" / "release" / "ada" / f"{SLUG}.ipynb").read_bytes() == first
    assert path.read_bytes().strip() not in first


def overlay(where: Path) -> Path:
    """An overlay that replaces one item of 90-demo, adds the assignment 91-mine and sets a deadline."""
    made = where / "overlay"
    for slug in (SLUG, "91-mine"):
        (made / slug).mkdir(parents=True)
    items = (DEMO / SLUG / "items.py").read_text(encoding="utf-8")
    (made / SLUG / "items.py").write_text(items.replace("rng.integers(2, 6)", "rng.integers(7, 9)"), encoding="utf-8")
    (made / "91-mine" / "items.py").write_text(items, encoding="utf-8")
    source = (DEMO / SLUG / "source.md").read_text(encoding="utf-8")
    (made / "91-mine" / "source.md").write_text(source.replace(SLUG, "91-mine"), encoding="utf-8")
    (made / "course.toml").write_text('[course]\nid = "mine"\n[due]\n91-mine = 2020-01-01T00:00:00Z\n', encoding="utf-8")
    return made


@confined
def test_an_overlay_replaces_an_item_and_adds_an_assignment(tmp_path: Path) -> None:
    mine = [*common(tmp_path, "ada"), "--overlay", overlay(tmp_path)]
    run(tmp_path, "release", *mine)
    released = tmp_path / "out" / "release" / "ada"
    assert {p.stem for p in released.iterdir()} == {SLUG, "91-mine"}
    theirs = (released / f"{SLUG}.ipynb").read_text(encoding="utf-8")
    assert "'power': 7" in theirs or "'power': 8" in theirs
    submitted(tmp_path, "ada")
    added = Pupil("ada", (0, 0, 0), RIGHT | {"weighted-mean-solution": "def weighted_mean(x, w):\n    return 0.0"})
    (tmp_path / "in" / "ada" / "91-mine.ipynb").write_bytes(hand_in(released / "91-mine.ipynb", added))
    (tmp_path / "in" / "ada" / "timestamp.txt").write_text("2020-01-01T12:00:00+00:00", encoding="utf-8")
    done = run(tmp_path, "grade", *mine, "--submitted", tmp_path / "in")
    assert "2 of 2 submissions graded" in done.stdout
    run(tmp_path, "export", *mine)
    head, ada = (tmp_path / "out" / "gradebook.csv").read_text(encoding="utf-8").splitlines()
    row = dict(zip(head.split(","), ada.split(","), strict=True))
    assert (float(row[SLUG]), float(row["91-mine"]), row["91-mine days late"]) == (50, 27, "1")


@confined
@pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")
def test_make_coursework_goes_from_roster_to_gradebook(tmp_path: Path) -> None:
    """The target itself, with the demonstration as an overlay; twice, with the same bytes in the release."""
    (tmp_path / "roster.csv").write_text("student,name\nada,Ada L\nbob,Bob M\n", encoding="utf-8")
    here = os.path.relpath(sys.prefix, ROOT)  # no target of make may lie behind a space
    command = [
        "make",
        "--no-print-directory",
        "-o",
        f"{here}/.installed",
        f"COURSE_VENV={here}",
        f"OVERLAY={DEMO}",
        f"ROSTER={tmp_path / 'roster.csv'}",
        f"SUBMITTED={tmp_path / 'in'}",
        f"COURSE_OUT={tmp_path / 'out'}",
        f"ASSIGNMENTS={SLUG}",
        "JOBS=1",
        "coursework",
    ]
    environment = ENVIRONMENT | {variants.VARIABLE: SECRET}
    first = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False, env=environment)
    assert first.returncode == 0, first.stderr
    assert "2 notebooks for 2 students" in first.stdout and "Nothing to grade yet" in first.stdout
    released = {p: p.read_bytes() for p in (tmp_path / "out" / "release").rglob("*.ipynb")}
    submitted(tmp_path, "ada")
    submitted(tmp_path, "bob", b"no notebook")
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "2 of 2 submissions graded" in done.stdout and "seconds per submission: median" in done.stdout
    assert "2 new, 0 kept, 0 changed" in done.stdout and "bob/90-demo: could not be read: the file is no notebook" in done.stderr
    assert len(released) == 2 and {p: p.read_bytes() for p in released} == released
    for name in ("gradebook.csv", "canvas.csv", "moodle.csv", "feedback/ada/90-demo.html", "feedback/bob/90-demo.html"):
        assert (tmp_path / "out" / name).stat().st_size > 100


def test_a_zip_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "e.zip").write_bytes(b"PK")
    done = run(tmp_path, "grade", *common(tmp_path, "ada"), "--submitted", tmp_path / "e.zip", "--no-sandbox", check=False)
    assert done.returncode == 1 and "export the submissions once more" in done.stderr
