"""Gradients through time in recurrent networks at initialization: what theory says before any training.

A squared gradient that travels back through a random recurrent net is multiplied, per step, by a number that can be
computed in advance. Rates here are natural logarithms of the factor of the gradient's *norm* per step: negative
where it vanishes, positive where it explodes. For a tanh net the factor is `mean_field.chi` with the variance of the
input drive in the place of sigma_b^2 (Chen, Pennington and Schoenholz 2018). Gated nets need the same average over
their gates (the approach of Gilboa et al. 2019); an identity net of ReLUs is a set of reflected random walks.

Assumptions, common to all but the identity net: infinite width, recurrent matrices with independent N(0, sigma_w^2 /
width) entries, inputs that add independent N(0, sigma_x^2) numbers to every preactivation at every step, and gates
that do not remember the step before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log, sqrt
from typing import SupportsFloat, SupportsInt

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.special import expit, gammaln

from alchemy.theory import mean_field


class RecurrenceError(ValueError):
    """A question outside the theory: a negative deviation, no steps, or a gate that never forgets."""


def _check(sigma_w: SupportsFloat, sigma_x: SupportsFloat) -> tuple[float, float]:
    w, x = float(sigma_w), float(sigma_x)
    if not (w >= 0 and x >= 0 and np.isfinite([w, x]).all()):
        raise RecurrenceError(f"sigma_w is {w} and sigma_x is {x}; expected finite deviations, both at least 0.")
    return w, x


def tanh_rate(sigma_w: SupportsFloat, sigma_x: SupportsFloat) -> float:
    """Rate of a tanh net with independent weights, driven by inputs: log(chi_1) / 2.

    Orthogonal matrices of gain sigma_w have the same rate: only E phi'^2 and the mean square singular value enter.
    Chen, Pennington and Schoenholz (2018), section 3; for the Lyapunov exponent Molgedey, Schuchhardt and Schuster (1992).
    """
    return 0.5 * log(mean_field.chi(sigma_w, sigma_x, "tanh"))


def radius_rate(sigma_w: SupportsFloat) -> float:
    """The spectral-radius rule: log of the radius of the recurrent matrix, sigma_w by the circular law."""
    if not float(sigma_w) > 0:
        raise RecurrenceError(f"sigma_w is {float(sigma_w)}; expected a positive deviation.")
    return log(float(sigma_w))


def cell_rate(bias: ArrayLike | SupportsFloat) -> Float[np.ndarray, "..."]:
    """Rate along a memory cell whose forget gate rests at its bias: log sigmoid(bias); log(1/2) at bias 0."""
    return np.asarray(-np.logaddexp(0.0, -np.asarray(bias, np.float64)))


def half_life(bias: ArrayLike | SupportsFloat) -> Float[np.ndarray, "..."]:
    """Steps in which a gradient along the cell is halved: log 2 / -log sigmoid(bias); 1 at bias 0."""
    return np.asarray(np.log(2) / -cell_rate(bias))


def tied_rate(keep: SupportsFloat, spread: SupportsFloat, same: SupportsFloat, other: SupportsFloat) -> float:
    """Rate of a product of keep + noise_t + G_t W D_t with one random matrix W for all steps.

    keep: mean of the factor by which a unit keeps its own gradient; spread: its variance, independent over time.
    same, other: mean squared gradient that a step through W brings, E G_t^2 E D_t^2, and the same with the two factors
    of each square taken at different times, E G_t G_t' E D_t D_t'.

    Squared norms are sums over pairs of paths that use W equally often. With fresh matrices at every step both paths
    must use it at the same times: keep^2 + spread + same. With one matrix the k-th uses pair, at whatever times, and
    the sum over their offsets is a walk with a bonus at 0, solved by Fourier transform:
    factor^2 = keep^2 + other + sqrt(4 keep^2 other + (same + spread - other)^2).
    If nothing fluctuates (spread = 0, same = other) this is (keep + sqrt(other))^2, the radius of a circle of
    eigenvalues centred at `keep` instead of 0 (for such spectra Can, Krishnamurthy and Schwab 2020); keep = 0 gives
    `same`: a net without gates does not notice that its weights are shared. Derived for this course.
    """
    f, v, s0, s1 = (float(x) for x in (keep, spread, same, other))
    if min(f, v, s0, s1) < 0 or s1 > s0 * (1 + 1e-9):
        raise RecurrenceError(f"keep, spread, same, other are {f}, {v}, {s0}, {s1}; expected none negative, other <= same.")
    return 0.5 * log(f**2 + s1 + sqrt(4 * f**2 * s1 + (s0 + v - s1) ** 2))


@dataclass(frozen=True)
class Step:
    """What one step back does to a gradient, as averages over units: the arguments of `tied_rate`."""

    keep: float
    spread: float
    same: float
    other: float

    @property
    def untied(self) -> float:
        """The rate if every step had fresh weights, as mean-field theory assumes."""
        return 0.5 * log(self.keep**2 + self.spread + self.same)

    @property
    def tied(self) -> float:
        """The rate with the same weights at every step, as in a recurrent net."""
        return tied_rate(self.keep, self.spread, self.same, self.other)


@dataclass(frozen=True)
class _Moments:
    """Of s = f(u) and its slope at u ~ N(bias, q): means and mean squares."""

    mean: float
    square: float
    slope: float
    slope_square: float


def _moments(f: Callable, slope: Callable, q: float, bias: float = 0.0) -> _Moments:
    def average(g: Callable) -> float:
        return float(mean_field.gaussian_mean(lambda u: g(u + bias), q))

    return _Moments(average(f), average(lambda u: f(u) ** 2), average(slope), average(lambda u: slope(u) ** 2))


def _gate(q: float, bias: float = 0.0) -> _Moments:
    return _moments(expit, lambda u: expit(u) * expit(-u), q, bias)


def _squash(q: float) -> _Moments:
    return _moments(np.tanh, mean_field.TANH.slope, q)


def _settle(step: Callable[[float], float], start: float, rounds: int = 20_000) -> float:
    value = start
    for _ in range(rounds):
        new = step(value)
        if abs(new - value) <= 1e-13 * max(1.0, abs(new)):
            return new
        value = new
    raise RecurrenceError(f"the state's variance has not settled at {value}; expected a gate that forgets (a lower bias).")


def gru_step(sigma_w: SupportsFloat, sigma_x: SupportsFloat, keep_bias: SupportsFloat = 0.0) -> Step:
    """A gated recurrent unit: h <- z h + (1 - z) g, g = tanh(W (r h) + input), logistic gates z (bias `keep_bias`) and r.

    h is kept by z, and reached through three matrices: that of g (by way of r, and of r's own slope) and that of z,
    weighted by h - g. h and g are uncorrelated; h keeps E z of itself from one step to the next.
    """
    w, x = _check(sigma_w, sigma_x)

    def parts(q: float) -> tuple[_Moments, _Moments, _Moments]:
        r = _gate(w**2 * q + x**2)
        return _gate(w**2 * q + x**2, float(keep_bias)), r, _squash(w**2 * r.square * q + x**2)

    def variance(q: float) -> float:
        z, _, g = parts(q)
        return z.square * q + (1 - 2 * z.mean + z.square) * g.square

    q = _settle(variance, 0.1)
    z, r, g = parts(q)
    through = (1 - 2 * z.mean + z.square) * g.slope_square
    same = z.slope_square * (q + g.square) + through * (r.square + w**2 * q * r.slope_square)
    steady = (1 - z.mean) ** 2 * g.slope**2
    other = z.slope**2 * z.mean * q + steady * (r.mean**2 + w**2 * z.mean * q * r.slope**2)
    return Step(z.mean, max(0.0, z.square - z.mean**2), w**2 * same, w**2 * other)


def lstm_step(sigma_w: SupportsFloat, sigma_x: SupportsFloat, forget_bias: SupportsFloat = 0.0) -> Step:
    """A long short-term memory: c <- f c + i g, h <- o tanh(c), logistic gates f (bias `forget_bias`), i, o; g a tanh.

    The gradient at c is kept by f; it is reached from the next step's by o tanh' and the matrices of f, i and g. (The
    way from h to h by the output gate alone is second order in both slopes and is left out.) The cell's distribution
    is taken as Gaussian; it keeps E f of itself from one step to the next.
    """
    w, x = _check(sigma_w, sigma_x)

    def parts(h: float) -> tuple[_Moments, _Moments, _Moments, float]:
        f, i, g = _gate(w**2 * h + x**2, float(forget_bias)), _gate(w**2 * h + x**2), _squash(w**2 * h + x**2)
        if f.square >= 1 - 1e-9:
            raise RecurrenceError(
                f"forget_bias is {float(forget_bias)}; expected a gate that forgets: without one the "
                "cell's variance grows without end."
            )
        return f, i, g, i.square * g.square / (1 - f.square)

    def output(h: float) -> float:
        _, i, _, cell = parts(h)
        return i.square * _squash(cell).square

    f, i, g, cell = parts(_settle(output, 0.1))
    out = _squash(cell)
    same = i.square * out.slope_square * (f.slope_square * cell + i.slope_square * g.square + i.square * g.slope_square)
    steady = out.slope**2 + f.mean * (out.slope_square - out.slope**2)  # the slope at c, like c, is kept for a while
    other = i.mean**2 * steady * (f.slope**2 * f.mean * cell + i.mean**2 * g.slope**2)
    return Step(f.mean, max(0.0, f.square - f.mean**2), w**2 * same, w**2 * other)


def identity_survival(steps: SupportsInt) -> Float[np.ndarray, " lags"]:
    """Mean squared gradient of an identity net of ReLUs, `steps` steps after a start at 0, for lags 0, 1, ..., steps.

    With W = 1 and no bias a unit is h <- max(0, h + u): a random walk reflected at 0. Its gradient over the last k
    steps is 1 if it has not touched 0 in them and 0 otherwise, that is, if the walk had its minimum before: the
    discrete arcsine law P(minimum at m) = u_m u_(steps - m), u_m = binom(2m, m) / 4^m. Exact for every symmetric
    continuous distribution of u (Sparre Andersen 1953; Feller 1971, XII.8): no scale enters. At the longest lag
    u_steps, about 1 / sqrt(pi steps): a power law, not an exponential.
    """
    t = int(steps)
    if t < 1:
        raise RecurrenceError(f"steps is {t}; expected at least one.")
    m = np.arange(t + 1)
    u = np.exp(gammaln(2 * m + 1) - 2 * gammaln(m + 1) - m * np.log(4.0))
    return np.cumsum(u * u[::-1])[::-1]
