"""Mutation suites of the mid-term. Each source runs after the assignment's set-up."""
# ruff: noqa: E501 - each mutant is a source in a string

from course.items import Suite, changed

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
'''
A = PLAN.replace("SLUG", "analysis")

# A plan by simulation, as its owner would judge: the mistakes change a line of it.
OWN = (
    PLAN.replace("SLUG", "own-plan")
    + '''
to = np.log if log_ratio else (lambda x: x)
back = np.exp if log_ratio else (lambda x: x)
zero, paper = to(v["nothing"]), to(v["published"])
low, high = paper - 0.6 * (paper - zero), paper + 0.5 * (paper - zero)
sd = values(v["pilot_treated"], v["pilot_control"]).std(ddof=1)
quantile = lambda n: stats.t.ppf(1 - (1 - level) / family / 2, n - 1)
truth = paper

def chance(n):
    x = np.random.default_rng(n).normal(truth, sd, (40_000, n))
    m, h = x.mean(1), quantile(n) * x.std(1, ddof=1) / np.sqrt(n)
    return np.mean((m - h >= low) & (m + h <= high))

def register():
    seeds = next((n for n in range(5, 60) if chance(n) >= v["power"]), 60)
    return {"low": float(back(low)), "high": float(back(high)), "seeds": seeds, "may_lose": 0.15}

plan = register()

def word(t, c):
    t, c = t[:plan["seeds"]], c[:plan["seeds"]]
    _, a, b = interval(t, c)
    lost = np.mean(~(np.isfinite(t) & np.isfinite(c)))
    if plan["low"] <= a and b <= plan["high"]:
        return "held" if lost <= plan["may_lose"] else "undecided"
    return "failed" if b < plan["low"] or a > plan["high"] else "undecided"

def judge(runs):
    return {"plan": plan, "words": [word(t, c) for t, c in runs]}
'''
)

# An integral over the deviation found in place of draws, and the words in the scale of the test.
OWN_EXACT = (
    PLAN.replace("SLUG", "own-plan")
    + '''
def power(low, high, n):
    sd = values(v["pilot_treated"], v["pilot_control"]).std(ddof=1) / np.sqrt(n)
    t = stats.t.isf((1 - level) / family / 2, n - 1)
    s = np.linspace(1e-6, 4, 8001)
    inside = stats.norm.cdf((high - paper) / sd - t * s) - stats.norm.cdf((low - paper) / sd + t * s)
    return np.trapezoid(np.maximum(inside, 0) * stats.chi.pdf(s * np.sqrt(n - 1), n - 1) * np.sqrt(n - 1), s)

f = np.log if log_ratio else np.asarray
paper, zero = float(f(v["published"])), float(f(v["nothing"]))
region = np.array([zero + 0.3 * (paper - zero), zero + 1.7 * (paper - zero)])
n = 5
while power(*region, n) < v["power"]:
    n += 1
ends = np.exp(region) if log_ratio else region
plan = dict(low=ends[0], high=ends[1], seeds=n, may_lose=0.3)

def judge(runs):
    words = []
    for t, c in runs:
        x = values(np.array(t)[:n], np.array(c)[:n])
        h = stats.sem(x) * stats.t.isf((1 - level) / family / 2, len(x) - 1)
        a, b = x.mean() - h, x.mean() + h
        if b < region[0] or a > region[1]: words.append("failed")
        elif a < region[0] or b > region[1]: words.append("undecided")
        else: words.append("held" if 1 - len(x) / n <= 0.3 else "undecided")
    return {"words": words, "plan": plan}
'''
)


def _analysis(body: str) -> str:
    return A + f"\ndef analysis(treated, control):\n    return {body}\n"


SUITES = {
    "replication/analysis": Suite(
        right={
            "formula": _analysis("interval(treated, control)"),
            "scipy's interval": _analysis(
                "(lambda x: (lambda r: np.exp(r) if log_ratio else r)(np.array([x.mean(), *stats.t.interval("
                "1 - (1 - level) / family, len(x) - 1, x.mean(), stats.sem(x))])))(values(treated, control))"
            ),
        },
        wrong={
            "family forgotten": _analysis("interval(treated, control, family=1)"),
            "one-sided": _analysis("interval(treated, control, sides=1)"),
            "ddof 0": _analysis("interval(treated, control, ddof=0)"),
            "normal quantile": _analysis("interval(treated, control, q=stats.norm.ppf(1 - (1 - level) / family / 2))"),
            "no root of n": _analysis("interval(treated, control, root=lambda n: 1)"),
            "arms exchanged": _analysis("interval(control, treated)"),
            "lost seeds as zero": _analysis(
                "interval(treated, control, x=np.nan_to_num(np.log(treated / control) if log_ratio else treated - control))"
            ),
            "another level": _analysis("interval(treated, control, level=0.97)"),
            "not paired": _analysis("interval(treated, control, x=values(treated, np.full_like(treated, np.nanmean(control))))"),
        },
    ),
    "replication/own-plan": Suite(
        right={"simulated": OWN, "integrated, judged in the scale of the test": OWN_EXACT},
        wrong={
            "family forgotten": changed(OWN, ('v["family"]', "1")),
            "normal quantile for the seeds": changed(
                OWN, ("stats.t.ppf(1 - (1 - level) / family / 2, n - 1)", "stats.norm.ppf(1 - (1 - level) / family / 2)")
            ),
            "power to exclude nothing": changed(OWN, ("(m - h >= low) & (m + h <= high)", "m - h >= zero")),
            "power of the estimate": changed(OWN, ("(m - h >= low) & (m + h <= high)", "(m >= low) & (m <= high)")),
            "truth at the region's border": changed(OWN, ("truth = paper", "truth = low")),
            "deviation of one arm": changed(
                OWN, ('values(v["pilot_treated"], v["pilot_control"]).std(ddof=1)', 'to(v["pilot_treated"]).std(ddof=1)')
            ),
            "ten seeds, as usual": changed(
                OWN, ("plan = register()", 'plan = register() | {"seeds": 6 if register()["seeds"] > 8 else 40}')
            ),
            "the region contains no effect": changed(OWN, ("paper - 0.6 *", "paper - 1.1 *")),
            "the region forgets the paper": changed(OWN, ("low, high = paper - 0.6", "low, high = paper + 0.1")),
            "reads every seed": changed(OWN, ('t[:plan["seeds"]], c[:plan["seeds"]]', "t, c")),
            "the estimate for the interval": changed(OWN, ("_, a, b = interval(t, c)", "a = b = interval(t, c)[0]")),
            "lost seeds forgiven": changed(OWN, ('if lost <= plan["may_lose"]', "if lost < 1")),
            "no effect is undecided": changed(OWN, ('return "failed" if', 'return "undecided" if')),
            "always held": changed(OWN, ("[word(t, c) for t, c in runs]", '["held"] * len(runs)')),
            "ratios not taken back": changed(
                OWN,
                (
                    '{"low": float(back(low)), "high": float(back(high))',
                    '{"low": float(to(back(low))) if log_ratio else low + v["published"], "high": float(high)',
                ),
            ),
        },
    ),
}
