"""The first cell of a downloaded notebook: it installs what is missing, and only where it is missing."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

LABORATORY = "alchemy"
COMPANION = re.compile(r"[\"']book[\"']\s*/\s*[\"']([\w.-]+\.json)[\"']")

HEAD = '''\
# In a checkout of the book, or wherever its laboratory is installed, this cell does nothing.
# On Colab and in any other place it installs what is missing, and leaves alone what is there.
import importlib
import pathlib
import subprocess
import sys
from importlib.util import find_spec

NEEDS = {needs}
HERE = pathlib.Path.cwd()
for folder in (HERE, *HERE.parents):  # a checkout brings its laboratory along
    if find_spec("alchemy") is None and (folder / "code" / "alchemy" / "__init__.py").is_file():
        sys.path.append(str(folder / "code"))
missing = [wanted for name, wanted in NEEDS.items() if find_spec(name) is None]
'''
KNOWN = '''\
if find_spec("alchemy") is None:  # the same as: %pip install git+https://github.com/{repository}
    subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps",
                           "git+https://github.com/{repository}"])
    missing = list(NEEDS.values())  # pip keeps what is new enough
'''
UNKNOWN = '''\
if find_spec("alchemy") is None:  # this site was built without the address of the book's repository
    raise ModuleNotFoundError(
        "This notebook needs the book's laboratory, the Python package `alchemy`, and it is not installed here. "
        "Clone the book's repository, the one this page came from, and either run `make lab` in it, or install the "
        "laboratory from it with `pip install PATH/TO/THE/CLONE` and run this notebook again. "
        "It is not the package of that name on the Python Package Index."
    )
'''
INSTALL = '''\
if missing:
    subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", *missing])
    importlib.invalidate_caches()
'''
FILES = '''\
# Files of the book that this chapter reads, for a place without the book.
for name, text in {files}.items():
    if not any((folder / "book" / name).is_file() for folder in (HERE, *HERE.parents)):
        (HERE / "book").mkdir(exist_ok=True)
        (HERE / "book" / name).write_text(text, encoding="utf-8")
'''


def imported(sources: Iterable[str]) -> set[str]:
    """The top-level packages that pieces of Python import, the standard library aside."""
    found: set[str] = set()
    for source in sources:
        tree = ast.parse(re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", source))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names)


def requirements(root: Path) -> dict[str, str]:
    """Distribution, lower case -> its row of requirements.txt, without the comment."""
    path = root / "requirements.txt"
    rows = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    stated = [row.partition("#")[0].partition(";")[0].strip() for row in rows]
    return {re.match(r"[\w.-]+", row)[0].lower(): row for row in stated if re.match(r"[A-Za-z0-9]", row)}


def needs(notebook: dict[str, Any], root: Path) -> dict[str, str]:
    """Module -> what pip should install for it, for all that the notebook and the laboratory import."""
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    rooms = [path.read_text(encoding="utf-8") for path in sorted((root / "code" / LABORATORY).rglob("*.py"))]
    own = {path.stem for path in (root / "code").glob("*")}
    rows, homes = requirements(root), metadata.packages_distributions()
    found = {}
    for module in sorted(imported([*cells, *rooms]) - own - {LABORATORY}):
        for home in homes.get(module, ()):
            if home.lower() in rows:  # what the laboratory needs is in that list; the rest is optional
                found[module] = rows[home.lower()]
    return found


def companions(notebook: dict[str, Any], root: Path) -> dict[str, str]:
    """Name -> text of the book's data files that the notebook's cells read."""
    cells = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    paths = [root / "book" / name for name in sorted(set(COMPANION.findall(cells)))]
    return {path.name: path.read_text(encoding="utf-8") for path in paths if path.is_file()}


def source(notebook: dict[str, Any], repository: str, root: Path) -> str:
    """The first cell's code. repository: "owner/name", or empty where it is not known."""
    wanted = "{" + "".join(f"\n    {json.dumps(k)}: {json.dumps(v)}," for k, v in needs(notebook, root).items()) + "\n}"
    code = HEAD.format(needs=wanted) + (KNOWN.format(repository=repository) if repository else UNKNOWN) + INSTALL
    if files := companions(notebook, root):
        # Strings of one line each: the cell stays short, whatever the file.
        packed = "{" + "".join(f"\n    {k!r}: {json.dumps(json.loads(v), ensure_ascii=False, separators=(',', ':'))!r},"
                               for k, v in files.items()) + "\n}"
        code += FILES.format(files=packed)
    return code.rstrip("\n")
