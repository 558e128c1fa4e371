"""Where the course's files are: assignments, settings, and an instructor's overlay over them.

chapters/NN-slug/assignment/    source.md, items.py, mutants.py, spread.json, helpers     (the book's)
OVERLAY/NN-slug/                the same files: each replaces the book's, or adds one      (an instructor's)
coursework/course.toml          settings; an overlay's course.toml is laid over them, entry by entry
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import tomllib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from course.items import Item, Suite

ROOT = Path(__file__).resolve().parents[2]
COURSEWORK = ROOT / "coursework"  # what an instructor touches
CHAPTERS = ROOT / "chapters"
FOLDERS = (COURSEWORK, CHAPTERS)


class CourseError(ValueError):
    """A file of the course is missing or cannot be meant; the message says what to do."""


def _place(folder: Path, slug: str) -> Path:
    """Where a folder has an assignment's files: in the book it shares the chapter's folder with other things."""
    return folder / slug / "assignment" if folder == CHAPTERS else folder / slug


@dataclass(frozen=True)
class Course:
    """Folders in order of precedence, each with assignments and perhaps a course.toml, and the settings of them all."""

    folders: tuple[Path, ...] = FOLDERS
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return str(self.settings["course"]["id"])

    def places(self, slug: str) -> list[Path]:
        """The folders that hold files of an assignment, in order of precedence."""
        return [path for folder in self.folders if (path := _place(folder, slug)).is_dir()]

    def find(self, slug: str, name: str) -> Path:
        """An assignment's file. Raises CourseError if no folder has it."""
        for place in self.places(slug):
            if (path := place / name).is_file():
                return path
        raise CourseError(
            f"there is no {slug}/{name} in {' or '.join(map(str, self.folders))}; "
            f"known assignments: {', '.join(self.slugs()) or 'none'}."
        )

    def slugs(self) -> list[str]:
        """Every assignment that has a source, in order."""
        return sorted(
            {
                path.name
                for folder in self.folders
                for path in folder.glob("[0-9]*-*")
                if (_place(folder, path.name) / "source.md").is_file()
            }
        )

    def source(self, slug: str) -> str:
        return self.find(slug, "source.md").read_text(encoding="utf-8")

    def modules(self, slug: str) -> list[Path]:
        """The files that can decide a mark: items.py and the helpers that it may import; of two with one name, the first."""
        found: dict[str, Path] = {}
        for place in self.places(slug):
            for path in sorted(place.glob("*.py")):
                if not path.name.startswith("mutants"):
                    found.setdefault(path.name, path)
        return [found[name] for name in sorted(found)]

    def items(self, slug: str) -> list[Item]:
        """The assignment's items. Raises CourseError where there are none or two share an id."""
        if not any((place / "items.py").is_file() for place in self.places(slug)):
            raise CourseError(
                f"the assignment {slug} has a source and no items; write {self.folders[0] / slug / 'items.py'} "
                "with a list ITEMS, as code/course/items.py says."
            )
        path = self.find(slug, "items.py")
        found = getattr(self._module(slug, path), "ITEMS", None)
        if not isinstance(found, list) or not found or not all(isinstance(i, Item) for i in found):
            raise CourseError(f"{path} has no list ITEMS of Item; see code/course/items.py.")
        ids = [item.id for item in found]
        if len(set(ids)) < len(ids):
            raise CourseError(f"{path}: two items share an id among {', '.join(ids)}.")
        return found

    def suites(self, slug: str) -> dict[str, Suite]:
        """The mutation suites of an assignment, by item id; none if it has no file of them."""
        if not any((place / "mutants.py").is_file() for place in self.places(slug)):
            return {}
        return dict(self._module(slug, self.find(slug, "mutants.py")).SUITES)

    def _module(self, slug: str, path: Path) -> ModuleType:
        """Load a file by its path. `from . import helper` in it finds what lies beside it, an overlay's first."""
        places = [str(place) for place in self.places(slug)]
        name = f"course_{path.stem}_{hashlib.sha256(repr([path, *places]).encode()).hexdigest()[:16]}"
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=places)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[name]
            raise CourseError(
                f"{path} cannot be loaded: {type(error).__name__}: {error}. Mend it, or take it out of the "
                "folder to have the course's own."
            ) from error
        return module

    def due(self, slug: str, student: str | None = None) -> datetime | None:
        """The deadline with its time zone, a student's own where [extensions] has one, or None.

        An extension without a class's deadline changes nothing. Raises CourseError for one without a zone.
        """
        moment, whose = self.settings.get("due", {}).get(slug), slug
        if moment is None:
            return None
        if (own := f"{student}/{slug}") in self.settings.get("extensions", {}):
            moment, whose = self.settings["extensions"][own], own
        if not isinstance(moment, datetime) or moment.tzinfo is None:
            raise CourseError(
                f"course.toml: the deadline of {whose} is {moment}; expected a moment with its zone, "
                "such as 2026-10-05T23:59:00+02:00."
            )
        return moment


def load(overlay: Path | None = None, folders: tuple[Path, ...] = FOLDERS) -> Course:
    """The course in `folders`, with an overlay folder's files and settings over it.

    Raises CourseError for an overlay that is not there or a course.toml that cannot be read.
    """
    if overlay is not None:
        if not overlay.is_dir():
            raise CourseError(f"the overlay {overlay} is no folder; expected one with NN-slug/ or course.toml in it.")
        if not any(overlay.glob("course.toml")) and not any(overlay.glob("[0-9]*-*/*.*")):
            raise CourseError(
                f"the overlay {overlay} holds neither course.toml nor files such as NN-slug/source.md; give the "
                "folder that holds them. An empty one changes nothing."
            )
        folders = (overlay.resolve(), *folders)
    settings: dict[str, Any] = {}
    for folder in reversed(folders):
        if (path := folder / "course.toml").is_file():
            try:
                read = tomllib.loads(path.read_text(encoding="utf-8"))
            except tomllib.TOMLDecodeError as error:
                raise CourseError(f"{path} cannot be read: {error}.") from error
            for table, values in read.items():
                settings[table] = settings.get(table, {}) | values
    return Course(folders, settings)


LIMITS = ("cell_seconds", "total_seconds", "memory_mb", "processes", "file_mb", "output_kb")


def check(course: Course) -> None:
    """Raise CourseError, with what to write, for settings of course.toml that cannot be meant."""
    settings = course.settings
    if not isinstance(settings.get("course", {}).get("id"), str):
        raise CourseError("course.toml has no [course] with an id; expected a short text, such as id = \"fall-2026\".")
    for name in settings.get("due", {}):
        if name not in course.slugs():
            raise CourseError(f"course.toml, [due]: there is no assignment {name}; expected one of {', '.join(course.slugs())}.")
        course.due(name)
    for name in settings.get("extensions", {}):
        student, _, slug = name.partition("/")
        if not student or slug not in settings.get("due", {}):
            raise CourseError(
                f"course.toml, [extensions]: {name} has no deadline to extend; expected \"STUDENT/ASSIGNMENT\", "
                f"the assignment one of [due]: {', '.join(settings.get('due', {})) or 'none yet'}."
            )
        course.due(slug, student)
    worth = settings.get("calibration", {}).get("percent", 0)
    if isinstance(worth, bool) or not isinstance(worth, int | float) or not 0 <= worth <= 100:
        raise CourseError(
            f"course.toml, [calibration]: percent is {worth!r}; expected a number from 0 to 100, the bets' "
            "part of the course mark."
        )
    numbers = {("late", name): settings.get("late", {}).get(name) for name in ("grace_minutes", "per_day", "most")}
    for name, value in settings.get("limits", {}).items():
        if name not in LIMITS:
            raise CourseError(f"course.toml, [limits]: {name} is no limit; expected one of {', '.join(LIMITS)}.")
        numbers["limits", name] = value
    for (table, name), value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise CourseError(f"course.toml, [{table}]: {name} is {value!r}; expected a number that is not negative.")
