"""The survey's analysis notebook runs on a teacher's file, finds what was put in, and refuses what is wrong."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import jupytext
import numpy as np
import pytest
from alchemy import evidence, survey

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "book" / "instructors" / "survey-analysis.md"
CELLS = [c.source for c in jupytext.read(PAGE).cells if c.cell_type == "code"]
KEYS = [s.key for s in survey.STATEMENTS]


def run(source: str | Path) -> dict[str, Any]:
    """The names that the notebook leaves behind when its first cell names this file."""
    assert CELLS[0].startswith('SOURCE = ""')
    names: dict[str, Any] = {}
    for cell in [f"SOURCE = {str(source)!r}", *CELLS[1:]]:
        exec(compile(cell, PAGE.name, "exec"), names)
    return names


def write(path: Path, rows: list[dict[str, Any]], columns: list[str] | None = None) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns or list(rows[0]), restval="")
        table.writeheader()
        table.writerows(rows)
    return path


def a_class(rng: np.random.Generator, people: int = 24, **moved: float) -> list[dict[str, Any]]:
    """Rows of people who answer the statements named, and move by so much and a little."""
    rows = []
    for k in range(people):
        first = rng.uniform(0.3, 0.6, len(moved))
        latest = np.clip(first + list(moved.values()) + rng.normal(0, 0.04, len(moved)), 0, 1)
        for when, values in (("before", first), ("after", latest)):
            answers = {key: round(float(v), 3) for key, v in zip(moved, values, strict=True)}
            rows.append({"person": f"word{k}", "round": when} | answers)
    return rows


def test_it_finds_what_was_put_in(tmp_path, capsys):
    rows = a_class(np.random.default_rng(5), convnet=0.3, edge=0.0, accumulation=-0.2)
    rows.append({"person": "left", "round": "before", "convnet": 0.9})
    found = run(write(tmp_path / "class.csv", rows, ["person", "round", "convnet", "edge", "accumulation"]))
    assert sorted(found["shifts"]) == ["accumulation", "convnet", "edge"]
    assert found["shifts"]["convnet"].low > 0.2 and found["shifts"]["accumulation"].high < -0.1
    assert found["shifts"]["edge"].low < 0 < found["shifts"]["edge"].high
    assert found["adjusted"]["convnet"] < 0.001 < 0.05 < found["adjusted"]["edge"]
    assert found["signs"]["convnet"][:2] == (24, 0)
    # Both true sentences and the false one were approached or left alone: the beliefs came nearer to the words.
    assert found["truth"]["convnet"] and found["truth"]["edge"] and not found["truth"]["accumulation"]
    assert found["change"].high < 0
    said = capsys.readouterr().out
    assert "25 people; 24 answered again, 1 did not" in said and "INVENTED" not in said and "invented" not in said
    assert "[figure] Two panels." in said


def test_shifts_are_those_of_the_file(tmp_path):
    rows = a_class(np.random.default_rng(6), people=8, gates=0.1)
    by = {(r["person"], r["round"]): r["gates"] for r in rows}
    expected = np.mean([by[f"word{k}", "after"] - by[f"word{k}", "before"] for k in range(8)])
    found = run(write(tmp_path / "class.csv", rows[::-1]))  # the order of the rows says nothing
    assert found["shifts"]["gates"].estimate == pytest.approx(expected)
    brier = [[by[f"word{k}", when] ** 2 for when in ("before", "after")] for k in range(8)]
    np.testing.assert_allclose(np.sort(found["brier"], axis=0), np.sort(brier, axis=0))


def test_a_folder_of_students_files_does_as_well(tmp_path):
    for k in range(6):
        survey.answer({"edge": 0.1 * k}, tmp_path / f"{k}.json")
        survey.answer({"edge": 0.1 * k + 0.2}, tmp_path / f"{k}.json")
    found = run(tmp_path)
    assert found["shifts"]["edge"].estimate == pytest.approx(0.2) and found["shifts"]["edge"].n == 6


def test_without_a_file_the_class_is_called_invented(capsys):
    found = run("")
    said = capsys.readouterr().out
    assert said.startswith("AN INVENTED CLASS") and "of an invented class" in said
    assert found["beliefs"].shape == (30, len(KEYS), 2) and (~found["stayed"]).sum() == 3
    np.testing.assert_array_equal(found["beliefs"], run("")["beliefs"])


def test_every_card_is_a_claim_of_the_ledger():
    ledger = evidence.all_words()
    cards = run("")["CARDS"]
    assert {claim for claim, _ in cards.values()} <= set(ledger) and set(cards) <= set(KEYS)


GOOD = {"person": "heron", "round": "before", "edge": "0.5"}


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([GOOD | {"edge": "70"}], r"line 2, edge is '70'; expected a probability"),
        ([GOOD | {"edge": "yes"}], r"line 2, edge is 'yes'; expected a probability"),
        ([GOOD | {"edge": "nan"}], r"line 2, edge is 'nan'"),
        ([GOOD | {"round": "later"}], r"line 2: .*'later'.* Expected a name, then before or after"),
        ([GOOD | {"person": ""}], r"line 2: .*Expected a name"),
        ([GOOD, GOOD], r"line 3: heron answers twice"),
        ([GOOD | {"magic": "0.5"}], r"unknown \['magic'\]"),
        ([{"person": "heron", "edge": "0.5"}], r"missing \['round'\]"),
        ([{"person": "heron", "round": "before"}], r"one or more of convnet"),
        ([GOOD], r"no statement has five people"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path, rows, says):
    with pytest.raises(ValueError, match=says):
        run(write(tmp_path / "class.csv", rows))


def test_a_path_that_leads_nowhere_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        run(tmp_path / "absent.csv")
