"""theory.low_precision: against ml_dtypes' bfloat16, Optax's Adam, and arithmetic by hand."""

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax
import pytest
from alchemy.theory import low_precision as lp


def grid():
    rng = np.random.default_rng(0)
    wild = np.ldexp(rng.uniform(-2, 2, 4000), rng.integers(-120, 120, 4000))
    ties = (1 + (2 * np.arange(128) + 1) / 256) * 2.0  # exactly between two neighbours
    return np.concatenate([wild, ties, -ties, [0.0, 1.0, 0.999, 0.9, 1e-8, 3.3e38]]).astype(np.float32)


def test_nearest_is_ml_dtypes_rounding():
    x = grid()
    np.testing.assert_array_equal(lp.to_bfloat16(x), x.astype(ml_dtypes.bfloat16).astype(np.float64))


def test_truncation_is_the_neighbour_towards_zero():
    x = grid()
    cut, nearest = lp.to_bfloat16(x, "truncate"), lp.to_bfloat16(x)
    assert (np.abs(cut) <= np.abs(x)).all()
    assert (cut == cut.astype(ml_dtypes.bfloat16).astype(np.float64)).all()
    # Nothing representable lies between: the nearest value is the cut one or the next one outward.
    next_out = np.nextafter(cut.astype(ml_dtypes.bfloat16), np.array(np.copysign(np.inf, x), ml_dtypes.bfloat16))
    assert ((nearest == cut) | (nearest == next_out.astype(np.float64))).all()


def test_the_constant_of_the_talk():
    assert lp.to_bfloat16(0.999) == 1.0
    assert lp.to_bfloat16(0.999, "truncate") == 0.99609375 == 1 - 2**-8
    assert list(lp.representable(0.99, 1.0)) == [0.9921875, 0.99609375, 1.0]
    assert lp.horizon(0.99609375) == 256 and lp.horizon(1.0) == np.inf


def test_infinities_and_nan_pass():
    x = np.array([np.inf, -np.inf, np.nan])
    np.testing.assert_array_equal(lp.to_bfloat16(x), x)


def test_representable_agrees_with_rounding_a_fine_grid():
    fine = np.linspace(0.5, 2.0, 200_001)
    np.testing.assert_array_equal(lp.representable(0.5, 2.0), np.unique(lp.to_bfloat16(fine)))


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.999])
def test_weights_are_those_of_the_recursion(beta):
    values = np.random.default_rng(1).normal(size=30)
    average = 0.0
    for value in values:
        average = beta * average + (1 - beta) * value
    assert lp.moment_weights(beta, 30) @ values == pytest.approx(average / (1 - beta**30), rel=1e-12)


def test_weights_approach_the_plain_average():
    np.testing.assert_array_equal(lp.moment_weights(1.0, 7), np.full(7, 1 / 7))
    gaps = [np.abs(lp.moment_weights(1 - d, 7) - 1 / 7).max() for d in (1e-2, 1e-3, 1e-4)]
    assert gaps[0] / gaps[1] == pytest.approx(10, rel=0.1) and gaps[1] / gaps[2] == pytest.approx(10, rel=0.1)


GRADIENTS = np.random.default_rng(2).normal(size=(40, 5)) * np.array([1e-3, 0.1, 1.0, 10.0, 1e3])


def optax_updates(beta2, eps=1e-8):
    rule = optax.adam(1e-3, b2=beta2, eps=eps)
    state = rule.init(jnp.zeros(5))
    found = []
    for g in GRADIENTS:
        update, state = rule.update(jnp.asarray(g, jnp.float32), state)
        found.append(np.asarray(update))
    return np.array(found)


@pytest.mark.parametrize("form", ["paper", "limit"])
@pytest.mark.parametrize("beta2", [0.9, 0.999, 0.99609375])
def test_paper_and_limit_are_optax_below_one(form, beta2):
    ours = lp.adam_updates(GRADIENTS, beta2=beta2, form=form)
    np.testing.assert_allclose(ours, optax_updates(beta2), rtol=2e-4, atol=1e-9)


def test_reordered_differs_only_through_epsilon():
    same = lp.adam_updates(GRADIENTS, eps=0.0, form="reordered")
    np.testing.assert_allclose(same, lp.adam_updates(GRADIENTS, eps=0.0), rtol=1e-12)


def test_four_forms_at_beta2_one():
    assert np.isnan(lp.adam_updates(GRADIENTS, beta2=1.0)).all()
    assert np.isnan(optax_updates(1.0)).all()
    assert (lp.adam_updates(GRADIENTS, beta2=1.0, form="reordered") == 0).all()
    first = lp.adam_updates(GRADIENTS, beta2=1.0, form="uncorrected")[0]
    np.testing.assert_allclose(first, -1e-3 * 0.1 * GRADIENTS[0] / 1e-8, rtol=1e-12)
    limit = lp.adam_updates(GRADIENTS, beta2=1.0, eps=0.0, beta1=0.0, form="limit")
    plain = np.cumsum(GRADIENTS**2, 0) / np.arange(1, 41)[:, None]
    np.testing.assert_allclose(limit, -1e-3 * GRADIENTS / np.sqrt(plain), rtol=1e-9)


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: lp.to_bfloat16(1.0, "up"), "'up'"),
        (lambda: lp.representable(-1.0, 1.0), "-1.0"),
        (lambda: lp.moment_weights(1.5, 3), "1.5"),
        (lambda: lp.adam_updates(GRADIENTS, form="mine"), "'mine'"),
    ],
)
def test_errors_name_the_value(call, said):
    with pytest.raises(lp.PrecisionError, match=said):
        call()
