"""Where things are: chapters by name, cells as Jupytext sees them, manifests that say what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import jupytext
import pytest
from alchemy import project
from alchemy.project import ProjectError

from tests.pages import CHAPTER, SLUG


@pytest.fixture
def book(tmp_path, monkeypatch) -> Path:
    """A book with one chapter and its manifest."""
    (tmp_path / "chapters" / SLUG).mkdir(parents=True)
    (tmp_path / "chapters" / f"{SLUG}.md").write_text(CHAPTER)
    (tmp_path / "chapters" / SLUG / "chapter.toml").write_text('title = "A title"\npart = "I"\n')
    monkeypatch.setenv("ALCHEMY_ROOT", str(tmp_path))
    return tmp_path


def test_code_cells_are_those_that_jupytext_makes():
    notebook = jupytext.reads(CHAPTER, fmt="md:myst")
    theirs = [c.source for c in notebook.cells if c.cell_type == "code"]
    assert project.code_cells(CHAPTER) == theirs
    assert theirs[:2] == ["a = 1  # a comment", 'b = {"x": a}\nprint(b)'] and len(theirs) == 4


def test_chapters_are_found_by_path_slug_number_and_topic(book):
    for name in (SLUG, f"{SLUG}.md", "91", "test-topic", book / "chapters" / f"{SLUG}.md", f"chapters/{SLUG}.md"):
        assert project.find(name) == SLUG
    with pytest.raises(ProjectError, match=f"no chapter '90'; expected one of {SLUG}"):
        project.find("90")


def test_the_root_is_the_named_folder_or_this_checkout(book, monkeypatch, tmp_path, root):
    assert project.root() == book.resolve()
    monkeypatch.setenv("ALCHEMY_ROOT", str(tmp_path / "nowhere"))
    with pytest.raises(ProjectError, match="ALCHEMY_ROOT.*nowhere.*chapters/"):
        project.root()
    monkeypatch.delenv("ALCHEMY_ROOT")
    monkeypatch.chdir(tmp_path)
    assert project.root() == root


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('title = "A"', ["part", "required"]),
        ('title = "A"\npart = "I"\nminutes = -1', ["minutes", "-1"]),
        ('title = "A"\npart = "I"\ncolour = "red"', ["colour"]),
        ('title = "A', ["not TOML"]),
    ],
)
def test_a_wrong_manifest_is_named_with_its_field(book, text, parts):
    path = book / "chapters" / SLUG / "chapter.toml"
    path.write_text(text)
    with pytest.raises(ProjectError) as caught:
        project.manifest(SLUG)
    assert all(part in str(caught.value) for part in [str(path), *parts])


def test_a_chapter_without_a_manifest_is_told_what_to_write(book):
    (book / "chapters" / SLUG / "chapter.toml").unlink()
    with pytest.raises(ProjectError, match="has no manifest; write .*chapter.toml"):
        project.manifest(SLUG)


def test_assignments_without_a_chapter_are_no_chapters(book):
    assert project.manifests() == [] and [m.slug for m in project.manifests(course=True)] == [SLUG]


def test_a_file_of_a_chapter_is_loaded_once_and_a_broken_one_not_kept(book):
    path = book / "chapters" / SLUG / "bench.py"
    path.write_text("from dataclasses import dataclass\n\n@dataclass\nclass A:\n    x: int = 1\n")
    assert project.load(path) is project.load(path) and project.load(path).A().x == 1
    broken = path.with_name("explorable.py")
    broken.write_text("raise ValueError('the reason')")
    for _ in range(2):
        with pytest.raises(ValueError, match="the reason"):
            project.load(broken)
    with pytest.raises(ProjectError, match="no file .*absent.py"):
        project.load(path.with_name("absent.py"))
