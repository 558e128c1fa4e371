"""What bets were worth over a course: whether they held as often as their authors said, and how much they said.

Never whether the author was right about the world: a wide honest interval and a narrow honest one both do well.

- Coverage: with n bets at stated confidences c, the number that hold has mean sum(c) and variance sum(c (1 - c)).
  Full marks within one standard deviation, none from three on, linear between.
- Sharpness: the interval score of Gneiting and Raftery (2007, section 6.2), (high - low) + 2/alpha times the miss,
  alpha = 1 - confidence. Divided by what a calibrated Gaussian forecaster with standard deviation 1 expects at that
  confidence, it reads as an equivalent standard deviation, whatever confidence was chosen; honest bets minimize it. In
  units of the result's size it gives 1 / (1 + median).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import norm

LEAST = 3  # bets below which nothing is scored


@dataclass(frozen=True)
class Calibration:
    """n bets; stated and held: mean confidence and share that held; spread: median equivalent deviation, relative."""

    n: int
    stated: float
    held: float
    spread: float
    share: float | None


def equivalent_deviation(low: float, high: float, confidence: float, result: float) -> float:
    """The interval score in units of a calibrated Gaussian forecaster's standard deviation."""
    alpha = 1 - confidence
    score = (high - low) + 2 / alpha * (max(low - result, 0.0) + max(result - high, 0.0))
    return score * alpha / (4 * float(norm.pdf(norm.ppf(alpha / 2))))


def over(bets: Sequence[Mapping[str, float | None]]) -> Calibration:
    """One student's bets with their results. Fewer than three are shown and not scored (share None)."""
    known = [b for b in bets if b.get("result") is not None and math.isfinite(b["result"])]
    if not known:
        return Calibration(0, math.nan, math.nan, math.nan, None)
    held = sum(b["low"] <= b["result"] <= b["high"] for b in known)
    stated = sum(b["confidence"] for b in known)
    sizes = sorted(equivalent_deviation(b["low"], b["high"], b["confidence"], b["result"]) / (abs(b["result"]) or 1.0)
                   for b in known)
    n, middle = len(known), len(sizes) // 2
    spread = sizes[middle] if n % 2 else (sizes[middle - 1] + sizes[middle]) / 2
    away = abs(held - stated) / math.sqrt(sum(b["confidence"] * (1 - b["confidence"]) for b in known))
    coverage = min(1.0, max(0.0, (3 - away) / 2))
    share = None if n < LEAST else round((coverage + 1 / (1 + spread)) / 2, 4)
    return Calibration(n, stated / n, held / n, spread, share)
