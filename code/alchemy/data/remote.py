"""The dataset that is downloaded when first asked for: MNIST.

Its checksums are those in torchvision (torchvision/datasets/mnist.py).
"""

from __future__ import annotations

import gzip
import math

import numpy as np
from jaxtyping import UInt8

from .dataset import DataError, Dataset
from .download import RemoteFile, fetch
from .shipped import DIGITS, MNIST_LICENCE

_IDX = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")  # fmt: skip
_HOSTS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_MD5 = ("f68b3c2dcbeaaa9fbdd348bbdeb94873", "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3", "ec29112dd5afa0611ce80d1b7f02629c")  # fmt: skip
FILES = {"mnist": tuple(RemoteFile("mnist", name, f"md5:{code}", _HOSTS) for name, code in zip(_IDX, _MD5, strict=True))}


def mnist() -> Dataset:
    """MNIST: x (n, 28, 28) in [0, 1]; 60,000 train, 10,000 test. 12 MB to download."""
    x, y, x_test, y_test = (
        parse_idx(gzip.decompress(path.read_bytes()), what=f"mnist: {path.name}") for path in map(fetch, FILES["mnist"])
    )
    x, x_test = (part.astype(np.float32) / np.float32(255) for part in (x, x_test))
    return Dataset(
        "mnist",
        x,
        y.astype(np.int32),
        x_test,
        y_test.astype(np.int32),
        DIGITS,
        MNIST_LICENCE,
        "Y. LeCun, C. Cortes, C. J. C. Burges: the MNIST database",
    )


def parse_idx(content: bytes, *, what: str) -> UInt8[np.ndarray, " *shape"]:
    """An array from IDX bytes: 0 0 8 (unsigned byte) d, then d big-endian 32-bit sizes, then the values.

    Raises DataError, which begins with `what`, for any other type or a wrong length.
    """
    header = 4 + 4 * content[3] if len(content) >= 4 else 4
    if content[:3] != b"\0\0\x08" or len(content) < header:
        raise DataError(
            f"{what}: not an IDX file of unsigned bytes; expected it to begin with 00 00 08, "
            f"found {content[:4].hex(' ')!r}. Delete the file and load again."
        )
    shape = tuple(np.frombuffer(content, ">u4", content[3], 4).tolist())
    if len(content) - header != math.prod(shape):
        raise DataError(
            f"{what}: {len(content) - header} values; expected {math.prod(shape)} for its shape {shape}. "
            "Delete the file and load again."
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
