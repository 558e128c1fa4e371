"""What makes a result stale, and what does not."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from alchemy import fingerprint as freshness
from course import course as courses
from course import fingerprint
from course.engines import Limits
from course.grade import Job

DEMO = Path(__file__).parent / "demo"
SLUG = "90-demo"
Mark = Callable[..., str]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the code and of the demonstration, which a test may change."""
    for name in fingerprint.PACKAGES:
        shutil.copytree(fingerprint.CODE / name, tmp_path / "code" / name, ignore=shutil.ignore_patterns("__pycache__", "files"))
    grader = [tmp_path / "code" / path.relative_to(fingerprint.CODE) for path in fingerprint.GRADER]
    shutil.copy(fingerprint.LOCK, tmp_path / "lock")
    for name, value in (("CODE", tmp_path / "code"), ("GRADER", tuple(grader)), ("LOCK", tmp_path / "lock")):
        monkeypatch.setattr(fingerprint, name, value)
    shutil.copytree(DEMO, tmp_path / "course")
    shutil.copytree(DEMO / SLUG, tmp_path / "course" / "95-other")
    monkeypatch.setattr(freshness, "LIBRARIES", tmp_path / "code")
    fingerprint._files.cache_clear()
    yield tmp_path
    fingerprint._files.cache_clear()


@pytest.fixture
def mark(place: Path) -> Mark:
    """mark(slug, cell, limits) -> the fingerprint of ada's submission."""

    def made(slug: str = SLUG, cell: str = "x = 1", **limits: float) -> str:
        path = place / "in.ipynb"
        path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": [cell]}]}, indent=1), encoding="utf-8")
        (place / "overlay").mkdir(exist_ok=True)
        (place / "overlay" / "course.toml").touch()
        course = courses.load(place / "overlay", (place / "course",))
        return fingerprint.of(Job(slug, "ada", path), course, b"k" * 16, Limits(**limits))

    return made


def append(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text((path.read_text(encoding="utf-8") if path.exists() else "") + text, encoding="utf-8")


@pytest.mark.parametrize(
    "name",
    [
        "grade",
        "scoring",
        "items",
        "wire",
        "variants",
        "sandbox",
        "engines",
        "seccomp",
        "watch",
        "runner",
        "submission",
        "release",
        "assignment",
        "fingerprint",
    ],
)
def test_a_fix_in_the_grader_grades_all_anew(place: Path, mark: Mark, name: str) -> None:
    path, before = place / "code" / "course" / f"{name}.py", (mark(), mark("95-other"))
    append(path, "\n# a comment\n\nif True:\n    def more():\n        return 1\n")  # what runs at import always counts
    after = mark(), mark("95-other")
    assert after[0] != before[0] and after[1] != before[1]
    append(path, "    # another comment\n")
    assert (mark(), mark("95-other")) == after
    text = path.read_text(encoding="utf-8").replace("def more():\n", 'def more():\n        """What it is good for."""\n')
    path.write_text(text, encoding="utf-8")
    assert (mark(), mark("95-other")) == after


def test_what_decides_no_mark_grades_nothing_anew(place: Path, mark: Mark) -> None:
    before = mark()
    for name in ("feedback.py", "gradebook.py", "readers.py", "cli.py", "mutation.py", "spread.py"):
        append(place / "code" / "course" / name, "\nMORE = 1\n")
    append(place / "code" / "alchemy" / "theory" / "flows.py", "\nMORE = 1\n")
    append(place / "course" / SLUG / "mutants.py", "\nMORE = 1\n")
    assert mark() == before


def test_a_fix_in_items_or_their_helpers_grades_that_assignment_alone(place: Path, mark: Mark) -> None:
    other, seen = mark("95-other"), [mark()]
    mine, over = place / "course" / SLUG, place / "overlay" / SLUG
    for path in (mine / "items.py", mine / "helper.py", over / "helper.py"):
        append(path, f"MORE = {len(seen)}\n")
        assert mark() not in seen
        seen.append(mark())
    append(over / "helper.py", "# a comment\n")
    assert mark() == seen[-1] and mark("95-other") == other


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("from alchemy.theory import mean_field", "theory/mean_field.py"),
        ("import alchemy.stats as s", "stats.py"),
        ("%time 1\nfrom alchemy import (\n    nets,\n    data)", "data/mnist1d.py"),
        ("  from alchemy import tuning", "tuning.py"),
        ("from alchemy.data import load", "data/shipped.py"),
    ],
)
def test_the_librarys_part_that_a_notebook_imports_counts(place: Path, mark: Mark, cell: str, name: str) -> None:
    before = mark(cell=cell)
    append(place / "code" / "alchemy" / name, "\nif True:\n    MORE = 1\n")
    assert mark(cell=cell) != before


def test_the_librarys_part_that_items_import_counts(place: Path, mark: Mark) -> None:
    append(place / "course" / SLUG / "items.py", "\n\ndef late():\n    from alchemy import stats\n    return stats\n")
    before = mark()
    append(place / "code" / "alchemy" / "stats.py", "\nif True:\n    MORE = 1\n")
    assert mark() != before


def test_versions_limits_source_and_submission_count(place: Path, mark: Mark) -> None:
    seen = [mark(), mark(cell_seconds=59), mark(cell="x = 2")]
    append(place / "lock", "more==1\n")
    seen.append(mark())
    append(place / "course" / SLUG / "source.md", "\nMore.\n")
    seen.append(mark())
    assert len(set(seen)) == len(seen) and mark() == seen[-1]


def test_a_notebook_full_of_imports_stalls_nobody(mark: Mark) -> None:
    begun = time.process_time()
    mark(cell="\n".join(f"from alchemy.x{n} import a{n}, b{n}" for n in range(50_000)))
    assert time.process_time() - begun < 10
