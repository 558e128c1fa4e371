"""Normalization's identities against automatic differentiation, simulation and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from alchemy.theory import mean_field, normalization
from scipy.integrate import quad
from scipy.optimize import minimize


def normalized(y, gain):
    return gain * (y - y.mean(0)) / jnp.sqrt(jnp.mean((y - y.mean(0)) ** 2, axis=0))


def test_backward_is_what_automatic_differentiation_finds():
    rng = np.random.default_rng(0)
    y, target, gain = 3 + 2 * rng.standard_normal((12, 5)), rng.standard_normal((12, 5)), rng.uniform(0.5, 2, 5)
    with jax.enable_x64(True):

        def loss(z):
            return jnp.sum(jnp.sin(z - target) ** 2)

        behind = np.asarray(jax.grad(loss)(normalized(jnp.asarray(y), gain)))
        before = np.asarray(jax.grad(lambda y: loss(normalized(y, gain)))(jnp.asarray(y)))
    np.testing.assert_allclose(normalization.backward(behind, y, gain), before, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(normalization.gradient_norm(behind, y, gain), (before**2).sum(0), rtol=1e-10)


def test_backward_refuses_a_constant_unit_and_shapes_that_differ():
    with pytest.raises(normalization.NormalizationError, match="constant over the batch"):
        normalization.backward(np.ones((4, 1)), np.ones((4, 1)))
    with pytest.raises(normalization.NormalizationError, match="expected the same"):
        normalization.backward(np.ones((4, 1)), np.ones((4, 2)))


def test_growth_of_relu_and_of_the_linear_net_in_closed_form():
    assert normalization.gradient_growth("relu") == pytest.approx(np.pi / (np.pi - 1), rel=1e-10)
    assert normalization.gradient_growth("linear") == pytest.approx(1, rel=1e-10)


@pytest.mark.parametrize("name", ["tanh", "erf"])
def test_growth_against_adaptive_quadrature_and_poincare(name):
    phi = mean_field.ACTIVATIONS[name]

    def mean(f):
        return quad(lambda z: float(f(np.array(z))) * np.exp(-z * z / 2) / np.sqrt(2 * np.pi), -9, 9, epsabs=1e-13)[0]

    expected = mean(lambda z: phi.slope(z) ** 2) / (mean(lambda z: phi.value(z) ** 2) - mean(phi.value) ** 2)
    assert normalization.gradient_growth(name) == pytest.approx(expected, rel=1e-9)
    assert expected > 1


def test_growth_refuses_a_constant():
    flat = mean_field.Activation("flat", np.zeros_like, np.zeros_like)
    with pytest.raises(normalization.NormalizationError, match="constant"):
        normalization.gradient_growth(flat)


@pytest.mark.parametrize("rate", [0.01, 0.3, 3.0])
def test_effective_rate_against_the_recursion(rate):
    square = 4.0
    for _ in range(5000):
        square += (rate * 1.5) ** 2 / square
    assert normalization.effective_rate(rate, 1.5, 5000, start=2.0) == pytest.approx(rate / square, rel=0.01)


def test_effective_rate_forgets_its_setting():
    found = [normalization.effective_rate(rate, 1.0, 10**8) for rate in (0.1, 1.0, 10.0)]
    np.testing.assert_allclose(found, 1 / np.sqrt(2e8), rtol=1e-5)
    with pytest.raises(normalization.NormalizationError):
        normalization.effective_rate(-1, 1, 1)


@pytest.mark.parametrize("kappa", [1.0, 7.0, 300.0])
def test_the_roughest_gradient_of_a_quadratic(kappa):
    lam = np.geomspace(1, kappa, 6)
    rng = np.random.default_rng(1)

    def q(x):
        return float(normalization.roughness(0.5 * (lam * x**2).sum(), lam * x, lam**2 * x))

    random = [q(rng.standard_normal(6)) for _ in range(200)]
    assert min(random) >= 0.5 - 1e-12
    assert max(random) <= normalization.roughest(kappa) + 1e-12
    best = max(-minimize(lambda x: -q(x), rng.standard_normal(6), method="BFGS").fun for _ in range(10))
    assert best == pytest.approx(normalization.roughest(kappa), rel=1e-4)
    with pytest.raises(normalization.NormalizationError):
        normalization.roughest(0.5)


def test_the_kept_share_of_a_promise_on_a_quadratic():
    lam, x, share = np.array([1.0, 4.0, 9.0]), np.array([1.0, -0.5, 0.2]), 0.2
    loss, g = 0.5 * (lam * x**2).sum(), lam * x
    step = share * loss / (g**2).sum()
    after = 0.5 * (lam * (x - step * g) ** 2).sum()
    q = float(normalization.roughness(loss, g, lam * g))
    assert (loss - after) / (share * loss) == pytest.approx(1 - share * q / 2, rel=1e-12)


def test_roughness_has_no_units():
    """A loss of normalized weights: multiplied by c, g shrinks as 1/c, H g as 1/c^3, Q not at all."""
    with jax.enable_x64(True):
        x = jnp.asarray(np.random.default_rng(2).standard_normal((20, 4)))

        def loss(w):
            return jnp.sum(jax.nn.softplus(normalized(x @ w, 1.0) * jnp.arange(20)))

        found = []
        for c in (1.0, 10.0):
            w = c * jnp.array([1.0, -2.0, 0.5, 0.3])
            g = jax.grad(loss)(w)
            product = jax.jvp(jax.grad(loss), (w,), (g,))[1]
            found.append((float(loss(w)), np.asarray(g), np.asarray(product), float(w @ g)))
    (a, ga, ha, inner), (b, gb, hb, _) = found
    assert a == pytest.approx(b)
    assert abs(inner) < 1e-9 * np.linalg.norm(ga)
    np.testing.assert_allclose(gb, ga / 10, rtol=1e-8)
    np.testing.assert_allclose(hb, ha / 1000, rtol=1e-6)
    assert normalization.roughness(a, ga, ha) == pytest.approx(float(normalization.roughness(b, gb, hb)), rel=1e-6)
