"""The secret, and who gets which numbers."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from course import variants


@pytest.fixture(autouse=True)
def no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(variants.VARIABLE, raising=False)


def test_the_secret_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / ".secret"
    first = variants.secret(path)
    assert variants.secret(path) == first and len(first) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert variants.secret(tmp_path / "other") != first


def test_a_secret_that_is_too_short_or_absent_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(variants.SecretError, match="another one makes other variants"):
        variants.secret(tmp_path / "none", create=False)
    monkeypatch.setenv(variants.VARIABLE, "short")
    with pytest.raises(variants.SecretError, match="at least 16"):
        variants.secret(tmp_path / "none")


def test_a_draw_depends_on_secret_course_student_item_and_purpose() -> None:
    keys = [
        (b"k" * 16, "c", "ada", "a/b", ""),
        (b"l" * 16, "c", "ada", "a/b", ""),
        (b"k" * 16, "d", "ada", "a/b", ""),
        (b"k" * 16, "c", "bob", "a/b", ""),
        (b"k" * 16, "c", "ada", "a/c", ""),
        (b"k" * 16, "c", "ada", "a/b", "probes"),
    ]
    drawn = [float(variants.generator(*key).random()) for key in keys]
    assert len(set(drawn)) == len(keys)
    assert drawn[0] == float(variants.generator(*keys[0]).random())
