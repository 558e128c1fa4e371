"""Three items for the tests of the coursework."""

from __future__ import annotations

import numpy as np
from course.items import Item, close


def _probes(variant: dict, rng: np.random.Generator) -> list[tuple]:
    return [(rng.uniform(1, 2, n), rng.uniform(0.1, 1, n)) for n in (4, 5, 6, 7)]


def _mean(variant: dict, x: np.ndarray, w: np.ndarray) -> float:
    return float(np.average(np.asarray(x) ** variant["power"], weights=w))


ITEMS = [
    Item(
        "demo/weighted-mean",
        20,
        "function",
        "weighted_mean",
        lambda rng: {"power": int(rng.integers(2, 6))},
        _probes,
        _mean,
        close(1e-8, hint="Do the weights count?"),
        tolerance="rounding only",
        seconds=5,
    ),
    Item(
        "demo/largest",
        20,
        "value",
        "largest",
        lambda rng: {"matrix": rng.normal(size=(3, 3)).round(3)},
        reference=lambda variant: float(np.linalg.norm(np.asarray(variant["matrix"]), 2)),
        compare=close(1e-6),
        tolerance="rounding only",
        seconds=5,
    ),
    Item(
        "demo/heads",
        10,
        "prediction",
        "",
        lambda rng: {"seed": int(rng.integers(1, 1000))},
        reference=lambda variant: float(np.random.default_rng(variant["seed"]).integers(0, 2, 100).sum()),
        scale=5,
    ),  # of 100 coins
]
