"""Curvature of a loss at a point: Hessian-vector products, Lanczos, and the sharpness along a run.

The Hessian is never formed: a product with it costs about as much as two gradients (Pearlmutter 1994), and
Lanczos (matfree) turns a few products into its largest eigenvalues.

    top = curvature.top_eigenpairs(loss, params, k=3)              # accurate, one point
    value, vector = curvature.sharpness(loss, params, vector)      # cheap, warm-started, along a run

`loss` maps params (any pytree of floating arrays) to a scalar; close over the data. All functions can be jitted
and vmapped, except with float64=True, which must be called outside of jit.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree, Scalar
from matfree import decomp

Loss = Callable[[PyTree], Scalar]


class CurvatureError(ValueError):
    """A curvature was asked for that the arguments do not define."""


class Eigenpairs(NamedTuple):
    """The largest eigenvalues of a Hessian, largest first.

    values: shape (k,), in units of loss / parameter^2.
    vectors: the params' pytree with a leading axis k, each of Euclidean norm 1.
    residuals: shape (k,), |H v - value v|: an eigenvalue of H lies within this distance of each value.
    """

    values: Float[Array, " k"]
    vectors: PyTree
    residuals: Float[Array, " k"]


def hvp(loss: Loss, params: PyTree, vector: PyTree) -> PyTree:
    """The Hessian of `loss` at `params` times `vector` (same pytree), forward over reverse differentiation.

    Source: Pearlmutter (1994), "Fast exact multiplication by the Hessian".
    """
    _check(params)
    if jax.tree.structure(vector) != jax.tree.structure(params):
        raise CurvatureError(
            f"vector has structure {jax.tree.structure(vector)}; expected that of params, "
            f"{jax.tree.structure(params)}. Build it with random_like(key, params)."
        )
    return jax.jvp(jax.grad(loss), (params,), (vector,))[1]


def random_like(key: Array, params: PyTree) -> PyTree:
    """A random direction of Euclidean norm 1 in the pytree of `params`: where an eigenvector search starts."""
    flat, unravel = ravel_pytree(params)
    v = jax.random.normal(key, flat.shape, flat.dtype)
    return unravel(v / jnp.linalg.norm(v))


def top_eigenpairs(
    loss: Loss,
    params: PyTree,
    *,
    k: int = 1,
    matvecs: int = 40,
    key: Array | None = None,
    scale: PyTree | None = None,
    float64: bool = False,
) -> Eigenpairs:
    """The k largest eigenvalues (not moduli) of the Hessian, by Lanczos with full reorthogonalization.

    matvecs: Hessian-vector products to spend; at most the number of parameters. 40 give the largest eigenvalue
        of a trained net to about 1e-5 relative; read `residuals` for the error of each pair.
    scale: positive pytree p like params, for the preconditioned Hessian P^-1/2 H P^-1/2 with P = diag(p), whose
        eigenvalues are those of P^-1 H.
    float64: compute in float64, without changing JAX's global setting. Close over float32 or float64 data.
    Raises CurvatureError for k or matvecs that do not fit, or a scale that is not like params.
    """
    _check(params)
    size = sum(leaf.size for leaf in jax.tree.leaves(params))
    if not 1 <= k <= min(matvecs, size):
        raise CurvatureError(
            f"k is {k}; expected 1 to {min(matvecs, size)} (matvecs is {matvecs}, parameters {size}). Raise matvecs."
        )
    with jax.enable_x64(True) if float64 else nullcontext():
        if float64:
            params, scale = (jax.tree.map(_double, tree) for tree in (params, scale))
        key = jax.random.key(0) if key is None else key
        matvec, start, unravel = _operator(loss, params, random_like(key, params), scale)
        values, vectors = _lanczos(matvec, start, min(matvecs, size))
        values, vectors = values[::-1][:k], vectors[::-1][:k]
        residuals = jax.vmap(lambda value, v: jnp.linalg.norm(matvec(v) - value * v))(values, vectors)
        return Eigenpairs(values, jax.vmap(unravel)(vectors), residuals)


def sharpness(
    loss: Loss, params: PyTree, vector: PyTree, *, matvecs: int = 4, scale: PyTree | None = None
) -> tuple[Scalar, PyTree]:
    """The largest Hessian eigenvalue from a warm start: (value, its vector, to pass to the next call).

    vector: where to start; the previous call's vector along a run, random_like(key, params) at its beginning
        (then with matvecs of 20 or more). The value is a lower bound, exact when vector spans an eigenvector.
    scale: see top_eigenpairs; the vector then lives in the preconditioned space.
    """
    _check(params)
    matvec, start, unravel = _operator(loss, params, vector, scale)
    values, vectors = _lanczos(matvec, start, matvecs)
    # A diverged run has no curvature: its NaN is passed on, and the vector is kept so that shapes stay sound.
    found = jnp.where(jnp.isfinite(values[-1]), vectors[-1], start)
    return values[-1], unravel(found)


def density(
    loss: Loss, params: PyTree, *, key: Array, matvecs: int = 40, probes: int = 1
) -> tuple[Float[Array, "probes matvecs"], Float[Array, "probes matvecs"]]:
    """Stochastic Lanczos quadrature of the Hessian's spectrum: (nodes, weights), weights summing to 1 per probe.

    The average of sum_i weights_i f(nodes_i) over probes estimates trace(f(H)) / parameters.
    Source: Ubaru, Chen and Saad (2017); Ghorbani, Krishnan and Xiao (2019) for neural networks.
    """
    _check(params)

    def probe(key: Array) -> tuple[Array, Array]:
        matvec, start, _ = _operator(loss, params, random_like(key, params), None)
        _, tridiagonal, *_ = decomp.tridiag_sym(matvecs, reortho="full", custom_vjp=False)(matvec, start)
        values, vectors = jnp.linalg.eigh(tridiagonal)
        return values, vectors[0] ** 2

    return jax.vmap(probe)(jax.random.split(key, probes))


def dense_hessian(loss: Loss, params: PyTree, *, float64: bool = True) -> Float[np.ndarray, "p p"]:
    """The whole Hessian as a NumPy matrix, in the order of ravel_pytree: the check on everything above.

    Costs one product per parameter and p^2 numbers; raises CurvatureError beyond 5,000 parameters.
    """
    _check(params)
    size = sum(leaf.size for leaf in jax.tree.leaves(params))
    if size > 5_000:
        raise CurvatureError(f"params have {size} numbers; a dense Hessian is kept to 5000. Use top_eigenpairs.")
    with jax.enable_x64(True) if float64 else nullcontext():
        flat, unravel = ravel_pytree(jax.tree.map(_double, params) if float64 else params)
        return np.asarray(jax.hessian(lambda w: loss(unravel(w)))(flat))


def _operator(
    loss: Loss, params: PyTree, vector: PyTree, scale: PyTree | None
) -> tuple[Callable[[Array], Array], Array, Callable[[Array], PyTree]]:
    """Flat matvec of the (preconditioned) Hessian, flat unit start vector, and the way back to the pytree."""
    start, unravel = ravel_pytree(vector)
    start = start / jnp.linalg.norm(start)
    if scale is None:

        def root(v: Array) -> Array:
            return v
    else:
        if jax.tree.structure(scale) != jax.tree.structure(params):
            raise CurvatureError("scale is not a pytree like params; expected one positive number per parameter.")
        inverse_root = 1 / jnp.sqrt(ravel_pytree(scale)[0])

        def root(v: Array) -> Array:
            return v * inverse_root

    def matvec(v: Array) -> Array:
        return root(ravel_pytree(hvp(loss, params, unravel(root(v))))[0])

    return matvec, start, unravel


def _lanczos(matvec: Callable[[Array], Array], start: Array, matvecs: int) -> tuple[Array, Array]:
    """Ritz values (ascending) and unit Ritz vectors, shapes (matvecs,) and (matvecs, p)."""
    basis, tridiagonal, *_ = decomp.tridiag_sym(matvecs, reortho="full", custom_vjp=False)(matvec, start)
    values, vectors = jnp.linalg.eigh(tridiagonal)
    return values, vectors.T @ basis


def _double(x: Array) -> Array:
    return jnp.asarray(np.asarray(x), jnp.float64)


def _check(params: PyTree) -> None:
    leaves = jax.tree.leaves(params)
    if not leaves or not all(jnp.issubdtype(jnp.result_type(leaf), jnp.floating) for leaf in leaves):
        kinds = sorted({str(jnp.result_type(leaf)) for leaf in leaves})
        raise CurvatureError(f"params hold {kinds or 'nothing'}; expected a pytree of floating arrays.")
