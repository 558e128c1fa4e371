"""One rule of freshness: what a result depends on, as a hash. Runs, records, other seeds, explorables and grades use it.

A page depends on its own cells and bench, on the definitions of the library that these can reach, on the files of its
folder and of the library's data that they read, on the versions of the numerical packages, on scale, seed, platform and
JAX's settings. Comments, docstrings and layout do not count, nor does any code that the page cannot reach.

Reach is decided by the syntax tree, and errs on the safe side: a definition in a module that is imported, directly or
not, counts as reached as soon as its name occurs anywhere in what is reached, be it as a name, an attribute or a string.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import metadata
from pathlib import Path

from alchemy import platforms, project

LIBRARIES = Path(__file__).resolve().parents[1]  # the folder that holds the packages
PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "scipy", "scikit-learn", "diffrax", "optimistix", "matfree", "matplotlib")
# Settings of JAX and XLA change numbers, except these, which say where things are kept and how errors are told.
HARMLESS = re.compile(r"JAX_(COMPILATION_CACHE|PERSISTENT_CACHE|ENABLE_COMPILATION_CACHE|TRACEBACK|LOG|CAPTURED|DEBUG_LOG)\w*")
DATA = ("alchemy", "data", "files")


@dataclass(frozen=True)
class Fingerprint:
    """What a run depends on, by kind: each part is a hash or a short text; `key` is the hash of all of them."""

    parts: Mapping[str, str]

    @property
    def key(self) -> str:
        """Sixteen hexadecimal digits."""
        return digest(json.dumps(dict(self.parts), sort_keys=True))

    def moved(self, before: Mapping[str, str]) -> list[str]:
        """Which parts differ from those of an earlier run."""
        return sorted(name for name in {*self.parts, *before} if self.parts.get(name) != before.get(name))


def digest(*parts: str | bytes) -> str:
    """A short hash of the parts in order, each with its length so that no two lists collide."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()[:16]


# --- code ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Piece:
    """A definition, or what a module does besides defining: its meaning and the names that occur in it."""

    meaning: str
    names: frozenset[str]


@dataclass(frozen=True)
class _Module:
    """imports: the modules of our packages that it imports; rest: what runs when it is imported."""

    imports: frozenset[str]
    definitions: Mapping[str, tuple[_Piece, ...]]
    rest: _Piece


class _Bare(ast.NodeTransformer):
    """Takes docstrings out of a tree."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and body:
            if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
                node.body = body[1:] or [ast.Pass()]
        return node


def _piece(nodes: Iterable[ast.AST]) -> _Piece:
    names: set[str] = set()
    texts = []
    for node in nodes:
        texts.append(ast.unparse(node))
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name):
                names.add(inner.id)
            elif isinstance(inner, ast.Attribute):
                names.add(inner.attr)
            elif isinstance(inner, ast.alias):
                names.update(inner.name.split("."))
            elif isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                names.add(inner.value)  # getattr by a literal, and the file names that `of_files` looks for
    return _Piece("\n".join(texts), frozenset(names))


def _targets(node: ast.AST) -> list[str]:
    """The names that a statement of a module defines, if defining is all it does."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign) and all(isinstance(t, ast.Name) for t in node.targets):
        return [t.id for t in node.targets]
    return [node.target.id] if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) else []


def _known(name: str, packages: tuple[str, ...]) -> Path | None:
    """The file of a module of our packages."""
    if name.split(".")[0] not in packages:
        return None
    path = LIBRARIES.joinpath(*name.split("."))
    found = [p for p in (path / "__init__.py", path.with_suffix(".py")) if p.is_file()]
    return found[0] if found else None


def _imports(tree: ast.AST, module: str, package: bool, packages: tuple[str, ...]) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                base = ".".join([*parts[: len(parts) - node.level + package], *filter(None, [node.module])])
            wanted = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in wanted:
            parts = name.split(".")
            found |= {whole for n in range(1, len(parts) + 1) if _known(whole := ".".join(parts[:n]), packages)}
    return frozenset(found)


def _module(tree: ast.Module, module: str, package: bool, packages: tuple[str, ...]) -> _Module:
    tree = _Bare().visit(tree)
    definitions: dict[str, list[_Piece]] = {}
    rest = []
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:  # an import defines a name too: what it stands for may change
                single = copy(node)
                single.names = [alias]
                definitions.setdefault(alias.asname or alias.name.split(".")[0], []).append(_piece([single]))
        elif names := _targets(node):
            for name in names:
                definitions.setdefault(name, []).append(_piece([node]))
        elif not isinstance(node, ast.Pass):
            rest.append(node)
    return _Module(_imports(tree, module, package, packages), {k: tuple(v) for k, v in definitions.items()}, _piece(rest))


@cache
def _read(name: str, packages: tuple[str, ...], path: Path, changed: int) -> _Module:
    return _module(ast.parse(path.read_text(encoding="utf-8")), name, path.name == "__init__.py", packages)


def _library(name: str, packages: tuple[str, ...]) -> _Module:
    path = _known(name, packages)
    return _read(name, packages, path, path.stat().st_mtime_ns)


@dataclass(frozen=True)
class Source:
    """A program that runs whole. module, package: what its own relative imports start from."""

    text: str
    module: str = "__main__"
    package: bool = False


def _entry(given: Source, packages: tuple[str, ...]) -> tuple[_Piece, frozenset[str]]:
    """A program and what it imports; one with a magic is no plain Python and counts letter by letter."""
    source = given.text
    try:
        tree = _Bare().visit(ast.parse(source))
        return _piece(tree.body), _imports(tree, given.module, given.package, packages)
    except SyntaxError:
        names = frozenset(re.findall(r"\w+", source))
    try:
        tree = ast.parse(re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", source))
    except SyntaxError:
        return _Piece(source, names), frozenset()
    return _Piece(source, names), _imports(tree, "__main__", False, packages)


def closure(sources: Iterable[str | Source], packages: tuple[str, ...] = ("alchemy",)) -> tuple[dict[str, str], frozenset[str]]:
    """What pieces of Python mean and reach: (place -> meaning, every name that occurs in it).

    sources: programs, such as the cells of a page. packages: ours, which lie in the folder of this library.
    The place of a definition is "module:name", of a module's other statements "module:", of the sources "0:", "1:" ...
    """
    reached: dict[str, str] = {}
    names: set[str] = set()
    todo: set[str] = set()
    for number, source in enumerate(sources):
        piece, imports = _entry(Source(source) if isinstance(source, str) else source, packages)
        reached[f"{number}:"] = piece.meaning
        names |= piece.names
        todo |= imports
    modules: dict[str, _Module] = {}
    while todo:
        name = todo.pop()
        if name not in modules:
            modules[name] = found = _library(name, packages)
            todo |= found.imports - set(modules)
            reached[f"{name}:"] = found.rest.meaning
            names |= found.rest.names
    open_ = {(module, name): pieces for module, m in modules.items() for name, pieces in m.definitions.items()}
    while now := [place for place in open_ if place[1] in names]:
        for module, name in now:
            pieces = open_.pop((module, name))
            reached[f"{module}:{name}"] = "\n".join(p.meaning for p in pieces)
            names |= frozenset().union(*(p.names for p in pieces))
    return reached, frozenset(names)


def of_sources(sources: Iterable[str | Source], folder: Path | None = None, packages: tuple[str, ...] = ("alchemy",)) -> str:
    """The hash of programs, the library code they reach, the library's data, and the files of `folder` that they name."""
    reached, names = closure(sources, packages)
    parts = [part for place in sorted(reached) for part in (place, reached[place])]
    if any(place.startswith("alchemy.data") for place in reached):
        data = sorted(p for p in LIBRARIES.joinpath(*DATA).glob("*") if p.is_file())
        parts += [part for p in data for part in (p.name, _content(p, p.stat().st_mtime_ns))]
    if folder is not None:
        named = sorted(n for n in names if re.fullmatch(r"[\w-]+\.(?!py$)[a-z0-9]+", n) and (folder / n).is_file())
        parts += [part for n in named for part in (n, _content(folder / n, (folder / n).stat().st_mtime_ns))]
    return digest(*parts)


@cache
def _content(path: Path, changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def of_files(paths: Iterable[Path], packages: tuple[str, ...] = ("alchemy",)) -> str:
    """The hash of what Python files and pages (their cells) mean, of other files' bytes, and of all that they reach.

    Raises FileNotFoundError for a file that is not there.
    """
    sources: list[str | Source] = []
    data: list[str | bytes] = []
    for path in paths:
        if path.suffix == ".py":
            parts = path.relative_to(LIBRARIES).with_suffix("").parts if path.is_relative_to(LIBRARIES) else ("__main__",)
            package = parts[-1] == "__init__"
            sources.append(Source(path.read_text(encoding="utf-8"), ".".join(parts[:-1] if package else parts), package))
        elif path.suffix == ".md":
            sources += project.code_cells(path.read_text(encoding="utf-8"))
        else:
            data += [path.name, path.read_bytes()]
    return digest(of_sources(sources, packages=packages), *data)


# --- pages ---------------------------------------------------------------------------------------------------------


def versions() -> str:
    """The installed versions of the packages that numbers depend on, and Python's."""
    found = [f"python=={sys.version_info.major}.{sys.version_info.minor}"]
    for name in PACKAGES:
        try:
            found.append(f"{name}=={metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return " ".join(found)


def settings() -> str:
    """The platform, and the settings of JAX and XLA that this process's environment holds.

    Naming the CPU on a machine where JAX knows nothing else changes nothing.
    """
    stated = {k: v for k, v in os.environ.items() if re.match("(JAX|XLA)_", k) and not HARMLESS.fullmatch(k) and v}
    if platforms.cpu_only():
        stated.pop("JAX_PLATFORMS", None)
    return " ".join([platform.system(), platform.machine(), *(f"{k}={v}" for k, v in sorted(stated.items()))])


def code_of(page: Path) -> str:
    """The hash of what a page computes, whatever the machine: cells, bench, reachable library and data, and no prose."""
    bench = page.with_suffix("") / "bench.py"
    seen = [page, bench, *sorted(LIBRARIES.joinpath("alchemy").rglob("*.py")), *sorted(page.with_suffix("").glob("*.*"))]
    return _code_of(page, bench, tuple((p, p.stat().st_mtime_ns) for p in seen if p.is_file()))


@lru_cache(maxsize=256)
def _code_of(page: Path, bench: Path, state: tuple[tuple[Path, int], ...]) -> str:
    """The same, looked up once as long as none of the files that can matter has changed."""
    sources = project.code_cells(page.read_text(encoding="utf-8"))
    sources += [bench.read_text(encoding="utf-8")] if bench.is_file() else []
    return of_sources(sources, page.with_suffix("") if page.with_suffix("").is_dir() else None)


def of_page(page: Path, scale: str, seed: int, reads: Iterable[Path] = ()) -> Fingerprint:
    """What a page's run depends on. reads: further files that its cells read, such as its GPU record."""
    files = [
        part
        for path in sorted(reads)
        if path.is_file()
        for part in (path.parent.parent.name, path.name, _content(path, path.stat().st_mtime_ns))
    ]
    return Fingerprint(
        {
            "code": code_of(page),
            "versions": versions(),
            "settings": settings(),
            "scale": scale,
            "seed": str(seed),
            "evidence": digest(*files),
        }
    )
