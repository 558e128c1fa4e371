"""Training: the same as a plain loop, seeds that do not touch each other, and any number of devices."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from alchemy import training
from alchemy.training import TrainingError, over_seeds, train, trainer

WORKER = Path(__file__).parent / "workers" / "train_worker.py"
X = jax.random.normal(jax.random.key(10), (32, 4))
Y = jnp.tanh(X @ jnp.arange(4.0))
OPTIMIZER = optax.adam(0.05)


def loss(w, x, y):
    return jnp.mean((jnp.tanh(x @ w) - y) ** 2)


def init(key):
    w = jax.random.normal(key, (4,))
    return w, OPTIMIZER.init(w)


def stepping(rule, batch=None):
    """The usual update: a step of `rule`, or of rule(setting), on all rows or on some drawn at random; traces the loss."""

    def update(state, key, *own):
        optimizer = rule(*own) if own else rule
        rows = slice(None) if batch is None else drawn(key, batch)
        value, gradient = jax.value_and_grad(loss)(state[0], X[rows], Y[rows])
        updates, memory = optimizer.update(gradient, state[1], state[0])
        return (optax.apply_updates(state[0], updates), memory), value

    return update


def drawn(key, batch):
    return jax.random.randint(key, (batch,), 0, len(X))


def keys(seeds: int):
    return jax.random.split(jax.random.key(1), seeds)


def trained(seeds: int = 3, *, batch: int | None = 8, steps: int = 20, every: int | None = 5, **options):
    return train(
        init, stepping(OPTIMIZER, batch), keys(seeds), steps=steps, every=every, measure=lambda s: loss(s[0], X, Y), **options
    )


@pytest.mark.parametrize("batch", [None, 8])
def test_one_seed_is_a_plain_loop_of_optax(batch):
    key = keys(3)[1]
    w, state = init(jax.random.fold_in(key, 0))
    measured, traced = [loss(w, X, Y)], []
    for step in range(20):
        x, y = X, Y
        if batch:
            rows = drawn(jax.random.fold_in(key, step + 1), batch)
            x, y = X[rows], Y[rows]
        value, gradient = jax.value_and_grad(loss)(w, x, y)
        updates, state = OPTIMIZER.update(gradient, state, w)
        w = optax.apply_updates(w, updates)
        traced.append(value)
        if (step + 1) % 5 == 0:
            measured.append(loss(w, X, Y))
    history = trained(batch=batch)
    assert history.steps.tolist() == [0, 5, 10, 15, 20]
    assert history.records[1] == pytest.approx(np.array(measured), rel=2e-5)
    assert history.traces[1] == pytest.approx(np.array(traced), rel=2e-5)
    assert np.asarray(history.final[0][1]) == pytest.approx(np.asarray(w), rel=2e-5)
    assert history.records[1, -1] < 0.5 * history.records[1, 0]


def test_seeds_do_not_touch_each_other():
    together, alone = trained(4), trained(1)
    assert together.records.shape == (4, 5) and together.traces.shape == (4, 20)
    assert together.records[0] == pytest.approx(alone.records[0], rel=1e-5)
    assert len(np.unique(together.records[:, 0])) == 4


def test_records_are_taken_at_the_steps_they_say():
    history = train(lambda key: jnp.zeros(()), lambda s, key: (s + 1, s), keys(2), steps=12, every=3, measure=lambda s: s)
    assert history.steps.tolist() == [0, 3, 6, 9, 12]
    assert history.records.tolist() == [[0, 3, 6, 9, 12]] * 2
    assert history.traces.tolist() == [list(range(12))] * 2
    assert history.final.tolist() == [12, 12] and not history.diverged.any()


def test_without_every_there_is_one_record_at_the_end():
    history = train(lambda key: jnp.zeros(()), lambda s, key: (s + 1, None), keys(2), steps=7, measure=lambda s: s)
    assert history.steps.tolist() == [0, 7] and history.records.tolist() == [[0, 7]] * 2 and history.traces is None


@pytest.mark.parametrize("every", [1, 4, 20])
def test_how_a_run_is_cut_does_not_change_it(every):
    cut, whole = trained(every=every), trained(every=5)
    assert cut.traces == pytest.approx(whole.traces, rel=1e-5)
    assert cut.records[:, -1] == pytest.approx(whole.records[:, -1], rel=1e-5)


def test_states_and_measures_are_any_tree():
    def start(key):
        return {"a": jax.random.normal(key, (3,)), "fixed": jnp.arange(2), "key": key}

    def update(state, key):
        return state | {"a": 0.9 * state["a"]}, {"norm": jnp.linalg.norm(state["a"])}

    history = train(start, update, keys(3), steps=4, every=2, measure=lambda s: {"a": s["a"], "fixed": s["fixed"]})
    assert history.records["a"].shape == (3, 3, 3) and history.records["fixed"].dtype.kind == "i"
    assert history.traces["norm"].shape == (3, 4)
    assert history.records["a"][:, 2] == pytest.approx(0.9**4 * history.records["a"][:, 0], rel=1e-5)


def test_double_precision_is_kept_where_it_is_asked_for():
    with jax.enable_x64(True):
        history = train(lambda key: jnp.ones((), jnp.float64), lambda s, key: (s + 1e-12, s), keys(1), steps=3)
    assert history.traces.dtype == np.float64 and history.traces[0, -1] - 1 == pytest.approx(2e-12, rel=1e-3)


# Divergence


def growing(key):
    """About half of the runs grow until they overflow, the others shrink."""
    return jnp.where(jax.random.uniform(key) < 0.5, 1e3, 1e-3)


@pytest.mark.parametrize("measured", [True, False])
@pytest.mark.parametrize("traced", [True, False])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_diverged_seeds_are_marked_and_kept(measured, traced, dtype):
    history = train(
        lambda key: growing(key).astype(dtype),
        lambda s, key: (s * s, s if traced else None),
        keys(12),
        steps=16,
        every=4,
        measure=(lambda s: s) if measured else None,
    )
    expected = np.array([bool(growing(jax.random.fold_in(k, 0)) > 1) for k in keys(12)])
    assert 0 < expected.sum() < 12 and history.diverged.tolist() == expected.tolist()
    final = np.asarray(history.final, np.float32)
    assert len(final) == 12 and not np.isfinite(final[expected]).any() and np.isfinite(final[~expected]).all()


# Devices


def environment(**changes: str) -> dict[str, str]:
    return os.environ | {"JAX_PLATFORMS": "cpu", "ALCHEMY_SCALE": "smoke"} | changes


def worker(out: Path, *cluster: str, devices: int = 1) -> subprocess.Popen:
    flags = f"--xla_force_host_platform_device_count={devices}"
    return subprocess.Popen(
        [sys.executable, str(WORKER), str(out), *cluster],
        env=environment(XLA_FLAGS=flags),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finished(*processes: subprocess.Popen) -> None:
    """Wait for all; one that fails or hangs fails the test with what it printed, and none is left behind."""
    try:
        for process in processes:
            output, _ = process.communicate(timeout=120)
            assert process.returncode == 0, output
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.communicate()


@pytest.fixture(scope="module")
def on_one_device(tmp_path_factory):
    out = tmp_path_factory.mktemp("devices") / "one.npz"
    finished(worker(out))
    return dict(np.load(out))


def same_results(found, expected) -> None:
    assert found["steps"].tolist() == [0, 5, 10, 15, 20]
    assert found["diverged"].tolist() == expected["diverged"].tolist() == [False, False, True, False, False]
    for name in ("loss", "w", "trace"):
        assert found[name].shape == expected[name].shape and len(found[name]) == 5
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["walk"], expected["walk"], rtol=1e-5)
    assert found["walk"].shape == (5,) and len(np.unique(found["walk"])) == 5


def test_eight_devices_give_the_results_of_one(on_one_device, tmp_path):
    """Five seeds on eight devices: the padding is dropped again."""
    finished(worker(tmp_path / "eight.npz", devices=8))
    found = dict(np.load(tmp_path / "eight.npz"))
    assert (on_one_device["devices"], found["devices"], found["spread"]) == (1, 8, 8)
    same_results(found, on_one_device)


def test_two_processes_give_the_results_of_one(on_one_device, tmp_path):
    """Two hosts in small: jax.distributed over a local port, two devices each, five seeds on four."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    outs = [tmp_path / f"{i}.npz" for i in range(2)]
    finished(*(worker(out, address, "2", str(i), devices=2) for i, out in enumerate(outs)))
    for out in outs:
        found = dict(np.load(out))
        assert (found["devices"], found["local"], found["processes"], found["spread"]) == (4, 2, 2, 4)
        same_results(found, on_one_device)


# Many calls, few at once, and computations that are no training


def test_a_trainer_compiles_once_for_every_length_and_setting():
    traced = []

    def update(state, key, setting):
        traced.append(1)
        return state + setting["by"], None

    run = trainer(lambda key, setting: setting["from"], update, every=4, measure=lambda state: state)
    for steps, by in ((4, 1.0), (12, 2.0)):
        found = run(keys(2), steps=steps, settings={"from": np.array([0.0, 100.0]), "by": np.full(2, by)})
        assert found.records[:, -1].tolist() == [steps * by, 100 + steps * by]
    assert len(traced) == 1
    with pytest.raises(TrainingError, match="steps is 6 and every is 4"):
        run(keys(2), steps=6, settings={"from": np.zeros(2), "by": np.zeros(2)})


@pytest.mark.parametrize("at_once", [1, 2, 3, 7])
def test_how_many_run_side_by_side_does_not_change_a_run(at_once):
    few, all_of_them = trained(5, at_once=at_once), trained(5)
    for name in ("records", "traces"):
        assert getattr(few, name) == pytest.approx(getattr(all_of_them, name), rel=1e-5)
    assert few.diverged.tolist() == all_of_them.diverged.tolist()


@pytest.mark.parametrize("at_once", [None, 2])
def test_a_computation_over_seeds_is_the_same_seed_by_seed(at_once):
    def walk(own, length, scale):
        key, start = own
        return {"end": start + scale * jnp.sum(jnp.where(jnp.arange(9) < length, jax.random.normal(key, (9,)), 0.0))}

    own = (keys(5), np.arange(5.0, dtype=np.float32))
    found = over_seeds(walk, at_once=at_once)(own, 4, 2.0)
    alone = [walk(jax.tree.map(lambda leaf, i=i: leaf[i], own), 4, 2.0)["end"] for i in range(5)]
    assert isinstance(found["end"], np.ndarray)
    np.testing.assert_allclose(found["end"], np.array(alone), rtol=1e-5)


def test_what_is_compiled_beforehand_is_not_compiled_again():
    traced = []

    def walk(own, by):
        traced.append(1)
        return own + by

    found = over_seeds(walk)
    found.compile(np.ones(3), 1.0)
    assert found(np.arange(3.0), 2.0).tolist() == [2, 3, 4] and len(traced) == 1


@pytest.mark.parametrize("own", [(np.ones(3), np.ones(2)), np.ones(()), np.ones((0, 2))])
def test_own_arguments_that_are_not_one_per_seed_are_named(own):
    with pytest.raises(TrainingError, match="expected one axis"):
        over_seeds(lambda x: x)(own)


# Progress, errors


def test_progress_is_shown_when_asked_for_and_on_long_labelled_runs(capfd):
    trained(every=5, label="adam", progress=True)
    assert "adam" in capfd.readouterr().err
    trained(every=2, label="adam")
    assert "adam" in capfd.readouterr().err
    for quiet in (dict(every=2), dict(every=5, label="adam"), dict(every=2, label="adam", progress=False)):
        trained(**quiet)
        assert capfd.readouterr().err == ""


def test_the_bar_does_not_run_ahead_of_the_run(monkeypatch):
    """Steps are queued asynchronously: the bar must wait for each chunk's result."""
    waits = []
    wait = jax.block_until_ready
    monkeypatch.setattr(training.jax, "block_until_ready", lambda x: waits.append(1) or wait(x))
    trained(every=2, label="adam")
    assert len(waits) == 10


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (dict(steps=20, every=3), ["20", "3", "multiple"]),
        (dict(steps=0), ["0", "positive"]),
        (dict(steps=4, every=-2), ["-2", "positive"]),
        (dict(steps=4, every=8), ["8", "multiple"]),
    ],
)
def test_steps_that_do_not_fit_are_named(options, parts):
    with pytest.raises(TrainingError) as caught:
        trained(**({"every": None} | options))
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        (jax.random.key(0), r"\(\)"),
        (jax.random.PRNGKey(0), r"\(2,\)"),
        (jax.random.split(jax.random.key(0), (2, 2)), r"\(2, 2\)"),
        (jax.random.split(jax.random.key(0), 3)[:0], "empty"),
    ],
)
def test_keys_that_are_not_one_per_seed_are_named(wrong, part):
    with pytest.raises(TrainingError, match=part):
        train(init, stepping(OPTIMIZER), wrong, steps=2)


# Settings: runs that differ in numbers


def setting_init(key, setting):
    w = jax.random.normal(key, (4,))
    return w, optax.adam(setting["rate"]).init(w)


def test_every_run_gets_its_own_setting_and_equals_a_run_with_that_constant():
    rates = np.array([0.01, 0.1, 0.3], np.float32)
    update = stepping(lambda setting: optax.adam(setting["rate"]), 8)
    found = train(setting_init, update, keys(3), steps=10, every=5, settings={"rate": rates}, measure=lambda s: s[0])
    for i, rate in enumerate(rates):
        fixed = train(
            lambda key, rate=rate: setting_init(key, {"rate": rate}),
            stepping(optax.adam(rate), 8),
            keys(3),
            steps=10,
            every=5,
            measure=lambda s: s[0],
        )
        assert found.records[i] == pytest.approx(fixed.records[i], rel=1e-4, abs=1e-6)
        assert found.traces[i] == pytest.approx(fixed.traces[i], rel=1e-4)
    assert len(np.unique(found.traces[:, -1].round(6))) == 3


def test_settings_reach_runs_in_order_on_more_devices_than_runs():
    assert train(
        lambda key, s: s["a"][0] * 1.0,
        lambda state, key, s: (state + s["b"], state),
        keys(3),
        steps=2,
        settings={"a": np.array([[1.0], [2.0], [3.0]]), "b": jnp.arange(3.0)},
    ).final.tolist() == [1, 4, 7]


@pytest.mark.parametrize("wrong", [np.ones(2), np.ones((1, 3)), 0.1])
def test_settings_that_are_not_one_per_run_are_named(wrong):
    with pytest.raises(TrainingError, match=r"there are 3 keys; expected one entry a run"):
        train(lambda key, s: s, lambda state, key, s: (state, None), keys(3), steps=1, settings={"rate": wrong})
