"""Assignment 03, the first item: Levenberg and Marquardt's damped steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

MODELS = {
    "decay": "p0 exp(-p1 t) + p2",
    "wave": "p0 exp(-p1 t) cos(p2 t)",
    "peak": "p0 exp(-(t - p1)^2 / (2 p2^2))",
    "growth": "p0 / (1 + exp(-p1 (t - p2)))",
}
TRUTHS = {"decay": (2.0, 1.2, 0.5), "wave": (1.5, 0.4, 3.0), "peak": (2.0, 1.5, 0.5), "growth": (2.0, 2.5, 1.4)}


def model(name: str, p: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values (n,) and Jacobian (n, 3)."""
    a, b, c = p
    if name == "decay":
        e = np.exp(-b * t)
        return a * e + c, np.stack([e, -a * t * e, np.ones_like(t)], 1)
    if name == "wave":
        e, co, si = np.exp(-b * t), np.cos(c * t), np.sin(c * t)
        return a * e * co, np.stack([e * co, -a * t * e * co, -a * t * e * si], 1)
    if name == "peak":
        z = (t - b) / c
        e = np.exp(-(z**2) / 2)
        return a * e, np.stack([e, a * e * z / c, a * e * z**2 / c], 1)
    s = 1 / (1 + np.exp(-b * (t - c)))
    return a * s, np.stack([s, a * s * (1 - s) * (t - c), -a * s * (1 - s) * b], 1)


def path(
    variant: dict[str, Any],
    t: np.ndarray,
    y: np.ndarray,
    start: np.ndarray,
    trials: int,
    nudge: float = 0.0,
    always: bool = False,
) -> np.ndarray:
    """Parameters before and after each trial, (trials + 1, 3). nudge: central differences of this size for the Jacobian."""

    def at(p: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        f, J = model(variant["model"], p, t)
        if nudge:
            J = np.stack(
                [
                    (model(variant["model"], p + h, t)[0] - model(variant["model"], p - h, t)[0]) / (2 * nudge)
                    for h in nudge * np.eye(3)
                ],
                1,
            )
        return f - y, J, float(np.sum((f - y) ** 2))

    with np.errstate(all="ignore"):  # a trial may overflow: then it fails
        return _walk(variant, at, np.array(start, float), int(trials), always)


def _walk(variant: dict[str, Any], at: Callable, p: np.ndarray, trials: int, always: bool) -> np.ndarray:
    """The rule of the exercise; at(p) -> residuals, Jacobian, sum of squares."""
    damping, steps = float(variant["damping"]), [p]
    r, J, cost = at(p)
    for _ in range(trials):
        M = J.T @ J
        scale = np.diag(np.diag(M)) if variant["scaling"] == "diagonal" else np.eye(3)
        proposal = p - np.linalg.solve(M + damping * scale, J.T @ r)
        new = at(proposal)
        if new[2] < cost or always:
            p, (r, J, cost), damping = proposal, new, damping / variant["down"]
        else:
            damping *= variant["up"]
        steps.append(p)
    return np.array(steps)


def _lm_data(name: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth = np.array(TRUTHS[name]) * rng.uniform(0.8, 1.25, 3)
    t = np.sort(rng.uniform(0, 3, 25))
    y = model(name, truth, t)[0] + 0.05 * rng.normal(size=25)
    return t, y, truth * np.exp(rng.normal(0, 0.6, 3))


def problem(variant: dict[str, Any], rng: np.random.Generator, trials: int = 20) -> tuple:
    """A start from which the rules matter, each of them, and whose path does not hang by rounding."""
    other = {"identity": "diagonal", "diagonal": "identity"}[variant["scaling"]]
    rules = ({"down": 1.0}, {"down": 1.4 * variant["down"]}, {"up": 1.4 * variant["up"]}, {"scaling": other})
    while True:
        t, y, start = _lm_data(variant["model"], rng)
        try:
            steps = path(variant, t, y, start, trials)
            if not (
                np.isfinite(steps).all()
                and np.abs(steps).max() < 20
                and np.allclose(steps, path(variant, t, y, start, trials, nudge=1e-5), rtol=1e-6, atol=1e-6)
            ):
                continue
            changed = [path(variant | rule, t, y, start, trials) for rule in rules]
        except np.linalg.LinAlgError:
            continue
        try:
            changed.append(path(variant, t, y, start, trials, always=True))
        except np.linalg.LinAlgError:
            pass  # accepting everything ends in a singular matrix: it matters
        if all(not np.abs(steps - c).max() < 0.02 for c in changed):
            return t, y, start, trials


def variant(rng: np.random.Generator) -> dict[str, Any]:
    name = str(rng.choice(list(MODELS)))
    rule = {
        "model": name,
        "formula": MODELS[name],
        "scaling": str(rng.choice(["identity", "diagonal"])),
        "damping": float(rng.choice([0.003, 0.01])),
        "up": float(rng.choice([4, 6, 10])),
        "down": float(rng.choice([2, 3, 5])),
    }
    t, y, start, _ = problem(rule, rng)
    return rule | {"t": t.round(4), "y": y.round(4), "start": start.round(3)}
