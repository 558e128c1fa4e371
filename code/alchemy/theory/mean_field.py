"""Mean-field theory of random networks: what a wide net does to the length and the correlation of its inputs.

A layer is z = W phi(z_previous) + b with independent W_ij ~ N(0, sigma_w^2 / width), b_i ~ N(0, sigma_b^2). At
infinite width the z_i of two inputs are Gaussian pairs, so a layer acts on three numbers only: the mean squares
(`length_map`) and the correlation (`correlation_map`). Fixed points by root finding, Gaussian integrals by
Gauss-Legendre quadrature on either side of 0, where activations may have a kink. The same maps hold step by step
for a recurrent net with such weights (Chen, Pennington and Schoenholz 2018).

Sources: Poole et al. (2016), eqs. 3-10; Schoenholz et al. (2017), eqs. 3-12 and 17; Cho and Saul (2009) for ReLU;
Hanin and Nica (2020) for the correction at finite width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import SupportsFloat

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq
from scipy.special import digamma, erf, polygamma
from scipy.stats import binom

REACH, NODES = 9.0, 120  # the Gaussian's tail beyond 9 weighs 1e-19; nodes on either side of 0
LONGEST = 1e9  # a length map that is still above the diagonal here has no fixed point


class MeanFieldError(ValueError):
    """A question outside the theory: no such activation, a negative deviation, or no fixed point to speak of."""


@dataclass(frozen=True)
class Activation:
    """phi and its derivative, both elementwise on float64 arrays.

    square: if phi^2 is quadratic on both half-lines, E phi(z)^2 for unit variance (1/2 for ReLU, 1 for the identity);
    such maps are linear in the length and are solved in closed form.
    """

    name: str
    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    square: float | None = None


TANH = Activation("tanh", np.tanh, lambda z: 1 - np.tanh(z) ** 2)
ERF = Activation("erf", lambda z: erf(np.sqrt(np.pi) / 2 * z), lambda z: np.exp(-np.pi / 4 * z**2))
RELU = Activation("relu", lambda z: np.maximum(z, 0), lambda z: np.heaviside(z, 0.5), 0.5)
LINEAR = Activation("linear", lambda z: z, np.ones_like, 1.0)
ACTIVATIONS = {a.name: a for a in (TANH, ERF, RELU, LINEAR)}
Number = SupportsFloat | Float[np.ndarray, "..."]


def activation_named(name: str | Activation) -> Activation:
    """tanh, erf (unit slope at 0), relu or linear; an `Activation` passes. Raises MeanFieldError for another name."""
    if isinstance(name, Activation):
        return name
    if name not in ACTIVATIONS:
        raise MeanFieldError(f"activation is {name!r}; expected one of {', '.join(ACTIVATIONS)} or an Activation.")
    return ACTIVATIONS[name]


def _check(sigma_w: SupportsFloat, sigma_b: SupportsFloat = 0.0) -> tuple[float, float]:
    w, b = float(sigma_w), float(sigma_b)
    if not (w > 0 and b >= 0 and np.isfinite([w, b]).all()):
        raise MeanFieldError(f"sigma_w is {w} and sigma_b is {b}; expected finite deviations, sigma_w > 0 and sigma_b >= 0.")
    return w, b


@cache
def _rule() -> tuple[np.ndarray, np.ndarray]:
    x, w = np.polynomial.legendre.leggauss(NODES)
    z = REACH / 2 * (x + 1)
    w = REACH / 2 * w * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return np.concatenate([-z[::-1], z]), np.concatenate([w[::-1], w])


def gaussian_mean(f: Callable[[np.ndarray], np.ndarray], q: Number) -> Float[np.ndarray, "..."]:
    """E f(sqrt(q) z) over a standard normal z, for each entry of q >= 0 (f elementwise, kinks at 0 allowed)."""
    z, weights = _rule()
    return np.asarray(f(np.sqrt(np.asarray(q, np.float64))[..., None] * z) @ weights)


def gaussian_pair_mean(f: Callable[[np.ndarray], np.ndarray], q: Number, c: Number) -> Float[np.ndarray, "..."]:
    """E f(u) f(v) over Gaussian pairs of variance q and correlation c (arrays that broadcast), for a smooth f."""
    z, weights = _rule()
    q, c = (np.asarray(v, np.float64)[..., None, None] for v in (q, c))
    shared, own = np.sqrt(q * (1 + c) / 2) * z[:, None], np.sqrt(q * (1 - c) / 2) * z
    return np.asarray((f(shared + own) * f(shared - own)) @ weights @ weights)


def length_map(
    q: Number, sigma_w: SupportsFloat, sigma_b: SupportsFloat, activation: str | Activation = "tanh"
) -> Float[np.ndarray, "..."]:
    """Mean square of a layer's preactivations, given that of the layer before: sigma_w^2 E phi(sqrt(q) z)^2 + sigma_b^2.

    Poole et al. (2016), eq. 3.
    """
    w, b = _check(sigma_w, sigma_b)
    phi = activation_named(activation)
    return np.asarray(w**2 * gaussian_mean(lambda u: phi.value(u) ** 2, q) + b**2)


def length_fixed_point(sigma_w: SupportsFloat, sigma_b: SupportsFloat, activation: str | Activation = "tanh") -> float:
    """q*, the length that a layer preserves and to which lengths tend; infinity where they grow without end.

    With sigma_b = 0 the length 0 is returned only where it is stable. Raises MeanFieldError where every length is a
    fixed point (ReLU at sigma_w^2 = 2, sigma_b = 0: He's initialization).
    """
    w, b = _check(sigma_w, sigma_b)
    phi = activation_named(activation)
    if phi.square is not None:
        factor = w**2 * phi.square
        if np.isclose(factor, 1, rtol=1e-12) and b == 0:
            raise MeanFieldError(
                f"{phi.name} at sigma_w^2 = {w**2:g}, sigma_b = 0 preserves every length; pass the length q of the inputs."
            )
        return b**2 / (1 - factor) if factor < 1 else np.inf

    def gain(q: float) -> float:
        return float(length_map(q, w, b, phi)) - q

    top = 1.0
    while gain(top) > 0:
        top *= 2
        if top > LONGEST:
            return np.inf
    bottom = 0.0 if b > 0 else 1e-10
    return brentq(gain, bottom, top, xtol=1e-13, rtol=1e-12) if gain(bottom) > 0 else 0.0


def _length(q: SupportsFloat | None, sigma_w: float, sigma_b: float, phi: Activation) -> float:
    return length_fixed_point(sigma_w, sigma_b, phi) if q is None else float(q)


def chi(
    sigma_w: SupportsFloat, sigma_b: SupportsFloat, activation: str | Activation = "tanh", q: SupportsFloat | None = None
) -> float:
    """chi_1 = sigma_w^2 E phi'(sqrt(q) z)^2 at the length q (default: q*).

    It is the slope of the correlation map at 1, and the factor by which a squared gradient (or a squared small
    difference between two inputs) is multiplied per layer: below 1 the ordered phase, above 1 the chaotic one.
    Poole et al. (2016), eq. 9; Schoenholz et al. (2017), eqs. 5 and 17.
    """
    w, b = _check(sigma_w, sigma_b)
    phi = activation_named(activation)
    if phi.square is not None:  # the slope is constant on both half-lines, so no length enters
        return w**2 * phi.square
    return w**2 * float(gaussian_mean(lambda u: phi.slope(u) ** 2, _length(q, w, b, phi)))


def critical_sigma_w(sigma_b: SupportsFloat, activation: str | Activation = "tanh") -> float:
    """The sigma_w at which chi_1 = 1 for a given sigma_b: the border between order and chaos.

    tanh: sigma_w^2 = 1.76 at sigma_b^2 = 0.05, the value usually quoted; ReLU: sigma_w^2 = 2 (He et al. 2015).
    """
    _, b = _check(1.0, sigma_b)
    phi = activation_named(activation)
    if phi.square is not None:
        return float(1 / np.sqrt(phi.square))
    if b == 0:  # the length 0 loses its stability where the origin's slope passes 1; chi_1 is flat to first order there
        return float(1 / abs(phi.slope(np.zeros(1))[0]))
    return brentq(lambda w: chi(w, b, phi) - 1, 0.2, 20.0, xtol=1e-10)


def pair_map(
    q: Number, c: Number, sigma_w: SupportsFloat, sigma_b: SupportsFloat, activation: str | Activation = "tanh"
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """One layer's effect on two inputs of common length q and correlation c: the new (length, correlation)."""
    w, b = _check(sigma_w, sigma_b)
    phi = activation_named(activation)
    q, c = np.asarray(q, np.float64), np.clip(np.asarray(c, np.float64), -1, 1)
    if phi is RELU:  # arc-cosine kernel of Cho and Saul (2009): the kink is not at 0 in the rotated plane
        product = q * (np.sqrt(1 - c**2) + c * (np.pi - np.arccos(c))) / (2 * np.pi)
    else:
        product = gaussian_pair_mean(phi.value, q, c)
    length = length_map(q, w, b, phi)
    # A net without biases whose lengths have died treats its inputs linearly: the correlation stays.
    return length, np.where(length > 0, (w**2 * product + b**2) / np.where(length > 0, length, 1), c)


def correlation_map(
    c: Number,
    sigma_w: SupportsFloat,
    sigma_b: SupportsFloat,
    activation: str | Activation = "tanh",
    q: SupportsFloat | None = None,
) -> Float[np.ndarray, "..."]:
    """Correlation of two inputs after a layer, given the one before, at the length q (default: q*).

    Poole et al. (2016), eqs. 5-6.
    """
    w, b = _check(sigma_w, sigma_b)
    phi = activation_named(activation)
    return pair_map(_length(q, w, b, phi), c, w, b, phi)[1]


def correlation_slope(
    c: SupportsFloat,
    sigma_w: SupportsFloat,
    sigma_b: SupportsFloat,
    activation: str | Activation = "tanh",
    q: SupportsFloat | None = None,
) -> float:
    """Derivative of the correlation map at c and the fixed length: sigma_w^2 E phi'(u) phi'(v); chi_1 at c = 1.

    Schoenholz et al. (2017), eq. 9.
    """
    w, b = _check(sigma_w, sigma_b)
    phi = activation_named(activation)
    if phi is RELU:
        return float(w**2 * (np.pi - np.arccos(float(c))) / (2 * np.pi))
    if phi is LINEAR:
        return w**2
    return w**2 * float(gaussian_pair_mean(phi.slope, _length(q, w, b, phi), float(c)))


def correlation_fixed_point(sigma_w: SupportsFloat, sigma_b: SupportsFloat, activation: str | Activation = "tanh") -> float:
    """c*, the correlation to which any two different inputs tend: 1 in the ordered phase, below 1 in the chaotic one.

    Raises MeanFieldError where lengths grow without end, so that there is no fixed length to stay at.
    """
    w, b = _check(sigma_w, sigma_b)
    phi = activation_named(activation)
    q = length_fixed_point(w, b, phi)
    if not np.isfinite(q):
        raise MeanFieldError(f"{phi.name} at sigma_w = {w:g} has no fixed length: lengths grow in every layer.")
    # The map is convex on [0, 1] with nonnegative value at 0: a crossing below 1 exists where it leaves 1 from below.
    near = 1 - 1e-7
    if chi(w, b, phi, q) <= 1 or float(correlation_map(near, w, b, phi, q)) >= near:
        return 1.0
    return brentq(lambda c: float(correlation_map(c, w, b, phi, q)) - c, 0.0, near, xtol=1e-12)


def _scale(factor: float) -> float:
    """Layers in which factor^layers changes by e; infinite at factor 1, 0 at factor 0."""
    factor = abs(factor)
    return 0.0 if factor == 0 else np.inf if factor == 1 else float(abs(1 / np.log(factor)))


def xi_c(sigma_w: SupportsFloat, sigma_b: SupportsFloat, activation: str | Activation = "tanh") -> float:
    """Depth scale, in layers, on which a correlation forgets its start: -1 / log of the correlation map's slope at c*.

    Diverges at the critical point. Schoenholz et al. (2017), eq. 9.
    """
    w, b = _check(sigma_w, sigma_b)
    phi = activation_named(activation)
    return _scale(correlation_slope(correlation_fixed_point(w, b, phi), w, b, phi))


def xi_gradient(sigma_w: SupportsFloat, sigma_b: SupportsFloat, activation: str | Activation = "tanh") -> float:
    """Depth scale, in layers, on which a squared gradient shrinks or grows by e: 1 / |log chi_1|."""
    return _scale(chi(sigma_w, sigma_b, activation))


def trajectory(
    layers: int,
    q: SupportsFloat,
    c: SupportsFloat,
    sigma_w: SupportsFloat,
    sigma_b: SupportsFloat,
    activation: str | Activation = "tanh",
) -> tuple[Float[np.ndarray, " depths"], Float[np.ndarray, " depths"]]:
    """Lengths and correlations of two inputs through `layers` layers: two arrays of layers + 1 entries, the start first.

    q, c: of the preactivations that enter the first nonlinearity.
    """
    if layers < 1:
        raise MeanFieldError(f"layers is {layers}; expected at least one.")
    path = [(np.asarray(float(q)), np.asarray(float(c)))]
    for _ in range(int(layers)):
        path.append(pair_map(*path[-1], sigma_w, sigma_b, activation))
    lengths, correlations = zip(*path, strict=True)
    return np.array(lengths, np.float64), np.array(correlations, np.float64)


def relu_log_length(depth: int, width: int) -> tuple[float, float]:
    """Mean and variance of log(q_depth / q_0) in a ReLU net of finite width with He's weights and no biases.

    Exact, given that no layer is dead: a layer multiplies the squared length by (2 / width) chi^2_k with k ~
    Binomial(width, 1/2), independently. To first order -5 depth / (2 width) and 5 depth / width, where infinite
    width says 0 and 0. Hanin and Nica (2020).
    """
    if depth < 1 or width < 1:
        raise MeanFieldError(f"depth is {depth} and width is {width}; expected both at least 1.")
    k = np.arange(1, width + 1)
    p = binom.pmf(k, width, 0.5)
    p = p / p.sum()
    means, variances = digamma(k / 2) + np.log(4 / width), polygamma(1, k / 2)
    mean = p @ means
    return float(depth * mean), float(depth * (p @ (variances + (means - mean) ** 2)))
