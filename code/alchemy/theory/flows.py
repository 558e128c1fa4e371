"""Continuous-time theories of gradient descent near the edge of stability, on a flat parameter vector.

One unit of time is one step of gradient descent with learning rate eta, so that every theory can be laid over the
same run. Each takes `loss(w) -> scalar`, w of shape (p,), and can be jitted and vmapped over runs.

    gradient_flow       w' = -eta grad L(w)
    central_flow        w' = -eta [grad L + 1/2 grad <H(w), Sigma>], Sigma the least oscillation that keeps the
                        sharpness at 2 / eta or below (Cohen et al. 2025)
    edge_flow           centre, direction and size of one oscillation as coupled equations, built from the published
                        description of Marion (2026)
    self_stabilization  the cubic-expansion forecast of one sharpness spike (Damian et al. 2023)

`cost` says what one unit of time costs each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Scalar

Loss = Callable[[Array], Scalar]


class FlowError(ValueError):
    """A flow was asked for with arguments that do not fit together."""


class Path(NamedTuple):
    """A predicted run at times 0, every, 2 every, ..., in steps of gradient descent.

    centre: shape (times, p), where the theory puts the middle of the oscillation.
    sharpness: shape (times,), the largest Hessian eigenvalue there (nan where the theory does not compute it).
    variance: shape (times,), mean squared oscillation (trace of Sigma, or x^2; 0 for gradient flow).
    """

    centre: Float[Array, "times p"]
    sharpness: Float[Array, " times"]
    variance: Float[Array, " times"]


class Cost(NamedTuple):
    """Evaluations per step of gradient descent that is predicted. third: gradients of u^T H v in w."""

    gradients: float
    hvps: float
    third: float


def cost(theory: str, *, k: int = 1, guard: int = 1, substeps: int = 1) -> Cost:
    """What one unit of time costs a theory, as implemented here; gradient descent itself costs one gradient.

    A third-order gradient takes about as long as two Hessian-vector products.
    """
    counts = {
        "gradient descent": Cost(1, 0, 0),
        "gradient flow": Cost(3 * substeps, 0, 0),
        "central flow": Cost(substeps, (k + guard) * substeps, k * (k + 1) / 2 * substeps),
        "edge flow": Cost(2 * substeps, substeps, 0),
    }
    if theory not in counts:
        raise FlowError(f"theory is {theory!r}; expected one of {', '.join(counts)}.")
    return counts[theory]


def _chunks(steps: int, every: int) -> int:
    if every < 1 or steps < every or steps % every:
        raise FlowError(f"steps is {steps} and every is {every}; expected steps to be a positive multiple of every.")
    return steps // every


def _hvp(loss: Loss, w: Array, v: Array) -> Array:
    return jax.jvp(jax.grad(loss), (w,), (v,))[1]


def gradient_descent(loss: Loss, w: Float[Array, " p"], *, eta: float | Scalar, steps: int, every: int = 1) -> Path:
    """The discrete run itself, smoothed: centre_t = (w_{t-1} + 2 w_t + w_{t+1}) / 4, which removes (-1)^t.

    The first centre is w itself. sharpness is nan; variance is that of half the last difference across the centre.
    """

    def one(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        before, now = carry
        return (now, now - eta * jax.grad(loss)(now)), None

    def chunk(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        (before, now), _ = jax.lax.scan(one, carry, None, length=every)
        after = now - eta * jax.grad(loss)(now)
        middle, spread = (before + 2 * now + after) / 4, (before - 2 * now + after) / 4
        return (before, now), (middle, jnp.sum(spread**2))

    _, (centre, variance) = jax.lax.scan(chunk, (w, w), None, length=_chunks(steps, every))
    return _path(w, centre, jnp.full(len(centre), jnp.nan), variance)


def gradient_flow(
    loss: Loss, w: Float[Array, " p"], *, eta: float | Scalar, steps: int, every: int = 1, substeps: int = 2
) -> Path:
    """w' = -eta grad L(w), by diffrax's third-order Runge-Kutta method of Bogacki and Shampine.

    substeps: solver steps per unit of time. Stable while eta S < 2.5 substeps.
    """
    _chunks(steps, every)
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, w, _: -eta * jax.grad(loss)(w)),
        diffrax.Bosh3(),
        t0=0.0,
        t1=float(steps),
        dt0=1 / substeps,
        y0=w,
        saveat=diffrax.SaveAt(ts=jnp.arange(0, steps + 1, every, dtype=w.dtype)),
        max_steps=steps * substeps + 2,
    )
    blank = jnp.full(len(solution.ys), jnp.nan)
    return Path(solution.ys, blank, jnp.zeros_like(blank))


def central_flow(
    loss: Loss,
    w: Float[Array, " p"],
    basis: Float[Array, "block p"],
    *,
    eta: float | Scalar,
    steps: int,
    every: int = 1,
    k: int = 1,
    substeps: int | Array = 1,
    iterations: int = 60,
) -> Path:
    """The central flow of gradient descent with k oscillating directions (Cohen et al. 2025), by projected Euler steps.

    In a step of length h the curvature U^T H U of the k leading directions becomes, to first order,
    Lambda - h eta (alpha + 1/2 B[X]) with alpha_ij = <G_ij, grad L>, B the Gram matrix of G_ij = grad (u_i^T H u_j).
    X, the oscillation's covariance, is the least that keeps it at 2 / eta or below (`least_oscillation`).

    basis: orthonormal start of the tracked block, at least k rows; further rows are guard directions that make the
        k leading ones converge. One Hessian-vector product a row and substep.
    substeps: Euler steps per unit of time; may be traced.
    iterations: of the solver for X; only k > 1 needs them.
    """
    if not 1 <= k <= len(basis):
        raise FlowError(f"k is {k} and basis has {len(basis)} rows; expected 1 <= k <= rows.")
    h = 1 / substeps
    rows, columns = np.triu_indices(k)
    pair = np.zeros((k, k), int)
    pair[rows, columns] = pair[columns, rows] = np.arange(len(rows))

    def curvature(w: Array, u: Array, v: Array) -> Scalar:
        return jax.jvp(lambda a: jax.jvp(loss, (a,), (u,))[1], (w,), (v,))[1]

    def euler(carry: tuple[Array, Array]) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        w, basis = carry
        products = jax.vmap(lambda v: _hvp(loss, w, v))(basis)
        values, rotation = jnp.linalg.eigh(basis @ products.T)
        leading = rotation[:, ::-1][:, :k].T
        u, values = leading @ basis, values[::-1]
        unique = jax.vmap(lambda a, b: jax.grad(curvature)(w, a, b))(u[rows], u[columns])
        third = unique[pair]  # (k, k, p)
        gradient = jax.grad(loss)(w)
        slack = 2 / eta * jnp.eye(k, dtype=w.dtype) - jnp.diag(values[:k]) + h * eta * (third @ gradient)
        gram = h * eta / 2 * jnp.einsum("ijp,lmp->ijlm", third, third)
        x = least_oscillation(slack, gram, iterations)
        w = w - h * eta * (gradient + 0.5 * jnp.einsum("ij,ijp->p", x, third))
        return (w, jnp.linalg.qr(products.T)[0].T), (values[0], jnp.trace(x))

    _, (centre, sharpness, variance) = _records(euler, (w, basis), every * substeps, _chunks(steps, every))
    return _path(w, centre, sharpness, variance)


def least_oscillation(slack: Float[Array, "k k"], gram: Float[Array, "k k k k"], iterations: int = 60) -> Float[Array, "k k"]:
    """The covariance X with 0 <= X, 0 <= slack + gram[X] (both positive semidefinite) and <X, slack + gram[X]> = 0.

    A semidefinite complementarity problem: the optimality conditions of 1/2 <X, gram[X]> + <X, slack> over X >= 0,
    solved by accelerated projected gradients. k = 1 has the closed form max(0, -slack / gram).
    """
    k = len(slack)
    if k == 1:
        return jnp.maximum(0, -slack / (gram[0, 0] + jnp.finfo(slack.dtype).tiny))
    # The trace bounds the largest eigenvalue of a positive semidefinite operator.
    step = 1 / (jnp.einsum("ijij->", gram) + jnp.finfo(slack.dtype).tiny)

    def project(x: Array) -> Array:
        values, vectors = jnp.linalg.eigh((x + x.T) / 2)
        return (vectors * jnp.maximum(values, 0)) @ vectors.T

    def improve(i: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        x, ahead = carry
        new = project(ahead - step * (slack + jnp.einsum("ijlm,lm->ij", gram, ahead)))
        return new, new + i / (i + 3) * (new - x)

    return jax.lax.fori_loop(0, iterations, improve, (jnp.zeros_like(slack),) * 2)[0]


def edge_flow(
    loss: Loss,
    w: Float[Array, " p"],
    u: Float[Array, " p"],
    x: Scalar | float,
    *,
    eta: float | Scalar,
    steps: int,
    every: int = 1,
    substeps: int | Array = 1,
) -> Path:
    """Centre w, direction u and size x of one oscillation as coupled equations, by Euler steps.

        w' = -eta/2 [grad L(w + x u) + grad L(w - x u)]      descent on the loss averaged over both ends
        u' = eta (I - u u^T) H u,   x' = x (eta u^T H u - 2)

    The last two say that the displacement follows x u -> (eta H - I) x u, one step of gradient descent with its
    sign flips taken out. Two gradients and one Hessian-vector product a step, as Marion (2026) describes Edge Flow;
    constants and step sizes are ours.

    u: a unit vector, best the leading eigenvector. x > 0: the size to start from; it can grow but not appear.
    """
    h = 1 / substeps

    def euler(carry: tuple[Array, ...]) -> tuple[tuple[Array, ...], tuple[Array, Array]]:
        w, u, x = carry
        product = _hvp(loss, w, u)
        s = u @ product
        ends = jax.grad(loss)(w + x * u) + jax.grad(loss)(w - x * u)
        u = u + h * eta * (product - s * u)
        return (w - h * eta / 2 * ends, u / jnp.linalg.norm(u), x * jnp.exp(h * (eta * s - 2))), (s, x**2)

    start = (w, u, jnp.asarray(x, w.dtype))
    _, (centre, sharpness, variance) = _records(euler, start, every * substeps, _chunks(steps, every))
    return _path(w, centre, sharpness, variance)


def self_stabilization(
    alpha: float, gamma: float, *, eta: float, x: float, y: float = 0.0, steps: int
) -> tuple[Float[np.ndarray, " times"], Float[np.ndarray, " times"]]:
    """The cubic expansion's forecast of one spike: (x_t, y_t), t = 0 .. steps, in float64 (Damian et al. 2023).

    x: displacement along the leading eigenvector, in parameter units; y: sharpness minus 2 / eta.
        x_{t+1} = -(1 + eta y_t) x_t,   y_{t+1} = y_t + eta (alpha - gamma x_t^2 / 2)
    alpha: progressive sharpening, -<grad L, grad S>, gamma: |grad S|^2 without the part of
        grad S along u (a swing to either side cancels there); both where S reaches 2 / eta. The paper writes beta.
    """
    if not gamma > 0:
        raise FlowError(f"gamma is {gamma}; expected |grad S|^2 > 0: without it nothing stabilizes.")
    xs, ys = np.empty(steps + 1), np.empty(steps + 1)
    xs[0], ys[0] = x, y
    for t in range(steps):
        xs[t + 1] = -(1 + eta * ys[t]) * xs[t]
        ys[t + 1] = ys[t] + eta * (alpha - gamma * xs[t] ** 2 / 2)
    return xs, ys


def spike_height(alpha: float, gamma: float, x: float) -> float:
    """How far the sharpness overshoots 2 / eta when it arrives there with displacement x (and y = 0).

    From the invariant y^2/2 - alpha log|x| + gamma x^2/4 of the self-stabilization equations: the overshoot peaks
    where x^2 = 2 alpha / gamma. The recurrence overshoots a little more, because log(1 + eta y) < eta y.
    It grows only as the root of a logarithm as x shrinks. 0 if x starts beyond.
    """
    if not (alpha > 0 and gamma > 0):
        raise FlowError(f"alpha is {alpha} and gamma {gamma}; expected both positive (sharpening, and its cure).")
    balance = np.sqrt(2 * alpha / gamma)
    if abs(x) >= balance:
        return 0.0
    return float(np.sqrt(2 * alpha * np.log(balance / abs(x)) - alpha + gamma * x**2 / 2))


def _records(
    euler: Callable[[tuple], tuple[tuple, tuple[Array, Array]]], start: tuple, stride: int | Array, count: int
) -> tuple[tuple, tuple[Array, Array, Array]]:
    """`count` stretches of `stride` Euler steps: centre and sharpness at the end of each, variance averaged over it.

    A loop and not a scan, so that `stride` may be traced: one compilation then serves every number of substeps.
    """

    def chunk(state: tuple, _: None) -> tuple[tuple, tuple[Array, Array, Array]]:
        def more(_: int | Array, carry: tuple) -> tuple:
            state, (_, total) = carry
            state, (sharpness, variance) = euler(state)
            return state, (sharpness, total + variance)

        zero = jnp.zeros((), start[0].dtype)
        state, (sharpness, total) = jax.lax.fori_loop(0, stride, more, (state, (zero, zero)))
        return state, (state[0], sharpness, total / stride)

    return jax.lax.scan(chunk, start, None, length=count)


def _path(w: Array, centre: Array, sharpness: Array, variance: Array) -> Path:
    first = jnp.full(1, jnp.nan, w.dtype)
    return Path(
        jnp.concatenate([w[None], centre]),
        jnp.concatenate([first, sharpness]),
        jnp.concatenate([jnp.zeros(1, w.dtype), variance]),
    )
