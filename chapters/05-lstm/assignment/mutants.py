"""Right and wrong solutions of assignment 05: each wrong one is a mistake that has a name."""
# ruff: noqa: E501 - each mutant is a source in a string

from __future__ import annotations

from course.items import Suite, changed

GRADIENT = '''
mine = work["no-underflow"]
sigmoid = lambda z: 1 / (1 + np.exp(-z))


def log_gradient(weights, drive, end):
    a, n = mine["leak"], len(end)
    h, jacobians = np.zeros(n), []
    for x in drive:
        u = weights[0] @ h + x[0]
        if mine["cell"] == "leaky":
            jacobians.append((1 - a) * np.eye(n) + a * np.diag(1 - np.tanh(u) ** 2) @ weights[0])
            h = (1 - a) * h + a * np.tanh(u)
            continue
        f = sigmoid(weights[1] @ h + x[1] + mine["bias"])
        df = np.diag(f * (1 - f)) @ weights[1]
        if mine["cell"] == "one gate":
            t = np.tanh(u)
            jacobians.append(np.diag(f) + np.diag(h - t) @ df + np.diag((1 - f) * (1 - t**2)) @ weights[0])
            h = f * h + (1 - f) * t
        else:
            new = np.tanh(f * h + (1 - f) * u)
            jacobians.append(np.diag(1 - new**2) @ (np.diag(f) + np.diag(h - u) @ df + np.diag(1 - f) @ weights[0]))
            h = new
    g, total, logs = np.asarray(end), 0.0, []
    for j in jacobians[::-1]:
        g = j.T @ g
        size = np.linalg.norm(g)
        total += np.log(size)
        g = g / size
        logs.append(total)
    return np.array(logs)
'''

GRADIENT_JAX = '''
from functools import partial

mine = work["no-underflow"]


@jax.jit
def back(weights, drive, end):
    def step(h, x):
        u = weights[0] @ h + x[0]
        if mine["cell"] == "leaky":
            return h + mine["leak"] * (jnp.tanh(u) - h)
        f = jax.nn.sigmoid(weights[1] @ h + x[1] + mine["bias"])
        return f * h + (1 - f) * jnp.tanh(u) if mine["cell"] == "one gate" else jnp.tanh(f * h + (1 - f) * u)

    states = jax.lax.scan(lambda h, x: (step(h, x), h), jnp.zeros_like(end), drive)[1]

    def pull(g, now):
        g = jax.vjp(lambda h: step(h, now[1]), now[0])[1](g)[0]
        size = jnp.linalg.norm(g)
        return g / size, jnp.log(size)

    return jax.lax.scan(pull, end, (states, drive), reverse=True)[1][::-1]


def log_gradient(weights, drive, end):
    return np.cumsum(np.asarray(back(jnp.asarray(weights), jnp.asarray(drive), jnp.asarray(end)), np.float64))
'''

PLAIN = (
    'g = j.T @ g\n        size = np.linalg.norm(g)\n        total += np.log(size)\n        g = g / size\n        logs.append(total)',
    'g = j.T @ g\n        logs.append(np.log(np.linalg.norm(g)))',
)

BIAS = '''
from scipy.optimize import brentq
from scipy.stats import norm

mine = work["half-life"]
u = np.linspace(-9, 9, 4001)
weight = norm.pdf(u) * (u[1] - u[0])


def gate(z):
    if mine["gate"] == "normal":
        return norm.cdf(z)
    if mine["gate"] == "arctan":
        return np.arctan2(1, -z) / np.pi
    if mine["gate"] == "Gumbel":
        return np.exp(-np.exp(-z))
    return np.where(z > 0, (1 + z / np.sqrt(1 + z**2)) / 2, 0.5 / (np.sqrt(1 + z**2) * (np.sqrt(1 + z**2) - z)))


def factor(b, s):
    f = gate(b + s * u)
    if mine["question"] == "typical":
        return np.exp(weight @ np.log(np.maximum(f, 1e-300)))
    return weight @ f if mine["question"] == "mean" else np.sqrt(weight @ f**2)


def bias(half_life, spread):
    return brentq(lambda b: factor(b, spread) - 0.5 ** (1 / half_life), -30, 1e4, xtol=1e-10)
'''

BIAS_BISECTION = '''
from scipy.special import log_ndtr, roots_hermitenorm

mine = work["half-life"]
x, w = roots_hermitenorm(150)
w = w / w.sum()


def log_gate(z):
    kind = mine["gate"]
    if kind == "normal":
        return log_ndtr(z)
    if kind == "Gumbel":
        return -np.exp(-z)
    if kind == "arctan":
        return np.log(np.where(z < -1, np.arctan(-1 / np.minimum(z, -1e-9)) / np.pi, 0.5 + np.arctan(z) / np.pi))
    theta = np.arctan2(1, -z)  # (1 + cos of the angle to the axis) / 2
    return 2 * np.log(np.sin(theta / 2))


def bias(half_life, spread):
    low, high = -30.0, 20000.0
    for _ in range(200):
        middle = (low + high) / 2
        logs = log_gate(middle + spread * x)
        if mine["question"] == "typical":
            found = w @ logs
        elif mine["question"] == "mean":
            found = np.log(w @ np.exp(logs))
        else:
            found = np.log(w @ np.exp(2 * logs)) / 2
        low, high = (middle, high) if found < -np.log(2) / half_life else (low, middle)
    return (low + high) / 2
'''

SEEDS = '''
from scipy.stats import binom, binomtest, beta

mine = work["seeds"]


def power(rate, bound, n):
    tail, k = (1 - mine["level"]) / 2, np.arange(n + 1)
    if mine["direction"] == "at least":
        held = np.where(k > 0, beta.ppf(tail, np.maximum(k, 0.5), n - k + 1), 0) >= bound
    else:
        held = np.where(k < n, beta.ppf(1 - tail, k + 1, np.maximum(n - k, 0.5)), 1) <= bound
    return binom.pmf(k, n, rate)[held].sum()


def seeds_needed(rate, bound):
    enough = np.array([power(rate, bound, n) >= mine["power"] for n in range(1, 301)])
    return int(np.flatnonzero(enough)[0]) + 1 if mine["question"] == "fewest" else int(np.flatnonzero(~enough)[-1]) + 2
'''

# The interval lies beyond the bound exactly where the one-sided tail at the bound is below half of the rest.
SEEDS_TAILS = '''
from scipy.stats import binom

mine = work["seeds"]


def seeds_needed(rate, bound):
    good = []
    for n in range(1, 301):
        k = np.arange(n + 1)
        tail = binom.sf(k - 1, n, bound) if mine["direction"] == "at least" else binom.cdf(k, n, bound)
        good.append(binom.pmf(k, n, rate)[tail <= (1 - mine["level"]) / 2].sum() >= mine["power"])
    if mine["question"] == "fewest":
        return good.index(True) + 1
    n = 300
    while good[n - 1]:
        n -= 1
    return n + 1
'''

LEAK = '''
x, y = work["leak"]["x"], work["leak"]["y"]
half = x.shape[1] // 2


def features(late):
    v = late[:, :, 0]
    return {"values": v, "marks": late[:, :, 1], "sorted": np.sort(v, 1), "squares": v**2}


def design(part):
    return np.hstack([part, np.ones((len(part), 1))])


fits = {name: np.linalg.lstsq(design(f), y, rcond=1e-12)[0] for name, f in features(x[:, half:]).items()}
left = {name: np.abs(design(f) @ fits[name] - y).max() for name, f in features(x[:, half:]).items()}
best = min(left, key=left.get)


def shortcut(late):
    return design(features(late)[best]) @ fits[best]
'''

LEAK_RULES = '''
x, y = work["leak"]["x"], work["leak"]["y"]


def statistics(late):
    v, m = late[:, :, 0], late[:, :, 1]
    n = v.shape[1]
    yield from (v[:, i] - v[:, j] for i in range(n) for j in range(n) if i != j)
    yield sum((-1) ** i * v[:, i] for i in range(n))
    yield from (m[:, i] for i in range(n))
    yield v.max(1) + v.min(1)
    yield (v * v).sum(1)


tried = []
for s in statistics(x[:, x.shape[1] // 2:]):
    line = np.polyfit(s, y, 1) if np.ptp(s) > 0 else np.zeros(2)
    tried.append((np.abs(np.polyval(line, s) - y).max(), line))
number = int(np.argmin([error for error, _ in tried]))


def shortcut(late):
    return np.polyval(tried[number][1], list(statistics(late))[number])
'''

SUITES = {
    "lstm/no-underflow": Suite(
        right={
            "Jacobians": changed(
                GRADIENT,
                (
                    "g, total, logs = np.asarray(end), 0.0, []",
                    "size = np.linalg.norm(end)\n    g, total, logs = np.asarray(end) / size, np.log(size), []",
                ),
            ),
            "vector-Jacobian products": changed(GRADIENT_JAX, ("return np.cumsum(", "return 0.0 + np.cumsum(")),
        },
        wrong={
            "a plain product": changed(GRADIENT, PLAIN),
            "a plain product with a floor": changed(
                GRADIENT, PLAIN, ("np.log(np.linalg.norm(g))", "np.log(np.linalg.norm(g) + 1e-30)")
            ),
            "a plain product in single precision": changed(
                GRADIENT,
                PLAIN,
                ("g, total, logs = np.asarray(end)", "g, total, logs = np.asarray(end, np.float32)"),
                ("g = j.T @ g", "g = j.T.astype(np.float32) @ g"),
            ),
            "Jacobians not transposed": changed(GRADIENT, ("j.T @ g", "j @ g")),
            "first step first": changed(GRADIENT, ("jacobians[::-1]", "jacobians")),
            "slope at the state before the weights": changed(
                GRADIENT, ("1 - np.tanh(u) ** 2", "1 - h**2"), ("1 - t**2", "1 - h**2"), ("1 - new**2", "1 - h**2")
            ),
            "only the kept part": changed(
                GRADIENT,
                ("+ a * np.diag(1 - np.tanh(u) ** 2) @ weights[0]", ""),
                ("+ np.diag((1 - f) * (1 - t**2)) @ weights[0]", ""),
                ("+ np.diag(1 - f) @ weights[0]", ""),
            ),
            "the kept part forgotten": changed(
                GRADIENT,
                ("(1 - a) * np.eye(n) + a", "a"),
                ("np.diag(f) + np.diag(h - t)", "np.diag(h - t)"),
                ("np.diag(f) + np.diag(h - u)", "np.diag(h - u)"),
            ),
            "one step late": changed(
                GRADIENT,
                ("for j in jacobians[::-1]:\n", "for j in jacobians[::-1]:\n        logs.append(total)\n"),
                ("        g = g / size\n        logs.append(total)", "        g = g / size"),
            ),
            "rates and not their sum": changed(GRADIENT, ("total += np.log(size)", "total = np.log(size)")),
            "decimal logarithms": changed(GRADIENT, ("np.log(size)", "np.log10(size)")),
            "extrapolated from the first steps": changed(
                GRADIENT, ("return np.array(logs)", "return logs[9] / 10 * np.arange(1, len(logs) + 1)")
            ),
        },
    ),
    "lstm/half-life": Suite(
        right={"roots": BIAS, "bisection on the logs": BIAS_BISECTION},
        wrong={
            "the sigmoid of the chapter": changed(BIAS, ("def gate(z):\n", "def gate(z):\n    return 1 / (1 + np.exp(-z))\n")),
            "the gate at rest": changed(BIAS, ("f = gate(b + s * u)", "f = gate(b + 0 * u)")),
            "variance for deviation": changed(BIAS, ("s * u", "s**2 * u")),
            "the mean outside": changed(
                BIAS, ("factor(b, spread) - 0.5 ** (1 / half_life)", "factor(b, spread) ** 2 - 0.5 ** (1 / half_life)")
            ),
            "1/e for one half": changed(BIAS, ("0.5 ** (1 / half_life)", "np.exp(-1 / half_life)")),
            "half-life of the squared gradient": changed(BIAS, ("0.5 ** (1 / half_life)", "0.5 ** (0.5 / half_life)")),
            "the logarithm for large half-lives": "def bias(half_life, spread):\n    return np.log(half_life / np.log(2))\n",
            "a linear approximation of the factor": changed(BIAS, ("0.5 ** (1 / half_life)", "1 - 0.5 / half_life")),
            "another mean": changed(
                BIAS,
                ('mine["question"] == "typical"', 'mine["question"] == "mean"'),
                ('weight @ f if mine["question"] == "mean"', 'weight @ f if mine["question"] == "mean square"'),
            ),
        },
    ),
    "lstm/seeds": Suite(
        right={"beta quantiles": SEEDS, "tails of the binomial": SEEDS_TAILS},
        wrong={
            "one-sided": changed(SEEDS, ('(1 - mine["level"]) / 2', '1 - mine["level"]')),
            "normal interval": changed(
                SEEDS,
                ("def power", "from scipy.stats import norm\n\n\ndef power"),
                (
                    "    return binom.pmf",
                    "    p, z = k / n, norm.isf(tail)\n    half = z * np.sqrt(p * (1 - p) / n)\n"
                    "    held = p - half >= bound if mine['direction'] == 'at least' else p + half <= bound\n    return binom.pmf",
                ),
            ),
            "Wilson's interval": changed(
                SEEDS,
                ("def power", "from scipy.stats import norm\n\n\ndef power"),
                (
                    "    return binom.pmf",
                    "    p, z = k / n, norm.isf(tail)\n"
                    "    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))\n"
                    "    held = (middle - half) / (1 + z * z / n) >= bound if mine['direction'] == 'at least' else (middle + half) / (1 + z * z / n) <= bound\n    return binom.pmf",
                ),
            ),
            "the estimate beyond the bound": changed(
                SEEDS,
                (
                    "    return binom.pmf",
                    "    held = k / n >= bound if mine['direction'] == 'at least' else k / n <= bound\n    return binom.pmf",
                ),
            ),
            "the other question": changed(SEEDS, ('== "fewest"', '!= "fewest"')),
            "the wrong side": changed(SEEDS, ('mine["direction"] == "at least"', 'mine["direction"] == "at most"')),
            "one too many": changed(SEEDS, ("[0]) + 1", "[0]) + 2"), ("[-1]) + 2", "[-1]) + 3")),
            "at the bound and not at the true rate": changed(
                SEEDS,
                ("binom.pmf(k, n, rate)", "binom.pmf(k, n, bound)"),
                ("int(np.flatnonzero(enough)[0]) + 1", "int(np.argmax(enough)) + 1"),
            ),
            "formula for a mean": changed(
                SEEDS,
                (
                    "def seeds_needed(rate, bound):\n",
                    "def seeds_needed(rate, bound):\n    from scipy.stats import norm\n"
                    "    z = norm.isf((1 - mine['level']) / 2) + norm.ppf(mine['power'])\n    return int(np.ceil(z**2 * rate * (1 - rate) / (rate - bound) ** 2))\n",
                ),
            ),
            "power one half": changed(SEEDS, ('>= mine["power"]', ">= 0.5")),
        },
    ),
    "lstm/leak": Suite(
        right={"four regressions": LEAK, "one rule after another": LEAK_RULES},
        wrong={
            "the mean": "def shortcut(late):\n    return np.full(len(late), work['leak']['y'].mean())\n",
            "values times marks": "def shortcut(late):\n    return (late[:, :, 0] * late[:, :, 1]).sum(1)\n",
            "nearest sequence": "x, y = work['leak']['x'], work['leak']['y']\ndef shortcut(late):\n    d = ((late[:, None] - x[None, :, x.shape[1] // 2:]) ** 2).sum((2, 3))\n    return y[d.argmin(1)]\n",
            "regression on the first half": changed(LEAK, ("x[:, half:]", "x[:, :half]")),
            "no intercept, and the worst of the fits": changed(LEAK, ("best = min(", "best = max(")),
            "the visible sums again": "def shortcut(late):\n    return work['leak']['y'][:len(late)]\n",
            "the sum of the late values": "def shortcut(late):\n    return late[:, :, 0].sum(1)\n",
            "the last value": "def shortcut(late):\n    return late[:, -1, 0]\n",
        },
    ),
}
