"""nets: against Flax's own layers, the initializers' variances, and the errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from alchemy import nets
from flax import nnx


@pytest.mark.parametrize("size, stride, channels", [(3, 1, 1), (5, 1, 3), (3, 1, 4)])
def test_conv_is_flax_convolution(size, stride, channels):
    ours = nets.Conv(channels, 6, size=size, stride=stride, rngs=nnx.Rngs(0))
    flax = nnx.Conv(channels, 6, (size, size), strides=stride, padding="SAME", rngs=nnx.Rngs(0))
    flax.kernel.set_value(ours.linear.kernel.get_value().reshape(size, size, channels, 6))
    flax.bias.set_value(jnp.arange(6.0))
    ours.linear.bias.set_value(jnp.arange(6.0))
    x = jax.random.normal(jax.random.key(1), (2, 9, 7, channels))
    np.testing.assert_allclose(ours(x), flax(x), atol=1e-5)


def test_strided_conv_is_symmetrically_padded_convolution():
    ours = nets.Conv(2, 3, size=5, stride=2, rngs=nnx.Rngs(0))
    x = jax.random.normal(jax.random.key(1), (2, 14, 13, 2))
    kernel = ours.linear.kernel.get_value().reshape(5, 5, 2, 3)
    direct = jax.lax.conv_general_dilated(x, kernel, (2, 2), [(2, 2), (2, 2)], dimension_numbers=("NHWC", "HWIO", "NHWC"))
    assert ours(x).shape == (2, 7, 7, 3)
    np.testing.assert_allclose(ours(x), direct, atol=1e-5)


def test_mlp_is_the_written_out_formula():
    init, apply = nets.functional(lambda rngs: nets.MLP((12, 5, 3), activation="tanh", init="torch", rngs=rngs))
    params = init(jax.random.key(0))
    first, second = params["layers"][0], params["layers"][1]
    x = np.linspace(-1, 1, 24).reshape(2, 3, 4).astype(np.float32)
    by_hand = np.tanh(x.reshape(2, 12) @ first["kernel"] + first["bias"]) @ second["kernel"] + second["bias"]
    np.testing.assert_allclose(apply(params, x), by_hand, atol=1e-5)


@pytest.mark.parametrize("init, gain, variance", [("he", 1, 2 / 400), ("lecun", 3, 9 / 400), ("torch", 2, 4 / 1200)])
def test_initial_variance(init, gain, variance):
    make, _ = nets.functional(lambda rngs: nets.MLP((400, 500), init=init, gain=gain, rngs=rngs))
    kernel = np.asarray(make(jax.random.key(0))["layers"][0]["kernel"])
    assert kernel.var() == pytest.approx(variance, rel=0.02)
    assert abs(kernel.mean()) < 4 * np.sqrt(variance / kernel.size)


def test_torch_init_is_uniform_within_its_limit_biases_too():
    make, _ = nets.functional(lambda rngs: nets.MLP((100, 2000), init="torch", rngs=rngs))
    layer = make(jax.random.key(0))["layers"][0]
    for values in layer.values():
        assert np.abs(values).max() <= 0.1 + 1e-6
        assert np.asarray(values).var() == pytest.approx(0.01 / 3, rel=0.1)


def test_seeds_by_vmap_are_separate_networks():
    init, apply = nets.functional(lambda rngs: nets.ConvNet((8, 8), 10, hidden=(), rngs=rngs))
    keys = jax.random.split(jax.random.key(0), 3)
    many = jax.vmap(init)(keys)
    x = jax.random.normal(jax.random.key(1), (4, 8, 8))
    together = jax.vmap(apply, (0, None))(many, x)
    alone = jnp.stack([apply(init(key), x) for key in keys])
    assert together.shape == (3, 4, 10)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert not np.allclose(together[0], together[1], atol=1e-2)
    # 5x5x1 -> 8, 3x3x8 -> 16, then 2x2x16 -> 10, each with biases
    assert nets.count(init(keys[0])) == 8 * 26 + 16 * 73 + 10 * 65


def test_convnet_takes_flat_plain_and_channelled_images():
    init, apply = nets.functional(lambda rngs: nets.ConvNet((6, 6), 4, rngs=rngs))
    params, x = init(jax.random.key(0)), jax.random.normal(jax.random.key(1), (3, 6, 6))
    np.testing.assert_array_equal(apply(params, x), apply(params, x.reshape(3, 36)))
    np.testing.assert_array_equal(apply(params, x), apply(params, x[..., None]))


def test_loss_and_accuracy():
    logits = jnp.array([[2.0, 0.0], [0.0, 1.0], [jnp.nan, 0.0]])
    assert float(nets.accuracy(logits, jnp.array([0, 0, 0]))) == pytest.approx(1 / 3)
    expected = np.log1p(np.exp(-2.0)) / 2 + np.log1p(np.exp(1.0)) / 2
    assert float(nets.cross_entropy(logits[:2], jnp.array([0, 0]))) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "build, said",
    [
        (lambda: nets.MLP((3,), rngs=nnx.Rngs(0)), "widths is (3,)"),
        (lambda: nets.MLP((3, 2), init="xavier", rngs=nnx.Rngs(0)), "init is 'xavier'"),
        (lambda: nets.MLP((3, 2), gain=0, rngs=nnx.Rngs(0)), "gain is 0"),
        (lambda: nets.MLP((3, 2), activation="rrelu", rngs=nnx.Rngs(0)), "activation is 'rrelu'"),
        (lambda: nets.MLP((3, 2), rngs=nnx.Rngs(0))(jnp.ones((1, 4))), "expects 3"),
        (lambda: nets.Conv(1, 1, size=4, rngs=nnx.Rngs(0)), "expected an odd size"),
        (lambda: nets.ConvNet((6, 6), 2, channels=(1,), rngs=nnx.Rngs(0)), "one entry a convolution"),
        (lambda: nets.ConvNet((6, 6), 2, rngs=nnx.Rngs(0))(jnp.ones((1, 5, 5))), "expects (6, 6, 1)"),
    ],
)
def test_errors_name_the_value(build, said):
    with pytest.raises(nets.NetError) as error:
        build()
    assert said in str(error.value)
