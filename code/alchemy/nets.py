"""Flax NNX modules shared by chapters, and their functional form for `alchemy.training`.

init, apply = nets.functional(lambda rngs: nets.MLP((784, 64, 10), rngs=rngs))
params = init(key)                   # a pytree of arrays: vmap it over keys, give it to Optax
logits = apply(params, images)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod, sqrt

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, PyTree, Scalar

Params = PyTree
Activation = Callable[[Array], Array]

# "he" and "lecun" draw from a normal distribution, "torch" is what torch.nn.Linear and Conv2d do by default:
# uniform on +-1/sqrt(fan_in), biases too.
INITS = ("he", "lecun", "torch")


class NetError(ValueError):
    """A network cannot be built as asked."""


def _initializers(init: str, gain: float | int, fan_in: int) -> tuple[nnx.Initializer, nnx.Initializer]:
    """Initializers of kernel and bias; `gain` multiplies the kernel's standard deviation."""
    if init not in INITS:
        raise NetError(f"init is {init!r}; expected one of {', '.join(INITS)}.")
    if not gain > 0:
        raise NetError(f"gain is {gain}; expected a positive factor on the standard deviation of the weights.")
    if init == "torch":
        limit = 1 / sqrt(fan_in)
        bias = nnx.initializers.uniform(2 * limit)
        return (
            nnx.initializers.variance_scaling(gain**2 / 3, "fan_in", "uniform"),
            lambda key, shape, dtype=jnp.float32: bias(key, shape, dtype) - limit,
        )
    scale = {"he": 2.0, "lecun": 1.0}[init]
    return nnx.initializers.variance_scaling(scale * gain**2, "fan_in", "normal"), nnx.initializers.zeros


def activation_named(name: str | Activation) -> Activation:
    """An activation by its name in jax.numpy or flax.nnx (`relu`, `tanh`, `gelu`, `identity`); functions pass."""
    if callable(name):
        return name
    if name in ("linear", "identity"):
        return lambda x: x
    found = getattr(nnx, name, None) or getattr(jnp, name, None)
    if not callable(found):
        raise NetError(f"activation is {name!r}; expected a function or a name such as relu, tanh, gelu or identity.")
    return found


class MLP(nnx.Module):
    """A fully connected network; inputs of any shape are flattened.

    widths: units per layer from input to output, such as (784, 64, 10).
    activation: between layers, a name or a function. init, gain: see INITS; gain scales the weights' deviation.
    use_bias: biases or none.
    """

    def __init__(
        self,
        widths: Sequence[int],
        *,
        activation: str | Activation = "relu",
        init: str = "he",
        gain: float | int = 1.0,
        use_bias: bool = True,
        rngs: nnx.Rngs,
    ):
        if len(widths) < 2 or min(widths) < 1:
            raise NetError(f"widths is {tuple(widths)}; expected at least input and output, all positive.")
        self.widths = tuple(widths)
        self.activation = activation_named(activation)
        layers = []
        for fan_in, fan_out in pairwise(widths):
            kernel, bias = _initializers(init, gain, fan_in)
            layers.append(nnx.Linear(fan_in, fan_out, use_bias=use_bias, kernel_init=kernel, bias_init=bias, rngs=rngs))
        self.layers = nnx.List(layers)

    def __call__(self, x: Float[Array | np.ndarray, "batch ..."]) -> Float[Array, "batch outputs"]:
        """Outputs (logits) for a batch."""
        x = x.reshape(len(x), -1)
        if x.shape[1] != self.widths[0]:
            raise NetError(f"inputs have {x.shape[1]} numbers each; this MLP expects {self.widths[0]}.")
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)


class Conv(nnx.Module):
    """A convolution with zero padding, written as patches times a matrix.

    Same result as nnx.Conv with padding 'SAME' for odd kernels and stride 1. Under vmap over seeds every
    network has its own kernel, for which XLA's CPU convolution is slow and a matrix product is not.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        size: int,
        stride: int = 1,
        init: str = "he",
        gain: float | int = 1.0,
        rngs: nnx.Rngs,
    ):
        if size % 2 == 0 or min(size, stride, channels_in, channels_out) < 1:
            raise NetError(f"size is {size} and stride {stride}; expected an odd size and a positive stride.")
        self.size, self.stride = size, stride
        fan_in = size * size * channels_in
        kernel, bias = _initializers(init, gain, fan_in)
        self.linear = nnx.Linear(fan_in, channels_out, kernel_init=kernel, bias_init=bias, rngs=rngs)

    def __call__(
        self, x: Float[Array | np.ndarray, "batch height width channels"]
    ) -> Float[Array, "batch rows columns features"]:
        """Feature maps; rows = ceil(height / stride)."""
        height, width = x.shape[1:3]
        edge = self.size // 2
        padded = jnp.pad(x, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
        shifted = [
            padded[:, i : i + height : self.stride, j : j + width : self.stride, :]
            for i in range(self.size)
            for j in range(self.size)
        ]
        return self.linear(jnp.concatenate(shifted, axis=-1))


class ConvNet(nnx.Module):
    """A small convolutional classifier in LeNet's tradition: convolutions with strides, then fully connected layers.

    shape: of one image, (height, width) or (height, width, channels). outputs: classes.
    channels, sizes, strides: one entry a convolution. hidden: units of the layers between them and the outputs.
    """

    def __init__(
        self,
        shape: Sequence[int],
        outputs: int,
        *,
        channels: Sequence[int] = (8, 16),
        sizes: Sequence[int] = (5, 3),
        strides: Sequence[int] = (2, 2),
        hidden: Sequence[int] = (64,),
        activation: str | Activation = "relu",
        init: str = "he",
        gain: float | int = 1.0,
        rngs: nnx.Rngs,
    ):
        if not len(channels) == len(sizes) == len(strides) or len(shape) not in (2, 3):
            raise NetError(
                f"channels, sizes and strides have {len(channels)}, {len(sizes)} and {len(strides)} entries and shape "
                f"is {tuple(shape)}; expected one entry a convolution and (height, width) or (height, width, channels)."
            )
        self.shape = (*shape, 1) if len(shape) == 2 else tuple(shape)
        self.activation = activation_named(activation)
        height, width, features = self.shape
        convolutions = []
        for out, size, stride in zip(channels, sizes, strides, strict=True):
            convolutions.append(Conv(features, out, size=size, stride=stride, init=init, gain=gain, rngs=rngs))
            height, width, features = -(-height // stride), -(-width // stride), out
        self.convolutions = nnx.List(convolutions)
        self.head = MLP((height * width * features, *hidden, outputs), activation=activation, init=init, gain=gain, rngs=rngs)

    def __call__(self, x: Float[Array | np.ndarray, "batch ..."]) -> Float[Array, "batch outputs"]:
        """Logits for a batch of images, with or without a channel axis, or flattened."""
        if prod(x.shape[1:]) != prod(self.shape):
            raise NetError(f"images have shape {x.shape[1:]}; this ConvNet expects {self.shape}.")
        x = x.reshape(len(x), *self.shape)
        for convolution in self.convolutions:
            x = self.activation(convolution(x))
        return self.head(x)


def functional(make: Callable[[nnx.Rngs], nnx.Module]) -> tuple[Callable[[Array], Params], Callable[..., Array]]:
    """The pure form of a module without running state (no dropout, no batch statistics): (init, apply).

    make: rngs -> module. init: key -> params, a pytree of arrays. apply: (params, *inputs) -> outputs.
    """
    graph = nnx.graphdef(nnx.eval_shape(lambda: make(nnx.Rngs(0))))

    def init(key: Array) -> Params:
        return nnx.to_pure_dict(nnx.state(make(nnx.Rngs(params=key)), nnx.Param))

    def apply(params: Params, *inputs: Array | np.ndarray) -> Array:
        state = nnx.State(jax.tree.map(nnx.Param, params))
        return nnx.merge(graph, state)(*inputs)

    return init, apply


def count(params: Params) -> int:
    """Number of parameters in a tree."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def cross_entropy(logits: Float[Array, "batch classes"], labels: Int[Array, " batch"]) -> Scalar:
    """Mean softmax cross-entropy in nats."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def accuracy(logits: Float[Array, "batch classes"], labels: Int[Array, " batch"]) -> Scalar:
    """Fraction of examples whose largest logit is the label's; a row with a non-finite logit counts as wrong."""
    return jnp.mean((jnp.argmax(logits, axis=-1) == labels) & jnp.isfinite(logits).all(axis=-1))
