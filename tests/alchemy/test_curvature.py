"""Curvature against the dense Hessian of a small net, in float32 and float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from alchemy import curvature, nets
from jax.flatten_util import ravel_pytree


@pytest.fixture(scope="module")
def problem():
    """A 7-6-3 tanh net on 40 random examples, MSE: 69 parameters, a Hessian with both signs."""
    init, apply = nets.functional(lambda rngs: nets.MLP((7, 6, 3), activation="tanh", init="torch", rngs=rngs))
    x, y = (jax.random.normal(jax.random.key(i), (40, d)) for i, d in ((1, 7), (2, 3)))
    return (lambda p: 0.5 * jnp.mean(jnp.sum((apply(p, x) - y) ** 2, 1))), init(jax.random.key(3))


def test_hvp_is_the_dense_hessian_times_the_vector(problem):
    loss, params = problem
    v = curvature.random_like(jax.random.key(4), params)
    dense = curvature.dense_hessian(loss, params)
    assert np.allclose(dense, dense.T)
    expected = dense @ np.asarray(ravel_pytree(v)[0], np.float64)
    np.testing.assert_allclose(ravel_pytree(curvature.hvp(loss, params, v))[0], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("float64", "tolerance"), [(False, 1e-4), (True, 1e-10)])
def test_top_eigenpairs_match_dense(problem, float64, tolerance):
    loss, params = problem
    dense = np.linalg.eigvalsh(curvature.dense_hessian(loss, params))[::-1]
    found = curvature.top_eigenpairs(loss, params, k=3, matvecs=60, float64=float64)
    np.testing.assert_allclose(found.values, dense[:3], rtol=tolerance)
    assert found.values.dtype == (jnp.float64 if float64 else jnp.float32)
    assert np.all(np.asarray(found.residuals) < 10 * tolerance * dense[0])
    for i in range(3):
        squares = sum(float((np.asarray(leaf[i], np.float64) ** 2).sum()) for leaf in jax.tree.leaves(found.vectors))
        assert abs(squares - 1) < 1e-5


def test_float64_leaves_no_global_trace(problem):
    loss, params = problem
    curvature.top_eigenpairs(loss, params, matvecs=5, float64=True)
    assert jnp.ones(1).dtype == jnp.float32 and not jax.config.jax_enable_x64


def test_preconditioned_eigenvalue_is_that_of_p_inverse_h(problem):
    loss, params = problem
    scale = jax.tree.map(lambda x: 0.1 + jnp.abs(jnp.sin(jnp.arange(x.size, dtype=x.dtype))).reshape(x.shape), params)
    p = np.asarray(ravel_pytree(scale)[0], np.float64)
    expected = np.linalg.eigvals(curvature.dense_hessian(loss, params) / p[:, None]).real.max()
    found = curvature.top_eigenpairs(loss, params, matvecs=60, scale=scale, float64=True)
    np.testing.assert_allclose(found.values[0], expected, rtol=1e-8)


def test_warm_start_follows_the_sharpness_along_a_run(problem):
    """Three products a measurement stay within 1 % of the dense answer while gradient descent moves."""
    loss, params = problem
    _, vector = curvature.sharpness(loss, params, curvature.random_like(jax.random.key(5), params), matvecs=40)
    for _ in range(10):
        for _ in range(5):
            params = jax.tree.map(lambda p, g: p - 0.05 * g, params, jax.grad(loss)(params))
        value, vector = curvature.sharpness(loss, params, vector, matvecs=3)
        exact = np.linalg.eigvalsh(curvature.dense_hessian(loss, params))[-1]
        assert exact * 0.99 < value < exact * 1.0001


def test_sharpness_works_under_jit_and_vmap(problem):
    loss, params = problem
    batch = jax.tree.map(lambda x: jnp.stack([x, 0.5 * x]), params)
    start = jax.vmap(lambda key: curvature.random_like(key, params))(jax.random.split(jax.random.key(6), 2))
    values, _ = jax.jit(jax.vmap(lambda p, v: curvature.sharpness(loss, p, v, matvecs=40)))(batch, start)
    for i in range(2):
        dense = curvature.dense_hessian(loss, jax.tree.map(lambda x: x[i], batch))  # noqa: B023
        np.testing.assert_allclose(values[i], np.linalg.eigvalsh(dense)[-1], rtol=1e-4)


def test_density_recovers_trace_and_second_moment(problem):
    loss, params = problem
    eigenvalues = np.linalg.eigvalsh(curvature.dense_hessian(loss, params))
    nodes, weights = curvature.density(loss, params, key=jax.random.key(7), matvecs=30, probes=400)
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-4)
    np.testing.assert_allclose((weights * nodes).sum(1).mean(), eigenvalues.mean(), rtol=0.1)
    np.testing.assert_allclose((weights * nodes**2).sum(1).mean(), (eigenvalues**2).mean(), rtol=0.15)


def test_errors_name_the_value(problem):
    loss, params = problem
    with pytest.raises(curvature.CurvatureError, match="k is 9"):
        curvature.top_eigenpairs(loss, params, k=9, matvecs=5)
    with pytest.raises(curvature.CurvatureError, match="structure"):
        curvature.hvp(loss, params, jnp.ones(3))
    with pytest.raises(curvature.CurvatureError, match="int32"):
        curvature.hvp(lambda p: p.sum(), jnp.arange(3), jnp.arange(3))
    with pytest.raises(curvature.CurvatureError, match="5000"):
        curvature.dense_hessian(lambda p: p.sum(), jnp.ones(6000))
    with pytest.raises(curvature.CurvatureError, match="scale"):
        curvature.sharpness(loss, params, curvature.random_like(jax.random.key(0), params), scale=jnp.ones(3))
