"""Marks of an unfinished merge in a page's source."""

from __future__ import annotations

import pytest
from press import conflicts

CONFLICT = "<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> other\n"


@pytest.mark.parametrize(
    ("before", "after", "first"),
    [
        ("# A page\n\n", "", 3),
        ("```{code-cell} python\n", "```\n", 2),
        ("````{code-cell}\n:tags: [hide-input]\n", "````\n", 3),
        (":::{note}\n", ":::\n", 2),
        ("```python\nx = 1\n```\n", "", 4),
    ],
)
def test_marks_in_prose_and_in_cells_are_found_with_their_lines(before: str, after: str, first: int) -> None:
    assert list(conflicts.marks(before + CONFLICT + after)) == [(first, "<" * 7), (first + 2, "=" * 7), (first + 4, ">" * 7)]


@pytest.mark.parametrize(
    "text",
    [
        "A title\n=======\n",
        f"```text\n{CONFLICT}```\n",
        f"~~~~\n{CONFLICT}~~~~\n",
        f"````md\n```\n{CONFLICT}```\n````\n",
        "a <<<<<<< b\n <<<<<<< c\n",
        "<<<<<<<<<<\n",
    ],
)
def test_headings_listings_and_lookalikes_are_left_alone(text: str) -> None:
    assert list(conflicts.marks(text)) == []
