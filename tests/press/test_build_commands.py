"""The commands around the build: failures come through, scale and seed reach it, the lock file fits the list."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from alchemy import project
from alchemy import run as runs
from packaging.requirements import Requirement
from packaging.version import Version
from press import __main__ as build

ROOT = Path(__file__).resolve().parents[2]


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/usr/bin/env bash\n" + text, encoding="utf-8")
    path.chmod(0o755)


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(c) for c in command], cwd=ROOT, env=os.environ | environment, text=True, capture_output=True, timeout=60, check=False
    )


@pytest.mark.parametrize(("failed", "status", "code"), [([], 0, 0), ([], 3, 3), (["02-second"], 0, 1)])
def test_book_renders_when_all_has_run_and_passes_on_the_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], failed: list[str], status: int, code: int
) -> None:
    asked = []
    monkeypatch.setattr(build.runs, "execute", lambda wanted, **how: asked.append(how) or runs.Outcome(failed=list(failed)))
    monkeypatch.setattr(build, "build", lambda slugs: asked.append(slugs) or status)
    for name, value in (("JOBS", "2"), ("ONLY", ""), ("ALCHEMY_BUDGET", ""), ("ALCHEMY_SCALE", "laptop")):
        monkeypatch.setenv(name, value)
    assert build.main() == code
    told = capsys.readouterr()
    assert asked[0] == {"jobs": 2, "notebook": True, "budget": None}
    assert asked[1:] == ([] if failed else [[]])
    assert ("Open " in told.out and "Total time: " in told.out) == (code == 0)
    assert "02-second" in told.err if failed else (told.err == "") == (code == 0)


def test_only_names_chapters_and_a_budget_s_pages_run_small(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []

    def execute(wanted: list[runs.Run], **how: object) -> runs.Outcome:
        ran.append([(run.slug[:2], run.scale) for run in wanted])
        return runs.Outcome(skipped=["08-edge-of-stability"] if len(ran) == 1 else [])

    monkeypatch.setattr(build.runs, "execute", execute)
    monkeypatch.setattr(build, "build", lambda slugs: 0)
    for name, value in (("JOBS", ""), ("ONLY", "03 edge-of-stability"), ("ALCHEMY_BUDGET", "9"), ("ALCHEMY_SCALE", "laptop")):
        monkeypatch.setenv(name, value)
    assert build.main() == 0
    assert ran == [[("03", "laptop"), ("08", "laptop")], [("08", "smoke")]]
    monkeypatch.setenv("ONLY", "77")
    with pytest.raises(project.ProjectError, match="'77'; expected one of 01-alchemy"):
        build.main()
    monkeypatch.setenv("JOBS", "two")
    with pytest.raises(project.ProjectError, match="JOBS is 'two'"):
        build.main()


def test_a_short_table_of_contents_keeps_the_pages_that_run_nothing() -> None:
    toc = {
        "root": "book/intro",
        "parts": [
            {"caption": "A", "chapters": [{"file": "book/method"}]},
            {"caption": "B", "chapters": [{"file": "chapters/03-gradient-descents-fault"}]},
            {"caption": "C", "chapters": [{"file": "chapters/07-adam"}, {"file": "book/instructors/survey-analysis"}]},
        ],
    }
    assert build.shortened(toc, ["07-adam"])["parts"] == [
        {"caption": "A", "chapters": [{"file": "book/method"}]},
        {"caption": "C", "chapters": [{"file": "chapters/07-adam"}]},
    ]


CI_STEPS = ("lint", "test", "book SCALE=laptop SEED=0 BUDGET=1200", "ledger", "test-site", "test-coursework")
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
@pytest.mark.parametrize(
    "given", [{"arguments": ("SCALE=smoke", "SEED=5")}, {"environment": {"ALCHEMY_SCALE": "smoke", "ALCHEMY_SEED": "5"}}]
)
def test_make_hands_scale_and_seed_on(given: dict) -> None:
    probe = "--eval=probe: ; @echo $$ALCHEMY_SCALE $$ALCHEMY_SEED \"$$PYTHONPATH\""
    done = run(
        "make",
        "--no-print-directory",
        probe,
        "probe",
        *given.get("arguments", ()),
        **({"ALCHEMY_SCALE": "", "ALCHEMY_SEED": ""} | given.get("environment", {})),
    )
    assert done.stdout.rstrip("\n").split(" ", 2) == ["smoke", "5", str(ROOT / "code")], done.stderr


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
