"""The commands around the build: failures come through, scale and seed reach it, the lock file fits the list."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/usr/bin/env bash\n" + text, encoding="utf-8")
    path.chmod(0o755)


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(c) for c in command], cwd=ROOT, env=os.environ | environment, text=True,
                          capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("status", [0, 3])
def test_book_passes_on_the_status_and_the_warnings_of_the_build(tmp_path: Path, status: int) -> None:
    script(tmp_path / "python",
           f"echo progress; echo '[IPKernelApp] WARNING | TCP' >&2; echo a warning >&2; exit {status}\n")
    done = run(ROOT / "scripts" / "book.sh", tmp_path, "_build/html", ALCHEMY_SCALE="laptop", ALCHEMY_SEED="0")
    assert done.returncode == status
    assert "progress" in done.stdout
    assert "a warning" in done.stderr
    assert "IPKernelApp" not in done.stderr
    assert ("Open " in done.stdout and "Total time: " in done.stdout) == (status == 0)


CI_STEPS = ("lint", "test", "book SCALE=laptop SEED=0", "ledger", "test-site", "test-coursework")
OPTIONAL = ("chromium fonts-liberation", "bubblewrap")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder for PATH with a `make` that only says what it was asked, and fails for the target in $BROKEN."""
    script(tmp_path / "bin" / "make", 'echo "ran $*, pytest $PYTEST_ADDOPTS"; [ "$1" != "${BROKEN:-}" ]\n')
    return tmp_path / "bin"


@pytest.mark.parametrize("broken", ["", *(step.split()[0] for step in CI_STEPS)])
def test_ci_runs_every_step_and_fails_if_one_fails(programs: Path, broken: str) -> None:
    for name in ("bwrap", "chromium"):
        script(programs / name, "")
    script(programs / "apt-get", "echo apt-get was called\n")
    done = run(ROOT / ".ci" / "run", PATH=f"{programs}{os.pathsep}{os.environ['PATH']}", BROKEN=broken, PYTEST_ADDOPTS="")
    assert done.returncode == (1 if broken else 0)
    ran = re.findall(r"(?m)^ran (.+), pytest --durations=10 $", done.stdout)
    assert ran == list(CI_STEPS)
    assert done.stderr == "".join(f"FAILED: make {step}\n" for step in CI_STEPS if broken == step.split()[0])
    table = done.stdout.partition("Seconds on ")[2]
    assert re.findall(r"(?m)^ +\d+ s  make (.+)$", table) == list(CI_STEPS) and re.search(r"(?m)^ +\d+ s  in all$", table)
    assert "apt-get" not in done.stdout


@pytest.mark.parametrize("works", [True, False])
def test_ci_installs_a_browser_and_a_sandbox_where_none_is_and_goes_on_without(programs: Path, works: bool) -> None:
    for name in ("bash", "env", "dirname", "nproc", "id"):
        (programs / name).symlink_to(shutil.which(name))
    log = programs.parent / "apt.log"
    for name in ("apt-get", "sudo"):
        script(programs / name, f'echo "$@" >> {log}; {"true" if works else "exit 1"}\n')
    done = run(ROOT / ".ci" / "run", PATH=str(programs), CHROMIUM="")
    assert done.returncode == 0 and "ran test-coursework" in done.stdout, done.stderr
    asked = log.read_text(encoding="utf-8") if log.exists() else ""
    for names in OPTIONAL:
        assert (f"install -y -qq --no-install-recommends {names}\n" in asked) == works
        assert (f"{names.split()[0]} could not be installed" in done.stdout) != works


@pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")
@pytest.mark.parametrize("given", [{"arguments": ("SCALE=smoke", "SEED=5")},
                                   {"environment": {"ALCHEMY_SCALE": "smoke", "ALCHEMY_SEED": "5"}}])
def test_make_hands_scale_and_seed_on(given: dict) -> None:
    probe = "--eval=probe: ; @echo $$ALCHEMY_SCALE $$ALCHEMY_SEED $$PYTHONPATH"
    done = run("make", "--no-print-directory", probe, "probe", *given.get("arguments", ()),
               **({"ALCHEMY_SCALE": "", "ALCHEMY_SEED": ""} | given.get("environment", {})))
    assert done.stdout.split() == ["smoke", "5", str(ROOT / "code")], done.stderr


def test_the_lock_file_fits_the_list_and_names_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    locked = dict(re.findall(r"(?m)^([a-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", text))
    blocks = re.split(r"(?m)^(?=[a-z0-9])", text)[1:]
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    lines = (line.partition("#")[0].strip() for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines())
    for wanted in (Requirement(line) for line in lines if line):
        version = locked.get(wanted.name.lower())
        assert version is not None, f"{wanted.name} is not in requirements.lock; run `make lock`"
        assert wanted.specifier.contains(Version(version), prereleases=True), f"{wanted} against {version}: run `make lock`"
