"""Mean-field theory against SciPy's adaptive quadrature, published critical points, and wide random networks."""

import numpy as np
import pytest
from alchemy.theory import mean_field as mf
from scipy.integrate import quad

BIAS = np.sqrt(0.05)


def gauss(z):
    return np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


def test_published_critical_points():
    # tanh: 1.76 at 0.05 is the value usually quoted, and (1, 0) is Poole et al.'s (2016); ReLU: He et al. (2015).
    assert mf.critical_sigma_w(BIAS) ** 2 == pytest.approx(1.76, abs=0.005)
    assert mf.critical_sigma_w(0.0, "relu") ** 2 == pytest.approx(2)
    assert mf.critical_sigma_w(0.0) == pytest.approx(1)
    assert mf.critical_sigma_w(1e-3) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("q", [1e-4, 0.3, 2.0, 50.0])
@pytest.mark.parametrize("name", ["tanh", "erf", "relu", "linear"])
def test_integrals_against_adaptive_quadrature(name, q):
    phi = mf.activation_named(name)
    square = quad(lambda z: float(phi.value(np.sqrt(q) * z)) ** 2 * gauss(z), -12, 12, points=[0], limit=300)[0]
    slope = quad(lambda z: float(phi.slope(np.sqrt(q) * z)) ** 2 * gauss(z), -12, 12, points=[0], limit=300)[0]
    assert mf.length_map(q, 1.3, 0.2, name) == pytest.approx(1.69 * square + 0.04, rel=1e-9)
    assert mf.chi(1.3, 0.2, name, q) == pytest.approx(1.69 * slope, rel=1e-9)


@pytest.mark.parametrize("name", ["tanh", "relu", "linear"])
@pytest.mark.parametrize("c", [-1.0, -0.4, 0.0, 0.7, 0.99, 1.0])
def test_pairs_against_monte_carlo(name, c):
    rng = np.random.default_rng(1)
    phi, q = mf.activation_named(name), 1.4
    u, v = rng.standard_normal((2, 2_000_000)) * np.sqrt(q)
    products = phi.value(u) * phi.value(c * u + np.sqrt(1 - c**2) * v)
    length, correlation = mf.pair_map(q, c, 1.5, 0.3, name)
    expected = 2.25 * products.mean() + 0.09
    assert float(correlation * length) == pytest.approx(expected, abs=6 * 2.25 * products.std() / np.sqrt(u.size))


def test_erf_has_closed_forms():
    """Williams (1997): E erf(a u) erf(a v) = 2 / pi arcsin(2 a^2 c q / (1 + 2 a^2 q))."""
    q, c, a2 = 3.0, 0.6, np.pi / 4
    closed = 2 / np.pi * np.arcsin(2 * a2 * c * q / (1 + 2 * a2 * q))
    assert mf.gaussian_pair_mean(mf.ERF.value, q, c) == pytest.approx(closed, rel=1e-10)


@pytest.mark.parametrize("variance", [0.5, 1.5, 2.5, 4.0])
def test_fixed_points_are_where_iteration_ends(variance):
    sigma_w = np.sqrt(variance)
    lengths, correlations = mf.trajectory(800, 1.0, 0.3, sigma_w, BIAS)
    assert lengths[-1] == pytest.approx(mf.length_fixed_point(sigma_w, BIAS), rel=1e-6)
    assert correlations[-1] == pytest.approx(mf.correlation_fixed_point(sigma_w, BIAS), abs=1e-6)


@pytest.mark.parametrize("variance", [0.5, 1.3, 2.5, 4.0])
def test_depth_scales_are_the_rates_of_the_maps(variance):
    sigma_w = np.sqrt(variance)
    q, c = mf.length_fixed_point(sigma_w, BIAS), mf.correlation_fixed_point(sigma_w, BIAS)
    correlations = mf.trajectory(8, q, c - 1e-4, sigma_w, BIAS)[1]
    assert -1 / np.log((correlations[8] - c) / (correlations[7] - c)) == pytest.approx(mf.xi_c(sigma_w, BIAS), rel=0.02)
    slope = (mf.correlation_map(0.5 + 1e-5, sigma_w, BIAS) - mf.correlation_map(0.5 - 1e-5, sigma_w, BIAS)) / 2e-5
    assert mf.correlation_slope(0.5, sigma_w, BIAS) == pytest.approx(float(slope), rel=1e-6)


def test_the_scales_agree_in_the_ordered_phase_and_part_in_the_chaotic_one():
    assert mf.xi_c(1.1, BIAS) == pytest.approx(mf.xi_gradient(1.1, BIAS))
    assert mf.xi_c(1.8, BIAS) > 1.3 * mf.xi_gradient(1.8, BIAS)
    assert mf.xi_c(mf.critical_sigma_w(BIAS), BIAS) > 1e3


def test_lengths_without_end_and_lengths_of_nothing():
    assert mf.length_fixed_point(1.5, 0.0, "relu") == np.inf
    assert mf.length_fixed_point(1.0, 0.5, "relu") == pytest.approx(0.5)
    assert mf.length_fixed_point(0.9, 0.0) == 0
    with pytest.raises(mf.MeanFieldError, match="preserves every length"):
        mf.length_fixed_point(np.sqrt(2), 0.0, "relu")


@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_a_wide_network_follows_the_maps(name):
    rng = np.random.default_rng(7)
    phi, width, sigma_w, sigma_b = mf.activation_named(name), 2500, 1.3, BIAS
    z = rng.standard_normal((2, width))
    z[1] = 0.5 * z[0] + np.sqrt(0.75) * z[1]
    q, c = mf.trajectory(6, 1.0, 0.5, sigma_w, sigma_b, name)
    for layer in range(1, 7):
        weights = rng.standard_normal((width, width)) * sigma_w / np.sqrt(width)
        z = phi.value(z) @ weights + sigma_b * rng.standard_normal(width)
        assert (z**2).mean() == pytest.approx(q[layer], rel=0.12)
        assert (z[0] @ z[1]) / np.linalg.norm(z[0]) / np.linalg.norm(z[1]) == pytest.approx(c[layer], abs=0.06)


def test_relu_at_finite_width_against_simulation():
    rng = np.random.default_rng(3)
    width, depth, nets = 30, 10, 3000
    z = rng.standard_normal((nets, width))
    start = (z**2).mean(1)
    for _ in range(depth):
        z = np.einsum("ni,nij->nj", np.maximum(z, 0), rng.standard_normal((nets, width, width)) * np.sqrt(2 / width))
    logs = np.log((z**2).mean(1) / start)
    mean, variance = mf.relu_log_length(depth, width)
    assert logs.mean() == pytest.approx(mean, abs=4 * np.sqrt(variance / nets))
    assert logs.var() == pytest.approx(variance, rel=0.15)
    assert mf.relu_log_length(depth, 3000) == pytest.approx((-2.5 * depth / 3000, 5 * depth / 3000), rel=0.01)


def test_errors_name_the_value():
    with pytest.raises(mf.MeanFieldError, match="'gelu'"):
        mf.chi(1.0, 0.1, "gelu")
    with pytest.raises(mf.MeanFieldError, match=r"sigma_w is -1\.0"):
        mf.length_map(1.0, -1.0, 0.1)
    with pytest.raises(mf.MeanFieldError, match="no fixed length"):
        mf.correlation_fixed_point(1.5, 0.1, "relu")
