"""What a reader of essays gets: the notebook to read, and word of an essay that changed after its mark.

The notebooks are built from the release and the sources that were graded, never from the submitted file: no HTML and
no script of a student's is in them. A student's own cells are there, each after the cell that it followed.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from course import release
from course.course import Course
from course.release import nbgrader_of

AGAIN = "The text changed after this mark was given. The mark counts until a reader confirms or changes it."
SHOWN = 20_000  # characters of one cell's output, or of a text cell that a student added
COMPARED = (300, 20_000)  # lines and characters of an essay that are compared with what was read

Reading = dict[str, Any]  # seen: the text at the last look; read: the text that has the mark; changed: whether they differ


def reading(before: Reading | None, text: str | None, *, marked: bool, waiting: bool) -> Reading:
    """Whether the essay that was handed in is the one that has its mark.

    before: the last reading, None at the first. marked: a reader gave points. waiting: the gradebook wants a reader;
    a reader who gives points ends that, and what was seen then is what was read.
    """
    before = before or {"seen": text, "read": None, "changed": False}
    if not marked:
        return {"seen": text, "read": None, "changed": False}
    read = before["read"] if before["changed"] and waiting else before["seen"]
    return {"seen": text, "read": read, "changed": text != read}


def _path(out: Path, slug: str, student: str) -> Path:
    return out / "readings" / slug / f"{student}.json"


def known(out: Path, slug: str, student: str) -> dict[str, Reading]:
    """grade_id -> the last reading."""
    try:
        return json.loads(_path(out, slug, student).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def keep(out: Path, slug: str, student: str, readings: dict[str, Reading]) -> None:
    """Write the readings, all or nothing."""
    path = _path(out, slug, student)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(readings, indent=1), encoding="utf-8")
    draft.replace(path)


def notebook(course: Course, out: Path, slug: str, student: str, result: dict[str, Any], secret: bytes) -> Path:
    """Write the notebook that a reader sees: released cells, graded sources, added cells, plain-text outputs."""
    made = release.notebook(course, slug, student, secret)
    texts = {g["grade_id"]: g.get("text") for g in result["grades"] if g["kind"] == "essay"}
    named = {c["grade_id"]: c for c in result["cells"] if c.get("grade_id")}
    others = {c["name"]: c for c in result["cells"] if not c.get("grade_id")}
    readings, cells = known(out, slug, student), []
    added = list(result.get("added", []))
    for number in range(-1, len(made["cells"])):
        if number >= 0:
            cell = made["cells"][number]
            grade_id = nbgrader_of(cell).get("grade_id", "")
            if readings.get(grade_id, {}).get("changed"):
                cells.append(_note(slug, f"again {grade_id}", _changes(readings[grade_id])))
            if texts.get(grade_id):
                cell["source"] = harmless(texts[grade_id])
            elif grade_id in result["sources"]:
                cell["source"] = result["sources"][grade_id]
            if cell["cell_type"] == "code":
                cell["outputs"] = _said(named.get(grade_id))
            cells.append(cell)
        for mine in (a for a in added if a["after"] == number):
            cells.append(_note(slug, f"note {mine['name']}", f"*Added or changed by the student: {mine['name'].strip('<>')}.*"))
            cells.append(_own(slug, mine, others))
    path = out / "autograded" / student / slug / f"{slug}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(release.text(made | {"cells": cells}), encoding="utf-8")
    return path


def _cell(kind: str, slug: str, name: str, source: str) -> dict[str, Any]:
    return {"cell_type": kind, "metadata": {}, "source": source, "id": hashlib.sha256(f"{slug}/{name}".encode()).hexdigest()[:12]}


def _note(slug: str, name: str, text: str) -> dict[str, Any]:
    return _cell("markdown", slug, name, text)


def _own(slug: str, mine: dict[str, Any], others: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A cell of the student's own, its output beside it."""
    if mine["kind"] == "markdown":
        return _cell("markdown", slug, mine["name"], harmless(mine["source"][:SHOWN]))
    said = _said(others.get(mine["name"]))
    return _cell("code", slug, mine["name"], mine["source"]) | {"outputs": said, "execution_count": None}


def _said(ran: dict[str, Any] | None) -> list[dict[str, Any]]:
    """What a cell printed and complained of, as one plain output."""
    said = "\n".join(filter(None, (ran.get("printed", "")[:SHOWN], ran.get("error")))) if ran else ""
    return [{"output_type": "stream", "name": "stdout", "text": said}] if said else []


def _changes(found: Reading) -> str:
    """The note before an essay that changed: what was read and is no more, and what is new. Indented, so nothing obeys.

    Blank lines go and both texts are cut: the time to compare grows with the cube of lines made to be alike.
    """
    old, new = (_compared(found[key] or "") for key in ("read", "seen"))
    cut = " Compared is the beginning only." if old[1] or new[1] else ""
    lines = [f"    {line}" for line in difflib.unified_diff(old[0], new[0], "read", "handed in last", lineterm="", n=0)]
    return f"**To the reader:** {AGAIN} Press *Resolve* to keep it, or type another.{cut}\n\n" + "\n".join(lines)


def _compared(text: str) -> tuple[list[str], bool]:
    """The lines of a text that are compared, and whether it has more."""
    lines = [line.rstrip() for line in text[: COMPARED[1]].splitlines() if line.strip()]
    return lines[: COMPARED[0]], len(lines) > COMPARED[0] or len(text) > COMPARED[1]


def harmless(text: str) -> str:
    """Markdown whose HTML is shown, not obeyed, without links, images and formulas that lead somewhere.

    A space after the bracket ends an inline link, an image and a definition; in code and in formulas it changes little.
    """
    text = re.sub(r"<(?=[a-zA-Z/!?])", "&lt;", text)
    return re.sub(r"\\(href|style|class|cssId|require|mmlToken|url)(?![a-zA-Z])", r"\\mathrm", re.sub(r"\](?=[(:])", "] ", text))
