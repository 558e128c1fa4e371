"""Right and wrong solutions of assignment 04: each wrong one is a mistake that has a name."""
# ruff: noqa: E501 - each mutant is a source in a string

from __future__ import annotations

from course.items import Suite, changed

from .mutants_control import SUITES as MORE

SIGNAL = '''
from scipy.special import erf

mine = work["signal"]
u = np.linspace(-8, 8, 257)
weight = np.exp(-u**2 / 2) * (u[1] - u[0]) / np.sqrt(2 * np.pi)


def phi(z):
    x, a = z / mine["a"], mine["a"]
    return a * {"sine": np.sin, "algebraic": lambda x: x / np.sqrt(1 + x**2), "arctan": np.arctan, "error function": lambda x: np.pi**0.5 / 2 * erf(x)}[mine["activation"]](x)


def both(q, c):
    v = c * u[:, None] + np.sqrt(max(1 - c**2, 0)) * u
    return weight @ (phi(np.sqrt(q) * u) * (phi(np.sqrt(q) * v) @ weight))


def fixed_point(sigma_w, sigma_b):
    strength = mine["strength"]
    own = 1 / strength if mine["change"] == "dropout" else 1
    alpha = strength if mine["change"] == "damped skip" else 0
    noise = strength**2 if mine["change"] == "private noise" else 0

    def length(q):
        return alpha**2 * q + own * sigma_w**2 * weight @ phi(np.sqrt(q) * u) ** 2 + sigma_b**2 + noise

    q = 1.0
    for _ in range(400):
        q = length(q)

    def after(c):
        return alpha**2 * c + (sigma_w**2 * both(q, c) + sigma_b**2) / q

    c = 0.5
    for _ in range(400):
        before, c = c, after(c)
        if abs(c - before) < 1e-8:
            break
    return np.array([q, c])
'''

SIGNAL_ROOTS = '''
from scipy.optimize import brentq
from scipy.special import erf
from alchemy.theory import mean_field

mine = work["signal"]
a, x = mine["a"], mine["strength"]


def phi(z):
    kind = mine["activation"]
    if kind == "sine":
        return a * np.sin(z / a)
    if kind == "arctan":
        return a * np.arctan(z / a)
    return a * np.pi**0.5 / 2 * erf(z / a) if kind == "error function" else z / np.sqrt(1 + (z / a) ** 2)


def fixed_point(sigma_w, sigma_b):
    alone, kept, extra = 1.0, 0.0, 0.0
    if mine["change"] == "dropout":
        alone = 1 / x
    elif mine["change"] == "damped skip":
        kept = x
    else:
        extra = x * x
    square = lambda q: float(mean_field.gaussian_mean(lambda z: phi(z) ** 2, q))
    q = brentq(lambda q: kept**2 * q + alone * sigma_w**2 * square(q) + sigma_b**2 + extra - q, 1e-8, 1e4)
    excess = lambda c: kept**2 * c + (sigma_w**2 * float(mean_field.gaussian_pair_mean(phi, q, c)) + sigma_b**2) / q - c
    top = 1 - 1e-7 if kept else 1.0
    return [q, brentq(excess, 0, top) if excess(top) < 0 else 1.0]
'''

FANS = '''
mine = work["wrong-fan"]
a = mine["leak"]
he = lambda fan: np.sqrt(2 / (1 + a**2) / fan)
CANDIDATES = {
    "fan-out": lambda k, i, o, g: he(k * k * o / g), "no kernel": lambda k, i, o, g: he(i / g), "one side": lambda k, i, o, g: he(k * i / g),
    "mean": lambda k, i, o, g: he(k * k * (i + o) / 2 / g), "groups": lambda k, i, o, g: he(k * k * i),
    "no root": lambda k, i, o, g: he(k * k * i / g) ** 2, "uniform": lambda k, i, o, g: he(k * k * i / g) / 3**0.5,
    "truncated": lambda k, i, o, g: 0.8796256610342398 * he(k * k * i / g), "no leak": lambda k, i, o, g: np.sqrt(2 * g / (k * k * i)),
    "leak": lambda k, i, o, g: np.sqrt(2 * g / (1 + a) / (k * k * i)),
}
errors = {name: np.sum(np.log([f(*map(int, row)) for row in mine["layers"]] / mine["measured"]) ** 2) for name, f in CANDIDATES.items()}
found = CANDIDATES[min(errors, key=errors.get)]


def growth(kernel, channels_in, channels_out, groups):
    return found(kernel, channels_in, channels_out, groups) ** 2 * kernel**2 * channels_in / groups * (1 + a**2) / 2
'''

# A regression on the logs finds the powers; a constant that no power explains is rounded to one from a short list.
FANS_REGRESSION = '''
from scipy.stats import truncnorm

mine = work["wrong-fan"]
a, (k, i, o, g) = mine["leak"], mine["layers"].astype(float).T
gain = 2 / (1 + a * a)
log = np.log(mine["measured"] ** 2)
basis = np.stack([np.log(k), np.log(i), np.log(o), np.log(g), np.ones(len(k))], 1)
weights = 1 / np.sqrt(1 / (k * k * i * o / g))
coef = np.linalg.lstsq(basis * weights[:, None], log * weights, rcond=None)[0]
fit = np.abs(basis @ coef - log).max()
powers = np.round(coef[:4])
both = np.abs(log - np.log(gain * 2 * g / (k * k * (i + o)))).max() < 0.12
if both:
    factor = lambda K, I, O, G: 2 * I / (I + O)
else:
    constant = np.average(log - basis[:, :4] @ powers, weights=weights**2)
    if powers[1] == -2:
        factor = lambda K, I, O, G: gain * G / (K * K * I)
    else:
        known = [1.0, 1 / 3, float(truncnorm(-2, 2).std() ** 2), 1 + a * a, (1 + a * a) / (1 + a)]
        times = min(known, key=lambda x: abs(constant - np.log(gain * x)))
        factor = lambda K, I, O, G: times * K ** (powers[0] + 2) * I ** (powers[1] + 1) * O ** powers[2] * G ** (powers[3] - 1)


def growth(kernel, channels_in, channels_out, groups):
    return float(factor(float(kernel), float(channels_in), float(channels_out), float(groups)))
'''

LINEAR = '''
from scipy.special import digamma, polygamma

mine = work["linear-net"]


def log_length(widths, kind):
    mean = variance = 0.0
    for n, m in zip(widths[:-1], widths[1:]):
        if kind == "gaussian":
            fan = {"fan in": n, "fan out": m, "both": (n + m) / 2}[mine["fan"]]
            mean += digamma(m / 2) + np.log(2) - np.log(fan)
            variance += polygamma(1, m / 2)
        elif m < n:
            mean += digamma(m / 2) - digamma(n / 2)
            variance += polygamma(1, m / 2) - polygamma(1, n / 2)
        mean += 2 * np.log(mine["gain"])
    if mine["length"] == "mean of squares":
        mean -= np.log(widths[-1] / widths[0])
    return np.array([mean, variance])
'''

LINEAR_DISTRIBUTIONS = '''
from scipy import stats
from scipy.integrate import quad

mine = work["linear-net"]


known = {}  # widths come again


def moments(density, low, high):
    first, second = (quad(lambda y, p=p: y**p * density(y), low, high, epsabs=1e-11, limit=400)[0] for p in (1, 2))
    return first, second - first**2


def log_length(widths, kind):
    total = np.zeros(2)
    for n, m in zip(map(int, widths[:-1]), map(int, widths[1:])):
        shift = 2 * np.log(mine["gain"]) - (np.log(m / n) if mine["length"] == "mean of squares" else 0)
        if kind == "gaussian":  # of log chi^2
            if m not in known:
                known[m] = moments(lambda y: np.exp(y + stats.chi2.logpdf(np.exp(y), m)), -60, 6)
            first, spread = known[m]
            shift -= np.log({"fan in": n, "fan out": m, "both": (n + m) / 2}[mine["fan"]])
        elif m < n:
            first, spread = moments(lambda y: np.exp(y + stats.beta.logpdf(np.exp(y), m / 2, (n - m) / 2)), -60, -1e-14) if n - m > 1 else (None, None)
            if first is None:  # an integrable pole at 1: substitute y = -t^2
                f = lambda t, p: (-t * t) ** p * 2 * t * np.exp(-t * t + stats.beta.logpdf(np.exp(-t * t), m / 2, 0.5))
                first, second = (quad(lambda t, p=p: f(t, p), 1e-7, 7.5, epsabs=1e-11, limit=400)[0] for p in (1, 2))
                spread = second - first**2
        else:
            first, spread = 0.0, 0.0
        total += [first + shift, spread]
    return total
'''

SUITES = {
    "initialization/signal": Suite(
        right={"iteration, own quadrature": SIGNAL, "roots, the library's quadrature": SIGNAL_ROOTS},
        wrong={
            "the change ignored": changed(
                SIGNAL,
                ("own = 1 / strength if mine[\"change\"] == \"dropout\" else 1", "own = 1"),
                ("alpha = strength if mine[\"change\"] == \"damped skip\" else 0", "alpha = 0"),
                ("noise = strength**2 if mine[\"change\"] == \"private noise\" else 0", "noise = 0"),
            ),
            "strength not squared": changed(
                SIGNAL,
                ("1 / strength if", "1 / strength**2 if"),
                ("alpha**2", "alpha"),
                ("strength**2 if mine[\"change\"] == \"private", "strength if mine[\"change\"] == \"private"),
            ),
            "what is private counted as shared": changed(
                SIGNAL,
                (
                    "return alpha**2 * c + (sigma_w**2 * both(q, c) + sigma_b**2) / q",
                    "return (own * sigma_w**2 * both(q, c) + sigma_b**2 + noise + alpha**2 * q) / q",
                ),
            ),
            "the chapter's tanh": changed(SIGNAL, ("return a * {", "return np.tanh(z)\n    return a * {")),
            "scale of the activation forgotten": changed(SIGNAL, ("x, a = z / mine[\"a\"], mine[\"a\"]", "x, a = z, 1.0")),
            "deviation taken for variance": changed(SIGNAL, ("sigma_w**2", "sigma_w"), ("sigma_b**2", "sigma_b")),
            "root of q forgotten": changed(SIGNAL, ("np.sqrt(q) *", "q *")),
            "map at length 1, not at the fixed point": changed(
                SIGNAL, ("for _ in range(400):\n        q = length(q)", "for _ in range(1):\n        q = length(q)")
            ),
            "too few layers and correlation always 1": changed(SIGNAL, ("return np.array([q, c])", "return np.array([q, 1.0])")),
            "not divided by the length": changed(
                SIGNAL, ("(sigma_w**2 * both(q, c) + sigma_b**2) / q", "sigma_w**2 * both(q, c) + sigma_b**2")
            ),
            "the demonstration's numbers": "def fixed_point(sigma_w, sigma_b):\n    return np.array([0.7071, 0.5])\n",
        },
    ),
    "initialization/wrong-fan": Suite(
        right={"a list of suspects": FANS, "regression on the logs": FANS_REGRESSION},
        wrong={
            "assumes it is right": "def growth(kernel, channels_in, channels_out, groups):\n    return 1.0\n",
            "mean of the measured layers": "mine = work['wrong-fan']\nk, i, o, g = mine['layers'].T\nseen = np.mean(mine['measured'] ** 2 * k**2 * i / g)\n"
            "def growth(kernel, channels_in, channels_out, groups):\n    return seen * (1 + mine['leak'] ** 2) / 2\n",
            "nearest measured layer": "mine = work['wrong-fan']\ndef growth(kernel, channels_in, channels_out, groups):\n"
            "    row = np.argmin(np.abs(np.log(mine['layers'] / [kernel, channels_in, channels_out, groups])).sum(1))\n"
            "    return mine['measured'][row] ** 2 * kernel**2 * channels_in / groups * (1 + mine['leak'] ** 2) / 2\n",
            "leak left out of the growth": changed(FANS, ("* (1 + a**2) / 2\n", "/ 2\n")),
            "half for the rectifier forgotten": changed(FANS, ("* (1 + a**2) / 2\n", "* (1 + a**2)\n")),
            "deviation for variance": changed(
                FANS, ("(kernel, channels_in, channels_out, groups) ** 2 *", "(kernel, channels_in, channels_out, groups) *")
            ),
            "sums over the fan out": changed(
                FANS, ("kernel**2 * channels_in / groups * (1", "kernel**2 * channels_out / groups * (1")
            ),
            "groups forgotten in the sum": changed(FANS, ("kernel**2 * channels_in / groups * (1", "kernel * channels_in * (1")),
            "the least likely suspect": changed(FANS, ("min(errors", "max(errors")),
        },
    ),
    "initialization/linear-net": Suite(
        right={"digamma": LINEAR, "integrals over the densities": LINEAR_DISTRIBUTIONS},
        wrong={
            "infinite width": "def log_length(widths, kind):\n    return np.array([2 * (len(widths) - 1) * np.log(work['linear-net']['gain']), 0.0])\n",
            "log of the mean": changed(
                LINEAR,
                ("digamma(m / 2) + np.log(2) - np.log(fan)", "np.log(m / fan)"),
                ("digamma(m / 2) - digamma(n / 2)", "np.log(m / n)"),
            ),
            "first order in one over the width": changed(
                LINEAR,
                ("digamma(m / 2) + np.log(2)", "np.log(m) - 1 / m"),
                ("polygamma(1, m / 2)\n        elif", "2 / m\n        elif"),
                ("digamma(m / 2) - digamma(n / 2)", "np.log(m / n) - 1 / m + 1 / n"),
                ("polygamma(1, m / 2) - polygamma(1, n / 2)", "2 / m - 2 / n"),
            ),
            "the width before for the width behind": changed(
                LINEAR, ("zip(widths[:-1], widths[1:])", "zip(widths[1:], widths[:-1])")
            ),
            "degrees of freedom not halved": changed(LINEAR, ("m / 2)", "m)"), ("n / 2)", "n)")),
            "deviation for variance": changed(LINEAR, ("np.array([mean, variance])", "np.array([mean, np.sqrt(variance)])")),
            "gain once": changed(LINEAR, ("2 * np.log(mine", "np.log(mine")),
            "last layer forgotten": changed(LINEAR, ("zip(widths[:-1], widths[1:])", "zip(widths[:-2], widths[1:-1])")),
            "the other length": changed(LINEAR, ('== "mean of squares"', '!= "mean of squares"')),
            "a hundred simulated nets": "rng = np.random.default_rng(0)\nmine = work['linear-net']\ndef log_length(widths, kind):\n    logs = []\n    for _ in range(100):\n"
            "        x = rng.standard_normal(widths[0]); before = x @ x\n        for n, m in zip(widths[:-1], widths[1:]):\n"
            "            w = rng.standard_normal((m, n)) / np.sqrt({'fan in': n, 'fan out': m, 'both': (n + m) / 2}[mine['fan']])\n"
            "            if kind == 'orthogonal':\n                q = np.linalg.qr(w if m > n else w.T)[0]\n                w = q if m > n else q.T\n"
            "            x = mine['gain'] * w @ x\n        logs.append(np.log(x @ x / before))\n"
            "    shift = np.log(widths[0] / widths[-1]) if mine['length'] == 'mean of squares' else 0\n    return [np.mean(logs) + shift, np.var(logs)]\n",
        },
    ),
} | MORE
