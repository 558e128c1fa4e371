"""Where the course's files are: sources, items, settings, and an instructor's overlay over them."""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from coursework.kit.items import Item, Suite

ROOT = Path(__file__).resolve().parents[1]


class CourseError(ValueError):
    """A file of the course is missing or cannot be meant; the message says what to do."""


@dataclass(frozen=True)
class Course:
    """Folders in order of precedence, and the settings of course.toml. An overlay's files replace or add."""

    folders: tuple[Path, ...] = (ROOT,)
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return str(self.settings["course"]["id"])

    def find(self, kind: str, name: str) -> Path:
        """The first folder's `kind`/`name`. Raises CourseError if no folder has it."""
        for folder in self.folders:
            if (path := folder / kind / name).is_file():
                return path
        raise CourseError(f"there is no {kind}/{name} in {' or '.join(map(str, self.folders))}; "
                          f"known assignments: {', '.join(self.slugs()) or 'none'}.")

    def slugs(self) -> list[str]:
        """Every assignment that has a source, in order."""
        return sorted({p.stem for folder in self.folders for p in (folder / "source").glob("[0-9]*-*.md")})

    def source(self, slug: str) -> str:
        return self.find("source", f"{slug}.md").read_text(encoding="utf-8")

    def items(self, slug: str) -> list[Item]:
        """The assignment's items. Raises CourseError where there are none or two share an id."""
        name = f"{slug.replace('-', '_')}.py"
        if not any((folder / "items" / name).is_file() for folder in self.folders):
            raise CourseError(f"the assignment {slug} has a source and no items; write {self.folders[0] / 'items' / name} "
                              "with a list ITEMS, as coursework/kit/items.py says.")
        path = self.find("items", name)
        found = getattr(_module(path), "ITEMS", None)
        if not isinstance(found, list) or not found or not all(isinstance(i, Item) for i in found):
            raise CourseError(f"{path} has no list ITEMS of Item; see coursework/kit/items.py.")
        ids = [item.id for item in found]
        if len(set(ids)) < len(ids):
            raise CourseError(f"{path}: two items share an id among {', '.join(ids)}.")
        return found

    def suites(self, slug: str) -> dict[str, Suite]:
        """The mutation suites of an assignment, by item id; none if it has no file of them."""
        for folder in self.folders:
            if (path := folder / "mutants" / f"{slug.replace('-', '_')}.py").is_file():
                return dict(_module(path).SUITES)
        return {}

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
            raise CourseError(f"course.toml: the deadline of {whose} is {moment}; expected a moment with its zone, "
                              "such as 2026-10-05T23:59:00+02:00.")
        return moment


def load(overlay: Path | None = None, root: Path = ROOT) -> Course:
    """The course under `root`, with an overlay folder's files and settings over it.

    Raises CourseError for an overlay that is not there or a course.toml that cannot be read.
    """
    folders = (root,)
    if overlay is not None:
        if not overlay.is_dir():
            raise CourseError(f"the overlay {overlay} is no folder; expected one with source/, items/ or course.toml.")
        if not any((overlay / name).exists() for name in ("source", "items", "course.toml")):
            raise CourseError(f"the overlay {overlay} holds none of source/, items/ and course.toml; give the folder that "
                              "holds them. An empty one changes nothing.")
        folders = (overlay.resolve(), root)
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
            raise CourseError(f"course.toml, [extensions]: {name} has no deadline to extend; expected \"STUDENT/ASSIGNMENT\", "
                              f"the assignment one of [due]: {', '.join(settings.get('due', {})) or 'none yet'}.")
        course.due(slug, student)
    worth = settings.get("calibration", {}).get("percent", 0)
    if isinstance(worth, bool) or not isinstance(worth, int | float) or not 0 <= worth <= 100:
        raise CourseError(f"course.toml, [calibration]: percent is {worth!r}; expected a number from 0 to 100, the bets' "
                          "part of the course mark.")
    numbers = {("late", name): settings.get("late", {}).get(name) for name in ("grace_minutes", "per_day", "most")}
    for name, value in settings.get("limits", {}).items():
        if name not in LIMITS:
            raise CourseError(f"course.toml, [limits]: {name} is no limit; expected one of {', '.join(LIMITS)}.")
        numbers["limits", name] = value
    for (table, name), value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise CourseError(f"course.toml, [{table}]: {name} is {value!r}; expected a number that is not negative.")


def load_items(slug: str) -> list[Item]:
    """The items of an assignment of the repository, for its source's demonstration."""
    return load().items(slug)


def _module(path: Path) -> ModuleType:
    """Import a file by its path; its name may begin with a digit, and overlays may share it."""
    name = f"coursework_{path.parent.name}_{path.stem}_{abs(hash(path)):x}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise CourseError(f"{path} cannot be loaded: {type(error).__name__}: {error}. Mend it, or take it out of the "
                          "folder to have the course's own.") from error
    return module
