"""Mutation suites of assignment 25. Each source runs after the assignment's set-up."""

from collections.abc import Callable

from course.items import Suite


def _function(name: str, arguments: str) -> Callable[[str], str]:
    """Source of a function that returns an expression."""
    return lambda body: f"\ndef {name}({arguments}):\n    return {body}\n"


JUDGES = '''
from scipy import stats
v = work["impatient-judge"]
looks, level, word = [int(n) for n in v["looks"]], v["level"], v["word"]

def simulated(mu, looks=looks, q=lambda n: stats.t.ppf((1 + level) / 2, n - 1), ddof=1, word=word, last=False, claims=100_000):
    x = np.random.default_rng(1).normal(mu, 1, (claims, max(looks)))
    found = np.full(claims, "undecided", dtype="U9")
    for n in looks:
        part = x[:, :n]
        half, mean = q(n) * part.std(1, ddof=ddof) / np.sqrt(n), part.mean(1)
        now = np.where(mean - half >= 0, "held", np.where(mean + half < 0, "failed", "undecided"))
        found = now if last else np.where(found == "undecided", now, found)
    return np.mean(found == word)
'''

FORECASTS = '''
from scipy import stats
v = work["forecaster"]
charge = v["charge"]

def law(p):
    found = np.ones(1)
    for each in p:
        found = np.convolve(found, [1 - each, each])
    return found

def verdict(low, high, charge=charge):
    return {"overconfident": low, "underconfident": high, "either": min(1, 2 * min(low, high))}[charge]

def tails(p, hit):
    f, k = law(p), int(np.sum(hit))
    return f[:k + 1].sum(), f[k:].sum()
'''

FAMILIES = '''
from scipy import stats
v = work["words-of-a-family"]
procedure, alpha = v["procedure"], v["alpha"]

def p_values(n, low, high, region, q=lambda n: stats.t.ppf(0.975, n - 1), df=lambda n: n - 1, sides=1, join=max, law=stats.t.sf):
    found = []
    for k in range(len(n)):
        mean, se = (low[k] + high[k]) / 2, (high[k] - low[k]) / 2 / q(n[k])
        ends = [law((mean - region[k][0]) / se, df(n[k])), law((region[k][1] - mean) / se, df(n[k]))]
        found.append(sides * join(ends))
    return np.array(found)

def decide(p, procedure=procedure, alpha=alpha):
    m, order = len(p), sorted(range(len(p)), key=lambda i: p[i])
    if procedure == "Bonferroni":
        return [int(x <= alpha / m) for x in p]
    ok = [p[i] <= alpha / (m - k) for k, i in enumerate(order)]
    if procedure == "Holm":
        n = ok.index(False) if False in ok else m
    else:
        n = max([k + 1 for k in range(m) if ok[k]], default=0)
    out = [0] * m
    for i in order[:n]: out[i] = 1
    return out
'''

AUDITS = '''
from scipy import stats
def examine(log, rules=("peeked", "moved", "pilot reused", "dropped", "stopped", "wrong word"), by_claim=True, any_amend=False,
            any_exclude=False, counted_all=True, ddof=1, normal=False, first=None):
    state = {}
    for i, e in enumerate(log):
        c = state.setdefault(e["claim"] if by_claim else "all", {"plan": None, "pilots": [], "runs": [], "out": []})
        bad, kind = None, e["event"]
        if kind == "pilot": c["pilots"].append(e["seed"])
        if kind in ("register", "amend"):
            if c["runs"] or (any_amend and kind == "amend"): bad = "moved"
            c["plan"] = e
        if kind == "run":
            if c["plan"] is None: bad = "peeked"
            elif e["seed"] in c["pilots"]: bad = "pilot reused"
            c["runs"].append(e)
        if kind == "exclude":
            value = next((r["value"] for r in c["runs"] if r["seed"] == e["seed"]), None)
            if value is not None or any_exclude: bad = "dropped"
            c["out"].append(e["seed"])
        if kind == "judge":
            kept = [r["value"] for r in c["runs"] if r["value"] is not None]
            if (len(c["runs"]) if counted_all else len(kept)) != c["plan"]["seeds"]: bad = "stopped"
            elif len(kept) > 1:
                q = 1.96 if normal else stats.t.ppf(0.975, len(kept) - 1)
                half, mean = q * np.std(kept, ddof=ddof) / len(kept) ** 0.5, np.mean(kept)
                a, b = mean - half, mean + half
                lo, hi = (c["plan"] if first is None else first(log, e["claim"]))["low"], c["plan"]["high"]
                word = "held" if lo <= a and b <= hi else "failed" if b < lo or a > hi else "undecided"
                if word != e["word"]: bad = "wrong word"
        if bad in rules:
            return [i, bad]
    return [-1, "honest"]
ALL = ("peeked", "moved", "pilot reused", "dropped", "stopped", "wrong word")
'''

_chance = _function("chance", "mu")
_p = _function("p_value", "confidence, hit")
_survives = _function("survives", "seeds, low, high, region")
_audit = _function("audit", "log")

SUITES = {
    "ledger/impatient-judge": Suite(
        right={
            "simulation": JUDGES + _chance("simulated(mu)"),
            "running sums": JUDGES
            + '''
def chance(mu):
    x = np.random.default_rng(7).normal(mu, 1, (100_000, looks[-1]))
    open_, tally = np.ones(len(x), bool), {"held": 0, "failed": 0}
    for n in looks:
        s, ss = x[:, :n].sum(1), (x[:, :n] ** 2).sum(1)
        t = s / np.sqrt(np.maximum(n * ss - s * s, 1e-300) / (n - 1))
        q = stats.t.isf((1 - level) / 2, n - 1)
        tally["held"] += np.sum(open_ & (t >= q))
        tally["failed"] += np.sum(open_ & (t < -q))
        open_ &= np.abs(t) < q
    tally["undecided"] = open_.sum()
    return tally[word] / len(x)
''',
        },
        wrong={
            "one look at the end": JUDGES + _chance("simulated(mu, looks[-1:])"),
            "one look at the beginning": JUDGES + _chance("simulated(mu, looks[:1])"),
            "normal quantile": JUDGES + _chance("simulated(mu, q=lambda n: stats.norm.ppf((1 + level) / 2))"),
            "one-sided quantile": JUDGES + _chance("simulated(mu, q=lambda n: stats.t.ppf(level, n - 1))"),
            "last word counts": JUDGES + _chance("simulated(mu, last=True)"),
            "a look at every seed": JUDGES + _chance("simulated(mu, list(range(looks[0], looks[-1] + 1)))"),
            "another word": JUDGES + _chance('simulated(mu, word="held" if word != "held" else "undecided")'),
            "the sign of mu": JUDGES + _chance("simulated(-mu if abs(mu) > 0.1 else mu + 0.3)"),
            "Bonferroni for looks": JUDGES
            + _chance("simulated(mu, q=lambda n: stats.t.ppf(1 - (1 - level) / 2 / len(looks), n - 1))"),
            "level as promised": JUDGES + _chance("(1 - level) / 2"),
        },
    ),
    "ledger/forecaster": Suite(
        right={
            "convolution": FORECASTS + _p("verdict(*tails(confidence, hit))"),
            "Fourier": FORECASTS
            + '''
def p_value(confidence, hit):
    p, n, k = np.asarray(confidence), len(confidence), int(np.sum(hit))
    z = np.exp(2j * np.pi * np.arange(n + 1) / (n + 1))
    f = np.fft.fft(np.prod(1 - p + p * z[:, None], axis=1)).real / (n + 1)
    return verdict(f[:k + 1].sum(), f[k:].sum())
''',
        },
        wrong={
            "normal approximation": FORECASTS
            + '''
def p_value(confidence, hit):
    z = (np.sum(hit) - np.sum(confidence)) / np.sqrt(np.sum(confidence * (1 - confidence)))
    return verdict(stats.norm.cdf(z), stats.norm.sf(z))
''',
            "binomial at the mean confidence": FORECASTS
            + '''
def p_value(confidence, hit):
    n, k, p = len(hit), np.sum(hit), np.mean(confidence)
    return verdict(stats.binom.cdf(k, n, p), stats.binom.sf(k - 1, n, p))
''',
            "the count itself left out": FORECASTS
            + '''
def p_value(confidence, hit):
    low, high = tails(confidence, hit)
    both = low + high - 1
    return verdict(low - both, high - both)
''',
            "the other charge": FORECASTS
            + _p('verdict(*tails(confidence, hit), "overconfident" if charge != "overconfident" else "underconfident")'),
            "not doubled or doubled": FORECASTS
            + _p('2 * verdict(*tails(confidence, hit)) if charge != "either" else min(tails(confidence, hit))'),
            "misses for hits": FORECASTS + _p("verdict(*tails(confidence, 1 - hit))"),
            "even coins": FORECASTS + _p("verdict(*tails(np.full(len(hit), 0.5), hit))"),
            "all that is unlikelier, minus": FORECASTS + _p("1 - verdict(*tails(confidence, hit))"),
            "the visible record": FORECASTS + 'a = verdict(*tails(v["confidence"], v["hit"]))\n' + _p("a"),
        },
    ),
    "ledger/words-of-a-family": Suite(
        right={
            "by hand": FAMILIES + _survives("decide(p_values(seeds, low, high, region))"),
            "adjusted p-values": FAMILIES
            + '''
def survives(seeds, low, high, region):
    p = p_values(seeds, low, high, region)
    m, order = len(p), np.argsort(p)
    if procedure == "Bonferroni":
        return (m * p <= alpha).astype(int)
    scaled = p[order] * (m - np.arange(m))
    a = np.maximum.accumulate(scaled) if procedure == "Holm" else np.minimum.accumulate(scaled[::-1])[::-1]
    out = np.empty(m)
    out[order] = a
    return (out <= alpha).astype(int)
''',
        },
        wrong={
            "no correction": FAMILIES + _survives("[int(p <= alpha) for p in p_values(seeds, low, high, region)]"),
            "another procedure": FAMILIES
            + _survives('decide(p_values(seeds, low, high, region), "Holm" if procedure != "Holm" else "Bonferroni")'),
            "the third procedure": FAMILIES
            + _survives('decide(p_values(seeds, low, high, region), "Hochberg" if procedure != "Hochberg" else "Bonferroni")'),
            "two-sided": FAMILIES + _survives("decide(p_values(seeds, low, high, region, sides=2))"),
            "half of alpha": FAMILIES + _survives("decide(p_values(seeds, low, high, region), alpha=alpha / 2)"),
            "everything survives": FAMILIES + _survives("np.ones(len(seeds), int)"),
            "nothing survives": FAMILIES + _survives("np.zeros(len(seeds), int)"),
            "the failed ones": FAMILIES + _survives("[1 - x for x in decide(p_values(seeds, low, high, region))]"),
            "n for n less one": FAMILIES + _survives("decide(p_values(seeds, low, high, region, sides=0.4))"),
            "in the order of the ledger": FAMILIES + _survives("sorted(decide(p_values(seeds, low, high, region)))[::-1]"),
        },
    ),
    "ledger/dishonest-step": Suite(
        right={
            "one pass": AUDITS + _audit("examine(log)"),
            "claim by claim": AUDITS
            + '''
def audit(log):
    found = []
    for claim in {e["claim"] for e in log}:
        where = [i for i, e in enumerate(log) if e["claim"] == claim]
        i, rule = examine([log[i] for i in where])
        if i >= 0: found.append([where[i], rule])
    return min(found, default=[-1, "honest"])
''',
        },
        wrong={
            "every amendment is dishonest": AUDITS + _audit("examine(log, any_amend=True)"),
            "every exclusion is dishonest": AUDITS + _audit("examine(log, any_exclude=True)"),
            "claims mixed": AUDITS + _audit("examine(log, by_claim=False)"),
            "diverged runs do not count": AUDITS + _audit("examine(log, counted_all=False)"),
            "words not checked": AUDITS + _audit("examine(log, ALL[:5])"),
            "pilots not checked": AUDITS + _audit('examine(log, [r for r in ALL if r != "pilot reused"])'),
            "peeking not checked": AUDITS + _audit("examine(log, ALL[1:])"),
            "stopping not checked": AUDITS + _audit('examine(log, [r for r in ALL if r != "stopped"])'),
            "counted from one": AUDITS + _audit("[examine(log)[0] + 1, examine(log)[1]]"),
            "always honest": AUDITS + _audit('[-1, "honest"]'),
            "the visible log": AUDITS + 'a = examine(work["dishonest-step"]["log"])\n' + _audit("a"),
        },
    ),
}
