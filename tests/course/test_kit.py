"""The coursework's kit, as far as it goes without nbgrader and without a sandbox."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import stat
import struct
import time
import zipfile
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from course import course as courses
from course import engines, fingerprint, grade, inputs, readers, sandbox, scoring, seccomp, submission, variants, wire
from course.items import Item
from course.release import Student, students

DEMO = courses.load(folders=(Path(__file__).parent / "demo",))


@pytest.fixture(autouse=True)
def no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(variants.VARIABLE, raising=False)


def test_the_secret_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / ".secret"
    first = variants.secret(path)
    assert variants.secret(path) == first and len(first) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert variants.secret(tmp_path / "other") != first


def test_a_secret_that_is_too_short_or_absent_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(variants.SecretError, match="another one makes other variants"):
        variants.secret(tmp_path / "none", create=False)
    monkeypatch.setenv(variants.VARIABLE, "short")
    with pytest.raises(variants.SecretError, match="at least 16"):
        variants.secret(tmp_path / "none")


def test_a_draw_depends_on_secret_course_student_item_and_purpose() -> None:
    keys = [(b"k" * 16, "c", "ada", "a/b", ""), (b"l" * 16, "c", "ada", "a/b", ""), (b"k" * 16, "d", "ada", "a/b", ""),
            (b"k" * 16, "c", "bob", "a/b", ""), (b"k" * 16, "c", "ada", "a/c", ""), (b"k" * 16, "c", "ada", "a/b", "probes")]
    drawn = [float(variants.generator(*key).random()) for key in keys]
    assert len(set(drawn)) == len(keys)
    assert drawn[0] == float(variants.generator(*keys[0]).random())


@pytest.mark.parametrize("value", [None, True, 3, 2.5, "a", [1, [2.0, "b"]], {"a": 1, "b": [1, 2]}, math.inf])
def test_plain_values_cross_the_wall(value: object) -> None:
    assert wire.decode(json.loads(json.dumps(wire.encode(value)))) == value


@pytest.mark.parametrize(
    "array", [np.arange(6.0).reshape(2, 3), np.float32([1, 2]), np.array(3), np.zeros((0, 2)), np.array([True])])
def test_arrays_keep_type_and_shape(array: np.ndarray) -> None:
    back = wire.decode(json.loads(json.dumps(wire.encode(array))))
    assert back.dtype == array.dtype and back.shape == array.shape
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("value", [object(), lambda: 0, np.array([object()]), np.zeros(10**7), [0] * 300_000, "x" * 200_000])
def test_what_is_no_answer_stays_inside(value: object) -> None:
    with pytest.raises(wire.WireError):
        wire.encode(value)


@pytest.mark.parametrize("message", [
    {"array": ["<f8", [10**12], ""]}, {"array": ["|O8", [1], "AAAAAAAAAAA="]}, {"array": ["<f8", [-1], ""]},
    {"array": ["<f8", [math.inf], ""]}, {"array": ["<f1", [0], ""]}, {"array": ["<f8", [0, 10**40], ""]},
    {"array": [3, [0], ""]}, {"array": ["<f8", [[0]], ""]},
    {"array": ["<f8", [1], "not base64!"]}, {"items": [[1]]}, {"pickle": "gASV"}, {"array": "x"}, {"array": ["<f8", None, ""]},
])
def test_forged_messages_are_refused(message: object) -> None:
    with pytest.raises(wire.WireError):
        wire.decode(message)


@pytest.mark.parametrize("reply", [
    {"error": "none"}, {"error": 3}, {"error": {"where": 3, "type": {}, "text": [1]}},
    {"error": {"where": ["x", 3, "\ud800"]}},
    {"printed": {"a": 1}, "seconds": "never"}, {"seconds": -1}, {"seconds": math.nan}, {"seconds": 10**400},
    {"printed": "\ud800"},
])
def test_a_forged_reply_is_made_harmless(reply: dict) -> None:
    made = wire.cleaned(reply)
    assert isinstance(made["printed"], str) and (made["seconds"] is None or made["seconds"] >= 0)
    json.dumps(made).encode()
    made["printed"].encode("utf-8")
    if "error" in reply:
        assert all(isinstance(made["error"][k], str) for k in ("type", "text"))
        scoring.complaint(made["error"])
    for each in ([], None, 3, "x"):
        with pytest.raises(ValueError, match="not a reply"):
            wire.cleaned(each)


@pytest.mark.parametrize("error", [
    None, 3, "x", {}, {"where": 3}, {"where": [1]}, {"type": [], "text": {}}, {"where": "abc"}])
def test_a_forged_error_of_one_probe_is_a_complaint(error: object) -> None:
    assert isinstance(scoring.complaint(error, hidden=True), str)
    score = scoring.of_function(DEMO.items("90-demo")[0], {"power": 2}, [(np.ones(2), np.ones(2))], [{"error": error}])
    assert score.share == 0


HUGE = np.lib.stride_tricks.as_strided(np.zeros(1), (2000, 2000), (0, 0))
HOSTILE = [None, True, "right", "nan", math.nan, math.inf, 10**400, [], {}, [[]], {"a": 1}, [1, "a"], np.zeros(0),
           np.zeros((0, 3)), np.full(3, np.nan), np.full((2, 2), np.inf), np.array(["a"]), np.zeros((1,) * 30),
           HUGE, [HUGE, HUGE], 1j]
REAL = courses.load()
GRADED = [(slug, item) for slug in REAL.slugs() for item in REAL.items(slug) if item.kind in ("function", "value")]


def twisted(value: object, by: float) -> object:
    """The value with every number replaced by `by`."""
    if isinstance(value, dict):
        return {k: twisted(v, by) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [twisted(v, by) for v in value]
    if isinstance(value, str | bool | None):
        return value
    return np.full(np.shape(value), by)


@pytest.mark.parametrize(("slug", "item"), GRADED, ids=[item.id for _, item in GRADED])
def test_no_answer_from_a_hostile_notebook_passes_or_stalls_a_comparison(slug: str, item: Item) -> None:
    """Not a number is near everything for a careless `abs(a - b) > tolerance`; an answer of 32 MB is no reason to hang."""
    variant = variants.draw(item, b"k" * 16, "c", "ada")
    key = scoring.Key(b"k" * 16, "c", "ada")
    arguments = scoring.probes(item, variant, key)[0] if item.kind == "function" else ()
    expected = item.reference(variant, *arguments)
    plain = wire.decode(wire.encode(variants.plain(expected) if not isinstance(expected, np.ndarray) else expected))
    if isinstance(expected, bool | np.bool_ | str) or expected is None:
        worthless = HOSTILE[:0]
    else:
        worthless = [*HOSTILE, *(twisted(plain, by) for by in (math.nan, math.inf, -math.inf))]
    begun = time.process_time()
    for found in worthless:
        score = scoring.compared(item, found, expected, variant, arguments)
        assert score.share < 0.5, f"{item.id} gives {score.share} for {str(found)[:60]}: {score.message}"
    assert time.process_time() - begun < 10


def test_hidden_inputs_are_the_same_for_the_same_submission_and_no_other() -> None:
    """A notebook can tell its author what it was called with; another notebook is called with something else."""
    item = DEMO.items("90-demo")[0]
    drawn = [scoring.probes(item, {"power": 2}, scoring.Key(b"k" * 16, "c", "ada", mark))[0][0] for mark in ("a", "a", "b", "")]
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2]) and not np.array_equal(drawn[0], drawn[3])


def run_filter(program: bytes, machine: str, number: int, argument: int = 0, architecture: int = 0) -> int:
    """What the kernel would answer: classic BPF, as far as the filter uses it."""
    lines = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    data = {0: number, 4: architecture or seccomp.AUDIT[machine], 16: argument, 40: argument}
    place = held = 0
    while True:
        code, yes, no, operand = lines[place]
        if code == 0x06:
            return operand
        if code == 0x20:
            held, place = data[operand], place + 1
        else:
            true = {0x15: held == operand, 0x35: held >= operand, 0x45: bool(held & operand)}[code]
            place += 1 + (yes if true else no)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_refuses_what_it_lists_and_lets_the_rest_through(machine: str) -> None:
    program = seccomp.program(machine)
    allow, refuse, absent, kill = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS, 0x80000000
    for number in range(600):
        refused = {*seccomp.REFUSED[machine].values(), *seccomp.SOCKETS[machine]}  # of no family
        wanted = refuse if number in refused else absent if number == seccomp.CLONE3 else allow
        assert run_filter(program, machine, number) == wanted, number
    assert run_filter(program, machine, seccomp.CLONE[machine], 0x10000000) == refuse  # a user namespace
    assert run_filter(program, machine, seccomp.CLONE[machine], 0x003D0F00) == allow   # a thread, as glibc makes it
    for number in seccomp.SOCKETS[machine]:
        found = {family for family in range(50) if run_filter(program, machine, number, family) == allow}
        assert found == {1, 2, 10}  # AF_UNIX, AF_INET, AF_INET6: neither AF_VSOCK nor AF_NETLINK
    for flags, wanted in ((0x22, allow), (0x01, allow), (0x21, refuse), (0x8021, refuse), (0x23, refuse), (0x4022, allow)):
        assert run_filter(program, machine, seccomp.MMAP[machine], flags) == wanted, hex(flags)
    assert run_filter(program, machine, seccomp.X32 + 1) == absent
    assert run_filter(program, machine, 1, architecture=0x40000003) == kill            # 32-bit calls have other numbers
    assert seccomp.program("riscv64") == b""


def test_the_command_that_makes_the_sandbox_is_not_told_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """bwrap stays inside as process 1, and its environment can be read there."""
    monkeypatch.setenv(variants.VARIABLE, "s" * 20)
    for engine in (("bwrap",), ("docker", "image"), ("none",)):
        around = sandbox.Sandbox(engine=engine)._outer()
        assert variants.VARIABLE not in around and "s" * 20 not in around.values() and "PATH" in around


def test_no_two_workers_share_the_count_of_processes() -> None:
    users = {engines.user(grader, worker) for grader in range(1000, 1250) for worker in range(16)}
    assert len(users) == 250 * 16 and min(users) >= 61_000 and max(users) < 65_000


def test_what_is_handed_in_as_a_link_or_cannot_be_read_stops_nobody(tmp_path: Path) -> None:
    for name in ("ada", "bob"):
        (tmp_path / "elsewhere" / name).mkdir(parents=True)
    (tmp_path / "in" / "bob").mkdir(parents=True)
    (tmp_path / "in" / "ada").symlink_to(tmp_path / "elsewhere" / "ada")
    (tmp_path / "in" / "bob" / "90-demo").symlink_to(tmp_path / "elsewhere" / "bob")
    jobs, notes = inputs.folder(tmp_path / "in", ["90-demo"], PEOPLE)
    assert jobs == [] and sum("a link to another place" in n for n in notes) == 2
    os.mkfifo(tmp_path / "in" / "bob" / "pipe")
    for path in (tmp_path / "in" / "bob" / "pipe", tmp_path / "in", tmp_path / "gone"):
        assert len(fingerprint.of(grade.Job("90-demo", "bob", path), DEMO, b"k" * 16, engines.Limits())) == 64
        with pytest.raises(submission.Unreadable):
            submission.read(path)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "tomorrow", ""])
def test_a_time_at_the_calendars_end_is_none(text: str) -> None:
    assert inputs.parsed(text) is None


def test_an_essay_that_changed_after_its_mark_is_known() -> None:
    def look(before: dict | None, text: str | None, marked: bool, waiting: bool) -> dict:  # noqa: FBT001
        return readers.reading(before, text, marked=marked, waiting=waiting)

    first = look(None, "a", False, True)
    assert not first["changed"]
    marked = look(first, "a", True, False)
    assert marked == {"seen": "a", "read": "a", "changed": False}
    changed = look(marked, "b", True, False)
    assert changed["changed"] and changed["read"] == "a"
    assert look(changed, "b", True, True) == changed and look(changed, "c", True, True)["read"] == "a"
    assert not look(changed, "a", True, True)["changed"]
    confirmed = look(changed, "b", True, False)
    assert not confirmed["changed"] and confirmed["read"] == "b"
    assert look(confirmed, None, True, False)["changed"]


@pytest.mark.parametrize(("data", "message"), [
    (b"", "no notebook"), (b"\xff\xfe", "no notebook"), (b"[]", "no list of cells"), (b'{"cells": 3}', "no list of cells"),
    (b"[" * 200_000, "no notebook"), (json.dumps({"cells": [{}] * 700}).encode(), "700 cells"),
])
def test_what_is_no_notebook_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.ipynb").write_bytes(data)
    with pytest.raises(submission.Unreadable, match=message):
        submission.read(tmp_path / "a.ipynb")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('{"cells": []}', encoding="utf-8")
    (tmp_path / "a.ipynb").symlink_to(tmp_path / "secret")
    with pytest.raises(submission.Unreadable, match="not a plain file"):
        submission.read(tmp_path / "a.ipynb")


def test_odd_cells_are_read_as_nothing(tmp_path: Path) -> None:
    cells = [None, {"cell_type": 3, "source": 4, "metadata": 5},
             {"cell_type": "code", "source": ["a", 1], "metadata": {"nbgrader": []}}]
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert [c.source for c in submission.read(tmp_path / "a.ipynb")] == ["", "", "a"]


def test_a_roster_is_checked(tmp_path: Path) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text("student,name,email\nada,Ada L,ada@example.org\n", encoding="utf-8")
    assert students(roster)[0].get("email") == "ada@example.org"
    for text, message in (("name\nada\n", "no column `student`"),
                          ("student\n../x\n", "no path"), ("student\na\na\n", "more than once")):
        roster.write_text(text, encoding="utf-8")
        with pytest.raises(courses.CourseError, match=message):
            students(roster)
    with pytest.raises(courses.CourseError, match="--students"):
        students(tmp_path / "none.csv")


PEOPLE = [Student("ada", (("email", "ada@example.org"),)), Student("bob", (("sid", "77"),))]
METADATA = """
submission_1:
  :submitters:
  - :name: Ada
    :email: ada@example.org
  :created_at: 2026-10-05 21:00:00.000000000 +02:00
submission_2:
  :submitters:
  - :name: Bob
    :sid: '77'
submission_3:
  :submitters:
  - :name: Stranger
"""


def archive(path: Path, members: dict[str, bytes], metadata: str = METADATA) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("export/submission_metadata.yml", metadata)
        for name, data in members.items():
            file.writestr(name, data)
    return path


def test_a_gradescope_export_is_brought_in(tmp_path: Path) -> None:
    named = json.dumps({"cells": [], "metadata": {"coursework": {"assignment": "90-demo"}}}).encode()
    made = archive(tmp_path / "e.zip", {"export/submission_1/90-demo.ipynb": b"{}", "export/submission_2/my work.ipynb": named,
                                        "export/submission_3/90-demo.ipynb": b"{}", "export/submission_1/other.ipynb": b"{}"})
    notes = inputs.gradescope(made, tmp_path / "in", ["90-demo"], PEOPLE)
    jobs, more = inputs.folder(tmp_path / "in", ["90-demo"], PEOPLE)
    assert [j.student for j in jobs] == ["ada", "bob"] and more == []
    assert jobs[0].submitted.astimezone(UTC) == datetime(2026, 10, 5, 19, tzinfo=UTC) and jobs[1].submitted is None
    assert len(notes) == 3 and any("stranger" in n for n in notes) and any("other.ipynb" in n for n in notes)


def test_bombs_and_paths_that_lead_out_are_refused(tmp_path: Path) -> None:
    made = archive(tmp_path / "e.zip", {"export/submission_1/../../../90-demo.ipynb": b"{}", "/submission_1/90-demo.ipynb": b"{}",
                                        "export/submission_1/90-demo.ipynb": b"0" * 30 * 2**20,
                                        "export/submission_2/90-demo.ipynb": b"0" * 10 * 2**20})
    notes = inputs.gradescope(made, tmp_path / "in", ["90-demo"], PEOPLE)
    assert sum("leads out" in n for n in notes) == 2 and sum("unpacked from" in n for n in notes) == 2
    assert not (tmp_path / "in").exists() and not (tmp_path / "90-demo.ipynb").exists()


@pytest.mark.parametrize("metadata", ["a: &a [x, x]\nb: [*a, *a]\n", "[" * 5000, ": : :"])
def test_metadata_that_cannot_be_read_is_named(tmp_path: Path, metadata: str) -> None:
    with pytest.raises(courses.CourseError, match="submission_metadata.yml"):
        inputs.gradescope(archive(tmp_path / "e.zip", {}, metadata), tmp_path / "in", ["90-demo"], PEOPLE)


def test_what_is_no_zip_is_named(tmp_path: Path) -> None:
    (tmp_path / "e.zip").write_bytes(b"PK no")
    with pytest.raises(courses.CourseError, match="cannot be read as a zip"):
        inputs.gradescope(tmp_path / "e.zip", tmp_path / "in", ["90-demo"], PEOPLE)


def test_without_a_sandbox_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines.shutil, "which", lambda name: None)
    engines.engine.cache_clear()
    try:
        with pytest.raises(engines.NoSandbox, match="bubblewrap: not installed.*--no-sandbox"):
            engines.engine()
        assert engines.engine(confined=False) == ("none",)
    finally:
        engines.engine.cache_clear()


def test_a_container_gets_no_network_no_rights_and_no_files_of_ours() -> None:
    command = engines.container("docker", "image", engines.Limits(), "python", "x")
    text = " ".join(command)
    assert "--network none" in text and "--cap-drop ALL" in text and "--read-only" in text and "--pids-limit 128" in text
    mounted = dict(part.split(",")[1:3] for word, part in pairwise(command) if word == "--mount")
    assert {Path(outside).name for outside in mounted} == {"alchemy", "__init__.py", "assignment.py", "runner.py", "wire.py"}


def test_the_inside_holds_no_expected_answer() -> None:
    text = io.StringIO()
    for path in engines.INSIDE:
        text.write(path.read_text(encoding="utf-8") if path.is_file() else "")
    assert "reference(" not in text.getvalue() and "course.items" not in text.getvalue()
