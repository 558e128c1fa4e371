"""A submitted notebook, read with suspicion and laid beside the release that it should be.

Nothing of it is trusted but the sources of the cells that are the student's to write. Locked cells are taken from
the release; points, types and ids come from there too. What is missing, doubled or altered is noted.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course.items import Item
from course.release import item_of, nbgrader_of
from course.wire import crowded

FILE_BYTES = 20 * 2**20
CELLS = 600
SOURCE_CHARACTERS = 2_000_000
ESSAY_CHARACTERS = 40_000


class Unreadable(ValueError):
    """A submission is no notebook that can be graded; the message is for the student."""


@dataclass(frozen=True)
class Cell:
    """One cell as submitted: kind, source, the grade_id that it claims."""

    kind: str
    source: str
    grade_id: str


@dataclass
class Step:
    """One cell to run. items: item slugs whose answers are taken when it is done. cell: grade_id or ''."""

    source: str
    name: str
    grade_id: str = ""
    items: list[str] = field(default_factory=list)


@dataclass
class Plan:
    """What to run, and what is already known to be wrong."""

    steps: list[Step]
    lost: dict[str, str]  # item slug -> why it cannot be graded
    notes: list[str]  # about the notebook as a whole
    texts: dict[str, str | None]  # essay grade_id -> the text, None where it was not written
    sources: dict[str, str]  # grade_id -> source, as graded
    added: list[dict[str, Any]] = field(default_factory=list)  # what is not in the release: kind, source, name, after


def read(path: Path) -> list[Cell]:
    """The cells of a submitted file. Raises Unreadable with the reason."""
    try:
        size = path.stat().st_size
        if path.is_symlink() or not path.is_file():
            raise Unreadable("the submission is not a plain file; hand in the notebook itself.")
        if size > FILE_BYTES:
            raise Unreadable(
                f"the file has {size / 2**20:.0f} MB; expected at most {FILE_BYTES >> 20}. "
                "Clear the outputs (Kernel, Restart and clear outputs), save and hand in again."
            )
        data = path.read_bytes()
        if crowded(data):
            raise Unreadable(
                "the file holds too many lists and numbers beside its text. "
                "Clear the outputs (Kernel, Restart and clear outputs), save and hand in again."
            )
        found = json.loads(data)  # UTF-8 or UTF-16, with a byte-order mark or without
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(
            f"the file is no notebook ({type(error).__name__}); open it in Jupyter, save it, hand it in again."
        ) from error
    cells = found.get("cells") if isinstance(found, dict) else None
    if not isinstance(cells, list):
        raise Unreadable("the file has no list of cells; expected a notebook of format 4, as it was released.")
    if len(cells) > CELLS:
        raise Unreadable(f"the notebook has {len(cells)} cells; expected at most {CELLS}.")
    read_cells = [_cell(cell) for cell in cells]
    if sum(len(c.source) for c in read_cells) > SOURCE_CHARACTERS:
        raise Unreadable(f"the notebook holds more than {SOURCE_CHARACTERS:,} characters of source.")
    return read_cells


def _cell(cell: Any) -> Cell:
    if not isinstance(cell, dict):
        return Cell("raw", "", "")
    source, metadata = cell.get("source", ""), cell.get("metadata")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    claimed = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = claimed.get("grade_id") if isinstance(claimed, dict) else ""
    kind = cell.get("cell_type")
    source = source.encode("utf-8", "replace").decode() if isinstance(source, str) else ""  # no halves of surrogate pairs
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    return Cell(kind if kind in ("code", "markdown") else "raw", source, grade_id if isinstance(grade_id, str) else "")


def plan(released: dict[str, Any], cells: list[Cell], items: list[Item]) -> Plan:
    """Lay a submission beside its release."""
    slugs = [item.id.rpartition("/")[2] for item in items]
    expected = {nbgrader_of(c)["grade_id"]: c for c in released["cells"] if nbgrader_of(c)}
    owner = _owners(released, slugs)
    places: dict[str, list[int]] = defaultdict(list)
    for number, cell in enumerate(cells):
        if cell.grade_id in expected:
            places[cell.grade_id].append(number)
    made = Plan([], {}, [], {}, {})
    _note_absent(made, expected, owner, places)
    harvest = {
        max(p[0] for g, p in places.items() if owner.get(g) == slug): slug
        for slug in slugs
        if slug not in made.lost and any(owner.get(g) == slug for g in places)
    }
    opening = next(g for g, c in expected.items() if "assignment.open(" in c["source"])
    if not places[opening]:
        made.steps.append(Step(expected[opening]["source"], "<the first cell>", opening))
    for number, cell in enumerate(cells):
        _take(made, number, cell, expected, places)
        if number in harvest and made.steps:
            made.steps[-1].items.append(harvest[number])
    made.added = _added(released, cells)
    return made


def _added(released: dict[str, Any], cells: list[Cell]) -> list[dict[str, Any]]:
    """The student's own cells and those that were changed, each with the released cell (its number) that it follows."""
    named = {nbgrader_of(c)["grade_id"]: n for n, c in enumerate(released["cells"]) if nbgrader_of(c)}
    texts = {(c["cell_type"], c["source"].strip()): n for n, c in enumerate(released["cells"]) if not nbgrader_of(c)}
    found, after = [], -1
    for number, cell in enumerate(cells):
        here = named.get(cell.grade_id, texts.get((cell.kind, cell.source.strip())))
        if here is not None:
            after = max(after, here)
        elif cell.source.strip() and cell.kind != "raw":
            found.append({"kind": cell.kind, "source": cell.source, "name": f"<cell {number + 1}>", "after": after})
    return found


def _owners(released: dict[str, Any], slugs: list[str]) -> dict[str, str]:
    """grade_id -> item. A cell that names no item belongs to the graded cell that comes after it."""
    owner: dict[str, str] = {}
    waiting: list[str] = []
    for cell in released["cells"]:
        about = nbgrader_of(cell)
        if not about:
            continue
        name = item_of(about["grade_id"], slugs)
        if name is not None:
            owner[about["grade_id"]] = name
            if about.get("grade"):
                owner.update(dict.fromkeys(waiting, name))
        elif about.get("solution") and not about.get("grade"):
            waiting.append(about["grade_id"])
        if about.get("grade"):
            waiting = []
    return owner


def _note_absent(made: Plan, expected: dict[str, Any], owner: dict[str, str], places: dict[str, list[int]]) -> None:
    for grade_id, cell in expected.items():
        about, here = nbgrader_of(cell), places.get(grade_id, [])
        counts = about.get("grade") or about.get("solution")
        if counts and not here:
            why = f"the cell {grade_id} is missing; start from the released notebook and keep its cells."
        elif counts and len(here) > 1:
            why = f"the cell {grade_id} is there {len(here)} times, so which one counts is unclear; keep one."
        else:
            continue
        if grade_id in owner:
            made.lost.setdefault(owner[grade_id], why)
        made.notes.append(why)
        if about.get("grade") and about.get("solution") and cell["cell_type"] == "markdown":
            made.texts[grade_id] = None


def _take(made: Plan, number: int, cell: Cell, expected: dict[str, Any], places: dict[str, list[int]]) -> None:
    """Add one submitted cell: the student's source, or the release's where the cell is locked."""
    source, known = cell.source, expected.get(cell.grade_id)
    if known is not None:
        about = nbgrader_of(known)
        if about.get("locked") or (about.get("grade") and not about.get("solution")):
            if places[cell.grade_id][0] != number:
                return
            if source.strip() != known["source"].strip():
                made.notes.append(f"the locked cell {cell.grade_id} was altered; it was graded as released.")
            source = known["source"]
        if known["cell_type"] == "markdown":
            if len(source) > ESSAY_CHARACTERS:
                made.notes.append(
                    f"the text in {cell.grade_id} has {len(source):,} characters; the first {ESSAY_CHARACTERS:,} are read."
                )
                source = source[:ESSAY_CHARACTERS]
            if about.get("grade") and about.get("solution") and len(places[cell.grade_id]) == 1:
                made.texts[cell.grade_id] = None if source.strip() == known["source"].strip() or not source.strip() else source
            return
        made.sources[cell.grade_id] = source
    elif cell.kind != "code":
        return
    if known is None and not source.strip():
        return
    made.steps.append(Step(source, f"<cell {number + 1}>", cell.grade_id if known is not None else ""))
