"""When a result is stale: one hash of everything that decides a mark.

The submission, the assignment and its items, the grader, what of the library these and the notebook can import, the
locked versions of the packages, the secret, the limits. Comments and docstrings do not count: only code does.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
MOST = 1000  # imports of a notebook that are looked at
NEAR = 300  # characters after `from alchemy.x`, in which the names stand that are imported from it


def of(job: Job, course: Course, secret: bytes, limits: Limits) -> str:
    """Equal means that grading again gives the same, but for what the machine does."""
    source, submitted = course.source(job.slug), _bytes(job.path)
    notebook = source + submitted.decode("utf-8", "replace")
    digest = hashlib.sha256(f"{course.id} {job.slug} {job.student} {job.submitted} {limits}".encode())
    files = (*GRADER, *course.modules(job.slug), *_mentioned(notebook))
    for part in (secret, source.encode(), submitted, LOCK.read_bytes(), _closure(files, PACKAGES).encode()):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


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
        names |= {match[1], *(f"{match[1]}.{word}" for word in re.findall(r"\w+", notebook[match.end():match.end() + NEAR]))}
    return {path for name in names for path in _files(name)}


def _closure(files: Iterable[Path], packages: tuple[str, ...]) -> str:
    """The hash of the code in these files and of all that they can reach in `packages` by import."""
    waiting, seen = list(files), {}
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        stat = path.stat()
        seen[path], imported = _read(path, stat.st_mtime_ns, stat.st_size)
        waiting += [found for name in imported if name.partition(".")[0] in packages for found in _files(name)]
    return hashlib.sha256("\n".join(sorted(f"{path.name} {code}" for path, code in seen.items())).encode()).hexdigest()


@lru_cache(maxsize=4096)
def _files(name: str) -> tuple[Path, ...]:
    """What runs when `name` is imported: its packages' __init__.py and its own file, or nothing where it is no module."""
    parts = name.strip(".").split(".")
    places = [CODE.joinpath(*parts[:n]) for n in range(1, len(parts) + 1)]
    found = [p / "__init__.py" for p in places] + [places[-1].with_suffix(".py")]
    return tuple(path for path in found if path.is_file())


@lru_cache(maxsize=1024)
def _read(path: Path, changed: int, size: int) -> tuple[str, tuple[str, ...]]:
    """The hash of a file's code, and the names that it imports. changed, size: what the cache knows a version by."""
    tree = ast.parse(path.read_bytes())
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (not node.level or path.is_relative_to(CODE)):
            above = path.relative_to(CODE).parts[:-node.level] if node.level else ()
            module = ".".join(filter(None, (*above, node.module)))
            names += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return hashlib.sha256(repr(_shape(tree)).encode()).hexdigest(), tuple(names)


def _shape(node: Any) -> Any:
    """A syntax tree without docstrings and without what one Python prints of it and another does not."""
    if isinstance(node, list):
        return [_shape(each) for each in node]
    if not isinstance(node, ast.AST):
        return node
    fields = dict(ast.iter_fields(node))
    if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
        fields["body"] = fields["body"][1:]
    return [type(node).__name__, *((k, _shape(v)) for k, v in fields.items() if v not in (None, []) and k != "kind")]
