"""A busy machine, and what the coursework's tests say at their end: the score of the mutation tests, seconds of submissions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from course import mutation

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def busy() -> Iterator[None]:
    """This process shares one core with four others that never rest."""
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("processes cannot be bound to a core here")
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        time.sleep(0.5)
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()
        os.sched_setaffinity(0, cores)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Gathered from wherever the tests ran."""
    reports = [r for key in ("passed", "failed") for r in terminalreporter.getreports(key)]
    said = [pair for r in reports for pair in getattr(r, "user_properties", [])]
    if rows := [row for name, text in said if name == "mutation" for row in json.loads(text)]:
        made = mutation.save([mutation.Outcome(**row) for row in rows], ROOT / "_build" / "coursework" / "mutation.json")
        terminalreporter.write_sep("=", "coursework: mutation tests")
        terminalreporter.write_line(
            f"{made['killed']} of {made['mutants']} wrong solutions rejected, {made['passed']} of {made['right']} right ones "
            f"passed, on {len(made['items'])} items; each for {len(mutation.STUDENTS)} students "
            "(_build/coursework/mutation.json)"
        )
    if seconds := sorted(text for name, text in said if name == "seconds"):
        terminalreporter.write_sep("=", "coursework: seconds per submission")
        for text in seconds:
            terminalreporter.write_line(text)
