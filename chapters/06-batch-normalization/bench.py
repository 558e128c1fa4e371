"""The bench of chapter 06: a deep network on digits with and without normalization, its training, and readings of it.

Every way to train is one row of numbers, an `Arm`, and all arms go through one compiled program. A `Lab` is the network
with its data and sizes; what it computes is a function of (weights, statistics at birth, arm, noise, images).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from alchemy import data
from alchemy.nets import cross_entropy

TRAIN, HELD = 3400, 300  # training images; held-out images in each evaluation
SIGMOID, TANH, RELU = 0.0, 1.0, 2.0
EPS = 1e-5  # added to every variance
Average = Callable[[jax.Array], jax.Array]


class Arm(NamedTuple):
    """One way to train. All entries are numbers, so that all arms share one compiled program."""

    activation: float = RELU
    batch: float = 0.0  # 1: normalize by the statistics of the batch
    layer: float = 0.0  # 1: normalize each image over its units
    frozen: float = 0.0  # 1: normalize by the batch statistics of the start, for ever
    noise: float = 0.0  # each step shifts each unit by up to this, and scales it by up to its exponential
    whiten: float = 0.0  # 1: ZCA-whitened inputs
    skip: float = 0.0  # 1: hidden layers add to their input, with factors that start at 0
    rate: float = 0.1  # learning rate


class Params(NamedTuple):
    """Weights of the first layer (100, W), the hidden ones (L - 1, W, W) and the output (W, 10); the rest (L, W), (10,)."""

    first: jax.Array
    hidden: jax.Array
    gain: jax.Array
    bias: jax.Array
    out: jax.Array
    offset: jax.Array


@dataclass(frozen=True, eq=False)
class Digits:
    """Images as vectors of 100 numbers, plain and whitened, and labels: x (2, n, 100), y (n,); the same for testing."""

    x: jax.Array
    y: jax.Array
    x_test: jax.Array
    y_test: jax.Array


def digits() -> Digits:
    """MNIST's small set, the middle 20 x 20 pixels in blocks of 2 x 2; moments and whitening of the first TRAIN images."""
    found = data.load("mnist5k")
    raw, raw_test = (data.shrink(x, 20, 2).reshape(len(x), -1) for x in (found.x_train, found.x_test))
    middle, spread = raw[:TRAIN].mean(), raw[:TRAIN].std()
    raw, raw_test = (raw - middle) / spread, (raw_test - middle) / spread
    eigenvalues, U = np.linalg.eigh(np.cov(raw[:TRAIN].T))
    zca = (U / np.sqrt(eigenvalues + 0.01)) @ U.T  # whitening that keeps the pixels' places; 0.01 keeps noise down
    center = raw[:TRAIN].mean(0)
    x, x_test = (jnp.asarray(np.stack([x, (x - center) @ zca]), jnp.float32) for x in (raw, raw_test))
    return Digits(x, jnp.asarray(found.y_train), x_test, jnp.asarray(found.y_test))


def phi(z: jax.Array, kind: Any) -> jax.Array:
    """Sigmoid, tanh or ReLU; one tanh serves the first two, since sigmoid(z) = (1 + tanh(z / 2)) / 2."""
    t = jnp.tanh(jnp.where(kind == SIGMOID, z / 2, z))
    return jnp.where(kind == RELU, jnp.maximum(z, 0), jnp.where(kind == SIGMOID, (1 + t) / 2, t))


def layer(
    z: jax.Array,
    h: jax.Array,
    weight: jax.Array,
    gain: jax.Array,
    bias: jax.Array,
    birth: jax.Array,
    jolt: jax.Array,
    arm: Arm,
    average: Average,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Preactivations z and outputs h of the layer before -> the next preactivations, this layer's outputs, z's moments.

    birth: (2, W), mean and variance at the start. jolt: (2, W), factor and shift of the noise. average: over the batch.
    """
    mean = average(z)
    variance = average((z - mean) ** 2)
    plain = 1 - arm.batch - arm.layer - arm.frozen
    center = arm.batch * mean + arm.frozen * birth[0] + arm.layer * z.mean(1, keepdims=True)
    scale = arm.batch * variance + arm.frozen * birth[1] + arm.layer * z.var(1, keepdims=True) + plain
    z = (z - center) * jax.lax.rsqrt(scale + EPS) * jnp.where(plain > 0, 1.0, gain) + bias
    a = phi(z * jolt[0] + jolt[1], arm.activation)
    h = jnp.where(arm.skip > 0, h + gain * a, a)
    return h @ weight, h, jnp.stack([mean[0], variance[0]])


def over(rows: int) -> Average:
    """The average over the first `rows` rows, shape (1, W)."""
    return lambda z: z[:rows].mean(0, keepdims=True)


def grouped(size: Any, batch: int) -> Average:
    """The average over groups of neighbouring rows, for a size that is a number in the compiled program."""
    place = jnp.arange(batch) // size
    mixer = (place[:, None] == place) / size
    return lambda z: mixer @ z


def stepped(params: Params, slope: Params, size: Any) -> Params:
    """A step of gradient descent."""
    return jax.tree.map(lambda p, g: p - size * g, params, slope)


@dataclass(frozen=True, eq=False)
class Lab:
    """A network of L = depth hidden layers of W = width units on these digits, trained on `batch` images a step."""

    digits: Digits
    depth: int
    width: int
    batch: int

    @property
    def still(self) -> jax.Array:
        """No noise, (L, 2, W): factor 1, shift 0."""
        ones = jnp.ones((self.depth, self.width))
        return jnp.stack([ones, 0 * ones], axis=1)

    def images(self, arm: Arm, rows: Any) -> jax.Array:
        """Some training images, as the arm sees them."""
        return self.digits.x[arm.whiten.astype(int), rows]

    def start(self, key: jax.Array, arm: Arm) -> Params:
        """Gaussian weights of variance 1 / inputs, twice that for ReLU (He); gains 1, or 0 where layers are skipped."""
        L, W, inputs = self.depth, self.width, self.digits.x.shape[-1]
        factor = jnp.where(arm.activation == RELU, 2.0, 1.0)
        draws = jax.random.normal(key, (inputs * W + (L - 1) * W * W + W * 10,))
        first, hidden, out = jnp.split(draws, [inputs * W, inputs * W + (L - 1) * W * W])
        return Params(
            first=first.reshape(inputs, W) * jnp.sqrt(factor / inputs),
            hidden=hidden.reshape(L - 1, W, W) * jnp.sqrt(factor / W),
            gain=jnp.ones((L, W)).at[1:].set(1 - arm.skip),
            bias=jnp.zeros((L, W)),
            out=out.reshape(W, 10) / jnp.sqrt(W),
            offset=jnp.zeros(10),
        )

    def forward(
        self, params: Params, x: jax.Array, arm: Arm, birth: jax.Array, jolt: jax.Array, average: Average
    ) -> tuple[jax.Array, jax.Array]:
        """Logits, and the moments (L, 2, W) of each layer's preactivations under `average`."""
        weights = jnp.concatenate([params.hidden, jnp.pad(params.out, ((0, 0), (0, self.width - 10)))[None]])

        def deeper(carry: tuple, p: tuple) -> tuple[tuple, jax.Array]:
            *carry, moments = layer(*carry, *p, arm, average)
            return tuple(carry), moments

        z = x @ params.first
        (z, _), moments = jax.lax.scan(deeper, (z, jnp.zeros_like(z)), (weights, params.gain, params.bias, birth, jolt))
        return z[:, :10] + params.offset, moments

    def loss(
        self,
        params: Params,
        birth: jax.Array,
        arm: Arm,
        jolt: jax.Array,
        x: jax.Array,
        labels: jax.Array,
        average: Average | None = None,
    ) -> jax.Array:
        """Cross-entropy in training mode, in nats; the layers average over all rows unless told otherwise."""
        return cross_entropy(self.forward(params, x, arm, birth, jolt, average or over(len(x)))[0], labels)

    def chance(self, key: jax.Array, arm: Arm) -> tuple[jax.Array, jax.Array, jax.Array]:
        """What a step draws: images, labels, and noise (L, 2, W): factors exp(u), shifts u', uniform on +-noise."""
        L, W = self.depth, self.width
        u = jax.random.uniform(key, (self.batch + 2 * L * W,))
        rows = (u[: self.batch] * TRAIN).astype(int)
        noise = arm.noise * (2 * u[self.batch :].reshape(L, 2, W) - 1)
        return self.images(arm, rows), self.digits.y[rows], noise.at[:, 0].set(jnp.exp(noise[:, 0]))

    def init(self, key: jax.Array, arm: Arm) -> dict[str, Any]:
        """A run's state: the weights, and the statistics at birth, from 256 training images."""
        params = self.start(key, arm)
        normal = arm._replace(batch=1.0, layer=0.0, frozen=0.0, skip=0.0)
        x = self.digits.x[arm.whiten.astype(int), :256]
        return {"params": params, "birth": self.forward(params, x, normal, self.still, self.still, over(256))[1], "arm": arm}

    def update(self, state: dict[str, Any], key: jax.Array, arm: Arm) -> tuple[dict[str, Any], None]:
        """One step of gradient descent on one batch."""
        x, labels, jolt = self.chance(key, arm)
        slope = jax.grad(self.loss)(state["params"], state["birth"], arm, jolt, x, labels)
        return state | {"params": stepped(state["params"], slope, arm.rate)}, None

    def held_out(self, state: dict[str, Any], x: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Loss and accuracy on held-out images (2, n, 100), in test mode: averages from a pass over 200 training images."""
        arm = state["arm"]
        which = arm.whiten.astype(int)
        both = jnp.concatenate([self.digits.x[which, :200], x[which]])
        logits = self.forward(state["params"], both, arm, state["birth"], self.still, over(200))[0][200:]
        return cross_entropy(logits, labels), jnp.mean(jnp.argmax(logits, 1) == labels)

    def validate(self, state: dict[str, Any]) -> tuple[jax.Array, jax.Array]:
        """`held_out` on the validation images."""
        rows = slice(TRAIN, TRAIN + HELD)
        return self.held_out(state, self.digits.x[:, rows], self.digits.y[rows])

    def test(self, state: dict[str, Any]) -> tuple[jax.Array, jax.Array]:
        """`held_out` on the test images."""
        return self.held_out(state, self.digits.x_test[:, :HELD], self.digits.y_test[:HELD])

    def slope(self, params: Params, birth: jax.Array, arm: Arm, jolt: jax.Array, rows: jax.Array) -> tuple[jax.Array, Params]:
        """Loss and gradient of one snapshot, in training mode, on some training images."""
        return jax.value_and_grad(self.loss)(params, birth, arm, jolt, self.images(arm, rows), self.digits.y[rows])

    def product(self, params: Params, birth: jax.Array, arm: Arm, g: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        """The Hessian in the weights of all hidden layers, on 128 training images, times a direction g of that shape."""

        def slope(w: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            return jax.grad(lambda w: self.hidden_loss(w, params, birth, arm))(w)

        return jax.jvp(slope, (weights_of(params),), (g,))[1]

    def hidden_loss(self, w: tuple[jax.Array, jax.Array], params: Params, birth: jax.Array, arm: Arm) -> jax.Array:
        """The loss on 128 training images as a function of the weights before the output, without noise."""
        x, labels = self.images(arm, slice(128)), self.digits.y[:128]
        return self.loss(with_weights(params, w), birth, arm, self.still, x, labels)


def weights_of(params: Params) -> tuple[jax.Array, jax.Array]:
    """The weights before the output: what shift, smoothness and conditioning are measured in."""
    return params.first, params.hidden


def with_weights(params: Params, w: tuple[jax.Array, jax.Array]) -> Params:
    """The same network with other weights before the output."""
    return params._replace(first=w[0], hidden=w[1])


def scaled_step(tree: Any, slope: Any, size: jax.Array) -> Any:
    """tree - size * slope, run by run; size: (runs,)."""
    return jax.tree.map(lambda p, g: p - size.reshape(-1, *[1] * (p.ndim - 1)) * g, tree, slope)


def norm(a: jax.Array) -> jax.Array:
    """Lengths, run by run: (runs, ...) -> (runs,)."""
    return jnp.sqrt(jnp.sum(a**2, axis=tuple(range(1, a.ndim))))


def dot(a: Any, b: Any) -> jax.Array:
    """Inner products of two lists of arrays, run by run."""
    return sum(jnp.sum(u * v, axis=tuple(range(1, u.ndim))) for u, v in zip(a, b, strict=True))


def radial(w: tuple[jax.Array, jax.Array], g: tuple[jax.Array, jax.Array]) -> jax.Array:
    """|cosine| between a layer's weights and its gradient: the largest of all layers, (runs,)."""
    pairs = zip((w[0][:, None], w[1]), (g[0][:, None], g[1]), strict=True)
    lengths = [(jnp.sum(u * v, (2, 3)), jnp.sum(u**2, (2, 3)) * jnp.sum(v**2, (2, 3))) for u, v in pairs]
    return jnp.abs(jnp.concatenate([inner / jnp.sqrt(both) for inner, both in lengths], axis=1)).max(1)


def in_chunks(f: Callable, chunk: int, *trees: Any) -> Any:
    """f over a leading axis of runs, `chunk` at a time, so that it is compiled once."""
    count = len(jax.tree.leaves(trees)[0])
    rows = np.arange(-(-count // chunk) * chunk).reshape(-1, chunk) % count
    parts = [jax.device_get(f(*jax.tree.map(lambda v, r=r: jnp.asarray(v[r]), trees))) for r in rows]
    return jax.tree.map(lambda *p: np.concatenate(p)[:count], *parts)


def arrival(loss: np.ndarray, steps: np.ndarray, level: float) -> np.ndarray:
    """Steps until the loss is at the level, interpolated in its logarithm; infinity if never. loss: (..., times)."""
    loss = np.where(np.isfinite(loss), loss, 1e9)
    hit = loss <= level
    k = hit.argmax(-1)
    after = np.take_along_axis(loss, k[..., None], -1)[..., 0]
    before = np.take_along_axis(loss, np.maximum(k - 1, 0)[..., None], -1)[..., 0]
    share = np.log(after / level) / np.log(after / np.maximum(before, after * (1 + 1e-9)))
    found = steps[k] - (steps[k] - steps[np.maximum(k - 1, 0)]) * share
    return np.where(hit.any(-1), found, np.inf)


def bracket(loss: np.ndarray, levels: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where runs reach levels of their loss, (arms, seeds, times): the snapshots before and after, (arms, seeds, 2 k);
    the share of the second in a geometric interpolation, (arms, seeds, k); who never reaches the lowest, (arms, seeds)."""
    after = np.stack([(loss <= v).argmax(-1) for v in levels], -1)
    before = np.maximum(after - 1, 0)
    a, b = (np.log(np.take_along_axis(loss, t, -1)) for t in (before, after))
    share = np.where(after == 0, 1.0, np.clip((a - np.log(levels)) / np.maximum(a - b, 1e-9), 0, 1))
    return np.concatenate([before, after], -1), share, ~(loss <= min(levels)).any(-1)


def blend(values: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Geometric interpolation between the halves of the last axis."""
    first, second = np.split(np.log(np.maximum(values, 1e-9)), 2, -1)
    return np.exp((1 - share) * first + share * second)
