"""MNIST-1D: ten one-dimensional digits, bent and buried in noise, generated when asked for.

Greydanus & Kobak, "Scaling down deep learning with MNIST-1D" (2020; ICML 2024), arXiv:2011.14439. Each
template of 12 points is padded with zeros to a random length, stretched to a common length (so that its width
varies), scaled, shifted around, given noise where it is silent and a little everywhere, tilted, and sampled
at 40 points.
The knobs and their defaults are the authors'; the random stream is ours, so examples differ from their file
while the distribution is the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64
from scipy.ndimage import gaussian_filter1d

from . import shipped
from .dataset import DataError, Dataset, Seed, generator

Real = float | int


@dataclass(frozen=True)
class Mnist1d:
    """Every knob of MNIST-1D, with the published defaults.

    Lengths are in samples; heights and noise are in units of the templates, before standardizing.
    """

    samples: int = 5000  # all examples, train and test, equally many of each class
    train_fraction: Real = 0.8  # the share of the examples in the training set
    padding: tuple[int, int] = (36, 60)  # how many zeros follow the template: uniform, both ends included
    scale: Real = 0.4  # height times 1 + scale * u, u uniform in [-1/2, 1/2]
    max_translation: int = 48  # cyclic shift to the right by 0 .. max_translation - 1 samples
    correlated_noise: Real = 0.25  # deviation of the noise in the silent part, before smoothing
    correlation_length: Real = 2.0  # deviation of the Gaussian which smooths that noise
    iid_noise: Real = 0.02  # deviation of the noise added to every sample
    shear: Real = 0.75  # tilt: a line falling by shear * u from end to end is added
    length: int = 40  # samples of an example after the last resampling
    shuffle_positions: bool = False  # one fixed permutation of the positions: destroys locality, nothing else

    def __post_init__(self) -> None:
        rules = {
            "samples": (self.samples >= 20 and self.samples % 10 == 0, "a multiple of 10, at least 20"),
            "train_fraction": (0 < self.train_fraction < 1, "a fraction strictly between 0 and 1"),
            "padding": (0 <= self.padding[0] <= self.padding[1], "two lengths (low, high), 0 <= low <= high"),
            "max_translation": (self.max_translation >= 1, "at least 1 (1 means no shift)"),
            "length": (self.length >= 2, "at least 2"),
        }
        rules |= {
            knob: (getattr(self, knob) >= 0, "not negative")
            for knob in ("scale", "correlated_noise", "correlation_length", "iid_noise", "shear")
        }
        for knob, (fine, expected) in rules.items():
            if not fine:
                raise DataError(
                    f"mnist1d: {knob}={getattr(self, knob)!r}; expected {expected}. "
                    f"Correct it in Mnist1d({knob}=...), or leave it out for the published value."
                )


def templates() -> Float64[np.ndarray, "10 12"]:
    """The authors' ten templates, one a digit, each starting and ending at 0 (mnist1d 0.0.2, Apache-2.0)."""
    return shipped.read("mnist1d_templates.npz")["templates"]


def make(knobs: Mnist1d = Mnist1d(), *, seed: Seed = 42) -> Dataset:
    """Generate MNIST-1D: x (n, length), mean 0 and deviation 1 over train and test together, as published.

    seed    an integer, a NumPy generator or a JAX key; equal seeds give equal data
    """
    random = generator(seed)
    labels = random.permutation(np.repeat(np.arange(10), knobs.samples // 10))
    x = examples(templates()[labels], knobs, random)
    if knobs.shuffle_positions:
        x = x[:, random.permutation(knobs.length)]
    x = ((x - x.mean()) / x.std()).astype(np.float32)
    y = labels.astype(np.int32)
    train = int(knobs.samples * knobs.train_fraction)
    return Dataset(
        "mnist1d",
        x[:train],
        y[:train],
        x[train:],
        y[train:],
        shipped.DIGITS,
        "generated here; templates Apache-2.0 (mnist1d 0.0.2)",
        "S. Greydanus, D. Kobak: Scaling down deep learning with MNIST-1D, arXiv:2011.14439",
    )


def examples(
    drawn: Float64[np.ndarray, "n points"], knobs: Mnist1d, random: np.random.Generator
) -> Float64[np.ndarray, "n length"]:
    """One example from each row of `drawn` (templates, one a row), not yet standardized."""
    n, points = drawn.shape
    total = points + knobs.padding[1]
    column = (n, 1)
    padded = points + random.integers(knobs.padding[0], knobs.padding[1] + 1, column)
    signal, silent = _stretch(drawn, padded, total)
    signal = signal * (1 + knobs.scale * random.uniform(-0.5, 0.5, column))
    # a cyclic shift to the right by k puts sample j - k at j
    source = (np.arange(total) - random.integers(0, knobs.max_translation, column)) % total
    signal, silent = np.take_along_axis(signal, source, 1), np.take_along_axis(silent, source, 1)
    smooth = random.normal(0, knobs.correlated_noise, (n, total))
    if knobs.correlation_length > 0:
        smooth = gaussian_filter1d(smooth, knobs.correlation_length, axis=1)
    x = np.where(silent, smooth, signal) + random.normal(0, knobs.iid_noise, (n, total))
    x = x - knobs.shear * random.uniform(-0.5, 0.5, column) * np.linspace(-0.5, 0.5, total)
    return _sample(x, np.broadcast_to(np.linspace(0, total - 1, knobs.length), (n, knobs.length)))


def _stretch(
    drawn: Float64[np.ndarray, "n points"], padded: np.ndarray, total: int
) -> tuple[Float64[np.ndarray, "n total"], Bool[np.ndarray, "n total"]]:
    """Rows padded with zeros to `padded` (n, 1) samples, stretched to `total`; and where they are silent."""
    points = drawn.shape[1]
    position = np.arange(total) * (padded - 1) / (total - 1)
    rows = np.pad(drawn, ((0, 0), (0, total - points)))
    return _sample(rows, position), position >= points


def _sample(rows: Float[np.ndarray, "n length"], position: Float[np.ndarray, "n samples"]) -> Float[np.ndarray, "n samples"]:
    """Linear interpolation of each row at its own positions, in samples from 0 to length - 1."""
    left = np.minimum(position.astype(int), rows.shape[1] - 2)
    weight = position - left
    low, high = np.take_along_axis(rows, left, 1), np.take_along_axis(rows, left + 1, 1)
    return (1 - weight) * low + weight * high
