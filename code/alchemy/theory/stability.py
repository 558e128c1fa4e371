"""Stability thresholds of optimizers on a quadratic: the curvature above which a step oscillates and grows.

On 1/2 lambda w^2 each optimizer is a linear recurrence. Its threshold is the curvature at which the
characteristic polynomial's largest root leaves the unit circle, which on a quadratic happens at -1: consecutive
iterates change sign. `spectral_radius` computes that root without any formula and is the tests' independent source.

Sources: Cohen et al. (2021), appendix B (gradient descent, Polyak, Nesterov); Cohen et al. (2022), section 3 (Adam).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float

Method = Literal["gd", "heavy-ball", "nesterov", "adam"]
METHODS = ("gd", "heavy-ball", "nesterov", "adam")


class StabilityError(ValueError):
    """A threshold was asked for outside of its theory."""


def _check(eta: float, beta: float) -> None:
    if not eta > 0:
        raise StabilityError(f"eta is {eta}; expected a positive learning rate.")
    if not 0 <= beta < 1:
        raise StabilityError(f"beta is {beta}; expected 0 <= beta < 1.")


def gradient_descent(eta: float) -> float:
    """2 / eta: |1 - eta lambda| = 1 at its negative end."""
    _check(eta, 0.0)
    return 2 / eta


def heavy_ball(eta: float, beta: float) -> float:
    """(2 + 2 beta) / eta, for v <- beta v - eta g, w <- w + v (Polyak 1964; optax.sgd(eta, momentum=beta))."""
    _check(eta, beta)
    return (2 + 2 * beta) / eta


def nesterov(eta: float, beta: float) -> float:
    """(2 + 2 beta) / (eta (1 + 2 beta)), for the same velocity with the gradient taken at w + beta v."""
    _check(eta, beta)
    return (2 + 2 * beta) / (eta * (1 + 2 * beta))


def adam(eta: float, beta1: float = 0.9) -> float:
    """(2 + 2 beta1) / ((1 - beta1) eta), a threshold on the *preconditioned* sharpness: 38 / eta at beta1 = 0.9.

    Adam with its preconditioner P held still is momentum whose gradients are averaged, m <- beta1 m +
    (1 - beta1) g, w <- w - eta m / P: heavy-ball with learning rate (1 - beta1) eta on the Hessian P^-1/2 H P^-1/2.
    """
    _check(eta, beta1)
    return (2 + 2 * beta1) / ((1 - beta1) * eta)


def threshold(method: Method, eta: float, beta: float = 0.0) -> float:
    """The threshold of a method by its name; beta is momentum or Adam's beta1, ignored by gradient descent."""
    if method not in METHODS:
        raise StabilityError(f"method is {method!r}; expected one of {', '.join(METHODS)}.")
    if method == "gd":
        return gradient_descent(eta)
    return {"heavy-ball": heavy_ball, "nesterov": nesterov, "adam": adam}[method](eta, beta)


def companion(method: Method, eta: float, beta: float, curvature: float) -> Float[np.ndarray, "2 2"]:
    """The matrix that maps (w_t, w_{t-1}) to (w_{t+1}, w_t) on 1/2 curvature w^2."""
    _check(eta, beta)
    if method not in METHODS:
        raise StabilityError(f"method is {method!r}; expected one of {', '.join(METHODS)}.")
    a = eta * curvature
    if method == "gd":
        return np.array([[1 - a, 0.0], [1.0, 0.0]])
    if method == "heavy-ball":
        return np.array([[1 + beta - a, -beta], [1.0, 0.0]])
    if method == "nesterov":
        return np.array([[(1 + beta) * (1 - a), -beta * (1 - a)], [1.0, 0.0]])
    return np.array([[1 + beta - (1 - beta) * a, -beta], [1.0, 0.0]])


def spectral_radius(method: Method, eta: float, beta: float, curvature: float) -> float:
    """The factor by which the slowest mode grows (> 1) or shrinks (< 1) per step on 1/2 curvature w^2."""
    return float(np.abs(np.linalg.eigvals(companion(method, eta, beta, curvature))).max())
