"""Ways in that were found and closed; each was seen to work before it was closed."""

from __future__ import annotations

import random
import re
import time

import pytest

pytest.importorskip("nbgrader", reason="the coursework's environment is not installed (make test-coursework installs it)")

from nbconvert.filters import markdown2html  # noqa: E402

from coursework.kit import readers, submission  # noqa: E402


@pytest.mark.parametrize("text", [
    "[x](javascript:alert(1))", "[x](&#106;avascript:alert(1))", "[x](vbscript&colon;a)", "[x](java&Tab;script:alert(1))",
    "see [Figure 1][f].\n\n[f]: javascript:alert(1)", "[f]\n\n> [f]: javascript:alert(1)", "- [f]:\n  javascript:alert(1)\n\n[f]",
    "![x](http://example.org/p.png)", "![x](attachment:foo)", "![x][p]\n\n[p]: http://example.org/p.png", "[^1]\n\n[^1]: a",
    "[x](<javascript:alert(1)>)", "<javascript:alert(1)>", "<img src=x onerror=alert(1)>", "$a<$<img src=x onerror=alert(1)>",
])
def test_an_essay_holds_no_image_and_no_link_that_hides_its_address(text: str) -> None:
    page = markdown2html(readers.harmless(text)).lower()
    shown = re.sub(r'<a href="(https?://[^"]*)">\1</a>', "", page)  # a bare address, which says where it leads
    assert "<a " not in shown and "<img" not in shown, page


@pytest.mark.parametrize("command", ["href", "style", "class", "cssId", "require", "mmlToken"])
def test_a_formula_leads_nowhere(command: str) -> None:
    assert command not in readers.harmless(f"$\\{command}{{javascript:alert(1)}}{{x}}$")
    assert readers.harmless("$\\styles \\frac{a}{b}$ a < b, `x[i]`") == "$\\styles \\frac{a}{b}$ a < b, `x[i]`"


def test_an_essay_of_blank_lines_stalls_no_comparison() -> None:
    read, seen = ("\n".join(" " * random.Random(n + shift).randrange(110) + "ab"[n % 2] * (n % 3) for n in range(20_000))
                  for shift in (0, 10**6))
    begun = time.monotonic()
    note = readers._changes({"read": read, "seen": seen, "changed": True})
    assert time.monotonic() - begun < 5 and "beginning only" in note
    assert "beginning only" not in readers._changes({"read": "a\n\nb", "seen": "a\nc", "changed": True})


def test_a_text_longer_than_anybody_reads_is_cut_and_noted() -> None:
    about = {"grade": True, "solution": True, "locked": False, "grade_id": "essay", "points": 5, "schema_version": 3}
    opening = {"cell_type": "code", "source": "work = assignment.open('x')",
               "metadata": {"nbgrader": about | {"grade_id": "open", "grade": False, "locked": True, "solution": False}}}
    released = {"cells": [opening, {"cell_type": "markdown", "source": "Write.", "metadata": {"nbgrader": about}}]}
    plan = submission.plan(released, [submission.Cell("markdown", "a" * 100_000, "essay")], [])
    assert len(plan.texts["essay"]) == submission.ESSAY_CHARACTERS and any("100,000" in note for note in plan.notes)
