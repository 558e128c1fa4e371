"""Kernels, variances and the bound against quadrature, direct minimization, simulation and scikit-learn."""

import numpy as np
import pytest
from alchemy.theory import kernels
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.stats import kstest
from sklearn.kernel_approximation import RBFSampler
from sklearn.kernel_ridge import KernelRidge

LENGTH = 1.7
POINTS = (0.0, 0.3, 1.0, 2.9, 6.0)
every_kernel = pytest.mark.parametrize("kernel", [kernels.Kernel(name, LENGTH) for name in kernels.NAMES], ids=lambda k: k.name)


def average(kernel, f):
    """E f(omega) on the line by quadrature of the spectral density, f even and without oscillation at infinity."""
    return 2 * quad(lambda w: f(w) * kernel.density(np.array([w])), 0, np.inf, limit=400)[0]


def characteristic(kernel, t):
    """E cos(omega t) by quadrature made for Fourier integrals (QUADPACK's QAWF)."""
    if t == 0:
        return average(kernel, lambda w: 1.0)
    return 2 * quad(lambda w: kernel.density(np.array([w])), 0, np.inf, weight="cos", wvar=t, limlst=200)[0]


@every_kernel
@pytest.mark.parametrize("t", POINTS)
def test_bochner_on_the_line(kernel, t):
    assert kernel(np.array([t])) == pytest.approx(characteristic(kernel, t), abs=1e-6)


@every_kernel
def test_bochner_in_the_plane_by_simulation(kernel):
    omega = kernel.sample(np.random.default_rng(0), 400_000, 2)
    for delta in ([0.4, -0.7], [2.0, 1.0], [0.0, 3.0]):
        estimate = np.cos(omega @ np.array(delta))
        assert estimate.mean() == pytest.approx(kernel(np.array(delta)), abs=5 * estimate.std() / np.sqrt(len(estimate)))


@every_kernel
def test_the_sampler_draws_from_the_density(kernel):
    drawn = kernel.sample(np.random.default_rng(1), 3000, 1)[:, 0]

    def below(w):
        return 0.5 + np.sign(w) * quad(lambda v: kernel.density(np.array([v])), 0, abs(w))[0]

    assert kstest(drawn, np.vectorize(below)).pvalue > 1e-3


def test_second_moments():
    for name in ("gaussian", "cauchy"):
        kernel = kernels.Kernel(name, LENGTH)
        assert kernel.second_moment(3) == pytest.approx(3 * average(kernel, lambda w: w**2), rel=1e-6)
        # -k''(0) on the line is the same number
        h = 1e-3
        curvature = 2 * (1 - kernel(np.array([h]))) / h**2
        assert kernel.second_moment(1) == pytest.approx(curvature, rel=1e-4)
    laplacian = kernels.Kernel("laplacian", LENGTH)
    assert laplacian.second_moment(1) == np.inf
    partial = [2 * quad(lambda w: w**2 * laplacian.density(np.array([w])), 0, top)[0] for top in (1e2, 1e3)]
    assert partial[1] > 8 * partial[0]  # grows with the cut-off, without limit


@every_kernel
@pytest.mark.parametrize("t", POINTS[1:])
def test_variances_against_quadrature(kernel, t):
    first, second = characteristic(kernel, t), characteristic(kernel, 2 * t)
    paired = (1 + second) / 2 - first**2  # Var cos(omega t), from E cos^2
    assert kernels.variance_paired(kernel(np.array([t])), kernel(np.array([2 * t])), 2) == pytest.approx(paired, abs=1e-6)
    # 2 cos(omega x + b) cos(omega y + b) = cos(omega t) + cos(omega (x + y) + 2 b): the second moment, b by quadrature
    x, y = 0.4 + t, 0.4
    b = 2 * np.pi * np.arange(64) / 64  # the trapezoidal rule is exact for trigonometric polynomials

    def squared(w):
        return np.mean((2 * np.cos(w * x + b) * np.cos(w * y + b)) ** 2)

    wide = np.linspace(0.01, 30, 7)
    assert [squared(w) for w in wide] == pytest.approx([np.cos(w * t) ** 2 + 0.5 for w in wide])
    phase = paired + 0.5
    assert kernels.variance_phase(kernel(np.array([t])), kernel(np.array([2 * t])), 1) == pytest.approx(phase, abs=1e-6)


def test_random_phase_variance_is_that_of_scikit_learn():
    x = np.array([[0.0, 0.0], [0.9, -0.5]])
    draws = []
    for seed in range(3000):
        z = RBFSampler(gamma=0.5, n_components=20, random_state=seed).fit_transform(x)  # exp(-|t|^2 / 2)
        draws.append(z[0] @ z[1])
    kernel = kernels.Kernel("gaussian")
    exact = kernels.variance_phase(kernel(x[1] - x[0]), kernel(2 * (x[1] - x[0])), 20)
    assert np.var(draws) == pytest.approx(exact, rel=0.12)
    assert np.mean(draws) == pytest.approx(kernel(x[1] - x[0]), abs=5 * np.sqrt(exact / 3000))


def test_pairing_loses_in_the_cauchy_kernels_tail_only():
    crossing = np.sqrt(3 + np.sqrt(10))  # from 2 (1 + 4 t^2) = (1 + t^2)^2
    for name, wins_beyond in (("gaussian", True), ("laplacian", True), ("cauchy", False)):
        kernel = kernels.Kernel(name)
        for t, wins in ((0.99 * crossing, True), (1.01 * crossing, wins_beyond)):
            k, double = kernel(np.array([t])), kernel(np.array([2 * t]))
            assert (kernels.variance_paired(k, double, 10) < kernels.variance_phase(k, double, 10)) == wins


def test_binning_is_unbiased_and_has_the_stated_variance():
    rng, x, y = np.random.default_rng(2), np.array([0.2, -1.0]), np.array([0.9, -0.6])
    pitch, shift = kernels.random_grids(rng, 200_000, 2, LENGTH)
    same = (np.floor((x - shift) / pitch) == np.floor((y - shift) / pitch)).all(axis=1)
    k = kernels.Kernel("laplacian", LENGTH)(x - y)
    assert same.mean() == pytest.approx(k, abs=5 * np.sqrt(kernels.variance_binning(k, len(same))))
    assert same.var() == pytest.approx(kernels.variance_binning(k, 1), rel=0.02)


@pytest.mark.parametrize("d", [1, 2, 10, 200])
def test_the_bound_is_the_optimized_covering_argument_rounded_up(d):
    """P <= 2 (4 diam / r)^d exp(-m e^2 / 8) + (2 r sigma / e)^2 for every r: the minimum lies below the bound."""
    error, sigma, diameter = 0.2, 3.0, 2.0
    m = int(1.3 * kernels.frequencies_needed(error, 0.5, d, sigma, diameter))

    def log_total(log_r):
        net = np.log(2) + d * (np.log(4 * diameter) - log_r) - m * error**2 / 8
        slope = 2 * (log_r + np.log(2 * sigma / error))
        return np.logaddexp(net, slope)

    best = minimize_scalar(log_total, bounds=(-60, 20), method="bounded").fun
    bound = np.log(kernels.failure_probability(error, m, d, sigma, diameter))
    assert best < bound < best + 4 * np.log(2) + 4 / (d + 2) * np.log(8 * sigma * diameter / error)


def test_three_forms_of_the_bound_agree():
    d, sigma, diameter = 5, 2.0, 3.0
    m = int(kernels.frequencies_needed(0.3, 0.05, d, sigma, diameter))
    assert kernels.failure_probability(0.3, m, d, sigma, diameter) == pytest.approx(0.05, rel=1e-2)
    assert kernels.error_promised(m, 0.05, d, sigma, diameter) == pytest.approx(0.3, rel=1e-3)


def test_the_bound_covers_simulated_maxima():
    """On an interval, 400 draws: the promised error is exceeded in no more than the promised share of them."""
    kernel, rng, t = kernels.Kernel("gaussian"), np.random.default_rng(3), np.linspace(0, 2, 201)[:, None]
    worst = [abs(np.cos(t * kernel.sample(rng, 400, 1)[:, 0]).mean(1) - kernel(t)).max() for _ in range(400)]
    promised = kernels.error_promised(400, 0.05, 1, kernel.second_moment(1) ** 0.5, 2.0)
    assert np.mean(np.array(worst) > promised) <= 0.05
    assert np.median(worst) < promised < 1


def test_the_union_bound_covers_given_pairs_of_any_kernel():
    rng, x = np.random.default_rng(6), np.random.default_rng(7).standard_normal((20, 30))
    kernel, m, delta = kernels.Kernel("laplacian", 40.0), 200, 0.1
    pairs = (x[:, None] - x[None])[np.triu_indices(20, 1)]
    promised = kernels.pairs_error_promised(m, delta, len(pairs))
    worst = np.array([abs(np.cos(pairs @ kernel.sample(rng, m, 30).T).mean(1) - kernel(pairs)).max() for _ in range(300)])
    assert np.mean(worst > promised) <= delta
    assert np.median(worst) > promised / 3  # and it is not idle
    assert kernels.pairs_frequencies_needed(promised, delta, len(pairs)) == pytest.approx(m)
    # the sum of the failures at the promised error is delta, by Hoeffding's inequality written out
    assert 2 * len(pairs) * np.exp(-m * promised**2 / 2) == pytest.approx(delta)


def test_the_repaired_promise_rests_on_the_cut_off_measure_and_covers_simulated_maxima():
    m, delta, d = 300, 0.1, 2
    q = delta / (2 * m * d)
    cut = 1 / np.tan(np.pi * q / 2)
    assert 2 * quad(lambda w: 1 / (np.pi * (1 + w**2)), cut, np.inf)[0] == pytest.approx(q, rel=1e-6)
    moment = quad(lambda u: np.tan(u) ** 2, 0, np.arctan(cut))[0] / np.arctan(cut)  # E omega^2 below the cut, omega = tan u
    below = kernels.error_promised(m, delta / 2, d, np.sqrt(d * moment), 2.0)
    promised = kernels.laplacian_error_promised(m, delta, d, 2.0)
    assert promised == pytest.approx(below + 2 * d * q, rel=1e-6)
    assert kernels.laplacian_error_promised(m, delta, d, 6.0, 3.0) == pytest.approx(promised)  # lengths scale
    kernel, rng = kernels.Kernel("laplacian"), np.random.default_rng(5)
    t = np.linspace(0, 2, 1001)[:, None]
    line = kernels.laplacian_error_promised(m, delta, 1, 2.0)
    worst = [abs(np.cos(t * kernel.sample(rng, m, 1)[:, 0]).mean(1) - kernel(t)).max() for _ in range(100)]
    assert np.median(worst) < line and np.mean(np.array(worst) > line) <= delta


def test_effective_dimension_is_the_trace_of_kernel_ridge():
    x = np.random.default_rng(4).standard_normal((40, 3))
    hat = KernelRidge(alpha=0.3, kernel="rbf", gamma=0.5).fit(x, np.eye(40)).predict(x)
    matrix = kernels.Kernel("gaussian")(x[:, None] - x[None])
    assert kernels.effective_dimension(np.linalg.eigvalsh(matrix), 0.3) == pytest.approx(np.trace(hat), rel=1e-8)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: kernels.Kernel("rbf"), "expected one of"),
        (lambda: kernels.Kernel("gaussian", 0.0), "length is 0.0"),
        (lambda: kernels.Kernel("gaussian").sample(np.random.default_rng(0), 0, 1), "at least one frequency"),
        (lambda: kernels.variance_paired(np.ones(1), np.ones(1), 0), "at least one"),
        (lambda: kernels.failure_probability(0.1, 10, 2, np.inf, 1.0), "silent about it"),
        (lambda: kernels.failure_probability(0.0, 10, 2, 1.0, 1.0), "error is 0.0"),
        (lambda: kernels.frequencies_needed(0.1, 1.5, 2, 1.0, 1.0), "delta is 1.5"),
        (lambda: kernels.frequencies_needed(0.1, 0.5, 2, 1.0, 0.0), "diameter is 0.0"),
        (lambda: kernels.effective_dimension(np.ones(3), 0.0), "ridge is 0.0"),
        (lambda: kernels.pairs_error_promised(10, 0.1, 0), "pairs is 0"),
        (lambda: kernels.pairs_frequencies_needed(0.0, 0.1, 5), "error is 0.0"),
    ],
)
def test_errors_name_the_value_and_the_next_step(call, words):
    with pytest.raises(kernels.KernelError, match=words):
        call()
