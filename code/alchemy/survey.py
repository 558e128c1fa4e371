"""The belief survey: what a reader believes before the book and after it.

Answers are probabilities, one per family of claims, kept in a JSON file in the reader's own folder and nowhere else.
Chapter 1 asks first, chapter 25 asks again and shows what moved.

    from alchemy import survey
    survey.answer({"convnet": 0.7, "invisible": 0.9}, "my-beliefs.json")
    print(survey.compare("my-beliefs.json"))
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from alchemy import project

FILE = "my-beliefs.json"


class SurveyError(ValueError):
    """An answer or a file of answers is not usable."""


@dataclass(frozen=True)
class Statement:
    """One sentence to believe or not, from a chapter's manifest. chapter: where the book tests it."""

    key: str
    chapter: str
    text: str


STATEMENTS = tuple(Statement(s.key, m.slug, s.text) for m in project.manifests() for s in m.survey)


def answer(answers: Mapping[str, float], path: str | Path = FILE, *, when: datetime | None = None) -> dict[str, float]:
    """Add dated answers to the reader's file and return all current ones.

    answers: statement key -> probability in [0, 1] that the statement is true; statements may be left out.
    when: the time noted beside them (default: now).
    Raises SurveyError for an unknown key, a value that is no probability, or a file that is not a survey's.
    """
    known = [s.key for s in STATEMENTS]
    for key, value in answers.items():
        if key not in known:
            there = ", ".join(known) or f"none, for no chapters are at {project.root()}"
            raise SurveyError(f"no statement is called {key!r}; expected one of {there}.")
        if not 0 <= value <= 1:
            raise SurveyError(f"the answer to {key!r} is {value!r}; expected a probability from 0 to 1, such as 0.7.")
    rounds = load(path)
    stamp = (when or datetime.now(UTC)).isoformat(timespec="seconds")
    rounds.append({"when": stamp, "answers": {key: float(value) for key, value in answers.items()}})
    target = Path(path)
    # Written beside and then moved: an interrupted write loses no earlier answers.
    draft = target.with_name(target.name + ".part")
    draft.write_text(json.dumps(rounds, indent=1) + "\n", encoding="utf-8")
    draft.replace(target)
    return {key: value for each in rounds for key, value in each["answers"].items()}


def load(path: str | Path = FILE) -> list[dict]:
    """All rounds of answers in a file, oldest first; none if there is no file yet.

    Raises SurveyError if the file is there and is not a survey's.
    """
    target = Path(path)
    if not target.exists():
        return []
    try:
        rounds = json.loads(target.read_text(encoding="utf-8"))
        usable = isinstance(rounds, list) and all(isinstance(r["answers"], dict) and r["when"] for r in rounds)
    except (ValueError, KeyError, TypeError) as error:
        raise SurveyError(f"{target} is not a file of answers ({error}); move it away or name another path.") from error
    if not usable:
        raise SurveyError(f"{target} is not a file of answers; move it away or name another path.")
    return rounds


@dataclass(frozen=True)
class Comparison:
    """First and latest answer to each statement; NaN-free: unanswered statements hold None."""

    rows: tuple[tuple[Statement, float | None, float | None], ...]

    @property
    def moved(self) -> float:
        """Mean absolute change over the statements that were answered at least twice; 0 if there are none."""
        changes = [abs(last - first) for _, first, last in self.rows if first is not None and last is not None]
        return sum(changes) / len(changes) if changes else 0.0

    def __str__(self) -> str:
        lines = [f"{'statement':14} {'first':>6} {'now':>6}"]
        lines += [f"{s.key:14} {_percent(first):>6} {_percent(last):>6}  {s.text}" for s, first, last in self.rows]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        body = "".join(
            f'<tr><th scope="row">{html.escape(s.text)}</th><td><code>{s.key}</code></td><td>{_percent(first)}</td>'
            f"<td>{_percent(last)}</td></tr>"
            for s, first, last in self.rows
        )
        return (
            '<table class="alchemy-survey"><caption>How sure are you that it is true?</caption><thead><tr>'
            '<th scope="col">statement</th><th scope="col">key</th><th scope="col">first answer</th>'
            f'<th scope="col">latest answer</th></tr></thead><tbody>{body}</tbody></table>'
        )


def compare(path: str | Path = FILE) -> Comparison:
    """What the reader answered first, and what most recently (None until there are two answers)."""
    given: dict[str, list[float]] = {}
    for each in load(path):
        for key, value in each["answers"].items():
            given.setdefault(key, []).append(value)
    return Comparison(
        tuple(
            (s, given[s.key][0] if s.key in given else None, given[s.key][-1] if len(given.get(s.key, ())) > 1 else None)
            for s in STATEMENTS
        )
    )


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"
