"""Assignment 02: a spectral measure that is in no table, two variances, what ridge regression pays, an unfair contest."""

from __future__ import annotations

from functools import lru_cache
from math import comb
from typing import Any

import numpy as np
from course.items import Item, Score, close
from scipy import special, stats

# --- spectral-measure -------------------------------------------------------------------------------------------------

FORMULAS = {
    "sinc": "sin(a t) / (a t)",
    "sinc squared": "(sin(a t) / (a t))^2",
    "hyperbolic": "1 / cosh(a t)",
    "once smooth": "(1 + a |t|) exp(-a |t|)",
    "Bessel": "J_0(a t), the mean of cos(a t cos(angle)) over all angles",
    "beats": "cos(b t) exp(-(a t)^2 / 2)",
    "steep": "1 / (1 + (a t)^2)^2",
}


def kernel_value(variant: dict[str, Any], t: np.ndarray) -> np.ndarray:
    """k(t) of the variant's kernel."""
    s = variant["a"] * np.asarray(t, np.float64)
    return {
        "sinc": lambda: np.sinc(s / np.pi),
        "sinc squared": lambda: np.sinc(s / np.pi) ** 2,
        "hyperbolic": lambda: 1 / np.cosh(s),
        "once smooth": lambda: (1 + np.abs(s)) * np.exp(-np.abs(s)),
        "Bessel": lambda: special.j0(s),
        "beats": lambda: np.cos(variant["b"] * t) * np.exp(-(s**2) / 2),
        "steep": lambda: 1 / (1 + s**2) ** 2,
    }[variant["kernel"]]()


def _measure_variant(rng: np.random.Generator) -> dict[str, Any]:
    name = str(rng.choice(list(FORMULAS)))
    a = float(rng.choice([0.4, 0.5, 0.6, 1.6, 2.0, 2.5]))
    return {"kernel": name, "formula": FORMULAS[name], "a": a, "b": round(a * float(rng.choice([1.5, 2.0, 2.5])), 2)}


def _lags(variant: dict[str, Any]) -> np.ndarray:
    return np.geomspace(0.15, 9.0, 16) / variant["a"]


def _measure_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    """Four rows of draws, the third with the seed of the first."""
    probes = []
    for _ in range(3):
        one, two, three = rng.choice(10_000, 3, replace=False)
        probes.append(([int(one), int(two), int(one), int(three)], 15_000))
    return probes


def _measure_reference(variant: dict[str, Any], seeds: list[int], m: int) -> np.ndarray:
    return kernel_value(variant, _lags(variant))


def _measure_compare(found: Any, expected: Any, variant: dict[str, Any], arguments: tuple) -> Score:
    """The mean cosine at sixteen lags within five standard errors; rows that follow their seeds."""
    try:
        found = np.asarray(found, np.float64)
    except (TypeError, ValueError):
        return Score(0.0, f"the answer is a {type(found).__name__}; expected an array of frequencies.")
    m = int(arguments[1])
    if found.shape != (4, m) or not np.isfinite(found).all():
        return Score(0.0, f"shape {found.shape}, finite: {bool(np.isfinite(found).all())}; expected (4, {m}) finite frequencies.")
    if not np.array_equal(found[0], found[2]):
        return Score(0.0, "the same seed gave other frequencies; expected the same row for the same seed.")
    fresh = found[[0, 1, 3]]
    if any(np.mean(fresh[i] == fresh[j]) > 0.5 for i, j in ((0, 1), (0, 2), (1, 2))):
        return Score(0.0, "two seeds gave the same frequencies; expected another draw for another seed.")
    t = _lags(variant)
    mean = np.array([np.cos(lag * fresh).mean() for lag in t])
    variance = (1 + kernel_value(variant, 2 * t) - 2 * kernel_value(variant, t) ** 2) / 2
    z = np.abs(mean - expected) / np.sqrt(np.maximum(variance, 1e-6) / fresh.size)
    if z.max() > 5:
        worst = int(z.argmax())
        return Score(
            0.0,
            f"at t = {t[worst]:.3g} the mean cosine of your draws is {mean[worst]:.3f}, {z[worst]:.0f} standard "
            "errors from the kernel. Check the scale first: what is k at small t, and what the mean of the square?",
        )
    return Score(1.0, "right.")


# --- two-variances ----------------------------------------------------------------------------------------------------

ESTIMATORS = {
    "one phase for all": "2/m * sum of cos(w_i.x + phase) cos(w_i.y + phase), a single uniform phase",
    "frequencies from another normal": "1/m * sum of weight(w_i) cos(w_i.(x - y)), w_i ~ N(0, (tau / length)^2), "
    "weight = density of N(0, 1 / length^2) over density of N(0, (tau / length)^2)",
    "cosines only": "2/m * sum of cos(w_i.x) cos(w_i.y), no sines and no phase",
}


def _variance_variant(rng: np.random.Generator) -> dict[str, Any]:
    name = str(rng.choice(list(ESTIMATORS)))
    return {
        "estimator": name,
        "formula": ESTIMATORS[name],
        "length": float(rng.choice([0.7, 1.5, 2.0])),
        "tau": float(rng.choice([0.85, 1.2, 1.4])),
    }


def variance_reference(variant: dict[str, Any], x: np.ndarray, y: np.ndarray, m: int) -> np.ndarray:
    """Mean squared error of the estimate of k(x - y), one value a pair; x, y (pairs, d)."""

    def k(difference: np.ndarray) -> np.ndarray:
        return np.exp(-np.sum(difference**2, axis=1) / (2 * variant["length"] ** 2))

    t, s, m = x - y, x + y, int(m)
    plain = (1 + k(2 * t)) / 2 - k(t) ** 2
    if variant["estimator"] == "one phase for all":
        return plain / m + 1 / (2 * m) + (m - 1) / (2 * m) * k(s) ** 2
    if variant["estimator"] == "frequencies from another normal":
        c = 2 - 1 / variant["tau"] ** 2
        doubled = np.exp(-2 * np.sum(t**2, 1) / (c * variant["length"] ** 2))
        second = (variant["tau"] / np.sqrt(c)) ** x.shape[1] * (1 + doubled) / 2
        return (second - k(t) ** 2) / m
    mirrored, both = (1 + k(2 * s)) / 2 - k(s) ** 2, (k(2 * y) + k(2 * x)) / 2 - k(t) * k(s)
    return k(s) ** 2 + (plain + mirrored + 2 * both) / m


def _pairs(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    return [
        (variant["length"] * rng.normal(0, 0.6, (6, d)), variant["length"] * rng.normal(0, 0.6, (6, d)), int(m))
        for d, m in zip((1, 2, 3, 2), rng.integers(3, 40, 4), strict=True)
    ]


# --- what-ridge-pays --------------------------------------------------------------------------------------------------

BILLS = ("risk", "optimism", "left out")


def _bill_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "question": str(rng.choice(BILLS)),
        "per_example": bool(rng.random() < 0.5),
        "length": float(rng.choice([0.2, 0.25, 0.3, 0.35, 0.4])),
    }


def bill_reference(variant: dict[str, Any], K: np.ndarray, y: np.ndarray, sigma: float, penalty: float) -> float:
    n = len(y)
    penalty = penalty * n if variant["per_example"] else penalty
    mu, q = np.linalg.eigh(K)
    keep = mu / (mu + penalty)
    if variant["question"] == "risk":
        return float((np.sum(((1 - keep) * (q.T @ y)) ** 2) + sigma**2 * np.sum(keep**2)) / n)
    if variant["question"] == "optimism":
        return float(2 * sigma**2 * keep.sum() / n)
    hat = (q * keep) @ q.T
    return float(np.mean(((y - hat @ y) / (1 - np.diag(hat))) ** 2))


def _bill_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    probes = []
    for n in rng.integers(15, 40, 5):
        x = rng.uniform(0, 2, n)
        K = np.exp(-(np.subtract.outer(x, x) ** 2) / (2 * variant["length"] ** 2))
        y = np.sin(rng.uniform(2, 6) * x) + 0.3 * rng.normal(size=n)
        penalty = float(10 ** rng.uniform(-1.5, 0.5)) / (n if variant["per_example"] else 1)
        probes.append((K, y, float(rng.uniform(0.3, 1.5)), penalty))
    return probes


# --- unfair-contest ---------------------------------------------------------------------------------------------------


def _contest(rng: np.random.Generator, better: str, seeds: int, trials: tuple[int, int]) -> list[np.ndarray]:
    """Validation and test scores of two methods, (seeds, trials) each: settings differ, and the sets are small."""
    sign, arrays = (1 if better == "low" else -1), []
    centre, level = (12.0 if better == "low" else 88.0), rng.normal(0, 0.8, (seeds, 1))
    for n, shift in zip(trials, (0.0, float(rng.normal(0, 0.7))), strict=True):
        quality = centre + level + sign * (shift + rng.exponential(2.0, (seeds, n)))
        arrays += [quality + rng.normal(0, 1.2, quality.shape), quality + rng.normal(0, 0.9, quality.shape)]
    return [a.round(3) for a in arrays]


def _contest_variant(rng: np.random.Generator) -> dict[str, Any]:
    better = str(rng.choice(["low", "high"]))
    trials = (int(rng.integers(18, 30)), int(rng.integers(4, 7)))
    trials = trials if rng.random() < 0.5 else trials[::-1]
    names = ("valid_a", "test_a", "valid_b", "test_b")
    return {"better": better} | dict(zip(names, _contest(rng, better, 6, trials), strict=True))


def _contest_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    more = np.shape(variant["valid_a"])[1] > np.shape(variant["valid_b"])[1]
    probes = []
    for _ in range(5):
        trials = (int(rng.integers(18, 30)), int(rng.integers(3, 8)))
        probes.append(tuple(_contest(rng, variant["better"], int(rng.integers(5, 10)), trials if more else trials[::-1])))
    return probes


def contest_reference(
    variant: dict[str, Any], valid_a: np.ndarray, test_a: np.ndarray, valid_b: np.ndarray, test_b: np.ndarray
) -> np.ndarray:
    """Mean of a minus b and its 95 % t interval: best of k on validation, read on test, mean over all k-subsets."""
    k = min(np.shape(valid_a)[1], np.shape(valid_b)[1])

    def expected(valid: np.ndarray, test: np.ndarray) -> np.ndarray:
        n = valid.shape[1]
        order = np.argsort(valid if variant["better"] == "low" else -valid, axis=1)
        weights = np.array([comb(n - 1 - rank, k - 1) for rank in range(n)], float) / comb(n, k)
        return np.take_along_axis(test, order, axis=1) @ weights

    difference = expected(valid_a, test_a) - expected(valid_b, test_b)
    half = stats.t.ppf(0.975, len(difference) - 1) * difference.std(ddof=1) / np.sqrt(len(difference))
    return np.array([difference.mean(), difference.mean() - half, difference.mean() + half])


# --- law-bet ----------------------------------------------------------------------------------------------------------

LAWS = ("signs", "uniform", "Laplace", "sparse")


def _bet_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "law": str(rng.choice(LAWS)),
        "digits": int(rng.choice([200, 300])),
        "per_digit": int(rng.choice([1, 2])),
        "length": 0.5,
        "penalty": 0.1,
        "seed": int(rng.integers(1, 10_000)),
    }


def law(name: str, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Independent coordinates of mean 0 and variance 1."""
    if name == "signs":
        return rng.choice([-1.0, 1.0], shape)
    if name == "uniform":
        return rng.uniform(-(3**0.5), 3**0.5, shape)
    if name == "Laplace":
        return rng.laplace(0, 0.5**0.5, shape)
    if name == "sparse":
        return rng.choice([-1.0, 1.0], shape) * (rng.random(shape) < 0.05) * 20**0.5
    return rng.standard_normal(shape)


@lru_cache(maxsize=1)
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from alchemy import data

    found = data.load("mnist5k")
    images = np.concatenate([found.x_train, found.x_test])[:, 4:24, 4:24]
    pool = images.reshape(-1, 10, 2, 10, 2).mean((2, 4)).reshape(len(images), -1).astype(np.float64)
    pool -= pool.mean(0)
    return pool / np.sqrt(2 * np.mean(np.sum(pool**2, 1))), np.concatenate([found.y_train, found.y_test])


def bet_reference(variant: dict[str, Any]) -> float:
    """Test error with the other law minus that with normal coordinates, points; mean of six draws."""
    pool, labels = _digits()
    n, gaps = int(variant["digits"]), []
    for draw in range(6):
        rng = np.random.default_rng([int(variant["seed"]), draw])
        pick, wrong = rng.permutation(len(pool))[: n + 800], []
        for name in (variant["law"], "normal"):
            omega = law(name, rng, (n * int(variant["per_digit"]) // 2, 100)) / variant["length"]
            angles = pool[pick] @ omega.T
            z = np.concatenate([np.cos(angles), np.sin(angles)], 1) / np.sqrt(len(omega))
            targets = np.eye(10)[labels[pick[:n]]] - 0.1
            a = np.linalg.solve(z[:n].T @ z[:n] + variant["penalty"] * np.eye(z.shape[1]), z[:n].T @ targets)
            wrong.append(100 * np.mean((z[n:] @ a).argmax(1) != labels[pick[n:]]))
        gaps.append(wrong[0] - wrong[1])
    return float(np.mean(gaps))


ITEMS = [
    Item(
        "random-kitchen-sinks/spectral-measure",
        11,
        "function",
        "draw",
        _measure_variant,
        _measure_probes,
        _measure_reference,
        _measure_compare,
        tolerance="Judged by sixteen deviations of means of cosines: 3.4 standard errors at most over 21 variants; "
        "five are allowed.",
    ),
    Item(
        "random-kitchen-sinks/two-variances",
        12,
        "function",
        "squared_error",
        _variance_variant,
        _pairs,
        variance_reference,
        close(1e-4, 1e-7, hint="Simulate your estimator at one pair: which term does not fall with m?"),
        tolerance="40,000 simulated estimates lie within 2.4 standard errors of the formula, and far outside the "
        "tolerance (21 variants).",
    ),
    Item(
        "random-kitchen-sinks/what-ridge-pays",
        11,
        "function",
        "bill",
        _bill_variant,
        _bill_probes,
        bill_reference,
        close(1e-5, hint="Test it by brute force: draw labels many times, or leave each point out and fit again."),
        tolerance="Refits by hand are one of the right solutions.",
    ),
    Item(
        "random-kitchen-sinks/unfair-contest",
        11,
        "function",
        "honest",
        _contest_variant,
        _contest_probes,
        contest_reference,
        close(1e-4, 1e-4, hint="Check each step alone: chosen on validation, read on test, equal budgets, paired over seeds."),
        tolerance="Scores have three decimals.",
    ),
    Item(
        "random-kitchen-sinks/law-bet",
        5,
        "prediction",
        scale=0.77,  # the deviation in spread.json
        variant=_bet_variant,
        reference=bet_reference,
        tolerance="None: the bet is scored against the difference as it is measured.",
    ),
    Item("random-kitchen-sinks/essay", 50, "essay"),
]
