"""Where assignments are found, and an overlay over them, file by file."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from course import course as courses

DEMO = Path(__file__).parent / "demo"
SLUG = "90-demo"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """The demonstration with a helper that its items import."""
    shutil.copytree(DEMO, tmp_path / "base")
    items = tmp_path / "base" / SLUG / "items.py"
    text = items.read_text(encoding="utf-8").replace("scale=5", "scale=numbers.SCALE")
    items.write_text(text.replace("import numpy as np\n", "import numpy as np\n\nfrom . import numbers\n"), encoding="utf-8")
    (tmp_path / "base" / SLUG / "numbers.py").write_text("SCALE = 5\n", encoding="utf-8")
    return tmp_path / "base"


def scale(course: courses.Course) -> float | None:
    return course.items(SLUG)[-1].scale


def test_the_books_assignments_lie_with_their_chapters() -> None:
    course = courses.load()
    assert len(course.slugs()) >= 11 and {"01-alchemy", "90-replication", "91-debate"} <= set(course.slugs())
    for slug in course.slugs():
        (place,) = course.places(slug)
        assert place == courses.ROOT / "chapters" / slug / "assignment"
        assert {"items.py", "mutants.py", "source.md", "spread.json"} <= {path.name for path in place.iterdir()}
    assert [path.name for path in course.modules("01-alchemy")] == ["items.py", "sums.py"]
    assert course.id == "explorers-and-settlers"


def test_what_lies_beside_items_is_found_and_an_overlays_comes_first(base: Path, tmp_path: Path) -> None:
    assert scale(courses.load(folders=(base,))) == 5
    over = tmp_path / "over" / SLUG
    over.mkdir(parents=True)
    (over / "numbers.py").write_text("SCALE = 6\n", encoding="utf-8")  # a helper alone
    course = courses.load(tmp_path / "over", (base,))
    assert scale(course) == 6 and course.modules(SLUG) == [base / SLUG / "items.py", over / "numbers.py"]
    assert scale(courses.load(folders=(base,))) == 5, "another course's modules are its own"
    (over / "numbers.py").unlink()
    shutil.copy(base / SLUG / "items.py", over)  # items alone: the book's helper serves them
    assert scale(courses.load(tmp_path / "over", (base,))) == 5
    assert course.find(SLUG, "source.md") == base / SLUG / "source.md"


def test_an_overlay_adds_an_assignment_and_settings(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base / SLUG, tmp_path / "over" / "95-mine")
    (tmp_path / "over" / "course.toml").write_text("[late]\nper_day = 0.2\n", encoding="utf-8")
    course = courses.load(tmp_path / "over", (base,))
    assert course.slugs() == [SLUG, "95-mine"] and course.settings["late"]["per_day"] == 0.2
    assert course.settings["late"]["grace_minutes"] == 15 and len(course.suites("95-mine")) == 2


@pytest.mark.parametrize("name", ["nothing", "source/90-demo.md"])
def test_a_folder_that_changes_nothing_is_no_overlay(tmp_path: Path, name: str) -> None:
    (tmp_path / "over" / name).parent.mkdir(parents=True)
    (tmp_path / "over" / name).touch()
    with pytest.raises(courses.CourseError, match="neither course.toml nor"):
        courses.load(tmp_path / "over")


def test_the_package_reaches_for_nothing_by_string_or_path_and_never_for_the_press() -> None:
    """Items are the one thing that is loaded by its path."""
    by_path = []
    for path in sorted((courses.ROOT / "code" / "course").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"import_module|__import__|sys\.path\b|^\s*(from|import) (press|book)\b", text, re.M), path.name
        by_path += [path.name] * text.count("spec_from_file_location(")
    assert by_path == ["course.py"]
    for path in (courses.ROOT / "code" / "alchemy").rglob("*.py"):
        assert not re.search(r"^\s*(from|import) course\b", path.read_text(encoding="utf-8"), re.M), path
