"""Ways in that were found and closed; each was seen to work before it was closed."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("nbgrader", reason="the coursework's environment is not installed (make test-coursework installs it)")

from course import course as courses  # noqa: E402
from course import feedback, grade, gradebook, inputs, readers, release, scoring, submission, watch, wire  # noqa: E402
from course.engines import Limits  # noqa: E402
from course.items import Item, Score, close  # noqa: E402
from course.sandbox import Died, Sandbox  # noqa: E402
from nbconvert.filters import markdown2html  # noqa: E402

from .solved import confined  # noqa: E402

DEMO = courses.load(folders=(Path(__file__).parents[1] / "demo",))
SLUG = DEMO.slugs()[0]
SECRET = b"the secret of these tests 0123456789"
PEOPLE = [release.Student("ada"), release.Student("bob")]


@pytest.mark.parametrize(
    "text",
    [
        "[x](javascript:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](vbscript&colon;a)",
        "[x](java&Tab;script:alert(1))",
        "see [Figure 1][f].\n\n[f]: javascript:alert(1)",
        "[f]\n\n> [f]: javascript:alert(1)",
        "- [f]:\n  javascript:alert(1)\n\n[f]",
        "![x](http://example.org/p.png)",
        "![x](attachment:foo)",
        "![x][p]\n\n[p]: http://example.org/p.png",
        "[^1]\n\n[^1]: a",
        "[x](<javascript:alert(1)>)",
        "<javascript:alert(1)>",
        "<img src=x onerror=alert(1)>",
        "$a<$<img src=x onerror=alert(1)>",
    ],
)
def test_an_essay_holds_no_image_and_no_link_that_hides_its_address(text: str) -> None:
    page = markdown2html(readers.harmless(text)).lower()
    shown = re.sub(r'<a href="(https?://[^"]*)">\1</a>', "", page)  # a bare address, which says where it leads
    assert "<a " not in shown and "<img" not in shown, page


@pytest.mark.parametrize("command", ["href", "style", "class", "cssId", "require", "mmlToken"])
def test_a_formula_leads_nowhere(command: str) -> None:
    assert command not in readers.harmless(f"$\\{command}{{javascript:alert(1)}}{{x}}$")
    assert readers.harmless("$\\styles \\frac{a}{b}$ a < b, `x[i]`") == "$\\styles \\frac{a}{b}$ a < b, `x[i]`"


def test_an_essay_of_blank_lines_stalls_no_comparison() -> None:
    read, seen = (
        "\n".join(" " * random.Random(n + shift).randrange(110) + "ab"[n % 2] * (n % 3) for n in range(20_000))
        for shift in (0, 10**6)
    )
    begun = time.monotonic()
    note = readers._changes({"read": read, "seen": seen, "changed": True})
    assert time.monotonic() - begun < 5 and "beginning only" in note
    assert "beginning only" not in readers._changes({"read": "a\n\nb", "seen": "a\nc", "changed": True})


def test_a_text_longer_than_anybody_reads_is_cut_and_noted() -> None:
    about = {"grade": True, "solution": True, "locked": False, "grade_id": "essay", "points": 5, "schema_version": 3}
    opening = {
        "cell_type": "code",
        "source": "work = assignment.open('x')",
        "metadata": {"nbgrader": about | {"grade_id": "open", "grade": False, "locked": True, "solution": False}},
    }
    released = {"cells": [opening, {"cell_type": "markdown", "source": "Write.", "metadata": {"nbgrader": about}}]}
    plan = submission.plan(released, [submission.Cell("markdown", "a" * 100_000, "essay")], [])
    assert len(plan.texts["essay"]) == submission.ESSAY_CHARACTERS and any("100,000" in note for note in plan.notes)


@pytest.mark.parametrize(
    "error", [{"type": "\ud800"}, {"type": "E", "where": ["\ud800"]}, {"type": "WireError", "text": "\udc00"}]
)
def test_half_a_surrogate_pair_reaches_no_message(error: dict[str, Any]) -> None:
    item = Item("a/b", 10, "function", reference=lambda v, x: 1.0, compare=close())
    said = scoring.of_function(item, {}, [(1,)], [{"error": error}]).message + scoring.complaint(error)
    assert said.encode("utf-8") and len(said) < 1000
    found = scoring.compared(Item("a/b", 10, "value", compare=lambda *_: Score(0.5, "\ud800" * 10**5)), 1, 1, {}, ())
    assert len(found.message.encode("utf-8")) < 10_000


def test_one_student_whose_result_cannot_be_written_stops_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for student in PEOPLE:
        path = tmp_path / "in" / student.id / f"{SLUG}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text("no notebook", encoding="utf-8")
        job = grade.Job(SLUG, student.id, path)
        grade.write(grade.result_path(tmp_path, job), grade.one(job, DEMO, SECRET, Limits(), ("none",)))
    kept = readers.notebook

    def notebook(course: Any, out: Path, slug: str, student: str, *rest: Any) -> Path:
        return kept(course, out, slug, student, *rest) if student != "ada" else (out / "\ud800").resolve(strict=True)

    monkeypatch.setattr(readers, "notebook", notebook)
    notes = gradebook.sync(DEMO, tmp_path, [SLUG], PEOPLE, SECRET)
    assert len(notes) == 1 and notes[0].startswith(f"ada/{SLUG}") and (tmp_path / "autograded" / "bob").is_dir()
    row = feedback._row
    monkeypatch.setattr(
        feedback, "_row", lambda book, slug, student, graded: row(book, slug, student if student == "bob" else "nobody", graded)
    )
    stopped: list[str] = []
    pages = list(feedback.write(DEMO, tmp_path, [SLUG], PEOPLE, stopped.append))
    assert [page.parent.name for page in pages] == ["bob"] and len(stopped) == 1, stopped
    assert stopped[0].startswith("ada/")
    assert gradebook.export(DEMO, tmp_path, [SLUG], PEOPLE)


CLASS = [release.Student("ada", (("email", "ada@example.org"),)), release.Student("bob", (("email", "bob@example.org"),))]
SUBMISSION = "submission_{}:\n  :submitters:\n  - :name: {}\n    :sid: '{}'\n    :email: {}\n  :created_at: {}\n"


def brought(tmp_path: Path, metadata: str, members: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """student -> the notebook that an export brings for it, and the notes."""
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        for name, text in {"export/submission_metadata.yml": metadata, **members}.items():
            archive.writestr(name, text)
    notes = inputs.gradescope(tmp_path / "export.zip", tmp_path / "in", [SLUG], CLASS)
    assert not list((tmp_path / "in").rglob("*.part")) and not list((tmp_path / "in").rglob("*.stamp"))
    return {path.parts[-3]: path.read_text(encoding="utf-8") for path in (tmp_path / "in").rglob("*.ipynb")}, notes


def test_a_name_that_is_another_students_id_takes_nothing(tmp_path: Path) -> None:
    metadata = SUBMISSION.format(1, "Ada", "", "ada@example.org", "2026-10-01 10:00:00 Z") + SUBMISSION.format(
        2, "ada", "", "bob@example.org", "2026-10-02 10:00:00 Z"
    )
    found, notes = brought(tmp_path, metadata, {f"export/submission_{n}/{SLUG}.ipynb": name for n, name in ((1, "A"), (2, "B"))})
    assert found == {"ada": "A", "bob": "B"} and notes == []
    assert (tmp_path / "in" / "ada" / SLUG / "timestamp.txt").read_text().startswith("2026-10-01T10")


def test_two_that_claim_one_student_are_both_left_out_and_named(tmp_path: Path) -> None:
    metadata = (
        SUBMISSION.format(1, "Ada", "", "ada@example.org", "")
        + SUBMISSION.format(2, "Bob", "ada", "", "")
        + SUBMISSION.format(3, "Bob", "ada", "bob@example.org", "")
    )
    found, notes = brought(tmp_path, metadata, {f"export/submission_{n}/{SLUG}.ipynb": str(n) for n in (1, 2, 3)})
    assert found == {} and any("submission_1 and submission_2 both claim it" in note for note in notes)
    assert any("more than one student" in note for note in notes)


def test_files_that_a_student_adds_stop_no_import(tmp_path: Path) -> None:
    metadata = SUBMISSION.format(1, "A", "", "ada@example.org", "") + SUBMISSION.format(2, "B", "", "bob@example.org", "")
    more = {f"export/submission_2/{n}.ipynb": "{}" for n in range(200)} | {f"export/submission_2/{n}.txt": "" for n in range(200)}
    more |= {"export/submission_2/submission_metadata.yml": "submission_1: {}"}
    more = {f"export/submission_{n}/{SLUG}.ipynb": name for n, name in ((1, "A"), (2, "B"))} | more
    found, notes = brought(tmp_path, metadata, more)
    assert found == {"ada": "A", "bob": "B"} and any("201 notebooks" in note for note in notes)


def test_who_handed_in_without_a_time_is_named_where_there_is_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 10, 1, tzinfo=UTC)
    jobs = [grade.Job(SLUG, "ada", Path("a")), grade.Job(SLUG, "bob", Path("b"), now), grade.Job(SLUG, "cleo", Path("c"))]
    monkeypatch.setitem(DEMO.settings, "due", {SLUG: now})
    (note,) = inputs.timeless(jobs, DEMO)
    assert SLUG in note and "2 came in" in note and "ada, cleo" in note
    monkeypatch.setitem(DEMO.settings, "due", {})
    assert inputs.timeless(jobs, DEMO) == []


def test_an_absurd_answer_gives_the_right_one_not_away() -> None:
    said = [close(1e-6)(1e18, expected, {}, ()).message for expected in (2.5, 3.25)]
    assert said[0] == said[1] and "more than 1000%" in said[0]
    assert close(1e-6)(1.04, 1.0, {}, ()).message == close(1e-6)(1.0401, 1.0, {}, ()).message


def test_a_short_text_that_stands_for_gigabytes_is_not_read(tmp_path: Path) -> None:
    assert wire.crowded(b"[" + b'{"":0},' * 800_000 + b"0]") and not wire.crowded(json.dumps([0.1] * 200_000).encode())
    path = tmp_path / "x.ipynb"
    path.write_bytes(b'{"cells": [' + b"{}," * 800_000 + b"{}]}")
    with pytest.raises(submission.Unreadable, match="Clear the outputs"):
        submission.read(path)


def test_memory_is_counted_whatever_number_a_process_has() -> None:
    """Numbers begin anew when they are used up: a child may have a smaller one than the first."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"])
    try:
        assert watch.resident_mb(max(child.pid, os.getpid())) > watch.resident_mb(10**9) + 5
        mine = int(Path(f"/proc/{os.getpid()}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
        assert watch.resident_mb(child.pid) >= 0.9 * mine  # this process came before it
    finally:
        child.kill()
        child.wait()


def test_a_notebooks_prints_are_kept_within_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    run = grade.Run(submission.Plan([], {}, [], {}, {}), {}, {}, scoring.Key(SECRET, "c", "ada"), Limits())
    monkeypatch.setattr(run, "_ask", lambda *_: {"printed": "x" * 60_000, "seconds": 0.1})
    for number in range(submission.CELLS):
        run._cell(None, number, submission.Step("print()", f"<cell {number}>"))
    kept = [len(cell["printed"]) for cell in run.cells.values()]
    assert kept[0] == grade.PRINTED_CELL and sum(kept) == grade.PRINTED


MAKES = """
import mmap, os, socket
for what in ("mmap.mmap(-1, 1 << 20)", "mmap.mmap(os.open('/dev/zero', os.O_RDWR), 1 << 20)",
             "socket.socket(40, socket.SOCK_STREAM)", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)"):
    try:
        eval(what)
        print("MADE", what)
    except OSError as error:
        print("refused", error)
socket.socketpair()
mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
import jax.numpy as jnp
print(float(jnp.linalg.inv(2 * jnp.eye(3)).sum()))
"""
SURROGATE = """
class Meta(type):
    __name__ = property(lambda s: chr(0xd800))
class Odd(Exception, metaclass=Meta): pass
def f(x): raise Odd("x")
"""
SWELL = """
import os
for descriptor in range(3, 64):
    try:
        os.write(descriptor, b"[" + b'{"":0},' * (1 << 20) + b"0]" + bytes([10]))
    except OSError:
        pass
"""


LOOKS = """
import importlib.util, os
found = sorted(os.path.join(top, f) for top, _, files in os.walk("/course") for f in files)
print("OURS", [f for f in found if not f.startswith("/course/alchemy/")])
print("GRADER", [m for m in NAMES if importlib.util.find_spec("course." + m).origin.startswith("/course/")])
print("ASSIGNMENTS", [f for f in found if f.endswith(("items.py", "mutants.py", "source.md", "spread.json", ".toml"))])
from course import assignment
try:
    assignment.open("01-alchemy")
except assignment.AssignmentError as error:
    print("NO DEMONSTRATION", "released" in str(error))
"""


def test_the_inside_sees_no_assignment_and_no_grader() -> None:
    looks = LOOKS.replace("NAMES", repr(["assignment", "runner", "wire"]))
    looks += "for name in ('grade', 'items', 'variants'):\n    print(name, importlib.util.find_spec('course.' + name) is None)"
    with Sandbox(Limits(), confined()) as box:
        reply = box.ask({"do": "cell", "source": looks, "name": "<cell 1>"}, 60)
    assert "error" not in reply, reply
    four = [f"/course/course/{name}.py" for name in ("__init__", "assignment", "runner", "wire")]
    assert reply["printed"].splitlines() == [
        f"OURS {four}",
        "GRADER ['assignment', 'runner', 'wire']",
        "ASSIGNMENTS []",
        "NO DEMONSTRATION True",
        "grade True",
        "items True",
        "variants True",
    ]


def test_a_process_that_will_not_stop_is_ended_by_its_processor_time_and_a_sleeping_one_by_the_clock() -> None:
    deaf = "import signal, time\nfor s in (signal.SIGALRM, signal.SIGPROF): signal.signal(s, signal.SIG_IGN)\n"
    with Sandbox(Limits(), confined()) as box, pytest.raises(Died, match="ran past its time and did not stop"):
        box.ask({"do": "cell", "source": f"{deaf}while True: pass", "name": "<cell 1>"}, 0.5)
    assert 0.5 < box.spent() < 20
    with Sandbox(Limits(), confined()) as box:
        reply = box.ask({"do": "cell", "source": "import time\ntime.sleep(100)", "name": "<cell 1>"}, 0.2)
        assert reply["error"]["type"] == "TimeUp"
        used = box.spent()
        burn = "import os, time\nif os.fork() == 0:\n    while time.process_time() < 1: pass\n    os._exit(0)\nos.wait()"
        assert "error" not in box.ask({"do": "cell", "source": burn, "name": "<cell 2>"}, 20)
        assert box.spent() - used > 0.8, "a child's time counts"


def test_the_sandbox_refuses_hidden_memory_and_odd_sockets_and_reads_no_swollen_reply() -> None:
    item = Item("a/b", 10, "function", answer="f", reference=lambda v, x: 1.0, compare=close())
    with Sandbox(Limits(), confined()) as box:
        reply = box.ask({"do": "cell", "source": MAKES, "name": "<cell 1>"}, 60)
        assert "MADE" not in reply["printed"] and reply["printed"].count("refused") == 4 and "1.5" in reply["printed"], reply
        assert "error" not in box.ask({"do": "cell", "source": SURROGATE, "name": "<cell 2>"}, 10)
        replies = box.ask({"do": "call", "answer": "f", "probes": [[1]]}, 10)["value"]
        assert scoring.of_function(item, {}, [(1,)], replies).message.encode("utf-8")
        with pytest.raises(Died, match="more than a reply may hold"):
            box.ask({"do": "cell", "source": SWELL, "name": "<cell 3>"}, 20)
