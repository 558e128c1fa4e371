"""What batch normalization does to gradients, to weights and to units: identities, and one rate at infinite width.

A unit's preactivations over a batch, y of shape (batch, ...), become y_hat = (y - mean) / deviation over the batch
axis, and then gain * y_hat + bias. Because y_hat does not change when the unit's weights are multiplied by c > 0,
neither does the loss, and three things follow: the gradient is orthogonal to the weights, it shrinks as 1 / c, and
the Hessian as 1 / c^2.

Sources: Ioffe and Szegedy (2015), section 3; Santurkar et al. (2018), theorem 4.1; Arora, Li and Lyu (2019), lemmas
2.4 and 2.5; Yang et al. (2019) for exploding gradients; Kantorovich's inequality for descent on a quadratic.
"""

from __future__ import annotations

from typing import SupportsFloat, SupportsInt

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from alchemy.theory import mean_field


class NormalizationError(ValueError):
    """Arguments that no batch, weight vector or quadratic can have."""


def backward(gradient: ArrayLike, y: ArrayLike, gain: ArrayLike | float = 1.0) -> Float[np.ndarray, "batch ..."]:
    """Gradient before a batch normalization, given the one behind it: gain / deviation times a projection.

    gradient: dL/dz, shape (batch, ...), where z = gain * y_hat + bias. y: what was normalized, same shape.
    gain: broadcasts with one row. The projection removes, unit by unit, the batch mean of the gradient and its
    component along y_hat. Raises NormalizationError for shapes that differ or a unit that is constant over the batch.
    """
    g, y = np.asarray(gradient, np.float64), np.asarray(y, np.float64)
    if g.shape != y.shape or y.ndim < 1 or y.shape[0] < 2:
        raise NormalizationError(f"gradient has shape {g.shape} and y {y.shape}; expected the same, at least 2 rows.")
    deviation = y.std(axis=0)
    if not (deviation > 0).all():
        raise NormalizationError("a unit is constant over the batch; it has no normalized value. Add an epsilon first.")
    y_hat = (y - y.mean(axis=0)) / deviation
    return np.asarray(gain) / deviation * (g - g.mean(axis=0) - y_hat * (g * y_hat).mean(axis=0))


def gradient_norm(gradient: ArrayLike, y: ArrayLike, gain: ArrayLike | float = 1.0) -> Float[np.ndarray, "..."]:
    """Squared norm over the batch of `backward`, unit by unit, without computing it.

    (gain / deviation)^2 (|g|^2 - <1, g>^2 / m - <g, y_hat>^2 / m): theorem 4.1 of Santurkar et al. (2018), which is
    an equality when the gradient behind the layer is held fixed.
    """
    g, y = np.asarray(gradient, np.float64), np.asarray(y, np.float64)
    m, y_hat = len(y), (y - y.mean(axis=0)) / y.std(axis=0)
    kept = (g**2).sum(axis=0) - g.sum(axis=0) ** 2 / m - (g * y_hat).sum(axis=0) ** 2 / m
    return np.asarray((np.asarray(gain) / y.std(axis=0)) ** 2 * kept)


def gradient_growth(activation: str | mean_field.Activation) -> float:
    """Factor by which the squared gradient grows per layer, backwards, at the start: E phi'(z)^2 / Var phi(z).

    z standard normal; wide layers of independent Gaussian weights, large batch, normalization before the
    activation. Never below 1, and 1 only for linear phi: this is the Gaussian Poincare inequality, Var <= E phi'^2.
    pi / (pi - 1) for ReLU. Compare Yang et al. (2019), who treat finite batches too.
    """
    phi = mean_field.activation_named(activation)
    mean = mean_field.gaussian_mean(phi.value, 1.0)
    variance = mean_field.gaussian_mean(lambda z: (phi.value(z) - mean) ** 2, 1.0)
    if not variance > 0:
        raise NormalizationError(f"activation {phi.name} is constant; normalization divides by its deviation.")
    return float(mean_field.gaussian_mean(lambda z: phi.slope(z) ** 2, 1.0) / variance)


def effective_rate(rate: SupportsFloat, gradient: SupportsFloat, steps: SupportsInt, *, start: SupportsFloat = 1.0) -> float:
    """rate / |w|^2 after some steps of gradient descent on scale-invariant weights, for a steady gradient.

    gradient: its norm at |w| = 1, so gradient / |w| elsewhere. start: |w| at step 0. Because the gradient is
    orthogonal to w, |w|^2 grows by (rate * gradient / |w|)^2 a step; the continuous form |w|^4 = start^4
    + 2 (rate * gradient)^2 steps gives a rate that forgets its setting: 1 / (gradient sqrt(2 steps)) for long runs.
    """
    eta, g, r = float(rate), float(gradient), float(start)
    if not (eta > 0 and g >= 0 and r > 0 and int(steps) >= 0):
        raise NormalizationError(f"rate {eta}, gradient {g}, start {r}, steps {steps}; expected positive ones.")
    return eta / float(np.sqrt(r**4 + 2 * (eta * g) ** 2 * int(steps)))


def roughness(loss: ArrayLike | float, gradient: ArrayLike, product: ArrayLike) -> Float[np.ndarray, "..."]:
    """Q = loss * <g, H g> / |g|^4, without units: the curvature that a step down the gradient meets.

    gradient, product: g and H g, last axis the parameters. Unchanged when all parameters of a scale-invariant loss
    are multiplied by c, and when the loss is. On a quadratic with minimum 0 it lies between 1/2 (one step solves it)
    and `roughest(kappa)`. A step that is promised to remove the share s of the loss keeps 1 - s Q / 2 of the promise.
    """
    g, product = np.asarray(gradient, np.float64), np.asarray(product, np.float64)
    return np.asarray(np.asarray(loss) * (g * product).sum(-1) / (g**2).sum(-1) ** 2)


def roughest(kappa: SupportsFloat) -> float:
    """The largest Q of a quadratic with condition number kappa: (1 + kappa)^2 / (8 kappa), by Kantorovich's inequality."""
    k = float(kappa)
    if not k >= 1:
        raise NormalizationError(f"kappa is {k}; a condition number is at least 1.")
    return (1 + k) ** 2 / (8 * k)
