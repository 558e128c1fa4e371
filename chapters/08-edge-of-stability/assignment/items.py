"""Assignment 08: the two ends of a spectrum, gradients that come late, an onset without a Hessian, a valley that softens."""

from __future__ import annotations

from typing import Any

import numpy as np
from course.items import Item, Score, close

# --- ends-of-the-spectrum ---------------------------------------------------------------------------------------------

SLOPES = {  # activation -> (value, first, second derivative)
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2, lambda z: -2 * np.tanh(z) * (1 - np.tanh(z) ** 2)),
    "arctan": (np.arctan, lambda z: 1 / (1 + z**2), lambda z: -2 * z / (1 + z**2) ** 2),
    "sine": (np.sin, np.cos, lambda z: -np.sin(z)),
}


def hessian(x: np.ndarray, y: np.ndarray, w: np.ndarray, activation: str, hidden: int) -> np.ndarray:
    """Hessian (p, p) of 1/2 mean (a . phi(W x) - y)^2 in w = (W row by row, a): Gauss-Newton plus residuals, written out."""
    (n, d), h = x.shape, hidden
    W, a = w[: h * d].reshape(h, d), w[h * d :]
    phi, first, second = (f(x @ W.T) for f in SLOPES[activation])
    r = phi @ a - y
    jacobian = np.concatenate([((a * first)[:, :, None] * x[:, None, :]).reshape(n, -1), phi], axis=1)
    H = jacobian.T @ jacobian / n
    for j in range(h):
        rows, out = slice(j * d, (j + 1) * d), h * d + j
        H[rows, rows] += a[j] * (x.T * (r * second[:, j])) @ x / n
        cross = x.T @ (r * first[:, j]) / n
        H[rows, out] += cross
        H[out, rows] += cross
    return H


def _spectrum(variant: dict[str, Any], x: np.ndarray, y: np.ndarray, w: np.ndarray, scale: np.ndarray) -> np.ndarray:
    root = np.sqrt(np.asarray(scale, float))
    H = hessian(*(np.asarray(v, float) for v in (x, y, w)), variant["activation"], int(variant["hidden"]))
    return np.linalg.eigvalsh(H / root[:, None] / root[None, :])


def ends_reference(variant: dict[str, Any], x: np.ndarray, y: np.ndarray, w: np.ndarray, scale: np.ndarray) -> float:
    values = _spectrum(variant, x, y, w, scale)
    return float(values[-1] if variant["question"] == "largest" else values[0])


def _ends_problem(variant: dict[str, Any], rng: np.random.Generator) -> tuple:
    """A point at which the end that is asked for is not the one of largest size: plain power iteration finds the other."""
    h, d, n = int(variant["hidden"]), 5, 12
    while True:
        x, w = rng.normal(size=(n, d)), rng.normal(size=h * d + h) / np.sqrt(d)
        y = rng.normal(rng.uniform(-6, 6), 2.0, n)
        scale = np.exp(rng.normal(0, 0.5, len(w)))
        values = _spectrum(variant, x, y, w, scale)
        asked, other = (values[-1], values[0]) if variant["question"] == "largest" else (values[0], values[-1])
        if 0.3 < abs(asked) < 0.8 * abs(other):
            return x, y, w, scale


def _ends_variant(rng: np.random.Generator) -> dict[str, Any]:
    variant = {
        "activation": str(rng.choice(list(SLOPES))),
        "hidden": int(rng.integers(6, 11)),
        "question": str(rng.choice(["largest", "smallest"])),
    }
    x, y, w, scale = (np.round(v, 3) for v in _ends_problem(variant, rng))
    return variant | {"x": x, "y": y, "w": w, "scale": scale}


# --- late-gradients ---------------------------------------------------------------------------------------------------


def threshold_reference(variant: dict[str, Any], eta: float, beta: float) -> float:
    """The curvature at which the first root of the recurrence reaches the unit circle, found on the circle itself.

    With z = exp(i angle) a root at curvature c obeys eta c K(z) = -(z - 1)(z - beta) / z, K(z) = sum of taps[k] z^-k. Where
    the quotient is real and positive a root crosses; the smallest such curvature is the threshold.
    """
    taps = np.asarray(variant["taps"], float)

    def quotient(angle: np.ndarray) -> np.ndarray:
        z = np.exp(1j * angle)
        return -(z - 1) * (z - beta) / z / np.sum(taps * z[..., None] ** -np.arange(len(taps)), axis=-1)

    angle = np.linspace(1e-4, np.pi - 1e-7, 20_001)
    q = quotient(angle)
    found = [quotient(np.array(np.pi)).real]
    for i in np.flatnonzero((q.imag[:-1] * q.imag[1:] < 0) & (np.abs(np.diff(q)) < 1 + np.abs(q[:-1]))):
        low, high = angle[i], angle[i + 1]
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if quotient(np.array(middle)).imag * q.imag[i] > 0 else (low, middle)
        found.append(float(quotient(np.array(low)).real))
    return float(min(c for c in found if c > 1e-9) / eta)


def _late_variant(rng: np.random.Generator) -> dict[str, Any]:
    late = float(np.round(rng.uniform(0.45, 0.9), 2))
    kind = int(rng.integers(3))
    taps = {0: [1 - late, late], 1: [0.0, 1 - late, late], 2: [(1 - late) / 2, (1 - late) / 2, late]}[kind]
    return {"taps": np.round(taps, 4), "eta": float(rng.choice([0.05, 0.1, 0.2])), "beta": float(rng.choice([0.3, 0.5, 0.7]))}


def _late_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    return [(float(rng.choice([0.01, 0.03, 0.1, 0.4])), float(b)) for b in (0.0, 0.2, 0.5, 0.8, 0.9, 0.95)]


# --- onset-from-a-trace -----------------------------------------------------------------------------------------------

MOMENTS = ("onset", "peak", "return")


def oscillation(rng: np.random.Generator) -> tuple[np.ndarray, dict[str, float]]:
    """A recorded projection (steps,), and the true moments, from the two-dimensional model of self-stabilization."""
    rho = rng.uniform(0.003, 0.006)
    x, z = rng.choice([-1.0, 1.0]) * 0.02, -np.sqrt(2 * rho * rng.uniform(3.0, 4.0))
    xs, zs = [], []
    while len(zs) < 20 or max(zs[:-12]) < 0.05 or zs[-12] > 0:
        xs.append(x)
        zs.append(z)
        x, z = -(1 + z) * x, z + rho - x**2
    z, t = np.array(zs), np.arange(len(zs))
    up = int(np.flatnonzero((z[:-1] < 0) & (z[1:] >= 0))[0])
    down = up + 1 + int(np.flatnonzero((z[up + 1 : -1] >= 0) & (z[up + 2 :] < 0))[0])
    truth = {
        "onset": up + z[up] / (z[up] - z[up + 1]),
        "peak": float(up + np.argmax(z[up : down + 1])),
        "return": down + z[down] / (z[down] - z[down + 1]),
    }
    drift = rng.normal(0, 1) + rng.uniform(-0.02, 0.02) * t + rng.uniform(0.5, 1.5) * np.exp(-t / rng.uniform(400, 800))
    unit = rng.uniform(0.2, 5.0)
    return unit * (np.array(xs) + drift + rng.normal(0, 2e-6, len(t))), truth


def onset_reference(variant: dict[str, Any], trace: np.ndarray) -> float:
    """The moment asked for, from the growth of the alternating part: log |x_{t+1} / x_t| = log(eta S_t - 1)."""
    second = np.convolve(np.asarray(trace, float), [1, -2, 1], mode="valid")  # centred at steps 1, 2, ...
    log = np.log(np.abs(second) + 1e-300)
    half = 5 if variant["moment"] == "onset" else 1  # only at the onset is the oscillation as small as the noise
    t = np.arange(-half, half + 1)
    growth = np.array([np.polyfit(t, log[i - half : i + half + 1], 1)[0] for i in range(half, len(log) - half)])
    time = np.arange(half, len(log) - half) + 0.5  # entry i is centred at step i + 1; growth from t to t + 1 tells of S at t
    late = np.arange(len(growth)) > int(np.argmin(log[half:-half]))
    peak = int(np.argmax(np.where(late, growth, -np.inf)))
    if variant["moment"] == "peak":
        return float(time[peak])
    if variant["moment"] == "onset":
        i = int(np.flatnonzero(growth[:peak] < 0)[-1])
    else:
        i = peak + int(np.flatnonzero(growth[peak:] < 0)[0]) - 1
    return float(time[i] + growth[i] / (growth[i] - growth[i + 1]))


def _onset_variant(rng: np.random.Generator) -> dict[str, Any]:
    trace, _ = oscillation(rng)
    return {"moment": str(rng.choice(MOMENTS)), "trace": np.round(trace, 9)}


def _onset_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    """Recordings whose moment is not the visible one's."""
    shown, found = onset_reference(variant, np.asarray(variant["trace"])), []
    while len(found) < 5:
        trace, _ = oscillation(rng)
        if abs(onset_reference(variant, trace) - shown) > 4:
            found.append((trace,))
    return found


# --- softening-valley -------------------------------------------------------------------------------------------------

WANTED = ("valley", "iterate", "width")


def valley_reference(variant: dict[str, Any], s: float, alpha: float, q: float, kappa: float) -> float:
    """The plateau of gradient descent on 1/2 a^2 (s + b) - q/4 a^4 - alpha b + 1/2 kappa b^2, at the variant's eta.

    A cycle a -> -a needs eta (B - q a^2) = 2 with B = s + b; b rests at 1/2 a^2 = alpha - kappa b. Two linear equations in
    a^2 and B. No positive a^2: the edge is never reached, and b rests at alpha / kappa.
    """
    edge = 2 / float(variant["eta"])
    square = 2 * (alpha - kappa * (edge - s)) / (1 + 2 * kappa * q)
    square, valley = (square, edge + q * square) if square > 0 else (0.0, s + alpha / kappa)
    if variant["question"] == "valley":
        return float(valley)
    if variant["question"] == "width":
        return float(np.sqrt(square))
    top, side = valley - 3 * q * square, np.sqrt(square)
    return float((top + kappa) / 2 + np.hypot((top - kappa) / 2, side))


def _valley(variant: dict[str, Any], rng: np.random.Generator, reaches: bool) -> tuple:
    edge = 2 / float(variant["eta"])
    s, alpha = float(np.round(edge * rng.uniform(0.75, 0.92), 3)), float(np.round(rng.uniform(0.8, 2.0), 3))
    kappa = alpha / (edge - s) * (rng.uniform(0.2, 0.6) if reaches else rng.uniform(1.2, 1.6))
    return s, alpha, float(np.round(rng.uniform(0.1, 0.25), 3)), float(np.round(kappa, 4))


def _valley_variant(rng: np.random.Generator) -> dict[str, Any]:
    variant = {"question": str(rng.choice(WANTED)), "eta": float(rng.choice([0.05, 0.08, 0.1, 0.16, 0.2]))}
    return variant | dict(zip(("s", "alpha", "q", "kappa"), _valley(variant, rng, True), strict=True))


# --- late-bet ---------------------------------------------------------------------------------------------------------


def _bet_variant(rng: np.random.Generator) -> dict[str, Any]:
    delay, beta, eta = (
        (1, 0.0, 0.4),
        (1, 0.2, 0.4),
        (1, 0.3, 0.3),
        (1, 0.4, 0.3),
        (1, 0.5, 0.2),
        (2, 0.0, 0.3),
        (2, 0.0, 0.2),
        (2, 0.2, 0.2),
    )[int(rng.integers(8))]
    return {"delay": delay, "beta": beta, "eta": eta, "start": int(rng.integers(1, 10_000))}


def bet_reference(variant: dict[str, Any]) -> float:
    """Median of S eta / 2 over the last quarter of 1000 steps with late gradients; mean over two starts."""
    found = []
    for k in range(2):
        rng = np.random.default_rng([int(variant["start"]), k])
        x, y, w = rng.normal(size=(30, 6)), rng.normal(size=30), rng.normal(size=70)
        w = w / np.sqrt(np.repeat([6, 10], [60, 10]))
        past, velocity, seen = [], np.zeros(70), []
        for t in range(1000):
            W, a = w[:60].reshape(10, 6), w[60:]
            phi = np.tanh(x @ W.T)
            r = phi @ a - y
            past.append(np.concatenate([((r[:, None] * a * (1 - phi**2)).T @ x).ravel(), phi.T @ r]) / 30)
            velocity = variant["beta"] * velocity - variant["eta"] * past[max(t - int(variant["delay"]), 0)]
            w = w + velocity
            if t >= 750 and t % 25 == 0:
                seen.append(np.linalg.eigvalsh(hessian(x, y, w, "tanh", 10))[-1] * variant["eta"] / 2)
        found.append(np.median(seen))
    return float(np.mean(found))


def _within(steps: float):
    def compare(found: Any, expected: Any, variant: dict[str, Any], arguments: tuple) -> Score:
        hint = "Divide successive sizes of the alternating part: what is their ratio when the sharpness stands on the line?"
        return close(0.0, steps, hint=hint)(found, expected, variant, arguments)

    return compare


ITEMS = [
    Item(
        "edge-of-stability/ends-of-the-spectrum",
        12,
        "function",
        "curvature_end",
        _ends_variant,
        lambda variant, rng: [_ends_problem(variant, rng) for _ in range(4)],
        ends_reference,
        close(2e-3, hint="Which eigenvalue does power iteration find when the other end is the larger? Shift, and iterate on."),
        tolerance="Power iteration on Hessian-vector products in single precision is one of the right solutions.",
    ),
    Item(
        "edge-of-stability/late-gradients",
        12,
        "function",
        "threshold",
        _late_variant,
        _late_probes,
        threshold_reference,
        close(
            1e-4,
            hint="Compute all roots of the recurrence just above and just below your answer. Where do they leave the circle?",
        ),
        tolerance="The largest root lies inside the circle at 0.9999 of the threshold and outside at 1.0001 (200 variants).",
    ),
    Item(
        "edge-of-stability/onset-from-a-trace",
        11,
        "function",
        "moment",
        _onset_variant,
        _onset_probes,
        onset_reference,
        _within(3.0),
        tolerance="The reference itself misses the true moment by at most 0.5 of the three steps (60 recordings).",
    ),
    Item(
        "edge-of-stability/softening-valley",
        10,
        "function",
        "plateau",
        _valley_variant,
        lambda variant, rng: [_valley(variant, rng, reaches) for reaches in (True, True, True, True, False)],
        valley_reference,
        close(5e-4, 1e-4, hint="Run gradient descent on the two variables for some thousand steps and look where it settles."),
        tolerance="40,000 steps of gradient descent settle within 1e-14 of the formula (40 variants).",
    ),
    Item(
        "edge-of-stability/late-bet",
        5,
        "prediction",
        scale=0.098,  # the deviation in spread.json
        variant=_bet_variant,
        reference=bet_reference,
        tolerance="None: the bet is scored against the plateau as it is measured.",
    ),
    Item("edge-of-stability/essay", 50, "essay"),
]
