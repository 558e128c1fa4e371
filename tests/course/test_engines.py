"""What confines, and what of ours goes inside."""

from __future__ import annotations

import ast
import csv
import io
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from course import engines, sandbox, variants


def test_the_command_that_makes_the_sandbox_is_not_told_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """bwrap stays inside as process 1, and its environment can be read there."""
    monkeypatch.setenv(variants.VARIABLE, "s" * 20)
    for engine in (("bwrap",), ("docker", "image"), ("none",)):
        around = sandbox.Sandbox(engine=engine)._outer()
        assert variants.VARIABLE not in around and "s" * 20 not in around.values() and "PATH" in around


def test_no_two_workers_share_the_count_of_processes() -> None:
    users = {engines.user(grader, worker) for grader in range(1000, 1250) for worker in range(16)}
    assert len(users) == 250 * 16 and min(users) >= 61_000 and max(users) < 65_000


def test_without_a_sandbox_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines.shutil, "which", lambda name: None)
    engines.engine.cache_clear()
    try:
        with pytest.raises(engines.NoSandbox, match="bubblewrap: not installed.*--no-sandbox"):
            engines.engine()
        assert engines.engine(confined=False) == ("none",)
    finally:
        engines.engine.cache_clear()


def test_a_container_gets_no_network_no_rights_and_no_files_of_ours() -> None:
    command = engines.container("docker", "image", engines.Limits(), "python", "x")
    text = " ".join(command)
    assert "--network none" in text and "--cap-drop ALL" in text and "--read-only" in text and "--pids-limit 128" in text
    mounted = [next(csv.reader([part])) for word, part in pairwise(command) if word == "--mount"]
    assert {Path(fields[1].removeprefix("src=")).name for fields in mounted} == {
        "alchemy",
        "__init__.py",
        "assignment.py",
        "runner.py",
        "wire.py",
    }


@pytest.mark.parametrize(
    "command",
    [
        engines.bubblewrap(engines.Limits(), "x"),
        engines.container("docker", "image", engines.Limits(), "x"),
    ],
    ids=["bwrap", "docker"],
)
def test_of_ours_the_library_and_four_modules_go_inside(command: list[str]) -> None:
    """No assignment, no item, no grader; and no folder that holds one."""
    mounted = [
        Path(next(csv.reader([after]))[1].removeprefix("src=") if before == "--mount" else after)
        for before, after in pairwise(command)
        if before in ("--ro-bind", "--ro-bind-try", "--mount")
    ]
    root, library = engines.COURSE.parents[1], engines.COURSE.parent / "alchemy"
    ours = {path for path in mounted if path.is_relative_to(root) and not path.is_relative_to(sys.prefix)}
    needed = {engines.COURSE / f"{name}.py" for name in ("__init__", "assignment", "runner", "wire")}
    assert ours == {library, *needed} and not any(root.is_relative_to(path) for path in mounted)
    reached = {
        name
        for path in needed
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for name in [node.module]
        if name.startswith("course")
    }
    assert reached == {"course.wire", "course.variants"}  # the second for a source's demonstration, which is not inside


def test_the_inside_holds_no_expected_answer() -> None:
    text = io.StringIO()
    for path in engines.INSIDE:
        text.write(path.read_text(encoding="utf-8") if path.is_file() else "")
    assert "reference(" not in text.getvalue() and "course.items" not in text.getvalue()
