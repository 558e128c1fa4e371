"""Who gets which numbers: every draw comes from a keyed hash of the course secret, the student and the item.

The secret is the environment variable ALCHEMY_COURSE_SECRET or the file coursework/.secret, made on first use and
ignored by git. Who knows the secret can compute every variant; who does not cannot compute any. It never enters a
release. Sources run with a public demonstration instead, which is nobody's variant.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import Any

import numpy as np

from course import course as courses
from course.items import Item

SECRET_FILE = courses.COURSEWORK / ".secret"
VARIABLE = "ALCHEMY_COURSE_SECRET"
DEMONSTRATION = b"a public demonstration, not a secret"
SHORTEST = 16  # characters


class SecretError(RuntimeError):
    """The course secret cannot be used."""


def secret(path: Path | None = None, *, create: bool = True) -> bytes:
    """The course secret: from the environment, else from `path` (default coursework/.secret), made there if absent.

    Raises SecretError if it is too short, or absent and not to be made.
    """
    path = SECRET_FILE if path is None else path
    text = os.environ.get(VARIABLE, "").strip()
    where = f"the environment variable {VARIABLE}"
    if not text:
        where = str(path)
        if not path.exists():
            if not create:
                raise SecretError(
                    f"there is no course secret. The first release makes it and keeps it in {path}, or takes "
                    f"it from the variable {VARIABLE}. To grade, bring the one that the release was made "
                    "with to either place: another one makes other variants."
                )
            _make(path)
        text = path.read_text(encoding="utf-8").strip()
    if len(text) < SHORTEST:
        raise SecretError(
            f"the secret in {where} has {len(text)} characters; expected at least {SHORTEST}. "
            "Before the first release, remove it and run again: a new one is made."
        )
    return text.encode()


def _make(path: Path) -> None:
    """A new secret that only its owner can read. Another process may be making it too: the first one stays."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(secrets.token_hex(32) + "\n")


def generator(key: bytes, course: str, student: str, item: str, purpose: str = "") -> np.random.Generator:
    """The random generator of one student's item; `purpose` ("probes") gives an independent stream."""
    message = "/".join(filter(None, (course, student, item, purpose)))
    return np.random.default_rng(int.from_bytes(hmac.new(key, message.encode(), hashlib.sha256).digest(), "big"))


def draw(item: Item, key: bytes, course: str, student: str) -> dict[str, Any]:
    """One student's variant of one item, as plain JSON values. Raises TypeError or ValueError where it is not plain."""
    try:
        text = json.dumps(plain(item.variant(generator(key, course, student, item.id))), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"the variant of {item.id} is not plain: {error}; expected numbers, strings, lists and dicts with string keys."
        ) from error
    return json.loads(text)


def draw_all(items: list[Item], key: bytes, course: str, student: str) -> dict[str, dict[str, Any]]:
    """item slug -> variant, for the items of one assignment, in their order."""
    return {short(item): draw(item, key, course, student) for item in items}


def short(item: Item) -> str:
    """'assignment/item' -> 'item'."""
    return item.id.rpartition("/")[2]


def demonstration(slug: str) -> dict[str, dict[str, Any]]:
    """The public variant of an assignment, for its source."""
    return draw_all(courses.load().items(slug), DEMONSTRATION, "demonstration", "demo")


def plain(value: Any) -> Any:
    """NumPy and JAX values as lists and Python numbers; tuples as lists."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return value
