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

ROOT = Path(__file__).resolve().parents[2]
FRONT = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
"""
CHAPTER = (
    FRONT
    + """
# %(number)s · A page

Some words about it.

```{code-cell} python
import os
with open(os.environ["EXECUTED"], "a") as log:
    log.write("%(slug)s\\n")
import alchemy
from alchemy import project
chapter = alchemy.open_chapter("%(slug)s")
bench = project.load(project.folder("%(slug)s") / "bench.py")
print("the laboratory says", bench.NUMBER)
```

```{code-cell} python
from IPython.display import publish_display_data
svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
publish_display_data({"image/svg+xml": svg}, {"image/svg+xml": {"alt": "a square of %(slug)s", "caption": "One *square*."}})
number = alchemy.claim("%(topic)s/number", side="rigor", kind="theorem", says="It is a number.", measure="the number",
                       holds=alchemy.at_least(0), seeds=4)
number.judge([bench.NUMBER + d for d in (-0.5, 0.5, -0.25, 0.25)])
chapter.finish()
```
"""
)
LEDGER = (
    FRONT
    + """
# 25 · A page

```{code-cell} python
import os
with open(os.environ["EXECUTED"], "a") as log:
    log.write("25-ledger\\n")
import alchemy
from alchemy import run
chapter = alchemy.open_chapter("25-ledger")
for slug, found in run.results(chapter.scale, chapter.seed).items():
    for row in found["claims"]:
        print(slug, row["verdict"]["word"])
chapter.finish()
```
"""
)
MANIFEST = 'title = "A page"\npart = "Parts"\nquestion = "Is it?"\n'
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"  # not its script, which knows where it was made
ALL = ["01-first", "02-second", "25-ledger"]


class Book:
    """A miniature book in its own folder, and what its last build did."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "executed.log"
        (folder / "book" / "_static").mkdir(parents=True)
        for name in ("logo.svg", "alchemy.css"):
            shutil.copy(ROOT / "book" / "_static" / name, folder / "book" / "_static")
        shutil.copy(ROOT / "_config.yml", folder)
        self.write("requirements.txt", "optax>=0.2  # a package whose version the pages depend on\n")
        self.write(
            "_toc.yml",
            yaml.dump({"format": "jb-book", "root": "book/intro", "chapters": [{"file": f"chapters/{slug}"} for slug in ALL]}),
        )
        self.write("book/intro.md", "# A miniature book\n")
        self.write("book/references.bib", "")
        for slug in ALL[:2]:
            self.write(f"chapters/{slug}.md", CHAPTER % {"slug": slug, "topic": slug[3:], "number": slug[:2]})
            self.write(f"chapters/{slug}/chapter.toml", MANIFEST)
            self.write(f"chapters/{slug}/bench.py", "NUMBER = 2  # the number\n")
            self.expect(slug, {f"{slug[3:]}/number": "held"})
        self.write("chapters/25-ledger.md", LEDGER)
        self.write("chapters/25-ledger/chapter.toml", MANIFEST + "collects = true\n")

    def expect(self, slug: str, words: dict[str, str]) -> None:
        self.write(f"chapters/{slug}/evidence/words.json", json.dumps({"code": "", "words": words}))

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
        python_path = os.pathsep.join(map(str, (*paths, ROOT / "code")))
        env = clean | {"PYTHONPATH": python_path, "EXECUTED": str(self.log)} | environment
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "from jupyter_book.cli.main import main; main()",
                "build",
                ".",
                "-W",
                "-n",
                "--keep-going",
                "-q",
            ],
            cwd=self.folder,
            env=env,
            text=True,
            capture_output=True,
            timeout=240,
            check=False,
        )
        self.executed = sorted(self.log.read_text().split()) if self.log.is_file() else []
        self.output = done.stdout + done.stderr
        return done


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    book = Book(tmp_path_factory.mktemp("book"))
    done = book.build(ALCHEMY_SEED="7", GITHUB_REPOSITORY="someone/book")
    assert done.returncode == 0, book.output
    assert book.executed == ALL
    return book


def page(book: Book, slug: str) -> str:
    return book.read(f"_build/html/chapters/{slug}.html")


def test_pages_carry_figures_links_and_verdicts(book: Book) -> None:
    html = page(book, "01-first")
    image = re.search(r"<img [^>]*alchemy-figure[^>]*>", html)
    assert image is not None
    assert 'alt="a square of 01-first"' in image[0]
    assert "One <em>square</em>." in html[html.index("<figcaption") : html.index("</figcaption>")]
    assert "colab.research.google.com/github/someone/book/blob/gh-pages/_notebooks/01-first.ipynb" in html
    assert "mybinder.org/v2/gh/someone/book/" in html
    notebook = json.loads(book.read("_build/html/_notebooks/01-first.ipynb"))
    assert '"pip", "install"' in notebook["cells"][0]["source"]
    assert "https://github.com/someone/book/archive/" in notebook["cells"][0]["source"]
    assert any(cell.get("outputs") for cell in notebook["cells"])
    assert "01-first held" in page(book, "25-ledger")
    assert re.search(r"01-first \(seed 7\) +laptop +1 cpu +compile +\d+\.\d s +compute +\d+\.\d s +\d+ MB", book.output)


def test_an_unchanged_book_executes_nothing(book: Book) -> None:
    assert book.build(ALCHEMY_SEED="7", GITHUB_REPOSITORY="someone/book").returncode == 0, book.output
    assert book.executed == []


def test_changed_code_executes_its_page_alone_and_changed_prose_and_comments_nothing(book: Book) -> None:
    book.replace("chapters/01-first.md", "Some words", "More words")
    book.replace("chapters/01-first.md", "import alchemy\nfrom", "import alchemy  # the laboratory\nfrom")
    book.replace("chapters/01-first/bench.py", "# the number", "# a number that some call the number")
    book.replace("chapters/02-second.md", "the laboratory says", "the lab says")
    assert book.build(ALCHEMY_SEED="7").returncode == 0, book.output
    assert book.executed == ["02-second", "25-ledger"]
    assert "More words" in page(book, "01-first")
    assert "the lab says 2" in page(book, "02-second")
    notebook = json.loads(book.read("_build/html/_notebooks/01-first.ipynb"))
    assert any(cell.get("outputs") for cell in notebook["cells"])  # of the run before, with the comment of today
    assert "# the laboratory" in "".join(notebook["cells"][2]["source"])


def test_a_change_of_its_bench_executes_a_page_alone(book: Book) -> None:
    book.replace("chapters/02-second/bench.py", "NUMBER = 2", "NUMBER = 3")
    assert book.build(ALCHEMY_SEED="7").returncode == 0, book.output
    assert book.executed == ["02-second", "25-ledger"]


@pytest.mark.parametrize("change", ["ALCHEMY_SEED", "ALCHEMY_SCALE", "optax", "JAX_DEFAULT_PRNG_IMPL"])
def test_another_seed_scale_package_or_setting_executes_every_page(book: Book, tmp_path: Path, change: str) -> None:
    upgraded = tmp_path / "optax-99.0.dist-info"
    upgraded.mkdir()
    (upgraded / "METADATA").write_text("Metadata-Version: 2.1\nName: optax\nVersion: 99.0\n")
    environment = {"ALCHEMY_SEED": "7"} | {
        "ALCHEMY_SEED": {"ALCHEMY_SEED": "8"},
        "ALCHEMY_SCALE": {"ALCHEMY_SCALE": "smoke"},
        "JAX_DEFAULT_PRNG_IMPL": {"JAX_DEFAULT_PRNG_IMPL": "rbg"},
    }.get(change, {})
    done = book.build(paths=(tmp_path,) if change == "optax" else (), **environment)
    assert done.returncode == 0, book.output
    assert book.executed == ALL


def test_coming_back_uses_the_kept_runs_and_a_new_record_does_not(book: Book) -> None:
    assert book.build(ALCHEMY_SEED="7").returncode == 0, book.output
    assert book.executed == []
    book.write("chapters/02-second/evidence/others.json", json.dumps({"code": "", "seeds": {}}))
    assert book.build(ALCHEMY_SEED="7").returncode == 0, book.output
    assert book.executed == ["25-ledger"]


def test_a_reader_s_kernel_and_startup_files_do_not_reach_a_page(book: Book, tmp_path: Path) -> None:
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(json.dumps({"argv": ["/bin/false"], "display_name": "x", "language": "python"}))
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("raise SystemExit\n")
    (startup.parent / "ipython_config.py").write_text("get_config().InteractiveShell.ast_node_interactivity = 'all'\n")
    shutil.rmtree(book.folder / "runs" / "01-first")
    done = book.build(ALCHEMY_SEED="7", JUPYTER_PATH=str(tmp_path / "jupyter"), IPYTHONDIR=str(tmp_path / "ipython"))
    assert done.returncode == 0, book.output
    assert book.executed == ["01-first"]
    outputs = [
        out
        for path in (book.folder / "runs" / "01-first").glob("*/executed.ipynb")
        for cell in json.loads(path.read_text())["cells"]
        for out in cell.get("outputs", [])
    ]
    assert [out for out in outputs if out["output_type"] == "execute_result"] == []  # only last expressions are shown


def test_a_flipped_verdict_fails(book: Book) -> None:
    book.replace("chapters/01-first/bench.py", "NUMBER = 2", "NUMBER = -3")
    book.expect("02-second", {"second/gone": "held"})
    assert book.build().returncode != 0
    assert book.executed == ALL
    assert "first/number: committed held, found failed" in book.output
    assert "region at least 0" in book.output
    assert "second/gone: committed as 'held', but no run judged it" in book.output
    assert "second/number: committed nothing, found held" in book.output
    assert "01-first failed" in page(book, "25-ledger")  # the ledger page shows the run, not its cache


def update(book: Book, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alchemy.cli", "ledger", "--update", *options],
        timeout=60,
        text=True,
        env=os.environ | {"ALCHEMY_ROOT": str(book.folder), "ALCHEMY_SCALE": "laptop", "ALCHEMY_SEED": "0"},
        capture_output=True,
        check=False,
    )


def test_a_wrong_verdict_does_not_wear_off_until_it_is_accepted(book: Book) -> None:
    assert book.build().returncode != 0
    assert book.executed == []
    assert "first/number" in book.output
    refused = update(book)
    assert refused.returncode != 0
    assert "second/gone" in refused.stderr and "--drop" in refused.stderr
    assert update(book, "--drop").returncode == 0
    kept = [json.loads(book.read(f"chapters/{slug}/evidence/words.json"))["words"] for slug in ALL[:2]]
    assert kept == [{"first/number": "failed"}, {"second/number": "held"}]
    assert book.build().returncode == 0, book.output


def test_accepting_one_chapter_s_run_keeps_the_words_of_the_others(book: Book) -> None:
    shutil.rmtree(book.folder / "runs" / "02-second")
    done = update(book)
    assert done.returncode == 0
    assert "have not run here: 02-second" in done.stdout
    assert json.loads(book.read("chapters/02-second/evidence/words.json"))["words"] == {"second/number": "held"}


def test_a_figure_without_alt_text_fails_every_build(book: Book) -> None:
    book.replace("chapters/02-second.md", '{"alt": "a square of 02-second", "caption": "One *square*."}', "{}")
    for _ in range(2):
        assert book.build(ALCHEMY_SEED="7").returncode != 0
        assert "02-second.md" in book.output
        assert "no alt text" in book.output


def test_a_failing_cell_fails_the_build_and_keeps_what_has_finished(book: Book) -> None:
    book.replace("chapters/01-first/bench.py", "NUMBER = -3", "NUMBER = 4")
    book.replace("chapters/02-second.md", "print(", "absent(")
    assert book.build(ALCHEMY_SEED="7").returncode != 0
    assert "absent" in book.output and "02-second" in book.output
    book.replace("chapters/02-second.md", "absent(", "print(")
    book.replace("chapters/02-second.md", '{"image/svg+xml": {}}', '{"image/svg+xml": {"alt": "one small black square"}}')
    assert book.build(ALCHEMY_SEED="7").returncode == 0, book.output
    assert "01-first" not in book.executed
