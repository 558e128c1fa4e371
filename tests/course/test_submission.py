"""A submitted file, read with suspicion."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from course import submission


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no notebook"),
        (b"\xff\xfe", "no notebook"),
        (b"[]", "no list of cells"),
        (b'{"cells": 3}', "no list of cells"),
        (b"[" * 200_000, "no notebook"),
        (json.dumps({"cells": [{}] * 700}).encode(), "700 cells"),
    ],
)
def test_what_is_no_notebook_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.ipynb").write_bytes(data)
    with pytest.raises(submission.Unreadable, match=message):
        submission.read(tmp_path / "a.ipynb")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('{"cells": []}', encoding="utf-8")
    (tmp_path / "a.ipynb").symlink_to(tmp_path / "secret")
    with pytest.raises(submission.Unreadable, match="not a plain file"):
        submission.read(tmp_path / "a.ipynb")


def test_odd_cells_are_read_as_nothing(tmp_path: Path) -> None:
    cells = [
        None,
        {"cell_type": 3, "source": 4, "metadata": 5},
        {"cell_type": "code", "source": ["a", 1], "metadata": {"nbgrader": []}},
    ]
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert [c.source for c in submission.read(tmp_path / "a.ipynb")] == ["", "", "a"]


def written(source: str, encoding: str = "utf-8") -> bytes:
    about = {"grade_id": "open", "grade": False, "solution": False, "locked": True, "schema_version": 3}
    cell = {"cell_type": "code", "source": source, "metadata": {"nbgrader": about}, "outputs": []}
    return json.dumps({"cells": [cell]}, ensure_ascii=False).encode(encoding)


RELEASED = "work = assignment.open('90-demo')\nx = 'é'\n"


@pytest.mark.parametrize(
    "data",
    [
        written(RELEASED),
        written(RELEASED.replace("\n", "\r\n")),
        written(RELEASED.replace("\n", "\r")),
        written(RELEASED, "utf-8-sig"),
        written(RELEASED, "utf-16"),
        written(RELEASED).replace(b", ", b",\r\n"),
    ],
    ids=["plain", "CRLF", "CR", "byte-order mark", "UTF-16", "CRLF between"],
)
def test_line_ends_and_byte_order_marks_alter_no_cell(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.ipynb").write_bytes(data)
    cells = submission.read(tmp_path / "a.ipynb")
    assert [cell.source for cell in cells] == [RELEASED]
    made = submission.plan(json.loads(written(RELEASED)), cells, [])
    assert made.notes == [] and [step.source for step in made.steps] == [RELEASED]
