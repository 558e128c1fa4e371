"""A student's copy: its variant, and bets that lock."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from course import assignment
from course.assignment import AssignmentError

VARIANT = {
    "fit": {
        "x": [1.0, 2.0],
        "grid": [[1, 2], [3, 4]],
        "ragged": [[1], [2, 3]],
        "words": ["a", "b"],
        "n": 3,
        "deep": {"y": [0.5]},
    },
    "bet": {},
}


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> assignment.Work:
    monkeypatch.chdir(tmp_path)
    return assignment.open("90-demo", student="ada", variant=VARIANT)


def test_lists_of_numbers_come_as_arrays_and_other_values_as_they_are(work: assignment.Work) -> None:
    fit = work["fit"]
    np.testing.assert_array_equal(fit["x"], [1.0, 2.0])
    assert fit["grid"].shape == (2, 2) and fit["grid"].dtype.kind == "i"
    assert [list(row) for row in fit["ragged"]] == [[1], [2, 3]]
    assert fit["words"] == ["a", "b"] and fit["n"] == 3 and fit["deep"]["y"].dtype == np.float64


def test_what_a_cell_overwrites_comes_back_whole(work: assignment.Work) -> None:
    work["fit"]["x"][:] = 0
    np.testing.assert_array_equal(work["fit"]["x"], [1.0, 2.0])


def test_an_unknown_item_is_named_with_the_known_ones(work: assignment.Work) -> None:
    with pytest.raises(AssignmentError, match="no item 'fitt'; expected one of fit, bet"):
        work["fitt"]


def test_no_bet_no_result(work: assignment.Work) -> None:
    with pytest.raises(AssignmentError, match="no bet yet"):
        work.locked("bet")


def test_a_bet_locks(work: assignment.Work, capsys: pytest.CaptureFixture[str]) -> None:
    work.predict("bet", 1, 2, 0.8)
    bet = work.locked("bet")
    assert 1.5 in bet and 3 not in bet
    assert bet.receipt in capsys.readouterr().out
    work.predict("bet", low=1.0, high=2.0, confidence=0.8)  # the cell may be run again
    with pytest.raises(AssignmentError, match="is locked"):
        work.predict("bet", 1, 2.5, 0.8)
    assert work.bets == {"bet": bet}


@pytest.mark.parametrize(
    ("low", "high", "confidence", "message"),
    [
        (2, 1, 0.8, "low < high"),
        (1, 2, 80, "such as 0.8"),
        (1, 2, 0, "probability"),
        (1, 2, 0.499, "from 0.5 to 0.99"),
        (0, 1e-9, 0.001, "is 0.001"),
        (1, 2, 0.995, "from 0.5 to 0.99"),
        (float("nan"), 2, 0.8, "finite"),
        (None, 2, 0.8, "low is None"),
    ],
)
def test_a_bet_that_is_none_locks_nothing(
    work: assignment.Work,
    low: float,
    high: float,
    confidence: float,
    message: str,
) -> None:
    with pytest.raises(AssignmentError, match=message):
        work.predict("bet", low, high, confidence)
    assert work.bets == {}


def test_a_restarted_kernel_remembers_the_bet(work: assignment.Work) -> None:
    work.predict("bet", 1, 2, 0.8)
    again = assignment.open("90-demo", student="ada", variant=VARIANT)
    assert again.bets == work.bets
    with pytest.raises(AssignmentError, match="is locked"):
        again.predict("bet", 0, 1, 0.8)


def test_the_bet_of_another_variant_is_void_and_receipts_differ(work: assignment.Work) -> None:
    work.predict("bet", 1, 2, 0.8)
    other = assignment.open("90-demo", student="bob", variant=VARIANT)
    assert other.bets == {}
    other.predict("bet", 1, 2, 0.8)
    assert other.locked("bet").receipt != work.locked("bet").receipt


def test_a_spoilt_file_of_bets_is_named(work: assignment.Work, tmp_path: Path) -> None:
    (tmp_path / ".90-demo.bets.json").write_text("[", encoding="utf-8")
    with pytest.raises(AssignmentError, match="move it away"):
        assignment.open("90-demo", student="ada", variant=VARIANT)


def test_a_demonstration_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assignment.open("90-demo", variant=VARIANT).predict("bet", 1, 2, 0.8)
    assert list(tmp_path.iterdir()) == []


def test_a_student_without_a_variant_is_sent_to_the_release() -> None:
    with pytest.raises(AssignmentError, match="as it was released"):
        assignment.open("90-demo", student="ada")


def test_a_source_is_opened_with_the_public_demonstration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    work = assignment.open("01-alchemy")
    assert work.student is None and work["rounded-sum"]["bits"] > 0


def test_without_the_assignments_the_variant_is_asked_of_the_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssignmentError, match="assignments are not here .*90-demo.*your instructor released"):
        assignment.open("90-demo")  # the book has none of this name
    monkeypatch.setitem(sys.modules, "course.variants", None)  # as in the sandbox
    with pytest.raises(AssignmentError, match="your instructor released"):
        assignment.open("01-alchemy")
