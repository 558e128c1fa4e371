"""Minutes and points of the assignments, read from their sources whenever the book is built, and the form to measure them.

    ```{assignments}        one row an assignment: minutes planned, points written, by bet, and automatic
    ```{assignment-parts}   one row a part: minutes planned, measured where coursework/minutes.csv has them, and points

Only the head of a source is read: its table of parts and its cells' points. Solutions and rubrics stay out of the book.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from pathlib import Path
from statistics import median

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

SOURCES, MEASURED, FORM = "chapters/*/assignment/source.md", "coursework/minutes.csv", "book/instructors/minutes-form.csv"
COLUMNS = ("class", "assignment", "part", "planned", "minutes", "finished", "remark")
POINTS = re.compile(r'"?grade"?: true, "?grade_id"?: "?([\w-]+)"?, .*?"?points"?: (\d+), .*?"?solution"?: (true|false)')
PART = re.compile(r"(?m)^\| (\d+)\. (.+?) \| (\d+) \| ([\d +]+) \| .+ \|$")


class SourceError(ValueError):
    """A source says nothing about its parts, or its table and its cells disagree."""


@dataclass(frozen=True)
class Part:
    """One part of an assignment as its own table prints it: planned minutes, and points such as "8 + 5"."""

    number: int
    title: str
    minutes: int
    points: str


@dataclass(frozen=True)
class Assignment:
    """slug, parts in order, and the points by who gives them: a reader, the bet, the machine."""

    slug: str
    parts: tuple[Part, ...]
    written: int
    bet: int
    automatic: int

    @property
    def minutes(self) -> int:
        return sum(part.minutes for part in self.parts)


def assignment(slug: str, source: str) -> Assignment:
    """What a source says of its parts. Raises SourceError where its table and its cells' points disagree."""
    parts = tuple(Part(int(n), title.strip(), int(m), p.strip()) for n, title, m, p in PART.findall(source))
    bets = set(re.findall(r"work\.locked\(\"([\w-]+)\"\)", source))
    cells = [(name, int(points), solution == "true") for name, points, solution in POINTS.findall(source)]
    written = sum(points for _, points, by_hand in cells if by_hand)
    bet = sum(points for name, points, _ in cells if name in bets)
    total = sum(points for _, points, _ in cells)
    printed = sum(int(number) for part in parts for number in part.points.split("+"))
    if not parts or printed != total:
        raise SourceError(
            f"{slug}: the table of parts says {printed} points in {len(parts)} rows, the cells say {total}; "
            "expected `| 1. Title | minutes | points | graded by |` with the points of the cells."
        )
    return Assignment(slug, parts, written, bet, total - written - bet)


def assignments(root: Path) -> list[Assignment]:
    """All assignments of the repository, in order; none where the book stands without its coursework."""
    return [assignment(p.parts[-3], p.read_text(encoding="utf-8")) for p in sorted(root.glob(SOURCES))]


def measured(root: Path) -> dict[tuple[str, int], list[float]]:
    """(assignment, part) -> minutes that students logged, infinite for a part that was given up.

    Rows of filled forms; those without minutes and without an answer are skipped. Raises SourceError for a bad row.
    """
    path, found = root / MEASURED, {}
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            try:
                logged, finished = row["minutes"].strip(), row["finished"].strip()
                if not logged and not finished:
                    continue
                minutes = float(logged) if finished == "yes" else inf
                if finished not in ("yes", "no") or not 0 < minutes:
                    raise ValueError(finished)
                found.setdefault((row["assignment"], int(row["part"])), []).append(minutes)
            except (KeyError, AttributeError, TypeError, ValueError) as error:
                raise SourceError(
                    f"{MEASURED}, line {line}: {row}; expected the columns {', '.join(COLUMNS)}, with yes or no "
                    "under finished, and minutes above 0 where it is yes."
                ) from error
    return found


def shown(times: list[float]) -> str:
    """The median with the number of people, those who gave up counted as slower than anybody."""
    lost = sum(t == inf for t in times)
    counted = f"n = {len(times)}" + (f", {lost} gave up" if lost else "")
    return f"{median(times):.0f} ({counted})" if 2 * lost < len(times) else f"most gave up ({counted})" if times else "not yet"


def overview(found: Iterable[Assignment]) -> str:
    """The table of assignments as Markdown."""
    found = list(found)
    rows = ["| assignment | minutes, planned | essays, reports | bet | automatic |", "|---|---|---|---|---|"]
    rows += [f"| `{a.slug}` | {a.minutes} | {a.written} | {a.bet} | {a.automatic} |" for a in found]
    total = [sum(getattr(a, name) for a in found) for name in ("minutes", "written", "bet", "automatic")]
    return "\n".join([*rows, "| **all** | " + " | ".join(f"**{n}**" for n in total) + " |"])


def parts(found: Iterable[Assignment], logged: dict[tuple[str, int], list[float]]) -> str:
    """The table of parts as Markdown; the median of logged minutes with their number, where there are any."""
    rows = ["| part | planned | measured | points |", "|---|---|---|---|"]
    for a in found:
        rows.append(f"| **`{a.slug}`** | **{a.minutes}** | | **{a.written + a.bet + a.automatic}** |")
        for part in a.parts:
            seen = shown(logged.get((a.slug, part.number), []))
            rows.append(f"| {part.number}. {part.title} | {part.minutes} | {seen} | {part.points} |")
    return "\n".join(rows)


class Table(SphinxDirective):
    """One of the two tables, in the place of the directive."""

    def run(self) -> list[nodes.Node]:
        root = Path(self.env.srcdir)
        for path in [*sorted(root.glob(SOURCES)), root / MEASURED]:
            self.env.note_dependency(str(path))
        try:
            found = assignments(root)
            text = overview(found) if self.name == "assignments" else parts(found, measured(root))
        except SourceError as error:
            raise self.error(str(error)) from error
        return self.parse_text_to_nodes(text)


def write_form(app: Sphinx, exception: Exception | None) -> None:
    """The form for measured minutes beside the page that offers it."""
    target = Path(app.outdir) / FORM
    if exception is not None or app.builder.name != "html" or not target.parent.is_dir():
        return
    with target.open("w", encoding="utf-8", newline="") as file:
        form = csv.writer(file, lineterminator="\n")
        form.writerow(COLUMNS)
        known = assignments(Path(app.srcdir))
        form.writerows(("", a.slug, part.number, part.minutes, "", "", "") for a in known for part in a.parts)


def connect(app: Sphinx) -> None:
    """Register the directives and the form."""
    app.add_directive("assignments", Table)
    app.add_directive("assignment-parts", Table)
    app.connect("build-finished", write_form)
