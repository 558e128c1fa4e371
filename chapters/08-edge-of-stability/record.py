"""Train the page's network, from the page's starts, at more learning rates than its claims have. About a minute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import alchemy
import numpy as np
from alchemy import project

SOURCES = [Path(__file__).with_name("bench.py")]
ETAS = (0.07, 0.1, 0.13, 0.17, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)  # two that stay below, the page's four, wild ones
# As at the page's laptop scale; a test compares them.
STREAM = "runs, second registration"
SETTINGS = {"seeds": 12, "images": 160, "crop": 20, "pool": 2, "width": 40, "steps": 400}


def record(results: Callable[[], Any]) -> dict[str, Any]:
    """Sharpness over the seeds that are not lost, and the first seed's loss, for each learning rate. results: not asked for."""
    bench = project.load(SOURCES[0])
    chapter, cfg = alchemy.open_chapter("08-edge-of-stability"), SETTINGS
    pool = bench.digits(cfg["crop"], cfg["pool"])
    start = bench.starts(pool, chapter.rng(STREAM), chapter.keys(STREAM, cfg["seeds"]), images=cfg["images"], width=cfg["width"])
    apply = bench.network(pool.x.shape[1], "tanh", cfg["width"])[1]
    out = bench.train(pool, apply, start, [bench.Arm(eta) for eta in ETAS], steps=cfg["steps"])
    arms = []
    for eta, s, loss, gone in zip(ETAS, out["sharpness"], out["loss"], bench.exploded(out), strict=True):
        none = np.full((3, s.shape[1]), np.nan)
        low, median, high = none if gone.all() else np.percentile(s[~gone], [2.5, 50, 97.5], axis=0)
        arms.append(
            {
                "eta": eta,
                "lost": int(gone.sum()),
                "low": digits(low),
                "median": digits(median),
                "high": digits(high),
                "loss": digits(loss[0][::2], 3),
            }
        )
    return SETTINGS | {"every": bench.EVERY, "arms": arms}


def digits(values: np.ndarray, n: int = 4) -> list[float | None]:
    """n significant digits; None where a run is not finite."""
    return [float(f"{v:.{n}g}") if np.isfinite(v) else None for v in np.asarray(values, np.float64)]
