"""The first cell of a downloaded notebook: it brings the laboratory of the notebook's own date, and installs what is missing.

A notebook of a site without a repository's address carries in its metadata what it needs of the book, as a zip laid out
like a checkout; one of a site with an address fetches the checkout that the site was built from. Either lies in a folder
of its own, named after its content, so that two notebooks in one folder never use each other's laboratory.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import io
import json
import re
import sys
import zipfile
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from press.cite import git

LABORATORY = "alchemy"
HEAVY = 100_000  # bytes of a data file that a notebook carries only where its cells name it
WRAP = 4000  # letters to a line of what a notebook carries
COMPANION = re.compile(r"[\"']book[\"']\s*/\s*[\"']([\w.-]+\.json)[\"']")
SITE_ONLY = re.compile(r"(explorable|record)(_\w+)?\.(py|json)")  # of a chapter's folder, what no cell reads

HEAD = '''\
# In a checkout of the book this cell uses the laboratory of the checkout. On Colab and in any other place it brings the
# one that this notebook was made with, into a folder of its own, installs what is missing, and leaves alone what is there.
{imports}
from importlib.util import find_spec

NEEDS = {needs}
HERE = pathlib.Path.cwd()
HOME = HERE / ".laboratory-{key}"
for folder in HERE, *HERE.parents:
    if (folder / "_toc.yml").is_file() and (folder / "code" / "alchemy" / "__init__.py").is_file():
        HOME = folder
        break
missing = [wanted for name, wanted in NEEDS.items() if find_spec(name) is None]
{first}if missing:
    subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", *missing])
'''
FIRST = '''\
if not HOME.exists():
    missing = list(NEEDS.values())  # pip keeps what is new enough
'''
CARRIED = '''

def carried():
    """This notebook's laboratory, out of the notebook in this folder that holds it; None if there is none."""
    for path in sorted(HERE.glob("*.ipynb")):
        try:
            packed = base64.b64decode("".join(json.loads(path.read_text(encoding="utf-8"))["metadata"]["laboratory"]))
        except (OSError, ValueError, LookupError, TypeError):  # a folder, not readable, no notebook, one that carries nothing
            continue
        if hashlib.sha256(packed).hexdigest().startswith("{key}"):
            return packed
    return None


'''
FETCHED = '''

def carried():
    """The checkout that this notebook was made from; None where it cannot be had."""
    try:
        with urllib.request.urlopen("{address}") as reply:
            return reply.read()
    except OSError as error:
        print(f"{address}: {{error}}")
        return None


'''
TAIL = '''\
if not HOME.exists() and (packed := carried()) is not None:
    part = HOME.with_name(HOME.name + ".part")
    zipfile.ZipFile(io.BytesIO(packed)).extractall(part)
    (top,) = part.iterdir()
    top.rename(HOME)  # whole, or not at all
    part.rmdir()
if HOME.exists():
    sys.path.insert(0, str(HOME / "code"))
elif find_spec("alchemy") is None:
    raise ModuleNotFoundError(
        "This notebook needs the book's laboratory, the Python package `alchemy`. It is not installed, and {reason}. "
        "Start Jupyter in the folder of the downloaded notebook; or clone the book's repository, the one this page came "
        "from, and run `pip install PATH/TO/THE/CLONE`. It is not the package of that name on the Python Package Index."
    )
else:
    print("The laboratory is the one installed here, not the one that this notebook was made with.")
importlib.invalidate_caches()
'''


def imported(sources: Iterable[str]) -> set[str]:
    """The top-level packages that pieces of Python import, the standard library aside."""
    return set().union(*map(_imported, sources)) - set(sys.stdlib_module_names)


@lru_cache(maxsize=1024)
def _imported(source: str) -> frozenset[str]:
    """Those of one piece; the laboratory's modules are asked about once for each notebook."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", source))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return frozenset(found)


def requirements(root: Path) -> dict[str, str]:
    """Distribution, lower case -> its row of requirements.txt, without the comment."""
    path = root / "requirements.txt"
    rows = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    stated = [row.partition("#")[0].partition(";")[0].strip() for row in rows]
    return {re.match(r"[\w.-]+", row)[0].lower(): row for row in stated if re.match(r"[A-Za-z0-9]", row)}


def cells(notebook: dict[str, Any]) -> list[str]:
    """The code of a notebook's cells."""
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def apparatus(slug: str, root: Path) -> list[Path]:
    """The modules of the chapter's folder that its page may use: its bench."""
    return [path for path in sorted((root / "chapters" / slug).glob("*.py")) if not SITE_ONLY.fullmatch(path.name)]


@lru_cache(maxsize=1)
def installed() -> Mapping[str, list[str]]:
    """Module -> the packages that bring it, here; slow to ask."""
    return metadata.packages_distributions()


def needs(notebook: dict[str, Any], slug: str, root: Path) -> dict[str, str]:
    """Module -> what pip should install for it, for all that the notebook, its bench and the laboratory import."""
    rooms = [*sorted((root / "code" / LABORATORY).rglob("*.py")), *apparatus(slug, root)]
    sources = [*cells(notebook), *(path.read_text(encoding="utf-8") for path in rooms)]
    own = {path.stem for path in (root / "code").glob("*")}
    rows, homes = requirements(root), installed()
    found = {}
    for module in sorted(imported(sources) - own - {LABORATORY}):
        for home in homes.get(module, ()):
            if home.lower() in rows:  # what the laboratory needs is in that list; the rest is optional
                found[module] = rows[home.lower()]
    return found


def files(notebook: dict[str, Any], slug: str, root: Path) -> dict[str, bytes]:
    """Path -> content of all that the notebook needs of the book, laid out as in a checkout.

    The library without heavy data that nobody names; all manifests, with a mark for each page that there is; the
    chapter's bench, and the data that its cells or its bench name.
    """
    used = apparatus(slug, root)
    text = "\n".join([*cells(notebook), *(path.read_text(encoding="utf-8") for path in used)])
    for path in sorted((root / "code" / LABORATORY).rglob("*")):
        light = path.is_file() and path.suffix != ".pyc" and (path.suffix == ".py" or path.stat().st_size < HEAVY)
        if light or (path.is_file() and path.suffix != ".pyc" and path.stem in text):
            used.append(path)
    used += [path for path in (root / "LICENSE", root / "_toc.yml", *root.glob("chapters/*/chapter.toml")) if path.is_file()]
    used += [path for name in set(COMPANION.findall(text)) if (path := root / "book" / name).is_file()]
    used += [
        path
        for path in (root / "chapters" / slug).rglob("*")
        if path.is_file() and not SITE_ONLY.fullmatch(path.name) and path.name in text
    ]
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in used}
    for path in root.glob("chapters/*/chapter.toml"):
        page = path.parent.with_suffix(".md")
        if page.is_file():  # the laboratory asks whether there is one; its text stays in the book
            found[page.relative_to(root).as_posix()] = b"This page is in the book.\n"
    return dict(sorted(found.items()))


def packed(found: dict[str, bytes]) -> bytes:
    """The files as a zip in one folder; the same bytes for the same files."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in found.items():
            stated = zipfile.ZipInfo(f"laboratory/{name}")  # dated 1980
            stated.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(stated, content)
    return whole.getvalue()


def laboratory(notebook: dict[str, Any], slug: str, root: Path) -> list[str]:
    """What the notebook needs of the book as lines of base64 of a zip, for its metadata."""
    text = base64.b64encode(packed(files(notebook, slug, root))).decode()
    return [text[i : i + WRAP] for i in range(0, len(text), WRAP)]


def source(notebook: dict[str, Any], slug: str, repository: str, root: Path) -> str:
    """The first cell's code. repository: "owner/name", or empty where it is not known."""
    wanted = "{" + "".join(f"\n    {json.dumps(k)}: {json.dumps(v)}," for k, v in needs(notebook, slug, root).items()) + "\n}"
    modules = ["importlib", "io", "pathlib", "subprocess", "sys", "zipfile"]
    if repository:
        commit = git(root, "rev-parse", "HEAD") or "HEAD"
        modules += ["urllib.request"]
        key, reason = commit[:12], "its repository could not be reached"
        brought = FETCHED.format(address=f"https://github.com/{repository}/archive/{commit}.zip")
    else:
        modules += ["base64", "hashlib", "json"]
        key = hashlib.sha256(packed(files(notebook, slug, root))).hexdigest()[:12]
        brought, reason = CARRIED.format(key=key), "no notebook in this folder carries it"
    imports = "\n".join(f"import {name}" for name in sorted(modules))
    head = HEAD.format(needs=wanted, imports=imports, key=key, first=FIRST if repository else "")
    return (head + brought + TAIL.format(reason=reason)).rstrip("\n")
