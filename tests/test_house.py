"""The house keeps its own rules: anatomy of chapters, claims, citations, figures, cells, rooms, paths."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jupytext
import pytest
import yaml
from alchemy import manifests, project
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

ROOT = Path(__file__).resolve().parent.parent
PATHS = sorted((ROOT / "chapters").glob("[0-9][0-9]-*.md"))
CELL_LINES, LONG_CELL_LINES = 25, 30

# The table of rooms: what each part of code/alchemy may import of the others. `None` is the package itself.
# `words`, the vocabulary, is everybody's.
ROOMS = {
    "words": set(),
    "project": set(),
    "platforms": set(),
    "fingerprint": {"platforms", "project"},
    "claims": {"stats"},
    "scale": set(),
    "stats": set(),
    "data": set(),
    "nets": set(),
    "training": set(),
    "tuning": set(),
    "curvature": set(),
    "theory": set(),
    "manifests": {"project"},
    "survey": {"project"},
    "records": {"claims", "project", "stats"},
    "evidence": {"claims", "fingerprint", "project", "records"},
    "chapter": {"scale", "claims", "platforms", "project", "records"},
    "figures": {"chapter"},
    "cost": {"chapter"},
    "execute": {"chapter", "cost", "project"},
    "worker": {"execute"},
    "run": {"cost", "evidence", "execute", "fingerprint", "project", "worker"},
    "cli": {"claims", "evidence", "manifests", "project", "records", "run", "scale"},
    None: {"chapter", "claims"},
}


@dataclass(frozen=True)
class Page:
    """One chapter's source, taken apart."""

    slug: str
    text: str
    prose: str
    cells: tuple[str, ...]

    @property
    def topic(self) -> str:
        return self.slug.partition("-")[2]

    def calls(self, name: str) -> Iterator[ast.Call]:
        """Every call of `name(...)` or `something.name(...)` in the cells."""
        for cell in self.cells:
            for node in ast.walk(ast.parse(cell)):
                if isinstance(node, ast.Call) and called(node) == name:
                    yield node


def called(node: ast.Call) -> str:
    """The last part of the called name."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def read(path: Path) -> Page:
    text = path.read_text(encoding="utf-8")
    notebook = jupytext.reads(text, fmt="md:myst")
    # A line magic is not Python; blank it, so that the rest of the cell can be parsed.
    cells = tuple(re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", c.source) for c in notebook.cells if c.cell_type == "code")
    prose = "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    return Page(path.stem, text, prose, cells)


PAGES = [read(path) for path in PATHS]
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.slug)


def literal(node: ast.AST) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def pattern(node: ast.AST) -> str | None:
    """A regular expression for the strings that an expression can give, or None if it is no string at all."""
    if (text := literal(node)) is not None:
        return re.escape(text)
    if isinstance(node, ast.JoinedStr):
        return "".join(re.escape(part.value) if isinstance(part, ast.Constant) else "[a-z0-9./-]+" for part in node.values)
    return None


def named(call: ast.Call, keyword: str) -> ast.AST | None:
    """A call's first argument, or the one passed by keyword."""
    return call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == keyword), None)


def test_there_are_chapters() -> None:
    assert PATHS


def test_the_standard_module_code_is_not_shadowed() -> None:
    assert not (ROOT / "code" / "__init__.py").exists()
    standard = Path(sysconfig.get_paths()["stdlib"]).resolve()
    for extra in ("", str(ROOT / "code")):
        done = subprocess.run(
            [sys.executable, "-c", "import code, pdb; print(code.__file__)"],
            cwd=ROOT,
            text=True,
            capture_output=True,
            check=True,
            env={"PYTHONPATH": extra},
        )
        assert Path(done.stdout.strip()).resolve().parent == standard


def test_the_table_of_contents_and_the_chapters_agree() -> None:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = [toc["root"], *(entry["file"] for part in toc["parts"] for entry in part["chapters"])]
    assert [name for name in listed if not (ROOT / f"{name}.md").is_file()] == []
    assert [f"chapters/{p.stem}" for p in PATHS if f"chapters/{p.stem}" not in listed] == []


@every_page
def test_anatomy(page: Page) -> None:
    headings = re.findall(r"(?m)^(#{1,3}) +(.+?)\s*$", re.sub(r"(?s)```.*?```", "", page.prose))
    assert [title for level, title in headings if level == "#"] == [headings[0][1]], "one title, first"
    seconds = [title for level, title in headings if level == "##"]
    wanted = [
        "The quarrel",
        "Rigor",
        "Practice",
        "Controls",
        "Where theory breaks",
        "Verdict",
        "Exercises",
        "Open question",
        "Further reading",
    ]
    missing = [start for start in wanted if not any(title.startswith(start) for title in seconds)]
    assert missing == []
    assert seconds[0] == "The quarrel"
    assert seconds[-4:] == ["Verdict", "Exercises", "Open question", "Further reading"]
    assert ("###", "What would change each side's mind") in headings
    assert headings[0][1] == manifests.heading(project.manifest(page.slug)), "the title is the manifest's"
    before = page.prose.partition("## The quarrel")[0].lower()
    assert "you will be able to" in before
    typed = [word for word in ("the question.", "*minutes*", "*prerequisites*") if word in before]
    assert typed == [], "these stand in chapter.toml, and are put under the title"


@every_page
def test_a_chapter_opens_under_its_own_name_and_finishes_once(page: Page) -> None:
    assert [literal(named(call, "slug")) for call in page.calls("open_chapter")] == [page.slug]
    assert len(list(page.calls("finish"))) == 1


def test_claim_ids_are_unique_and_carry_their_chapter() -> None:
    seen: dict[str, str] = {}
    for page in PAGES:
        for call in page.calls("claim"):
            name = pattern(named(call, "id"))
            assert name is not None, f"{page.slug}: a claim's id is computed; write it out, so that it can be found"
            assert name.startswith(re.escape(f"{page.topic}/")), f"{page.slug}: claim {name}"
            assert name not in seen, f"claim {name} is registered in {seen[name]} and in {page.slug}"
            seen[name] = page.slug
    assert seen


@every_page
def test_every_number_in_the_prose_has_a_source(page: Page) -> None:
    claims = [pattern(named(call, "id")) for call in page.calls("claim")]
    names = [f"{name}(/(estimate|low|high|n|word))?" for name in claims if name]
    names += [name for call in page.calls("report") if (name := pattern(named(call, "name")))]
    used = re.findall(r"\{glue:text\}`([^`:]+)(?::[^`]*)?`", page.text)
    assert [name for name in used if not any(re.fullmatch(known, name) for known in names)] == []


def keys() -> set[str]:
    return set(re.findall(r"(?m)^@\w+\{([^,\s]+)\s*,", (ROOT / "book" / "references.bib").read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", [*PATHS, *sorted((ROOT / "book").glob("*.md"))], ids=lambda p: p.stem)
def test_every_citation_resolves(path: Path) -> None:
    roles = re.findall(r"\{cite(?::[a-z]+)?\}`([^`]+)`", path.read_text(encoding="utf-8"))
    cited = {key.strip() for role in roles for key in role.split(",")}
    assert cited - keys() == set()


def test_every_claim_source_resolves() -> None:
    sources = [
        (page.slug, literal(k.value))
        for page in PAGES
        for call in page.calls("claim")
        for k in call.keywords
        if k.arg == "source" and literal(k.value)
    ]
    assert [(slug, source) for slug, source in sources if source not in keys()] == []


@every_page
def test_every_figure_has_alt_text(page: Page) -> None:
    shown = [call for call in page.calls("show") if ast.unparse(call.func) == "figures.show"]
    assert [ast.unparse(call)[:60] for call in shown if "alt" not in {k.arg for k in call.keywords}] == []
    others = [cell[:60] for cell in page.cells if re.search(r"\bplt\.show\(|\.savefig\(|\bdisplay\(fig", cell)]
    assert others == [], "figures reach the page through figures.show(fig, alt=...)"
    drawn = [
        call
        for name in ("subplots", "new")
        for call in page.calls(name)
        if ast.unparse(call.func) in ("plt.subplots", "figures.new")
    ]
    assert len(drawn) <= len(shown), "a figure is drawn and never shown with its text alternative"


@pytest.mark.parametrize("path", [*PATHS, *sorted((ROOT / "book").glob("*.md"))], ids=lambda p: p.stem)
def test_mathematics_is_read_as_such(path: Path) -> None:
    """A dollar that is left in the text is a formula that lost its delimiters.

    `$$` opens a formula only at the beginning of a block: leave a blank line before and after it.
    """
    reader = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, allow_digits=False, double_inline=False)
    inline = [child for token in reader.parse(path.read_text(encoding="utf-8")) for child in token.children or ()]
    assert [token.content[:80] for token in inline if token.type == "text" and "$" in token.content] == []


@every_page
def test_cells_are_short(page: Page) -> None:
    def limit(cell: str) -> int:
        return LONG_CELL_LINES if re.search(r"(?m)^# long: \S+", cell) else CELL_LINES

    long = [(len(cell.splitlines()), cell[:60]) for cell in page.cells if len(cell.splitlines()) > limit(cell)]
    assert long == [], f"split, or give the reason in a comment `# long: ...` (at most {LONG_CELL_LINES} lines)"


def sources() -> list[Path]:
    """The project's own text files."""
    folders = ("book", "chapters", "code", "scripts", "binder", ".devcontainer", ".github", ".ci", "coursework")
    files = [p for folder in folders for p in (ROOT / folder).rglob("*") if p.is_file()]
    files += [p for p in ROOT.iterdir() if p.is_file()]
    kinds = {".md", ".py", ".toml", ".yml", ".yaml", ".json", ".sh", ".txt", ".lock", ".cff", ".css", ".bib", ""}
    return [p for p in files if p.suffix in kinds and not {"mathjax", "__pycache__"} & set(p.parts)]


def test_no_file_knows_its_machine() -> None:
    machine = re.compile(r"(?<![\w.:/])/(?:work|home|root|Users|private)/|\b[A-Z]:\\\\|\.\./shared\b|file:///")
    found = [
        f"{p.relative_to(ROOT)}: {m[0]}"
        for p in sources()
        for m in [machine.search(p.read_text(encoding="utf-8", errors="replace"))]
        if m
    ]
    assert found == []


def rooms_of(tree: ast.AST) -> set[str | None]:
    """The rooms of alchemy that a module imports."""
    found: set[str | None] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inside = node.module == "alchemy"
            names = [f"alchemy.{alias.name}" for alias in node.names] if inside else [node.module]
        else:
            continue
        parts = [name.split(".") for name in names if name.split(".")[0] == "alchemy"]
        found |= {p[1] if len(p) > 1 else None for p in parts}
    # `from alchemy import claim` names the package itself, not a room.
    return {room if room in ROOMS else None for room in found}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "code" / "alchemy").rglob("*.py")), ids=lambda p: p.relative_to(ROOT / "code" / "alchemy").as_posix()
)
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    first = path.relative_to(ROOT / "code" / "alchemy").parts[0].removesuffix(".py")
    room = None if first == "__init__" else first
    assert room in ROOMS, f"{room} is a new room: enter it in the table, with what it may import"
    assert rooms_of(ast.parse(path.read_text(encoding="utf-8"))) - ROOMS[room] - {room, "words"} == set()


def test_every_allowance_is_used() -> None:
    used: dict[str | None, set[str | None]] = {}
    for path in (ROOT / "code" / "alchemy").rglob("*.py"):
        first = path.relative_to(ROOT / "code" / "alchemy").parts[0].removesuffix(".py")
        room = None if first == "__init__" else first
        used.setdefault(room, set()).update(rooms_of(ast.parse(path.read_text(encoding="utf-8"))))
    unused = {str(room): sorted(map(str, left)) for room, allowed in ROOMS.items() if (left := allowed - used.get(room, set()))}
    assert unused == {}, "the table allows more than the rooms need: take these out"


def test_modules_are_small() -> None:
    files = [p for folder in ("code", "chapters", "coursework", "scripts") for p in (ROOT / folder).rglob("*.py")]
    assert {p.parts[len(ROOT.parts)] for p in files} >= {"code", "chapters", "scripts"}
    # An assignment's items and its wrong solutions are lists, read one at a time.
    limit = {p: 370 if p.parent.name == "assignment" else 340 for p in files}
    long = {p.relative_to(ROOT).as_posix(): n for p in files if (n := len(p.read_text(encoding="utf-8").splitlines())) > limit[p]}
    assert long == {}
