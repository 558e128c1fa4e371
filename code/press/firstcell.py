"""The first cell of a downloaded notebook: it installs what is missing, and only where it is missing."""

from __future__ import annotations

import ast
import base64
import io
import json
import re
import sys
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

LABORATORY = "alchemy"
HEAVY = 100_000  # bytes of a data file that a notebook carries only where its cells name it
WRAP = 4000  # letters to a line of what a notebook carries
COMPANION = re.compile(r"[\"']book[\"']\s*/\s*[\"']([\w.-]+\.json)[\"']")

HEAD = '''\
# In a checkout of the book, or wherever its laboratory is installed, this cell does nothing.
# On Colab and in any other place it installs what is missing, and leaves alone what is there.
{imports}
from importlib.util import find_spec

NEEDS = {needs}
HERE = pathlib.Path.cwd()
for folder in (HERE, *HERE.parents):  # a checkout brings its laboratory along
    if find_spec("alchemy") is None and (folder / "code" / "alchemy" / "__init__.py").is_file():
        sys.path.append(str(folder / "code"))
missing = [wanted for name, wanted in NEEDS.items() if find_spec(name) is None]
'''
KNOWN = '''\
laboratory = find_spec("alchemy") is not None
if not laboratory:
    missing = list(NEEDS.values())  # pip keeps what is new enough
'''
FETCH = '''\
if not laboratory:  # after the rest: the site, the tests and the PDF need more than this notebook does
    subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps",
                           "git+https://github.com/{repository}"])
importlib.invalidate_caches()
'''
UNKNOWN = '''\
if find_spec("alchemy") is None:  # the downloaded notebook carries the laboratory in its metadata
    read = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(HERE.glob("*.ipynb"))]
    carried = [book["metadata"]["laboratory"] for book in read if "laboratory" in book["metadata"]]
    if not carried:
        raise ModuleNotFoundError(
            "This notebook needs the book's laboratory, the Python package `alchemy`. It is not installed, and no notebook "
            f"in {HERE} carries it. Start Jupyter in the folder of the downloaded notebook; or clone the book's "
            "repository, the one this page came from, and run `pip install PATH/TO/THE/CLONE`. "
            "It is not the package of that name on the Python Package Index."
        )
    zipfile.ZipFile(io.BytesIO(base64.b64decode("".join(carried[0])))).extractall(HERE / "code")
    sys.path.append(str(HERE / "code"))
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


def laboratory(notebook: dict[str, Any], root: Path) -> list[str]:
    """The laboratory as lines of base64 of a zip, for the metadata of a notebook of a site without a repository's address."""
    cells = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    kept, packed = root / "code", io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        def add(path: Path, name: str) -> None:
            stated = zipfile.ZipInfo(name)  # dated 1980, so that the same laboratory has the same bytes
            stated.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(stated, path.read_bytes())

        for path in sorted((kept / LABORATORY).rglob("*")):
            wanted = path.is_file() and path.suffix != ".pyc"
            if wanted and (path.stat().st_size < HEAVY or path.suffix == ".py" or path.stem in cells):
                add(path, path.relative_to(kept).as_posix())
        if (root / "LICENSE").is_file():
            add(root / "LICENSE", f"{LABORATORY}/LICENSE")
    text = base64.b64encode(packed.getvalue()).decode()
    return [text[i : i + WRAP] for i in range(0, len(text), WRAP)]


def source(notebook: dict[str, Any], repository: str, root: Path) -> str:
    """The first cell's code. repository: "owner/name", or empty where it is not known."""
    wanted = "{" + "".join(f"\n    {json.dumps(k)}: {json.dumps(v)}," for k, v in needs(notebook, root).items()) + "\n}"
    modules = ["importlib", "pathlib", "subprocess", "sys"] + ([] if repository else ["base64", "io", "json", "zipfile"])
    code = HEAD.format(needs=wanted, imports="\n".join(f"import {name}" for name in sorted(modules)))
    code += KNOWN + INSTALL + FETCH.format(repository=repository) if repository else UNKNOWN + INSTALL
    if files := companions(notebook, root):
        # Strings of one line each: the cell stays short, whatever the file.
        packed = "{" + "".join(f"\n    {k!r}: {json.dumps(json.loads(v), ensure_ascii=False, separators=(',', ':'))!r},"
                               for k, v in files.items()) + "\n}"
        code += FILES.format(files=packed)
    return code.rstrip("\n")
