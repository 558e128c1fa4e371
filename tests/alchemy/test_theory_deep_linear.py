"""Exact solutions of two-layer linear networks against numerical integration of the full matrix flow."""

import numpy as np
import pytest
from alchemy.theory import deep_linear
from alchemy.theory.deep_linear import DeepLinearError
from scipy.integrate import solve_ivp


def flow(W1, W2, A, times, tau=1.0):
    """The matrix gradient flow, integrated without knowledge of singular modes; returns W1, W2 at `times`."""
    shape1, shape2 = W1.shape, W2.shape

    def field(t, x):
        W1, W2 = x[:W1_size].reshape(shape1), x[W1_size:].reshape(shape2)
        E = A - W1 @ W2
        return np.concatenate([(E @ W2.T).ravel(), (W1.T @ E).ravel()]) / tau

    W1_size = W1.size
    solution = solve_ivp(
        field, (0, times[-1]), np.concatenate([W1.ravel(), W2.ravel()]), t_eval=times, rtol=1e-10, atol=1e-13, method="DOP853"
    )
    assert solution.success
    return [(x[:W1_size].reshape(shape1), x[W1_size:].reshape(shape2)) for x in solution.y.T]


def problem(rng, outputs=5, inputs=4, s=(2.0, 0.7, 0.2)):
    U = np.linalg.qr(rng.normal(size=(outputs, len(s))))[0]
    V = np.linalg.qr(rng.normal(size=(inputs, len(s))))[0]
    return U, np.array(s), V


def test_strength_is_the_matrix_flow_from_an_aligned_balanced_start():
    rng = np.random.default_rng(1)
    U, s, V = problem(rng)
    u0, tau = np.array([1e-3, 2e-3, 5e-2]), 3.0
    R = np.linalg.qr(rng.normal(size=(6, 3)))[0]
    times = np.linspace(0, 60, 40)
    states = flow(U * np.sqrt(u0) @ R.T, R * np.sqrt(u0) @ V.T, U * s @ V.T, times, tau)
    for t, (W1, W2) in zip(times, states, strict=True):
        np.testing.assert_allclose(np.diag(U.T @ W1 @ W2 @ V), deep_linear.strength(t, s, u0, tau), rtol=1e-7)


def test_strength_of_an_absent_mode_decays_as_one_over_t():
    times = np.array([0.0, 1.0, 10.0, 100.0])
    found = solve_ivp(lambda t, u: -2 * u**2 / 0.5, (0, 100), [0.3], t_eval=times, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(deep_linear.strength(times, 0.0, 0.3, tau=0.5), found.y[0], rtol=1e-7)


def test_strength_does_not_overflow_at_late_times():
    assert deep_linear.strength(1e9, 3.0, 1e-9) == pytest.approx(3.0)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.99])
def test_learning_time_inverts_strength(fraction):
    s, u0, tau = np.array([4.0, 0.3]), np.array([1e-4, 1e-6]), 7.0
    t = deep_linear.learning_time(s, u0, fraction, tau)
    np.testing.assert_allclose(deep_linear.strength(t, s, u0, tau), fraction * s, rtol=1e-10)


def test_learning_time_of_a_tiny_start_is_logarithmic():
    # Saxe et al.: t is of order tau / s * ln(s / epsilon); ten times smaller costs ln(10) / (2 s) more.
    late, early = (deep_linear.learning_time(0.5, u0) for u0 in (1e-9, 1e-8))
    assert late - early == pytest.approx(np.log(10) / (2 * 0.5), rel=1e-6)


def test_effective_start_predicts_the_times_of_a_small_random_start():
    errors = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        U, s, V = problem(rng)
        W1, W2 = 1e-4 * rng.normal(size=(5, 6)), 1e-4 * rng.normal(size=(6, 4))
        predicted = deep_linear.learning_time(s, deep_linear.effective_start(W1, W2, U, V))
        times = np.linspace(0, 1.5 * predicted.max(), 3000)
        u = np.array([np.diag(U.T @ a @ b @ V) for a, b in flow(W1, W2, U * s @ V.T, times)])
        measured = times[np.argmax(u >= s / 2, axis=0)]
        errors.append(measured / predicted - 1)
    assert np.abs(errors).max() < 0.06


def test_effective_start_of_an_aligned_start_is_the_start():
    rng = np.random.default_rng(5)
    U, _, V = problem(rng)
    u0 = np.array([0.1, 0.02, 0.3])
    R = np.linalg.qr(rng.normal(size=(4, 3)))[0]
    np.testing.assert_allclose(deep_linear.effective_start(U * np.sqrt(u0) @ R.T, R * np.sqrt(u0) @ V.T, U, V), u0, rtol=1e-12)


def test_imbalance_is_conserved_by_the_flow_and_the_rate_is_guaranteed():
    for seed in range(4):
        rng = np.random.default_rng(seed)
        W1, W2, A = rng.normal(size=(3, 6)), rng.normal(size=(6, 2)), rng.normal(size=(3, 2))
        times, tau = np.linspace(0, 8, 30), 2.0
        states = flow(W1, W2, A, times, tau)
        loss = np.array([np.sum((a @ b - A) ** 2) for a, b in states])
        mu = deep_linear.guaranteed_rate(W1, W2)
        assert mu > 0  # width 6 > 3 outputs + 2 inputs - 1
        assert np.all(loss <= loss[0] * np.exp(-2 * mu * times / tau) * (1 + 1e-8) + 1e-18)
        before, after = deep_linear.imbalance(W1, W2), deep_linear.imbalance(*states[-1])
        np.testing.assert_allclose(after, before, atol=1e-8)


def test_no_rate_is_guaranteed_for_a_narrow_balanced_start():
    rng = np.random.default_rng(0)
    R = np.linalg.qr(rng.normal(size=(4, 2)))[0]
    assert deep_linear.guaranteed_rate(0.1 * R.T[:, :4], 0.1 * R) == pytest.approx(0.0, abs=1e-12)


def test_a_rate_is_guaranteed_from_width_outputs_plus_inputs_minus_one():
    rng = np.random.default_rng(2)
    share = {
        width: np.mean(
            [deep_linear.guaranteed_rate(rng.normal(size=(10, width)), rng.normal(size=(width, 6))) > 0 for _ in range(100)]
        )
        for width in (14, 15, 16)
    }
    assert share[15] == share[16] == 1 and 0 < share[14] < 1  # 10 outputs + 6 inputs - 1; below, it depends


def test_an_unbalanced_start_has_its_guarantee_at_the_smallest_width():
    Q = np.linalg.qr(np.random.default_rng(3).normal(size=(6, 6)))[0]
    assert deep_linear.guaranteed_rate(np.zeros((10, 6)), 8 * Q) == pytest.approx(64)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: deep_linear.strength(1.0, -1.0, 0.1), "expected s >= 0"),
        (lambda: deep_linear.strength(1.0, 1.0, 0.0), "expected u0 > 0"),
        (lambda: deep_linear.strength(1.0, 1.0, 0.1, tau=0.0), "expected tau > 0"),
        (lambda: deep_linear.learning_time(1.0, 0.6), "starts learned"),
        (lambda: deep_linear.learning_time(1.0, 0.1, fraction=1.0), "0 < fraction < 1"),
        (lambda: deep_linear.effective_start(np.ones((3, 1)), np.ones((1, 3)), np.eye(3), np.eye(3)), "at most the"),
    ],
)
def test_errors_say_what_was_expected(call, message):
    with pytest.raises(DeepLinearError, match=message):
        call()
