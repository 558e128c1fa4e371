"""Assignment 04, the first item: an activation of scale a, and one change of the layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from course.items import Score
from scipy import special
from scipy.optimize import brentq

ACTIVATIONS = ("sine", "algebraic", "arctan", "error function")
CHANGES = ("dropout", "damped skip", "private noise")
GRID = np.linspace(-9, 9, 361)  # the trapezoid rule on analytic functions times a Gaussian: error below 1e-10
GAUSS = np.exp(-(GRID**2) / 2) * (GRID[1] - GRID[0]) / np.sqrt(2 * np.pi)


def phi(kind: str, a: float, z: np.ndarray) -> np.ndarray:
    """The four activations; each has slope 1 at 0 and bends at the scale a."""
    z = np.asarray(z, np.float64) / a
    return a * {
        "sine": np.sin,
        "algebraic": lambda x: x / np.sqrt(1 + x**2),
        "arctan": np.arctan,
        "error function": lambda x: np.sqrt(np.pi) / 2 * special.erf(x),
    }[kind](z)


def slope(kind: str, a: float, z: np.ndarray) -> np.ndarray:
    z = np.asarray(z, np.float64) / a
    return {
        "sine": np.cos,
        "algebraic": lambda x: (1 + x**2) ** -1.5,
        "arctan": lambda x: 1 / (1 + x**2),
        "error function": lambda x: np.exp(-(x**2)),
    }[kind](z)


def _plane(f: Any, q: float, c: float) -> float:
    """E f(sqrt(q) u) f(sqrt(q) v) for standard normals of correlation c, f smooth."""
    root = np.sqrt(q)
    inner = f(root * (c * GRID[:, None] + np.sqrt(1 - c**2) * GRID)) @ GAUSS
    return float((f(root * GRID) * inner) @ GAUSS)


def pair(kind: str, a: float, q: float, c: float) -> float:
    """E phi(u) phi(v), variances q, correlation c."""
    if kind == "sine":
        return float(a**2 * (np.exp(-q * (1 - c) / a**2) - np.exp(-q * (1 + c) / a**2)) / 2)
    return _plane(lambda z: phi(kind, a, z), q, min(c, 1.0))


def slopes(kind: str, a: float, q: float, c: float) -> float:
    """E phi'(u) phi'(v), variances q, correlation c."""
    if kind == "sine":
        return float((np.exp(-q * (1 - c) / a**2) + np.exp(-q * (1 + c) / a**2)) / 2)
    return _plane(lambda z: slope(kind, a, z), q, min(c, 1.0))


def _numbers(variant: dict[str, Any]) -> tuple[str, float, float, float, float]:
    """Activation, its scale, and what the change does: factor on shared squares, damping, own variance."""
    kind, a, change, strength = (variant[k] for k in ("activation", "a", "change", "strength"))
    own = 1 / strength if change == "dropout" else 1.0
    return kind, float(a), own, strength if change == "damped skip" else 0.0, strength**2 if change == "private noise" else 0.0


def fixed_reference(variant: dict[str, Any], sigma_w: float, sigma_b: float) -> np.ndarray:
    """The length and the correlation to which two different inputs tend."""
    kind, a, own, alpha, noise = _numbers(variant)

    def length(q: float) -> float:
        return alpha**2 * q + own * sigma_w**2 * pair(kind, a, q, 1.0) + sigma_b**2 + noise

    top = 1.0
    while length(top) > top:
        top *= 2
    q = brentq(lambda q: length(q) - q, 1e-9, top, xtol=1e-13)

    def after(c: float) -> float:
        return alpha**2 * c + (sigma_w**2 * pair(kind, a, q, c) + sigma_b**2) / q

    if variant["change"] == "damped skip" and chi_of(variant, q, 1.0, sigma_w) <= 1:
        return np.array([q, 1.0])
    last = 1 - 1e-6 if variant["change"] == "damped skip" else 1.0
    return np.array([q, brentq(lambda c: after(c) - c, 0.0, last, xtol=1e-12)])


def chi_of(variant: dict[str, Any], q: float, c: float, sigma_w: float) -> float:
    """Slope of the correlation map at c."""
    kind, a, _, alpha, _ = _numbers(variant)
    return alpha**2 + sigma_w**2 * slopes(kind, a, q, c)


def signal_variant(rng: np.random.Generator) -> dict[str, Any]:
    change, a = str(rng.choice(CHANGES)), float(rng.choice([0.6, 0.8, 1.25, 1.6]))
    strength = {"dropout": [0.75, 0.8, 0.85], "damped skip": [0.45, 0.6, 0.7], "private noise": [0.25, 0.35, 0.45]}[change]
    return {"activation": str(rng.choice(ACTIVATIONS)), "a": a, "change": change, "strength": float(rng.choice(strength))}


def places(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    """One place in order, the others in chaos, and never so near the border that a quadrature's last digits decide."""
    probes: list[tuple] = []
    for low, high in ((0.6, 1.0), (1.0, 2.0), (1.3, 2.2), (1.6, 2.5), (2.1, 2.8)):
        for _ in range(200):
            sigma_w, sigma_b = float(rng.uniform(low, high)), float(variant["a"] * rng.uniform(0.2, 0.7))
            q, c = fixed_reference(variant, sigma_w, sigma_b)
            far = all(abs(np.log(chi_of(variant, q, at, sigma_w))) > 0.08 for at in (c, 1.0))
            if far and (not probes or chi_of(variant, q, 1.0, sigma_w) > 1):
                probes.append((sigma_w, sigma_b))
                break
    return probes


def fixed_compare(found: Any, expected: Any, variant: dict[str, Any], arguments: tuple) -> Score:
    """Half for the length, half for the correlation: the second asks what the change does to two inputs."""
    try:
        found = np.asarray(found, np.float64)
    except (TypeError, ValueError):
        return Score(0.0, f"the answer is a {type(found).__name__}; expected two numbers, length and correlation.")
    if found.shape != (2,) or not np.isfinite(found).all():
        return Score(0.0, f"the answer has shape {found.shape} or is not finite; expected two numbers, length and correlation.")
    right = np.abs(found - expected) <= np.array([2e-3 * expected[0], 2e-3])
    words = [
        "the length is right"
        if right[0]
        else "the length is off: simulate one wide layer at your length and look whether it stays",
        "the correlation is right"
        if right[1]
        else "the correlation is off: which terms of the length do two inputs share, and which has each for itself?",
    ]
    return Score(0.35 * right[0] + 0.65 * right[1], "; ".join(words) + ".")
