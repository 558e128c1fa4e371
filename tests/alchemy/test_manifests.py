"""The manifests: complete, in agreement with the pages, and what is derived from them is current."""

import shutil
from pathlib import Path

import pytest
from alchemy import cli, manifests, project
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parents[2]
ALL = project.manifests()


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """What is derived, and what it is derived from, in a folder of its own."""
    for name in manifests.regions():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    for path in [*ROOT.glob("chapters/*/chapter.toml"), *ROOT.glob("chapters/*.md"), ROOT / "book" / "method.md"]:
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    monkeypatch.setenv("ALCHEMY_ROOT", str(tmp_path))
    return tmp_path


def test_every_page_has_a_manifest_and_the_numbers_are_in_order():
    assert {m.slug for m in ALL if m.written} == set(project.slugs())
    assert [m.number for m in ALL] == list(range(1, len(ALL) + 1))


@pytest.mark.parametrize("manifest", ALL, ids=lambda m: m.slug)
def test_a_manifest_is_complete(manifest):
    assert "?" in manifest.question and len(manifest.question) > 40
    assert manifest.part.partition(".")[0] in ("I", "II", "III", "IV", "V", "VI")
    assert all(manifests.title(page) for page in (*manifest.requires, *manifest.helps))
    if manifest.written:
        assert manifest.minutes and manifest.background and "book/method" in manifest.requires


def test_parts_stand_together():
    parts = [m.part for m in ALL]
    assert parts == sorted(parts, key=parts.index)


def test_what_is_derived_is_current():
    assert [path.name for path in manifests.stale()] == [], "run `alchemy manifest`"


def test_a_title_that_changes_is_written_everywhere_and_a_page_that_comes_moves_between_the_tables(copy):
    manifest = copy / "chapters" / "09-random-labels" / "chapter.toml"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace("The experiment that", "What"), encoding="utf-8")
    (copy / "chapters" / "09-random-labels.md").write_text("# 09 · What cleared the table\n")
    checked = CliRunner().invoke(cli.app, ["manifest", "--check"])
    assert checked.exit_code == 1 and "_toc.yml" in checked.output
    assert CliRunner().invoke(cli.app, ["manifest"]).exit_code == 0
    assert "[09 What cleared the table](chapters/09-random-labels.md)" in (copy / "README.md").read_text(encoding="utf-8")
    intro = (copy / "book" / "intro.md").read_text(encoding="utf-8")
    assert "{doc}`../chapters/09-random-labels`" in intro and "09 · " not in intro and "10 · A certificate" in intro
    toc = (copy / "_toc.yml").read_text(encoding="utf-8")
    assert '- caption: "III. Why does it generalize?"\n    chapters:\n      - file: chapters/09-random-labels\n' in toc
    assert CliRunner().invoke(cli.app, ["manifest", "--check"]).exit_code == 0


def test_a_region_without_its_lines_is_named():
    assert manifests.filled("a\n# x:begin\nold\n# x:end\nb\n", {"x": "new"}) == "a\n# x:begin\nnew\n# x:end\nb\n"
    with pytest.raises(project.ProjectError, match="chapters:begin"):
        manifests.filled("no such lines", {"chapters": ""})


def test_the_block_under_a_title_says_what_a_reader_needs_with_links():
    source = project.page("06-batch-normalization").read_text(encoding="utf-8")
    text = manifests.with_head(source, "06-batch-normalization")
    title, question, *_ = [line for line in text.partition("\n# ")[2].splitlines() if line]
    assert question.startswith("**The question.** Batch normalization works.")
    assert "; [The method](../book/method.md)." in text
    assert "Helpful, not needed: [04 · When the run fails, is it the start?](04-initialization.md), [08" in text
    assert text.replace(f"\n\n{manifests.head('06-batch-normalization')}", "", 1) == source


def test_a_page_that_disagrees_with_its_manifest_is_refused():
    with pytest.raises(project.ProjectError, match="Another.*07 · A proof"):
        manifests.with_head("# 07 · Another\n", "07-adam")


def test_a_prerequisite_that_is_no_page_is_named():
    with pytest.raises(project.ProjectError, match="book/nowhere"):
        manifests.title("book/nowhere")


def test_notebooks_have_the_block_too(tmp_path):
    assert CliRunner().invoke(cli.app, ["notebooks", "--out", str(tmp_path)]).exit_code == 0
    assert "*Prerequisites*: " in (tmp_path / "07-adam.ipynb").read_text(encoding="utf-8")
