"""What a page depends on: what it can reach, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from alchemy import fingerprint

PAGE = '''---
jupytext: {text_representation: {extension: .md, format_name: myst}}
---

# A page

```{code-cell}
from ours import use
use.double(2)
```
'''
LIBRARY = {
    "ours/__init__.py": '"""Ours."""\n',
    "ours/use.py": '''"""Used."""
from ours import deep
from ours.other import helper

FACTOR = 2
UNUSED = 3


def double(x):
    """Twice."""
    return FACTOR * deep.same(x)


def never():
    return helper() + 1
''',
    "ours/deep.py": "def same(x):\n    return x\n\n\ndef apart(x):\n    return -x\n",
    "ours/other.py": "def helper():\n    return 7\n",
    "ours/theory.py": "def law():\n    return 1\n",
}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A library of five modules and a page that uses one of them; `world(name, old, new)` edits a file and gives the hash."""
    for name, text in LIBRARY.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "01-page.md").write_text(PAGE)
    monkeypatch.setattr(fingerprint, "LIBRARIES", tmp_path)
    monkeypatch.setattr(fingerprint, "_read", fingerprint._read.__wrapped__)  # edits within one tick of the clock count

    def edited(name: str = "", old: str = "", new: str = "") -> str:
        if name:
            text = (tmp_path / name).read_text()
            assert old in text
            (tmp_path / name).write_text(text.replace(old, new))
        cells = fingerprint.project.code_cells((tmp_path / "01-page.md").read_text())
        return fingerprint.of_sources(cells, packages=("ours",))

    return edited


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("01-page.md", "# A page", "# The page"),
        ("01-page.md", "use.double(2)", "use.double(2)  # twice"),
        ("ours/use.py", '"""Twice."""', '"""Two times."""'),
        ("ours/use.py", "FACTOR = 2\n", "# the factor\nFACTOR = 2\n\n"),
        ("ours/use.py", "return helper() + 1", "return helper() + 2"),
        ("ours/use.py", "UNUSED = 3", "UNUSED = 4"),
        ("ours/deep.py", "return -x", "return -2 * x"),
        ("ours/other.py", "return 7", "return 8"),
        ("ours/theory.py", "return 1", "return 2"),
    ],
)
def test_what_a_page_does_not_reach_executes_nothing(world, name: str, old: str, new: str) -> None:
    assert world() == world(name, old, new)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("01-page.md", "use.double(2)", "use.double(3)"),
        ("ours/use.py", "FACTOR = 2", "FACTOR = 3"),
        ("ours/use.py", "return FACTOR * deep.same(x)", "return deep.same(x) * FACTOR"),
        ("ours/use.py", "from ours import deep\n", "from ours import other as deep\n"),
        ("ours/deep.py", "return x\n\n", "return x + 0\n\n"),
        ("ours/use.py", "UNUSED = 3", "print('imported')"),  # runs at import, whoever imports it
        ("01-page.md", "use.double(2)", "getattr(use, 'never')()"),
    ],
)
def test_what_a_page_reaches_does(world, name: str, old: str, new: str) -> None:
    assert world() != world(name, old, new)


def test_a_definition_reached_through_a_literal_counts(world) -> None:
    world("01-page.md", "use.double(2)", "getattr(use, 'never')()")
    assert world() != world("ours/other.py", "return 7", "return 8")


def test_a_cell_with_a_magic_counts_letter_by_letter(world) -> None:
    first = world("01-page.md", "use.double(2)", "%time use.double(2)")
    assert first != world("01-page.md", "%time use.double(2)", "%time  use.double(2)")
    assert world() != world("ours/use.py", "FACTOR = 2", "FACTOR = 3")


def test_files_of_the_folder_that_a_page_names_count(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("1")
    (tmp_path / "apart.csv").write_text("1")
    cells = ["open('table.csv')"]
    first = fingerprint.of_sources(cells, tmp_path)
    (tmp_path / "apart.csv").write_text("2 and more")
    assert fingerprint.of_sources(cells, tmp_path) == first
    (tmp_path / "table.csv").write_text("2 and more")
    assert fingerprint.of_sources(cells, tmp_path) != first


def test_every_input_of_a_run_is_in_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, record = tmp_path / "01-page.md", tmp_path / "01-page" / "evidence" / "gpu.json"
    page.write_text(PAGE.replace("from ours import use\nuse.double(2)", "x = 1"))

    def key(scale: str = "laptop", seed: int = 0) -> str:
        return fingerprint.of_page(page, scale, seed, [record]).key

    keys = [key(), key("gpu"), key(seed=1)]
    for name, value in (("JAX_ENABLE_X64", "1"), ("JAX_DEFAULT_PRNG_IMPL", "rbg"), ("XLA_FLAGS", "--xla_cpu_use_x=1")):
        monkeypatch.setenv(name, value)
        keys.append(key())
    monkeypatch.setattr("platform.machine", lambda: "another")
    keys.append(key())
    monkeypatch.setattr("importlib.metadata.version", lambda name: "99.0")
    keys.append(key())
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    keys.append(key())
    assert len(set(keys)) == len(keys)


def test_where_jax_keeps_what_it_compiled_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "01-page.md"
    page.write_text(PAGE.replace("from ours import use\nuse.double(2)", "x = 1"))
    first = fingerprint.of_page(page, "laptop", 0)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "/elsewhere")
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "9")
    assert fingerprint.of_page(page, "laptop", 0).moved(first.parts) == []
    assert fingerprint.of_page(page, "laptop", 1).moved(first.parts) == ["seed"]
