"""Assignment 04: a map for a layer that the chapter does not have, a wrong fan, a product of matrices, a control."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
from course.items import Item, close
from scipy import special

from . import signal

# --- wrong-fan ----------------------------------------------------------------------------------------------------------

FANS = (
    "fan-out",
    "channels only",
    "kernel once",
    "mean of the fans",
    "groups forgotten",
    "no root",
    "range for deviation",
    "truncated",
    "leak forgotten",
    "leak not squared",
)
TRUNCATED = 0.87962566103423978  # deviation of a standard normal cut at two deviations


def deviation(bug: str, leak: float, kernel: int, channels_in: int, channels_out: int, groups: int) -> float:
    """Standard deviation of the weights that an initializer with this bug draws; "none" is He's for a leaky rectifier."""
    fan = kernel**2 * channels_in / groups
    fan = {
        "fan-out": kernel**2 * channels_out / groups,
        "channels only": channels_in / groups,
        "kernel once": kernel * channels_in / groups,
        "groups forgotten": kernel**2 * channels_in,
        "mean of the fans": kernel**2 * (channels_in + channels_out) / (2 * groups),
    }.get(bug, fan)
    gain = {"leak forgotten": 2.0, "leak not squared": 2 / (1 + leak)}.get(bug, 2 / (1 + leak**2))
    found = gain / fan if bug == "no root" else np.sqrt(gain / fan)
    return float(found * {"range for deviation": 1 / np.sqrt(3), "truncated": TRUNCATED}.get(bug, 1.0))


def _layers(rng: np.random.Generator, number: int) -> np.ndarray:
    """Kernel, channels in, channels out, groups: no two fans alike."""
    rows = []
    while len(rows) < number:
        kernel, groups = int(rng.choice([1, 3, 5])), int(rng.choice([1, 2, 4]))
        inward, outward = (int(groups * rng.integers(20, 80)) for _ in range(2))
        if 0.7 < inward / outward < 1.4 or kernel**2 * inward * outward / groups < 8000:
            continue
        rows.append([kernel, inward, outward, groups])
    rows[0][0], rows[1][0], rows[0][3], rows[1][3] = 1, 3, 1, 1  # one layer without a kernel, two without groups
    return np.array(rows)


def _fan_variant(rng: np.random.Generator) -> dict[str, Any]:
    bug, leak = str(rng.choice(FANS)), float(rng.choice([0.3, 0.4, 0.5]))
    layers = _layers(rng, 10)
    measured = []
    for layer in layers:
        weights = int(layer[0] ** 2 * layer[1] * layer[2] / layer[3])
        # the deviation of so many weights scatters by one over the root of twice their number
        measured.append(deviation(bug, leak, *map(int, layer)) * (1 + rng.normal() / np.sqrt(2 * weights)))
    return {"leak": leak, "layers": layers, "measured": np.array(measured)}


def fan_of(variant: dict[str, Any]) -> str:
    """The bug that the measured deviations show."""
    layers, measured = np.asarray(variant["layers"], int), np.asarray(variant["measured"])

    def misfit(bug: str) -> float:
        return float(np.abs(np.log([deviation(bug, variant["leak"], *map(int, row)) for row in layers] / measured)).max())

    return min(FANS, key=misfit)


def growth_reference(variant: dict[str, Any], kernel: int, channels_in: int, channels_out: int, groups: int) -> float:
    s, leak = deviation(fan_of(variant), variant["leak"], kernel, channels_in, channels_out, groups), variant["leak"]
    return float(s**2 * kernel**2 * channels_in / groups * (1 + leak**2) / 2)


# --- linear-net ---------------------------------------------------------------------------------------------------------


def linear_reference(variant: dict[str, Any], widths: np.ndarray, kind: str) -> np.ndarray:
    """Mean and variance of the log of the squared length behind a random linear net over that before it."""
    mean = variance = 0.0
    for n, m in zip(np.asarray(widths, int)[:-1], np.asarray(widths, int)[1:], strict=True):
        if kind == "gaussian":
            scale = {"fan in": n, "fan out": m, "both": (n + m) / 2}[variant["fan"]]
            mean += special.digamma(m / 2) + np.log(2 / scale)
            variance += special.polygamma(1, m / 2)
        elif m < n:  # a random projection keeps a Beta(m / 2, (n - m) / 2) share
            mean += special.digamma(m / 2) - special.digamma(n / 2)
            variance += special.polygamma(1, m / 2) - special.polygamma(1, n / 2)
        mean += 2 * np.log(variant["gain"])
    if variant["length"] == "mean of squares":
        mean += np.log(widths[0] / widths[-1])
    return np.array([float(mean), float(variance)])


def _linear_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "fan": str(rng.choice(["fan in", "fan out", "both"])),
        "length": str(rng.choice(["sum of squares", "mean of squares"])),
        "gain": float(rng.choice([0.9, 1.1, 1.2])),
    }


def _linear_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    widths: list[np.ndarray] = []
    while len(widths) < 4:
        each = rng.integers(3, 13, int(rng.integers(5, 12)))
        if each[0] != each[-1] and (np.diff(each) < 0).any():
            widths.append(each)
    return [(w, kind) for w in widths for kind in ("gaussian", "orthogonal")]


# --- control ------------------------------------------------------------------------------------------------------------

CONTROLS = ("every order", "rotations", "swaps")


def area(trained: np.ndarray, scores: np.ndarray) -> float:
    """How often a trained cell scores above an untrained one; a tie counts one half."""
    yes, no = scores[trained], scores[~trained]
    return float(np.mean((yes[:, None] > no) + 0.5 * (yes[:, None] == no)))


def orders(kind: str, n: int) -> list[tuple[int, ...]]:
    if kind == "every order":
        return list(permutations(range(n)))
    if kind == "rotations":
        return [tuple(np.roll(np.arange(n), k)) for k in range(n)]
    found = []
    for i in range(n):
        for j in range(i):
            order = list(range(n))
            order[i], order[j] = j, i
            found.append(tuple(order))
    return found


def control_reference(variant: dict[str, Any], trained: np.ndarray, depths: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Area of depth over scale; its mean when the scales are dealt out anew; share of the deals that do as well."""
    trained, depths, scales = np.asarray(trained, bool), np.asarray(depths, float), np.asarray(scales, float)
    found = [area(trained, -depths / scales[list(o)][:, None]) for o in orders(variant["control"], len(scales))]
    own = area(trained, -depths / scales[:, None])
    return np.array([own, np.mean(found), np.mean(np.array(found) >= own - 1e-9)])


def _map(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A made-up map: trains up to some scales, with luck; depths and scales that tie here and there."""
    for _ in range(100):
        n = int(rng.integers(5, 7))
        depths = np.array([4, 8, 12, 16, 24]) * int(rng.choice([1, 2]))
        scales = rng.permutation(np.array([1.0, 1.5, 2.0, 3.0, 4.0, 6.0])[:n]) * 2
        trained = depths < 4.5 * scales[:, None] ** 0.6 * np.exp(0.5 * rng.normal(size=(n, len(depths)))) * 2
        if 0.25 < trained.mean() < 0.75:
            return trained.astype(int), depths.astype(float), scales
    raise RuntimeError("no map")


def _control_variant(rng: np.random.Generator) -> dict[str, Any]:
    trained, depths, scales = _map(rng)
    return {"control": str(rng.choice(CONTROLS)), "trained": trained, "depths": depths, "scales": scales}


# --- lottery ------------------------------------------------------------------------------------------------------------


def lottery_reference(variant: dict[str, Any]) -> float:
    """log10 of the ninth decile of the first layer's squared gradient over the first, 200 critical tanh networks."""
    from alchemy.theory import mean_field

    n, depth, nets = int(variant["width"]), int(variant["depth"]), 200
    rng, sigma_b = np.random.default_rng(int(variant["seed"])), np.sqrt(0.05)
    sigma_w = mean_field.critical_sigma_w(sigma_b)
    z = np.full((nets, n), np.sqrt(mean_field.length_fixed_point(sigma_w, sigma_b)))
    weights, slopes_ = [], []
    for _ in range(depth):
        h = np.tanh(z)
        weights.append(sigma_w / np.sqrt(n) * rng.standard_normal((nets, n, n)))
        slopes_.append(1 - h**2)
        z = np.einsum("kij,kj->ki", weights[-1], h) + sigma_b * rng.standard_normal((nets, n))
    g = rng.standard_normal((nets, n))
    for w, d in zip(weights[::-1], slopes_[::-1], strict=True):
        g = d * np.einsum("kij,ki->kj", w, g)
    low, high = np.percentile((g**2).sum(1), [10, 90])
    return float(np.log10(high / low))


def _lottery_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "width": int(rng.choice([12, 16, 24, 32])),
        "depth": int(rng.choice([16, 24, 36])),
        "seed": int(rng.integers(1, 10_000)),
    }


ITEMS = [
    Item(
        "initialization/signal",
        14,
        "function",
        "fixed_point",
        signal.signal_variant,
        signal.places,
        signal.fixed_reference,
        signal.fixed_compare,
        tolerance="0.2 % of the length and 0.002 of the correlation let a coarse grid pass and no forgotten term.",
    ),
    Item(
        "initialization/wrong-fan",
        10,
        "function",
        "growth",
        _fan_variant,
        lambda variant, rng: [tuple(map(int, row)) for row in _layers(rng, 8)],
        growth_reference,
        close(1e-3, hint="Plot measured deviation over the right one against each of kernel, channels and groups in turn."),
        tolerance="0.1 % is far below the distance of two suspects.",
    ),
    Item(
        "initialization/linear-net",
        11,
        "function",
        "log_length",
        _linear_variant,
        _linear_probes,
        linear_reference,
        close(1e-3, 1e-6, hint="Simulate ten thousand nets of widths 4, 3, 5 and compare the mean and the variance of the logs."),
        tolerance="Quadrature passes at 0.1 %; a hundred simulated nets, a wrong solution of the suite, do not.",
    ),
    Item(
        "initialization/control",
        10,
        "function",
        "control",
        _control_variant,
        lambda variant, rng: [_map(rng) for _ in range(6)],
        control_reference,
        close(0.0, 1e-6, hint="Check by hand on two scales and two depths; mind ties, and whether your deals hold the true one."),
        tolerance="Fractions: counting pairs and midranks.",
    ),
    Item(
        "initialization/lottery",
        5,
        "prediction",
        scale=0.81,  # the deviation in spread.json
        variant=_lottery_variant,
        reference=lottery_reference,
        tolerance="The result is recomputed exactly; over 12 variants it lies between 1.5 and 3.3 powers of ten.",
    ),
    Item("initialization/essay", 50, "essay"),
]
