"""Assignment 03: Levenberg and Marquardt from scratch, a rate with one hand tied, other stairs, a bill read again."""

from __future__ import annotations

from typing import Any

import numpy as np
from course.items import Item, Score, close
from scipy import integrate, optimize

from . import steps

# --- one-hand-tied ----------------------------------------------------------------------------------------------------

METHODS = {
    "heavy ball": "x+ = x - eta g(x) + beta (x - x-)",
    "Nesterov": "x+ = z - eta g(z), z = x + beta (x - x-)",
    "late gradient": "x+ = x - eta g(x-): the gradient is one step old, no momentum",
}


def radius(method: str, beta: float, a: float) -> float:
    """Larger modulus of the two roots, for eta times curvature = a."""
    p, q = {"heavy ball": (1 + beta - a, beta), "Nesterov": ((1 + beta) * (1 - a), beta * (1 - a)), "late gradient": (1.0, a)}[
        method
    ]
    root = np.sqrt(complex(p * p - 4 * q))
    return float(max(abs(p + root), abs(p - root)) / 2)


def rate_reference(variant: dict[str, Any], kappa: float) -> float:
    """The best rate over the step: where both ends of the spectrum are equally slow (the radius falls, then rises)."""
    name, beta = variant["method"], variant["beta"]

    def tilt(log: float) -> float:
        return radius(name, beta, np.exp(log)) - radius(name, beta, np.exp(log) / kappa)

    low, high = np.log(1e-9), np.log(4.0)
    if tilt(low) >= 0:
        return radius(name, beta, np.exp(low))
    if name == "heavy ball" and abs(tilt(np.log((1 + beta**0.5) ** 2 * (1 - 1e-12)))) < 1e-9:
        return float(np.sqrt(beta))  # the window holds the whole spectrum
    return radius(name, beta, np.exp(optimize.brentq(tilt, low, high, xtol=1e-14)) / kappa)


def _rate_variant(rng: np.random.Generator) -> dict[str, Any]:
    name = str(rng.choice(list(METHODS)))
    return {"method": name, "formula": METHODS[name], "beta": float(rng.choice([0.5, 0.7, 0.8, 0.9]))}


def _rate_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    """Two condition numbers that the heavy ball's window would hold, four that it would not."""
    root = variant["beta"] ** 0.5
    window = ((1 + root) / (1 - root)) ** 2
    return [(float(window * f),) for f in (*rng.uniform(0.2, 0.7, 2), *np.exp(rng.uniform(0.5, 4, 4)))]


def _rate_compare(found: Any, expected: Any, variant: dict[str, Any], arguments: tuple) -> Score:
    """The gap 1 - rate to one per cent: a search over a grid of steps may pass."""
    hint = "Plot the modulus of both roots against eta times curvature; the worst curvature is at an end of the spectrum."
    try:
        gap = 1 - np.asarray(found, np.float64)
    except (TypeError, ValueError):
        return Score(0.0, f"the answer is a {type(found).__name__}; expected a number.")
    return close(0.01, hint=hint)(gap, 1 - expected, variant, arguments)


# --- other-stairs -----------------------------------------------------------------------------------------------------

STAIRS = ("three layers", "four layers", "weight decay", "lopsided")


def stairs_reference(variant: dict[str, Any], s: float, start: float) -> float:
    """Steps until half of what the mode will be, under gradient flow."""
    eta, kind = variant["eta"], variant["kind"]
    if kind == "weight decay":
        left = s - variant["gamma"]
        return float(np.log(left / start**2 - 1) / (4 * eta * left))
    if kind == "lopsided":
        return float(integrate.quad(lambda u: 1 / (2 * eta * np.hypot(start**2, 2 * u) * (s - u)), 0, s / 2)[0])
    n = 3 if kind == "three layers" else 4
    return float(integrate.quad(lambda a: 1 / (2 * eta * a ** (n - 1) * (s - a**n)), start, (s / 2) ** (1 / n), limit=200)[0])


def _stairs_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "kind": str(rng.choice(STAIRS)),
        "eta": float(rng.choice([2e-4, 3e-4, 5e-4])),
        "gamma": float(rng.choice([0.2, 0.3, 0.4])),
    }


def _stairs_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    low, high = {"lopsided": (0.5, 1.4), "weight decay": (0.05, 0.15)}.get(variant["kind"], (0.2, 0.4))
    return [(float(s), float(a)) for s, a in zip(rng.uniform(0.7, 2.5, 6), rng.uniform(low, high, 6), strict=True)]


# --- the-bill ---------------------------------------------------------------------------------------------------------


def _race(rng: np.random.Generator) -> tuple:
    """Errors (optimizer, seed, step), NaN after the last step; the price of a step; settings tried; tolerances."""
    ran = np.array([300, 300, 60, 25]) + rng.integers(0, 20, 4)
    price = np.array([1.0, 1.5, float(rng.integers(5, 10)), float(rng.integers(25, 60))])
    tried = rng.permutation([2, 4, 8, 12])
    order = rng.permutation(4)
    errors = np.full((4, 7, ran.max() + 1), np.nan)
    speed = np.array([0.03, 0.05, 0.3, 1.2]) * np.exp(rng.normal(0, 0.4, 4))
    floor = 10.0 ** -np.array([rng.uniform(1, 4), rng.uniform(2, 6), rng.uniform(4, 9), 14.0])
    for o in range(4):
        time = np.arange(ran[o] + 1)
        for seed in range(7):
            e = np.exp(-speed[o] * np.exp(rng.normal(0, 0.35)) * time) + floor[o] * np.exp(rng.normal(0, 1))
            errors[o, seed, : ran[o] + 1] = e * np.exp(0.15 * rng.normal(size=len(time)) * (time > 0))
    return errors[order], price[order], tried, 10.0 ** -np.arange(0.5, 9, 1.0)


def bill_reference(
    variant: dict[str, Any], errors: np.ndarray, price: np.ndarray, tried: np.ndarray, tolerances: np.ndarray, caps: bool = True
) -> np.ndarray:
    """Index of the cheapest optimizer at each tolerance, -1 where a cap or a lead too small leaves it open."""
    unit = np.asarray(price) * (tried if variant["tuning"] == "counted" else 1)
    spent = unit * (np.isfinite(errors).all(1).sum(-1) - 1)
    winners = []
    for tolerance in tolerances:
        hit = errors <= tolerance  # NaN is never a hit
        first = np.where(hit.any(-1), hit.argmax(-1), np.inf)
        cost = unit * (np.median(first, 1) if variant["seeds"] == "median" else first.max(1))
        best, least = int(np.argmin(cost)), np.where(np.isfinite(cost) | (not caps), cost, spent)  # at least
        rivals = np.delete(least, best)
        winners.append(-1 if np.isinf(cost[best]) or (rivals < variant["lead"] * cost[best]).any() else best)
    return np.array(winners)


def _bill_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "seeds": str(rng.choice(["median", "worst"])),
        "tuning": str(rng.choice(["counted", "not counted"])),
        "lead": float(rng.choice([1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.4, 1.5])),
    }


def _bill_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    """Races in which the rules matter: some verdicts open, two winners, and other readings lead elsewhere."""
    probes = []
    while len(probes) < 5:
        race = _race(rng)
        verdict = bill_reference(variant, *race)
        others = [variant | {"seeds": s, "tuning": t} for s in ("median", "worst") for t in ("counted", "not counted")]
        others = [bill_reference(o, *race) for o in [*others, variant | {"lead": 1.0}] if o != variant]
        others.append(bill_reference(variant, *race, caps=False))
        if (verdict < 0).any() and len(set(verdict[verdict >= 0])) >= 2 and all((o != verdict).any() for o in others):
            probes.append(race)
    return probes


def _bill_compare(found: Any, expected: Any, variant: dict[str, Any], arguments: tuple) -> Score:
    """All verdicts of a race, or nothing: they are whole numbers."""
    score = close(0.0, 0.0)(found, expected, variant, arguments)
    if score.share < 1 and score.message.startswith("off by"):
        wrong = int(np.sum(np.asarray(found, np.float64) != expected))
        return Score(
            0.0,
            f"{wrong} of {len(expected)} verdicts on a hidden race are not those of the rules. Check in turn: "
            "the unit of cost, which seed speaks, what a run that was cut off had spent, the lead.",
        )
    return score


# --- depth-bet --------------------------------------------------------------------------------------------------------


def _bet_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "kappa": float(rng.choice([10.0, 100.0, 1e4])),
        "width": int(rng.choice([6, 8, 10])),
        "steps": 1500,
        "rates": [0.01, 0.03, 0.06],
        "seed": int(rng.integers(1, 10_000)),
    }


def final_errors(variant: dict[str, Any], depth: int, seeds: int = 9) -> np.ndarray:
    """Relative squared error after gradient descent at each seed's best rate, (seeds,)."""
    w, rates = int(variant["width"]), np.asarray(variant["rates"])
    rng = np.random.default_rng([int(variant["seed"]), 0])  # the same targets at each depth
    U, V = (np.linalg.qr(rng.standard_normal((seeds, n, 6)))[0] for n in (10, 6))
    s = variant["kappa"] ** -np.linspace(0, 1, 6)
    A = np.repeat(((U * s) @ V.swapaxes(1, 2))[:, None], len(rates), 1)
    rng = np.random.default_rng([int(variant["seed"]), depth])
    shapes = [(10, w), *[(w, w)] * (depth - 2), (w, 6)]
    W = [np.repeat(rng.standard_normal((seeds, 1, *shape)) / shape[1] ** 0.5, len(rates), 1) for shape in shapes]
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(int(variant["steps"])):
            right = [W[-1]]
            for m in W[-2:0:-1]:
                right.insert(0, m @ right[0])  # right[i]: product of W[i + 1:]
            slope, moved = 2 * rates[:, None, None] * (W[0] @ right[0] - A), []
            for i, m in enumerate(W):
                moved.append(m - (slope @ right[i].swapaxes(2, 3) if i < depth - 1 else slope))
                slope = m.swapaxes(2, 3) @ slope
            W = moved
        product = W[0]
        for m in W[1:]:
            product = product @ m
        error = ((product - A) ** 2).sum((2, 3)) / (A**2).sum((2, 3))
    return np.where(np.isfinite(error), error, np.inf).min(1)


def bet_reference(variant: dict[str, Any]) -> float:
    """log10 of the error of three layers over that of two, median over seeds."""
    return float(np.median(np.log10(final_errors(variant, 3) / final_errors(variant, 2))))


ITEMS = [
    Item(
        "gradient-descents-fault/damped-steps",
        12,
        "function",
        "fit",
        steps.variant,
        lambda variant, rng: [steps.problem(variant, rng) for _ in range(4)],
        steps.path,
        close(1e-3, 1e-3, hint="Check one trial by hand: which Jacobian, which damping, and what does a failure do to both?"),
        tolerance="Hidden problems are drawn so that each rule, broken, moves the path by 2e-2.",
    ),
    Item(
        "gradient-descents-fault/one-hand-tied",
        11,
        "function",
        "rate",
        _rate_variant,
        _rate_probes,
        rate_reference,
        _rate_compare,
        tolerance="One per cent of the gap lets a grid of 1,500 steps pass, which is off by 6e-3 (20 variants).",
    ),
    Item(
        "gradient-descents-fault/other-stairs",
        11,
        "function",
        "half_time",
        _stairs_variant,
        _stairs_probes,
        stairs_reference,
        close(0.02, hint="Run gradient descent on one mode, two or more numbers, and count the steps."),
        tolerance="One right solution counts the steps of gradient descent.",
    ),
    Item(
        "gradient-descents-fault/the-bill",
        11,
        "function",
        "verdict",
        _bill_variant,
        _bill_probes,
        bill_reference,
        _bill_compare,
        tolerance="Verdicts are whole numbers.",
    ),
    Item(
        "gradient-descents-fault/depth-bet",
        5,
        "prediction",
        scale=2.7,  # the deviation in spread.json
        variant=_bet_variant,
        reference=bet_reference,
        tolerance="None: the bet is scored against the ratio as it is measured.",
    ),
    Item("gradient-descents-fault/essay", 50, "essay"),
]
