"""No stale number can be published: a miniature book, built with the real extension and configuration.

One scenario after another on one book, because each asserts what the change before it re-executed. Every page
writes a line into a log when its cells really run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from press.inputs import APART, common_key

ROOT = Path(__file__).resolve().parents[2]
FRONT = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
"""
CHAPTER = FRONT + """
# A page called %(slug)s

```{code-cell} python
import os, pathlib
with open(os.environ["EXECUTED"], "a") as log:
    log.write("%(slug)s\\n")
import lab
print("the laboratory says", lab.NUMBER)
```

```{code-cell} python
from IPython.display import publish_display_data
scale, seed = os.environ.get("ALCHEMY_SCALE", "laptop"), int(os.environ.get("ALCHEMY_SEED", 0))
svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
publish_display_data({"image/svg+xml": svg}, {"image/svg+xml": {"alt": "a square of %(slug)s", "caption": "One *square*."}})
row = {"claim": {"id": "%(topic)s/number", "side": "rigor", "kind": "theorem", "holds": [0, None]},
       "verdict": {"word": lab.word(), "interval": {"estimate": lab.NUMBER, "low": 1.5, "high": 2.5, "n": 3}},
       "reference": {"estimate": 7.25, "low": 7.0, "high": 7.5, "n": 9}}
publish_display_data({"text/plain": "verdicts", "application/vnd.alchemy.chapter+json": {
    "slug": "%(slug)s", "scale": scale, "seed": seed, "device": "1 test", "claims": [row]}})
```
"""
LEDGER = FRONT + """
# The ledger

```{code-cell} python
import json, os, pathlib
with open(os.environ["EXECUTED"], "a") as log:
    log.write("25-ledger\\n")
scale, seed = os.environ.get("ALCHEMY_SCALE", "laptop"), int(os.environ.get("ALCHEMY_SEED", 0))
folder = pathlib.Path(os.environ["BOOK"], "_build", "verdicts", f"{scale}-seed{seed}")
for path in sorted(folder.glob("*.json")):
    for row in json.loads(path.read_text())["claims"]:
        print(path.stem, row["verdict"]["word"])
```

```{code-cell} python
from IPython.display import publish_display_data
publish_display_data({"text/plain": "verdicts", "application/vnd.alchemy.chapter+json": {
    "slug": "25-ledger", "scale": scale, "seed": seed, "device": "1 test", "claims": []}})
```
"""


ALL = ["01-first", "02-second", "25-ledger"]


class Book:
    """A miniature book in its own folder, and what its last build did."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "executed.log"
        shutil.copytree(ROOT / "book" / "_ext", folder / "book" / "_ext", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "book" / "_static").mkdir()
        for name in ("logo.svg", "alchemy.css"):
            shutil.copy(ROOT / "book" / "_static" / name, folder / "book" / "_static")
        shutil.copy(ROOT / "_config.yml", folder)
        self.write("requirements.txt", "optax>=0.2  # a package whose version the pages depend on\n")
        self.write("_toc.yml", yaml.dump({
            "format": "jb-book", "root": "book/intro",
            "chapters": [{"file": f"chapters/{slug}"} for slug in ("01-first", "02-second", "25-ledger")]}))
        self.write("book/intro.md", "# A miniature book\n")
        self.write("book/references.bib", "")
        self.write("book/ledger.json", json.dumps({"first/number": "held", "second/number": "held"}))
        self.write("code/lab.py", "NUMBER = 2\n\ndef word():\n    return 'held'\n")
        for slug in ("01-first", "02-second"):
            self.write(f"chapters/{slug}.md", CHAPTER % {"slug": slug, "topic": slug[3:]})
        self.write("chapters/25-ledger.md", LEDGER)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def replace(self, name: str, old: str, new: str) -> None:
        assert old in self.read(name)
        self.write(name, self.read(name).replace(old, new))

    def build(self, *, paths: tuple[Path, ...] = (), **environment: str) -> subprocess.CompletedProcess[str]:
        """Run jupyter-book as `make book` does; the pages that really executed are in self.executed."""
        self.log.unlink(missing_ok=True)
        clean = {k: v for k, v in os.environ.items() if not k.startswith("ALCHEMY_") and k != "GITHUB_REPOSITORY"}
        # Not the book's own code/: that the kernels reach it is the extension's work.
        python_path = os.pathsep.join(map(str, (*paths, ROOT / "code")))
        env = clean | {"PYTHONPATH": python_path, "EXECUTED": str(self.log), "BOOK": str(self.folder)} | environment
        done = subprocess.run(
            [str(Path(sys.executable).parent / "jupyter-book"), "build", ".", "-W", "-n", "--keep-going", "-q"],
            cwd=self.folder, env=env, text=True, capture_output=True, timeout=120, check=False,
        )
        self.executed = self.log.read_text().split() if self.log.is_file() else []
        self.output = done.stdout + done.stderr
        return done


# Most scenarios run on seed 7, where the committed ledger is not compared: comparing imports JAX, seconds a build.
@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    book = Book(tmp_path_factory.mktemp("book"))
    done = book.build(ALCHEMY_SEED="7", GITHUB_REPOSITORY="someone/book")
    assert done.returncode == 0, book.output
    assert book.executed == ALL  # the ledger last
    return book


def page(book: Book, slug: str) -> str:
    return book.read(f"_build/html/chapters/{slug}.html")


def test_pages_carry_figures_links_and_verdicts(book: Book) -> None:
    html = page(book, "01-first")
    image = re.search(r"<img [^>]*alchemy-figure[^>]*>", html)
    assert image is not None
    assert 'alt="a square of 01-first"' in image[0]
    assert "One <em>square</em>." in html[html.index("<figcaption"):html.index("</figcaption>")]
    assert "colab.research.google.com/github/someone/book/blob/gh-pages/_notebooks/01-first.ipynb" in html
    assert "mybinder.org/v2/gh/someone/book/" in html
    notebook = json.loads(book.read("_build/html/_notebooks/01-first.ipynb"))
    assert '"pip", "install"' in notebook["cells"][0]["source"]
    assert "git+https://github.com/someone/book" in notebook["cells"][0]["source"]
    assert any(cell.get("outputs") for cell in notebook["cells"])
    found = json.loads(book.read("_build/verdicts/laptop-seed7/01-first.json"))
    assert found["claims"][0]["verdict"]["word"] == "held"
    assert re.search(r"chapters/01-first +laptop +1 test +\d+\.\d s", book.output)


def test_an_unchanged_book_executes_nothing(book: Book) -> None:
    assert book.build(ALCHEMY_SEED="7", GITHUB_REPOSITORY="someone/book").returncode == 0, book.output
    assert book.executed == []


def test_changed_code_executes_its_page_alone_and_changed_prose_nothing(book: Book) -> None:
    book.replace("chapters/01-first.md", "# A page called", "# The page called")
    book.replace("chapters/02-second.md", "the laboratory says", "the lab says")
    assert book.build(ALCHEMY_SEED="7").returncode == 0, book.output
    assert book.executed == ["02-second"]
    assert "The page called" in page(book, "01-first")
    assert re.search(r"chapters/01-first .* cached", book.output)
    notebook = json.loads(book.read("_build/html/_notebooks/01-first.ipynb"))
    assert any(cell.get("outputs") for cell in notebook["cells"])  # out of the cache, and still executed


@pytest.mark.parametrize("change", ["ALCHEMY_SEED", "ALCHEMY_SCALE", "optax"])
def test_another_seed_scale_or_package_executes_every_page(book: Book, tmp_path: Path, change: str) -> None:
    upgraded = tmp_path / "optax-99.0.dist-info"
    upgraded.mkdir()
    (upgraded / "METADATA").write_text("Metadata-Version: 2.1\nName: optax\nVersion: 99.0\n")
    environment = {"ALCHEMY_SEED": "8" if change == "ALCHEMY_SEED" else "7"}
    environment |= {"ALCHEMY_SCALE": "smoke"} if change == "ALCHEMY_SCALE" else {}
    done = book.build(paths=(tmp_path,) if change == "optax" else (), **environment)
    assert done.returncode == 0, book.output
    assert book.executed == ALL


def test_the_key_of_all_pages_knows_every_input(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [common_key(book.folder)]
    for name, value in (("ALCHEMY_SCALE", "gpu"), ("ALCHEMY_SEED", "3"), ("JAX_PLATFORMS", "cuda"),
                        ("XLA_FLAGS", "--xla_force_host_platform_device_count=8")):
        monkeypatch.setenv(name, value)
        keys.append(common_key(book.folder))
    monkeypatch.setattr("platform.python_version", lambda: "3.99.0")
    keys.append(common_key(book.folder))
    monkeypatch.setattr("importlib.metadata.version", lambda name: "99.0")
    keys.append(common_key(book.folder))
    for name in ("code/other.py", "code/data.npz"):
        book.write(name, "")
        keys.append(common_key(book.folder))
        (book.folder / name).unlink()
    assert len(set(keys)) == len(keys)


def test_only_what_no_page_runs_is_left_out_of_the_key(book: Book) -> None:
    before = common_key(book.folder)
    for name in APART:
        book.write(f"code/{name}", "changed = True\n")
        module = Path(name).stem
        users = [*ROOT.glob("chapters/*.md"), *(ROOT / "code").rglob("*.py")]
        assert [p.name for p in users if p.name != f"{module}.py" and module in p.read_text(encoding="utf-8")] == []
    assert common_key(book.folder) == before


def test_coming_back_uses_the_cache_and_a_new_gpu_record_does_not(book: Book) -> None:
    book.write("book/records/02-second.json", "{}")
    assert book.build(ALCHEMY_SEED="7").returncode == 0, book.output
    assert book.executed == ["02-second", "25-ledger"]  # 01-first is back from seed 7's cache


def test_a_change_in_the_laboratory_executes_every_page_and_a_flipped_verdict_fails(book: Book) -> None:
    book.replace("code/lab.py", "return 'held'", "return 'failed'")
    book.write("book/ledger.json", json.dumps({"first/number": "held", "second/gone": "held"}))
    assert book.build().returncode != 0
    assert book.executed == ALL
    assert "first/number: committed held, found failed" in book.output
    assert "[1.5, 2.5]" in book.output  # the live interval
    assert "at least 0" in book.output  # the region
    assert "[7, 7.5]" in book.output  # the GPU record
    assert "second/gone: committed as 'held', but no run judged it" in book.output
    assert "second/number: committed nothing, found failed" in book.output
    assert "01-first failed" in page(book, "25-ledger")  # the ledger page shows the run, not its cache


def test_a_wrong_verdict_does_not_wear_off_until_it_is_accepted(book: Book) -> None:
    assert book.build().returncode != 0
    assert book.executed == []
    assert "first/number" in book.output
    subprocess.run([sys.executable, "-m", "alchemy.cli", "ledger", "--update"], check=True, timeout=60,
                   env=os.environ | {"ALCHEMY_ROOT": str(book.folder), "ALCHEMY_SCALE": "laptop", "ALCHEMY_SEED": "0"})
    assert json.loads(book.read("book/ledger.json")) == {"first/number": "failed", "second/number": "failed"}
    assert book.build().returncode == 0, book.output


def test_a_figure_without_alt_text_fails_every_build(book: Book) -> None:
    book.replace("chapters/02-second.md", '{"alt": "a square of 02-second", "caption": "One *square*."}', "{}")
    for _ in range(2):
        assert book.build(ALCHEMY_SEED="7").returncode != 0
        assert "02-second.md" in book.output
        assert "no alt text" in book.output


def test_a_failing_cell_fails_the_build(book: Book) -> None:
    book.replace("chapters/02-second.md", "import lab\n", "import lab\nlab.absent()\n")
    assert book.build(ALCHEMY_SEED="7").returncode != 0
    assert "absent" in book.output
