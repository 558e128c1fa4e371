"""Rates on quadratics against direct iteration, numerical tuning and closed forms of the literature."""

import numpy as np
import pytest
from alchemy.theory import rates
from scipy.optimize import minimize, minimize_scalar

METHODS = [rates.gradient_descent, rates.heavy_ball, rates.nesterov]


def iterate(eigenvalues, tuning, steps):
    """Errors of the method on a diagonal quadratic from the all-ones start; shape (steps + 1, eigenvalues)."""
    old = new = np.ones_like(eigenvalues)
    errors = [new]
    for _ in range(steps):
        ahead = new + tuning.momentum * (new - old)
        point = ahead if tuning.nesterov else new
        old, new = new, ahead - tuning.step * eigenvalues * point
        errors.append(new)
    return np.array(errors)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kappa", [3.0, 50.0, 1000.0])
def test_measured_decay_is_the_stated_rate(method, kappa):
    tuning = method(0.2, 0.2 * kappa)
    steps = int(4 * tuning.iterations(1e-6))
    norms = np.linalg.norm(iterate(np.geomspace(0.2, 0.2 * kappa, 50), tuning, steps), axis=1)
    # The heavy ball's double root adds a factor t, hence the ratio over a long stretch of log-norms.
    half = steps // 2
    late, early = norms[steps], norms[half]
    if tuning.momentum > 0:
        late, early = late / steps, early / half
    assert early > late > 0
    tolerance = 2e-2 / np.sqrt(kappa) + 2e-3
    assert (late / early) ** (1 / (steps - half)) == pytest.approx(tuning.rate, rel=tolerance)


@pytest.mark.parametrize("method", METHODS)
def test_spectral_radius_peaks_at_the_stated_rate(method):
    tuning = method(1.0, 300.0)
    worst = rates.spectral_radius(np.linspace(1, 300, 5000), tuning).max()
    assert worst == pytest.approx(tuning.rate, abs=1e-7)


def companion_radius(lam, step, beta, nesterov):
    """Spectral radius from the eigenvalues of the explicit 2 x 2 iteration matrix."""
    d = 1 - step * lam
    first = [d * (1 + beta), -d * beta] if nesterov else [d + beta, -beta]
    return np.abs(np.linalg.eigvals([first, [1, 0]])).max()


@pytest.mark.parametrize("method", METHODS)
def test_spectral_radius_is_that_of_the_iteration_matrix(method):
    tuning = method(0.5, 20.0)
    lam = np.array([0.5, 0.9, 7.3, 20.0])
    expected = [companion_radius(x, tuning.step, tuning.momentum, tuning.nesterov) for x in lam]
    np.testing.assert_allclose(rates.spectral_radius(lam, tuning), expected, atol=2e-7)


def test_no_step_beats_the_gradient_descent_tuning():
    def worst(step):
        return max(abs(1 - step), abs(1 - 40 * step))

    best = minimize_scalar(worst, bounds=(0, 0.1), method="bounded", options={"xatol": 1e-10})
    assert best.fun == pytest.approx(rates.gradient_descent(1.0, 40.0).rate, abs=1e-6)
    assert best.x == pytest.approx(rates.gradient_descent(1.0, 40.0).step, abs=1e-6)


@pytest.mark.parametrize("method", [rates.heavy_ball, rates.nesterov])
def test_no_step_and_momentum_beat_the_momentum_tunings(method):
    tuning = method(1.0, 40.0)

    def worst(x):
        return max(companion_radius(lam, x[0], x[1], tuning.nesterov) for lam in (1.0, 40.0))

    starts = [(tuning.step * a, tuning.momentum * b) for a in (0.7, 1.2) for b in (0.8, 1.1)]
    exact = {"xatol": 1e-9, "fatol": 1e-10}
    best = min(minimize(worst, x, method="Nelder-Mead", options=exact).fun for x in starts)
    assert best >= tuning.rate - 1e-6
    assert best == pytest.approx(tuning.rate, abs=2e-3)


def test_iterations_scale_as_kappa_and_as_its_root():
    for method, power in ((rates.gradient_descent, 1.0), (rates.heavy_ball, 0.5), (rates.nesterov, 0.5)):
        few, many = (method(1.0, kappa).iterations(1e-6) for kappa in (1e4, 1e6))
        assert np.log(many / few) / np.log(100) == pytest.approx(power, abs=2e-3)


@pytest.mark.parametrize("method", METHODS)
def test_kappa_one_takes_one_step(method):
    tuning = method(3.0, 3.0)
    assert tuning.rate == pytest.approx(0.0, abs=1e-12)
    assert np.allclose(iterate(np.full(4, 3.0), tuning, 1)[1], 0)


def test_errors_say_what_was_expected():
    with pytest.raises(rates.RateError, match="0 < mu <= L"):
        rates.gradient_descent(2.0, 1.0)
    with pytest.raises(rates.RateError, match="relative error is 1"):
        rates.heavy_ball(1.0, 2.0).iterations(1.0)
