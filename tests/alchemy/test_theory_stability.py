"""Thresholds against the spectral radius of the recurrence, against simulation, and against published values."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from alchemy.theory import stability
from scipy.optimize import brentq


@pytest.mark.parametrize("method", stability.METHODS)
@pytest.mark.parametrize("eta", [1e-3, 0.1, 2.0])
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.99])
def test_threshold_is_where_the_spectral_radius_crosses_one(method, eta, beta):
    formula = stability.threshold(method, eta, beta)
    # Below the threshold a momentum method's radius is sqrt(beta) or closer to 1; above it grows with the curvature.
    root = brentq(lambda c: stability.spectral_radius(method, eta, beta, c) - 1 - 1e-9, formula * 0.9, formula * 1.1, xtol=1e-12)
    assert root == pytest.approx(formula, rel=1e-6)


def test_published_values():
    assert stability.gradient_descent(0.01) == 200
    assert stability.adam(1e-4) == pytest.approx(38 / 1e-4)  # Cohen et al. (2022), abstract
    assert stability.heavy_ball(1.0, 0.9) == pytest.approx(3.8)  # Cohen et al. (2021)
    assert stability.nesterov(0.1, 0.0) == stability.heavy_ball(0.1, 0.0) == stability.gradient_descent(0.1)


@pytest.mark.parametrize(
    ("method", "make"),
    [
        ("gd", lambda eta: optax.sgd(eta)),
        ("heavy-ball", lambda eta: optax.sgd(eta, momentum=0.9)),
    ],
)
@pytest.mark.parametrize("factor", [0.97, 1.03])
def test_optax_agrees(method, make, factor):
    """optax's optimizers grow above the threshold and shrink below it: the formulas are about the real updates."""
    eta = 0.1
    curvature = factor * stability.threshold(method, eta, 0.9)
    optimizer = make(eta)
    w = jnp.array(1.0)
    state = optimizer.init(w)
    for _ in range(150):
        updates, state = optimizer.update(curvature * w, state)
        w = optax.apply_updates(w, updates)
    assert (abs(float(w)) > 1) == (factor > 1)


@pytest.mark.parametrize("factor", [0.97, 1.03])
def test_adam_with_a_still_preconditioner(factor):
    """Cohen et al.'s "frozen Adam": averaged gradients, a constant diagonal P, two coordinates."""
    eta, beta1 = 0.01, 0.9
    p = np.array([3.0, 0.2])
    hessian = np.diag(np.array([1.0, 0.4]) * p * factor * stability.adam(eta, beta1))
    w, m = np.ones(2), np.zeros(2)
    for _ in range(600):
        m = beta1 * m + (1 - beta1) * hessian @ w
        w = w - eta * m / p
    assert (np.abs(w).max() > 1) == (factor > 1)


def test_errors_name_the_value():
    with pytest.raises(stability.StabilityError, match=r"eta is -1\.0"):
        stability.gradient_descent(-1.0)
    with pytest.raises(stability.StabilityError, match=r"beta is 1\.0"):
        stability.heavy_ball(0.1, 1.0)
    with pytest.raises(Exception, match="'sgd'"):
        stability.threshold("sgd", 0.1)
    with pytest.raises(Exception, match="'sgd'"):
        stability.companion("sgd", 0.1, 0.0, 1.0)
