"""The bench of chapter 08 against plain loops, dense Hessians and cases worked out by hand."""

from __future__ import annotations

import alchemy
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

WIDTH, IMAGES, STEPS = 3, 12, 40


@pytest.fixture(scope="module")
def bench():
    return alchemy.open_chapter("08-edge-of-stability").bench()


@pytest.fixture(scope="module")
def pool(bench):
    return bench.digits(20, 10)  # two by two pixels


@pytest.fixture(scope="module")
def start(bench, pool):
    keys = jax.random.split(jax.random.key(3), 2)
    return bench.starts(pool, np.random.default_rng(0), keys, images=IMAGES, width=WIDTH)


def dense(bench, pool, start, seed, labels="y"):
    """The squared error of one seed as a function of flat weights, written out in NumPy's terms; its start."""
    w, unravel = ravel_pytree(jax.tree.map(lambda leaf: leaf[seed], start.params))
    apply = bench.network(pool.x.shape[1], "tanh", WIDTH)[1]
    target = np.eye(10)[np.asarray(getattr(start, labels)[seed])]

    def loss(w):
        return 0.5 * jnp.mean(jnp.sum((apply(unravel(w), start.x[seed]) - target) ** 2, axis=1))

    return loss, w


def test_digits_are_standardized_by_the_training_images(pool):
    assert pool.x.shape == (4000, 4) and pool.x_test.shape == (1000, 4)
    assert abs(pool.x.mean()) < 1e-4 and abs(pool.x.std() - 1) < 1e-4
    assert abs(float(pool.x_test.mean())) > 1e-5  # by the training images' numbers, not by its own


def test_starts_differ_between_seeds_and_hold_the_same_labels_shuffled(pool, start):
    assert start.x.shape == (2, IMAGES, 4)
    rows = {row.tobytes() for row in np.asarray(pool.x, np.float32)}
    assert all(image.tobytes() in rows for image in np.asarray(start.x).reshape(-1, 4))
    assert sorted(start.y[0].tolist()) == sorted(start.shuffled[0].tolist())
    assert not np.array_equal(start.x[0], start.x[1]) and not np.array_equal(start.y[0], start.shuffled[0])


@pytest.mark.parametrize("entropy", [False, True])
def test_errors_are_those_of_the_textbook(bench, entropy):
    outputs, labels = np.random.default_rng(0).normal(size=(5, 10)), np.array([0, 3, 9, 3, 1])
    chance = np.exp(outputs) / np.exp(outputs).sum(1, keepdims=True)
    expected = -np.log(chance[range(5), labels]) if entropy else 0.5 * ((outputs - np.eye(10)[labels]) ** 2).sum(1)
    assert np.asarray(bench.errors(outputs, labels, entropy)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("beta", "shuffled"), [(0.0, False), (0.5, True)])
def test_an_arm_is_a_plain_loop_with_a_dense_hessian(bench, pool, start, beta, shuffled):
    apply = bench.network(4, "tanh", WIDTH)[1]
    out = bench.train(pool, apply, start, [bench.Arm(0.3), bench.Arm(0.3, beta=beta, shuffled=shuffled)], steps=STEPS)
    assert out["loss"].shape == (2, 2, STEPS) and out["sharpness"].shape == (2, 2, STEPS // bench.EVERY)
    for seed in range(2):
        loss, w = dense(bench, pool, start, seed, "shuffled" if shuffled else "y")
        velocity, losses, norms, sharpness = 0.0, [], [], []
        for step in range(STEPS):
            if step % bench.EVERY == 0:
                sharpness.append(np.linalg.eigvalsh(jax.hessian(loss)(w))[-1])
            g = jax.grad(loss)(w)
            losses.append(loss(w))
            norms.append(g @ g)
            velocity = beta * velocity - 0.3 * g
            w = w + velocity
        assert out["loss"][1, seed] == pytest.approx(np.array(losses), rel=1e-4)
        assert out["norms"][1, seed] == pytest.approx(np.array(norms), rel=1e-3)
        assert out["sharpness"][1, seed] == pytest.approx(np.array(sharpness), rel=0.02)
    assert out["eta"] == pytest.approx(np.full((2, 2, 2), 0.3))


def test_obedience_sets_the_rate_by_the_measured_sharpness(bench, pool, start):
    out = bench.train(pool, bench.network(4, "tanh", WIDTH)[1], start, [bench.Arm(obey=1.5)], steps=STEPS)
    assert out["eta"] * out["sharpness"] == pytest.approx(np.full((1, 2, 2), 1.5), rel=1e-5)


def test_adam_and_its_preconditioned_sharpness(bench, pool, start):
    apply, eta = bench.network(4, "tanh", WIDTH)[1], 0.05
    out = bench.train(
        pool, apply, start, [bench.Arm(eta)], steps=STEPS, optimizer=bench.adam, preconditioner=bench.adam_preconditioner
    )
    loss, w = dense(bench, pool, start, 0)
    m, v, losses = np.zeros(len(w)), np.zeros(len(w)), []
    for t in range(1, STEPS + 1):
        if t == bench.EVERY + 1:  # P of t - 1 steps, written as in Cohen et al. (2022)
            p = (1 - 0.9 ** (t - 1)) * (np.sqrt(v / (1 - 0.999 ** (t - 1))) + 1e-8)
            expected = np.linalg.eigvalsh(np.asarray(jax.hessian(loss)(w)) / np.sqrt(np.outer(p, p)))[-1]
        losses.append(float(loss(w)))
        g = np.asarray(jax.grad(loss)(w))
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w - eta * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    assert out["loss"][0, 0] == pytest.approx(np.array(losses), rel=1e-3)
    assert out["sharpness"][0, 0, 1] == pytest.approx(expected, rel=0.05)


def test_a_small_batch_is_a_random_share_of_the_images(bench, pool, start):
    """Three of twelve images in each step: the loss before a step is the mean over three, and all take their turn."""
    apply = bench.network(4, "tanh", WIDTH)[1]
    out = bench.train(pool, apply, start, [bench.Arm(0.0, batch=0.25)], steps=STEPS)  # rate 0: the weights stay
    params = jax.tree.map(lambda leaf: leaf[0], start.params)
    each = np.asarray(bench.errors(apply(params, start.x[0]), start.y[0], False))
    draws = np.array([jax.random.uniform(jax.random.fold_in(start.key[0], t), (IMAGES,)) for t in range(STEPS)])
    chosen = draws.argsort(1)[:, :3]
    assert out["loss"][0, 0] == pytest.approx(each[chosen].mean(1), rel=1e-4)
    assert set(chosen.ravel()) == set(range(IMAGES))


def test_onset_plateau_and_loss_of_runs(bench):
    ratio = np.array([[0.5, 1.1, 0.9, 1.3], [0.2, 0.3, 0.4, 0.5]])
    assert bench.onset(ratio).tolist() == [1, 4]
    settled = bench.after_onset(ratio)
    assert settled[0] == pytest.approx(1.1) and np.isnan(settled[1])
    assert bench.after_onset(ratio, short=True).tolist() == pytest.approx([1.1, 0.5])
    assert bench.ratios({"sharpness": np.full((2, 3, 4), 6.0)}, [2.0, 3.0])[:, 0, 0].tolist() == [3, 2]


def test_a_run_is_lost_if_it_explodes_or_never_comes_to_its_line(bench, capsys):
    falls, rises = np.linspace(2, 1, 60), np.linspace(1, 2, 60)
    out = {"loss": np.array([[falls, rises, np.where(falls < 1.5, np.inf, falls), falls]])}
    assert bench.exploded(out).tolist() == [[False, True, True, False]]
    lost = bench.lost_at_edge(out, np.array([[1.0, 1.0, 1.0, np.nan]]))
    assert lost.tolist() == [False, True, True, True] and "[3]" in capsys.readouterr().out
    assert bench.arms_of({"loss": np.arange(4)}, slice(2))["loss"].tolist() == [0, 1]


def test_rising_steps_are_counted_from_the_onset_of_runs_that_learn(bench):
    zigzag = np.where(np.arange(60) % 4 == 3, 0.3, 0.0) - 0.01 * np.arange(60) + 2
    ratio = np.array([[0.5, 1.0, 1.1]])
    expected = (np.diff(zigzag)[20:] > 0).mean()
    assert bench.rising({"loss": zigzag[None]}, ratio) == pytest.approx([expected])
    assert bench.rising({"loss": zigzag[None, ::-1]}, ratio).tolist() == [0.0]


@pytest.mark.parametrize(("eta", "warmup"), [(1.2, 3000), (0.05, 60)])
def test_a_race_starts_at_the_line_or_where_the_warmup_ends(bench, pool, start, eta, warmup):
    race = bench.race(pool, start, width=WIDTH, eta=eta)
    own = jax.tree.map(lambda leaf: leaf[0], start)
    loss, w = dense(bench, pool, start, 0)
    assert float(race.loss(own)(w)) == pytest.approx(float(loss(w)), rel=1e-6)
    found, s, t = jax.jit(lambda own: race.to_onset(own, stride=5, warmup=warmup))(own)
    step = jax.jit(lambda w: w - eta * jax.grad(loss)(w))
    seen = []
    for i in range(1, int(t) + 1):
        w = step(w)
        if i % 5 == 0 and i >= 50:
            seen.append(np.linalg.eigvalsh(jax.hessian(loss)(w))[-1])
    assert np.asarray(found) == pytest.approx(np.asarray(w), abs=1e-3)
    assert float(s) == pytest.approx(seen[-1], rel=0.02)
    assert int(t) == warmup or (seen[-1] > 1.96 / eta and max(seen[:-1], default=0) < 2.04 / eta)
