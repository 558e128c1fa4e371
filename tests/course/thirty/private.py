"""What of the coursework must not be published, and whether a text holds it.

Solutions, rubrics and hidden tests of the sources, references and comparisons of the items, right and wrong solutions of
the mutation tests. Looked for as runs of words, so that line breaks, HTML and highlighting do not hide them.
"""

from __future__ import annotations

import html
import io
import json
import re
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SOURCES = sorted((ROOT / "chapters").glob("*/assignment/source.md"))
RUN = 8  # words in a row that are nobody's coincidence, in 30 or more characters
REGION = re.compile(r"BEGIN (SOLUTION|RUBRIC|HIDDEN TESTS).*?END \1", re.DOTALL)
ESSAY = re.compile(r'(?m)^\+\+\+ \{.*"solution": true.*\}\n(.*?)(?=^\+\+\+|^```\{code-cell\})', re.DOTALL | re.MULTILINE)
TEXTS = {".html", ".js", ".txt", ".md", ".py", ".json", ".ipynb", ".xml", ".css", ".svg", ".inv", ".csv", ""}
ARCHIVES = {".zip", ".whl", ".epub", ".gz"}


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def runs(text: str) -> set[str]:
    """Every RUN words in a row."""
    found = words(text)
    made = (" ".join(found[n : n + RUN]) for n in range(len(found) - RUN + 1))
    return {run for run in made if len(run) >= 30}


def hidden(source: str) -> str:
    """The regions and sample essays of one source that a release leaves out."""
    return "\n".join([*(m.group(0) for m in REGION.finditer(source)), *(m.group(1) for m in ESSAY.finditer(source))])


def seen(source: str) -> str:
    """The rest of it."""
    return ESSAY.sub("", REGION.sub("", source))


@lru_cache(maxsize=1)
def texts() -> tuple[list[str], list[str]]:
    """What is private, and what is public: chapters, pages, modules, the released parts of the sources."""
    sources = [p.read_text(encoding="utf-8") for p in SOURCES]
    modules = [p.read_text(encoding="utf-8") for p in sorted((ROOT / "chapters").glob("*/assignment/*.py"))]
    public = [seen(s) for s in sources]
    for pattern in ("code/**/*.py", "chapters/*.md", "book/**/*.md", "*.md"):
        public += [p.read_text(encoding="utf-8") for p in sorted(ROOT.glob(pattern))]
    return [*map(hidden, sources), *modules], public


@lru_cache(maxsize=1)
def secrets() -> frozenset[str]:
    """The runs that are private and nowhere public."""
    private, public = texts()
    return frozenset(set().union(*map(runs, private)) - set().union(*map(runs, public)))


@lru_cache(maxsize=1)
def names() -> frozenset[str]:
    """Names of functions and variables that only solutions and items use: a search index keeps words, not their order."""
    private, public = (set(re.findall(r"\b[a-z]\w*_\w{3,}\b", "\n".join(each).lower())) for each in texts())
    return frozenset(name for name in private - public if len(name) >= 10)


def plain(data: bytes, suffix: str) -> str:
    """The words of a file as a reader sees them."""
    text = data.decode("utf-8", "replace")
    if suffix == ".html":  # the words of a highlighted line stand in elements of their own
        return html.unescape(re.sub(r"<[^>]*>", "", text))
    if suffix == ".ipynb":
        cells = json.loads(text).get("cells", [])
        return "\n".join("".join(c["source"]) for c in cells)
    return text


def found(data: bytes, name: str) -> set[str]:
    """The private runs in a file's bytes, archives opened."""
    suffix = Path(name).suffix.lower()
    if suffix in ARCHIVES and zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return set().union(*(found(archive.read(n), n) for n in archive.namelist()), set())
    return runs(plain(data, suffix)) & secrets() if suffix in TEXTS else set()


def published(folder: Path) -> Iterator[Path]:
    """The files of a built site that are its own."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not {"mathjax", "vendor", "webfonts"} & set(path.parts):
            yield path
