"""The first cell of a downloaded notebook: it brings the notebook's own laboratory, and installs only what is missing."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import jupytext
import pytest
from press import firstcell, pages

ROOT = Path(__file__).resolve().parents[2]
CODE = "import json\nimport jax\nfrom sklearn.svm import SVC\nimport alchemy\n%matplotlib inline\n"
# A place where only some packages can be imported, with a pip that writes down what it is asked for.
ABSENT = """
import json, subprocess, sys, importlib.util, urllib.request
asked, there, archive = [], set({there}), {archive!r}
importlib.util.find_spec = lambda name, *a: object() if name in there else None
subprocess.check_call = lambda command: asked.append(command[2:])
fetch = urllib.request.urlopen
urllib.request.urlopen = lambda address: (asked.append(address), fetch(archive))[1]
try:
    exec(open("cell.py").read())
except ModuleNotFoundError as error:
    print(json.dumps([asked, str(error)]))
else:
    print(json.dumps([asked, ""]))
"""


def notebook(code: str) -> dict[str, Any]:
    return {"cells": [{"cell_type": "markdown", "source": "# T"}, {"cell_type": "code", "source": code}], "nbformat": 4}


def first_cell(folder: Path, code: str, repository: str, there: set[str], archive: str = "") -> tuple[list[Any], str]:
    """What the first cell asks of pip and the network where only `there` can be imported, and its complaint."""
    cell = pages.with_setup(notebook(code), "07-adam", repository, ROOT)["cells"][0]["source"]
    (folder / "cell.py").write_text(cell, encoding="utf-8")
    place = ABSENT.format(there=sorted(there), archive=archive or (folder / "nowhere.zip").as_uri())
    done = subprocess.run([sys.executable, "-I", "-c", place], cwd=folder, capture_output=True, text=True, check=True)
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def download(folder: Path, name: str, code: str, slug: str = "07-adam") -> str:
    """Put a notebook as the site offers it into a folder; returns its first cell, without a pip."""
    book = pages.with_setup(notebook(code), slug, "", ROOT)
    (folder / f"{name}.ipynb").write_text(json.dumps(book), encoding="utf-8")
    return book["cells"][0]["source"].replace("if missing:", "if False:")


def run(cell: str, folder: Path, asked: str) -> str:
    """What a fresh interpreter, which knows no checkout, prints behind the first cell."""
    bare = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "ALCHEMY_ROOT")}
    done = subprocess.run([sys.executable, "-c", f"{cell}\n{asked}"], cwd=folder, env=bare, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


NEEDED = set(firstcell.needs(notebook(CODE), "07-adam", ROOT))
WHERE = "print(find_spec('alchemy').origin)"


def test_a_downloaded_notebook_has_no_stderr() -> None:
    noise = {"output_type": "stream", "name": "stderr", "text": "a path of this machine"}
    kept = {"output_type": "stream", "name": "stdout", "text": "1"}
    book = {"cells": [{"cell_type": "code", "source": "print(1)", "outputs": [noise, kept]}]}
    assert pages.with_setup(book, "07-adam", "", ROOT)["cells"][1]["outputs"] == [kept]


def test_it_knows_what_the_chapter_and_the_laboratory_import() -> None:
    found = firstcell.needs(notebook(CODE), "07-adam", ROOT)
    assert {"jax", "sklearn", "scipy", "matplotlib"} <= set(found)
    assert "alchemy" not in found
    assert found["sklearn"].startswith("scikit-learn")
    assert set(found.values()) <= set(firstcell.requirements(ROOT).values())


def test_it_installs_only_what_is_missing(tmp_path: Path) -> None:
    wanted = firstcell.needs(notebook(CODE), "07-adam", ROOT)["sklearn"]
    asked, complaint = first_cell(tmp_path, CODE, "", (NEEDED | {"alchemy"}) - {"sklearn"})
    assert (asked, complaint) == ([["pip", "install", "--quiet", wanted]], "")


def test_it_fetches_the_checkout_of_a_known_repository(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("book-abc/code/alchemy/__init__.py", "")
    archive = (tmp_path / "archive.zip").as_uri()
    (rest, address), complaint = first_cell(tmp_path, CODE, "someone/book", set(), archive)
    assert complaint == ""
    assert address.startswith("https://github.com/someone/book/archive/")
    assert set(rest[3:]) == set(firstcell.needs(notebook(CODE), "07-adam", ROOT).values())
    assert len(list(tmp_path.glob(".laboratory-*"))) == len(list(tmp_path.glob(".laboratory-*/code/alchemy/__init__.py"))) == 1
    assert first_cell(tmp_path, CODE, "someone/book", NEEDED, archive) == ([], "")  # it is there now


@pytest.mark.parametrize("repository", ["", "someone/book"])
def test_it_says_what_to_install_where_nothing_brings_the_laboratory(tmp_path: Path, repository: str) -> None:
    _, complaint = first_cell(tmp_path, CODE, repository, NEEDED)
    assert "`alchemy`" in complaint
    assert "pip install PATH/TO/THE/CLONE" in complaint
    assert first_cell(tmp_path, CODE, repository, NEEDED | {"alchemy"})[1] == ""  # better an installed one than none


def test_a_notebook_carries_what_it_needs_and_no_more(tmp_path: Path) -> None:
    cell = download(tmp_path, "chapter", "import json\n")
    found = Path(run(cell, tmp_path, WHERE))
    home = found.parents[2]
    assert home.parent == tmp_path and home.name.startswith(".laboratory-")
    brought = {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "code" / "alchemy").rglob("*.py")} <= brought
    assert {path.relative_to(ROOT).as_posix() for path in ROOT.glob("chapters/*/chapter.toml")} <= brought
    assert not any(name.startswith("code/press") or "mnist5k" in name or "explorable" in name for name in brought)
    state = "from alchemy import project, survey; print(len(survey.STATEMENTS), [m.written for m in project.manifests()])"
    assert run(cell, tmp_path, state) == run("", ROOT, f"import sys; sys.path.insert(0, {str(ROOT / 'code')!r}); {state}")
    assert [path.name for path in tmp_path.iterdir() if path != home] == ["chapter.ipynb"]


def test_a_notebook_carries_its_bench_and_the_data_that_are_named(tmp_path: Path) -> None:
    bench = tmp_path / "book" / "chapters" / "07-adam"
    bench.mkdir(parents=True)
    (bench / "bench.py").write_text("import sklearn\nDATA = 'named.json', 'mnist'\n")
    for name in ("named.json", "other.json", "explorable.py", "explorable.json", "record.py"):
        (bench / name).write_text("{}")
    (tmp_path / "book" / "requirements.txt").write_text("scikit-learn>=1\n")
    for name in ("mnist.npz", "other.npz"):
        (tmp_path / "book" / "code" / "alchemy").mkdir(parents=True, exist_ok=True)
        (tmp_path / "book" / "code" / "alchemy" / name).write_bytes(bytes(firstcell.HEAVY))
    (tmp_path / "book" / "book").mkdir()
    (tmp_path / "book" / "book" / "timeline.json").write_text("[]")
    code = 'p = root() / "book" / "timeline.json"\n'
    found = firstcell.files(notebook(code), "07-adam", tmp_path / "book")
    assert list(found) == [
        "book/timeline.json",
        "chapters/07-adam/bench.py",
        "chapters/07-adam/named.json",
        "code/alchemy/mnist.npz",
    ]
    assert set(firstcell.needs(notebook(code), "07-adam", tmp_path / "book")) == {"sklearn"}
    whole = firstcell.packed(found)
    assert whole == firstcell.packed(found)
    assert zipfile.ZipFile(io.BytesIO(whole)).read("laboratory/book/timeline.json") == b"[]"


def test_two_notebooks_in_one_folder_each_use_their_own(tmp_path: Path) -> None:
    pair = [
        [c.source for c in jupytext.read(ROOT / "chapters" / f"{slug}.md").cells if c.cell_type == "code"]
        for slug in ("05-lstm", "06-batch-normalization")
    ]
    cells = [
        download(tmp_path, slug, "\n".join(code), slug)
        for slug, code in zip(("05-lstm", "06-batch-normalization"), pair, strict=True)
    ]
    (tmp_path / "code" / "alchemy").mkdir(parents=True)
    (tmp_path / "code" / "alchemy" / "__init__.py").write_text("raise SystemExit('an old laboratory')")
    homes = [Path(run(cell, tmp_path, WHERE)).parents[2] for cell in (*cells, cells[0])]
    assert homes[0] == homes[2] != homes[1]
    shipped = [home / "code" / "alchemy" / "data" / "files" / "mnist5k.npz" for home in homes]
    assert [path.is_file() for path in shipped] == [False, True, False]


def test_neighbours_that_cannot_be_read_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "Untitled.ipynb").write_text("")
    (tmp_path / "._x.ipynb").write_bytes(b"\x00\x05\x16\x07\xff\xfe")
    (tmp_path / "0.ipynb").write_text('{\n<<<<<<< HEAD\n "cells": []\n=======\n>>>>>>> b\n}')
    (tmp_path / "1.ipynb").write_text("[]")
    (tmp_path / "2.ipynb").write_text('{"metadata": {"laboratory": ["%%%"]}}')
    (tmp_path / "3.ipynb").write_text('{"metadata": {"laboratory": 3}}')
    (tmp_path / "x.ipynb").mkdir()
    assert ".laboratory-" in run(download(tmp_path, "y", "import json\n"), tmp_path, WHERE)


def test_an_interrupted_unpacking_is_done_again(tmp_path: Path) -> None:
    cell = download(tmp_path, "chapter", "import json\n")
    home = Path(run(cell, tmp_path, WHERE)).parents[2]
    part = home.with_name(home.name + ".part")
    part.mkdir()
    home.rename(part / "laboratory")
    (part / "laboratory" / "code" / "alchemy" / "project.py").write_text("")
    assert Path(run(cell, tmp_path, WHERE)).parents[2] == home
    project = Path("code", "alchemy", "project.py")
    assert (home / project).read_bytes() == (ROOT / project).read_bytes()


def test_below_a_checkout_it_uses_the_laboratory_of_the_checkout(tmp_path: Path) -> None:
    (tmp_path / "code" / "alchemy").mkdir(parents=True)
    (tmp_path / "code" / "alchemy" / "__init__.py").write_text("")
    (tmp_path / "_toc.yml").write_text("")
    (tmp_path / "chapters").mkdir()
    cell = download(tmp_path / "chapters", "07-adam", "import json\n")
    assert Path(run(cell, tmp_path / "chapters", WHERE)).parents[2] == tmp_path
    assert [path.name for path in (tmp_path / "chapters").iterdir()] == ["07-adam.ipynb"]
