"""Right and wrong solutions of assignment 06: each wrong one is a mistake that has a name."""
# ruff: noqa: E501 - each mutant is a source in a string

from __future__ import annotations

from course.items import Suite, changed

BACKWARD = '''
mine = work["backward"]


def backward(x, gain, g):
    kind, eps, part = mine["kind"], mine["eps"], mine["part"]
    size = part if kind == "groups" else x.shape[1]
    z, k = x.reshape(len(x), -1, size), (g * gain).reshape(len(x), -1, size)
    if kind in ("groups", "mean deviation"):
        z = z - z.mean(-1, keepdims=True)
    used = part if kind == "partial" else size
    if kind == "mean deviation":
        s = np.abs(z).mean(-1, keepdims=True) + eps
        ds = np.sign(z) / used
    else:
        s = np.sqrt((z[..., :used] ** 2).mean(-1, keepdims=True) + eps)
        ds = z * (np.arange(size) < used) / (used * s)
    back = k / s - ds * (k * z).sum(-1, keepdims=True) / s**2
    if kind in ("groups", "mean deviation"):
        back = back - back.mean(-1, keepdims=True)
    return back.reshape(x.shape)
'''

BACKWARD_FORWARD = '''
mine = work["backward"]


def forward_row(x, gain):
    kind, eps, part = mine["kind"], mine["eps"], mine["part"]
    mean = lambda v: sum(v) / len(v)
    if kind == "groups":
        return np.concatenate([forward_group(x[i:i + part], eps) for i in range(0, len(x), part)]) * gain
    if kind == "mean deviation":
        c = x - mean(x)
        return gain * c / (mean(c * np.sign(c.real)) + eps)
    return gain * x / np.sqrt(mean((x if kind != "partial" else x[:part]) ** 2) + eps)


def forward_group(x, eps):
    c = x - x.mean()
    return c / np.sqrt((c**2).mean() + eps)


def backward(x, gain, g):
    """A complex step of 1e-30 in each entry: a derivative without a difference."""
    back = np.zeros_like(x)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            row = x[i].astype(complex)
            row[j] += 1e-30j
            back[i, j] = g[i] @ forward_row(row, gain).imag / 1e-30
    return back
'''

SETTLED = '''
mine = work["settle"]


def settled(eta, decay, norm, start):
    kept = 1 - (eta * decay if mine["decay"] == "coupled" else decay)
    rest = eta * norm / np.sqrt(1 - kept**2)
    if mine["question"] == "angle":
        return np.degrees(np.arccos(kept))
    if mine["question"] == "effective rate":
        return eta / rest
    r, t = start**2, 0
    while abs(r - rest) > mine["within"] * rest:
        r = kept**2 * r + (eta * norm) ** 2 / r
        t += 1
    return t
'''

SETTLED_WALK = '''
mine = work["settle"]


def settled(eta, decay, norm, start):
    """Walk a vector in the plane, each step at right angles to where it stands."""
    w, lengths, angle = np.array([start, 0.0]), [start**2], 0.0
    for _ in range(4000):
        side = np.array([-w[1], w[0]]) / np.linalg.norm(w)
        step = eta * side * norm / np.linalg.norm(w)
        new = (w - eta * decay * w if mine["decay"] == "coupled" else (1 - decay) * w) - step
        angle = np.arctan2(abs(w[0] * new[1] - w[1] * new[0]), w @ new)
        w = new
        lengths.append(w @ w)
    if mine["question"] == "angle":
        return angle * 180 / np.pi
    if mine["question"] == "effective rate":
        return eta / lengths[-1]
    return int(np.argmax(np.abs(np.array(lengths) / lengths[-1] - 1) <= mine["within"]))
'''

COMPARED = '''
mine = work["equal-loss"]
rising = mine["scale"] != "loss"


def at_level(progress, shift):
    for k in range(len(progress)):
        if (progress[k] >= mine["level"]) if rising else (progress[k] <= mine["level"]):
            if k == 0:
                return np.log2(shift[0])
            share = (mine["level"] - progress[k - 1]) / (progress[k] - progress[k - 1])
            return np.log2(shift[k - 1]) + share * (np.log2(shift[k]) - np.log2(shift[k - 1]))
    return np.nan


def compared(progress_a, shift_a, progress_b, shift_b):
    by_step = np.mean(np.log2(shift_a) - np.log2(shift_b))
    a, b = (np.array([at_level(p, s) for p, s in zip(*arm)]) for arm in ((progress_a, shift_a), (progress_b, shift_b)))
    d = a - b
    d = d[np.isfinite(d)]
    return np.array([by_step, np.median(d) if mine["middle"] == "median" else np.mean(d), len(a) - len(d)])
'''

COMPARED_ARRAYS = '''
mine = work["equal-loss"]


def compared(progress_a, shift_a, progress_b, shift_b):
    sign = -1.0 if mine["scale"] == "loss" else 1.0
    level, found, never = sign * mine["level"], [], np.zeros(len(progress_a), bool)
    for p, s in ((sign * progress_a, shift_a), (sign * progress_b, shift_b)):
        best = np.maximum.accumulate(p, 1)  # the first crossing is where the record passes the level
        k = np.sum(best < level, 1)
        never |= k == p.shape[1]
        k = np.clip(k, 1, p.shape[1] - 1)
        rows = np.arange(len(p))
        share = np.clip((level - p[rows, k - 1]) / (p[rows, k] - p[rows, k - 1]), 0, None)
        found.append(s[rows, k - 1] ** (1 - share) * s[rows, k] ** share)
    ratio = np.log2(found[0][~never] / found[1][~never])
    return [np.log2(shift_a / shift_b).mean(), {"mean": np.mean, "median": np.median}[mine["middle"]](ratio), never.sum()]
'''

EXHIBIT = '''
mine = work["company"]


def blocks(f):
    return lambda train, test: np.concatenate([f(test[i:i + 5]) for i in range(0, len(test), 5)])


def running(train, test):
    m, v, out = train.mean(0), train.var(0), []
    for i in range(0, len(test), 5):
        part = test[i:i + 5]
        m, v = 0.9 * m + 0.1 * part.mean(0), 0.9 * v + 0.1 * part.var(0)
        out.append((part - m) / np.sqrt(v))
    return np.concatenate(out)


def others(train, test):
    out = []
    for i in range(len(test)):
        rest = np.concatenate([train, test[:i], test[i + 1:]])
        out.append((test[i] - rest.mean(0)) / rest.std(0))
    return np.array(out)


SUSPECTS = [
    lambda train, test: (test - test.mean(0)) / test.std(0),
    lambda train, test: (test - np.vstack([train, test]).mean(0)) / np.vstack([train, test]).std(0),
    lambda train, test: (test - test.mean(0)) / train.std(0),
    lambda train, test: (test - train.mean(0)) / test.std(0),
    blocks(lambda part: (part - part.mean(0)) / part.std(0)), running, others,
]
errors = [np.abs(f(mine["train"], mine["test"]) - mine["reported"]).max() for f in SUSPECTS]
exhibit = SUSPECTS[int(np.argmin(errors))]
'''

EXHIBIT_BY_CENTRE = '''
mine = work["company"]


def moments(name, train, test, i):
    """Centre and scale for test row i."""
    block = test[i // 5 * 5:i // 5 * 5 + 5]
    pool = {"test": test, "train": train, "both": np.r_[train, test], "five": block, "rest": np.r_[train, np.delete(test, i, 0)]}
    if name != "running":
        c, s = name.split("/")
        return pool[c].mean(0), pool[s].std(0)
    mean, square = train.mean(0), train.std(0) ** 2
    for j in range(0, i // 5 * 5 + 1, 5):
        mean += 0.1 * (test[j:j + 5].mean(0) - mean)
        square += 0.1 * (test[j:j + 5].var(0) - square)
    return mean, np.sqrt(square)


def apply(name, train, test):
    pairs = [moments(name, train, test, i) for i in range(len(test))]
    return np.array([(t - c) / s for t, (c, s) in zip(test, pairs)])


names = [f"{c}/{s}" for c in ("test", "train", "both", "five", "rest") for s in ("test", "train", "both", "five", "rest")] + ["running"]
name = min(names, key=lambda n: np.linalg.norm(apply(n, mine["train"], mine["test"]) - mine["reported"]))


def exhibit(train, test):
    return apply(name, train, test)
'''

SUITES = {
    "batch-normalization/backward": Suite(
        right={"formula": BACKWARD, "complex step": BACKWARD_FORWARD},
        wrong={
            "the statistics held constant": changed(BACKWARD, ("- ds * (k * z).sum(-1, keepdims=True) / s**2", "- 0 * ds")),
            "eps forgotten": changed(BACKWARD, ("mine[\"eps\"]", "0.0")),
            "gain forgotten": changed(BACKWARD, ("(g * gain)", "(g)")),
            "gain outside": changed(BACKWARD, ("(g * gain)", "(g)"), ("back.reshape(x.shape)", "gain * back.reshape(x.shape)")),
            "the batch's axis": changed(
                BACKWARD,
                (
                    "z, k = x.reshape(len(x), -1, size), (g * gain).reshape(len(x), -1, size)",
                    "x, g = x.T, (g * gain).T\n    size, used = x.shape[1], 0\n    z, k = x[:, None], g[:, None]",
                ),
                ("return back.reshape(x.shape)", "return back.reshape(x.shape).T"),
            ),
            "divided by one less": changed(BACKWARD, ("ds * (k * z).sum", "used / (used - 1) * ds * (k * z).sum")),
            "single precision": changed(
                BACKWARD,
                (
                    "    z, k = x.reshape",
                    "    x, g, gain = (np.asarray(v, np.float32) for v in (x, g, gain))\n    z, k = x.reshape",
                ),
            ),
            "not divided by the scale": changed(BACKWARD, ("back = k / s -", "back = k -")),
            "a sign": changed(BACKWARD, ("- ds *", "+ ds *")),
            "the chapter's batch normalization": "def backward(x, gain, g):\n    y = (x - x.mean(0)) / x.std(0)\n    g = g * gain\n    return (g - g.mean(0) - y * (g * y).mean(0)) / x.std(0)\n",
            "differences that are too small": changed(
                BACKWARD_FORWARD,
                (
                    "row = x[i].astype(complex)\n            row[j] += 1e-30j\n            back[i, j] = g[i] @ forward_row(row, gain).imag / 1e-30",
                    "row = x[i].copy()\n            row[j] += 1e-8\n            back[i, j] = g[i] @ (forward_row(row, gain) - forward_row(x[i], gain)) / 1e-8",
                ),
            ),
        },
    ),
    "batch-normalization/settle": Suite(
        right={"fixed point": SETTLED, "a walk in the plane": SETTLED_WALK},
        wrong={
            "small angles": "mine = work['settle']\ndef settled(eta, decay, norm, start):\n    p = eta * decay if mine['decay'] == 'coupled' else decay\n    rest = eta * norm / np.sqrt(2 * p)\n"
            "    if mine['question'] == 'angle':\n        return np.degrees(np.sqrt(2 * p))\n    return eta / rest if mine['question'] == 'effective rate' else round(1 / p)\n",
            "the other decay": changed(SETTLED, ('== "coupled"', '!= "coupled"')),
            "decay of the square counted once": changed(
                SETTLED, ("1 - kept**2", "1 - kept"), ("np.arccos(kept)", "np.arccos(np.sqrt(kept))"), ("kept**2 * r", "kept * r")
            ),
            "radians, length, one step late": changed(
                SETTLED,
                ("np.degrees(np.arccos(kept))", "np.arccos(kept)"),
                ("return eta / rest", "return rest"),
                ("return t", "return t + 1"),
            ),
            "gradient that does not feel the length": changed(
                SETTLED,
                ("(eta * norm) ** 2 / r", "(eta * norm) ** 2"),
                ("np.degrees(np.arccos(kept))", "np.degrees(np.arctan(eta * norm))"),
                ("rest = eta * norm / np.sqrt(1 - kept**2)", "rest = (eta * norm) ** 2 / (1 - kept**2)"),
            ),
            "no decay, as in the chapter": changed(
                SETTLED,
                (
                    "    if mine[\"question\"] == \"angle\"",
                    "    r = np.sqrt(start**4 + 2 * (eta * norm) ** 2 * 1000)\n    if mine[\"question\"] == \"angle\"",
                ),
                ("np.arccos(kept)", "np.arctan(eta * norm / r)"),
                ("return eta / rest", "return eta / r"),
                ("return t", "return 1000"),
            ),
            "length for its square": changed(
                SETTLED,
                ("r, t = start**2, 0", "r, t = start, 0"),
                ("return eta / rest", "return eta / np.sqrt(rest)"),
                ("np.arccos(kept)", "np.arctan(np.sqrt(1 - kept**2))"),
            ),
            "rate from the nominal": "def settled(eta, decay, norm, start):\n    return eta\n",
        },
    ),
    "batch-normalization/equal-loss": Suite(
        right={"seed by seed": COMPARED, "arrays": COMPARED_ARRAYS},
        wrong={
            "at equal step only": changed(
                COMPARED, ("np.median(d) if mine[\"middle\"] == \"median\" else np.mean(d)", "by_step")
            ),
            "b over a": changed(
                COMPARED,
                ("np.log2(shift_a) - np.log2(shift_b)", "np.log2(shift_b) - np.log2(shift_a)"),
                ("d = a - b", "d = b - a"),
            ),
            "the snapshot after, not between": changed(COMPARED, ("share = (mine", "share = 1 + 0 * (mine")),
            "the last crossing": changed(
                COMPARED,
                (
                    "    for k in range(len(progress)):\n        if (progress[k] >= mine[\"level\"]) if rising else (progress[k] <= mine[\"level\"]):",
                    "    for k in range(len(progress) - 1, 0, -1):\n        if (progress[k - 1] < mine[\"level\"]) if rising else (progress[k - 1] > mine[\"level\"]):",
                ),
            ),
            "who never arrives counts at the end": changed(COMPARED, ("return np.nan", "return np.log2(shift[-1])")),
            "natural logarithms": changed(COMPARED, ("np.log2", "np.log")),
            "the other direction of progress": changed(COMPARED, ('!= "loss"', '== "loss"')),
            "the other middle": changed(COMPARED, ('== "median"', '!= "median"')),
            "means of the curves first": changed(
                COMPARED,
                (
                    "a, b = (np.array([at_level(p, s) for p, s in zip(*arm)])",
                    "a, b = (np.array([at_level(arm[0].mean(0), arm[1].mean(0))] * len(progress_a))",
                ),
            ),
            "not paired": changed(
                COMPARED,
                (
                    "d = a - b\n    d = d[np.isfinite(d)]",
                    "d = np.array([np.nanmean(a) - np.nanmean(b)] * int(np.isfinite(a).sum()))",
                ),
            ),
        },
    ),
    "batch-normalization/company": Suite(
        right={"a list of suspects": EXHIBIT, "centre and scale apart": EXHIBIT_BY_CENTRE},
        wrong={
            "clean: training statistics": "def exhibit(train, test):\n    return (test - train.mean(0)) / train.std(0)\n",
            "one less in the deviation": changed(
                EXHIBIT,
                (
                    "exhibit = SUSPECTS[int(np.argmin(errors))]",
                    "chosen = SUSPECTS[int(np.argmin(errors))]\ndef exhibit(train, test):\n    return chosen(train, test) * np.sqrt(1 - 1 / len(test))",
                ),
            ),
            "over all columns at once": "def exhibit(train, test):\n    return (test - test.mean()) / test.std()\n",
            "rows and not columns": "def exhibit(train, test):\n    return (test - test.mean(1, keepdims=True)) / test.std(1, keepdims=True)\n",
            "the visible statistics again": "mine = work['company']\nA = [np.polyfit(mine['test'][:, j], mine['reported'][:, j], 1) for j in range(3)]\n"
            "def exhibit(train, test):\n    return np.stack([np.polyval(A[j], test[:, j]) for j in range(3)], 1)\n",
            "the visible answer": "def exhibit(train, test):\n    return work['company']['reported']\n",
            "the next suspect": changed(EXHIBIT, ("np.argmin(errors)", "np.argsort(errors)[1]")),
            "train and test exchanged": changed(
                EXHIBIT,
                (
                    "exhibit = SUSPECTS[int(np.argmin(errors))]",
                    "chosen = SUSPECTS[int(np.argmin(errors))]\ndef exhibit(train, test):\n    return chosen(test, train)[:len(test)]",
                ),
            ),
            "variance for deviation": changed(EXHIBIT, (".std(0)", ".var(0)"), ("np.sqrt(v)", "v")),
        },
    ),
}
