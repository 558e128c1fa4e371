"""Adam on two gradients: where the counterexample of Reddi, Kale and Kumar (2018) sends it, exactly.

One parameter x in [-1, 1], one large gradient C among many of -1, no bias correction, no epsilon:

    m_t = beta1 m_{t-1} + (1 - beta1) g_t        v_t = beta2 v_{t-1} + (1 - beta2) g_t^2
    x_{t+1} = clip(x_t - alpha_t m_t / sqrt(v_t), -1, 1),    alpha_t = alpha / sqrt(t)

*Periodic*: g = C at every `period`-th step. *Random*: g = C with probability (1 + delta) / (C + 1), so that the mean
gradient is delta. In both the mean is positive where stated, and x = -1 is optimal. A drift is the displacement of
x in units of alpha: positive means that Adam walks the wrong way. Everything is float64 NumPy and SciPy.
"""

from __future__ import annotations

from typing import NamedTuple, SupportsFloat, SupportsInt

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.optimize import brentq

# The smallest 1 - beta2 at which a flip is looked for: the random drift sums over about 70 / (1 - beta2) points.
FINEST_PERIODIC, FINEST_RANDOM = 1e-9, 1e-5


class OnlineError(ValueError):
    """The game or the constants of the optimizer make no sense."""


def _check(C: float, beta1: float, beta2: float) -> None:
    if not (C > 1 and 0 <= beta1 < 1 and 0 <= beta2 < 1):
        raise OnlineError(f"C is {C}, beta1 is {beta1}, beta2 is {beta2}; expected C > 1 and both betas in [0, 1).")


def periodic_moments(
    C: SupportsFloat, period: SupportsInt, beta1: SupportsFloat, beta2: SupportsFloat
) -> tuple[Float[np.ndarray, " period"], Float[np.ndarray, " period"]]:
    """(m, v) k = 0 .. period - 1 steps after the large gradient, once the start is forgotten.

    Geometric series over all past periods: an average with decay beta of a sequence that is -1, and C at multiples of
    the period, is -1 + (C + 1) (1 - beta) beta^k / (1 - beta^period); v likewise with 1 and C^2.
    """
    C, period, beta1, beta2 = float(C), int(period), float(beta1), float(beta2)
    _check(C, beta1, beta2)
    if period < 2:
        raise OnlineError(f"period is {period}; expected at least 2 steps.")
    k = np.arange(period)
    m = -1 + (C + 1) * (1 - beta1) * beta1**k / (1 - beta1**period)
    v = 1 + (C**2 - 1) * (1 - beta2) * beta2**k / (1 - beta2**period)
    return m, v


def periodic_drift(
    C: SupportsFloat, period: SupportsInt, beta2: SupportsFloat, beta1: SupportsFloat = 0.0, *, amsgrad: bool = False
) -> float:
    """Displacement of x in one period at alpha = 1, away from the walls: -sum of m / sqrt(v).

    amsgrad: divide by the largest v of the period instead, which is what AMSGrad's running maximum becomes.
    """
    m, v = periodic_moments(C, period, beta1, beta2)
    return float(-np.sum(m / np.sqrt(v.max() if amsgrad else v)))


def critical_beta2(C: SupportsFloat, period: SupportsInt, beta1: SupportsFloat = 0.0) -> float:
    """The largest beta2 at which the periodic drift changes sign: for every longer memory Adam walks the right way.

    0 if it does so at every beta2. With beta1 = 0 Adam walks the wrong way at every shorter memory; with beta1 > 0 it may
    turn back at very short ones. Found on a grid of 400 memories, then refined. Needs a game whose optimum is -1,
    C > period - 1; raises OnlineError otherwise.
    """
    if not float(C) > int(period) - 1:
        raise OnlineError(f"C is {C} and period is {period}; expected C > period - 1, or x = -1 is not optimal.")
    gaps = np.geomspace(FINEST_PERIODIC, 1.0, 400)
    gaps[-1] = 1 - 1e-12

    def drift(gap: float) -> float:
        return periodic_drift(C, period, 1 - gap, beta1)

    wrong = np.flatnonzero([drift(gap) > 0 for gap in gaps])
    if wrong.size == 0:
        return 0.0
    if wrong[0] == 0:
        raise OnlineError(f"no flip at 1 - beta2 >= {FINEST_PERIODIC:g}; this game needs a longer memory than is looked for.")
    return float(1 - brentq(drift, gaps[wrong[0] - 1], gaps[wrong[0]], xtol=1e-14))


def random_drift(C: SupportsFloat, delta: SupportsFloat, beta2: SupportsFloat) -> float:
    """Mean displacement of x in one step at alpha = 1, -E[g / sqrt(v)], for beta1 = 0 in the stationary state.

    v = beta2 V + (1 - beta2) g^2 with V independent of g, an infinite sum of weighted coin flips. With
    E[(a + b S)^(-1/2)] = (2 / sqrt(pi)) * integral over u > 0 of exp(-a u^2) * E[exp(-b u^2 S)], the last factor is a
    product over the flips. Its logarithm is a running sum on a grid whose spacing in log u^2 divides -log(beta2):
    no truncation and no simulation; relative error about 1e-9.
    """
    C, delta, beta2 = float(C), float(delta), float(beta2)
    _check(C, 0.0, beta2)
    p = _chance(C, delta)
    if beta2 == 0:
        return 1 - 2 * p  # every step is a sign
    lag = -np.log(beta2)
    stride = int(np.ceil(lag / 0.04))
    spacing = lag / stride
    b = beta2 * (C**2 - 1) * (1 - beta2)
    log_s = np.log(b) + np.arange(-64.0, 5.0, spacing)  # s = b u^2; at a >= beta2 the integrand is gone by u^2 = e^5
    log_s = log_s[len(log_s) % stride :]
    coins = np.log1p(p * np.expm1(-np.exp(log_s))).reshape(-1, stride)
    transform = np.exp(np.cumsum(coins, axis=0).ravel())
    u2 = np.exp(log_s - np.log(b))

    def mean_inverse_root(g: float) -> float:
        a = beta2 + (1 - beta2) * g**2
        return float(np.sum(np.sqrt(u2) * np.exp(-a * u2) * transform) * spacing / np.sqrt(np.pi))

    return -p * C * mean_inverse_root(C) + (1 - p) * mean_inverse_root(1.0)


def critical_random_beta2(C: SupportsFloat, delta: SupportsFloat) -> float:
    """The beta2 at which the random drift (beta1 = 0) changes sign; 0 if Adam walks the right way at every beta2."""

    def drift(gap: float) -> float:
        return random_drift(C, delta, 1 - gap)

    if drift(1.0) <= 0:
        return 0.0
    upper, lower = 1 - 1e-9, 0.5
    while drift(lower) > 0:  # from short memories to long ones, whose drift takes longest to compute
        upper, lower = lower, lower / 4
        if lower < FINEST_RANDOM:
            raise OnlineError(f"no flip at 1 - beta2 >= {FINEST_RANDOM:g}; this game needs a longer memory than is looked for.")
    return float(1 - np.exp(brentq(lambda log_gap: drift(np.exp(log_gap)), np.log(lower), np.log(upper), xtol=1e-10)))


Moment = ArrayLike | SupportsFloat


def third_moment_rule(mean: Moment, square: Moment, cube: Moment) -> Float[np.ndarray, "..."]:
    """1 - beta2 at the flip of E[g / sqrt(v)] for small steps of v, from E[g], E[g^2], E[g^3]; infinite if there is none.

    Expand 1 / sqrt(v) around v = E[g^2]: only the newest gradient's own share (1 - beta2) (g^2 - E[g^2]) of v is
    correlated with g, so E[g / sqrt(v)] sqrt(E[g^2]) = E[g] - (1 - beta2) / 2 * (E[g^3] / E[g^2] - E[g]) + ...
    It vanishes at 1 - beta2 = 2 E[g] / (E[g^3] / E[g^2] - E[g]). Left out: terms with the variance of v, which multiply
    E[g]. They are small while (1 - beta2) Var(g^2) / E[g^2]^2 is, that is, for memories much longer than the wait between
    large gradients. Beyond that the rule fails: for g >= 0 Adam never turns round, whatever the rule says.
    """
    mean, square, cube = (np.asarray(x, np.float64) for x in (mean, square, cube))
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = 2 * mean / (cube / square - mean)
    return np.where(gap > 0, gap, np.inf)


class Accounts(NamedTuple):
    """The books of a regret proof along one run, each cumulative, shape (steps,).

    regret: sum of g_s (x_s - optimum). potential: what the first half of the proof leaves, the sum of
    (distance_s^2 - distance_{s+1}^2) sqrt(v_s) / (2 alpha_s). claimed: the replacement of that sum in the proof,
    diameter^2 sqrt(v_t) / (2 alpha_t), valid if every Gamma >= 0. noise: sum of alpha_s g_s^2 / (2 sqrt(v_s)).
    gamma: the increments sqrt(v_t) / alpha_t - sqrt(v_{t-1}) / alpha_{t-1}, not cumulative.
    """

    regret: np.ndarray
    potential: np.ndarray
    claimed: np.ndarray
    noise: np.ndarray
    gamma: np.ndarray


def accounts(
    x: ArrayLike, g: ArrayLike, v: ArrayLike, step: ArrayLike, *, optimum: SupportsFloat = -1.0, diameter: SupportsFloat = 2.0
) -> Accounts:
    """The proof's books for beta1 = 0 and linear losses g_t x.

    x: (steps + 1,), the points played and the one after. g, v, step: (steps,), gradient, what the step was divided by
    the root of, and alpha_t. Because clipping towards an interval that holds the optimum never adds distance,
    regret <= potential + noise on every run. Raises OnlineError if the shapes do not fit.
    """
    x, g, v, step = (np.asarray(a, np.float64) for a in (x, g, v, step))
    if not (g.ndim == 1 and x.shape == (len(g) + 1,) and v.shape == step.shape == g.shape):
        raise OnlineError(f"x has shape {x.shape}, g {g.shape}, v {v.shape}, step {step.shape}; expected (T + 1,) and (T,).")
    scale = np.sqrt(v) / step
    distance = (x - float(optimum)) ** 2
    return Accounts(
        regret=np.cumsum(g * (x[:-1] - float(optimum))),
        potential=np.cumsum(scale / 2 * (distance[:-1] - distance[1:])),
        claimed=float(diameter) ** 2 * scale / 2,
        noise=np.cumsum(step * g**2 / (2 * np.sqrt(v))),
        gamma=np.diff(scale, prepend=0.0),
    )


def _chance(C: float, delta: float) -> float:
    p = (1 + delta) / (C + 1)
    if not 0 < p < 1:
        raise OnlineError(f"delta is {delta}; expected a mean gradient between -1 and C = {C}.")
    return p
