"""Two-layer linear networks Yhat = W1 W2 x under gradient flow: exact solutions and guaranteed rates.

Shapes throughout: target A (outputs, inputs) = U diag(s) V^T, W1 (outputs, width), W2 (width, inputs).
Time: gradient flow tau dW/dt = -grad of 1/2 ||W1 W2 - A||_F^2, that is, inputs are white (E[x x^T] = I).
For gradient descent with step eta on ||W1 W2 - A||_F^2 (no 1/2), one step lasts 1 and tau = 1 / (2 eta).

Assumptions of the exact solution (Saxe, McClelland & Ganguli 2014, section 1): white inputs; the start is
aligned with the target's singular vectors and balanced (W1 = U sqrt(diag(u0)) R^T, W2 = R sqrt(diag(u0)) V^T,
R with orthonormal columns); the step is small enough to stand for continuous time. `effective_start` replaces
alignment by smallness.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

Numbers = ArrayLike | float


class DeepLinearError(ValueError):
    """An argument lies outside the domain in which the formula holds."""


def strength(t: Numbers, s: Numbers, u0: Numbers, tau: float = 1.0) -> Float[np.ndarray | np.float64, "..."]:
    """The strength u(t) of one singular mode of W1 W2, the solution of tau du/dt = 2 u (s - u).

    t: times, same unit as tau. s: the target's singular value(s), >= 0. u0 > 0: the strength at time 0.
    Arguments broadcast. Source: Saxe et al. (2014), equation (5) and its solution.
    Raises DeepLinearError if s < 0, u0 <= 0 or tau <= 0.
    """
    t, s, u0 = (np.asarray(x, np.float64) for x in (t, s, u0))
    _check(s, u0, tau)
    if np.any(s < 0):
        raise DeepLinearError(f"singular value s is {float(s.min())}; expected s >= 0. Move the sign into U.")
    x = 2 * s * t / tau
    # Divided by e^x the published form s e^x / (e^x - 1 + s / u0) cannot overflow; phi is (1 - e^-x) / s,
    # whose limit at s = 0 is 2 t / tau: a mode that is absent from the target decays as 1 / t.
    phi = np.where(s > 0, -np.expm1(-x) / np.where(s > 0, s, 1.0), 2 * t / tau)
    return 1.0 / (phi + np.exp(-x) / u0)


def learning_time(s: Numbers, u0: Numbers, fraction: Numbers = 0.5, tau: float = 1.0) -> Float[np.ndarray | np.float64, "..."]:
    """When a mode's strength reaches `fraction` of s: tau / (2 s) * ln(u_f (s - u0) / (u0 (s - u_f))).

    s > 0; 0 < u0 < s * fraction; 0 < fraction < 1. Returns times in the unit of tau.
    Source: Saxe et al. (2014), equation (6). Raises DeepLinearError outside that domain.
    """
    s, u0, fraction = (np.asarray(x, np.float64) for x in (s, u0, fraction))
    _check(s, u0, tau)
    if np.any((fraction <= 0) | (fraction >= 1)):
        raise DeepLinearError(f"fraction is {fraction}; expected 0 < fraction < 1: a mode is never complete.")
    if np.any(u0 >= fraction * s):
        raise DeepLinearError(
            f"start u0 = {u0} is not below fraction * s = {fraction * s}; the mode starts learned. Use a smaller start."
        )
    target = fraction * s
    return tau / (2 * s) * np.log(target * (s - u0) / (u0 * (s - target)))


def effective_start(
    W1: Float[np.ndarray, "outputs width"],
    W2: Float[np.ndarray, "width inputs"],
    U: Float[np.ndarray, "outputs modes"],
    V: Float[np.ndarray, "inputs modes"],
) -> Float[np.ndarray, " modes"]:
    """The start u0 of each mode for a small start that is not aligned; columns of U, V: strongest mode first.

    Near zero the dynamics are linear, d(a + b)/dt = s (a + b) / tau with a = W1^T u, b = W2 v: the half-sum
    c = (a + b) / 2 grows and the half-difference dies out. A learned mode suppresses what later modes hold
    along its own direction, so each keeps the part of c orthogonal to the modes before it: the diagonal of a
    QR factorization, squared. Leading order in the size of the start and in the separation of the modes.
    Raises DeepLinearError if there are more modes than hidden units.
    """
    W1, W2, U, V = (np.asarray(x, np.float64) for x in (W1, W2, U, V))
    if U.shape[1] != V.shape[1] or U.shape[1] > W1.shape[1]:
        raise DeepLinearError(
            f"U has {U.shape[1]} modes, V {V.shape[1]}, and the width is {W1.shape[1]}; expected equal numbers "
            "of modes, at most the width: a narrower network cannot learn them all."
        )
    c = (W1.T @ U + W2 @ V) / 2
    return np.diag(np.linalg.qr(c, mode="r")) ** 2


def imbalance(W1: Float[np.ndarray, "outputs width"], W2: Float[np.ndarray, "width inputs"]) -> Float[np.ndarray, "width width"]:
    """D = W1^T W1 - W2 W2^T, which gradient flow conserves exactly (Arora, Cohen & Hazan 2018)."""
    W1, W2 = np.asarray(W1, np.float64), np.asarray(W2, np.float64)
    return W1.T @ W1 - W2 @ W2.T


def guaranteed_rate(W1: Float[np.ndarray, "outputs width"], W2: Float[np.ndarray, "width inputs"]) -> float:
    """mu such that ||W1 W2 - A||^2 <= exp(-2 mu t / tau) * its start, for every target A.

    With D conserved, W1^T W1 >= D and W2 W2^T >= -D as quadratic forms, so the m-th largest eigenvalue of D
    bounds sigma_m(W1)^2 and the n-th largest of -D bounds sigma_n(W2)^2 from below, for all time. mu is the sum
    of their positive parts, so m positive OR n negative eigenvalues are enough. D has at most m and at most n of
    them: from width m + n - 1 on one of the two is complete for almost every start. That width is sufficient, not
    necessary (an unbalanced start has mu > 0 at width n), and where mu = 0 the bound is empty: it predicts nothing.
    Source: Tarmoun et al. (2021), Min et al. (2021); derived in chapter 03.
    """
    eigenvalues = np.linalg.eigvalsh(imbalance(W1, W2))
    m, n, width = np.shape(W1)[0], np.shape(W2)[1], np.shape(W1)[1]
    outputs = eigenvalues[::-1][m - 1] if m <= width else 0.0
    inputs = -eigenvalues[n - 1] if n <= width else 0.0
    return float(max(outputs, 0.0) + max(inputs, 0.0))


def _check(s: np.ndarray, u0: np.ndarray, tau: float) -> None:
    if np.any(u0 <= 0):
        raise DeepLinearError(f"start u0 is {float(u0.min())}; expected u0 > 0: from zero nothing is learned.")
    if tau <= 0:
        raise DeepLinearError(f"tau is {tau}; expected tau > 0, or 1 / (2 eta) for descent with step eta > 0.")
