"""Mutation suites of assignment 07. Each source runs after the assignment's set-up."""

from collections.abc import Callable

from course.items import Suite

DECAYS = '''
v = work["decay-audit"]
FORMS = ["l2", "mean", "denominator", "no rate", "after", "start", "sign"]

def run(form, mask, G, w0, dtype=np.float64, eta=v["eta"], lam=v["decay"], b1=v["beta1"], b2=v["beta2"], correct=True):
    w0 = np.asarray(w0, dtype)
    w, m, s, out = w0.copy(), 0 * w0, 0 * w0, []
    for t in range(1, len(G) + 1):
        g = np.asarray(G[t - 1], dtype)
        d = lam * mask * w
        m = b1 * m + (1 - b1) * (g + d * (form in ("l2", "mean")))
        s = b2 * s + (1 - b2) * (g + d * (form == "l2")) ** 2
        c1, c2 = (1 - b1**t, 1 - b2**t) if correct else (1, 1)
        r = np.sqrt(s / c2) + v["eps"]
        new = w - eta * m / c1 / r
        if form == "adamw": new = new - eta * d
        if form == "denominator": new = new - eta * d / r
        if form == "no rate": new = new - d
        if form == "after": new = new * (1 - eta * lam * mask)
        if form == "start": new = new - eta * lam * mask * (w - w0)
        if form == "sign": new = new - eta * lam * mask * np.sign(w)
        w = new.astype(dtype)
        out.append(w)
    return np.array(out)

def misfit(form):
    both = np.array([np.abs(run(form, np.full(5, on), v["gradients"], v["start"]) - v["weights"]).max(0) for on in (0.0, 1.0)])
    return both.min(0).max(), both.argmin(0).astype(float)

form = min(FORMS, key=lambda f: misfit(f)[0])
mask = misfit(form)[1]
innocent = [f for f in FORMS if f != form]
'''

DRIFTS = '''
from scipy.signal import lfilter
v = work["drift"]
method = v["method"]

def average(x, b):
    P = len(x)
    start = 0.0                                       # the average after a period is b^P start + what came in
    for y in x:
        start = b * start + (1 - b) * y
    a, out = start / (1 - b**P), []
    for y in x:
        a = b * a + (1 - b) * y
        out.append(a)
    return np.array(out)

def steady(g, b1, b2, method=method, root=np.sqrt, average=average):
    g = np.asarray(g, float)
    m, s = average(g, b1), average(g * g, b2)
    if method == "amsgrad": s = s.max() + 0 * s
    if method == "delayed": s = np.concatenate([s[-1:], s[:-1]])
    if method == "nadam": m = b1 * m + (1 - b1) * g
    return -(m / root(s)).sum()

def simulated(g, b1, b2, periods, method=method):
    g = np.asarray(g, float)
    G = np.tile(g, periods)
    m, s = (lfilter([1 - b], [1, -b], x) for b, x in ((b1, G), (b2, G * G)))
    if method == "amsgrad": s = np.maximum.accumulate(s)
    if method == "delayed": s = np.concatenate([s[:1], s[:-1]])
    if method == "nadam": m = b1 * m + (1 - b1) * G
    return -(m / np.sqrt(s))[-len(g):].sum()
'''

BESTS = '''
from itertools import combinations
from scipy import stats
v = work["best-of-k"]
level, chance, sign = v["level"], v["chance"], (-1 if v["better"] == "higher" else 1)

def of_seed(valid, test, k, sign=sign, subsets=combinations, chance=chance):
    found = []
    for c in subsets(range(len(valid)), int(k)):
        alive = [i for i in c if np.isfinite(valid[i])]
        found.append(test[min(alive, key=lambda i: sign * valid[i])] if alive else chance)
    return np.nanmean(found)

def interval(e, q=None, ddof=1, root=np.sqrt):
    e = np.asarray(e, float)
    q = stats.t.ppf((1 + level) / 2, len(e) - 1) if q is None else q
    h = q * e.std(ddof=ddof) / root(len(e))
    return e.mean(), e.mean() - h, e.mean() + h
'''

CONTROLS = '''
v = work["control"]
question = v["question"]

def plan(counts, means, sds, batch, question=question, noise=None, top=np.argmax, normalize=True):
    p = np.asarray(counts, float)
    p = p / p.sum() if normalize else p
    m2, s2 = np.asarray(means, float) ** 2, np.asarray(sds, float) ** 2
    V = (p * s2 + p * (1 - p) * m2) / batch if noise is None else noise(p, m2, s2, batch)
    flat = np.ones(len(p)) / len(p)
    rho = V / p**2 / m2
    if question.startswith("tail kept"):
        return np.stack([p, s2 / m2 / rho[top(p)]])
    if "relative" in question:
        return np.stack([flat, s2 / m2 / rho])
    return np.stack([flat, flat**2 * s2 / V])

QUESTIONS = ("tail off, relative noise kept", "tail kept, relative noise levelled", "tail off, absolute noise kept")
others = [q for q in QUESTIONS if q != question]
'''


def _function(name: str, arguments: str) -> Callable[[str], str]:
    """Source of a function that returns an expression."""
    return lambda body: f"\ndef {name}({arguments}):\n    return {body}\n"


_exhibit = _function("exhibit", "gradients, start")
_drift = _function("drift", "pattern, beta1, beta2")
_best = _function("best_of", "valid, test, k")
_arms = _function("arms", "counts, means, sds, batch")

SUITES = {
    "adam/decay-audit": Suite(
        right={
            "one coordinate at a time": DECAYS + _exhibit("run(form, mask, gradients, start)"),
            "float32": DECAYS + _exhibit("run(form, mask, gradients, start, np.float32)"),
            "averages as sums, where the decay allows": DECAYS
            + '''
def exhibit(gradients, start):
    if form in ("l2", "mean"):
        return run(form, mask, gradients, start)
    G, t = np.asarray(gradients, float), np.arange(1, len(gradients) + 1)[:, None]
    def average(x, b):
        lag = t - t.T
        return (np.where(lag >= 0, b ** np.maximum(lag, 0.0), 0.0) @ x) * (1 - b) / (1 - b**t)
    root = average(G**2, v["beta2"]) ** 0.5 + v["eps"]
    w, out = np.asarray(start, float), []
    for step, r in zip(-v["eta"] * average(G, v["beta1"]) / root, root):
        pull = v["decay"] * mask * {"sign": np.sign(w), "start": w - start}.get(form, w)
        if form == "after":
            w = (w + step) - v["eta"] * v["decay"] * mask * (w + step)
        else:
            w = w + step - pull * {"no rate": 1.0, "denominator": v["eta"] / r}.get(form, v["eta"])
        out.append(w)
    return np.array(out)
''',
        },
        wrong={
            "AdamW as published": DECAYS + _exhibit('run("adamw", mask, gradients, start)'),
            "another form": DECAYS + _exhibit("run(innocent[0], mask, gradients, start)"),
            "every coordinate decays": DECAYS + _exhibit("run(form, np.ones(5), gradients, start)"),
            "no coordinate decays": DECAYS + _exhibit("run(form, np.zeros(5), gradients, start)"),
            "the mask turned round": DECAYS + _exhibit("run(form, 1 - mask, gradients, start)"),
            "the visible trace": '\nv = work["decay-audit"]\n' + _exhibit('np.resize(v["weights"], np.shape(gradients))'),
            "no bias correction": DECAYS + _exhibit("run(form, mask, gradients, start, correct=False)"),
            "steps for weights": DECAYS + _exhibit("np.diff(run(form, mask, gradients, start), axis=0, prepend=[start])"),
            "one row late": DECAYS + _exhibit("np.vstack([start, run(form, mask, gradients, start)[:-1]])"),
            "always from the visible start": DECAYS + _exhibit('run(form, mask, gradients, v["start"])'),
            "betas of the library": DECAYS + _exhibit("run(form, mask, gradients, start, b1=0.9, b2=0.999)"),
        },
    ),
    "adam/drift": Suite(
        right={
            "fixed point of one period": DRIFTS + _drift("steady(pattern, beta1, beta2)"),
            "long simulation": DRIFTS
            + _drift(
                "simulated(pattern, beta1, beta2, int(2e6) // len(pattern) if beta2 > 0.9999 else int(4e5) // len(pattern))"
            ),
        },
        wrong={
            "twenty periods": DRIFTS + _drift("simulated(pattern, beta1, beta2, 20)"),
            "another method": DRIFTS + _drift('steady(pattern, beta1, beta2, "adam" if method != "adam" else "delayed")'),
            "no momentum": DRIFTS + _drift("steady(pattern, 1e-12, beta2)"),
            "betas swapped": DRIFTS + _drift("steady(pattern, beta2, beta1)"),
            "a step for a period": DRIFTS + _drift("steady(pattern, beta1, beta2) / len(pattern)"),
            "the sign": DRIFTS + _drift("-steady(pattern, beta1, beta2)"),
            "no root": DRIFTS + _drift("steady(pattern, beta1, beta2, root=lambda s: s)"),
            "the chapter's road": "\nfrom alchemy.theory import online\n"
            + _drift("online.periodic_drift(max(pattern), len(pattern), beta2, beta1)"),
            "the visible value": DRIFTS + 'answer = steady(v["pattern"], v["beta1"], v["beta2"])\n' + _drift("answer"),
            "days in reverse": DRIFTS + _drift("steady(pattern[::-1], beta1, beta2)"),
        },
    ),
    "adam/best-of-k": Suite(
        right={
            "enumeration": BESTS + _best("interval([of_seed(a, b, k) for a, b in zip(valid, test)])"),
            "order statistics": BESTS
            + '''
from scipy.special import comb
def best_of(valid, test, k):
    rank = np.where(np.isnan(valid), np.inf, sign * np.asarray(valid))
    order = np.argsort(rank, axis=1)
    score = np.take_along_axis(np.where(np.isnan(valid), chance, test), order, 1)
    n = valid.shape[1]
    return np.array(interval(score @ (comb(n - 1 - np.arange(n), k - 1) / comb(n, k))))
''',
        },
        wrong={
            "drawn with replacement": BESTS
            + '''
from itertools import product
def best_of(valid, test, k):
    n = valid.shape[1]
    rank = np.argsort(np.where(np.isnan(valid), np.inf, sign * valid), axis=1)
    score = np.take_along_axis(np.where(np.isnan(valid), chance, test), rank, 1)
    i = np.arange(n)
    return interval(score @ (((n - i) / n) ** k - ((n - i - 1) / n) ** k))
''',
            "chosen on test": BESTS
            + _best("interval([of_seed(np.where(np.isnan(a), np.nan, -sign * b), b, k) for a, b in zip(valid, test)])"),
            "the wrong end wins": BESTS + _best("interval([of_seed(a, b, k, sign=-sign) for a, b in zip(valid, test)])"),
            "failed trials dropped": BESTS
            + _best(
                "interval([of_seed(a[~np.isnan(a)], b[~np.isnan(a)], min(k, sum(~np.isnan(a)))) for a, b in zip(valid, test)])"
            ),
            "lost subsets dropped": BESTS + _best("interval([of_seed(a, b, k, chance=np.nan) for a, b in zip(valid, test)])"),
            "normal quantile": BESTS
            + _best("interval([of_seed(a, b, k) for a, b in zip(valid, test)], q=stats.norm.ppf((1 + level) / 2))"),
            "one-sided quantile": BESTS
            + _best("interval([of_seed(a, b, k) for a, b in zip(valid, test)], q=stats.t.ppf(level, len(valid) - 1))"),
            "ddof 0": BESTS + _best("interval([of_seed(a, b, k) for a, b in zip(valid, test)], ddof=0)"),
            "no root of n": BESTS + _best("interval([of_seed(a, b, k) for a, b in zip(valid, test)], root=lambda n: 1)"),
            "the first k trials": BESTS + _best("interval([of_seed(a[:k], b[:k], k) for a, b in zip(valid, test)])"),
            "trials for seeds": BESTS + _best("interval([of_seed(a, b, min(k, len(a))) for a, b in zip(valid.T, test.T)])"),
            "best of all": BESTS + _best("interval([of_seed(a, b, len(a)) for a, b in zip(valid, test)])"),
        },
    ),
    "adam/control": Suite(
        right={
            "formula": CONTROLS + _arms("plan(counts, means, sds, batch)"),
            "law of total variance, row by row": CONTROLS
            + '''
def arms(counts, means, sds, batch):
    total, rows, target = sum(counts), [], {}
    for k, c in enumerate(counts):
        p = c / total                                  # batch * p draws on average; mean of squares less square of the mean
        target[k] = (p * (sds[k] ** 2 + means[k] ** 2) - (p * means[k]) ** 2) / batch
    top = max(range(len(counts)), key=lambda k: counts[k])
    for k, c in enumerate(counts):
        weight = c / total if question.startswith("tail kept") else 1 / len(counts)
        if "absolute" in question:
            variance = target[k]
        else:
            like = top if "levelled" in question else k
            variance = target[like] / (counts[like] / total * means[like]) ** 2 * (weight * means[k]) ** 2
        rows.append((weight, (weight * sds[k]) ** 2 / variance))
    return np.array(rows).T
''',
        },
        wrong={
            "as if rare: square of the mean left out": CONTROLS
            + _arms("plan(counts, means, sds, batch, noise=lambda p, m2, s2, B: p * (s2 + m2) / B)"),
            "absence is no noise": CONTROLS + _arms("plan(counts, means, sds, batch, noise=lambda p, m2, s2, B: p * s2 / B)"),
            "draws as before": CONTROLS + _arms("np.stack([plan(counts, means, sds, batch)[0], batch * counts / counts.sum()])"),
            "another question": CONTROLS + _arms("plan(counts, means, sds, batch, others[0])"),
            "the other question": CONTROLS + _arms("plan(counts, means, sds, batch, others[1])"),
            "batch forgotten": CONTROLS + _arms("plan(counts, means, sds, 1.0)"),
            "counts not normalized": CONTROLS + _arms("plan(counts, means, sds, batch, normalize=False)"),
            "whole draws": CONTROLS
            + _arms("np.stack([plan(counts, means, sds, batch)[0], np.round(plan(counts, means, sds, batch)[1])])"),
            "sd for variance": CONTROLS + _arms("plan(counts, np.sqrt(abs(means)), np.sqrt(sds), batch)"),
            "the visible plan": CONTROLS
            + _arms('np.resize(plan(v["counts"], v["means"], v["sds"], v["batch"]), (2, len(counts)))'),
            "the axes exchanged": CONTROLS + _arms("plan(counts, means, sds, batch).T"),
        },
    ),
}
