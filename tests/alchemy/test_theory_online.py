"""theory.online against step-by-step simulation, enumeration of all coin flips, Optax, and the published theorem."""

from itertools import product

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from alchemy.theory import online


def simulate(gradients, beta1, beta2, amsgrad=False):
    """Steps -m / sqrt(v) of the plain recursions, shape of gradients."""
    m = v = largest = 0.0
    steps, squares = [], []
    for g in gradients:
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        largest = max(largest, v)
        squares.append(largest if amsgrad else v)
        steps.append(-m / np.sqrt(squares[-1]))
    return np.array(steps), np.array(squares)


def cycle(C, period, repeats):
    return np.tile(np.r_[C, -np.ones(period - 1)], repeats)


@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("C, period, beta1, beta2", [(3, 3, 0, 0.1), (3, 3, 0.5, 0.4), (20, 7, 0.9, 0.99), (101, 101, 0, 0.9)])
def test_periodic_drift_is_where_the_recursion_settles(C, period, beta1, beta2, amsgrad):
    repeats = int(np.ceil(40 / (1 - max(beta1, beta2)) / period)) + 2
    steps, _ = simulate(cycle(C, period, repeats), beta1, beta2, amsgrad)
    found = online.periodic_drift(C, period, beta2, beta1, amsgrad=amsgrad)
    assert steps[-period:].sum() == pytest.approx(found, rel=1e-9)


def test_optax_makes_the_same_steps():
    """Optax's bias corrections are gone after many steps; its epsilon is set to nothing."""
    gradients = cycle(3.0, 3, 40)
    for rule, amsgrad in ((optax.adam, False), (optax.amsgrad, True)):
        optimizer = rule(1.0, b1=0.0, b2=0.1, eps=0.0)
        state, moves = optimizer.init(jnp.zeros(())), []
        for g in gradients:
            move, state = optimizer.update(jnp.asarray(g, jnp.float32), state)
            moves.append(float(move))
        # Optax keeps the maximum of the corrected average, whose first value is C^2; Reddi et al. leave the correction out.
        expected = -(3 - 2) / 3 if amsgrad else online.periodic_drift(3, 3, 0.1)
        assert sum(moves[-3:]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("C", [2.5, 3, 5, 10, 100])
def test_the_published_constants_send_adam_the_wrong_way(C):
    """Theorem 1 of Reddi et al.: period 3, C > 2, beta1 = 0, beta2 = 1 / (1 + C^2)."""
    beta2 = 1 / (1 + C**2)
    assert online.periodic_drift(C, 3, beta2) > 0 > online.periodic_drift(C, 3, beta2, amsgrad=True)
    assert beta2 < online.critical_beta2(C, 3)


def test_a_large_gradient_alone_is_not_enough():
    assert online.periodic_drift(100, 3, 0.1) < 0 < online.periodic_drift(3, 3, 0.1)


@pytest.mark.parametrize("C, period, beta1", [(3, 3, 0), (11, 11, 0), (25, 21, 0.5)])
def test_critical_beta2_separates_the_signs(C, period, beta1):
    beta2 = online.critical_beta2(C, period, beta1)
    assert online.periodic_drift(C, period, beta2, beta1) == pytest.approx(0, abs=1e-7)
    for shift, sign in ((-0.02, 1), (0.5 * (1 - beta2), -1)):
        steps, _ = simulate(cycle(C, period, int(800 / (1 - beta2) / period) + 2), beta1, beta2 + shift)
        assert np.sign(steps[-period:].sum()) == sign


def test_with_momentum_a_flip_may_hide_behind_a_safe_short_memory():
    C, period, beta1 = 49.1, 28, 0.629
    assert online.periodic_drift(C, period, 0.0, beta1) < 0
    beta2 = online.critical_beta2(C, period, beta1)
    assert online.periodic_drift(C, period, beta2 - 1e-3, beta1) > 0 > online.periodic_drift(C, period, beta2 + 1e-3, beta1)
    assert online.critical_beta2(9.0, 3, 0.9) == 0 and online.critical_beta2(9.0, 3) > 0


def test_at_matching_period_the_memory_needed_grows_as_the_square():
    gaps = [1 - online.critical_beta2(P, P) for P in (101, 201, 301)]
    np.testing.assert_allclose(np.array(gaps) * np.array([101, 201, 301]) ** 2, 4, rtol=0.02)


@pytest.mark.parametrize("C, delta, beta2", [(3, 0.2, 0.3), (10, 0.1, 0.45), (5, 0.5, 0.05)])
def test_random_drift_against_all_flips(C, delta, beta2):
    """Enumerate 15 past flips; what lies further back has weight below 1e-5 and is replaced by its mean."""
    p = (1 + delta) / (C + 1)
    flips = np.array(list(product((0, 1), repeat=15)))
    chance = np.prod(np.where(flips, p, 1 - p), axis=1)
    past = flips @ (beta2 ** np.arange(15)) + p * beta2**15 / (1 - beta2)
    V = 1 + (C**2 - 1) * (1 - beta2) * past
    drift = -p * C * chance @ (beta2 * V + (1 - beta2) * C**2) ** -0.5 + (1 - p) * chance @ (beta2 * V + 1 - beta2) ** -0.5
    assert online.random_drift(C, delta, beta2) == pytest.approx(drift, rel=2e-4)


@pytest.mark.parametrize("C, delta, beta2", [(10, 0.2, 0.9), (30, 0.2, 0.99), (3, 0.1, 0.999)])
def test_random_drift_against_simulation(C, delta, beta2):
    rng = np.random.default_rng(0)
    p, lanes = (1 + delta) / (C + 1), 4000
    v = np.full(lanes, 1 + (C**2 - 1) * p)
    means = []
    for t in range(int(12 / (1 - beta2)) + 400):
        g = np.where(rng.random(lanes) < p, C, -1.0)
        v = beta2 * v + (1 - beta2) * g**2
        if t > 8 / (1 - beta2):
            means.append(np.mean(-g / np.sqrt(v)))
    error = np.std(means) / np.sqrt(len(means))
    assert online.random_drift(C, delta, beta2) == pytest.approx(np.mean(means), abs=5 * error)


def test_random_drift_at_both_ends():
    C, delta = 10, 0.2
    p = (1 + delta) / (C + 1)
    assert online.random_drift(C, delta, 0.0) == 1 - 2 * p
    assert online.random_drift(C, delta, 1e-3) == pytest.approx(1 - 2 * p, abs=0.05)
    plain = -delta / np.sqrt(1 + (C**2 - 1) * p)  # v is constant: gradient descent
    assert online.random_drift(C, delta, 0.9999) == pytest.approx(plain, rel=0.02)


def test_critical_random_beta2_and_the_rule():
    for C, delta in ((3, 0.2), (10, 0.2), (30, 0.2)):
        beta2 = online.critical_random_beta2(C, delta)
        assert online.random_drift(C, delta, beta2) == pytest.approx(0, abs=1e-6)
        p = (1 + delta) / (C + 1)
        rule = online.third_moment_rule(delta, p * C**2 + 1 - p, p * C**3 - (1 - p))
        assert rule == pytest.approx(1 - beta2, rel=0.03)
    assert online.critical_random_beta2(3, 1.5) == 0  # the large gradient is no longer rare


def test_third_moment_rule_knows_harmless_gradients():
    # A symmetric law has E[g^3] of E[g]'s order: no flip, or one outside [0, 1].
    rng = np.random.default_rng(1)
    g = 0.1 + rng.standard_normal(200_000)
    assert online.third_moment_rule(g.mean(), (g**2).mean(), (g**3).mean()) > 0.5
    assert online.third_moment_rule(0.1, 1.0, -2.0) == np.inf


def test_third_moment_rule_fails_where_it_says_so():
    # g = 1 with chance p, else 0: never negative, so Adam never turns round; the rule predicts that it does.
    p = 0.01
    assert online.third_moment_rule(p, p, p) == pytest.approx(2 * p / (1 - p))


@pytest.mark.parametrize("amsgrad", [False, True])
def test_the_books_balance(amsgrad):
    g = cycle(3.0, 3, 200)
    _, v = simulate(g, 0.0, 0.1, amsgrad)
    step = 1 / np.sqrt(np.arange(1, len(g) + 1))
    x = [0.3]
    for now, square, alpha in zip(g, v, step, strict=True):
        x.append(float(np.clip(x[-1] - alpha * now / np.sqrt(square), -1, 1)))
    books = online.accounts(x, g, v, step)
    assert (books.regret <= books.potential + books.noise + 1e-9).all()
    # Summation by parts: the potential is the weighted sum of the gammas less what is left at the end.
    distance = (np.array(x) + 1) ** 2
    by_parts = np.cumsum(books.gamma * distance[:-1]) / 2 - np.sqrt(v) / step * distance[1:] / 2
    np.testing.assert_allclose(books.potential, by_parts, atol=1e-9)
    assert (books.gamma.min() >= 0) == amsgrad
    assert ((books.regret - books.claimed - books.noise)[-1] > 0) != amsgrad


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: online.periodic_drift(0.5, 3, 0.1), "0.5"),
        (lambda: online.periodic_drift(3, 1, 0.1), "period is 1"),
        (lambda: online.critical_beta2(2, 5), "C is 2"),
        (lambda: online.random_drift(3, 7.0, 0.5), "7.0"),
        (lambda: online.critical_random_beta2(1000, 1e-6), "longer memory"),
        (lambda: online.accounts([0.0], [1.0], [1.0], [1.0]), "x has shape"),
    ],
)
def test_errors_name_the_value(call, said):
    with pytest.raises(online.OnlineError, match=said):
        call()
