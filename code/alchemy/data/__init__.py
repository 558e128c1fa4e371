"""Datasets with a fixed split, checksums, and a clear error when one is absent.

from alchemy import data
digits = data.load("mnist5k")                   # shipped
x = data.shrink(digits.x_train, 20, 2)          # the middle 20 x 20 pixels in blocks of 2 x 2
small = digits.subset(200, seed=0)              # stratified
bent = data.load("mnist1d", knobs=data.Mnist1d(shuffle_positions=True), seed=1)     # generated
full = data.load("mnist")                       # downloaded once
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from . import remote, shipped
from .dataset import DataError, Dataset, Seed, shrink
from .mnist1d import Mnist1d
from .mnist1d import make as _make_mnist1d

__all__ = ["DataError", "Dataset", "Mnist1d", "Seed", "load", "names", "shrink"]

_FIXED = {
    "mnist5k": shipped.mnist5k,
    "mnist": remote.mnist,
}


def names() -> tuple[str, ...]:
    """The names `load` knows."""
    return tuple(sorted((*_FIXED, "mnist1d")))


def load(
    name: str,
    *,
    flatten: bool = False,
    standardize: bool = False,
    knobs: Mnist1d | None = None,
    seed: Seed | None = None,
) -> Dataset:
    """A dataset by name, float32 inputs and int32 labels, always split in the same way.

    | name            | train, test     | input       | scaling                      | where from          |
    |-----------------|-----------------|-------------|------------------------------|---------------------|
    | `mnist5k`       | 4,000, 1,000    | (28, 28)    | [0, 1] (pixel / 255)         | shipped             |
    | `mnist1d`       | 4,000, 1,000    | (40,)       | mean 0, deviation 1          | generated           |
    | `mnist`         | 60,000, 10,000  | (28, 28)    | [0, 1] (pixel / 255)         | download, 12 MB     |

    A download happens at the first call and is kept in the user's cache; ALCHEMY_DATA names another folder,
    ALCHEMY_MIRROR another host (see `alchemy.data.download`).

    flatten       inputs become vectors, shape (n, d)
    standardize   subtract one number and divide by another, the mean and the standard deviation of all values
                  of all training inputs; the test inputs get the same two numbers
    knobs, seed   of `mnist1d` only: its `Mnist1d` settings and its random stream (default 42)
    Raises DataError for an unknown name, for `knobs` or `seed` where nothing is generated, and for a dataset
    that is absent or damaged.
    """
    if name not in names():
        raise DataError(
            f"no dataset is called {name!r}; expected one of {', '.join(names())}. "
            "Correct the name; how to add a dataset is said in CONTRIBUTING.md."
        )
    if name == "mnist1d":
        options = {} if seed is None else {"seed": seed}
        found = _make_mnist1d(knobs or Mnist1d(), **options)
    elif knobs is not None or seed is not None:
        given = "knobs" if knobs is not None else "seed"
        raise DataError(
            f"load({name!r}, {given}=...): {name} is fixed data; only mnist1d is generated and takes "
            f"{given}. Leave it out; for a random part of the data use .subset(n, seed=...)."
        )
    else:
        found = _FIXED[name]()
    if standardize:
        found = _standardized(found)
    return _flattened(found) if flatten else found


def _standardized(found: Dataset) -> Dataset:
    # float64 sums: in float32 the mean of 10^8 pixels drifts
    mean = np.float32(found.x_train.mean(dtype=np.float64))
    deviation = np.float32(found.x_train.std(dtype=np.float64))
    return replace(found, x_train=(found.x_train - mean) / deviation, x_test=(found.x_test - mean) / deviation)


def _flattened(found: Dataset) -> Dataset:
    return replace(
        found,
        x_train=found.x_train.reshape(len(found.x_train), -1),
        x_test=found.x_test.reshape(len(found.x_test), -1),
    )
