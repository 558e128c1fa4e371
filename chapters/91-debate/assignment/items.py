"""The final debate: sides by lot, swapped half-way; one number for what the audience did."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from course.items import Item, close

MOTIONS = (
    "Local search will stay beyond rigorous understanding.",
    "A field that works needs no theory that comes after.",
    "A guarantee that nobody can use is not knowledge.",
    "Tuning at equal budget settles more than any theorem.",
)
SCALES = ("log odds", "probability")
TAILS = ("towards the motion", "either way")


def shift_reference(variant: dict[str, Any], before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(mean shift, exact p-value of the sign-flip test over all 2^n assignments, the one that happened among them)."""
    b, a = (np.clip(np.asarray(x, float), 0.02, 0.98) for x in (before, after))
    d = np.log(a / (1 - a)) - np.log(b / (1 - b)) if variant["scale"] == "log odds" else a - b
    flipped = np.array(list(product([1.0, -1.0], repeat=len(d)))) @ d
    found, slack = d.sum(), 1e-9 * np.abs(d).sum()
    extreme = flipped >= found - slack if variant["tail"] == TAILS[0] else np.abs(flipped) >= abs(found) - slack
    return np.array([found / len(d), extreme.mean()])


def _audience(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    n = int(rng.integers(8, 12))
    before = rng.uniform(0.05, 0.95, n)
    odds = np.log(before / (1 - before)) + rng.normal(0.5, 0.8, n)
    after = 1 / (1 + np.exp(-odds))
    after[0] = 1.0  # somebody is always certain
    return np.round(before, 2), np.round(after, 2)


def _variant(rng: np.random.Generator) -> dict[str, Any]:
    before, after = _audience(rng)
    return {"scale": str(rng.choice(SCALES)), "tail": str(rng.choice(TAILS)), "before": before, "after": after}


def _bet_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "motion": str(rng.choice(MOTIONS)),
        "side": str(rng.choice(["for", "against"])),
        "people": int(rng.choice([10, 20, 40])),
        "moved": float(rng.choice([0.1, 0.2, 0.3])),
        "stream": int(rng.integers(1, 10_000)),
    }


def bet_reference(variant: dict[str, Any]) -> float:
    """Per cent of audiences whose mean belief seems to move by five points or more, when nobody is persuaded."""
    rng = np.random.default_rng(int(variant["stream"]))
    shift = rng.normal(0, float(variant["moved"]), (4000, int(variant["people"]))).mean(1)
    return float(100 * np.mean(np.abs(shift) >= 0.05))


ITEMS = [
    Item(
        "debate/shift",
        25,
        "function",
        "shift",
        _variant,
        lambda variant, rng: [_audience(rng) for _ in range(5)],
        shift_reference,
        close(
            1e-4, 1e-9, hint="Flip the signs of all shifts in every way; count the sums at least as extreme, your own included."
        ),
        tolerance="Enumerations by products and by bits; 1e-4 is far below the distance of two shares of 2^n.",
    ),
    Item(
        "debate/noise-bet",
        5,
        "prediction",
        scale=22,  # the deviation in spread.json
        variant=_bet_variant,
        reference=bet_reference,
        tolerance="None: the bet is scored against the rate as it is measured.",
    ),
    Item("debate/steelman", 25, "essay"),
    Item("debate/swapped", 25, "essay"),
    Item("debate/closing", 20, "essay"),
]
