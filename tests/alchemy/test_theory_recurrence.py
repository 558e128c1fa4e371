"""Theory of gradients in recurrent nets, against simulations that know none of its formulas."""

import numpy as np
import pytest
from alchemy.theory import mean_field, recurrence

N, STEPS, SETTLE = 500, 90, 40


def logistic(u: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(u / 2))


def tanh_step(W, x, h, bias):
    return np.tanh(W[0] @ h + x[0])


def gru(W, x, h, bias):
    z, r = logistic(W[0] @ h + x[0] + bias), logistic(W[1] @ h + x[1])
    return z * h + (1 - z) * np.tanh(W[2] @ (r * h) + x[2])


def lstm(W, x, s, bias):
    h, c = s[:N], s[N:]
    f, i, o = logistic(W[0] @ h + x[0] + bias), logistic(W[1] @ h + x[1]), logistic(W[2] @ h + x[2])
    c = f * c + i * np.tanh(W[3] @ h + x[3])
    return np.concatenate([o * np.tanh(c), c])


def growth(step, size, blocks, sigma_w, sigma_x, bias=0.0, fresh=False, seed=0):
    """Growth per step of a tiny difference between two runs of one net: its largest Lyapunov exponent."""
    rng = np.random.default_rng(seed)
    W = sigma_w * rng.standard_normal((blocks, N, N)) / np.sqrt(N)
    a, tiny, total = np.zeros(size), 1e-7, []
    b = a + tiny * rng.standard_normal(size) / np.sqrt(size)
    for t in range(SETTLE + STEPS):
        if fresh:
            W = sigma_w * rng.standard_normal((blocks, N, N)) / np.sqrt(N)
        x = sigma_x * rng.standard_normal((blocks, N))
        before = np.linalg.norm(b - a)
        a, b = step(W, x, a, bias), step(W, x, b, bias)
        after = np.linalg.norm(b - a)
        b = a + tiny * (b - a) / after
        total.append(np.log(after / before) if t >= SETTLE else 0.0)
    return sum(total) / STEPS


@pytest.mark.parametrize("sigma_w", [0.7, 1.2, 2.5])
def test_tanh_rate(sigma_w):
    assert growth(tanh_step, N, 1, sigma_w, 0.5) == pytest.approx(recurrence.tanh_rate(sigma_w, 0.5), abs=0.03)


@pytest.mark.parametrize("bias", [0.0, 1.0])
@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_gated_rates_with_shared_and_with_fresh_weights(name, bias):
    step, size, blocks = {"gru": (gru, N, 3), "lstm": (lstm, 2 * N, 4)}[name]
    theory = {"gru": recurrence.gru_step, "lstm": recurrence.lstm_step}[name](1.0, 0.5, bias)
    tied = growth(step, size, blocks, 1.0, 0.5, bias)
    assert tied == pytest.approx(theory.tied, abs=0.035)
    assert theory.untied < tied - 0.08


def test_gated_rate_with_fresh_weights():
    assert growth(gru, N, 3, 1.0, 0.5, fresh=True) == pytest.approx(recurrence.gru_step(1.0, 0.5).untied, abs=0.03)


@pytest.mark.parametrize(("keep", "noise", "gain", "wobble"), [(0.5, 0.0, 0.2, 0.0), (0.5, 0.15, 0.2, 0.8), (0.8, 0.1, 0.1, 1.5)])
def test_tied_rate_against_products_of_random_matrices(keep, noise, gain, wobble):
    rng = np.random.default_rng(1)
    W, v, total = gain * rng.standard_normal((N, N)) / np.sqrt(N), rng.standard_normal(N), 0.0
    for t in range(200):
        G, D = 1 + wobble * rng.standard_normal((2, N))
        v = (keep + noise * rng.standard_normal(N)) * v + G * (W @ (D * v))
        size = np.linalg.norm(v)
        v, total = v / size, total + (np.log(size) if t >= 50 else 0.0)
    same, other = gain**2 * (1 + wobble**2) ** 2, gain**2
    assert total / 150 == pytest.approx(recurrence.tied_rate(keep, noise**2, same, other), abs=0.02)


def test_tied_rate_at_its_limits():
    assert recurrence.tied_rate(0.5, 0.0, 0.04, 0.04) == pytest.approx(np.log(0.7))
    assert recurrence.tied_rate(0.0, 0.0, 0.3, 0.1) == pytest.approx(0.5 * np.log(0.3))
    assert recurrence.tied_rate(0.5, 0.01, 0.04, 0.0) == pytest.approx(0.5 * np.log(0.25 + 0.01 + 0.04))
    step = recurrence.lstm_step(0.0, 0.0, 1.0)  # no matrices, no drive: the cell alone
    assert step.tied == pytest.approx(float(recurrence.cell_rate(1.0)))


@pytest.mark.parametrize("shape", ["uniform", "normal", "laplace"])
def test_identity_survival_whatever_the_distribution(shape):
    rng = np.random.default_rng(2)
    u = {"uniform": lambda s: rng.uniform(-1, 1, s), "normal": rng.standard_normal, "laplace": lambda s: rng.laplace(size=s)}
    h, last = np.zeros(40_000), np.zeros(40_000)
    for t in range(1, 31):
        h = np.maximum(0, h + u[shape](h.shape))
        last = np.where(h == 0, t, last)
    measured = [(last <= 30 - k).mean() for k in range(31)]
    np.testing.assert_allclose(measured, recurrence.identity_survival(30), atol=0.01)


def test_identity_survival_is_a_distribution_with_a_power_law_tail():
    law = recurrence.identity_survival(2000)
    assert law[0] == pytest.approx(1) and (np.diff(law) < 0).all()
    assert law[-1] == pytest.approx(1 / np.sqrt(np.pi * 2000), rel=1e-3)


def test_cells():
    assert float(recurrence.half_life(0.0)) == pytest.approx(1)
    np.testing.assert_allclose(recurrence.cell_rate([0.0, 1.0]), np.log([0.5, 1 / (1 + np.exp(-1))]))


def test_the_radius_rule_is_mean_field_without_a_nonlinearity():
    assert recurrence.radius_rate(1.7) == pytest.approx(0.5 * np.log(mean_field.chi(1.7, 0.5, "linear")))


def test_errors_name_the_value():
    for call in (
        lambda: recurrence.radius_rate(0.0),
        lambda: recurrence.identity_survival(0),
        lambda: recurrence.tied_rate(0.5, 0.0, 0.1, 0.2),
        lambda: recurrence.lstm_step(1.0, 0.5, 30.0),
        lambda: recurrence.gru_step(-1.0, 0.5),
    ):
        with pytest.raises(recurrence.RecurrenceError, match=r"-?\d.*expected"):
            call()
