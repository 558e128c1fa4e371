"""Assignment 01: a program that is not Adam, a sum that rounds, the power of a verdict, a placebo for a kernel."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from course.items import Item, Score, close
from scipy import integrate, optimize, stats

from . import sums

# --- find-the-bug -----------------------------------------------------------------------------------------------------

BUGS = (
    "epsilon inside the root",
    "correction one step late",
    "first moment not corrected",
    "betas swapped",
    "moment of the mean",
    "one scale for all",
    "corrected after the root",
    "second moment centred",
)


def program(bug: str, gradients: np.ndarray, eta: float, beta1: float, beta2: float, eps: float) -> np.ndarray:
    """Steps (T, d) that a program with this bug takes on these gradients (T, d); "none" is Algorithm 1 of the paper."""
    if bug == "betas swapped":
        beta1, beta2 = beta2, beta1
    m = v = np.zeros(gradients.shape[1])
    steps = []
    for t, g in enumerate(np.asarray(gradients, np.float64), start=1):
        m = beta1 * m + (1 - beta1) * g
        of = {"moment of the mean": m, "second moment centred": g - m}.get(bug, g)
        square = np.full_like(g, np.mean(of**2)) if bug == "one scale for all" else of**2
        v = beta2 * v + (1 - beta2) * square
        age = t + 1 if bug == "correction one step late" else t
        first = m if bug == "first moment not corrected" else m / (1 - beta1**age)
        root = {
            "corrected after the root": np.sqrt(v) / (1 - beta2**age),
            "epsilon inside the root": np.sqrt(v / (1 - beta2**age) + eps),
        }.get(bug)
        root = np.sqrt(v / (1 - beta2**age)) if root is None else root
        steps.append(-eta * first / (root if bug == "epsilon inside the root" else root + eps))
    return np.array(steps)


def _gradients(rng: np.random.Generator, steps: int) -> np.ndarray:
    """Three coordinates of unlike size that drift: each bug shows."""
    drift = rng.normal(size=3) + 0.3 * rng.normal(size=(steps, 3)).cumsum(0)
    return (drift + rng.normal(size=(steps, 3))) * np.array([1.0, 0.1, 0.03])


def _bug_variant(rng: np.random.Generator) -> dict[str, Any]:
    constants = {
        "eta": float(rng.choice([0.01, 0.02, 0.05])),
        "beta1": float(rng.choice([0.7, 0.8, 0.85])),
        "beta2": float(rng.choice([0.95, 0.97, 0.98])),
        "eps": float(rng.choice([1e-3, 2e-3, 5e-3])),
    }
    gradients = _gradients(rng, 12)
    steps = program(str(rng.choice(BUGS)), gradients, **constants)
    return constants | {"gradients": gradients, "steps": steps}


def _constants(variant: dict[str, Any]) -> dict[str, float]:
    return {k: float(variant[k]) for k in ("eta", "beta1", "beta2", "eps")}


def bug_of(variant: dict[str, Any]) -> str:
    """The bug whose program took the steps of this variant."""
    steps = np.asarray(variant["steps"])
    return min(BUGS, key=lambda b: np.abs(program(b, np.asarray(variant["gradients"]), **_constants(variant)) - steps).max())


def _bug_reference(variant: dict[str, Any], gradients: np.ndarray) -> np.ndarray:
    return program(bug_of(variant), gradients, **_constants(variant))


def _bug_compare(found: Any, expected: Any, variant: dict[str, Any], arguments: tuple) -> Score:
    """Right to 1e-4 of the longest step: float32 may pass, no other program of the family does."""
    return close(
        0.0,
        1e-4 * float(np.abs(expected).max()),
        hint="Feed your program and the exhibit the same gradients and compare the steps at t = 1, 2 and 12.",
    )(found, expected, variant, arguments)


# --- power ------------------------------------------------------------------------------------------------------------

QUESTIONS = ("different", "no worse", "same")


def power_reference(variant: dict[str, Any], n: float, effect: float, sd: float) -> float:
    """Probability of the verdict: noncentral t, or one integral over the standard deviation found."""
    n, margin = int(n), float(variant["margin"])
    t = stats.t.ppf(1 - variant["level"] / variant["comparisons"] / 2, n - 1)
    shift = effect * np.sqrt(n) / sd
    if variant["question"] == "different":
        return float(stats.nct.sf(t, n - 1, shift) + stats.nct.sf(t, n - 1, -shift))
    if variant["question"] == "no worse":
        return float(stats.nct.sf(t, n - 1, (effect + margin) * np.sqrt(n) / sd))

    def inside(ratio: float) -> float:  # ratio: the standard deviation found over the true one
        room = max(margin * np.sqrt(n) / sd - t * ratio, 0.0)
        density = stats.chi.pdf(ratio * np.sqrt(n - 1), n - 1) * np.sqrt(n - 1)
        return density * (stats.norm.cdf(room - shift) - stats.norm.cdf(-room - shift))

    return float(integrate.quad(inside, 0, min(margin * np.sqrt(n) / sd / t, 6.0), epsabs=1e-9, limit=200)[0])


def _power_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "question": str(rng.choice(QUESTIONS)),
        "level": float(rng.choice([0.05, 0.02, 0.01])),
        "comparisons": int(rng.choice([4, 9, 14])),
        "margin": float(rng.choice([0.3, 0.5, 0.8])),
        "n": int(rng.integers(5, 9)),
        "effect": float(np.round(rng.uniform(0.1, 0.25), 2)),
        "sd": 0.2,
    }


def _power_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    """Few seeds, and a power far from 0 and 1: there every shortcut shows."""
    probes = []
    for n, target in zip(rng.integers(4, 10, 6), rng.uniform(0.3, 0.85, 6), strict=True):
        effect, sign = 0.3 * variant["margin"], 1.0
        if variant["question"] == "different":
            sign = float(rng.choice([-1.0, 1.0]))
        elif variant["question"] == "no worse":
            sign = float(rng.choice([-0.5, 0.5]))
        effect *= sign
        sd = optimize.brentq(
            lambda log, n=n, e=effect, p=target: power_reference(variant, n, e, np.exp(log)) - p,
            np.log(0.005 * variant["margin"]),
            np.log(50 * variant["margin"]),
        )
        probes.append((int(n), float(effect), float(np.exp(sd))))
    return probes


def _power_compare(found: Any, expected: Any, variant: dict[str, Any], arguments: tuple) -> Score:
    hint = "Simulate: draw n differences many times, build the interval, count the verdicts."
    return close(0.0, 0.008, hint=hint)(found, expected, variant, arguments)


# --- placebo ----------------------------------------------------------------------------------------------------------

SCRAMBLES = ("pixels", "rows", "columns")
SIDE = 14
SHIFTS = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))


def _placebo_variant(rng: np.random.Generator) -> dict[str, Any]:
    what = str(rng.choice(SCRAMBLES))
    return {"scramble": what, "order": rng.permutation(SIDE**2 if what == "pixels" else SIDE)}


def placebo_reference(variant: dict[str, Any], images: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Scramble, shift, put back: the shift of a picture whose neighbours are no neighbours."""
    places, order = np.arange(SIDE**2).reshape(SIDE, SIDE), np.asarray(variant["order"], int)
    scrambled = {
        "pixels": lambda: places.ravel()[order].reshape(SIDE, SIDE),
        "rows": lambda: places[order],
        "columns": lambda: places[:, order],
    }[variant["scramble"]]()
    source = np.empty(SIDE**2, int)
    source[scrambled.ravel()] = np.roll(scrambled, tuple(int(s) for s in shift), (0, 1)).ravel()
    return np.asarray(images).reshape(len(images), -1)[:, source].reshape(np.shape(images))


def _placebo_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    shifts = [(1, 0), (0, 1), (-1, 0), (0, -1), (1, -1), (2, 1), (-1, 2), (1, 1)]
    return [(rng.random((3, SIDE, SIDE)), np.array(s)) for s in shifts]


# --- placebo-bet ------------------------------------------------------------------------------------------------------


def _bet_variant(rng: np.random.Generator) -> dict[str, Any]:
    scramble = _placebo_variant(rng)
    pixels = np.arange(float(SIDE**2)).reshape(1, SIDE, SIDE)
    moves = [placebo_reference(scramble, pixels, np.array(s)).astype(int).ravel() for s in SHIFTS[1:]]
    return {
        "scramble": scramble["scramble"],
        "moves": np.array(moves),
        "digits": int(rng.choice([200, 300, 400])),
        "split": int(rng.integers(1, 10_000)),
        "gamma": 0.1,
        "penalty": 0.02,
    }


@lru_cache(maxsize=1)
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from alchemy import data

    found = data.load("mnist5k")
    images = np.concatenate([found.x_train, found.x_test])
    return (images.reshape(-1, SIDE, 2, SIDE, 2).mean((2, 4)).astype(np.float64), np.concatenate([found.y_train, found.y_test]))


def _accuracy(views: np.ndarray, labels: np.ndarray, n: int, gamma: float, penalty: float) -> float:
    """Ridge regression with the mean kernel over all pairs of views (view, image, pixel); per cent of the rest right."""
    kernel = 0.0
    for a in views:
        for b in views:
            squared = (a**2).sum(1)[:, None] + (b[:n] ** 2).sum(1) - 2 * a @ b[:n].T
            kernel = kernel + np.exp(-gamma * np.maximum(squared, 0)) / len(views) ** 2
    weights = np.linalg.solve(kernel[:n] + penalty * np.eye(n), np.eye(10)[labels[:n]])
    return 100 * float(np.mean((kernel[n:] @ weights).argmax(1) == labels[n:]))


def bet_reference(variant: dict[str, Any]) -> float:
    """Points of accuracy that the placebo adds to the textbook kernel; mean over three splits."""
    images, labels = _digits()
    n, gained = int(variant["digits"]), []
    for k in range(3):
        pick = np.random.default_rng([int(variant["split"]), k]).permutation(len(images))[: n + 700]
        flat = images[pick].reshape(len(pick), -1)
        views = np.stack([flat, *(flat[:, move] for move in np.asarray(variant["moves"], int))])
        told, plain = (_accuracy(v, labels[pick], n, variant["gamma"], variant["penalty"]) for v in (views, views[:1]))
        gained.append(told - plain)
    return float(np.mean(gained))


ITEMS = [
    Item(
        "alchemy/find-the-bug",
        11,
        "function",
        "exhibit",
        _bug_variant,
        lambda variant, rng: [(_gradients(rng, int(n)),) for n in rng.integers(15, 40, 5)],
        _bug_reference,
        _bug_compare,
        tolerance="The nearest other program of the family is off by 4e-2 of the longest step (40 variants).",
    ),
    Item(
        "alchemy/rounded-sum",
        7,
        "function",
        "rounded_sum",
        sums.sum_variant,
        sums.sum_probes,
        sums.sum_reference,
        close(1e-12, hint="Add 1 + 2^-bits by hand: it is a tie, and it goes to the even neighbour. Then check the order."),
        tolerance="One right solution rounds exact fractions.",
    ),
    Item(
        "alchemy/sum-bound",
        9,
        "function",
        "bound",
        sums.sum_variant,
        sums.sum_probes,
        sums.bound_reference,
        close(1e-6, hint="Follow one term through your order and count how often a result that contains it is rounded."),
        tolerance="A worst case carried along the order is one of the right solutions.",
    ),
    Item(
        "alchemy/power",
        11,
        "function",
        "power",
        _power_variant,
        _power_probes,
        power_reference,
        _power_compare,
        tolerance="100,000 simulated comparisons scatter by 1.4e-3; every shortcut misses by more than 0.008.",
    ),
    Item(
        "alchemy/placebo",
        7,
        "function",
        "placebo",
        _placebo_variant,
        _placebo_probes,
        placebo_reference,
        close(0.0, 1e-6, hint="Follow one pixel: where is it in the scrambled picture, where does it move, where is that?"),
        tolerance="Two constructions move every pixel alike.",
    ),
    Item(
        "alchemy/placebo-bet",
        5,
        "prediction",
        scale=0.6,  # the deviation in spread.json
        variant=_bet_variant,
        reference=bet_reference,
        tolerance="None: the bet is scored against the gain as it is measured.",
    ),
    Item("alchemy/essay", 50, "essay"),
]
