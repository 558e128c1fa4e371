"""Right and wrong solutions of assignment 01. Each source runs after the assignment's set-up."""

from course.items import Suite, answering

from .mutants_placebo import SUITES as MORE

# Eight suspects, tried on the trace of the exhibit.
SUSPECTS = '''
v = work["find-the-bug"]
SUSPECTS = ["inside", "late", "m uncorrected", "swapped", "of mean", "one", "after root", "centred"]

def suspect(name, G, eta=v["eta"], b1=v["beta1"], b2=v["beta2"], eps=v["eps"], dtype=np.float64):
    if name == "swapped":
        b1, b2 = b2, b1
    m, s, out = np.zeros(G.shape[1], dtype), np.zeros(G.shape[1], dtype), []
    for t in range(1, len(G) + 1):
        g = G[t - 1].astype(dtype)
        m = b1 * m + (1 - b1) * g
        h = {"of mean": m, "centred": g - m}.get(name, g)
        s = b2 * s + (1 - b2) * (np.mean(h**2) if name == "one" else h**2)
        k = t + (name == "late")
        mh, sh = (m if name == "m uncorrected" else m / (1 - b1**k)), s / (1 - b2**k)
        bottom = np.sqrt(sh) + eps
        if name == "inside":
            bottom = np.sqrt(sh + eps)
        if name == "after root":
            bottom = np.sqrt(s) / (1 - b2**k) + eps
        out.append((-eta * mh / bottom).astype(dtype))
    return np.array(out)

guilty = min(SUSPECTS, key=lambda name: np.abs(suspect(name, v["gradients"]) - v["steps"]).max())
innocent = [name for name in SUSPECTS if name != guilty]
'''

SUMS = '''
v = work["rounded-sum"]
p, order, size = int(v["bits"]), v["order"], int(v["block"])

def fl(x, p=p):
    if x == 0:
        return 0.0
    unit = 2.0 ** (np.floor(np.log2(abs(x))) - p + 1)
    return float(np.rint(x / unit) * unit)

def run(x, p=p, fl=fl):
    total = 0.0
    for value in x:
        total = fl(total + value, p)
    return total

def tree(x, fl=fl):
    return x[0] if len(x) == 1 else fl(tree(x[:len(x) // 2], fl) + tree(x[len(x) // 2:], fl), p)

def one(x, fl=fl, run=run, tree=tree, order=order, size=size):
    x = [float(value) for value in x]
    if order == "pairwise":
        return tree(x, fl)
    if order == "blocks":
        return run([run(x[i:i + size], p, fl) for i in range(0, len(x), size)], p, fl)
    return run(x, p, fl)

def total(x, **how):
    return np.array([one(row, **how) for row in x])
'''

BOUNDS = '''
v = work["sum-bound"]
p, order, size = int(v["bits"]), v["order"], int(v["block"])

def depths(n):
    return [0] if n == 1 else [d + 1 for d in depths(n // 2) + depths(n - n // 2)]

def counts(n, order=order):
    if order == "pairwise":
        return np.array(depths(n))
    if order == "blocks":
        starts = range(0, n, size)
        return np.array([len(range(i, min(start + size, n))) + len(starts) - b
                         for b, start in enumerate(starts) for i in range(start, min(start + size, n))])
    return np.arange(n, 0, -1)
'''

POWERS = '''
from scipy import stats, integrate
v = work["power"]
level, m, M, question = v["level"], v["comparisons"], v["margin"], v["question"]

def simulated(n, effect, sd, tests=m, spread=lambda d: d.std(1, ddof=1), df=None, tail=2, root=np.sqrt, q=None,
              question=question):
    n = int(n)
    d = np.random.default_rng(0).normal(effect, sd, (100_000, n))
    df = n - 1 if df is None else df(n)
    t = stats.t.ppf(1 - level / tests / tail, df) if q is None else q
    half, mean = t * spread(d) / root(n), d.mean(1)
    low, high = mean - half, mean + half
    if question == "different":
        return np.mean((low > 0) | (high < 0))
    if question == "no worse":
        return np.mean(low > -M)
    return np.mean((low > -M) & (high < M))
'''

_exhibit = answering(SUSPECTS, "exhibit(gradients)")
_rounded_sum = answering(SUMS, "rounded_sum(x)")
_bound = answering(BOUNDS, "bound(x)")
_power = answering(POWERS, "power(n, effect, sd)")

SUITES = {
    "alchemy/find-the-bug": Suite(
        right={
            "loop over suspects": _exhibit("suspect(guilty, gradients)"),
            "averages as sums of weights": SUSPECTS
            + '''
def exhibit(gradients):
    G, (b1, b2) = np.asarray(gradients), (v["beta1"], v["beta2"])
    if guilty == "swapped":
        b1, b2 = b2, b1
    t = np.arange(1, len(G) + 1)[:, None]
    def average(x, b):
        lag = t - t.T
        return (np.where(lag >= 0, (1 - b) * b ** np.maximum(lag, 0.0), 0.0)) @ x
    m = average(G, b1)
    h = {"of mean": m, "centred": G - m}.get(guilty, G) ** 2
    if guilty == "one":
        h = np.repeat(h.mean(1, keepdims=True), h.shape[1], 1)
    s, k = average(h, b2), t + (guilty == "late")
    top = m if guilty == "m uncorrected" else m / (1 - b1**k)
    if guilty == "inside":
        return -v["eta"] * top / (s / (1 - b2**k) + v["eps"]) ** 0.5
    correction = (1 - b2**k) ** (1.0 if guilty == "after root" else 0.5)
    return -v["eta"] * top / (s**0.5 / correction + v["eps"])
''',
            "float32, as a framework would": _exhibit("suspect(guilty, gradients, dtype=np.float32)"),
        },
        wrong={
            "Adam as in the paper": _exhibit('suspect("none", gradients)'),
            "another suspect": _exhibit("suspect(innocent[0], gradients)"),
            "the visible trace, copied": '''
v = work["find-the-bug"]
def exhibit(gradients):
    return np.resize(v["steps"], np.shape(gradients))
''',
            "usual constants hard-coded": _exhibit("suspect(guilty, gradients, b1=0.9, b2=0.999, eps=1e-8)"),
            "the sign of ascent": _exhibit("-suspect(guilty, gradients)"),
            "positions for steps": _exhibit("suspect(guilty, gradients).cumsum(0)"),
            "memory kept between calls": SUSPECTS
            + '''
seen = [v["gradients"]]
def exhibit(gradients):
    seen.append(np.asarray(gradients))
    return suspect(guilty, np.concatenate(seen))[-len(gradients):]
''',
            "epsilon forgotten": _exhibit("suspect(guilty, gradients, eps=0.0)"),
        },
    ),
    "alchemy/rounded-sum": Suite(
        right={
            "units in the last place": _rounded_sum("total(x)"),
            "fractions": SUMS
            + '''
from fractions import Fraction

def exact(x, p):
    x = Fraction(x)
    if not x:
        return 0.0
    e = 0
    while abs(x) >= Fraction(2) ** (e + 1):
        e += 1
    while abs(x) < Fraction(2) ** e:
        e -= 1
    unit = Fraction(2) ** (e - p + 1)
    return float(round(x / unit) * unit)

def rounded_sum(x):
    return total(x, fl=exact)
''',
        },
        wrong={
            "digits cut off": SUMS
            + '''
def cut(x, p):
    unit = 2.0 ** (np.floor(np.log2(abs(x))) - p + 1) if x else 1.0
    return float(np.trunc(x / unit) * unit)

def rounded_sum(x):
    return total(x, fl=cut)
''',
            "rounded at the end only": _rounded_sum("np.array([fl(float(np.sum(row))) for row in x])"),
            "the leading bit not counted": _rounded_sum("total(x, fl=lambda x, _: fl(x, p + 1))"),
            "one bit too few": _rounded_sum("total(x, fl=lambda x, _: fl(x, p - 1))"),
            "decimals for bits": _rounded_sum("total(x, fl=lambda x, _: round(x, p))"),
            "from the other end": _rounded_sum("total(x[:, ::-1])"),
            "another order": _rounded_sum('total(x, order="pairwise" if order == "one by one" else "one by one")'),
            "float32": '''
def rounded_sum(x):
    total = np.zeros(len(x), np.float32)
    for column in np.float32(x).T:
        total = total + column
    return total
''',
            "the visible value": SUMS
            + '''
answer = total(v["x"])
def rounded_sum(x):
    return np.resize(answer, len(x))
''',
            "wrong axis": _rounded_sum("np.resize(total(x.T), len(x))"),
        },
    ),
    "alchemy/sum-bound": Suite(
        right={
            "roundings counted": _bound("(np.abs(x) * ((1 + 2.0**-p) ** counts(x.shape[1]) - 1)).sum(1)"),
            "worst case carried along": BOUNDS
            + '''
def bound(x):
    """Each subtotal with its largest possible value, all roundings upwards."""
    grow = 1 + 2.0**-p
    def run(pairs):
        high = 0.0
        for value in pairs:
            high = (high + value) * grow
        return high
    def tree(a):
        return a[0] if len(a) == 1 else (tree(a[:len(a) // 2]) + tree(a[len(a) // 2:])) * grow
    a = list(np.abs(x).T)
    if order == "pairwise":
        high = tree(a)
    elif order == "blocks":
        high = run([run(a[i:i + size]) for i in range(0, len(a), size)])
    else:
        high = run(a)
    return high - np.abs(x).sum(1)
''',
        },
        wrong={
            "the same count for all": _bound("np.abs(x).sum(1) * ((1 + 2.0**-p) ** max(counts(x.shape[1])) - 1)"),
            "first order only": _bound("np.abs(x) @ counts(x.shape[1]) * 2.0**-p"),
            "spacing for its half": _bound("np.abs(x) @ ((1 + 2.0 ** (1 - p)) ** counts(x.shape[1]) - 1)"),
            "one rounding too few": _bound("np.abs(x) @ ((1 + 2.0**-p) ** (counts(x.shape[1]) - 1) - 1)"),
            "signs cancel": _bound("np.abs(x @ ((1 + 2.0**-p) ** counts(x.shape[1]) - 1))"),
            "counted from the other end": _bound("np.abs(x)[:, ::-1] @ ((1 + 2.0**-p) ** counts(x.shape[1]) - 1)"),
            "another order": BOUNDS
            + '''
def bound(x):
    other = "pairwise" if order != "pairwise" else "one by one"
    return np.abs(x) @ ((1 + 2.0**-p) ** counts(x.shape[1], other) - 1)
''',
            "error that was measured": BOUNDS
            + SUMS
            + '''
def bound(x):
    return np.abs(total(x) - x.sum(1))
''',
        },
    ),
    "alchemy/power": Suite(
        right={
            "simulation": _power("simulated(n, effect, sd)"),
            "noncentral t and an integral": POWERS
            + '''
def power(n, effect, sd):
    df, root = n - 1, np.sqrt(n) / sd
    t = -stats.t.ppf(level / (2 * m), df)
    if question == "different":
        tails = 1 - stats.nct.cdf(t, df, effect * root), stats.nct.cdf(-t, df, effect * root)
        return np.nan_to_num(tails).sum()  # nan where a tail is all but empty
    if question == "no worse":
        return 1 - stats.nct.cdf(t, df, (effect + M) * root)
    x = np.linspace(0, 1, 20_001)[1:] * min(M * root / t, 6)
    inside = stats.norm.cdf(M * root - t * x - effect * root) - stats.norm.cdf(-M * root + t * x - effect * root)
    y = inside * stats.chi.pdf(x * np.sqrt(df), df) * np.sqrt(df)
    return float(np.sum(y) * (x[1] - x[0]))
''',
        },
        wrong={
            "normal quantile": _power("simulated(n, effect, sd, q=stats.norm.ppf(1 - level / m / 2))"),
            "one-sided": _power("simulated(n, effect, sd, tail=1)"),
            "family forgotten": _power("simulated(n, effect, sd, tests=1)"),
            "unpaired spread": _power("simulated(n, effect, sd, spread=lambda d: np.sqrt(2) * d.std(1, ddof=1))"),
            "ddof 0": _power("simulated(n, effect, sd, spread=lambda d: d.std(1))"),
            "n degrees of freedom": _power("simulated(n, effect, sd, df=lambda n: n)"),
            "no root of n": _power("simulated(n, effect, sd, root=lambda n: 1.0)"),
            "another question": POWERS
            + '''
def power(n, effect, sd):
    return simulated(n, effect, sd, question="no worse" if question != "no worse" else "different")
''',
            "spread taken as known": _power("simulated(n, effect, sd, spread=lambda d: sd)"),
            "the visible value": _power('simulated(v["n"], v["effect"], v["sd"])'),
        },
    ),
} | MORE
