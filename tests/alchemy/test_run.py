"""The executor: side by side, resumable, within a budget, and nothing that has finished is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alchemy import evidence, fingerprint, project, worker
from alchemy import run as runs

PAGE = """---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
# %(slug)s

```{code-cell}
import os, pathlib, time
from alchemy import at_least, claim, open_chapter
chapter = open_chapter("%(slug)s")
log = pathlib.Path(os.environ["EXECUTED"])
with log.open("a") as file:
    file.write("%(slug)s begins on " + os.environ["ALCHEMY_CORES"] + "\\n")
%(more)s
```

```{code-cell}
number = claim("%(topic)s/number", side="rigor", kind="theorem", says="A number.", measure="it", holds=at_least(0), seeds=3)
number.judge([2, 2.1, 2.2])
chapter.finish()
with log.open("a") as file:
    file.write("%(slug)s ends\\n")
```
"""


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A book of pages: `book("01-a", more="cells that run")` writes one and gives its run."""
    (tmp_path / "chapters").mkdir()
    (tmp_path / "book").mkdir()
    monkeypatch.setenv("ALCHEMY_ROOT", str(tmp_path))
    monkeypatch.setenv("EXECUTED", str(tmp_path / "log"))
    monkeypatch.setenv("ALCHEMY_SCALE", "laptop")
    monkeypatch.setattr(worker, "has_jupyter", lambda: False)  # kernels have their test in the site's build

    def written(slug: str, more: str = "") -> runs.Run:
        project.page(slug).write_text(PAGE % {"slug": slug, "topic": slug[3:], "more": more})
        return runs.plan("laptop", 0)[slug]

    return written


def log() -> list[str]:
    path = Path(os.environ["EXECUTED"])
    return path.read_text().splitlines() if path.is_file() else []


def quiet(text: str) -> None:
    """Swallows what would be printed."""


def test_pages_run_side_by_side_on_cores_of_their_own_and_once(book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "cores", lambda: [0, 0] if os.cpu_count() == 1 else [0, 1])
    pair = [book(slug, "while len(log.read_text().splitlines()) < 2:\n    time.sleep(0.05)") for slug in ("01-a", "02-b")]
    told: list[str] = []
    done = runs.execute(pair, jobs=2, echo=told.append)
    assert (sorted(done.finished), done.failed) == (["01-a", "02-b"], [])  # each waited until the other had begun
    assert sorted(line.split()[-1] for line in log() if "begins" in line) in (["0", "1"], ["0", "0"])
    assert all(word in told[0] for word in ("laptop", "compile", "compute", "MB"))
    assert runs.execute(pair, jobs=2, echo=quiet) == runs.Outcome()
    assert len(log()) == 4
    found = runs.results()["01-a"]
    assert found["claims"][0]["verdict"]["word"] == "held"
    assert runs.costs()["02-b"]["yardstick"] > 0


def test_a_page_that_fails_is_told_with_its_reason_and_the_others_stay(book) -> None:
    good, bad = book("01-a"), book("02-b", "raise RuntimeError('the reason')")
    told: list[str] = []
    done = runs.execute([good, bad], jobs=1, echo=told.append)
    assert (done.finished, done.failed) == (["01-a"], ["02-b"])
    assert "RuntimeError: the reason" in "\n".join(told) and "log.txt" in "\n".join(told)
    mended = book("02-b")
    assert runs.execute([good, mended], jobs=1, echo=quiet).finished == ["02-b"]


def test_a_claim_that_is_never_judged_fails_its_page(book) -> None:
    run = book(
        "01-a", "forgotten = claim('a/other', side='rigor', kind='theorem', says='B.', measure='b', holds=at_least(0), seeds=3)"
    )
    told: list[str] = []
    assert runs.execute([run], echo=told.append).failed == ["01-a"]
    assert "a/other" in "\n".join(told)


def test_an_interrupted_run_goes_on_with_what_is_missing(book, tmp_path: Path) -> None:
    book("01-a")
    book("02-b", "time.sleep(60 if not (log.parent / 'again').exists() else 0)")
    command = [sys.executable, "-m", "alchemy.cli", "run", "--jobs", "1"]
    child = subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": str(fingerprint.LIBRARIES)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job of a shell ignores it
    )
    deadline = time.monotonic() + 120
    while "02-b begins" not in "\n".join(log()):
        assert time.monotonic() < deadline and child.poll() is None, child.stdout.read()
        time.sleep(0.1)
    os.killpg(child.pid, signal.SIGINT)
    printed, _ = child.communicate(timeout=60)
    assert child.returncode != 0
    assert "interrupted: 02-b" in printed
    (tmp_path / "again").touch()
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": str(fingerprint.LIBRARIES)},
        text=True,
        capture_output=True,
        check=True,
        timeout=120,
    )
    assert "02-b" in done.stdout and "01-a" not in done.stdout
    assert [line for line in log() if "01-a begins" in line] == ["01-a begins on " + log()[0].split()[-1]]


def test_a_page_whose_threads_wait_for_each_other_is_started_again(book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "STILL", 4.0)
    run = book("01-a", "time.sleep(1000 if len(log.read_text().splitlines()) == 1 else 0)")
    assert runs.execute([run], echo=quiet).finished == ["01-a"]
    assert len([line for line in log() if "begins" in line]) == 2
    assert "started again" in (run.folder / "log.txt").read_text()


def test_a_page_that_stands_still_twice_fails(book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "STILL", 3.0)
    assert runs.execute([book("01-a", "time.sleep(1000)")], echo=quiet).failed == ["01-a"]


def test_a_budget_runs_what_has_changed_and_names_what_it_leaves_out(book) -> None:
    known, changed = book("01-a"), book("02-b")
    for run in (known, changed):
        evidence.accept(run.slug, [{"claim": {"id": f"{run.slug[3:]}/number"}, "verdict": {"word": "held"}}])
    changed = book("02-b", "x = 1")
    told: list[str] = []
    done = runs.execute([known, changed], jobs=1, budget=0.0, echo=told.append)
    assert (done.finished, done.skipped) == (["02-b"], ["01-a"])
    assert "01-a" in told[-1]
    assert runs.execute([known, changed], jobs=1, budget=3600.0, echo=quiet).finished == ["01-a"]


def test_expected_words_are_fresh_only_with_the_code_that_made_them(book) -> None:
    run = book("01-a")
    assert not evidence.is_fresh("01-a")
    evidence.accept("01-a", [{"claim": {"id": "a/number"}, "verdict": {"word": "held"}}])
    assert evidence.is_fresh("01-a")
    book("01-a", "x = 1")
    assert not evidence.is_fresh("01-a")
    assert run.slug == "01-a"


def test_the_latest_runs_of_a_page_are_kept(book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "KEPT", 2)
    first = book("01-a")
    for number in (1, 2, 3):
        run = book("01-a", f"x = {number}")
        folder = run.folder
        folder.mkdir(parents=True)
        os.utime(folder, (number, number))
    runs._prune(folder)
    assert len(list(folder.parent.iterdir())) == 2
    assert first.result is None


def test_a_torn_result_counts_as_none(book) -> None:
    run = book("01-a")
    run.folder.mkdir(parents=True)
    (run.folder / "result.json").write_text('{"summary": ')
    assert not run.done()
    assert runs.results() == {}
