"""Assignment 01, two items: sums that round, and what that may cost at worst."""

from __future__ import annotations

from math import frexp, ldexp
from typing import Any

import numpy as np

ORDERS = ("one by one", "pairwise", "blocks")


def rounded(x: float, bits: int) -> float:
    """x to so many significant bits, nearest, ties to even; no limit on the exponent."""
    mantissa, exponent = frexp(x)  # 0.5 <= |mantissa| < 1
    return ldexp(round(ldexp(mantissa, bits)), exponent - bits)  # Python's round takes ties to even


def _one_by_one(x: list[float], bits: int) -> float:
    total = 0.0
    for value in x:
        total = rounded(total + value, bits)
    return total


def _pairwise(x: list[float], bits: int) -> float:
    if len(x) == 1:
        return x[0]
    half = len(x) // 2
    return rounded(_pairwise(x[:half], bits) + _pairwise(x[half:], bits), bits)


def sum_of_row(variant: dict[str, Any], x: np.ndarray) -> float:
    values, bits = [float(v) for v in x], int(variant["bits"])
    if variant["order"] == "pairwise":
        return _pairwise(values, bits)
    if variant["order"] == "blocks":
        size = int(variant["block"])
        return _one_by_one([_one_by_one(values[i : i + size], bits) for i in range(0, len(values), size)], bits)
    return _one_by_one(values, bits)


def sum_reference(variant: dict[str, Any], x: np.ndarray) -> np.ndarray:
    """One sum for each row of x (rows, n)."""
    return np.array([sum_of_row(variant, row) for row in x])


def _depths(n: int) -> list[int]:
    return [0] if n == 1 else [1 + d for part in (n // 2, n - n // 2) for d in _depths(part)]


def roundings(variant: dict[str, Any], n: int) -> np.ndarray:
    """How many roundings each of n terms goes through."""
    if variant["order"] == "pairwise":
        return np.array(_depths(n))
    if variant["order"] == "blocks":
        size = int(variant["block"])
        number = -(-n // size)
        return np.array([min(size, n - i // size * size) - i % size + number - i // size for i in range(n)])
    return np.arange(n, 0, -1)


def bound_reference(variant: dict[str, Any], x: np.ndarray) -> np.ndarray:
    """One bound for each row of x (rows, n)."""
    unit = 2.0 ** -int(variant["bits"])
    return np.abs(x) @ np.expm1(roundings(variant, x.shape[1]) * np.log1p(unit))


def sum_variant(rng: np.random.Generator) -> dict[str, Any]:
    order = str(rng.choice(ORDERS))
    return {
        "bits": int(rng.integers(5, 10)),
        "order": order,
        "block": int(rng.integers(5, 9)),
        "x": np.round(rng.normal(0.5, 1.0, (3, 20)), 3),
    }


def sum_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    """Ten rows each: integers bring ties, growing terms tell the orders apart; a rounding that is wrong meets some row."""
    found = []
    for n in rng.integers(45, 90, 6):
        ties = rng.integers(1, 60, (5, n)) / 2
        found.append((np.concatenate([ties, rng.normal(0.4, 1.0, (5, n)) * np.geomspace(0.2, 5, n)]),))
    return found
