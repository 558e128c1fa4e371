"""What bets were worth over a course: whether they held as often as their authors said, and how much they said.

Two shares, multiplied: what says nothing earns nothing, and so does what holds far more or less often than it says.

- Coverage: with n bets at stated confidences c, the number that hold has mean sum(c) and variance sum(c (1 - c)).
  Full marks within one standard deviation, none from three on, linear between.
- Narrowness: the interval score of Gneiting and Raftery (2007, section 6.2), (high - low) + 2/alpha times the miss,
  alpha = 1 - confidence. Divided by what a calibrated Gaussian forecaster with standard deviation 1 expects at that
  confidence, it reads as an equivalent standard deviation, whatever confidence was chosen; honest bets minimize its
  expectation. Divided by the item's `scale`, fixed before any student's result, it is 1 for somebody who knows how
  results spread over students and no more. Over all bets it gives 1 / (1 + mean).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

GAUSS = NormalDist()
LEAST = 3  # bets below which nothing is scored


@dataclass(frozen=True)
class Calibration:
    """n bets; stated and held: mean confidence and share that held; spread: mean equivalent deviation in items' scales.
    share: of the calibration's points, None where too few bets are known."""

    n: int
    stated: float
    held: float
    spread: float
    share: float | None


def equivalent_deviation(low: float, high: float, confidence: float, result: float) -> float:
    """The interval score in units of a calibrated Gaussian forecaster's standard deviation."""
    alpha = 1 - confidence
    score = (high - low) + 2 / alpha * (max(low - result, 0.0) + max(result - high, 0.0))
    return score * alpha / (4 * GAUSS.pdf(GAUSS.inv_cdf(alpha / 2)))


def narrowness(spread: float) -> float:
    """The second share: 1 for knowing the result, 1/2 for knowing its spread over students, 0 for saying nothing."""
    return 1 / (1 + spread)


def over(bets: Sequence[Mapping[str, float | None]]) -> Calibration:
    """One student's bets with their results and scales. Fewer than three are shown and not scored (share None)."""
    known = [b for b in bets if b.get("result") is not None and math.isfinite(b["result"])]
    if not known:
        return Calibration(0, math.nan, math.nan, math.nan, None)
    held = sum(b["low"] <= b["result"] <= b["high"] for b in known)
    stated = sum(b["confidence"] for b in known)
    spread = sum(equivalent_deviation(b["low"], b["high"], b["confidence"], b["result"]) / b["scale"] for b in known) / len(known)
    away = abs(held - stated) / math.sqrt(sum(b["confidence"] * (1 - b["confidence"]) for b in known))
    coverage = min(1.0, max(0.0, (3 - away) / 2))
    share = None if len(known) < LEAST else round(coverage * narrowness(spread), 4)
    return Calibration(len(known), stated / len(known), held / len(known), spread, share)
