"""What a student's notebook uses of the coursework: its own variant, and bets that lock before a result.

    from course import assignment
    work = assignment.open("02-random-kitchen-sinks", student="ada", variant={...})  # filled in by the release
    x = work["write-a-kernel"]["x"]                      # this student's data; lists come as NumPy arrays
    work.predict("how-many-features", low=50, high=400, confidence=0.8)
    work.locked("how-many-features")                     # first line of the result cell: no bet, no result

Nothing here grades, and this module needs no other of its package: it goes into the sandbox alone. Hidden tests,
reference answers and the course secret are in no package.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

CONFIDENCES = (0.5, 0.99)  # below, an interval says what it does not contain; above, no course has bets enough to check


class AssignmentError(ValueError):
    """An assignment was used in a way that cannot be meant; the message says what to do."""


@dataclass(frozen=True)
class Bet:
    """An interval for a result and how sure its author is that the result lies inside."""

    low: float
    high: float
    confidence: float
    receipt: str

    def __contains__(self, result: Any) -> bool:
        return self.low <= result <= self.high

    def __str__(self) -> str:
        return f"[{self.low:g}, {self.high:g}] with confidence {self.confidence:.0%}"


class Work:
    """One student's copy of one assignment.

    slug: the assignment, such as "02-random-kitchen-sinks". student: the name in the release, None in a source.
    variant: item slug -> the plain values drawn for this student.
    """

    def __init__(self, slug: str, student: str | None, variant: Mapping[str, Any]) -> None:
        self.slug, self.student = slug, student
        self._variant = {key: deepcopy(value) for key, value in variant.items()}
        self._digest = hashlib.sha256(_canonical([slug, student, self._variant])).hexdigest()
        self._bets: dict[str, Bet] = self._saved()

    def __getitem__(self, item: str) -> dict[str, Any]:
        """What was drawn for one item: a new copy each time, lists of numbers as NumPy arrays.

        Raises AssignmentError for an item that the assignment does not have.
        """
        self._known(item)
        return _arrays(self._variant[item])

    def predict(self, item: str, low: Any, high: Any, confidence: Any) -> None:
        """Lock the bet that the result of `item` lies between `low` and `high`, and print the receipt.

        low, high: finite numbers in the result's unit. confidence: from 0.5 to 0.99, how sure you are; of your
        bets at 0.8, four in five should hold. Width costs, and so does a result outside; being wrong about the
        world costs nothing else.
        Raises AssignmentError for an empty interval, a confidence out of its range, or a second, different bet.
        """
        self._known(item)
        low, high, confidence = (_number(item, k, v) for k, v in (("low", low), ("high", high), ("confidence", confidence)))
        if not low < high:
            raise AssignmentError(f"{item}: low is {low:g} and high is {high:g}; expected low < high.")
        if not CONFIDENCES[0] <= confidence <= CONFIDENCES[1]:
            raise AssignmentError(
                f"{item}: confidence is {confidence:g}; expected a probability from {CONFIDENCES[0]:g} to "
                f"{CONFIDENCES[1]:g}, such as 0.8."
            )
        text = _canonical([self._digest, item, low, high, confidence])
        bet = Bet(low, high, confidence, hashlib.sha256(text).hexdigest()[:12])
        before = self._bets.get(item)
        if before is not None and before != bet:
            raise AssignmentError(
                f"{item}: your bet {before} is locked (receipt {before.receipt}); {bet} comes too late. "
                "Put the first bet back into this cell and run on: a lost bet costs no correctness points."
            )
        self._bets[item] = bet
        self._save()
        print(f"Locked: {item} in {bet}. Receipt {bet.receipt}.")

    def locked(self, item: str) -> Bet:
        """The bet on `item`. Raises AssignmentError if there is none yet: bet first, then look."""
        self._known(item)
        if item not in self._bets:
            raise AssignmentError(
                f"{item}: there is no bet yet. Run work.predict({item!r}, low, high, confidence) in the cell above first."
            )
        return self._bets[item]

    @property
    def bets(self) -> dict[str, Bet]:
        """Every locked bet."""
        return dict(self._bets)

    def __repr__(self) -> str:
        whose = f"of {self.student}" if self.student else "with the public demonstration's numbers"
        return f"Assignment {self.slug} {whose}: {', '.join(self._variant)}"

    def _known(self, item: str) -> None:
        if item not in self._variant:
            raise AssignmentError(f"{self.slug} has no item {item!r}; expected one of {', '.join(self._variant)}.")

    @property
    def _file(self) -> Path:
        return Path(f".{self.slug}.bets.json")

    def _saved(self) -> dict[str, Bet]:
        """Bets locked before a kernel was restarted. A demonstration remembers none; another variant's are void."""
        if self.student is None:
            return {}
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            return {k: Bet(**v) for k, v in kept["bets"].items()} if kept["variant"] == self._digest else {}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise AssignmentError(f"{self._file} cannot be read ({error}); move it away and bet again.") from error

    def _save(self) -> None:
        if self.student is None:
            return
        kept = {"variant": self._digest, "bets": {k: asdict(v) for k, v in self._bets.items()}}
        try:
            self._file.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        except OSError as error:  # a read-only folder: the bet is locked until the kernel ends
            print(f"({self._file} could not be written: {error}. The bet is locked in this kernel only.)")


def open(slug: str, student: str | None = None, variant: Mapping[str, Any] | None = None) -> Work:
    """Open an assignment.

    A release fills in `student` and `variant`. A source gives neither and gets the public demonstration's numbers,
    which need the repository. Raises AssignmentError where these are not to be had.
    """
    if variant is None:
        if student is not None:
            raise AssignmentError(f"{slug}: student {student!r} has no variant here; take the first cell as it was released.")
        variant = _demonstration(slug)
    return Work(slug, student, variant)


def _demonstration(slug: str) -> Mapping[str, Any]:
    """The public variant, drawn from the repository's items."""
    try:
        from course.variants import demonstration  # not in the sandbox

        return demonstration(slug)
    except (ImportError, ValueError) as error:  # a CourseError is a ValueError
        raise AssignmentError(
            f"{slug} was opened without a variant, and the repository's assignments are not here ({error}). "
            "Use the notebook that your instructor released, with its first cell as it came."
        ) from error


def _number(item: str, name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise AssignmentError(f"{item}: {name} is {value!r}; expected a finite number.")
    return number


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _arrays(value: Any) -> Any:
    """A copy in which every rectangular list of numbers is a NumPy array; other lists stay lists."""
    if isinstance(value, Mapping):
        return {key: _arrays(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        try:
            array = np.asarray(value)
        except ValueError:  # ragged
            return [_arrays(each) for each in value]
        numeric = array.dtype.kind in "biuf" and array.size > 0
        return array if numeric else [_arrays(each) for each in value]
    return value
