"""The datasets that need no network, and the front door `alchemy.data.load`."""

from __future__ import annotations

import ast
from dataclasses import FrozenInstanceError
from pathlib import Path

import jax
import numpy as np
import pytest
from alchemy import data
from alchemy.data import mnist1d, shipped
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

ROOM = Path(data.__file__).parent


def test_room_imports_nothing_else_of_alchemy():
    for path in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert not any(alias.name.split(".")[0] == "alchemy" for alias in node.names), path
            if isinstance(node, ast.ImportFrom):
                assert node.level == 1 or (node.level == 0 and node.module.split(".")[0] != "alchemy"), path


# --- the shipped sets -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "train", "test", "shape"),
    [("mnist5k", 4000, 1000, (28, 28)), ("mnist1d", 4000, 1000, (40,))],
)
def test_shapes_and_types(name, train, test, shape):
    found = data.load(name)
    assert found.x_train.shape == (train, *shape)
    assert found.x_test.shape == (test, *shape)
    assert found.y_train.shape == (train,)
    assert found.y_test.shape == (test,)
    assert found.x_train.dtype == found.x_test.dtype == np.float32
    assert found.y_train.dtype == found.y_test.dtype == np.int32
    assert set(found.y_train) == set(found.y_test) == set(range(10))
    assert len(found.classes) == 10
    assert found.name == name
    assert found.licence
    assert found.source
    assert f"{train:,} train" in repr(found)
    assert len(repr(found)) < 200


def test_images_fill_the_unit_interval():
    found = data.load("mnist5k")
    assert found.x_train.min() == 0
    assert found.x_train.max() == 1
    assert found.x_test.min() >= 0
    assert found.x_test.max() <= 1


def test_mnist5k_is_shuffled_balanced_and_without_repeats():
    found = data.load("mnist5k", flatten=True)
    assert np.bincount(found.y_train).tolist() == [400] * 10
    assert np.bincount(found.y_test).tolist() == [100] * 10
    assert np.mean(np.diff(found.y_train) == 0) < 0.15  # sorted labels would give nearly 1, shuffled ones 0.1
    everything = np.concatenate([found.x_train, found.x_test])
    assert len(np.unique(everything, axis=0)) == 5000  # so no image is in both parts


def test_mnist5k_labels_belong_to_the_images():
    found = data.load("mnist5k", flatten=True)
    fitted = KNeighborsClassifier(3).fit(found.x_train, found.y_train)
    assert fitted.score(found.x_test, found.y_test) > 0.9  # labels that do not belong would give 0.1


def test_a_changed_file_is_refused(tmp_path, monkeypatch):
    content = bytearray((shipped.FOLDER / "mnist5k.npz").read_bytes())
    content[1000] ^= 1
    (tmp_path / "mnist5k.npz").write_bytes(content)
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    with pytest.raises(data.DataError, match=r"mnist5k\.npz has SHA-256 .* expected 6e702a.*git checkout"):
        data.load("mnist5k")
    with pytest.raises(data.DataError, match=r"mnist1d_templates\.npz cannot be read"):
        data.load("mnist1d")


def test_shipped_files_stay_small_and_have_their_terms_beside_them():
    assert sum(path.stat().st_size for path in shipped.FOLDER.iterdir()) < 1_200_000
    terms = (shipped.FOLDER / "LICENCES.md").read_text()
    assert {path.name for path in shipped.FOLDER.glob("*.npz")} == set(shipped.SHA256)
    assert all(f"`{name}`" in terms for name in shipped.SHA256)


# --- the front door -------------------------------------------------------------------------------


def test_unknown_name():
    with pytest.raises(data.DataError, match=r"'imagenet'; expected one of mnist, mnist1d.*Correct the name"):
        data.load("imagenet")


@pytest.mark.parametrize("wrong", [{"seed": 1}, {"knobs": data.Mnist1d()}])
def test_fixed_data_take_no_seed(wrong):
    with pytest.raises(data.DataError, match=rf"load\('mnist5k', {next(iter(wrong))}=...\).*subset"):
        data.load("mnist5k", **wrong)


def test_flatten_and_standardize():
    plain, found = data.load("mnist5k"), data.load("mnist5k", flatten=True, standardize=True)
    assert found.x_train.shape == (4000, 784)
    assert found.x_train.dtype == np.float32
    assert abs(found.x_train.mean()) < 1e-5
    assert abs(found.x_train.std() - 1) < 1e-5
    back = found.x_test * plain.x_train.std() + plain.x_train.mean()  # the training set's two numbers
    np.testing.assert_allclose(back, plain.x_test.reshape(1000, 784), atol=1e-6)


def test_a_dataset_cannot_be_changed():
    found = data.load("mnist5k")
    with pytest.raises(FrozenInstanceError):
        found.name = "other"
    with pytest.raises(ValueError, match="read-only"):
        found.x_train[0] = 0


# --- shrinking ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.asarray, jax.numpy.asarray])
@pytest.mark.parametrize(("crop", "pool"), [(20, 2), (28, 1), (28, 2), (24, 4), (2, 1)])
def test_shrinking_is_a_mean_over_each_block_of_the_middle(kind, crop, pool):
    images = np.random.default_rng(0).random((3, 28, 28), np.float32)
    found, edge = data.shrink(kind(images), crop, pool), (28 - crop) // 2
    assert type(found) is type(kind(images)) and found.shape == (3, crop // pool, crop // pool)
    for row, column in np.ndindex(found.shape[1:]):
        y, x = edge + row * pool, edge + column * pool
        assert np.asarray(found[:, row, column]) == pytest.approx(images[:, y : y + pool, x : x + pool].mean((1, 2)), rel=1e-5)


@pytest.mark.parametrize(("crop", "pool"), [(30, 2), (21, 1), (20, 3), (20, 0), (0, 1)])
def test_shrinking_to_what_does_not_fit_is_refused(crop, pool):
    with pytest.raises(data.DataError, match=f"28 x 28 pixels, crop={crop}, pool={pool}; expected a crop"):
        data.shrink(np.zeros((1, 28, 28), np.float32), crop, pool)


# --- subsets --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 10, 37, 3999, 4000])
def test_subset_keeps_the_shares_of_the_classes(n):
    found = data.load("mnist5k")
    part = found.subset(n, seed=0)
    exact = n * np.bincount(found.y_train) / 4000
    assert len(part.x_train) == len(part.y_train) == n
    assert np.all(np.abs(np.bincount(part.y_train, minlength=10) - exact) < 1)
    assert len(part.x_test) == 1000
    assert part.subset(1, seed=0, test=20).x_test.shape == (20, 28, 28)


def test_subset_pairs_inputs_with_their_labels_and_draws_without_replacement():
    found = data.load("mnist5k", flatten=True)
    part = found.subset(300, seed=5)
    known = {row.tobytes(): label for row, label in zip(found.x_train, found.y_train, strict=True)}
    assert [known[row.tobytes()] for row in part.x_train] == part.y_train.tolist()
    assert len(np.unique(part.x_train, axis=0)) == 300


def test_subset_seeds():
    found = data.load("mnist5k")

    def drawn(seed):
        return found.subset(50, seed=seed).x_train

    np.testing.assert_array_equal(drawn(3), drawn(3))
    np.testing.assert_array_equal(drawn(3), drawn(np.random.default_rng(3)))
    np.testing.assert_array_equal(drawn(jax.random.key(7)), drawn(jax.random.PRNGKey(7)))
    assert not np.array_equal(drawn(3), drawn(4))
    assert not np.array_equal(drawn(jax.random.key(7)), drawn(jax.random.key(8)))


def test_ties_between_classes_are_broken_at_random():
    found = data.load("mnist5k")
    classes = {int(found.subset(1, seed=seed).y_train[0]) for seed in range(40)}
    assert len(classes) >= 6


@pytest.mark.parametrize("n", [0, -1, 4001, np.int64(5000), True])
def test_subset_of_an_impossible_size(n):
    with pytest.raises(data.DataError, match=r"mnist5k: subset\(n=.*from 1 to 4000.*[Aa]sk for fewer"):
        data.load("mnist5k").subset(n, seed=0)


@pytest.mark.parametrize("seed", ["a", -1, None, 0.5, True, np.zeros(3)])
def test_subset_with_an_impossible_seed(seed):
    with pytest.raises(data.DataError, match="expected an integer >= 0, a numpy.random.Generator or one JAX key"):
        data.load("mnist5k").subset(5, seed=seed)


def test_a_batch_of_keys_is_refused():
    with pytest.raises(data.DataError, match="one JAX key"):
        data.load("mnist5k").subset(5, seed=jax.random.split(jax.random.key(0), 3))


# --- MNIST-1D -------------------------------------------------------------------------------------

QUIET = {"scale": 0.0, "correlated_noise": 0.0, "iid_noise": 0.0, "shear": 0.0}


def test_mnist1d_is_balanced_standardized_and_repeatable():
    found = data.load("mnist1d")
    labels = np.concatenate([found.y_train, found.y_test])
    values = np.concatenate([found.x_train, found.x_test])
    assert np.bincount(labels).tolist() == [500] * 10
    assert abs(values.mean()) < 1e-5
    assert abs(values.std() - 1) < 1e-5
    np.testing.assert_array_equal(found.x_train, data.load("mnist1d", seed=42).x_train)
    assert not np.array_equal(found.x_train, data.load("mnist1d", seed=43).x_train)
    assert len(data.load("mnist1d", seed=jax.random.key(0)).x_train) == 4000


def test_mnist1d_without_its_randomness_is_the_stretched_template():
    """With every random knob at rest an example is numpy's own interpolation of the padded template."""
    total, length = 12 + 60, 40
    knobs = data.Mnist1d(samples=20, padding=(60, 60), max_translation=1, length=length, **QUIET)
    templates = mnist1d.templates()
    found = mnist1d.examples(templates, knobs, np.random.default_rng(0))
    for row, template in zip(found, templates, strict=True):
        padded = np.concatenate([template, np.zeros(60)])
        expected = np.interp(np.linspace(0, total - 1, length), np.arange(total), padded)
        np.testing.assert_allclose(row, expected, atol=1e-12)


def test_mnist1d_stretches_to_a_random_width():
    knobs = data.Mnist1d(samples=20, padding=(0, 60), max_translation=1, length=72, **QUIET)
    ones = np.ones((4000, 12))
    width = (mnist1d.examples(ones, knobs, np.random.default_rng(0)) == 1).sum(1)
    # 12 samples of 12 + p become about 12 * 71 / (11 + p) of 72: from 72 (p = 0) down to 12 (p = 60)
    assert width.max() == 72
    assert width.min() == 12
    assert len(np.unique(width)) > 20


def test_mnist1d_shifts_cyclically_and_uniformly():
    knobs = data.Mnist1d(samples=20, padding=(60, 60), max_translation=48, length=72, **QUIET)
    template = mnist1d.templates()[0]
    padded = np.concatenate([template, np.zeros(60)])
    found = mnist1d.examples(np.tile(template, (4800, 1)), knobs, np.random.default_rng(0))
    rolls = np.stack([np.roll(padded, k) for k in range(48)])
    distance = np.abs(found[:, None] - rolls[None]).max(-1)
    assert distance.min(1).max() < 1e-12
    counts = np.bincount(distance.argmin(1), minlength=48)
    assert counts.min() > 50
    assert counts.max() < 150


def test_mnist1d_noise_has_the_scale_and_the_smoothness_of_its_knobs():
    knobs = data.Mnist1d(samples=20, scale=0, iid_noise=0, shear=0, padding=(60, 60), max_translation=1, length=72)
    found = mnist1d.examples(np.zeros((3000, 12)), knobs, np.random.default_rng(0))
    assert np.all(found[:, :12] == 0)
    assert found[:, 12].std() > 0.05
    silent = found[:, 20:60]
    # white noise of deviation s, smoothed by a Gaussian of deviation c, keeps s / sqrt(2 c sqrt(pi))
    assert silent.std() == pytest.approx(0.25 / np.sqrt(2 * 2 * np.sqrt(np.pi)), rel=0.03)
    neighbours = np.corrcoef(silent[:, :-2].ravel(), silent[:, 2:].ravel())[0, 1]
    assert neighbours == pytest.approx(np.exp(-(2**2) / (4 * 2**2)), abs=0.03)
    knobs = data.Mnist1d(samples=20, scale=0, correlated_noise=0, shear=0, padding=(60, 60), max_translation=1)
    assert mnist1d.examples(np.zeros((3000, 12)), knobs, np.random.default_rng(0))[:, 0].std() == pytest.approx(0.02, rel=0.05)


def test_mnist1d_shear_tilts_by_a_line_and_scale_stretches_the_height():
    tilted = data.Mnist1d(samples=20, **{**QUIET, "shear": 0.75})
    found = mnist1d.examples(np.zeros((2000, 12)), tilted, np.random.default_rng(0))
    assert np.abs(np.diff(found, 2)).max() < 1e-12  # straight
    rise = found[:, -1] - found[:, 0]
    assert np.abs(rise).max() <= 0.375
    assert rise.std() == pytest.approx(0.75 / np.sqrt(12), rel=0.05)
    taller = data.Mnist1d(samples=20, padding=(60, 60), max_translation=1, **{**QUIET, "scale": 0.4})
    height = mnist1d.examples(np.ones((2000, 12)), taller, np.random.default_rng(0))[:, 0]
    assert 0.8 <= height.min() < 0.82
    assert 1.18 < height.max() <= 1.2


def test_mnist1d_with_shuffled_positions_is_a_permutation_of_columns():
    plain, mixed = (data.load("mnist1d", knobs=data.Mnist1d(shuffle_positions=flag)) for flag in (False, True))
    order = np.abs(plain.x_train[:5, :, None] - mixed.x_train[:5, None, :]).sum(0).argmin(0)
    assert sorted(order) == list(range(40))
    assert list(order) != list(range(40))
    np.testing.assert_allclose(plain.x_train[:, order], mixed.x_train, atol=1e-5)
    np.testing.assert_array_equal(plain.y_test, mixed.y_test)


def test_mnist1d_is_hard_for_a_linear_classifier_and_easier_for_a_network():
    """Published: 32 % for logistic regression, 68 % for a multilayer perceptron (Greydanus & Kobak)."""
    found = data.load("mnist1d")
    linear = LogisticRegression(max_iter=200).fit(found.x_train, found.y_train)
    network = MLPClassifier((100, 100), max_iter=40, learning_rate_init=3e-3, alpha=1e-3, random_state=0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        network.fit(found.x_train, found.y_train)
    low, high = linear.score(found.x_test, found.y_test), network.score(found.x_test, found.y_test)
    assert 0.2 < low < 0.42
    assert high > low + 0.15


@pytest.mark.parametrize(
    ("knob", "value"),
    [("samples", 15), ("samples", 10), ("train_fraction", 1.0), ("padding", (9, 3)), ("iid_noise", -0.1),
     ("max_translation", 0), ("length", 1)],
)  # fmt: skip
def test_mnist1d_knobs_out_of_range(knob, value):
    with pytest.raises(data.DataError, match=rf"mnist1d: {knob}=.*expected"):
        data.Mnist1d(**{knob: value})
