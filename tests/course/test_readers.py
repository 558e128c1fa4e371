"""Essays that change after their mark."""

from __future__ import annotations

from course import readers


def test_an_essay_that_changed_after_its_mark_is_known() -> None:
    def look(before: dict | None, text: str | None, marked: bool, waiting: bool) -> dict:  # noqa: FBT001
        return readers.reading(before, text, marked=marked, waiting=waiting)

    first = look(None, "a", False, True)
    assert not first["changed"]
    marked = look(first, "a", True, False)
    assert marked == {"seen": "a", "read": "a", "changed": False}
    changed = look(marked, "b", True, False)
    assert changed["changed"] and changed["read"] == "a"
    assert look(changed, "b", True, True) == changed and look(changed, "c", True, True)["read"] == "a"
    assert not look(changed, "a", True, True)["changed"]
    confirmed = look(changed, "b", True, False)
    assert not confirmed["changed"] and confirmed["read"] == "b"
    assert look(confirmed, None, True, False)["changed"]
