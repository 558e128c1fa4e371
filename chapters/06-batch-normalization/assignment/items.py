"""Assignment 06: the way back through a normalization, where weights settle, equal step or equal loss, company."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from course.items import Item, Score, close

# --- backward -----------------------------------------------------------------------------------------------------------

KINDS = ("root mean square", "groups", "mean deviation", "partial")


def forward(variant: dict[str, Any], x: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Normalize each row of x (n, d), then multiply by the gain (d,)."""
    kind, eps, part = variant["kind"], variant["eps"], int(variant["part"])
    if kind == "root mean square":
        return gain * x / np.sqrt((x**2).mean(1, keepdims=True) + eps)
    if kind == "partial":  # the first `part` units alone set the scale
        return gain * x / np.sqrt((x[:, :part] ** 2).mean(1, keepdims=True) + eps)
    if kind == "mean deviation":
        c = x - x.mean(1, keepdims=True)
        return gain * c / (np.abs(c).mean(1, keepdims=True) + eps)
    blocks = x.reshape(len(x), -1, part)  # groups of `part` units
    c = blocks - blocks.mean(2, keepdims=True)
    return gain * (c / np.sqrt((c**2).mean(2, keepdims=True) + eps)).reshape(x.shape)


def backward_reference(variant: dict[str, Any], x: np.ndarray, gain: np.ndarray, g: np.ndarray) -> np.ndarray:
    """The gradient with respect to x, where g (n, d) is the gradient with respect to forward(x, gain)."""
    x, k = np.asarray(x, np.float64), g * gain
    kind, eps, part = variant["kind"], variant["eps"], int(variant["part"])
    if kind == "root mean square":
        s = np.sqrt((x**2).mean(1, keepdims=True) + eps)
        return k / s - x * (k * x).mean(1, keepdims=True) / s**3
    if kind == "partial":
        s = np.sqrt((x[:, :part] ** 2).mean(1, keepdims=True) + eps)
        first = np.arange(x.shape[1]) < part
        return k / s - first * x * (k * x).sum(1, keepdims=True) / (part * s**3)
    if kind == "mean deviation":
        c = x - x.mean(1, keepdims=True)
        s = np.abs(c).mean(1, keepdims=True) + eps
        back = k / s - np.sign(c) * (k * c).mean(1, keepdims=True) / s**2
        return back - back.mean(1, keepdims=True)
    c, k = x.reshape(len(x), -1, part), k.reshape(len(x), -1, part)
    c = c - c.mean(2, keepdims=True)
    s = np.sqrt((c**2).mean(2, keepdims=True) + eps)
    back = k / s - c * (k * c).mean(2, keepdims=True) / s**3
    return (back - back.mean(2, keepdims=True)).reshape(x.shape)


def _backward_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {"kind": str(rng.choice(KINDS)), "eps": float(rng.choice([0.1, 0.2, 0.3])), "part": int(rng.choice([3, 4]))}


def _backward_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    """Rows with a large mean, which single precision pays for; small rows, where eps counts."""
    shape, probes = (5, 12), []
    for mean, scale in ((0.5, 1.0), (-0.3, 0.4), (300.0, 0.5), (-500.0, 0.3)):
        probes.append((mean + scale * rng.normal(size=shape), rng.normal(1, 0.4, shape[1]), rng.normal(size=shape)))
    return probes


def _backward_compare(found: Any, expected: Any, variant: dict[str, Any], arguments: tuple) -> Score:
    """To 1e-9 of the largest entry: double precision, and no difference quotient."""
    hint = "Compare with differences of your forward pass, (f(x + h) - f(x - h)) / 2h, one entry at a time."
    return close(0.0, 1e-9 * float(np.abs(expected).max()), hint=hint)(found, expected, variant, arguments)


# --- settle -------------------------------------------------------------------------------------------------------------

DECAYS = ("coupled", "decoupled")


def settle_reference(variant: dict[str, Any], eta: float, decay: float, norm: float, start: float) -> float:
    """Square r of the length under steps at right angles: r -> kept^2 r + eta^2 norm^2 / r."""
    kept = 1 - (eta * decay if variant["decay"] == "coupled" else decay)
    rest = eta * norm / np.sqrt(1 - kept**2)
    if variant["question"] == "angle":
        return float(np.degrees(np.arctan2(eta * norm / np.sqrt(rest), kept * np.sqrt(rest))))
    if variant["question"] == "effective rate":
        return float(eta / rest)
    r, steps = start**2, 0
    while abs(r / rest - 1) > variant["within"]:
        r, steps = kept**2 * r + (eta * norm) ** 2 / r, steps + 1
    return float(steps)


def _settle_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "decay": str(rng.choice(DECAYS)),
        "question": str(rng.choice(["angle", "effective rate", "steps"])),
        "within": float(rng.choice([0.05, 0.1, 0.2])),
    }


def _settle_probes(variant: dict[str, Any], rng: np.random.Generator) -> list[tuple]:
    """Decays strong enough to tell the exact angle from its small-angle form; starts far from rest on both sides."""
    probes: list[tuple] = []
    while len(probes) < 6:
        eta, product = float(rng.choice([0.5, 0.8, 1.5, 2.0])), float(rng.uniform(0.06, 0.2))
        decay = product / eta if variant["decay"] == "coupled" else product
        norm = float(rng.uniform(0.3, 3))
        rest = np.sqrt(eta * norm / np.sqrt(1 - (1 - product) ** 2))
        start = float(rest * (rng.uniform(3, 12) if len(probes) % 2 else rng.uniform(1.8, 3)))
        probe = (eta, decay, norm, start)
        near = [
            abs(settle_reference(variant | {"within": w}, *probe) - settle_reference(variant, *probe))
            for w in (variant["within"] * 0.999, variant["within"] * 1.001)
        ]
        if max(near) == 0:
            probes.append(probe)
    return probes


# --- equal-loss ---------------------------------------------------------------------------------------------------------

SCALES = ("loss", "accuracy", "distance")


def _reading(progress: np.ndarray, quantity: np.ndarray, level: float, rising: bool) -> float:
    """log2 of the quantity where the progress first reaches the level, straight between snapshots; NaN if it never does."""
    hit = progress >= level if rising else progress <= level
    if not hit.any():
        return float("nan")
    k = int(np.argmax(hit))
    if k == 0:
        return float(np.log2(quantity[0]))
    share = (level - progress[k - 1]) / (progress[k] - progress[k - 1])
    return float((1 - share) * np.log2(quantity[k - 1]) + share * np.log2(quantity[k]))


def equal_reference(
    variant: dict[str, Any], progress_a: np.ndarray, shift_a: np.ndarray, progress_b: np.ndarray, shift_b: np.ndarray
) -> np.ndarray:
    """Mean log2 ratio of the shift, a over b, at equal step (all snapshots) and at the level; and the seeds lost."""
    rising, level = variant["scale"] != "loss", variant["level"]
    step = np.log2(np.asarray(shift_a) / shift_b).mean()
    pairs = [
        (_reading(pa, sa, level, rising), _reading(pb, sb, level, rising))
        for pa, sa, pb, sb in zip(progress_a, shift_a, progress_b, shift_b, strict=True)
    ]
    differences = np.array([a - b for a, b in pairs])
    lost = np.isnan(differences)
    middle = np.median if variant["middle"] == "median" else np.mean
    return np.array([step, middle(differences[~lost]), lost.sum()])


def _curves(variant: dict[str, Any], rng: np.random.Generator) -> tuple:
    """Two arms: b makes slower progress. The shift grows with progress; at equal progress a has less, at equal step more."""
    seeds, times = 8, 16
    t = np.arange(times)
    for _ in range(200):
        arms = []
        for speed, factor in ((0.34, 0.72), (0.12, 1.0)):
            done = np.clip(1 - np.exp(-speed * np.exp(0.25 * rng.normal(size=(seeds, 1))) * t), 0, 1)
            shift = factor * 0.1 * np.exp(2.2 * done + 0.08 * rng.normal(size=done.shape))
            wobble = done + 0.03 * rng.normal(size=done.shape)  # not monotone: the first crossing counts
            arms += [
                {
                    "loss": 2.3 * np.exp(-2 * wobble),
                    "accuracy": 0.1 + 0.8 * wobble,
                    "distance": 5 * np.maximum.accumulate(wobble) + 0.01 * t,
                }[variant["scale"]],
                shift,
            ]
        found = equal_reference(variant, *arms)
        rising = variant["scale"] != "loss"
        first = np.concatenate([p[:, 0] for p in arms[::2]])
        begun = (first >= variant["level"]).any() if rising else (first <= variant["level"]).any()
        crossings = [np.diff((p >= variant["level"]).astype(int), axis=1) for p in arms[::2]]
        wobbles = variant["scale"] == "distance" or any(((c != 0).sum(1) > 1).any() for c in crossings)
        if 1 <= found[2] <= 4 and found[0] > 0.03 and found[1] < -0.05 and not begun and wobbles:
            return tuple(arms)
    raise RuntimeError("no curves")


def _equal_variant(rng: np.random.Generator) -> dict[str, Any]:
    scale = str(rng.choice(SCALES))
    level = {"loss": [0.5, 0.52], "accuracy": [0.7, 0.71], "distance": [3.9, 4.0]}[scale]
    variant = {"scale": scale, "level": float(rng.choice(level)), "middle": str(rng.choice(["mean", "median"]))}
    names = ("progress_a", "shift_a", "progress_b", "shift_b")
    return variant | {k: np.round(v, 4) for k, v in zip(names, _curves(variant, rng), strict=True)}


# --- company ------------------------------------------------------------------------------------------------------------

PIPELINES = (
    "test batch",
    "train and test",
    "test mean",
    "test deviation",
    "updated while testing",
    "batches of five",
    "leave one out",
)


def normalized(pipeline: str, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The test rows (m, d) as this evaluation normalizes them; each one lets a row feel its neighbours."""
    mu, sd = train.mean(0), train.std(0)
    if pipeline == "test batch":
        mu, sd = test.mean(0), test.std(0)
    if pipeline == "train and test":
        both = np.concatenate([train, test])
        mu, sd = both.mean(0), both.std(0)
    if pipeline == "test mean":
        mu = test.mean(0)
    if pipeline == "test deviation":
        sd = test.std(0)
    if pipeline == "leave one out":  # each row by the statistics of the training rows and the other test rows
        rows = [np.concatenate([train, np.delete(test, i, 0)]) for i in range(len(test))]
        return np.stack([(t - r.mean(0)) / r.std(0) for t, r in zip(test, rows, strict=True)])
    if pipeline == "batches of five":
        return np.concatenate([(b - b.mean(0)) / b.std(0) for b in np.split(test, range(5, len(test), 5))])
    if pipeline == "updated while testing":  # running averages that go on, batches of five, then used on that batch
        mean, square, out = mu, sd**2, []
        for b in np.split(test, range(5, len(test), 5)):
            mean, square = 0.9 * mean + 0.1 * b.mean(0), 0.9 * square + 0.1 * b.var(0)
            out.append((b - mean) / np.sqrt(square))
        return np.concatenate(out)
    return (test - mu) / sd


def _rows(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    d = 3
    return rng.normal(rng.normal(size=d), np.exp(0.3 * rng.normal(size=d)), (30, d)), rng.normal(rng.normal(size=d), 1.5, (15, d))


def _company_variant(rng: np.random.Generator) -> dict[str, Any]:
    train, test = (np.round(r, 4) for r in _rows(rng))
    return {"train": train, "test": test, "reported": normalized(str(rng.choice(PIPELINES)), train, test)}


def pipeline_of(variant: dict[str, Any]) -> str:
    train, test, reported = (np.asarray(variant[k], float) for k in ("train", "test", "reported"))
    return min(PIPELINES, key=lambda p: np.abs(normalized(p, train, test) - reported).max())


def company_reference(variant: dict[str, Any], train: np.ndarray, test: np.ndarray) -> np.ndarray:
    return normalized(pipeline_of(variant), np.asarray(train, float), np.asarray(test, float))


# --- sorted-bet ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _digits() -> tuple[np.ndarray, ...]:
    from alchemy import data

    found = data.load("mnist5k")
    small = [
        x[:, 4:24, 4:24].reshape(len(x), 10, 2, 10, 2).mean((2, 4)).reshape(len(x), -1).astype(np.float64)
        for x in (found.x_train, found.x_test)
    ]
    return small[0], found.y_train, small[1], found.y_test


def _bet_variant(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "digit": int(rng.integers(10)),
        "share": float(rng.choice([0.25, 0.5, 0.75])),
        "batch": int(rng.choice([8, 16, 32])),
        "statistics": str(rng.choice(["centre", "scale", "both"])),
        "seed": int(rng.integers(1, 10_000)),
    }


def company_bet(variant: dict[str, Any]) -> float:
    """Points of accuracy on one digit that a normalized ridge classifier loses if the digit fills a share of the batch."""
    x, y, x_test, y_test = _digits()
    setup, rng = variant, np.random.default_rng(int(variant["seed"]))
    m, centre = int(setup["batch"]), x.mean(0)

    def together(rows: np.ndarray) -> np.ndarray:  # pixels that hardly vary are left in peace
        moved = rows - (centre if setup["statistics"] == "scale" else rows.mean(0))
        return moved if setup["statistics"] == "centre" else moved / (rows.std(0) + 0.1)

    order = rng.permutation(len(x))[: len(x) // m * m].reshape(-1, m)
    train = np.concatenate([together(x[rows]) for rows in order])
    ridge = np.linalg.solve(train.T @ train + 10 * np.eye(100), train.T @ (np.eye(10)[y[order.ravel()]] - 0.1))
    own, found = np.flatnonzero(y_test == setup["digit"]), []
    for company in (0, round(setup["share"] * m) - 1):  # so many more images of the same digit
        right = 0
        for i in np.tile(own, 3):
            rows = np.concatenate([[i], rng.choice(own, company), rng.integers(len(x_test), size=m - 1 - company)])
            right += (together(x_test[rows])[0] @ ridge).argmax() == setup["digit"]
        found.append(100 * right / (3 * len(own)))
    return float(found[0] - found[1])


ITEMS = [
    Item(
        "batch-normalization/backward",
        12,
        "function",
        "backward",
        _backward_variant,
        _backward_probes,
        backward_reference,
        _backward_compare,
        tolerance="Rows far from zero are there so that single precision and difference quotients fail.",
    ),
    Item(
        "batch-normalization/settle",
        11,
        "function",
        "settled",
        _settle_variant,
        _settle_probes,
        settle_reference,
        close(1e-3, 1e-9, hint="Run the recursion of the squared length for a thousand steps and read your quantity off it."),
        tolerance="One right solution walks 4,000 steps in the plane; 0.1 % lets a simulation pass and no small-angle formula.",
    ),
    Item(
        "batch-normalization/equal-loss",
        11,
        "function",
        "compared",
        _equal_variant,
        lambda variant, rng: [_curves(variant, rng) for _ in range(5)],
        equal_reference,
        close(
            0.0, 2e-3, hint="Draw one seed of each arm with its crossing; then a seed that wobbles, and one that never arrives."
        ),
        tolerance="0.002 is for curves read in single precision.",
    ),
    Item(
        "batch-normalization/company",
        11,
        "function",
        "exhibit",
        _company_variant,
        lambda variant, rng: [_rows(rng) for _ in range(5)],
        company_reference,
        close(
            0.0,
            1e-5,
            hint="Undo it: regress the reported column on the test column, row block by row block. What centre, what scale?",
        ),
        tolerance="1e-5 is for single precision.",
    ),
    Item(
        "batch-normalization/sorted-bet",
        5,
        "prediction",
        scale=18,  # the deviation in spread.json
        variant=_bet_variant,
        reference=company_bet,
        tolerance="None: the bet is scored against the fall as it is measured; over 24 students it lies between -3 and 49 "
        "points, with the middle half between 5 and 28.",
    ),
    Item("batch-normalization/essay", 50, "essay"),
]
