"""Submissions from folders and zips."""

from __future__ import annotations

import json
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from course import course as courses
from course import engines, fingerprint, grade, inputs, submission
from course.release import Student

DEMO = courses.load(folders=(Path(__file__).parent / "demo",))
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


def test_a_gradescope_export_is_brought_in(tmp_path: Path) -> None:
    named = json.dumps({"cells": [], "metadata": {"coursework": {"assignment": "90-demo"}}}).encode()
    made = archive(
        tmp_path / "e.zip",
        {
            "export/submission_1/90-demo.ipynb": b"{}",
            "export/submission_2/my work.ipynb": named,
            "export/submission_3/90-demo.ipynb": b"{}",
            "export/submission_1/other.ipynb": b"{}",
        },
    )
    notes = inputs.gradescope(made, tmp_path / "in", ["90-demo"], PEOPLE)
    jobs, more = inputs.folder(tmp_path / "in", ["90-demo"], PEOPLE)
    assert [j.student for j in jobs] == ["ada", "bob"] and more == []
    assert jobs[0].submitted.astimezone(UTC) == datetime(2026, 10, 5, 19, tzinfo=UTC) and jobs[1].submitted is None
    assert len(notes) == 3 and any("stranger" in n for n in notes) and any("other.ipynb" in n for n in notes)


def test_bombs_and_paths_that_lead_out_are_refused(tmp_path: Path) -> None:
    made = archive(
        tmp_path / "e.zip",
        {
            "export/submission_1/../../../90-demo.ipynb": b"{}",
            "/submission_1/90-demo.ipynb": b"{}",
            "export/submission_1/90-demo.ipynb": b"0" * 30 * 2**20,
            "export/submission_2/90-demo.ipynb": b"0" * 10 * 2**20,
        },
    )
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


def notebook(text: str, assignment: str = "90-demo") -> bytes:
    """A notebook that says which assignment it is."""
    cells = [{"cell_type": "markdown", "source": text, "metadata": {}}]
    return json.dumps({"cells": cells, "metadata": {"coursework": {"assignment": assignment}}}).encode()


CHECKPOINT = "export/submission_1/.ipynb_checkpoints/90-demo-checkpoint.ipynb"


@pytest.mark.parametrize(
    "others",
    [
        [CHECKPOINT],
        ["export/submission_1/.ipynb_checkpoints/90-demo.ipynb"],
        ["export/submission_1/90-demo-Copy1.ipynb"],
        ["export/__MACOSX/submission_1/90-demo.ipynb", "export/submission_1/__MACOSX/._90-demo.ipynb"],
        [CHECKPOINT, "export/submission_1/90-demo-Copy1.ipynb", "export/submission_1/90-demo-Copy2.ipynb"],
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_copies_and_checkpoints_take_no_ones_place(tmp_path: Path, others: list[str], first: bool) -> None:  # noqa: FBT001
    """As released they earn nothing; the notebook with the right name counts, wherever the zip lists it."""
    right = {"export/submission_1/90-demo.ipynb": notebook("solved")}
    copies = {name: notebook("as released") for name in others}
    made = archive(tmp_path / "e.zip", copies | right if first else right | copies)
    inputs.gradescope(made, tmp_path / "in", ["90-demo"], PEOPLE)
    (job,), _ = inputs.folder(tmp_path / "in", ["90-demo"], PEOPLE)
    assert job.path.read_bytes() == notebook("solved")


def test_of_two_that_could_each_be_it_none_is_taken_and_both_are_named(tmp_path: Path) -> None:
    for n, names in enumerate((("90-demo (1).ipynb", "mine.ipynb"), ("a/90-demo.ipynb", "b/90-demo.ipynb"))):
        members = {f"export/submission_1/{name}": notebook(name) for name in names}
        notes = inputs.gradescope(archive(tmp_path / f"{n}.zip", members), tmp_path / f"in{n}", ["90-demo"], PEOPLE)
        (note,) = (note for note in notes if "none was taken" in note)
        assert all(name in note for name in names)
        assert not list(tmp_path.glob(f"in{n}/**/*.ipynb"))
    same = {f"export/submission_1/{name}": notebook("the same") for name in names}
    inputs.gradescope(archive(tmp_path / "same.zip", same), tmp_path / "same", ["90-demo"], PEOPLE)
    assert len(list(tmp_path.glob("same/**/*.ipynb"))) == 1


def test_in_a_folder_a_notebook_is_known_by_its_metadata_or_named_to_the_teacher(tmp_path: Path) -> None:
    def put(name: str, data: bytes) -> None:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(data)

    put("ada/90-demo (1).ipynb", notebook("ada's"))
    put("ada/.ipynb_checkpoints/90-demo-checkpoint.ipynb", notebook("as released"))
    put("bob/90-demo/90-demo.ipynb", notebook("bob's"))
    put("bob/90-demo/90-demo-Copy1.ipynb", notebook("as released"))
    put("bob/notes.ipynb", b"{}")
    put("bob/95-other.ipynb", b"{}")
    put("bob/later.ipynb", notebook("", "96-more"))
    jobs, notes = inputs.folder(tmp_path / "in", ["90-demo"], PEOPLE, ["90-demo", "95-other", "96-more"])
    assert {job.student: job.path.read_bytes() for job in jobs} == {"ada": notebook("ada's"), "bob": notebook("bob's")}
    assert len(notes) == 2 and "notes.ipynb: no assignment of this course" in " ".join(notes)
    assert any("90-demo-Copy1.ipynb: not taken, bob/90-demo/90-demo.ipynb was" in note for note in notes)
    put("bob/90-demo.ipynb", notebook("what the teacher put there"))
    jobs, _ = inputs.folder(tmp_path / "in", ["90-demo"], PEOPLE, ["90-demo", "95-other", "96-more"])
    assert jobs[1].path.read_bytes() == notebook("what the teacher put there")
    put("ada/mine.ipynb", notebook("another"))
    jobs, notes = inputs.folder(tmp_path / "in", ["90-demo"], PEOPLE)
    assert [job.student for job in jobs] == ["bob"]
    assert any("90-demo (1).ipynb and ada/mine.ipynb could each be it; none was taken" in note for note in notes)
