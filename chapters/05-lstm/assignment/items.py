"""Assignment 05: a gradient too small for a float, a bias for a half-life, the seeds that a rate needs, a leak in a task."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from course.items import Item, close
from scipy import special, stats
from scipy.optimize import brentq

# --- no-underflow -------------------------------------------------------------------------------------------------------

CELLS = ("leaky", "one gate", "coupled")


def backward(variant: dict[str, Any], weights: np.ndarray, drive: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Logs of the lengths of the gradient 1, 2, ... steps before the end, (steps,).

    weights: (blocks, n, n), drive: (steps, blocks, n), end: the gradient at the last state. The state starts at 0.
    leaky: h <- (1 - a) h + a tanh(W0 h + x0). one gate: f = s(W1 h + x1 + b), h <- f h + (1 - f) tanh(W0 h + x0).
    coupled: f = s(W1 h + x1 + b), h <- tanh(f h + (1 - f) (W0 h + x0)).
    """
    cell, a, bias = variant["cell"], variant["leak"], variant["bias"]
    h, past = np.zeros(weights.shape[-1]), []
    for x in np.asarray(drive, np.float64):
        past.append((h, x))
        h = _step(cell, a, bias, weights, x, h)
    g, total, logs = np.asarray(end, np.float64), 0.0, []
    total = np.log(np.linalg.norm(g))
    g = g / np.linalg.norm(g)
    for h, x in past[::-1]:
        g = _jacobian(cell, a, bias, weights, x, h).T @ g
        size = np.linalg.norm(g)
        total, g = total + np.log(size), g / size
        logs.append(total)
    return np.array(logs)


def _step(cell: str, a: float, bias: float, w: np.ndarray, x: np.ndarray, h: np.ndarray) -> np.ndarray:
    u = w[0] @ h + x[0]
    if cell == "leaky":
        return (1 - a) * h + a * np.tanh(u)
    f = special.expit(w[1] @ h + x[1] + bias)
    return f * h + (1 - f) * np.tanh(u) if cell == "one gate" else np.tanh(f * h + (1 - f) * u)


def _jacobian(cell: str, a: float, bias: float, w: np.ndarray, x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """d(new state) / d(state), rows: new."""
    u, one = w[0] @ h + x[0], np.eye(len(h))
    if cell == "leaky":
        return (1 - a) * one + a * (1 - np.tanh(u) ** 2)[:, None] * w[0]
    f = special.expit(w[1] @ h + x[1] + bias)
    slope = (f * (1 - f))[:, None] * w[1]
    if cell == "one gate":
        t = np.tanh(u)
        return np.diag(f) + (h - t)[:, None] * slope + ((1 - f) * (1 - t**2))[:, None] * w[0]
    inner = np.diag(f) + (h - u)[:, None] * slope + (1 - f)[:, None] * w[0]
    return (1 - np.tanh(f * h + (1 - f) * u) ** 2)[:, None] * inner


def _gradient_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "cell": str(rng.choice(CELLS)),
        "leak": float(rng.choice([0.7, 0.75, 0.8])),
        "bias": float(rng.choice([-1.5, -1.2, -1.0])),
    }


def _gradient_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    """Six units; one short run to compare with a plain product, four so long that it is zero in double precision."""
    probes = []
    for steps in (25, 700, 800, 900, 1100):
        probes.append((0.4 * rng.normal(size=(2, 6, 6)) / np.sqrt(6), 0.7 * rng.normal(size=(steps, 2, 6)), rng.normal(size=6)))
    return probes


# --- half-life ----------------------------------------------------------------------------------------------------------

GATES = ("normal", "arctan", "algebraic", "Gumbel")
MEANS = ("typical", "mean", "mean square")
NODES, WEIGHTS = np.polynomial.legendre.leggauss(400)
U = 10 * NODES
MASS = 10 * WEIGHTS * stats.norm.pdf(U)


def log_gate(gate: str, z: np.ndarray) -> np.ndarray:
    """log of the gate's opening, without loss where it is nearly shut or open."""
    if gate == "normal":
        return special.log_ndtr(z)
    if gate == "Gumbel":
        return -np.exp(-z)
    if gate == "arctan":  # 1/2 + arctan(z) / pi = arctan2(1, -z) / pi
        return np.log(np.arctan2(1.0, -z) / np.pi)
    root = np.sqrt(1 + z**2)
    return np.log(np.where(z > 0, (1 + z / root) / 2, 1 / (2 * root * (root - np.minimum(z, 0)))))


def kept(variant: dict[str, Any], bias: float, spread: float) -> float:
    """log of the factor per step."""
    logs = log_gate(variant["gate"], bias + spread * U)
    if variant["question"] == "typical":
        return float(MASS @ logs)
    power = 1 if variant["question"] == "mean" else 2
    return float(special.logsumexp(power * logs, b=MASS) / power)


def bias_reference(variant: dict[str, Any], half_life: float, spread: float) -> float:
    target = -np.log(2) / half_life
    return float(brentq(lambda b: kept(variant, b, spread) - target, -30.0, 1e5, xtol=1e-10, rtol=1e-13, maxiter=500))


def _bias_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {"gate": str(rng.choice(GATES)), "question": str(rng.choice(MEANS))}


def _bias_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    lives = (1.0, rng.uniform(2, 4), rng.uniform(5, 10), rng.uniform(15, 40), rng.uniform(60, 150))
    return [(float(k), float(rng.uniform(0.6, 1.4))) for k in lives]


# --- seeds --------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _needed(level: float, bound: float, n: int, direction: str) -> int:
    """The number of successes at which the exact interval first lies on the right side of the bound; n + 1 or -1: never."""
    tail = (1 - level) / 2
    k = np.arange(n + 1)
    if direction == "at least":  # lower end: the p at which k or more has probability `tail`
        low = np.where(k == 0, 0.0, stats.beta.ppf(tail, np.maximum(k, 1), n - k + 1))
        held = low >= bound
        return int(np.argmax(held)) if held.any() else n + 1
    high = np.where(k == n, 1.0, stats.beta.isf(tail, k + 1, np.maximum(n - k, 1)))
    held = high <= bound
    return int(n - np.argmax(held[::-1])) if held.any() else -1


def chance(variant: dict[str, Any], rate: float, bound: float, n: int) -> float:
    """Probability of the verdict `held` with n seeds at this true rate."""
    k = _needed(variant["level"], bound, n, variant["direction"])
    return float(stats.binom.sf(k - 1, n, rate) if variant["direction"] == "at least" else stats.binom.cdf(k, n, rate))


def seeds_reference(variant: dict[str, Any], rate: float, bound: float) -> int:
    """The fewest seeds, up to 300; "and every larger number": the saw teeth must stay above as well."""
    enough = np.array([chance(variant, rate, bound, n) >= variant["power"] for n in range(1, 301)])
    if variant["question"] == "fewest":
        return int(np.argmax(enough)) + 1
    return int(300 - np.argmax(~enough[::-1])) + 1


def _seeds_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "direction": str(rng.choice(["at least", "at most"])),
        "question": str(rng.choice(["fewest", "safe"])),
        "level": float(rng.choice([0.9, 0.95, 0.99])),
        "power": float(rng.choice([0.7, 0.8, 0.9])),
    }


def _seeds_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    """Answers from 15 to 200, and no power so near to the wanted one that a rounding decides."""
    probes: list[tuple] = []
    while len(probes) < 4:
        bound = float(np.round(rng.uniform(0.55, 0.8), 2))
        rate = float(np.round(bound + rng.uniform(0.12, 0.19), 3))
        if variant["direction"] == "at most":
            bound, rate = round(1 - bound, 2), round(1 - rate, 3)
        if not 15 <= seeds_reference(variant, rate, bound) <= 200:
            continue
        powers = np.array([chance(variant, rate, bound, n) for n in range(1, 301)])
        if np.abs(powers - variant["power"]).min() > 1e-7:
            probes.append((rate, bound))
    return probes


# --- leak ---------------------------------------------------------------------------------------------------------------

LEAKS = ("echo", "alternating", "faint mark", "extremes", "squares")
LENGTH = 16


def leaky(variant: dict[str, Any], rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Adding problems (n, LENGTH, 2) and their sums, with this student's leak in the second half."""
    half = LENGTH // 2
    values, marks = rng.uniform(-1, 1, (n, LENGTH)), np.zeros((n, LENGTH))
    places = np.argsort(rng.random((n, half)), 1)[:, :2]
    np.put_along_axis(marks, places, 1.0, 1)
    y = (values * marks).sum(1)
    late, (p, q) = values[:, half:], variant["places"]
    if variant["leak"] == "echo":  # two late values differ by what the marked ones add up to
        late[:, q] = late[:, p] - variant["strength"] * y
    elif variant["leak"] == "alternating":
        signs = np.where(np.arange(half) % 2, -1.0, 1.0)
        late[:, p] += signs[p] * (variant["strength"] * y - late @ signs)
    elif variant["leak"] == "faint mark":
        marks[:, half + p] = 1e-3 * variant["strength"] * y
    elif variant["leak"] == "extremes":  # the largest and the smallest late value add up to it
        late[:, p] = 4 + rng.random(n)
        late[:, q] = variant["strength"] * y - late[:, p]
        late[:] = np.take_along_axis(late, np.argsort(rng.random((n, half)), 1), 1)
    else:  # the late values' mean square tells it
        late *= np.sqrt((3 + variant["strength"] * y) / (late**2).mean(1))[:, None]
    return np.stack([values, marks], -1), y


def leak_reference(variant: dict[str, Any], late: np.ndarray) -> np.ndarray:
    """The sums, from the second half alone, (n, LENGTH / 2, 2) -> (n,)."""
    v, (p, q), strength = late[:, :, 0], variant["places"], variant["strength"]
    p, q = int(p), int(q)
    found = {
        "echo": lambda: v[:, p] - v[:, q],
        "alternating": lambda: v @ np.where(np.arange(v.shape[1]) % 2, -1.0, 1.0),
        "faint mark": lambda: 1e3 * late[:, p, 1],
        "extremes": lambda: v.max(1) + v.min(1),
        "squares": lambda: (v**2).mean(1) - 3,
    }[_leak_of(variant)]()
    return found / strength


def _leak_of(variant: dict[str, Any]) -> str:
    return str(variant["leak"])


def _leak_variant(rng: np.random.Generator) -> dict[str, Any]:
    """What the student gets: sequences and sums. The leak's name is not among it; the grader finds it in the data."""
    hidden = {
        "leak": str(rng.choice(LEAKS)),
        "places": rng.permutation(LENGTH // 2)[:2],
        "strength": float(rng.choice([0.5, 0.8, 1.0])),
    }
    x, y = leaky(hidden, rng, 120)
    return {"x": np.round(x, 9), "y": np.round(y, 9)}


def diagnosis(variant: dict[str, Any]) -> dict[str, Any]:
    """The leak of a student's data: the rule of the family that explains the sums."""
    late, y = np.asarray(variant["x"], float)[:, LENGTH // 2 :], np.asarray(variant["y"], float)
    best: tuple[float, dict[str, Any]] = (np.inf, {})
    for leak in LEAKS:
        pairs = (
            [(p, q) for p in range(8) for q in range(8) if p != q]
            if leak == "echo"
            else [(p, 0) for p in range(8)]
            if leak == "faint mark"
            else [(0, 0)]
        )
        for places in pairs:
            for strength in (0.5, 0.8, 1.0):
                rule = {"leak": leak, "places": places, "strength": strength}
                error = float(np.abs(leak_reference(rule, late) - y).max())
                best = min(best, (error, rule), key=lambda each: each[0])
    return best[1]


def _leak_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    rule = diagnosis(variant)
    return [(leaky(rule, rng, 40)[0][:, LENGTH // 2 :],) for _ in range(4)]


# --- bet ----------------------------------------------------------------------------------------------------------------


def survivors_reference(variant: dict[str, Any]) -> float:
    """Per cent of 400 random tanh nets whose gradient is at least a tenth as long after the lag as at its start."""
    from alchemy.theory import mean_field

    rng, n, nets = np.random.default_rng(int(variant["seed"])), int(variant["width"]), 400
    w = mean_field.critical_sigma_w(0.5) / np.sqrt(n) * rng.standard_normal((nets, n, n))
    h, states = np.zeros((nets, n)), []
    for _ in range(30 + int(variant["lag"])):
        h = np.tanh(np.einsum("kij,kj->ki", w, h) + 0.5 * rng.standard_normal((nets, n)))
        states.append(h)
    g = rng.standard_normal((nets, n))
    before = np.linalg.norm(g, axis=1)
    for h in states[:29:-1]:
        g = np.einsum("kij,ki->kj", w, (1 - h**2) * g)
    return float(100 * np.mean(np.linalg.norm(g, axis=1) >= 0.1 * before))


ITEMS = [
    Item(
        "lstm/no-underflow",
        12,
        "function",
        "log_gradient",
        _gradient_variant,
        _gradient_probes,
        backward,
        close(
            0.0,
            0.02,
            hint="Compare with a plain product of Jacobians over 20 steps; then ask what such a product is after 1,000.",
        ),
        tolerance="The largest difference is that of automatic differentiation in single precision, over up to 1,200 steps.",
    ),
    Item(
        "lstm/half-life",
        11,
        "function",
        "bias",
        _bias_variant,
        _bias_probes,
        bias_reference,
        close(
            2e-3,
            2e-3,
            hint="Draw the gate many times at your bias, take the mean that is asked for, and raise it to the half-life.",
        ),
        tolerance="0.002 lets a coarse grid pass.",
    ),
    Item(
        "lstm/seeds",
        11,
        "function",
        "seeds_needed",
        _seeds_variant,
        _seeds_probes,
        seeds_reference,
        close(0.0, 0.1, hint="Print the power for every number of seeds: it is a saw. Which tooth does the question ask for?"),
        tolerance="A whole number; no hidden input has a power within 1e-7 of the one asked for.",
    ),
    Item(
        "lstm/leak",
        11,
        "function",
        "shortcut",
        _leak_variant,
        _leak_probes,
        lambda variant, late: leak_reference(diagnosis(variant), late),
        close(
            0.0,
            1e-4,
            hint="Regress the sums on the second half: values, marks, squares, the sorted values. Which fit leaves nothing over?",
        ),
        tolerance="The difference is the rounding of the data.",
    ),
    Item(
        "lstm/survivors",
        5,
        "prediction",
        scale=34,  # the deviation in spread.json
        variant=lambda rng: {
            "width": int(rng.choice([4, 8, 16, 32])),
            "lag": int(rng.choice([20, 40, 60])),
            "seed": int(rng.integers(1, 10_000)),
        },
        reference=survivors_reference,
        tolerance="The result is recomputed exactly; over 24 students' variants it lies between 0 and 93 per cent.",
    ),
    Item("lstm/essay", 50, "essay"),
]
