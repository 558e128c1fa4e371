"""Mid-term: a colleague's analysis, then a plan of one's own and the words that follow from it."""

from __future__ import annotations

from typing import Any

import numpy as np
from course.items import Item, Score, close
from scipy import stats

# Checked against the papers' captions.
FIGURES = (
    "cohen2021gradient, Figure 1, bottom row: the sharpness of full-batch descent rises to 2/eta and stays there",
    "saxe2014exact, Figure 4, left: learning time against depth, deep linear networks from decoupled starts",
    "zhang2017understanding, the figure on fitting random labels, panel (b): time to converge against wrong labels' share",
    "saxe2014exact, Figure 3, left: a linear network's modes over training; the largest singular value first",
    "he2015delving, Figure 2: error against epochs, a deep rectifier network from their start and from Xavier's",
)
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


def word(variant: dict[str, Any], plan: dict[str, Any], treated: np.ndarray, control: np.ndarray) -> str:
    """The word of a plan on one laboratory: its first seeds alone; too many lost can never be held."""
    n = int(plan["seeds"])
    treated, control = np.asarray(treated, float)[:n], np.asarray(control, float)[:n]
    _, low, high = analysis_reference(variant, treated, control)
    lost = 1 - len(per_seed(variant, treated, control)) / n
    if plan["low"] <= low and high <= plan["high"]:
        return "held" if lost <= plan["may_lose"] + 1e-9 else "undecided"
    return "failed" if high < plan["low"] or low > plan["high"] else "undecided"


def _scale(variant: dict[str, Any], value: float) -> float:
    return float(np.log(value)) if variant["measure"] == "log ratio" else float(value)


def power(variant: dict[str, Any], low: float, high: float, n: int) -> float:
    """Probability of *held* at n seeds if the truth is the published number and the pilot's deviation is right."""
    unit = per_seed(variant, variant["pilot_treated"], variant["pilot_control"]).std(ddof=1) / np.sqrt(n)
    below, above = (abs(_scale(variant, end) - _scale(variant, variant["published"])) / unit for end in (low, high))
    t = stats.t.isf((1 - variant["level"]) / variant["family"] / 2, n - 1)
    s = (np.arange(4000) + 0.5) / 4000 * min((below + above) / 2 / t, 5.0)  # deviation found over the true one
    inside = np.maximum(stats.norm.cdf(above - t * s) - stats.norm.cdf(t * s - below), 0)
    return float(np.sum(inside * stats.chi.pdf(s * np.sqrt(n - 1), n - 1)) * np.sqrt(n - 1) * (s[1] - s[0]))


FEWEST, MOST, SLACK = 5, 60, 0.02


def plan_complaint(variant: dict[str, Any], plan: Any) -> str:
    """What is wrong with a registered plan, but for its number of seeds; empty if nothing is."""
    try:
        low, high, seeds, may_lose = (float(plan[k]) for k in ("low", "high", "seeds", "may_lose"))
    except (TypeError, KeyError, ValueError):
        return "a plan needs the numbers low, high, seeds and may_lose."
    if not low < variant["published"] < high:
        return "the region does not contain the published number: what would you call a replication?"
    if low <= variant["nothing"]:
        return "the region contains the case that there is no effect: then the claim cannot be refuted by finding none."
    if seeds != int(seeds) or not FEWEST <= seeds <= MOST or not 0 <= may_lose <= 0.3:
        return f"expected a whole number of seeds from {FEWEST} to {MOST} and a share may_lose from 0 to 0.3."
    return ""


def _judge_compare(found: Any, expected: Any, variant: dict[str, Any], arguments: tuple) -> Score:
    """Less than half each for the number of seeds and for the words by the plan that was registered."""
    if not isinstance(found, dict) or not {"plan", "words"} <= set(found):
        return Score(0.0, "expected a dict with the keys plan and words.")
    plan = found["plan"]
    if complaint := plan_complaint(variant, plan):
        return Score(0.0, complaint)
    n, said = int(plan["seeds"]), []
    enough = power(variant, plan["low"], plan["high"], n) >= variant["power"] - SLACK
    fewest = n == FEWEST or power(variant, plan["low"], plan["high"], n - 1) <= variant["power"] + SLACK
    if not enough or not fewest:
        said.append(f"{n} seeds are {'more than your region needs' if enough else 'too few for your region'}: simulate it.")
    words = [word(variant, plan, *runs) for runs in arguments[0]]
    wrong = sum(a != b for a, b in zip(found["words"], words, strict=False)) + abs(len(words) - len(found["words"]))
    if wrong:
        said.append(
            f"{wrong} of {len(words)} words are not those of your own plan. Check the family, both ends of the region, "
            "the lost seeds, and where you stop reading."
        )
    return Score(1 - 0.55 * (len(said) > 0) - 0.45 * (len(said) > 1), " ".join(said) or "right.")


def _runs(variant: dict[str, Any], rng: np.random.Generator, n: int, effect: float, sd: float, lost: int) -> tuple:
    """Two arms that share their luck; the effect and its deviation are on the scale of the measure."""
    luck, x = rng.normal(0, 0.5, n), rng.normal(effect, sd, n)
    control = np.exp(luck) if variant["measure"] == "log ratio" else 5 + luck
    treated = control * np.exp(x) if variant["measure"] == "log ratio" else control + x
    for k in 2 + rng.permutation(n - 2)[:lost]:  # two whole seeds at least, whatever the number of seeds
        (treated if rng.random() < 0.5 else control)[k] = np.nan
    return treated, control


def _analysis_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "measure": str(rng.choice(MEASURES)),
        "level": float(rng.choice([0.9, 0.95, 0.99])),
        "family": int(rng.integers(2, 6)),
    }


def _plan_variant(rng: np.random.Generator) -> dict[str, Any]:
    """The rules that are not the student's to choose, and a pilot on seeds that do not come again."""
    rules = {
        "figure": str(rng.choice(FIGURES)),
        "measure": str(rng.choice(MEASURES)),
        "level": float(rng.choice([0.9, 0.95])),
        "family": int(rng.integers(2, 5)),
        "power": float(rng.choice([0.7, 0.8, 0.9])),
    }
    ratio = rules["measure"] == "log ratio"
    published = float(rng.choice([1.6, 2.0, 2.5, 3.0] if ratio else [0.5, 0.8, 1.2, 2.0]))
    rules |= {"published": published, "nothing": 1.0 if ratio else 0.0}
    effect = _scale(rules, published)
    while True:  # until the plan of the reference is one that can be afforded, and is not the smallest allowed
        treated, control = _runs(rules, rng, 10, effect, 0.45 * effect, 0)
        found = rules | {"pilot_treated": np.round(treated, 3), "pilot_control": np.round(control, 3)}
        if 8 <= judge_reference(found, [])["plan"]["seeds"] <= 30:
            return found


def _laboratories(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    """Forty laboratories of sixty seeds: no effect, less, as published, more, far more; some lose many runs."""
    effect = _scale(variant, variant["published"])
    sd = per_seed(variant, variant["pilot_treated"], variant["pilot_control"]).std(ddof=1)
    return [
        (
            [
                _runs(variant, rng, MOST, at * effect, sd * f, lost)
                for at in (-0.3, 0.3, 0.6, 1.0, 1.0, 1.0, 1.4, 3.0)
                for f, lost in ((1.0, 0), (0.5, 3), (0.3, 14), (0.2, 20), (0.5, 0))
            ],
        )
    ]


def judge_reference(variant: dict[str, Any], runs: list[tuple]) -> dict[str, Any]:
    """One plan of the many that are right, and its words: half-way to no effect below, as far above."""
    middle, zero = _scale(variant, variant["published"]), _scale(variant, variant["nothing"])
    ends = [middle - 0.5 * (middle - zero), middle + 0.5 * (middle - zero)]
    low, high = np.exp(ends) if variant["measure"] == "log ratio" else ends
    seeds = next(n for n in range(FEWEST, 10 * MOST) if power(variant, low, high, n) >= variant["power"])
    plan = {"low": float(low), "high": float(high), "seeds": seeds, "may_lose": 0.2}
    return {"plan": plan, "words": [word(variant, plan, *each) for each in runs]}


def _bet_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {"first": int(rng.choice([4, 6, 10])), "second": int(rng.choice([4, 8, 20])), "stream": int(rng.integers(1, 10_000))}


def bet_reference(variant: dict[str, Any]) -> float:
    """Per cent of replications whose mean falls into the first study's 95 % interval; both honest, nothing changed."""
    rng = np.random.default_rng(int(variant["stream"]))
    a, b = rng.normal(size=(4000, int(variant["first"]))), rng.normal(size=(4000, int(variant["second"])))
    half = stats.t.ppf(0.975, a.shape[1] - 1) * a.std(1, ddof=1) / np.sqrt(a.shape[1])
    return float(100 * np.mean(np.abs(b.mean(1) - a.mean(1)) <= half))


ITEMS = [
    Item(
        "replication/analysis",
        15,
        "function",
        "analysis",
        _analysis_variant,
        lambda variant, rng: [_runs(variant, rng, int(rng.integers(8, 12)), 0.6, 0.4, k) for k in (1, 1, 2, 2, 1)],
        analysis_reference,
        close(1e-4, 1e-6, hint="Pair first, then leave out, then average; the family narrows the level."),
        tolerance="Two ways to write the interval.",
    ),
    Item(
        "replication/own-plan",
        20,
        "function",
        "judge",
        _plan_variant,
        _laboratories,
        judge_reference,
        _judge_compare,
        tolerance="A plan passes if its power is right to 0.02; 20,000 simulated studies have a standard deviation of 0.003.",
    ),
    Item(
        "replication/again-bet",
        5,
        "prediction",
        scale=6.4,  # the deviation in spread.json
        variant=_bet_variant,
        reference=bet_reference,
        tolerance="None: the bet is scored against the rate as it is measured.",
    ),
    Item("replication/report", 60, "essay"),
]
