"""Verdicts that changed with the version: a small repository with tags of both layouts; and the book's own versions agree."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tomllib
from pathlib import Path

import alchemy
import pytest
import yaml
from press import changelog

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git on this machine")


def write(repo: Path, files: dict[str, dict[str, str] | str]) -> None:
    for name, content in files.items():
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (repo / name).write_text(text, encoding="utf-8")


def version(number: str) -> str:
    return f'[project]\nname = "x"\nversion = "{number}"\n'


def commit(repo: Path, tag: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false")
    changelog.git(repo, "add", "--all")
    changelog.git(repo, *who, "commit", "--quiet", "--message", tag, "--date", "2026-05-01T12:00:00Z")
    changelog.git(repo, *who, "tag", tag)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """v0.9.0 in the old layout, v0.10.0 in the new one, 0.11.0 to come."""
    changelog.git(tmp_path, "init", "--quiet")
    write(
        tmp_path,
        {
            "_toc.yml": "",
            "chapters/01-a.md": "",
            "pyproject.toml": version("0.9.0"),
            "book/ledger.json": {"a/one": "held", "a/two": "held", "b/gone": "failed"},
        },
    )
    commit(tmp_path, "v0.9.0")
    (tmp_path / "book" / "ledger.json").unlink()
    write(
        tmp_path,
        {
            "pyproject.toml": version("0.10.0"),
            "chapters/01-a/evidence/words.json": {"code": "", "words": {"a/one": "held", "a/two": "failed"}},
            "chapters/02-b/evidence/words.json": {
                "code": "",
                "words": {"b/new": "undecided", "b/newer": "held", "b/newest": "held"},
            },
        },
    )
    commit(tmp_path, "v0.10.0")
    changelog.git(tmp_path, "tag", "vegetables")
    write(
        tmp_path,
        {
            "pyproject.toml": version("0.11.0"),
            "chapters/01-a/evidence/words.json": {"code": "", "words": {"a/one": "undecided", "a/two": "failed"}},
        },
    )
    return tmp_path


def test_a_section_names_each_verdict_that_changed(repo: Path) -> None:
    found = changelog.sections(repo)
    assert list(found) == ["0.11.0", "0.10.0", "0.9.0"]
    assert "(not released yet)" in found["0.11.0"] and "- `a/one`: held → undecided\n" in found["0.11.0"]
    assert re.search(r"## 0\.10\.0 \(\d{4}-\d\d-\d\d\)", found["0.10.0"])
    assert "1 verdicts changed against 0.9.0, 3 claims are new, 1 are gone; 5 in all." in found["0.10.0"]
    lines = [line for line in found["0.10.0"].splitlines() if line.startswith("- ")]
    assert lines == [
        "- `a/two`: held → failed",
        "- `b/gone` (failed) is no longer registered",
        "- new in `b`: 2 held, 1 undecided",
    ]
    assert "The first version, with 3 claims: 2 held, 1 failed." in found["0.9.0"]


def test_the_command_writes_the_file_or_prints_a_section(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ALCHEMY_ROOT", str(repo))
    monkeypatch.setattr(sys, "argv", ["changelog"])
    assert changelog.main() == 0
    text = (repo / "CHANGELOG.md").read_text(encoding="utf-8")
    assert text.startswith("# Changelog") and text.count("\n## ") == 3
    monkeypatch.setattr(sys, "argv", ["changelog", "--section", "v0.10.0"])
    assert changelog.main() == 0 and capsys.readouterr().out == changelog.sections(repo)["0.10.0"]
    monkeypatch.setattr(sys, "argv", ["changelog", "--section", "v3"])
    assert changelog.main() == 1 and "expected one of 0.11.0, 0.10.0" in capsys.readouterr().err


def test_the_book_has_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"]
    assert alchemy.__version__ == project == cited


def test_the_changelog_knows_every_version() -> None:
    """Released sections as the command writes them now, and one for the version to come, whose verdicts still move."""
    if not (ROOT / ".git").exists() or changelog.git(ROOT, "rev-parse", "--is-shallow-repository").strip() == "true":
        pytest.skip("no git checkout with its tags; `git fetch --unshallow --tags` makes this one whole")
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    coming = changelog.upcoming(ROOT).name
    for name, section in changelog.sections(ROOT).items():
        wanted = section if "not released yet" not in section else f"## {name} (not released yet)"
        assert wanted in text, f"{name}: run `python -m press.changelog`"
    assert f"## {coming} (" in text
