"""Mutation suites of the mid-term. Each source runs after the assignment's set-up."""

from coursework.kit.items import Suite

PLAN = '''
from scipy import stats
v = work["SLUG"]
log_ratio, level, family = v["measure"] == "log ratio", v["level"], v["family"]

def values(t, c, drop=True):
    ok = np.isfinite(t) & np.isfinite(c)
    return np.log(t[ok]) - np.log(c[ok]) if log_ratio else t[ok] - c[ok]

def interval(t, c, level=level, family=family, ddof=1, q=None, sides=2, back=True, root=np.sqrt, x=None):
    x = values(t, c) if x is None else x
    q = stats.t.ppf(1 - (1 - level) / family / sides, len(x) - 1) if q is None else q
    h = q * np.std(x, ddof=ddof) / root(len(x))
    out = np.array([x.mean(), x.mean() - h, x.mean() + h])
    return np.exp(out) if log_ratio and back else out

def word(t, c, lossy=True, i=None, region=None):
    _, a, b = interval(t, c) if i is None else i
    low, high = (v["low"], v["high"]) if region is None else region
    lost = np.mean(~(np.isfinite(t) & np.isfinite(c)))
    if low <= a and b <= high: return "undecided" if lossy and lost > v["may_lose"] else "held"
    return "failed" if b < low or a > high else "undecided"
'''
A, V = PLAN.replace("SLUG", "analysis"), PLAN.replace("SLUG", "verdict")


def _analysis(body: str) -> str:
    return A + f"\ndef analysis(treated, control):\n    return {body}\n"


def _verdict(body: str) -> str:
    return V + f"\ndef verdict(treated, control):\n    return {body}\n"


SUITES = {
    "replication/analysis": Suite(
        right={
            "formula": _analysis("interval(treated, control)"),
            "scipy's interval": _analysis("(lambda x: (lambda r: np.exp(r) if log_ratio else r)(np.array([x.mean(), *stats.t.interval("
                                          "1 - (1 - level) / family, len(x) - 1, x.mean(), stats.sem(x))])))(values(treated, control))"),
        },
        wrong={
            "family forgotten": _analysis("interval(treated, control, family=1)"),
            "one-sided": _analysis("interval(treated, control, sides=1)"),
            "ddof 0": _analysis("interval(treated, control, ddof=0)"),
            "normal quantile": _analysis("interval(treated, control, q=stats.norm.ppf(1 - (1 - level) / family / 2))"),
            "no root of n": _analysis("interval(treated, control, root=lambda n: 1)"),
            "arms exchanged": _analysis("interval(control, treated)"),
            "lost seeds as zero": _analysis("interval(treated, control, x=np.nan_to_num("
                                            "np.log(treated / control) if log_ratio else treated - control))"),
            "another level": _analysis("interval(treated, control, level=0.97)"),
            "not paired": _analysis("interval(treated, control, x=values(treated, np.full_like(treated, np.nanmean(control))))"),
        },
    ),
    "replication/verdict": Suite(
        right={
            "formula": _verdict("word(treated, control)"),
            "region in the scale of the test": V + '''
def verdict(treated, control):
    x = values(treated, control)
    region = np.array([v["low"], v["high"]])
    region = np.log(region) if log_ratio else region
    h = stats.sem(x) * stats.t.isf((1 - level) / family / 2, len(x) - 1)
    ends = x.mean() - h, x.mean() + h
    if ends[1] < region[0] or ends[0] > region[1]: return "failed"
    if ends[0] < region[0] or ends[1] > region[1]: return "undecided"
    return "held" if 1 - len(x) / len(treated) <= v["may_lose"] else "undecided"
''',
        },
        wrong={
            "always held": _verdict('"held"'),
            "always failed": _verdict('"failed"'),
            "point estimate": _verdict('"held" if v["low"] <= interval(treated, control)[0] <= v["high"] else "failed"'),
            "estimate, lost seeds forgiven": _verdict("word(treated, control, lossy=False, i=interval(treated, control, family=1))"),
            "not the scale of the region": _verdict("word(treated, control, i=interval(treated, control)[[0, 2, 1]] + 2)"),
            "undecided means failed": _verdict('"held" if word(treated, control) == "held" else "failed"'),
            "arms exchanged": _verdict('"failed" if word(control, treated) == "failed" else "held"'),
            "any overlap is held": _verdict('"failed" if word(treated, control) == "failed" else "held"'),
        },
    ),
}
