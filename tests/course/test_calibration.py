"""What bets are worth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from course import calibration, engines, grade, submission
from course import course as courses

DEMO = courses.load(folders=(Path(__file__).parent / "demo",))


def test_honest_bets_score_best_whatever_confidence_was_chosen() -> None:
    """Gneiting and Raftery: in expectation a Gaussian forecaster's honest interval has equivalent deviation 1."""
    from scipy.stats import norm

    x = norm.ppf((np.arange(4000) + 0.5) / 4000)
    for confidence in (0.5, 0.8, 0.95):
        half = norm.ppf((1 + confidence) / 2)
        mean = {
            w: np.mean([calibration.equivalent_deviation(-w * half, w * half, confidence, r) for r in x]) for w in (0.6, 1, 1.6)
        }
        assert mean[1] == pytest.approx(1, abs=0.01)
        assert mean[1] < mean[0.6] and mean[1] < mean[1.6]


def test_calibration_pays_for_honesty_not_for_being_right() -> None:
    def bets(held: int, n: int, confidence: float, width: float = 0.2) -> list[dict[str, float | None]]:
        return [
            {
                "low": 10 - width,
                "high": 10 + width,
                "confidence": confidence,
                "result": 10 if k < held else 10 + 2 * width,
                "scale": 1.0,
            }
            for k in range(n)
        ]

    honest = calibration.over(bets(5, 10, 0.5))
    overconfident = calibration.over(bets(5, 10, 0.99))
    vacuous = calibration.over(bets(10, 10, 0.99, width=1e6))
    assert honest.held == 0.5 and honest.share > 0.7
    assert overconfident.share < 0.1 and vacuous.share < 0.1
    assert calibration.over(bets(1, 2, 0.8)).share is None and calibration.over([]).n == 0


def _courses(
    rng: np.random.Generator,
    half: float,
    confidence: float,
    shift: float = 0.0,
    known: float = 1.0,
    scale: float = 7.0,
    mean: float = 0.0,
) -> list[calibration.Calibration]:
    """Many courses of eleven bets on Gaussian results, whose deviation is `known` of the item's scale.

    half: half width of the intervals, shift: distance from the middle, both in scales.
    """
    return [
        calibration.over(
            [
                {
                    "low": mean + (shift - half) * scale,
                    "high": mean + (shift + half) * scale,
                    "scale": scale,
                    "confidence": confidence,
                    "result": mean + known * scale * x,
                }
                for x in rng.normal(size=11)
            ]
        )
        for _ in range(600)
    ]


@pytest.mark.parametrize("mean", [0.0, 50.0])
@pytest.mark.parametrize("known", [0.4, 1.0])
def test_the_honest_interval_says_most(known: float, mean: float) -> None:
    """Also where results lie around 0: the scale is the item's, not the result's."""
    honest = 1.2816 * known
    ways = {"honest": (honest, 0), "wide": (2 * honest, 0), "narrow": (honest / 2, 0), "shifted": (honest, honest)}
    spread, share = {}, {}
    for way, (half, shift) in ways.items():
        found = _courses(np.random.default_rng(1), half, 0.8, shift, known, mean=mean)
        spread[way] = np.mean([calibration.narrowness(f.spread) for f in found])
        share[way] = np.mean([f.share for f in found])
    for way in ("wide", "narrow", "shifted"):
        assert spread["honest"] > spread[way] + 0.02, (way, spread)
        assert share["honest"] > share[way] + 0.1, (way, share)


def test_knowing_nothing_pays_nothing() -> None:
    """Against a student who knows no more than how results spread over students."""

    def mean(half: float, confidence: float) -> float:
        return float(np.mean([f.share for f in _courses(np.random.default_rng(2), half, confidence)]))

    honest = mean(1.2816, 0.8)
    assert honest > 0.4
    assert mean(1e-9, 0.5) < 0.05 and mean(100, 0.99) < 0.05 and mean(10, 0.99) < 0.6 * honest


def test_a_calibrated_student_has_full_coverage_more_often_than_not() -> None:
    """What the page for instructors says, with eleven bets: 75 times in 100 at 80 %, 55 for somebody right in 70 % of them."""
    from scipy.stats import binom

    def full(stated: float, right: float) -> float:
        """The probability of a whole share for coverage: of intervals so narrow that coverage alone decides."""
        bets = [
            [
                {"low": -1e-9, "high": 1e-9, "confidence": stated, "result": 0.0 if n < held else 2e-9, "scale": 1.0}
                for n in range(11)
            ]
            for held in range(12)
        ]
        shares = [calibration.over(each).share for each in bets]
        return float(sum(binom.pmf(held, 11, right) for held, share in enumerate(shares) if share == pytest.approx(1, abs=1e-6)))

    assert round(full(0.8, 0.8), 2) == 0.75 and round(full(0.8, 0.7), 2) == 0.55
    assert all(0.585 < full(c, c) < 0.905 for c in (0.5, 0.6, 0.7, 0.8, 0.9, 0.99))


def test_only_confidences_that_can_be_checked_count() -> None:
    item = next(i for i in DEMO.items("90-demo") if i.kind == "prediction")
    run = grade.Run(submission.Plan([], {}, [], {}, {}), {"heads": item}, {"heads": {"seed": 1}}, None, engines.Limits())
    for confidence in (0.001, 0.49, 0.999):
        share, message = run._bet("heads", item, {"value": {"low": 0, "high": 1e-9, "confidence": confidence}})
        assert share == 0 and "0.5 to 0.99" in message and run.bets == {}
    assert run._bet("heads", item, {"value": {"low": 40, "high": 60, "confidence": 0.8}})[0] == 1
    assert run.bets["heads"]["scale"] == item.scale == 5
