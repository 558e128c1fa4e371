"""Assignment 25: an impatient judge, a forecaster on trial, words that survive a family, a log with one dishonest step."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from course.items import Item, Score, close
from scipy import stats

# --- impatient-judge --------------------------------------------------------------------------------------------------

WORDS = ("held", "failed", "undecided")


def judge_reference(variant: dict[str, Any], mu: float) -> float:
    """Probability of the word, by 150,000 simulated claims: standard deviation at most 1.3e-3."""
    return _rates(tuple(int(n) for n in variant["looks"]), float(variant["level"]), float(mu))[WORDS.index(variant["word"])]


@lru_cache(maxsize=256)
def _rates(looks: tuple[int, ...], level: float, mu: float) -> tuple[float, ...]:
    rng, counts, batch = np.random.default_rng(20171205), np.zeros(3), 30_000
    for _ in range(5):
        x = rng.normal(mu, 1.0, (batch, looks[-1]))
        total, squares = x.cumsum(1), (x**2).cumsum(1)
        word = np.full(batch, 2)
        for n in looks:
            mean = total[:, n - 1] / n
            half = stats.t.ppf((1 + level) / 2, n - 1) * np.sqrt((squares[:, n - 1] - n * mean**2) / (n - 1) / n)
            word = np.where(word < 2, word, np.where(mean - half >= 0, 0, np.where(mean + half < 0, 1, 2)))
        counts += np.bincount(word, minlength=3)
    return tuple(float(c) for c in counts / counts.sum())


def _judge_variant(rng: np.random.Generator) -> dict[str, Any]:
    first, step = int(rng.integers(4, 7)), int(rng.integers(2, 5))
    return {
        "looks": [first + step * k for k in range(int(rng.integers(4, 7)))],
        "level": float(rng.choice([0.9, 0.95])),
        "word": str(rng.choice(WORDS)),
    }


def _judge_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    """Truths around the border, where the word is neither certain nor excluded."""
    sign = {"held": 1.0, "failed": -1.0, "undecided": float(rng.choice([-1, 1]))}[variant["word"]]
    return [(float(sign * m),) for m in np.round(rng.uniform([0.0, 0.15, 0.3, 0.4], [0.02, 0.25, 0.4, 0.5]), 3)]


# --- forecaster -------------------------------------------------------------------------------------------------------

CHARGES = ("overconfident", "underconfident", "either")


def forecaster_reference(variant: dict[str, Any], confidence: np.ndarray, hit: np.ndarray) -> float:
    """Exact p-value of 'hits come as often as stated': the number of hits is a sum of unlike coins."""
    law = np.ones(1)
    for p in np.asarray(confidence, float):
        law = np.convolve(law, [1 - p, p])
    k = int(np.sum(np.asarray(hit) != 0))
    low, high = law[: k + 1].sum(), law[k:].sum()
    return float({"overconfident": low, "underconfident": high, "either": min(1.0, 2 * min(low, high))}[variant["charge"]])


def _bets(rng: np.random.Generator, charge: str) -> tuple[np.ndarray, np.ndarray]:
    """A record whose p-value is neither 0 nor 1: unlike confidences, a hit rate somewhat off on the charged side."""
    while True:
        levels = rng.uniform([0.5, 0.8, 0.93], [0.7, 0.9, 0.99])
        p = np.round(rng.choice(levels, int(rng.integers(10, 19))), 2)
        hit = (rng.random(len(p)) < p ** rng.uniform(0.5, 2.0)).astype(int)
        if 0.01 < forecaster_reference({"charge": charge}, p, hit) < 0.5:
            return p, hit


def _forecaster_variant(rng: np.random.Generator) -> dict[str, Any]:
    charge = str(rng.choice(CHARGES))
    confidence, hit = _bets(rng, charge)
    return {"charge": charge, "confidence": confidence, "hit": hit}


# --- words-of-a-family ------------------------------------------------------------------------------------------------

PROCEDURES = ("Holm", "Bonferroni", "Hochberg")


def p_values(seeds: np.ndarray, low: np.ndarray, high: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Of 'the mean lies outside': the larger of the one-sided ones at the region's ends, (claims,)."""
    n, low, high, ends = (np.asarray(v, float) for v in (seeds, low, high, region))
    mean, se = (low + high) / 2, (high - low) / 2 / stats.t.ppf(0.975, n - 1)
    return stats.t.sf(np.minimum(mean - ends[:, 0], ends[:, 1] - mean) / se, n - 1)


def survivors(p: np.ndarray, procedure: str, alpha: float) -> np.ndarray:
    """1 where the word survives; procedure "none" does not correct."""
    order, m = np.argsort(p), len(p)
    passes = p[order] <= alpha / {"Bonferroni": m, "none": 1}.get(procedure, m - np.arange(m))
    if procedure == "Holm":
        passes = np.logical_and.accumulate(passes)
    elif procedure == "Hochberg":
        passes = np.logical_or.accumulate(passes[::-1])[::-1]
    found = np.zeros(m, int)
    found[order] = passes
    return found


def family_reference(variant: dict[str, Any], *ledger: np.ndarray) -> np.ndarray:
    """1 where the word held survives the family."""
    return survivors(p_values(*ledger), variant["procedure"], float(variant["alpha"]))


def _ledger(rng: np.random.Generator, m: int, alpha: float) -> tuple:
    """Claims with p-values around the steps of the procedures, some of them above alpha."""
    n = rng.integers(5, 13, m)
    p = alpha * np.exp(rng.uniform(np.log(0.08), np.log(1.6), m))
    t, se = stats.t.isf(p, n - 1), rng.uniform(0.05, 0.5, m)
    mean, kind = rng.normal(0, 1, m), rng.integers(0, 3, m)
    away = np.where(rng.random(m) < 0.5, t * se, (t + rng.uniform(0, 1, m)) * se)
    above = mean + np.maximum(away, t * se)
    region = np.stack([np.where(kind == 1, -np.inf, mean - t * se), np.where(kind == 0, np.inf, above)], 1)
    region[kind == 1, 1] = (mean + t * se)[kind == 1]
    half = stats.t.ppf(0.975, n - 1) * se
    return n.astype(float), mean - half, mean + half, region


def _family_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    """Ledgers that the three procedures, uncorrected words and two-sided p-values tell apart."""
    found, alpha = [], float(variant["alpha"])
    while len(found) < 6:
        ledger = _ledger(rng, int(rng.integers(7, 12)), alpha)
        p = p_values(*ledger)
        words = {name: tuple(survivors(p, name, alpha)) for name in (*PROCEDURES, "none")}
        right, strict = words[variant["procedure"]], [tuple(survivors(p, name, alpha / 2)) for name in PROCEDURES]
        if len(set(words.values())) == 4 and right not in strict and 0 < sum(right) < len(right):
            found.append(ledger)
    return found


def _family_variant(rng: np.random.Generator) -> dict[str, Any]:
    procedure, alpha = str(rng.choice(PROCEDURES)), float(rng.choice([0.025, 0.05, 0.04]))
    n, low, high, _ = _ledger(rng, 8, alpha)
    return {"procedure": procedure, "alpha": alpha, "seeds": n, "low": np.round(low, 4), "high": np.round(high, 4)}


# --- dishonest-step ---------------------------------------------------------------------------------------------------

STEPS = ("peeked", "moved", "pilot reused", "dropped", "stopped", "wrong word")


def audit(log: list[dict[str, Any]]) -> tuple[int, str]:
    """(index, rule) of the first event that breaks a rule; (-1, "honest") if none does."""
    plan: dict[str, dict[str, Any]] = {}
    runs: dict[str, dict[int, Any]] = {}
    pilots: dict[str, set[int]] = {}
    begun: set[str] = set()
    for i, event in enumerate(log):
        claim, what = event["claim"], event["event"]
        if what == "pilot":
            pilots.setdefault(claim, set()).add(int(event["seed"]))
        elif what in ("register", "amend"):
            if claim in begun:
                return i, "moved"
            plan[claim] = event
        elif what == "run":
            if claim not in plan:
                return i, "peeked"
            if int(event["seed"]) in pilots.get(claim, set()):
                return i, "pilot reused"
            begun.add(claim)
            runs.setdefault(claim, {})[int(event["seed"])] = event["value"]
        elif what == "exclude":
            if runs[claim].pop(int(event["seed"])) is not None:
                return i, "dropped"
            runs[claim][int(event["seed"])] = None
        elif what == "judge":
            if len(runs.get(claim, {})) != int(plan[claim]["seeds"]):
                return i, "stopped"
            x = np.array([v for v in runs[claim].values() if v is not None], float)
            half = stats.t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x))
            low, high = x.mean() - half, x.mean() + half
            inside = low >= plan[claim]["low"] and high <= plan[claim]["high"]
            outside = high < plan[claim]["low"] or low > plan[claim]["high"]
            if event["word"] != ("held" if inside else "failed" if outside else "undecided"):
                return i, "wrong word"
    return -1, "honest"


def _claim_log(rng: np.random.Generator, claim: str, bad: str) -> list[dict[str, Any]]:
    """One claim's events. Every log has an honest amendment, pilots, and an exclusion of a diverged run."""
    n, base = int(rng.integers(5, 8)), int(rng.integers(0, 50))
    low = float(np.round(rng.normal(), 2))
    plan = {"claim": claim, "low": low, "high": float(np.round(low + rng.uniform(1, 2), 2)), "seeds": n}
    pilots = [
        {"event": "pilot", "claim": claim, "seed": 100 + base + k, "value": float(np.round(rng.normal(low + 0.5), 3))}
        for k in range(2)
    ]
    where = low + rng.choice([0.5, -1.2, 0.05])
    values: list[Any] = [float(np.round(v, 3)) for v in rng.normal(where, 0.25, n)]
    values[int(rng.integers(1, n))] = None
    ran = [{"event": "run", "claim": claim, "seed": base + k, "value": v} for k, v in enumerate(values)]
    if bad == "pilot reused":
        ran[int(rng.integers(1, n))]["seed"] = 100 + base
    start = [*pilots, {"event": "register", **plan}, {"event": "amend", **plan, "low": float(np.round(low - 0.1, 2))}]
    if bad == "peeked":
        start = [*pilots, ran.pop(0), *start[2:]]
    if bad == "stopped":
        ran = ran[:-1] if values[-1] is not None else ran[1:]
    after = [{"event": "exclude", "claim": claim, "seed": r["seed"]} for r in ran if r["value"] is None]
    if bad == "dropped":
        live = [r for r in ran if r["value"] is not None]
        after.append({"event": "exclude", "claim": claim, "seed": live[int(rng.integers(len(live)))]["seed"]})
    if bad == "moved":
        ran.insert(int(rng.integers(2, len(ran))), {"event": "amend", **plan, "high": float(np.round(plan["high"] + 0.3, 2))})
    log = [*start, *ran, *after, {"event": "judge", "claim": claim, "word": "held"}]
    for word in WORDS:
        log[-1] = {"event": "judge", "claim": claim, "word": word}
        if audit(log)[1] != "wrong word":
            break
    if bad == "wrong word":
        log[-1] = {"event": "judge", "claim": claim, "word": WORDS[(WORDS.index(word) + 1 + int(rng.integers(2))) % 3]}
    return log


def _log(rng: np.random.Generator, bad: str) -> list[dict[str, Any]]:
    """Two or three claims whose events interleave; one of them breaks one rule, or none does."""
    names = [str(c) for c in rng.permutation(["edge", "tail", "leak", "width"])[: int(rng.integers(2, 4))]]
    parts = [_claim_log(rng, name, bad if k == 0 else "") for k, name in enumerate(names)]
    order = rng.permutation(np.repeat(np.arange(len(parts)), [len(p) for p in parts]))
    log = [parts[k].pop(0) for k in order]
    return log if audit(log)[1] == (bad or "honest") else _log(rng, bad)


def _audit_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {"log": _log(rng, str(rng.choice(STEPS)))}


def _audit_compare(found: Any, expected: Any, variant: dict[str, Any], arguments: tuple) -> Score:
    try:
        index, rule = found
        index, rule = int(index), str(rule)
    except (TypeError, ValueError):
        return Score(0.0, "expected two things: the index of an event and the name of the rule.")
    if (index, rule) == tuple(expected):
        return Score(1.0, "right.")
    if expected[0] == -1:
        return Score(
            0.0, f"an honest log is accused of {rule!r}. What may happen before the first run? May a diverged run be excluded?"
        )
    return Score(
        0.0,
        f"a log in which somebody {expected[1]!r} is not read rightly; check the rule, the claim that it "
        "belongs to and the index.",
    )


# --- skew-bet ---------------------------------------------------------------------------------------------------------


def _bet_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "seeds": int(rng.choice([5, 8, 12, 20])),
        "sigma": float(rng.choice([0.5, 1.0, 1.5])),
        "claims": 2000,
        "stream": int(rng.integers(1, 10_000)),
    }


def bet_reference(variant: dict[str, Any]) -> float:
    """Per cent of claims 'mean at most the truth' that Student's 95 % interval calls held: lognormal, truth on the border."""
    n, sigma = int(variant["seeds"]), float(variant["sigma"])
    x = np.random.default_rng(int(variant["stream"])).lognormal(0.0, sigma, (int(variant["claims"]), n)) - np.exp(sigma**2 / 2)
    high = x.mean(1) + stats.t.ppf(0.975, n - 1) * x.std(1, ddof=1) / np.sqrt(n)
    return float(100 * np.mean(high <= 0))


ITEMS = [
    Item(
        "ledger/impatient-judge",
        11,
        "function",
        "chance",
        _judge_variant,
        _judge_probes,
        judge_reference,
        close(0.0, 0.01, hint="Simulate claims seed by seed, look where the variant looks, and stop at the first decided word."),
        tolerance="By the binomial law 100,000 claims against 150,000 have a standard deviation of at most 2.1e-3; "
        "0.01 is nearly five.",
    ),
    Item(
        "ledger/forecaster",
        11,
        "function",
        "p_value",
        _forecaster_variant,
        lambda variant, rng: [_bets(rng, variant["charge"]) for _ in range(6)],
        forecaster_reference,
        close(1e-6, 1e-9, hint="Two bets, by hand: with which probabilities do none, one and both of them hit?"),
        tolerance="Convolution and Fourier inversion.",
    ),
    Item(
        "ledger/words-of-a-family",
        11,
        "function",
        "survives",
        _family_variant,
        _family_probes,
        family_reference,
        close(0.0, 1e-9, hint="First recover the standard error from one interval; then one claim's p-value; then the family."),
        tolerance="Words: walking the ranks and adjusted p-values agree on each.",
    ),
    Item(
        "ledger/dishonest-step",
        12,
        "function",
        "audit",
        _audit_variant,
        lambda variant, rng: [(_log(rng, bad),) for bad in (*STEPS, *STEPS, "", "")],
        lambda variant, log: list(audit(log)),
        _audit_compare,
        all_or_nothing=True,
        tolerance="One pass over the log and a pass for each claim agree on each.",
    ),
    Item(
        "ledger/skew-bet",
        5,
        "prediction",
        scale=8.9,  # the deviation in spread.json
        variant=_bet_variant,
        reference=bet_reference,
        tolerance="None: the bet is scored against the rate as it is measured.",
    ),
    Item("ledger/essay", 50, "essay"),
]
