"""A right submission, made from a public source: each solution and sample essay put into a student's released notebook."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jupytext
import pytest
from course.course import Course
from course.engines import NoSandbox, engine
from course.release import nbgrader_of

MARKER = re.compile(r"(?m)^.*### (BEGIN|END) SOLUTION.*\n?")
TARGET = 20.0  # seconds of processor time a submission


def confined() -> tuple[str, ...]:
    """What `engine` finds to confine with; where there is nothing, the test or its whole module skips and says why."""
    try:
        return engine()
    except NoSandbox as error:
        pytest.skip(str(error), allow_module_level=True)


def solutions(course: Course, slug: str) -> dict[str, str]:
    """grade_id -> what the source has in that cell, its markers gone."""
    cells = jupytext.reads(course.source(slug), fmt="md:myst").cells
    return {nbgrader_of(c)["grade_id"]: MARKER.sub("", c.source) for c in cells if nbgrader_of(c).get("solution")}


def submission(course: Course, slug: str, released: Path) -> bytes:
    """The bytes that a student who solved everything hands in."""
    notebook: dict[str, Any] = json.loads(released.read_text(encoding="utf-8"))
    found = solutions(course, slug)
    for cell in notebook["cells"]:
        if (grade_id := nbgrader_of(cell).get("grade_id")) in found:
            cell["source"] = found[grade_id]
    return json.dumps(notebook).encode()
