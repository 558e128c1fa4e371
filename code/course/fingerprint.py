"""When a result is stale: one hash of everything that decides a mark.

The submission, the assignment and its items, the grader, what of the library these and the notebook can import, the
locked versions of the packages, the secret, the limits. What code is reached follows the book's one rule of freshness.
"""

from __future__ import annotations

import hashlib
import re
import threading
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from alchemy.fingerprint import of_files

from course.course import COURSEWORK, ROOT, Course
from course.engines import INSIDE, Limits
from course.submission import FILE_BYTES

if TYPE_CHECKING:
    from course.grade import Job

CODE = ROOT / "code"
PACKAGES = ("alchemy", "course")
GRADER = (CODE / "course" / "grade.py", *(path for path in INSIDE if path.is_file()))
LOCK = COURSEWORK / "requirements.lock"
IMPORT = re.compile(r"(?:from|import) +(alchemy[\w.]*)")
PARSING = threading.Lock()
MOST = 1000  # imports of a notebook that are looked at
NEAR = 300  # characters after `from alchemy.x`, in which the names stand that are imported from it


def of(job: Job, course: Course, secret: bytes, limits: Limits) -> str:
    """Equal means that grading again gives the same, but for what the machine does."""
    source, submitted = course.source(job.slug), _bytes(job.path)
    notebook = source + submitted.decode("utf-8", "replace")
    digest = hashlib.sha256(f"{course.id} {job.slug} {job.student} {job.submitted} {limits}".encode())
    files = (*GRADER, *course.modules(job.slug), *_mentioned(notebook))
    for part in (secret, source.encode(), submitted, LOCK.read_bytes(), _reached(tuple(sorted(files)), _state()).encode()):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def _state() -> tuple[tuple[Path, int], ...]:
    """The library and the grader as they are now, by the times of their files."""
    return tuple((path, path.stat().st_mtime_ns) for name in PACKAGES for path in sorted((CODE / name).rglob("*.py")))


def _reached(files: tuple[Path, ...], state: tuple[tuple[Path, int], ...]) -> str:
    """The hash of all code that these files reach. Workers ask side by side; Python 3.11 parses in one thread at a time."""
    with PARSING:
        return _hash(files, tuple(path.stat().st_mtime_ns for path in files), state)


@lru_cache(maxsize=512)
def _hash(files: tuple[Path, ...], times: tuple[int, ...], state: tuple[tuple[Path, int], ...]) -> str:
    """The same, once for the submissions of an assignment that import alike."""
    return of_files(files, PACKAGES)


def _bytes(path: Path) -> bytes:
    """A submission; nothing where it cannot be read, which is how it is graded then."""
    try:
        return path.read_bytes() if path.is_file() and path.stat().st_size <= FILE_BYTES else b""
    except OSError:
        return b""


def _mentioned(notebook: str) -> set[Path]:
    """The library's modules that a notebook may import. By words: a student's cell need be no Python."""
    names = set()
    for match in islice(IMPORT.finditer(notebook), MOST):
        names |= {match[1], *(f"{match[1]}.{word}" for word in re.findall(r"\w+", notebook[match.end() : match.end() + NEAR]))}
    return {path for name in names for path in _files(name)}


@lru_cache(maxsize=4096)
def _files(name: str) -> tuple[Path, ...]:
    """What runs when `name` is imported: its packages' __init__.py and its own file, or nothing where it is no module."""
    parts = name.strip(".").split(".")
    places = [CODE.joinpath(*parts[:n]) for n in range(1, len(parts) + 1)]
    found = [p / "__init__.py" for p in places] + [places[-1].with_suffix(".py")]
    return tuple(path for path in found if path.is_file())
