"""The bench of chapter 06 against NumPy written out layer by layer, dense Hessians and cases worked out by hand."""

from __future__ import annotations

import alchemy
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

DEPTH, WIDTH, BATCH = 3, 11, 8


@pytest.fixture(scope="module")
def bench():
    return alchemy.open_chapter("06-batch-normalization").bench()


@pytest.fixture(scope="module")
def lab(bench):
    return bench.Lab(bench.digits(), DEPTH, WIDTH, BATCH)


def arm_of(bench, **changes):
    return jax.tree.map(jnp.float32, bench.Arm(**changes))


def state_of(lab, arm, seed=0):
    """A run's state, with gains and biases that are not ones and zeros."""
    state = lab.init(jax.random.key(seed), arm)
    rng = np.random.default_rng(seed)
    params = state["params"]._replace(
        gain=jnp.asarray(rng.normal(1, 0.3, (DEPTH, WIDTH)), jnp.float32),
        bias=jnp.asarray(rng.normal(0, 0.3, (DEPTH, WIDTH)), jnp.float32),
    )
    return state | {"params": params}


def by_hand(params, x, treatment, activation, birth, rows):
    """Logits of the network, one layer after the other. rows: on which the batch's moments are taken."""
    act = {"sigmoid": lambda z: 1 / (1 + np.exp(-z)), "tanh": np.tanh, "ReLU": lambda z: np.maximum(z, 0)}[activation]
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    h, weights = 0.0, [*p.hidden, p.out]
    z = np.asarray(x, np.float64) @ p.first
    for i in range(DEPTH):
        if treatment in ("none", "skip"):
            z = z + p.bias[i]
        else:
            mean, variance = {
                "BN": (z[:rows].mean(0), z[:rows].var(0)),
                "frozen": birth[i],
                "LayerNorm": (z.mean(1, keepdims=True), z.var(1, keepdims=True)),
            }[treatment]
            z = p.gain[i] * (z - mean) / np.sqrt(variance + 1e-5) + p.bias[i]
        h = h + p.gain[i] * act(z) if treatment == "skip" else act(z)
        z = h @ weights[i]
    return z + p.offset


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "ReLU"])
@pytest.mark.parametrize(
    ("treatment", "options"),
    [
        ("none", {}),
        ("BN", dict(batch=1.0)),
        ("frozen", dict(frozen=1.0)),
        ("LayerNorm", dict(layer=1.0)),
        ("skip", dict(skip=1.0)),
    ],
)
def test_the_network_is_what_its_definition_says(bench, lab, treatment, options, activation):
    kind = {"sigmoid": bench.SIGMOID, "tanh": bench.TANH, "ReLU": bench.RELU}[activation]
    arm = arm_of(bench, activation=kind, **options)
    state = state_of(lab, arm)
    x = lab.digits.x[0, :20]
    found = lab.forward(state["params"], x, arm, state["birth"], lab.still, bench.over(15))[0]
    expected = by_hand(state["params"], x, treatment, activation, np.asarray(state["birth"]), 15)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


def test_statistics_at_birth_are_those_of_the_normalized_network(bench, lab):
    state = lab.init(jax.random.key(1), arm_of(bench, frozen=1.0))
    z = np.asarray(lab.digits.x[0, :256]) @ np.asarray(state["params"].first)
    np.testing.assert_allclose(state["birth"][0], [z.mean(0), z.var(0)], rtol=1e-3, atol=1e-4)
    same = arm_of(bench, batch=1.0)  # at birth frozen statistics and those of the batch are the same function
    both = [
        lab.forward(state["params"], lab.digits.x[0, :256], arm, state["birth"], lab.still, bench.over(256))[0]
        for arm in (state["arm"], same)
    ]
    np.testing.assert_allclose(*both, rtol=1e-3, atol=1e-3)


def test_the_digits_are_whitened_as_far_as_the_floor_allows(bench, lab):
    plain, white = np.asarray(lab.digits.x[:, : bench.TRAIN], np.float64)
    assert abs(plain.mean()) < 1e-3 and plain.std() == pytest.approx(1, rel=1e-3)
    eigenvalues = np.linalg.eigvalsh(np.cov(plain.T))
    np.testing.assert_allclose(np.linalg.eigvalsh(np.cov(white.T)), eigenvalues / (eigenvalues + 0.01), atol=2e-3)


def test_a_step_draws_training_images_and_noise_of_the_level_asked_for(bench, lab):
    arm = arm_of(bench, noise=0.5)
    drawn = jax.vmap(lambda key: lab.chance(key, arm))(jax.random.split(jax.random.key(0), 300))
    x, labels, noise = map(np.asarray, drawn)
    assert x.shape == (300, BATCH, 100) and noise.shape == (300, DEPTH, 2, WIDTH)
    pool = zip(np.asarray(lab.digits.x[0, : bench.TRAIN]), lab.digits.y.tolist()[: bench.TRAIN], strict=True)
    known = {row.tobytes(): label for row, label in pool}
    assert [known[row.tobytes()] for row in x.reshape(-1, 100)] == labels.ravel().tolist()
    for values in (np.log(noise[:, :, 0]), noise[:, :, 1]):
        assert np.abs(values).max() <= 0.5 and np.abs(values).max() > 0.49 and abs(values.mean()) < 0.02
    np.testing.assert_array_equal(lab.chance(jax.random.key(0), arm_of(bench))[2], lab.still)


def test_in_test_mode_a_prediction_does_not_depend_on_its_company(bench, lab):
    state = state_of(lab, arm_of(bench, batch=1.0))
    x, y = lab.digits.x_test, lab.digits.y_test
    one_by_one = [lab.held_out(state, x[:, i : i + 1], y[i : i + 1]) for i in range(6)]
    together = lab.held_out(state, x[:, :6], y[:6])
    np.testing.assert_allclose(np.mean(one_by_one, axis=0), together, rtol=1e-3)


def test_an_update_goes_down_the_gradient_of_the_loss_by_hand(bench, lab):
    arm = arm_of(bench, activation=bench.TANH, batch=1.0, rate=0.25)
    state, key = state_of(lab, arm), jax.random.key(5)
    x, labels, _ = lab.chance(key, arm)
    flat, unravel = ravel_pytree(state["params"])

    def loss(flat):
        logits = by_hand(unravel(jnp.asarray(flat, jnp.float32)), x, "BN", "tanh", np.asarray(state["birth"]), BATCH)
        logits = logits - logits.max(1, keepdims=True)
        return -np.mean((logits - np.log(np.exp(logits).sum(1, keepdims=True)))[range(BATCH), np.asarray(labels)])

    moved = ravel_pytree(lab.update(state, key, arm)[0]["params"])[0] - flat
    rng = np.random.default_rng(0)
    for _ in range(3):  # directional derivatives by central differences
        v = rng.normal(size=len(flat))
        v /= np.linalg.norm(v)
        slope = (loss(np.asarray(flat) + 1e-2 * v) - loss(np.asarray(flat) - 1e-2 * v)) / 2e-2
        assert float(moved @ v) == pytest.approx(-0.25 * slope, rel=0.05, abs=2e-3)


def test_a_hessian_product_is_that_of_the_dense_hessian(bench):
    small = bench.Lab(bench.digits(), 2, 10, BATCH)
    arm = arm_of(bench, activation=bench.TANH, batch=1.0)
    state = small.init(jax.random.key(0), arm)
    params, birth = state["params"], state["birth"]
    w, unravel = ravel_pytree(bench.weights_of(params))
    hessian = jax.hessian(lambda w: small.hidden_loss(unravel(w), params, birth, arm))(w)
    v = jax.random.normal(jax.random.key(1), w.shape)
    np.testing.assert_allclose(ravel_pytree(small.product(params, birth, arm, unravel(v)))[0], hessian @ v, rtol=1e-2, atol=1e-4)


def test_groups_average_over_neighbours(bench):
    z = np.random.default_rng(0).normal(size=(BATCH, 3))
    for size in (2, 4, 8):
        expected = np.repeat(z.reshape(-1, size, 3).mean(1), size, axis=0)
        np.testing.assert_allclose(bench.grouped(size, BATCH)(z), expected, rtol=1e-5)


def test_lengths_products_and_cosines_run_by_run(bench):
    rng = np.random.default_rng(0)
    w = rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 2, 3, 3))
    g = rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 2, 3, 3))
    for run in range(4):
        flat = [np.concatenate([leaf[run].ravel() for leaf in tree]) for tree in (w, g)]
        assert float(bench.dot(w, g)[run]) == pytest.approx(flat[0] @ flat[1], rel=1e-4)
        layers = [(w[0][run], g[0][run]), *zip(w[1][run], g[1][run], strict=True)]
        cosines = [abs((a * b).sum()) / np.linalg.norm(a) / np.linalg.norm(b) for a, b in layers]
        assert float(bench.radial(w, g)[run]) == pytest.approx(max(cosines), rel=1e-4)
        assert float(bench.norm(w[1])[run]) == pytest.approx(np.linalg.norm(w[1][run]), rel=1e-5)
        step = bench.scaled_step(w, g, jnp.arange(4.0))
        np.testing.assert_allclose(step[1][run], w[1][run] - run * g[1][run], rtol=1e-5)


def test_arrival_and_interpolation_on_an_exponential(bench):
    steps = np.arange(0, 101, 20)
    loss = np.stack([2 * np.exp(-steps / 30), np.full(6, 2.0), np.where(steps > 50, np.nan, 2.0)])
    found = bench.arrival(loss, steps, 0.7)
    assert found[0] == pytest.approx(30 * np.log(2 / 0.7), rel=1e-6) and np.isinf(found[1:]).all()
    times, share, never = bench.bracket(loss[None, :2], (1.2, 0.8))
    assert never.tolist() == [[False, True]]
    at = np.take_along_axis(loss[None, :2], times, -1)
    assert bench.blend(at, share)[0, 0] == pytest.approx([1.2, 0.8], rel=1e-6)


def test_chunks_cover_every_run_once_and_compile_once(bench):
    shapes = []

    def f(x, tree):
        shapes.append(x.shape)
        return {"y": 2 * x + tree["z"]}

    x, z = np.arange(10.0), np.arange(10.0, 20.0)
    np.testing.assert_array_equal(bench.in_chunks(f, 4, x, {"z": z})["y"], 2 * x + z)
    assert set(shapes) == {(4,)}
