"""Right and wrong solutions of the demonstration."""

from __future__ import annotations

from course.items import Suite

POWER = 'p = work["weighted-mean"]["power"]\n'
MATRIX = 'm = work["largest"]["matrix"]\n'

SUITES = {
    "demo/weighted-mean": Suite(
        right={
            "average": POWER + "def weighted_mean(x, w):\n    return np.average(x**p, weights=w)",
            "loop": POWER + "def weighted_mean(x, w):\n    return sum(a**p * b for a, b in zip(x, w)) / sum(w)",
        },
        wrong={
            "no weights": POWER + "def weighted_mean(x, w):\n    return (x**p).mean()",
            "power of the mean": POWER + "def weighted_mean(x, w):\n    return np.average(x, weights=w)**p",
            "not normalized": POWER + "def weighted_mean(x, w):\n    return (x**p * w).sum()",
            "float32": POWER + "def weighted_mean(x, w):\n    return np.average(np.float32(x)**p, weights=np.float32(w))",
            "hard-coded": "def weighted_mean(x, w):\n    return 1.0",
        },
    ),
    "demo/largest": Suite(
        right={
            "svd": MATRIX + "largest = np.linalg.svd(m, compute_uv=False).max()",
            "eigenvalue": MATRIX + "largest = np.sqrt(np.linalg.eigvalsh(m.T @ m)[-1])",
        },
        wrong={
            "smallest": MATRIX + "largest = np.linalg.svd(m)[1][-1]",
            "spectral radius": MATRIX + "largest = np.abs(np.linalg.eigvals(m)).max()",
            "squared": MATRIX + "largest = np.linalg.eigvalsh(m.T @ m)[-1]",
            "frobenius": MATRIX + "largest = np.linalg.norm(m)",
            "largest entry": MATRIX + "largest = np.abs(m).max()",
        },
    ),
}
