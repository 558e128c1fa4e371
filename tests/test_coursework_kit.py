"""The coursework's kit, as far as it goes without nbgrader and without a sandbox."""

from __future__ import annotations

import io
import json
import math
import stat
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from coursework.kit import calibration, inputs, sandbox, submission, variants, wire
from coursework.kit import course as courses
from coursework.kit.release import Student, students

DEMO = courses.load(root=Path(__file__).parent / "coursework" / "demo")


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
    {"array": ["<f8", [1], "not base64!"]}, {"items": [[1]]}, {"pickle": "gASV"}, {"array": "x"}, {"array": ["<f8", None, ""]},
])
def test_forged_messages_are_refused(message: object) -> None:
    with pytest.raises(wire.WireError):
        wire.decode(message)


def test_honest_bets_score_best_whatever_confidence_was_chosen() -> None:
    """Gneiting and Raftery: in expectation a Gaussian forecaster's honest interval has equivalent deviation 1."""
    from scipy.stats import norm

    x = norm.ppf((np.arange(4000) + 0.5) / 4000)
    for confidence in (0.5, 0.8, 0.95):
        half = norm.ppf((1 + confidence) / 2)
        mean = {w: np.mean([calibration.equivalent_deviation(-w * half, w * half, confidence, r) for r in x])
                for w in (0.6, 1, 1.6)}
        assert mean[1] == pytest.approx(1, abs=0.01)
        assert mean[1] < mean[0.6] and mean[1] < mean[1.6]


def test_calibration_pays_for_honesty_not_for_being_right() -> None:
    def bets(held: int, n: int, confidence: float, width: float = 0.2) -> list[dict[str, float | None]]:
        return [{"low": 10 - width, "high": 10 + width, "confidence": confidence, "result": 10 if k < held else 10 + 2 * width}
                for k in range(n)]

    honest = calibration.over(bets(5, 10, 0.5))
    overconfident = calibration.over(bets(5, 10, 0.99))
    vacuous = calibration.over(bets(10, 10, 0.99, width=1e6))
    assert honest.held == 0.5 and honest.share > 0.9
    assert overconfident.share < 0.6 and vacuous.share < 0.6
    assert calibration.over(bets(1, 2, 0.8)).share is None and calibration.over([]).n == 0


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
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    sandbox.engine.cache_clear()
    try:
        with pytest.raises(sandbox.NoSandbox, match="bubblewrap: not installed.*--no-sandbox"):
            sandbox.engine()
        assert sandbox.engine(confined=False) == ("none",)
    finally:
        sandbox.engine.cache_clear()


def test_a_container_gets_no_network_no_rights_and_no_files_of_ours() -> None:
    command = sandbox.container("docker", "image", sandbox.Limits(), "python", "x")
    text = " ".join(command)
    assert "--network none" in text and "--cap-drop ALL" in text and "--read-only" in text and "--pids-limit 128" in text
    mounted = [command[i + 1].split(":")[0] for i, word in enumerate(command) if word == "--volume"]
    assert {Path(m).name for m in mounted} == {"alchemy", "runner.py", "wire.py"}


def test_the_inside_holds_no_expected_answer() -> None:
    text = io.StringIO()
    for name in ("runner.py", "wire.py"):
        text.write((sandbox.KIT / name).read_text(encoding="utf-8"))
    assert "reference" not in text.getvalue() and "coursework.kit.items" not in text.getvalue()
