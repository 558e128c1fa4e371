"""Random features for shift-invariant kernels: spectral measures, exact variances, the uniform bound.

Bochner: a continuous k(x - y) with k(0) = 1 is positive definite exactly if k(t) = E cos(omega . t) for omega drawn
from some symmetric probability measure, the kernel's spectral measure. Averages over draws estimate the kernel:

    paired   1/m sum cos(omega_i . (x - y)),  inner product of D = 2m features cos(omega_i . x), sin(omega_i . x);
    phase    1/D sum 2 cos(omega_i . x + b_i) cos(omega_i . y + b_i),  b_i uniform on [0, 2 pi], D features;
    binning  the fraction of P random grids in which x and y fall into the same cell.

Sources: Rahimi & Recht (2007), claims 1 and 2 and figure 1; Sutherland & Schneider (2015), section 2 (variances).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.optimize import brentq


class KernelError(ValueError):
    """A kernel, a number of features or a bound was asked for outside of its theory."""


# On the line, for length 1: the kernel, its spectral density, a sampler of that density, and E omega^2.
_GAUSSIAN = (
    lambda t: np.exp(-(t**2) / 2),
    lambda w: np.exp(-(w**2) / 2) / np.sqrt(2 * np.pi),
    lambda rng, shape: rng.standard_normal(shape),
    1.0,
)
_LAPLACIAN = (
    lambda t: np.exp(-np.abs(t)),
    lambda w: 1 / (np.pi * (1 + w**2)),
    lambda rng, shape: rng.standard_cauchy(shape),
    np.inf,
)
_CAUCHY = (
    lambda t: 1 / (1 + t**2),
    lambda w: np.exp(-np.abs(w)) / 2,
    lambda rng, shape: rng.laplace(size=shape),
    2.0,
)
_KINDS = {"gaussian": _GAUSSIAN, "laplacian": _LAPLACIAN, "cauchy": _CAUCHY}
NAMES = tuple(_KINDS)


@dataclass(frozen=True)
class Kernel:
    """A product over coordinates of one of three functions of t = (x_j - y_j) / length (Rahimi & Recht, figure 1).

    name: gaussian, exp(-t^2 / 2); laplacian, exp(-|t|); cauchy, 1 / (1 + t^2). length: in units of x, positive.
    """

    name: str
    length: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in _KINDS:
            raise KernelError(f"kernel is {self.name!r}; expected one of {', '.join(NAMES)}.")
        if not self.length > 0:
            raise KernelError(f"length is {self.length}; expected a positive number in the units of x.")

    def __call__(self, delta: Float[np.ndarray, "*points d"]) -> Float[np.ndarray, "*points"]:
        """k at the differences delta = x - y."""
        return np.asarray(_KINDS[self.name][0](np.asarray(delta, np.float64) / self.length).prod(axis=-1))

    def density(self, omega: Float[np.ndarray, "*points d"]) -> Float[np.ndarray, "*points"]:
        """The spectral density at the frequencies omega, in radians per unit of x."""
        scaled = np.asarray(omega, np.float64) * self.length
        return np.asarray((self.length * _KINDS[self.name][1](scaled)).prod(axis=-1))

    def sample(self, rng: np.random.Generator, m: int, d: int) -> Float[np.ndarray, "m d"]:
        """m independent frequencies from the spectral measure in d dimensions."""
        if m < 1 or d < 1:
            raise KernelError(f"m is {m} and d is {d}; expected at least one frequency in at least one dimension.")
        return _KINDS[self.name][2](rng, (m, d)) / self.length

    def second_moment(self, d: int) -> float:
        """sigma_p^2 = E |omega|^2 in d dimensions; infinite for the Laplacian kernel."""
        return d * _KINDS[self.name][3] / self.length**2


def variance_paired(k: ArrayLike, k_double: ArrayLike, features: int) -> Float[np.ndarray, "*points"]:
    """Variance of the paired estimator, (1 + k(2t) - 2 k(t)^2) / D.

    k, k_double: the kernel at t and at 2t, any equal shapes. features: D = 2m, cosines and sines counted.
    """
    _positive(features)
    return np.asarray((1 + np.asarray(k_double, np.float64) - 2 * np.asarray(k, np.float64) ** 2) / features)


def variance_phase(k: ArrayLike, k_double: ArrayLike, features: int) -> Float[np.ndarray, "*points"]:
    """Variance of the random-phase estimator, (1 + k(2t) / 2 - k(t)^2) / D; arguments as `variance_paired`."""
    _positive(features)
    return np.asarray((1 + np.asarray(k_double, np.float64) / 2 - np.asarray(k, np.float64) ** 2) / features)


def variance_binning(k: ArrayLike, grids: int) -> Float[np.ndarray, "*points"]:
    """Variance of the binning estimator, k (1 - k) / P: an average of P coins that show heads with probability k."""
    _positive(grids)
    k = np.asarray(k, np.float64)
    return np.asarray(k * (1 - k) / grids)


def random_grids(
    rng: np.random.Generator, grids: int, d: int, length: float = 1.0
) -> tuple[Float[np.ndarray, "grids d"], Float[np.ndarray, "grids d"]]:
    """Pitches and shifts of random grids for the Laplacian kernel: x lies in cell floor((x - shift) / pitch).

    On the line two points at distance t share a cell of pitch p with probability max(0, 1 - t / p). With p drawn
    from p k''(p), here Gamma(2, length), the average is k(t) (Rahimi & Recht 2007, section 4).
    """
    _positive(grids)
    pitch = rng.gamma(2.0, length, (grids, d))
    return pitch, rng.uniform(0.0, pitch)


def failure_probability(error: float, m: int, d: int, sigma: float, diameter: float) -> float:
    """The uniform bound: 2^8 (sigma diam / error)^2 exp(-m error^2 / (4 (d + 2))), at most 1.

    Bounds the probability that the paired estimator is off by `error` or more for some pair of points of a compact set.
    m: frequencies (half the number of features). d: dimension of the points. sigma: root of the spectral measure's
    second moment, which must be finite. diameter: of the compact set. Source: Rahimi & Recht (2007), claim 1.
    """
    _bounded(error, sigma, diameter)
    log = 8 * np.log(2) + 2 * np.log(sigma * diameter / error) - m * error**2 / (4 * (d + 2))
    return float(np.exp(min(0.0, log)))


def frequencies_needed(error: float, delta: float, d: int, sigma: float, diameter: float) -> float:
    """m at which the uniform bound promises `error` on the whole set with probability 1 - delta."""
    _bounded(error, sigma, diameter)
    if not 0 < delta < 1:
        raise KernelError(f"delta is {delta}; expected a probability in (0, 1), such as 0.05.")
    log = 8 * np.log(2) + 2 * np.log(sigma * diameter / error) - np.log(delta)
    return float(max(0.0, 4 * (d + 2) * log / error**2))


def error_promised(m: int, delta: float, d: int, sigma: float, diameter: float) -> float:
    """The error that the uniform bound promises with m frequencies and probability 1 - delta; may exceed 2, a void promise.

    `frequencies_needed` falls as the error grows, so its root is the answer.
    """
    _positive(m)
    low = 1e-9
    high = 2.0**8 * sigma * diameter
    return float(brentq(lambda error: frequencies_needed(error, delta, d, sigma, diameter) - m, low, high, xtol=1e-12))


def pairs_error_promised(m: int, delta: float, pairs: int) -> float:
    """The error promised for `pairs` given pairs of points, with probability 1 - delta: sqrt(2 log(2 N / delta) / m).

    Hoeffding's inequality for each pair and the union bound over all: no net, no slope, no dimension; any kernel.
    """
    _positive(m)
    return float(np.sqrt(2 * _log_pairs(delta, pairs) / m))


def pairs_frequencies_needed(error: float, delta: float, pairs: int) -> float:
    """m at which the union bound over `pairs` given pairs promises `error` with probability 1 - delta."""
    if not error > 0:
        raise KernelError(f"error is {error}; expected a positive number, such as 0.1.")
    return float(2 * _log_pairs(delta, pairs) / error**2)


def _log_pairs(delta: float, pairs: int) -> float:
    if not (0 < delta < 1 and pairs >= 1):
        raise KernelError(f"delta is {delta} and pairs is {pairs}; expected a probability in (0, 1) and at least one pair.")
    return float(np.log(2 * pairs / delta))


def laplacian_error_promised(m: int, delta: float, d: int, diameter: float, length: float = 1.0) -> float:
    """A uniform promise for the Laplacian kernel, whose spectral measure has no second moment, by cutting it off.

    With probability 1 - delta / 2 none of the m d coordinates of the frequencies exceeds B = cot(pi q / 2) / length,
    q = delta / (2 m d). Given that, they are draws from the measure cut off at B, which has a second moment and whose
    kernel lies within 2 d q of the Laplacian one; the uniform bound at delta / 2 does the rest. It pays a logarithm of B.
    Arguments as `error_promised`; length of the kernel in the units of diameter. Derived in chapter 02.
    """
    _positive(m)
    q = delta / (2 * m * d)
    cut = 1 / np.tan(np.pi * q / 2)
    second_moment = d * (2 / np.pi) * (cut - np.arctan(cut)) / (1 - q) / length**2
    return error_promised(m, delta / 2, d, float(np.sqrt(second_moment)), diameter) + 2 * d * q


def effective_dimension(eigenvalues: Float[np.ndarray, " n"], ridge: float) -> float:
    """Degrees of freedom of kernel ridge regression, sum mu / (mu + ridge), mu the eigenvalues of the kernel matrix.

    ridge: what is added to the diagonal of the kernel matrix, positive, in the units of mu.
    """
    if not ridge > 0:
        raise KernelError(f"ridge is {ridge}; expected a positive number, what is added to the kernel matrix's diagonal.")
    mu = np.maximum(np.asarray(eigenvalues, np.float64), 0.0)
    return float(np.sum(mu / (mu + ridge)))


def _positive(count: int) -> None:
    if count < 1:
        raise KernelError(f"the number of features is {count}; expected at least one.")


def _bounded(error: float, sigma: float, diameter: float) -> None:
    if not error > 0:
        raise KernelError(f"error is {error}; expected a positive number, such as 0.1.")
    if not (np.isfinite(sigma) and sigma > 0):
        raise KernelError(
            f"sigma is {sigma}; the bound needs a spectral measure with a finite, positive second moment. "
            "The Laplacian kernel has none, so claim 1 is silent about it; see laplacian_error_promised."
        )
    if not diameter > 0:
        raise KernelError(f"diameter is {diameter}; expected the positive diameter of the compact set.")
