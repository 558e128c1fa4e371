"""What happens to a constant that is stored in bfloat16, and to Adam when that constant is beta2.

bfloat16 is the upper half of a float32: one sign bit, eight bits of exponent, seven of fraction (Kalamkar et al.,
2019). Adam is Algorithm 1 of Kingma and Ba (2015); the symbols are theirs. Everything here is NumPy, float64
except where bits are the subject.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike


class PrecisionError(ValueError):
    """A rounding, a form of Adam or a constant that does not exist."""


def to_bfloat16(x: ArrayLike | float, rounding: str = "nearest") -> Float[np.ndarray, "*shape"]:
    """x stored in bfloat16 and read back, as float64; any shape.

    rounding: "nearest" (ties to even, IEEE 754's default) or "truncate" (the low half is cut off, so magnitudes
    never grow). x goes through float32 first, as it does in a framework. Infinities and NaN stay what they are.
    Raises PrecisionError for another rounding.
    """
    bits = np.asarray(x, np.float32).view(np.uint32)
    if rounding == "nearest":
        # Half of a unit in the last kept place, less one; plus one where that place is odd: ties go to even.
        rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    elif rounding == "truncate":
        rounded = bits
    else:
        raise PrecisionError(f"rounding is {rounding!r}; expected 'nearest' or 'truncate'.")
    kept = (rounded & np.uint32(0xFFFF0000)).view(np.float32).astype(np.float64)
    return np.where(np.isfinite(np.asarray(x, np.float64)), kept, np.asarray(x, np.float64))


def representable(low: float, high: float) -> Float[np.ndarray, " values"]:
    """All positive bfloat16 values in [low, high], ascending. Raises PrecisionError unless 0 < low <= high < inf."""
    if not 0 < low <= high < np.inf:
        raise PrecisionError(f"the range is [{low}, {high}]; expected 0 < low <= high < infinity.")
    first, last = (int(np.float32(v).view(np.uint32)) >> 16 for v in (low, high))
    values = (np.arange(first, last + 2, dtype=np.uint32) << np.uint32(16)).view(np.float32).astype(np.float64)
    return values[(values >= low) & (values <= high)]


def horizon(beta: float) -> float:
    """Number of steps that an exponential average with this decay remembers, 1 / (1 - beta); infinite at 1."""
    return np.inf if beta == 1 else 1 / (1 - beta)


def moment_weights(beta: float, steps: int) -> Float[np.ndarray, " steps"]:
    """Weight of each past value, oldest first, in the bias-corrected average after `steps` updates; they sum to 1.

    (1 - beta) beta^(t - s) / (1 - beta^t) for s = 1..t. At beta = 1 both ends of the fraction vanish; returned is the
    limit beta -> 1, the plain average 1/t (by l'Hopital's rule, or by cancelling 1 - beta in the geometric sum).
    Raises PrecisionError unless 0 <= beta <= 1 and steps >= 1.
    """
    if not 0 <= beta <= 1 or steps < 1:
        raise PrecisionError(f"beta is {beta} and steps is {steps}; expected 0 <= beta <= 1 and steps >= 1.")
    powers = np.power(float(beta), np.arange(steps - 1, -1, -1))
    return powers / powers.sum()


def adam_updates(
    gradients: Float[np.ndarray, "steps dim"],
    *,
    learning_rate: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    form: str = "paper",
) -> Float[np.ndarray, "steps dim"]:
    """The updates that Adam makes on a given sequence of gradients, shape (steps, dim); add them to the parameters.

    form: "paper", "reordered" (up to eps) and "limit" are the same algorithm for beta2 < 1; "uncorrected" is another
    one. At beta2 = 1 they are four different ones.
        "paper"        Algorithm 1: v / (1 - beta2^t), then divide. At beta2 = 1 that is 0/0, NaN at the first step.
        "reordered"    the paper's faster order: step size times sqrt(1 - beta2^t) first, eps not rescaled.
                       At beta2 = 1 the step size is 0: nothing ever moves.
        "uncorrected"  no bias correction. At beta2 = 1, v = 0: steps of learning_rate * m / eps.
        "limit"        the paper's with the running weights of `moment_weights`: continuous up to and at beta2 = 1.
    Raises PrecisionError for another form.
    """
    g = np.asarray(gradients, np.float64)
    updates = np.empty_like(g)
    m, v = np.zeros(g.shape[1]), np.zeros(g.shape[1])
    mean_square, total = np.zeros(g.shape[1]), 0.0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for t, now in enumerate(g, start=1):
            m = beta1 * m + (1 - beta1) * now
            v = beta2 * v + (1 - beta2) * now**2
            m_hat = m / np.float64(1 - beta1**t)
            if form == "paper":
                updates[t - 1] = -learning_rate * m_hat / (np.sqrt(v / np.float64(1 - beta2**t)) + eps)
            elif form == "reordered":
                updates[t - 1] = -learning_rate * np.sqrt(1 - beta2**t) * m_hat / (np.sqrt(v) + eps)
            elif form == "uncorrected":
                updates[t - 1] = -learning_rate * m / (np.sqrt(v) + eps)
            elif form == "limit":
                # total = 1 + beta2 + ... + beta2^(t-1): the factor 1 - beta2 is cancelled before it can vanish.
                total = beta2 * total + 1
                mean_square += (now**2 - mean_square) / total
                updates[t - 1] = -learning_rate * m_hat / (np.sqrt(mean_square) + eps)
            else:
                raise PrecisionError(f"form is {form!r}; expected paper, reordered, uncorrected or limit.")
    return updates
