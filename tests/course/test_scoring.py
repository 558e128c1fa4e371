"""Answers into points, hostile answers included."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import pytest
from course import course as courses
from course import scoring, variants, wire
from course.items import Item

DEMO = courses.load(folders=(Path(__file__).parent / "demo",))


@pytest.mark.parametrize("error", [None, 3, "x", {}, {"where": 3}, {"where": [1]}, {"type": [], "text": {}}, {"where": "abc"}])
def test_a_forged_error_of_one_probe_is_a_complaint(error: object) -> None:
    assert isinstance(scoring.complaint(error, hidden=True), str)
    score = scoring.of_function(DEMO.items("90-demo")[0], {"power": 2}, [(np.ones(2), np.ones(2))], [{"error": error}])
    assert score.share == 0


HUGE = np.lib.stride_tricks.as_strided(np.zeros(1), (2000, 2000), (0, 0))
HOSTILE = [
    None,
    True,
    "right",
    "nan",
    math.nan,
    math.inf,
    10**400,
    [],
    {},
    [[]],
    {"a": 1},
    [1, "a"],
    np.zeros(0),
    np.zeros((0, 3)),
    np.full(3, np.nan),
    np.full((2, 2), np.inf),
    np.array(["a"]),
    np.zeros((1,) * 30),
    HUGE,
    [HUGE, HUGE],
    1j,
]
REAL = courses.load()
GRADED = [(slug, item) for slug in REAL.slugs() for item in REAL.items(slug) if item.kind in ("function", "value")]


def twisted(value: object, by: float) -> object:
    """The value with every number replaced by `by`."""
    if isinstance(value, dict):
        return {k: twisted(v, by) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [twisted(v, by) for v in value]
    if isinstance(value, str | bool | None):
        return value
    return np.full(np.shape(value), by)


@pytest.mark.parametrize(("slug", "item"), GRADED, ids=[item.id for _, item in GRADED])
def test_no_answer_from_a_hostile_notebook_passes_or_stalls_a_comparison(slug: str, item: Item) -> None:
    """Not a number is near everything for a careless `abs(a - b) > tolerance`; an answer of 32 MB is no reason to hang."""
    variant = variants.draw(item, b"k" * 16, "c", "ada")
    key = scoring.Key(b"k" * 16, "c", "ada")
    arguments = scoring.probes(item, variant, key)[0] if item.kind == "function" else ()
    expected = item.reference(variant, *arguments)
    plain = wire.decode(wire.encode(variants.plain(expected) if not isinstance(expected, np.ndarray) else expected))
    if isinstance(expected, bool | np.bool_ | str) or expected is None:
        worthless = HOSTILE[:0]
    else:
        worthless = [*HOSTILE, *(twisted(plain, by) for by in (math.nan, math.inf, -math.inf))]
    begun = time.process_time()
    for found in worthless:
        score = scoring.compared(item, found, expected, variant, arguments)
        assert score.share < 0.5, f"{item.id} gives {score.share} for {str(found)[:60]}: {score.message}"
    assert time.process_time() - begun < 10


def test_hidden_inputs_are_the_same_for_the_same_submission_and_no_other() -> None:
    """A notebook can tell its author what it was called with; another notebook is called with something else."""
    item = DEMO.items("90-demo")[0]
    drawn = [scoring.probes(item, {"power": 2}, scoring.Key(b"k" * 16, "c", "ada", mark))[0][0] for mark in ("a", "a", "b", "")]
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2]) and not np.array_equal(drawn[0], drawn[3])
