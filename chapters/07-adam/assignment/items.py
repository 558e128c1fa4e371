"""Assignment 07: a decay that is not AdamW's, a road of any pattern, the best of k trials, a control without a tail."""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
from course.items import Item, Score, close
from scipy import stats

# --- decay-audit ------------------------------------------------------------------------------------------------------

FORMS = (
    "in the gradient",
    "in the mean only",
    "through the denominator",
    "without the rate",
    "after the step",
    "towards the start",
    "of the sign",
)
CONSTANTS = ("eta", "decay", "beta1", "beta2", "eps")


def program(
    form: str,
    mask: np.ndarray,
    gradients: np.ndarray,
    start: np.ndarray,
    *,
    eta: float,
    decay: float,
    beta1: float,
    beta2: float,
    eps: float,
) -> np.ndarray:
    """Weights (T, d) after each step; "decoupled" is AdamW as published. mask: 1 where a coordinate decays."""
    w = np.array(start, np.float64)
    m, v, path = np.zeros_like(w), np.zeros_like(w), []
    for t, g in enumerate(np.asarray(gradients, np.float64), start=1):
        pull = decay * mask * w
        m = beta1 * m + (1 - beta1) * (g + pull if form in ("in the gradient", "in the mean only") else g)
        v = beta2 * v + (1 - beta2) * (g + pull if form == "in the gradient" else g) ** 2
        root, mean = np.sqrt(v / (1 - beta2**t)) + eps, m / (1 - beta1**t)
        step = -eta * mean / root
        if form == "after the step":
            w = (w + step) * (1 - eta * decay * mask)
        else:
            shrink = {
                "decoupled": eta * pull,
                "through the denominator": eta * pull / root,
                "without the rate": pull,
                "towards the start": eta * decay * mask * (w - start),
                "of the sign": eta * decay * mask * np.sign(w),
            }.get(form, 0.0)
            w = w + step - shrink
        path.append(w)
    return np.array(path)


def _run(rng: np.random.Generator, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Gradients (T, 5) of unlike size, and where the weights start."""
    size = rng.permutation(np.array([3.0, 1.0, 0.4, 0.15, 0.05]))
    gradients = (rng.normal(size=5) + rng.normal(size=(steps, 5))) * size
    return gradients, rng.choice([-1.0, 1.0], 5) * rng.uniform(0.8, 2.0, 5)


def _decay_variant(rng: np.random.Generator) -> dict[str, Any]:
    constants = {
        "eta": float(rng.choice([0.03, 0.05, 0.08])),
        "decay": float(rng.choice([0.2, 0.3, 0.4])),
        "beta1": float(rng.choice([0.7, 0.8, 0.9])),
        "beta2": float(rng.choice([0.9, 0.95, 0.98])),
        "eps": 1e-6,
    }
    mask = np.zeros(5)
    mask[rng.permutation(5)[: int(rng.integers(2, 5))]] = 1.0
    gradients, start = _run(rng, 20)
    return constants | {
        "gradients": gradients,
        "start": start,
        "weights": program(str(rng.choice(FORMS)), mask, gradients, start, **constants),
    }


def culprit(variant: dict[str, Any]) -> tuple[str, np.ndarray]:
    """The form of decay and the coordinates that decay, found from the trace one coordinate at a time."""
    g, start, path = (np.asarray(variant[k], np.float64) for k in ("gradients", "start", "weights"))
    constants = {k: float(variant[k]) for k in CONSTANTS}
    best = ("", np.zeros(5), np.inf)
    for form in FORMS:
        runs = [program(form, np.full(5, on), g, start, **constants) for on in (0.0, 1.0)]
        off = np.array([np.abs(r - path).max(0) for r in runs])  # coordinates do not meet: each is tried alone
        if off.min(0).max() < best[2]:
            best = (form, off.argmin(0).astype(float), off.min(0).max())
    return best[0], best[1]


def _decay_reference(variant: dict[str, Any], gradients: np.ndarray, start: np.ndarray) -> np.ndarray:
    return program(*culprit(variant), gradients, np.asarray(start, np.float64), **{k: float(variant[k]) for k in CONSTANTS})


def _decay_compare(found: Any, expected: Any, variant: dict[str, Any], arguments: tuple) -> Score:
    """Right to 1e-4 of the longest way that a coordinate goes: float32 passes, no other program of the family does."""
    reach = float(np.abs(np.asarray(expected) - arguments[1]).max())
    hint = "Take one coordinate at a time. Which ones decay at all, and does the pull depend on the size of g?"
    return close(0.0, 1e-4 * reach, hint=hint)(found, expected, variant, arguments)


# --- drift ------------------------------------------------------------------------------------------------------------

METHODS = ("adam", "amsgrad", "delayed", "nadam")


def _average(x: np.ndarray, beta: float) -> np.ndarray:
    """The moving average of a periodic sequence at each of its days, once the start is forgotten."""
    P = len(x)
    lag = (np.arange(P)[:, None] - np.arange(P)[None]) % P
    return (1 - beta) / -np.expm1(P * np.log(beta)) * (beta**lag) @ x


def drift_reference(variant: dict[str, Any], pattern: np.ndarray, beta1: float, beta2: float) -> float:
    """Displacement in one period at alpha = 1: geometric series over all past periods."""
    g = np.asarray(pattern, np.float64)
    m, v = _average(g, beta1), _average(g**2, beta2)
    if variant["method"] == "amsgrad":
        v = np.full_like(v, v.max())
    elif variant["method"] == "delayed":
        v = np.roll(v, 1)
    elif variant["method"] == "nadam":
        m = beta1 * m + (1 - beta1) * g
    return float(-np.sum(m / np.sqrt(v)))


def _pattern(rng: np.random.Generator) -> np.ndarray:
    """Days of unlike tolls: two large ones among small ones of the other sign, and no symmetry."""
    P = int(rng.integers(7, 14))
    g = -rng.uniform(0.5, 1.5, P)
    g[0], g[int(rng.integers(2, P - 2))] = rng.uniform(4, 9), rng.uniform(1, 3)
    return np.round(g, 3)


def _drift_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "method": str(rng.choice(METHODS)),
        "pattern": _pattern(rng),
        "beta1": float(rng.choice([0.6, 0.8, 0.9])),
        "beta2": float(rng.choice([0.8, 0.9, 0.95])),
    }


def _drift_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    """Memories from two days to a hundred thousand: who simulates briefly has not forgotten the start."""
    betas = [
        (0.5, 0.7),
        (0.9, 0.8),
        (0.3, 0.9),
        (0.6, 0.85),
        (0.8, 0.98),
        (0.9, 0.99),
        (0.95, 0.999),
        (0.99, 0.9999),
        (0.7, 0.99999),
    ]
    return [(_pattern(rng), b1, b2) for b1, b2 in betas]


# --- best-of-k --------------------------------------------------------------------------------------------------------


def best_reference(variant: dict[str, Any], valid: np.ndarray, test: np.ndarray, k: int) -> np.ndarray:
    """(estimate, low, high): the test score of the winner on validation among k trials, and its interval over seeds."""
    n, expected = valid.shape[1], []
    for v, s in zip(np.asarray(valid, float), np.asarray(test, float), strict=True):
        ranked = np.where(np.isfinite(v), -v if variant["better"] == "higher" else v, np.inf)
        order = np.argsort(ranked, kind="stable")
        scores = np.where(np.isfinite(v), s, variant["chance"])[order]
        expected.append(sum(comb(n - 1 - i, int(k) - 1) * scores[i] for i in range(n)) / comb(n, int(k)))
    e = np.array(expected)
    half = stats.t.ppf((1 + variant["level"]) / 2, len(e) - 1) * e.std(ddof=1) / np.sqrt(len(e))
    return np.array([e.mean(), e.mean() - half, e.mean() + half])


def _best_variant(rng: np.random.Generator) -> dict[str, Any]:
    better = str(rng.choice(["lower", "higher"]))
    variant = {"better": better, "level": float(rng.choice([0.9, 0.95, 0.99])), "chance": 0.1}
    valid, test = _trials(variant, rng, 4, 8)
    return variant | {
        "valid": [[None if not np.isfinite(x) else x for x in row] for row in np.round(valid, 4).tolist()],
        "test": np.round(test, 4),
    }


def _trials(variant: dict[str, Any], rng: np.random.Generator, seeds: int, trials: int) -> tuple[np.ndarray, np.ndarray]:
    """Validation scores (loss if lower is better, else accuracy) with failures, and test accuracies that follow them loosely."""
    skill = rng.beta(2, 2, (seeds, trials)) + rng.normal(0, 0.08, (seeds, 1))
    test = 0.3 + 0.6 * skill + rng.normal(0, 0.12, (seeds, trials))
    valid = skill + rng.normal(0, 0.1, (seeds, trials))
    valid = np.exp(-valid) if variant["better"] == "lower" else valid
    valid[rng.random((seeds, trials)) < 0.35] = np.nan
    return valid, test


def _best_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    return [(*_trials(variant, rng, int(rng.integers(4, 7)), int(rng.integers(7, 11))), k) for k in (2, 2, 3, 3, 4, 5)]


# --- control ----------------------------------------------------------------------------------------------------------

QUESTIONS = ("tail off, relative noise kept", "tail kept, relative noise levelled", "tail off, absolute noise kept")


def control_reference(
    variant: dict[str, Any], counts: np.ndarray, means: np.ndarray, sds: np.ndarray, batch: float
) -> np.ndarray:
    """(2, rows): the weight of each row's mean, and how many draws it is made of."""
    p, mu2, var = np.asarray(counts, float) / np.sum(counts), np.asarray(means, float) ** 2, np.asarray(sds, float) ** 2
    noise = (p * (var + mu2) - p**2 * mu2) / batch
    relative = noise / (p**2 * mu2)
    if variant["question"] == QUESTIONS[1]:
        return np.array([p, var / mu2 / relative[np.argmax(p)]])
    flat = np.full(len(p), 1 / len(p))
    if variant["question"] == QUESTIONS[0]:
        return np.array([flat, var / mu2 / relative])
    return np.array([flat, flat**2 * var / noise])


def _rows(rng: np.random.Generator) -> tuple:
    K = int(rng.integers(5, 9))
    counts = np.round(1000 / np.arange(1, K + 1) ** rng.uniform(0.8, 1.3)).astype(float)
    return counts, rng.choice([-1, 1], K) * rng.uniform(0.3, 1.2, K), rng.uniform(0.3, 1.0, K), float(rng.choice([8, 16, 32, 64]))


def _control_variant(rng: np.random.Generator) -> dict[str, Any]:
    counts, means, sds, batch = _rows(rng)
    return {
        "question": str(rng.choice(QUESTIONS)),
        "counts": counts,
        "means": np.round(means, 3),
        "sds": np.round(sds, 3),
        "batch": batch,
    }


def _control_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    found = []
    for _ in range(5):
        counts, means, sds, batch = _rows(rng)
        order = rng.permutation(len(counts))
        found.append((counts[order], means, sds, batch))
    return found


# --- tail-bet ---------------------------------------------------------------------------------------------------------

GRID = {"descent": 2.0 ** np.arange(-1, 11), "adam": 2.0 ** np.arange(-9, 2)}


def _bet_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "contexts": int(rng.choice([24, 48, 96])),
        "exponent": float(rng.choice([0.0, 0.6, 1.0, 1.4])),
        "classes": 6,
        "steps": int(rng.choice([100, 200])),
        "language": int(rng.integers(1, 10_000)),
    }


def bet_reference(variant: dict[str, Any]) -> float:
    """log10 of the excess that descent leaves over the excess that Adam leaves, each at its best rate; three languages."""
    V, steps, found = int(variant["contexts"]), int(variant["steps"]), []
    p = np.arange(1, V + 1) ** -float(variant["exponent"])
    p = (p / p.sum())[:, None]
    for k in range(3):
        q = np.random.default_rng([int(variant["language"]), k]).dirichlet(np.full(int(variant["classes"]), 0.3), V)
        left = dict.fromkeys(GRID, np.inf)
        for method, rate in ((m, r) for m, rates in GRID.items() for r in rates):
            w, m, v = np.zeros_like(q), np.zeros_like(q), np.zeros_like(q)
            for t in range(1, steps + 1):
                s = np.exp(w - w.max(1, keepdims=True))
                g = p * (s / s.sum(1, keepdims=True) - q)
                m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g**2
                w = w - rate * (g if method == "descent" else m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.99**t)) + 1e-8))
            log = w - w.max(1, keepdims=True)
            log = log - np.log(np.exp(log).sum(1, keepdims=True))
            left[method] = min(left[method], float((p * q * (np.log(np.maximum(q, 1e-300)) - log)).sum()))
        found.append(np.log10(left["descent"] / left["adam"]))
    return float(np.mean(found))


ITEMS = [
    Item(
        "adam/decay-audit",
        12,
        "function",
        "exhibit",
        _decay_variant,
        lambda variant, rng: [_run(rng, int(n)) for n in rng.integers(15, 40, 5)],
        _decay_reference,
        _decay_compare,
        tolerance="The nearest other form or mask is off by 3e-3 of the longest way (40 variants).",
    ),
    Item(
        "adam/drift",
        11,
        "function",
        "drift",
        _drift_variant,
        _drift_probes,
        drift_reference,
        close(1e-5, 1e-6, hint="Is the start forgotten at the longest memory? Which v does your method divide by, on which day?"),
        tolerance="Two million simulated days are one of the right solutions; the longest memory, 1e5 days, needs double "
        "precision.",
    ),
    Item(
        "adam/best-of-k",
        11,
        "function",
        "best_of",
        _best_variant,
        _best_probes,
        best_reference,
        close(1e-4, 1e-6, hint="On three trials, list all subsets by hand: who wins on validation, and what is its test score?"),
        tolerance="One right solution lists all subsets.",
    ),
    Item(
        "adam/control",
        11,
        "function",
        "arms",
        _control_variant,
        _control_probes,
        control_reference,
        close(1e-6, hint="Simulate one row: how large are the mean and the variance of its part of a batch's gradient?"),
        tolerance="100,000 simulated batches agree to 1.5 per cent.",
    ),
    Item(
        "adam/tail-bet",
        5,
        "prediction",
        scale=0.62,  # the deviation in spread.json
        variant=_bet_variant,
        reference=bet_reference,
        tolerance="None: the bet is scored against the ratio as it is measured.",
    ),
    Item("adam/essay", 50, "essay"),
]
