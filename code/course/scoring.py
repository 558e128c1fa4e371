"""From answers to points: what came out of the sandbox is compared here, where the course secret is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from course import variants
from course.items import Item, Score
from course.wire import WireError, decode, encode, text


@dataclass(frozen=True)
class Key:
    """What draws a student's variant and probes. submission: its hash; another notebook gets other hidden inputs."""

    secret: bytes
    course: str
    student: str
    submission: str = ""


def probes(item: Item, variant: dict[str, Any], key: Key) -> list[tuple]:
    """The hidden inputs of one student's item, the same at every grading of the same notebook."""
    if item.probes is None:
        raise TypeError(f"{item.id} is a function without probes; give it some.")
    rng = variants.generator(key.secret, key.course, key.student, item.id, "/".join(filter(None, ("probes", key.submission))))
    return [tuple(arguments) for arguments in item.probes(variant, rng)]


def encoded(drawn: list[tuple]) -> list[Any]:
    """Probes as they go into the sandbox."""
    return [encode(list(arguments)) for arguments in drawn]


def of_function(item: Item, variant: dict[str, Any], drawn: list[tuple], replies: Any) -> Score:
    """The score for what the student's function returned on each probe. replies: the runner's, not trusted."""
    if not isinstance(replies, list) or len(replies) != len(drawn):
        return Score(0.0, "the answers came back incomplete; the notebook may have changed what grades it.")
    return together(item, [_one(item, variant, arguments, reply) for arguments, reply in zip(drawn, replies, strict=True)])


def of_value(item: Item, variant: dict[str, Any], reply: Any) -> Score:
    """The score for a value."""
    return _one(item, variant, (), {"value": reply})


def together(item: Item, scores: list[Score]) -> Score:
    """The mean over probes, or all or nothing; the message of the first that is not right."""
    share = sum(s.share for s in scores) / len(scores)
    worst = min(scores, key=lambda s: s.share)
    if item.all_or_nothing and worst.share < 1:
        share = 0.0
    if worst.share >= 1:
        return Score(1.0, "right.")
    if all(s == worst for s in scores):
        return Score(share, worst.message)
    right = sum(s.share >= 1 for s in scores)
    counted = f"{right} of {len(scores)} hidden inputs right. " if len(scores) > 1 else ""
    return Score(share, counted + worst.message)


def _one(item: Item, variant: dict[str, Any], arguments: tuple, reply: Any) -> Score:
    """One probe. A value that the comparison cannot take is a wrong answer, not a crash of the grader."""
    if not isinstance(reply, dict) or "value" not in reply:
        return Score(0.0, complaint(reply.get("error") if isinstance(reply, dict) else None, hidden=True))
    try:
        found = decode(reply["value"])
    except WireError as error:
        return Score(0.0, f"the answer cannot be read: {error}")
    expected = item.reference(variant, *arguments)
    return compared(item, found, expected, variant, arguments)


def compared(item: Item, found: Any, expected: Any, variant: dict[str, Any], arguments: tuple) -> Score:
    """compare(...), with its share held between 0 and 1 and its exceptions turned into a wrong answer."""
    try:
        score = item.compare(found, expected, variant, arguments)
    except Exception as error:  # noqa: BLE001 - `found` may be anything
        return Score(0.0, f"the answer could not be compared ({type(error).__name__}); check its type and shape.")
    share = float(score.share)
    return Score(min(1.0, max(0.0, share)) if math.isfinite(share) else 0.0, text(score.message, 2000))


def complaint(error: Any, *, hidden: bool = False) -> str:
    """An error from inside, in one line. For hidden inputs without its text, which could carry the input out."""
    if not isinstance(error, dict):
        return "no answer came back."
    # The error of one probe comes as the inside wrote it: halves of surrogate pairs would stop every later write.
    kind, words = text(error.get("type"), 80) or "?", text(error.get("text"), 300)
    lines = error.get("where")
    where = [text(line, 200) for line in lines[:6] if isinstance(line, str)][-1:] if isinstance(lines, list) else []
    at = f" at {where[0]}" if where else ""
    if kind == "TimeUp":
        return f"it ran out of time{at}."
    if kind == "NotImplementedError":
        return "not attempted."
    if kind == "WireError":
        return words
    return f"it raised {kind} on a hidden input{at}." if hidden else f"it raised {kind}: {words}{at}"
