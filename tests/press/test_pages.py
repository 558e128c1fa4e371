"""The folder of all published versions: a new root or a new version leaves the other versions as they are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def place(site: Path, pages: Path, *options: str) -> subprocess.CompletedProcess[str]:
    # -I: the job that publishes has Python and nothing of the book's.
    return subprocess.run(
        [sys.executable, "-I", str(ROOT / "scripts" / "pages.py"), str(site), str(pages), *options],
        text=True,
        capture_output=True,
        check=False,
    )


def built(folder: Path, text: str, *more: str) -> Path:
    for name in ("index.html", "chapters/x.html", *more):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_versions_stay_at_their_own_address(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    (pages / ".git").mkdir(parents=True)
    (pages / ".git" / "config").write_text("kept", encoding="utf-8")
    assert place(built(tmp_path / "a", "old", "gone.html"), pages).returncode == 0
    for number in ("v0.9.0", "v0.10.0"):
        assert place(built(tmp_path / number, number), pages, "--version", number).returncode == 0
    assert (pages / "index.html").read_text(encoding="utf-8") == "old"
    assert place(built(tmp_path / "b", "new"), pages).returncode == 0
    assert (pages / "index.html").read_text(encoding="utf-8") == "new" and not (pages / "gone.html").exists()
    for number in ("v0.9.0", "v0.10.0"):
        assert (pages / number / "chapters" / "x.html").read_text(encoding="utf-8") == number
    listed = json.loads((pages / "versions.json").read_text(encoding="utf-8"))
    assert listed == [{"version": "v0.10.0", "path": "v0.10.0/"}, {"version": "v0.9.0", "path": "v0.9.0/"}]
    assert (pages / ".git" / "config").is_file() and (pages / ".nojekyll").is_file()


@pytest.mark.parametrize("version", ["main", "v1", "../v0.1.0"])
def test_what_is_no_version_is_refused(tmp_path: Path, version: str) -> None:
    done = place(built(tmp_path / "a", "x"), tmp_path / "pages", "--version", version)
    assert done.returncode != 0 and "such as v0.1.0" in done.stderr and not (tmp_path / "pages").exists()


def test_an_empty_site_does_not_wipe_the_published_one(tmp_path: Path) -> None:
    assert place(built(tmp_path / "a", "x"), tmp_path / "pages").returncode == 0
    (tmp_path / "empty").mkdir()
    done = place(tmp_path / "empty", tmp_path / "pages")
    assert done.returncode != 0 and "make book" in done.stderr and (tmp_path / "pages" / "index.html").is_file()
