"""A target that nobody runs is a promise that nobody keeps: each one is run by `.ci/run`, by a workflow, or here.

Here they run on a miniature (tests/miniature.py), which lies in a folder with a space, a comma and a letter beyond ASCII.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest
import yaml

from tests import miniature
from tests.miniature import ROOT, environment, make, script

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")

# Target -> the test that runs it; the others are in .ci/run or in a workflow.
TESTED = {
    "help": "test_targets.py::test_every_target_is_run_somewhere",
    "lab": "test_targets.py::test_lab_serves_chapters_as_notebooks",
    "notebooks": "test_targets.py::test_notebooks_go_where_they_are_asked_to",
    "reference": "test_targets.py::test_reference_writes_a_record_at_gpu_scale",
    "lock": "test_targets.py::test_lock_resolves_both_lists_and_refuses_addresses",
    "clean": "test_targets.py::test_clean_leaves_the_environment_and_the_sources",
    "coursework": "course/thirty/test_command.py::test_make_coursework_goes_from_roster_to_gradebook",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The miniature, for tests that leave it as it was."""
    return miniature.build(tmp_path_factory.mktemp("targets"))


def asked_for(text: str) -> set[str]:
    """The targets of every `make ...` command in a script; comments run nothing."""
    calls = re.findall(r"\bmake\s+([^\n;&|]+)", re.sub(r"(?m)#.*$", "", text))
    return {name for call in calls for name in re.findall(r"(?<!\S)[a-z][a-z-]+(?!\S)", call)}


def test_every_target_is_run_somewhere() -> None:
    shown = subprocess.run(["make", "--no-print-directory", "help"], cwd=ROOT, text=True, capture_output=True, check=True)
    helped = set(re.findall(r"(?m)^  ([a-z-]+)  +\S", shown.stdout))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = set(re.search(r"(?m)^Makefile +(.+)$", readme)[1].split(" · "))
    named = {name for span in re.findall(r"`make ([a-z-]+)|(?m:^make ([a-z-]+))", readme) for name in span if name}
    assert len(helped) > 12 and listed == helped, "the README's map and `make help` name different targets"
    assert named <= helped
    steps = asked_for((ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()
        steps |= asked_for("\n".join(step.get("run", "") for job in jobs for step in job["steps"]))
    assert helped - steps - set(TESTED) == set(), "run it in .ci/run, in a workflow, or in a test named in TESTED"
    for place in TESTED.values():
        name, _, function = place.partition("::")
        assert f"def {function}(" in (ROOT / "tests" / name).read_text(encoding="utf-8"), place


def test_no_target_starts_a_script_of_an_environment() -> None:
    """Such a script names the folder where the environment was made, and breaks when the checkout is moved."""
    texts = {p.name: p.read_text(encoding="utf-8") for p in [ROOT / "Makefile", *(ROOT / "scripts").glob("*.sh")]}
    calls = [
        f"{name}: {call}" for name, text in texts.items() for call in re.findall(r"(?<!usr/)(?:BIN\)|\bbin)\"?/([\w-]+)", text)
    ]
    assert calls and {call for call in calls if not call.endswith(": python")} == set()


@pytest.mark.parametrize(
    ("form", "asks"),
    [
        ("claim-broken", {"claim", "scale", "seed", "printed", "found"}),
        ("new-claim", {"says", "who", "measure", "region", "seeds", "refuted", "controls"}),
    ],
)
def test_issue_forms_ask_for_what_can_be_checked(form: str, asks: set[str]) -> None:
    read = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / f"{form}.yml").read_text(encoding="utf-8"))
    assert read["name"] and read["description"]
    fields = [row for row in read["body"] if row["type"] != "markdown"]
    assert {row["type"] for row in fields} <= {"input", "textarea", "dropdown"}
    assert [row["id"] for row in fields if not row["validations"]["required"] or not row["attributes"]["label"]] == []
    assert {row["id"] for row in fields} == asks and len(fields) == len(asks)


def test_notebooks_go_where_they_are_asked_to(house: Path) -> None:
    done = make(house, "notebooks", "OUT=x y")
    assert done.returncode == 0, done.stderr
    cells = json.loads((house / "x y" / "01-mini.ipynb").read_text(encoding="utf-8"))["cells"]
    assert cells[-1]["source"] == ["chapter.finish()"] or cells[-1]["source"] == "chapter.finish()"


def test_reference_writes_a_record_at_gpu_scale(house: Path) -> None:
    done = make(house, "reference")
    assert done.returncode == 0, done.stderr
    records = [p for folder in ("book", "chapters") for p in (house / folder).rglob("*.json")]
    assert [json.loads(p.read_text(encoding="utf-8"))["provenance"]["scale"] for p in records] == ["gpu"], done.stdout


def test_a_log_without_the_verdicts_signs_does_not_stop_a_run(house: Path) -> None:
    command = [sys.executable, "-m", "alchemy.cli", "run", "01", "--scale", "smoke"]
    given = environment(PYTHONIOENCODING="cp1252", PYTHONPATH=str(house / "code"))
    done = subprocess.run(command, cwd=house, env=given, capture_output=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr.decode("cp1252")
    assert b"01-mini " in done.stdout and b" smoke " in done.stdout


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_lab_serves_chapters_as_notebooks(house: Path, tmp_path: Path) -> None:
    port = free_port()
    options = f"--no-browser --ServerApp.ip=127.0.0.1 --port={port} --ServerApp.port_retries=0 --IdentityProvider.token=t"
    log = tmp_path / "lab.log"

    def ask(path: str, method: str = "GET") -> bytes:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/{path}", method=method, headers={"Authorization": "token t"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    with (
        log.open("w") as out,
        subprocess.Popen(
            ["make", "--no-print-directory", "lab", f"LAB_OPTIONS={options}"],
            cwd=house,
            stdout=out,
            stderr=out,
            env=environment(HOME=str(tmp_path)),
            start_new_session=True,
        ) as server,
    ):
        try:
            for _ in range(240):
                try:
                    ask("status")
                    break
                except (urllib.error.URLError, ConnectionError):
                    assert server.poll() is None, log.read_text(encoding="utf-8")
                    time.sleep(0.5)
            assert json.loads(ask("contents/01-mini.md?type=notebook"))["content"]["cells"][1]["cell_type"] == "code"
            ask("shutdown", "POST")
            assert server.wait(60) == 0, log.read_text(encoding="utf-8")
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["pdf", "epub"])
def test_paper_is_made_of_the_built_site(house: Path, kind: str) -> None:
    from press.paper import assemble, browser

    try:
        browser.chromium()
    except assemble.PaperError as error:
        pytest.skip(str(error).partition(".")[0])
    site = miniature.site(house)
    done = make(house, "-o", "book", kind)  # the site is there; building it is another test's business
    assert done.returncode == 0, done.stderr
    made = house / "_build" / "paper" / f"explorers-and-settlers.{kind}"
    if kind == "pdf":
        from pypdf import PdfReader

        text = " ".join(page.extract_text() for page in PdfReader(made).pages)
        assert "Figure 1.1." in text and "Folded." in text and "Contents" in text
    else:
        with zipfile.ZipFile(made) as archive:
            assert {"book/intro.xhtml", "book/01-mini.xhtml", "book/end.xhtml"} <= set(archive.namelist())
            assert b"<math" in archive.read("book/01-mini.xhtml")
    assert f"explorers-and-settlers.{kind}" in (site / "book" / "intro.html").read_text(encoding="utf-8")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A house that a test may change."""
    return miniature.build(tmp_path)


def test_clean_leaves_the_environment_and_the_sources(small: Path) -> None:
    before = {p for p in small.rglob("*") if p.is_file()}
    for name in ("_build/html/index.html", ".pytest_cache/x", ".ruff_cache/x", "code/alchemy/__pycache__/x.pyc"):
        (small / name).parent.mkdir(parents=True, exist_ok=True)
        (small / name).write_text("", encoding="utf-8")
    (small / ".venv" / "lib" / "__pycache__").mkdir(parents=True)
    done = make(small, "clean")
    assert done.returncode == 0, done.stderr
    assert {p for p in small.rglob("*") if p.is_file()} == before
    assert (small / ".venv" / "lib" / "__pycache__").is_dir()


RESOLVER = """[ "$3" = --version ] && exit
printf '%s\\n' "$@" >> asked
out=${*: -1}
printf 'numpy==2.0 \\\\\\n    --hash=sha256:00\\n' > "$out"
[ -z "${ADDRESS:-}" ] || echo "$ADDRESS" >> "$out"
"""


@pytest.mark.parametrize("keep", ["", "1"])
def test_lock_resolves_both_lists_and_refuses_addresses(small: Path, keep: str) -> None:
    """The network's part is a stub here; the weekly workflow asks the registry."""
    script(small / "_build" / "lock-tools" / "bin" / "python", RESOLVER)
    (small / "coursework").mkdir()
    for name in ("requirements.txt", "requirements.lock"):
        shutil.copy(ROOT / "coursework" / name, small / "coursework")
    done = make(small, "lock", f"KEEP={keep}")
    assert done.returncode == 0, done.stderr
    asked = (small / "asked").read_text(encoding="utf-8").splitlines()
    assert asked.count("--generate-hashes") == 2 and ("--upgrade" in asked) == (not keep)
    assert [line for line in asked if line.endswith(".txt")] == ["requirements.txt", "coursework/requirements.txt"]
    for folder in (small, small / "coursework"):
        lines = (folder / "requirements.lock").read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith("# The ") and lines[2:] == ["numpy==2.0 \\", "    --hash=sha256:00"]
    refused = make(small, "lock", ADDRESS="--index-url https://example.org/simple")
    assert refused.returncode != 0 and "names an address" in refused.stderr


def test_an_environment_is_made_for_a_user_who_installs_into_the_home(small: Path) -> None:
    (small / "requirements.lock").write_text("# nothing\n", encoding="utf-8")
    done = make(small, "VENV=new", f"PYTHON={sys.executable}", "new/.installed", PIP_USER="1")
    assert done.returncode == 0 and (small / "new" / ".installed").is_file(), done.stderr


def test_a_checkout_with_the_line_ends_of_windows_has_the_same_bytes(small: Path, tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("no git on this machine")
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "all"]):
        subprocess.run(["git", *identity, *command], cwd=small, check=True, capture_output=True)
    copy = tmp_path / "copy"
    subprocess.run(
        ["git", "clone", "--quiet", "-c", "core.autocrlf=true", str(small), str(copy)], check=True, capture_output=True
    )
    files = subprocess.run(["git", "ls-files", "-z"], cwd=copy, check=True, capture_output=True, text=True).stdout.split("\0")
    assert len(files) > 80
    assert [name for name in files if name and (copy / name).read_bytes() != (small / name).read_bytes()] == []


def test_an_installation_brings_every_package_and_its_data(small: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--no-index",
            "-w",
            str(tmp_path),
            ".",
        ],
        cwd=small,
        env=environment(PIP_CONFIG_FILE=os.devnull),
        text=True,
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
        commands = next(wheel.read(name).decode() for name in wheel.namelist() if name.endswith("entry_points.txt"))
    code = ROOT / "code"
    assert held == {
        p.relative_to(code).as_posix()
        for p in code.rglob("*")
        if p.is_file() and "__pycache__" not in p.parts and ".egg-info" not in str(p)
    }
    assert "alchemy = alchemy.cli:main" in commands
