"""Right and wrong solutions of assignment 02. Each source runs after the assignment's set-up."""

from course.items import Suite, answering

from .mutants_contest import SUITES as MORE

DRAWS = '''
v = work["spectral-measure"]
a, b, name = v["a"], v["b"], v["kernel"]

def sampled(r, m, a=a, b=b):
    """m frequencies."""
    if name == "sinc":
        return r.uniform(-a, a, m)
    if name == "sinc squared":
        return r.uniform(-a, a, m) + r.uniform(-a, a, m)
    if name == "hyperbolic":
        return a * 2 / np.pi * np.log(np.tan(np.pi / 2 * r.uniform(1e-12, 1, m)))
    if name == "once smooth":
        return a * r.standard_t(3, m) / np.sqrt(3)
    if name == "Bessel":
        return a * np.cos(r.uniform(0, 2 * np.pi, m))
    if name == "beats":
        return b * r.choice([-1, 1], m) + a * r.standard_normal(m)
    return r.laplace(0, a, m) + r.laplace(0, a, m)

def rows(seeds, m, **how):
    return np.array([sampled(np.random.default_rng(int(s)), m, **how) for s in seeds])
'''

ERRORS = '''
v = work["two-variances"]
ell, tau, name = v["length"], v["tau"], v["estimator"]

def k(t):
    return np.exp(-(t**2).sum(1) / (2 * ell**2))

def right(x, y, m, tau=tau, d=None, k=k):
    t, s, d = x - y, x + y, x.shape[1] if d is None else d
    if name == "one phase for all":
        return (2 + k(2 * t) - 2 * k(t)**2) / (2 * m) + (1 - 1 / m) * k(s)**2 / 2
    if name == "cosines only":
        second = 1 + (k(2 * t) + k(2 * s) + 2 * k(2 * x) + 2 * k(2 * y)) / 2    # E (2 cos wx cos wy)^2
        mean = k(t) + k(s)
        return k(s)**2 + (second - mean**2) / m
    c = 2 - tau**-2
    return (tau**d * c**(-d / 2) / 2 * (1 + np.exp(-2 * (t**2).sum(1) / c / ell**2)) - k(t)**2) / m
'''

BILLS = '''
v = work["what-ridge-pays"]
question = v["question"]

def hat(K, penalty, per_example=v["per_example"]):
    penalty = penalty * len(K) if per_example else penalty
    return K @ np.linalg.inv(K + penalty * np.eye(len(K)))

def paid(K, y, sigma, penalty):
    H, n = hat(K, penalty), len(y)
    if question == "risk":
        return (np.sum((y - H @ y)**2) + sigma**2 * np.sum(H**2)) / n
    if question == "optimism":
        return 2 * sigma**2 * np.trace(H) / n
    return np.mean(((y - H @ y) / (1 - np.diag(H)))**2)
'''

_draw = answering(DRAWS, "draw(seeds, m)")
_squared_error = answering(ERRORS, "squared_error(x, y, m)")
_bill = answering(BILLS, "bill(K, y, sigma, penalty)")

SUITES = {
    "random-kitchen-sinks/spectral-measure": Suite(
        right={
            "named laws": _draw("rows(seeds, m)"),
            "inverse of the distribution function": DRAWS
            + '''
from scipy import stats
def draw(seeds, m):
    if name in ("sinc squared", "steep", "beats"):          # sums: two inversions each
        out = []
        for s in seeds:
            u = np.random.default_rng(int(s)).random((2, m))
            if name == "sinc squared":
                w = a * (2 * u - 1).sum(0)
            elif name == "steep":
                w = stats.laplace.ppf(u, scale=a).sum(0)
            else:
                w = a * stats.norm.ppf(u[0]) + b * np.where(u[1] < 0.5, -1, 1)
            out.append(w)
        return np.array(out)
    law = {"sinc": stats.uniform(-a, 2 * a), "hyperbolic": stats.hypsecant(scale=2 * a / np.pi),
           "once smooth": stats.t(3, scale=a / np.sqrt(3)), "Bessel": stats.arcsine(-a, 2 * a)}[name]
    return np.array([law.ppf(np.random.default_rng(int(s)).random(m)) for s in seeds])
''',
        },
        wrong={
            "length for frequency": _draw("rows(seeds, m, a=1 / a, b=1 / b)"),
            "scale twice too large": _draw("2 * rows(seeds, m)"),
            "cycles for radians": _draw("rows(seeds, m) / (2 * np.pi)"),
            "a normal of the same scale": DRAWS
            + '''
def draw(seeds, m):
    return np.array([a * np.random.default_rng(int(s)).standard_normal(m) for s in seeds])
''',
            "a normal with the sample's variance": DRAWS
            + '''
def draw(seeds, m):
    return np.array([rows([s], m).std() * np.random.default_rng(int(s)).standard_normal(m) for s in seeds])
''',
            "no-op seed": _draw("rows([0] * len(seeds), m)"),
            "one generator for all rows": DRAWS
            + '''
stream = np.random.default_rng(1)
def draw(seeds, m):
    return np.array([sampled(stream, m) for _ in seeds])
''',
            "the kernel for its measure": DRAWS
            + '''
def draw(seeds, m):
    t = np.linspace(-10 / a, 10 / a, 4001)
    s = a * t
    k = {"sinc": np.sinc(s / np.pi), "sinc squared": np.sinc(s / np.pi)**2, "hyperbolic": 1 / np.cosh(s),
         "once smooth": (1 + abs(s)) * np.exp(-abs(s)), "beats": np.exp(-s**2 / 2), "steep": (1 + s**2)**-2.0,
         "Bessel": np.exp(-s**2 / 4)}[name]
    p = np.abs(k) / np.abs(k).sum()
    return np.array([np.random.default_rng(int(s)).choice(t, m, p=p) for s in seeds])
''',
            "axes swapped": _draw("rows(seeds, m).T"),
        },
    ),
    "random-kitchen-sinks/two-variances": Suite(
        right={
            "second moment less the mean's square": _squared_error("right(x, y, m)"),
            "moments one by one": ERRORS
            + '''
def squared_error(x, y, m):
    out = []
    for p, q in zip(x, y):
        def K(*c):
            return float(np.exp(-np.sum((c[0] * p + c[1] * q)**2) / (2 * ell**2)))
        if name == "one phase for all":        # A_i = cos w_i t, B_i = cos(w_i s + 2 phase), uncorrelated
            var_a, var_b, cov_b = (1 + K(2, -2)) / 2 - K(1, -1)**2, 0.5, K(1, 1)**2 / 2
            out.append(var_a / m + var_b / m + cov_b * (m - 1) / m)
        elif name == "cosines only":
            var = (1 + K(2, -2)) / 2 - K(1, -1)**2 + (1 + K(2, 2)) / 2 - K(1, 1)**2 + K(2, 0) + K(0, 2) - 2 * K(1, -1) * K(1, 1)
            out.append(var / m + K(1, 1)**2)
        else:
            c, d = 2 - 1 / tau**2, len(p)
            norm = (tau / np.sqrt(c))**d
            out.append((norm * (0.5 + 0.5 * K(2, -2)**(1 / c)) - K(1, -1)**2) / m)
    return np.array(out)
''',
        },
        wrong={
            "the chapter's paired features": _squared_error("(1 + k(2 * (x - y)) - 2 * k(x - y)**2) / (2 * m)"),
            "the chapter's own phases": _squared_error("(1 + k(2 * (x - y)) / 2 - k(x - y)**2) / m"),
            "D for m": _squared_error("right(x, y, 2 * m)"),
            "all of it over m, or one dimension": ERRORS
            + '''
def squared_error(x, y, m):
    return right(x, y, 1) / m if name != "frequencies from another normal" else right(x, y, m, d=1)
''',
            "a mean that was not squared": _squared_error("right(x, y, m) + (k(x - y)**2 - k(x - y)) / m"),
            "standard deviations for variances": ERRORS
            + '''
def squared_error(x, y, m):
    return right(x, y, m, k=lambda t: np.exp(-(t**2).sum(1) / (2 * ell)), tau=tau**0.5)
''',
            "simulated with few draws": ERRORS
            + '''
def squared_error(x, y, m):
    r, out = np.random.default_rng(0), []
    for p, q in zip(x, y):
        w = r.standard_normal((400, int(m), len(p))) / ell
        if name == "one phase for all":
            c = r.uniform(0, 2 * np.pi, (400, 1))
            e = 2 * (np.cos(w @ p + c) * np.cos(w @ q + c)).mean(1)
        elif name == "cosines only":
            e = 2 * (np.cos(w @ p) * np.cos(w @ q)).mean(1)
        else:
            w = tau * w
            weight = tau**len(p) * np.exp(-(w**2).sum(-1) * ell**2 / 2 * (1 - tau**-2))
            e = (weight * np.cos(w @ (p - q))).mean(1)
        out.append(np.mean((e - k((p - q)[None]))**2))
    return np.array(out)
''',
            "root of it": _squared_error("np.sqrt(right(x, y, m))"),
        },
    ),
    "random-kitchen-sinks/what-ridge-pays": Suite(
        right={
            "with the hat matrix": _bill("paid(K, y, sigma, penalty)"),
            "solved and left out by hand": BILLS
            + '''
def bill(K, y, sigma, penalty):
    n, penalty = len(y), penalty * (len(y) if v["per_example"] else 1)
    A = K + penalty * np.eye(n)
    if question == "risk":
        S = np.linalg.solve(A, np.column_stack([y, K]))
        return (penalty**2 * S[:, 0] @ S[:, 0] + sigma**2 * np.trace(S[:, 1:] @ S[:, 1:])) / n
    if question == "optimism":
        return 2 * sigma**2 / n * (n - penalty * np.trace(np.linalg.solve(A, np.eye(n))))
    wrong = []
    for i in range(n):
        rest = np.arange(n) != i
        wrong.append(y[i] - K[i, rest] @ np.linalg.solve(A[np.ix_(rest, rest)], y[rest]))
    return np.mean(np.square(wrong))
''',
        },
        wrong={
            "the other convention": _bill('paid(K, y, sigma, penalty / len(y) if v["per_example"] else penalty * len(y))'),
            "sum for mean": _bill("paid(K, y, sigma, penalty) * len(y)"),
            "another effective dimension": BILLS
            + '''
def bill(K, y, sigma, penalty):
    H, n = hat(K, penalty), len(y)
    if question == "risk":
        return (np.sum((y - H @ y)**2) + sigma**2 * np.trace(H)) / n
    if question == "optimism":
        return 2 * sigma**2 * np.trace(H @ H) / n
    return np.mean(((y - H @ y) / (1 - np.trace(H) / n))**2)
''',
            "factor two forgotten, or bias": BILLS
            + '''
def bill(K, y, sigma, penalty):
    H, n = hat(K, penalty), len(y)
    if question == "risk":
        return sigma**2 * np.sum(H**2) / n
    if question == "optimism":
        return sigma**2 * np.trace(H) / n
    return np.mean((y - H @ y)**2)
''',
            "sigma for its square": BILLS
            + '''
def bill(K, y, sigma, penalty):
    return paid(K, y, np.sqrt(sigma), penalty) if question != "left out" else paid(K, y, sigma, penalty)**0.5
''',
            "another question": BILLS
            + '''
def bill(K, y, sigma, penalty):
    H, n = hat(K, penalty), len(y)
    if question == "risk":
        return 2 * sigma**2 * np.trace(H) / n
    return (np.sum((y - H @ y)**2) + sigma**2 * np.sum(H**2)) / n
''',
            "penalty squared": _bill("paid(K, y, sigma, penalty**2)"),
        },
    ),
} | MORE
