"""A downloaded notebook, alone in an empty folder, runs from its first cell to its last.

Two things are as on a reader's machine: nothing but the notebook is there, and the kernel knows no checkout. The packages are
this environment's, so that no network is needed; what the first cell asks of pip is the business of test_firstcell.py.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

NOTEBOOK = "25-ledger.ipynb"  # it imports what every chapter imports, and computes little


def test_the_downloaded_notebook_runs_alone_in_an_empty_folder(built, tmp_path):
    downloaded = built / "_notebooks" / NOTEBOOK
    if not downloaded.is_file():
        pytest.skip(f"the site has no {NOTEBOOK}; `make book` writes it")
    if "laboratory" not in json.loads(downloaded.read_text(encoding="utf-8"))["metadata"]:
        pytest.skip("this site names its repository: the notebook fetches the laboratory from there, over the network")
    shutil.copy(downloaded, tmp_path)
    named = {"PYTHONPATH", "ALCHEMY_ROOT", "ALCHEMY_SEED"}
    bare = {k: v for k, v in os.environ.items() if k not in named}
    bare |= {"ALCHEMY_SCALE": "smoke", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--output", "ran.ipynb", NOTEBOOK],
        cwd=tmp_path, env=bare, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    ran = json.loads((tmp_path / "ran.ipynb").read_text(encoding="utf-8"))
    left = [cell["id"] for cell in ran["cells"] if cell["cell_type"] == "code" and cell["execution_count"] is None]
    assert not left
    assert len(list(tmp_path.glob(".laboratory-*/code/alchemy/__init__.py"))) == 1
