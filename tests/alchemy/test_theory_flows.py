"""Flows against SciPy's integrators, closed forms, and gradient descent on losses where the answer is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from alchemy.theory import flows
from scipy.integrate import solve_ivp

ETA = 0.1


def bowl(w):
    """A convex quartic with coupled coordinates."""
    a, b, c = w
    return 0.5 * a**2 + 0.25 * b**4 + 0.3 * a * b + 2 * c**2


def ridge(w):
    """Sharpness in x grows along y, where the loss falls: 1/2 x^2 S(y) - y, S(y) = 15 + y. The edge 2/eta = 20 is at y = 5.

    There the constrained minimum along the edge is all central flow can do: it stops at y = 5 with x^2 = 2.
    """
    x, y = w
    return 0.5 * x**2 * (15 + y) - y


@pytest.fixture
def double():
    with jax.enable_x64(True):
        yield


@pytest.mark.usefixtures("double")
def test_gradient_flow_matches_scipy():
    w = jnp.array([1.0, -0.7, 0.4])
    path = flows.gradient_flow(bowl, w, eta=ETA, steps=40, every=10, substeps=4)
    gradient = jax.jit(jax.grad(bowl))
    exact = solve_ivp(
        lambda t, v: -ETA * np.asarray(gradient(jnp.asarray(v))),
        (0, 40),
        np.asarray(w),
        rtol=1e-10,
        atol=1e-12,
        t_eval=np.arange(0, 41, 10),
    ).y.T
    np.testing.assert_allclose(path.centre, exact, atol=1e-5)


@pytest.mark.usefixtures("double")
def test_below_the_edge_central_and_edge_flow_are_gradient_flow():
    """At small sharpness nothing oscillates: both reduce to gradient flow, up to their Euler steps."""
    w = jnp.array([1.0, -0.7, 0.4])
    exact = flows.gradient_flow(bowl, w, eta=ETA, steps=40, every=10, substeps=4).centre
    central = flows.central_flow(bowl, w, jnp.eye(3)[:2], eta=ETA, steps=40, every=10, k=2, substeps=50)
    edge = flows.edge_flow(bowl, w, jnp.array([0.0, 0.0, 1.0]), 1e-3, eta=ETA, steps=40, every=10, substeps=50)
    assert np.all(np.asarray(central.variance) == 0)
    np.testing.assert_allclose(central.centre, exact, atol=3e-3)
    np.testing.assert_allclose(edge.centre, exact, atol=3e-3)


@pytest.mark.usefixtures("double")
def test_central_flow_stops_at_the_edge_with_the_known_oscillation():
    """On the ridge: y follows y' = eta until the sharpness is 20, then rests there with <x^2> = 2."""
    path = flows.central_flow(ridge, jnp.array([0.0, 1.0]), jnp.eye(2), eta=ETA, steps=80, every=10, substeps=4)
    np.testing.assert_allclose(path.centre[:5, 1], 1 + ETA * np.arange(0, 50, 10), atol=1e-6)
    np.testing.assert_allclose(path.centre[5:, 1], 5, atol=1e-6)
    np.testing.assert_allclose(path.sharpness[5:], 20, atol=1e-6)
    np.testing.assert_allclose(path.variance[-2:], 2, rtol=1e-6)


@pytest.mark.usefixtures("double")
def test_edge_flow_and_gradient_descent_agree_on_the_ridge():
    """One oscillating direction and an exact cubic: the setting of Edge Flow's derivation."""
    w = jnp.array([0.05, 4.5])
    run = flows.gradient_descent(ridge, w, eta=ETA, steps=60, every=5)
    edge = flows.edge_flow(ridge, jnp.array([0.0, 4.5]), jnp.array([1.0, 0.0]), 0.05, eta=ETA, steps=60, every=5, substeps=1)
    frozen = flows.gradient_flow(ridge, w, eta=ETA, steps=60, every=5)
    error = np.abs(np.asarray(edge.centre - run.centre)[:, 1]).max()
    assert error < 0.25 * np.abs(np.asarray(frozen.centre - run.centre)[:, 1]).max()


@pytest.mark.usefixtures("double")
def test_one_compilation_serves_every_number_of_substeps():
    """Traced substeps give what fixed ones give, and finer steps come closer to the converged flow."""
    w, u, x = jnp.array([0.02, 4.0]), jnp.array([1.0, 0.0]), 0.02
    options = dict(eta=ETA, steps=20, every=5)
    central = jax.jit(lambda n: flows.central_flow(ridge, w, jnp.eye(2), substeps=n, **options))
    edge = jax.jit(lambda n: flows.edge_flow(ridge, w, u, x, substeps=n, **options))
    for traced, fixed in (
        (central, lambda n: flows.central_flow(ridge, w, jnp.eye(2), substeps=n, **options)),
        (edge, lambda n: flows.edge_flow(ridge, w, u, x, substeps=n, **options)),
    ):
        converged = np.asarray(fixed(64).centre)
        error = {}
        for n in (1, 2):
            for a, b in zip(traced(n), fixed(n), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
            error[n] = np.abs(np.asarray(fixed(n).centre) - converged).max()
        assert error[2] < 0.75 * error[1]
    assert central._cache_size() == edge._cache_size() == 1


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("k", [1, 2, 3])
def test_least_oscillation_satisfies_its_optimality_conditions(k):
    rng = np.random.default_rng(k)
    for _ in range(5):
        third = rng.normal(size=(k, k, 6))
        third = third + third.transpose(1, 0, 2)
        gram = jnp.asarray(np.einsum("ijp,lmp->ijlm", third, third))
        slack = rng.normal(size=(k, k))
        slack = jnp.asarray(slack + slack.T)
        x = np.asarray(flows.least_oscillation(slack, gram, 4000))
        rest = np.asarray(slack + np.einsum("ijlm,lm->ij", gram, x))
        assert np.linalg.eigvalsh(x).min() > -1e-9
        assert np.linalg.eigvalsh(rest).min() > -1e-3
        assert abs((x * rest).sum()) < 1e-3


def test_smoothed_run_removes_the_oscillation():
    """On 1/2 lambda w^2 at the edge w_t = (-1)^t: the centre is 0 and the variance 1."""
    path = flows.gradient_descent(lambda w: 10 * jnp.sum(w**2), jnp.array([1.0]), eta=ETA, steps=6, every=2)
    np.testing.assert_allclose(path.centre[1:], 0, atol=1e-5)
    np.testing.assert_allclose(path.variance[1:], 1, rtol=1e-5)


def test_self_stabilization_is_gradient_descent_on_the_ridge():
    """The ridge's expansion is exact: alpha = 1, gamma = 1, and the map is the run itself."""
    w, runs = np.array([0.05, 5.0]), []
    for _ in range(61):
        runs.append(w)
        w = w - ETA * np.array([w[0] * (15 + w[1]), 0.5 * w[0] ** 2 - 1])
    x, y = flows.self_stabilization(1.0, 1.0, eta=ETA, x=0.05, steps=60)
    np.testing.assert_allclose(np.stack([x, y + 5], 1), np.array(runs), rtol=1e-9, atol=1e-9)


def test_spike_height_matches_the_differential_equations():
    alpha, gamma, x0 = 1.3, 0.7, 1e-3
    flow = solve_ivp(
        lambda t, s: [s[1] * s[0], alpha - gamma * s[0] ** 2 / 2], (0, 12), [x0, 0.0], rtol=1e-10, atol=1e-12, max_step=0.01
    )
    assert flows.spike_height(alpha, gamma, x0) == pytest.approx(flow.y[1].max(), rel=1e-4)
    assert flows.spike_height(alpha, gamma, 10.0) == 0


def test_costs_and_errors():
    assert flows.cost("edge flow") == (2, 1, 0)  # as published: two gradients, one product
    assert flows.cost("central flow", k=2, guard=1, substeps=2) == (2, 6, 6)
    with pytest.raises(flows.FlowError, match="'rod flow'"):
        flows.cost("rod flow")
    with pytest.raises(flows.FlowError, match="steps is 5 and every is 2"):
        flows.gradient_flow(bowl, jnp.ones(3), eta=ETA, steps=5, every=2)
    with pytest.raises(flows.FlowError, match="k is 3"):
        flows.central_flow(bowl, jnp.ones(3), jnp.eye(3)[:2], eta=ETA, steps=5, k=3)
    with pytest.raises(flows.FlowError, match="gamma is 0"):
        flows.self_stabilization(1.0, 0.0, eta=ETA, x=0.1, steps=3)
    with pytest.raises(flows.FlowError, match=r"alpha is -1\.0"):
        flows.spike_height(-1.0, 1.0, 0.1)
