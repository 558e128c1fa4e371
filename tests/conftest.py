"""The test run: smoke scale, shapes checked, and the chapters as notebooks for nbval."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the environment of this process and of the kernels it starts; write the notebooks once."""
    # Kernels and subprocesses inherit the environment, not sys.path. Absolute: their folder differs.
    known = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = [str(ROOT / "code"), *(p for p in known if p and p != str(ROOT / "code"))]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    os.environ.setdefault("ALCHEMY_SCALE", "smoke")
    os.environ.setdefault("ALCHEMY_SEED", "0")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    os.environ.setdefault("MPLBACKEND", "agg")
    os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")
    if str(ROOT / "code") not in sys.path:
        sys.path.insert(0, str(ROOT / "code"))
    shapes_checked()
    if not hasattr(config, "workerinput"):  # pytest-xdist's workers find the notebooks made
        from alchemy.cli import notebooks

        target = ROOT / "_build" / "notebooks"
        shutil.rmtree(target, ignore_errors=True)  # none may stay of a chapter that is gone
        with contextlib.redirect_stdout(None):
            notebooks(target)


def shapes_checked() -> None:
    """Let beartype check every jaxtyping annotation of `alchemy`, here and nowhere else."""
    from jaxtyping import install_import_hook

    if any(name == "alchemy" or name.startswith("alchemy.") for name in sys.modules):
        raise RuntimeError("alchemy was imported before the shape checks; import it in tests, not in plug-ins.")
    install_import_hook("alchemy", "beartype.beartype")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT
