"""What code means, as a short hash: comments, docstrings and layout do not count, and neither does what is not reached."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

from alchemy import project

LIBRARY = Path(__file__).parent


def of_files(paths: Iterable[Path]) -> str:
    """A hash of the meaning of modules (.py), pages (.md: their cells) and data, and of all of `alchemy` that they import.

    Raises FileNotFoundError for a file that is not there.
    """
    total, waiting, seen = hashlib.sha256(), [path.resolve() for path in paths], set()
    parts = {}
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        if path.suffix not in (".py", ".md"):
            parts[path.name] = path.read_bytes()
            continue
        text = path.read_text(encoding="utf-8")
        tree = ast.parse("\n".join(project.code_cells(text)) if path.suffix == ".md" else text)
        waiting += [found for name in imported(tree) for found in modules(name)]
        parts[path.relative_to(LIBRARY).as_posix() if path.is_relative_to(LIBRARY) else path.name] = bare(tree).encode()
    for name, part in sorted(parts.items()):
        total.update(f"{name} {len(part)} ".encode() + part)
    return total.hexdigest()[:16]


def bare(tree: ast.Module) -> str:
    """A module as text without comments and docstrings."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            node.body = body[1:] or [ast.Pass()]
    return ast.dump(tree)


def imported(tree: ast.Module) -> set[str]:
    """The dotted names that a module imports; of `from a import b` both a and a.b."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def modules(name: str) -> list[Path]:
    """The files of a module of `alchemy`, with the packages around it; none for other names."""
    first, *rest = name.split(".")
    if first != LIBRARY.name:
        return []
    places = [LIBRARY.joinpath(*rest[:n]) for n in range(len(rest) + 1)]
    return [file for place in places for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file()]
