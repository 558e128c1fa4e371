"""The bench of chapter 08: small networks on digits, trained by one arm or another, with the sharpness along the way.

An arm is one way to train. Every arm trains from the same starts, so that all comparisons are paired: the same images,
the same first weights. One run is one compiled scan; the seeds lie over all devices (`alchemy.training`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from alchemy import curvature, data, nets, training
from alchemy.theory import stability
from jax.flatten_util import ravel_pytree

EVERY = 20  # steps between two measurements of the sharpness
B1, B2, EPS = 0.9, 0.999, 1e-8  # Adam's numbers


@dataclass(frozen=True, eq=False)
class Digits:
    """Standardized images as vectors, and labels 0 to 9: x (n, d), y (n,); the same for testing."""

    x: np.ndarray
    y: np.ndarray
    x_test: jax.Array
    y_test: jax.Array


class Start(NamedTuple):
    """What one seed brings: images, their labels, the same labels shuffled, weights, a random direction, a key."""

    x: jax.Array
    y: jax.Array
    shuffled: jax.Array
    params: Any
    direction: Any
    key: jax.Array


class Arm(NamedTuple):
    """One way to train. `obey` > 0 sets the learning rate to obey / sharpness, measured anew every 20 steps.

    eta: learning rate. beta: momentum. shuffled: labels that mean nothing. entropy: cross-entropy for squared error.
    batch: share of the images in a step.
    """

    eta: float = 0.0
    beta: float = 0.0
    obey: float = 0.0
    shuffled: bool = False
    entropy: bool = False
    batch: float = 1.0


def digits(crop: int, pool: int) -> Digits:
    """MNIST's small set: the middle crop x crop pixels in blocks of pool x pool, mean 0 and deviation 1 over training images."""
    raw = data.load("mnist5k")
    x, x_test = (data.shrink(images, crop, pool).reshape(len(images), -1) for images in (raw.x_train, raw.x_test))
    middle, spread = x.mean(), x.std()
    return Digits((x - middle) / spread, raw.y_train, jnp.asarray((x_test - middle) / spread), jnp.asarray(raw.y_test))


@cache
def network(inputs: int, activation: str, width: int) -> tuple[Callable, Callable]:
    """(init, apply) of a net with two hidden layers and ten outputs, initialized as PyTorch does by default."""
    return nets.functional(lambda rngs: nets.MLP((inputs, width, width, 10), activation=activation, init="torch", rngs=rngs))


def starts(pool: Digits, rng: np.random.Generator, keys: jax.Array, *, images: int, width: int) -> Start:
    """Each seed draws its own `images` of the pool and its own tanh network; leading axis (seeds,). keys: (seeds,)."""
    rows = np.stack([rng.choice(len(pool.x), images, replace=False) for _ in keys])
    shuffled = np.stack([rng.permutation(pool.y[r]) for r in rows])
    init = network(pool.x.shape[1], "tanh", width)[0]

    def begin(key: jax.Array) -> tuple[Any, Any]:
        params = init(key)
        return params, curvature.random_like(key, params)

    params, direction = jax.jit(jax.vmap(begin))(keys)
    return Start(jnp.asarray(pool.x[rows]), jnp.asarray(pool.y[rows]), jnp.asarray(shuffled), params, direction, keys)


def errors(outputs: jax.Array, labels: jax.Array, entropy: Any) -> jax.Array:
    """Loss of each image: half the squared error to the one-hot label, or cross-entropy in nats. (images,)"""
    squared = 0.5 * jnp.sum((outputs - jax.nn.one_hot(labels, 10)) ** 2, axis=-1)
    return jnp.where(entropy, optax.softmax_cross_entropy_with_integer_labels(outputs, labels), squared)


def sgd(eta: Any, arm: Arm) -> optax.GradientTransformation:
    """Gradient descent, with the arm's momentum."""
    return optax.sgd(eta, momentum=arm.beta)


def adam(eta: Any, arm: Arm) -> optax.GradientTransformation:
    """Adam with its default numbers."""
    return optax.adam(eta, b1=B1, b2=B2, eps=EPS)


def plain(moments: Any, t: Any) -> None:
    """Preconditioner of gradient descent and momentum: none."""
    return None


def adam_preconditioner(moments: Any, t: Any) -> Any:
    """P of Cohen et al. (2022): Adam divides by it; 1 before the first step, when Adam has none."""
    late = jnp.maximum(t, 1)
    return jax.tree.map(lambda v: jnp.where(t > 0, (1 - B1**late) * (jnp.sqrt(v / (1 - B2**late)) + EPS), 1.0), moments[0].nu)


def measure(loss: Callable, params: Any, vector: Any, scale: Any, t: Any) -> tuple[jax.Array, Any]:
    """Sharpness and its direction by four warm-started Lanczos products; at t = 0 five rounds of them, from random."""

    def again(_: Any, found: tuple[jax.Array, Any]) -> tuple[jax.Array, Any]:
        return curvature.sharpness(loss, params, found[1], matvecs=4, scale=scale)

    return jax.lax.fori_loop(0, jnp.where(t == 0, 5, 1), again, (jnp.zeros(()), vector))


@cache
def _trainer(pool: Digits, apply: Callable, optimizer: Callable, preconditioner: Callable, stretches: int) -> Callable:
    """One arm over all seeds, compiled once for all arms that differ only in numbers. An update is EVERY steps."""

    def init(key: jax.Array, own: tuple[Start, Arm]) -> tuple[Any, ...]:
        start, arm = own
        return start.params, optimizer(1.0, arm).init(start.params), start.direction, jnp.zeros((), int)

    def update(state: tuple[Any, ...], key: jax.Array, own: tuple[Start, Arm]) -> tuple[tuple[Any, ...], dict]:
        (params, moments, vector, t), (start, arm) = state, own
        labels = jnp.where(arm.shuffled, start.shuffled, start.y)

        def loss(params: Any, kept: Any = 1.0) -> jax.Array:
            return jnp.mean(kept * errors(apply(params, start.x), labels, arm.entropy))

        def keep(t: jax.Array) -> jax.Array:  # the `size` images with the smallest draws take part in a step
            draw = jax.random.uniform(jax.random.fold_in(start.key, t), labels.shape)
            size = jnp.round(arm.batch * len(labels)).astype(int)
            return (draw <= jnp.sort(draw)[size - 1]) * len(labels) / size

        def step(state: tuple[Any, Any], t: jax.Array) -> tuple[tuple[Any, Any], dict]:
            value, gradient = jax.value_and_grad(loss)(state[0], keep(t))
            updates, moments = optimizer(eta, arm).update(gradient, state[1], state[0])
            seen = {"loss": value, "norms": optax.tree.norm(gradient, squared=True)}
            return (optax.apply_updates(state[0], updates), moments), seen

        s, vector = measure(loss, params, vector, preconditioner(moments, t), t)
        eta = jnp.where(arm.obey > 0, arm.obey / s, arm.eta)
        seen = {"sharpness": s, "eta": eta, "accuracy": nets.accuracy(apply(params, pool.x_test), pool.y_test)}
        (params, moments), traces = jax.lax.scan(step, (params, moments), t + jnp.arange(EVERY))
        return (params, moments, vector, t + EVERY), seen | traces

    return training.trainer(init, update, every=stretches)


def train(
    pool: Digits,
    apply: Callable,
    start: Start,
    arms: Sequence[Arm],
    *,
    steps: int,
    optimizer: Callable = sgd,
    preconditioner: Callable = plain,
) -> dict[str, np.ndarray]:
    """Train every arm from every seed's start.

    optimizer: (eta, arm) -> Optax's. preconditioner: (moments, step) -> a tree like the weights, or None.
    Returns arrays with leading axes (arms, seeds): before each step, "loss" and "norms" (squared gradient norms),
    (arms, seeds, steps); before each stretch of EVERY steps "sharpness", "eta" and test "accuracy".
    """
    run = _trainer(pool, apply, optimizer, preconditioner, steps // EVERY)
    seeds = len(start.key)
    found = []
    for arm in arms:
        settings = start, jax.tree.map(lambda v: np.full(seeds, v, bool if isinstance(v, bool) else np.float32), arm)
        found.append(run(start.key, steps=steps // EVERY, settings=settings).traces)
    return {name: np.stack([each[name].reshape(seeds, -1) for each in found]) for name in found[0]}


def ratios(out: dict[str, np.ndarray], thresholds: Sequence[float]) -> np.ndarray:
    """Sharpness over threshold, shape (arms, seeds, times); thresholds: (arms,)."""
    return out["sharpness"] / np.asarray(thresholds, np.float64)[:, None, None]


def onset(ratio: np.ndarray) -> np.ndarray:
    """Index of the first measurement at or above the threshold, per run; the number of times if none is."""
    reached = ratio >= 1
    return np.where(reached.any(-1), reached.argmax(-1), ratio.shape[-1])


def after_onset(ratio: np.ndarray, *, short: bool = False) -> np.ndarray:
    """Median ratio from the onset on, per run; nan for a run that never gets there. short: its last measurement instead."""
    first = np.minimum(onset(ratio), ratio.shape[-1] - 1) if short else onset(ratio)
    kept = np.arange(ratio.shape[-1]) >= first[..., None]
    some = kept.any(-1)
    settled = np.full(some.shape, np.nan)
    settled[some] = np.nanmedian(np.where(kept[some], ratio[some], np.nan), -1)
    return settled


def exploded(out: dict[str, np.ndarray]) -> np.ndarray:
    """Which runs are lost, per arm and seed: the loss stops being finite, or ends above where it began."""
    loss = out["loss"]
    return ~np.isfinite(loss).all(-1) | ~(loss[..., -EVERY:].mean(-1) < loss[..., 0])


def lost_at_edge(out: dict[str, np.ndarray], settled: np.ndarray) -> np.ndarray:
    """Seeds lost to a claim about the plateau: a run of theirs exploded, or never came to its line. (seeds,)"""
    gone = exploded(out) | np.isnan(settled)
    if gone.any():
        print("lost runs, per arm:", gone.sum(-1).tolist())
    return gone.any(0)


def arms_of(out: dict[str, np.ndarray], rows: Any) -> dict[str, np.ndarray]:
    """The same record for a few arms only."""
    return {name: values[rows] for name, values in out.items()}


def rising(out: dict[str, np.ndarray], ratio: np.ndarray) -> np.ndarray:
    """Fraction of steps after onset on which the loss goes up, per run; 0 if the loss does not fall over the run."""
    up = np.diff(out["loss"], axis=-1) > 0
    late = np.arange(up.shape[-1]) >= EVERY * onset(ratio)[..., None]
    share = (up & late).sum(-1) / np.maximum(late.sum(-1), 1)
    first = np.take_along_axis(out["loss"], np.minimum(EVERY * onset(ratio), up.shape[-1] - EVERY)[..., None], -1)
    return np.where(out["loss"][..., -EVERY:].mean(-1) < first[..., 0], share, 0.0)


@dataclass(frozen=True, eq=False)
class Race:
    """A small tanh network with flat weights and one learning rate, for the theories to predict.

    apply: its outputs from a tree of weights. unravel: flat vector -> tree. eta: learning rate of gradient descent.
    """

    apply: Callable
    unravel: Callable
    eta: float

    def loss(self, start: Start) -> Callable:
        """The squared error of a flat weight vector on one seed's images."""
        return lambda w: jnp.mean(errors(self.apply(self.unravel(w), start.x), start.y, False))

    def to_onset(self, start: Start, *, stride: int, warmup: int) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Gradient descent, past its first 50 steps, until the sharpness reaches 2/eta: weights, sharpness, steps.

        stride: steps between two measurements. warmup: where to give up.
        """
        loss = self.loss(start)

        def more(state: tuple) -> tuple:
            w, v, _, t = state
            w = jax.lax.fori_loop(0, stride, lambda _, w: w - self.eta * jax.grad(loss)(w), w)
            s, v = curvature.sharpness(loss, w, v, matvecs=4)
            return w, v, s, t + stride

        def below(state: tuple) -> jax.Array:
            return (state[3] < 50) | ((state[2] < stability.gradient_descent(self.eta)) & (state[3] < warmup))

        w, v = ravel_pytree(start.params)[0], ravel_pytree(start.direction)[0]
        w, _, s, t = jax.lax.while_loop(below, more, (w, v, jnp.zeros(()), 0))
        return w, s, t


def race(pool: Digits, start: Start, *, width: int, eta: float) -> Race:
    """The race of networks like those of `start`."""
    unravel = ravel_pytree(jax.tree.map(lambda leaf: leaf[0], start.params))[1]
    return Race(network(pool.x.shape[1], "tanh", width)[1], unravel, eta)
