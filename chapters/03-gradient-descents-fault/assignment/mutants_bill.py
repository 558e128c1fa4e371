"""Right and wrong readings of the bill of assignment 03."""

from course.items import Suite, answering

BILLS = '''
v = work["the-bill"]

def firsts(errors, tolerance):
    out = np.full(errors.shape[:2], np.inf)
    for o in range(errors.shape[0]):
        for s in range(errors.shape[1]):
            hits = np.flatnonzero(errors[o, s] <= tolerance)
            if len(hits):
                out[o, s] = hits[0]
    return out

def count(errors, price, tried, tolerances, seeds=v["seeds"], tuning=v["tuning"], censor=True, unit=None, lead=v["lead"]):
    unit = price * (tried if tuning == "counted" else 1) if unit is None else unit
    last = np.array([np.flatnonzero(np.isfinite(e[0]))[-1] for e in errors])
    out = []
    for tolerance in tolerances:
        steps = {"median": np.median, "worst": np.max, "best": np.min}[seeds](firsts(errors, tolerance), axis=1)
        cost = steps * unit
        w = cost.argmin()
        close = [lead * cost[w] > cost[o] for o in range(len(cost)) if o != w and np.isfinite(cost[o])]
        cut = [lead * cost[w] > unit[o] * last[o] for o in range(len(cost)) if np.isinf(cost[o])]
        out.append(-1 if not np.isfinite(cost[w]) or any(close) or (censor and any(cut)) else w)
    return np.array(out)
'''

_verdict = answering(BILLS, "verdict(errors, price, tried, tolerances)")

SUITES = {
    "gradient-descents-fault/the-bill": Suite(
        right={
            "run by run": _verdict("count(errors, price, tried, tolerances)"),
            "all at once": '''
v = work["the-bill"]
def verdict(errors, price, tried, tolerances):
    unit = price * tried if v["tuning"] == "counted" else np.asarray(price)
    below = np.fmin.accumulate(np.where(np.isnan(errors), np.inf, errors), axis=2)          # best so far
    steps = (below[..., None] > tolerances).sum(2).astype(float)                              # steps above each tolerance
    steps[steps == errors.shape[2]] = np.inf
    steps = np.sort(steps, axis=1)[:, -1 if v["seeds"] == "worst" else errors.shape[1] // 2]
    cost = steps * unit[:, None]
    ran = np.isfinite(errors[:, 0]).sum(1) - 1
    winner, cheapest = cost.argmin(0), cost.min(0)
    least = np.minimum(cost, np.where(np.isinf(cost), (unit * ran)[:, None], np.inf))
    least[winner, np.arange(len(tolerances))] = np.inf
    return np.where(np.isfinite(cheapest) & (least.min(0) >= v["lead"] * cheapest), winner, -1)
''',
        },
        wrong={
            "steps for cost": _verdict("count(errors, price, tried, tolerances, unit=np.ones(len(price)))"),
            "caps forgotten": _verdict("count(errors, price, tried, tolerances, censor=False)"),
            "tuning the other way": BILLS
            + '''
def verdict(errors, price, tried, tolerances):
    return count(errors, price, tried, tolerances, tuning="counted" if v["tuning"] != "counted" else "not counted")
''',
            "the other seed": BILLS
            + '''
def verdict(errors, price, tried, tolerances):
    return count(errors, price, tried, tolerances, seeds="median" if v["seeds"] == "worst" else "worst")
''',
            "no lead asked for": _verdict("count(errors, price, tried, tolerances, lead=1.0)"),
            "the luckiest seed": _verdict('count(errors, price, tried, tolerances, seeds="best")'),
            "lowest error at the end": BILLS
            + '''
def verdict(errors, price, tried, tolerances):
    last = np.nanmin(np.median(errors, axis=1), axis=1)
    return np.where(last.min() <= tolerances, last.argmin(), -1)
''',
            "an error of its own for each step": BILLS
            + '''
def verdict(errors, price, tried, tolerances):
    middle = np.median(errors, axis=1)                              # median curve for the median crossing
    at = [[np.flatnonzero(m <= t)[0] if (m <= t).any() else np.inf for t in tolerances] for m in middle]
    return np.argmin(np.array(at) * price[:, None], axis=0)
''',
            "cut off means too slow": BILLS
            + '''
def verdict(errors, price, tried, tolerances):
    winners = count(errors, price, tried, tolerances, censor=False)
    return np.where(winners < 0, np.argmin(price), winners)
''',
            "axes swapped": _verdict("count(errors.transpose(0, 2, 1), price, tried, tolerances)"),
        },
    ),
}
