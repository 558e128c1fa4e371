"""Every assignment of the course, solved as its source solves it and graded as a class's would be: points and seconds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("nbgrader", reason="the coursework's environment is not installed (make test-coursework installs it)")

from course import course as courses  # noqa: E402
from course import grade as grading  # noqa: E402
from course import release  # noqa: E402
from course.engines import Limits  # noqa: E402

from .solved import TARGET, confined, submission  # noqa: E402

ENGINE = confined()
COURSE = courses.load()
SECRET = b"a secret of the tests of the real assignments"


@pytest.mark.parametrize("slug", COURSE.slugs())
def test_the_sources_solution_earns_everything_in_time(slug: str, tmp_path: Path, record_property) -> None:  # noqa: ANN001
    people = [release.Student("ada")]
    (released,) = release.write(COURSE, [slug], people, SECRET, tmp_path / "release")
    (tmp_path / "in.ipynb").write_bytes(submission(COURSE, slug, released))
    job = grading.Job(slug, "ada", tmp_path / "in.ipynb")
    limits = Limits(**COURSE.settings["limits"])
    (fate,) = grading.grade([job], COURSE, SECRET, tmp_path, limits, ENGINE)
    assert fate.error == ""
    found = json.loads(grading.result_path(tmp_path, job).read_text(encoding="utf-8"))
    record_property("seconds", f"{slug} {found['processor']:.1f}")
    lost = [g for g in found["grades"] if g["kind"] != "essay" and g["score"] != g["max"]]
    assert lost == [], found["notes"]
    essays = [g for g in found["grades"] if g["kind"] == "essay"]
    assert essays and all(g["score"] is None and g["text"] for g in essays)
    assert found["notes"] == found["added"] == found["attention"] == []
    assert 0 < found["processor"] < TARGET
