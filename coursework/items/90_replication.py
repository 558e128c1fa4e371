"""Mid-term: the registered analysis of a replication, as each student's plan has it, and the word that follows."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from coursework.kit.items import Item, Score, close

FIGURES = ("cohen2021gradient: the sharpness of full-batch gradient descent goes to 2/eta", "rahimi2007random: the error of random "
           "features against their number", "zhang2017understanding: steps to fit shuffled against true labels",
           "saxe2014exact: learning time of a mode against its singular value", "he2015delving: signal size against depth")
MEASURES = ("difference", "log ratio")


def per_seed(variant: dict[str, Any], treated: np.ndarray, control: np.ndarray) -> np.ndarray:
    """One number a seed, paired; seeds with a lost run in either arm left out."""
    t, c = np.asarray(treated, float), np.asarray(control, float)
    kept = np.isfinite(t) & np.isfinite(c)
    return np.log(t[kept] / c[kept]) if variant["measure"] == "log ratio" else t[kept] - c[kept]


def analysis_reference(variant: dict[str, Any], treated: np.ndarray, control: np.ndarray) -> np.ndarray:
    """(estimate, low, high): Student's interval at 1 - (1 - level) / family; for log ratios, taken back to ratios."""
    x = per_seed(variant, treated, control)
    alpha = (1 - float(variant["level"])) / int(variant["family"])
    half = stats.t.isf(alpha / 2, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x))
    found = x.mean() + np.array([0.0, -half, half])
    return np.exp(found) if variant["measure"] == "log ratio" else found


def verdict_reference(variant: dict[str, Any], treated: np.ndarray, control: np.ndarray) -> str:
    """The word: too many lost seeds can never be held; else the interval against the region."""
    _, low, high = analysis_reference(variant, treated, control)
    lost = 1 - len(per_seed(variant, treated, control)) / len(treated)
    inside = variant["low"] <= low and high <= variant["high"]
    outside = high < variant["low"] or low > variant["high"]
    if lost > variant["may_lose"] and inside:
        return "undecided"
    return "held" if inside else "failed" if outside else "undecided"


def _runs(variant: dict[str, Any], rng: np.random.Generator, at: float = 0.5, lost: int = 1, spread: float = 0.1) -> tuple:
    """Two arms of 8 to 11 seeds that share their luck; the effect lies at the fraction `at` of the region."""
    n, (low, high) = int(rng.integers(8, 12)), (variant["low"], variant["high"])
    luck, noise = rng.normal(0, 0.5, n), rng.normal(0, spread, n)
    noise = noise - noise.mean()
    if variant["measure"] == "difference":
        control = 5 + luck
        treated = control + low + at * (high - low) + noise * (high - low)
    else:
        control = np.exp(luck)
        treated = control * np.exp(np.log(low) + at * np.log(high / low) + noise * np.log(high / low))
    for k in rng.permutation(n)[:lost]:
        (treated if rng.random() < 0.5 else control)[k] = np.nan
    return treated, control


def _variant(rng: np.random.Generator) -> dict[str, Any]:
    measure = str(rng.choice(MEASURES))
    low, high = (0.4, 1.2) if measure == "difference" else (1.5, 3.0)
    factor = float(rng.choice([0.8, 1.0, 1.2]))
    return {"figure": str(rng.choice(FIGURES)), "measure": measure, "level": float(rng.choice([0.9, 0.95, 0.99])),
            "family": int(rng.integers(2, 6)), "low": round(low * factor, 3), "high": round(high * factor, 3), "may_lose": 0.2}


def _verdict_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    """Words that hang on the level, the family, the pairing and the lost seeds; as many of each word."""
    found: list[tuple] = []
    loose = variant | {"family": 1}
    for want, lost in (("held", 1), ("failed", 1), ("undecided", 1), ("undecided", 1), ("undecided", 4), ("undecided", 4)):
        for attempt in range(4000):
            at = {"held": 0.5, "failed": -0.15}.get(want, 0.5 if lost == 4 else float(rng.choice([0.08, 0.92])))
            runs = _runs(variant, rng, at, lost, 0.1)
            near = want != "undecided" or lost == 4 or verdict_reference(loose, *runs) != want or attempt > 2000
            inside = lost < 4 or verdict_reference(variant | {"may_lose": 1.0}, *runs) == "held"
            if verdict_reference(variant, *runs) == want and near and inside:
                found.append(runs)
                break
    return found


def _word(found: Any, expected: Any, variant: dict[str, Any], arguments: tuple) -> Score:
    if found == expected:
        return Score(1.0, "right.")
    if found not in ("held", "failed", "undecided"):
        return Score(0.0, "expected one of the words held, failed, undecided.")
    return Score(0.0, f"a word is {found!r} and should not be. Check the family, both ends of the region, and the lost seeds.")


def _bet_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {"first": int(rng.choice([4, 6, 10])), "second": int(rng.choice([4, 8, 20])), "stream": int(rng.integers(1, 10_000))}


def bet_reference(variant: dict[str, Any]) -> float:
    """Per cent of replications whose mean falls into the first study's 95 % interval; both honest, nothing changed."""
    rng = np.random.default_rng(int(variant["stream"]))
    a, b = rng.normal(size=(4000, int(variant["first"]))), rng.normal(size=(4000, int(variant["second"])))
    half = stats.t.ppf(0.975, a.shape[1] - 1) * a.std(1, ddof=1) / np.sqrt(a.shape[1])
    return float(100 * np.mean(np.abs(b.mean(1) - a.mean(1)) <= half))


ITEMS = [
    Item("replication/analysis", 18, "function", "analysis", _variant,
         lambda variant, rng: [_runs(variant, rng, lost=k) for k in (1, 1, 2, 2, 1)], analysis_reference,
         close(1e-6, 1e-9, hint="Pair first, then leave out, then average; the family narrows the level."),
         tolerance="Over 24 students, five pairs of arms each, two ways to write the interval agree to 1.1e-15."),
    Item("replication/verdict", 17, "function", "verdict", _variant, _verdict_probes, verdict_reference, _word,
         tolerance="Deterministic: a word is right or it is not; over 24 students two ways to write the rule agree."),
    Item("replication/again-bet", 5, "prediction", variant=_bet_variant, reference=bet_reference,
         tolerance="None: the bet is scored against the rate as it is measured."),
    Item("replication/report", 60, "essay"),
]
