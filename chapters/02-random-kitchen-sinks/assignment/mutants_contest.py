"""Right and wrong readings of the contest of assignment 02."""

from course.items import Suite, answering

CONTESTS = '''
from math import comb
from scipy import stats
v = work["unfair-contest"]
sign = 1 if v["better"] == "low" else -1

def best_of(valid, test, k, sign=sign):
    n = valid.shape[1]
    w = np.array([comb(n - 1 - i, k - 1) / comb(n, k) for i in range(n)])
    return np.array([(t[np.argsort(sign * s)] * w).sum() for s, t in zip(valid, test)])

def interval(d, ddof=1, q=None):
    h = (stats.t.ppf(0.975, len(d) - 1) if q is None else q) * d.std(ddof=ddof) / np.sqrt(len(d))
    return np.array([d.mean(), d.mean() - h, d.mean() + h])

def contest(va, ta, vb, tb, sign=sign, k=None):
    k = min(va.shape[1], vb.shape[1]) if k is None else k
    return best_of(va, ta, k, sign), best_of(vb, tb, k, sign)
'''

_honest = answering(CONTESTS, "honest(valid_a, test_a, valid_b, test_b)")

SUITES = {
    "random-kitchen-sinks/unfair-contest": Suite(
        right={
            "weights of ranks": _honest("interval(np.subtract(*contest(valid_a, test_a, valid_b, test_b)))"),
            "chances along the ranking": '''
from scipy import stats
def of(valid, test, k):
    n, out = valid.shape[1], []
    for s, t in zip(valid if work["unfair-contest"]["better"] == "low" else -valid, test):
        value, left, rest = 0.0, 1.0, n
        for i in np.argsort(s):                       # best first: in the subset with k of the rest, if none before was
            chance = min(1.0, k / rest)
            value, left, rest = value + left * chance * t[i], left * (1 - chance), rest - 1
            if left <= 0:
                break
        out.append(value)
    return np.array(out)

def honest(valid_a, test_a, valid_b, test_b):
    k = min(valid_a.shape[1], valid_b.shape[1])
    found = stats.ttest_rel(of(valid_a, test_a, k), of(valid_b, test_b, k))
    ends = found.confidence_interval(0.95)
    return [(ends.low + ends.high) / 2, ends.low, ends.high]
''',
        },
        wrong={
            "chosen on test": _honest("interval(np.subtract(*contest(test_a, test_a, test_b, test_b)))"),
            "read on validation": _honest("interval(np.subtract(*contest(valid_a, valid_a, valid_b, valid_b)))"),
            "budgets as they were": CONTESTS
            + '''
def honest(valid_a, test_a, valid_b, test_b):
    pick = lambda v, t: t[np.arange(len(v)), np.argmin(sign * v, 1)]
    return interval(pick(valid_a, test_a) - pick(valid_b, test_b))
''',
            "worst for best": _honest("interval(np.subtract(*contest(valid_a, test_a, valid_b, test_b, sign=-sign)))"),
            "the first k trials": CONTESTS
            + '''
def honest(valid_a, test_a, valid_b, test_b):
    k = min(valid_a.shape[1], valid_b.shape[1])
    a, b = contest(valid_a[:, :k], test_a[:, :k], valid_b[:, :k], test_b[:, :k])
    return interval(a - b)
''',
            "unpaired": CONTESTS
            + '''
def honest(valid_a, test_a, valid_b, test_b):
    a, b = contest(valid_a, test_a, valid_b, test_b)
    h = stats.t.ppf(0.975, 2 * len(a) - 2) * np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(a))
    return np.array([0, -h, h]) + np.mean(a - b)
''',
            "normal quantile": _honest("interval(np.subtract(*contest(valid_a, test_a, valid_b, test_b)), q=1.96)"),
            "ddof 0": _honest("interval(np.subtract(*contest(valid_a, test_a, valid_b, test_b)), ddof=0)"),
            "b minus a": _honest("interval(-np.subtract(*contest(valid_a, test_a, valid_b, test_b)))"),
            "with replacement": CONTESTS
            + '''
def best_of(valid, test, k, sign=sign):
    n = valid.shape[1]
    i = np.arange(n)
    w = ((n - i) / n)**k - ((n - i - 1) / n)**k
    return np.array([(t[np.argsort(sign * s)] * w).sum() for s, t in zip(valid, test)])

def honest(valid_a, test_a, valid_b, test_b):
    a, b = contest(valid_a, test_a, valid_b, test_b)
    return interval(a - b)
''',
        },
    ),
}
