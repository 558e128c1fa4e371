"""Right and wrong solutions of assignment 03. Each source runs after the assignment's set-up."""

from course.items import Suite, answering

from .mutants_bill import SUITES as MORE

FITS = '''
v = work["damped-steps"]

def f(p, t):
    a, b, c = p
    with np.errstate(all="ignore"):
        return {"decay": lambda: a * np.exp(-b * t) + c, "wave": lambda: a * np.exp(-b * t) * np.cos(c * t),
                "peak": lambda: a * np.exp(-(t - b)**2 / 2 / c**2),
                "growth": lambda: a / (1 + np.exp(-b * (t - c)))}[v["model"]]()

def jacobian(p, t, h=1e-5):
    """Central differences."""
    return np.stack([(f(p + h * e, t) - f(p - h * e, t)) / (2 * h) for e in np.eye(3)], axis=1)

def run(t, y, start, trials, scaling=v["scaling"], damping=v["damping"], up=v["up"], down=v["down"], sign=-1, always=False,
        jacobian=jacobian, restart=False, stop=None):
    p, lam, out = np.array(start, float), damping, [np.array(start, float)]
    cost = np.sum((f(p, t) - y)**2)
    for _ in range(int(trials)):
        J, r = jacobian(p, t), f(p, t) - y
        S = np.diag(np.diag(J.T @ J)) if scaling == "diagonal" else np.eye(3)
        q = p + sign * np.linalg.solve(J.T @ J + lam * S, J.T @ r)
        new = np.sum((f(q, t) - y)**2)
        if new < cost or always:
            p, cost, lam = q, new, damping if restart else lam / down
        else:
            lam = lam * up
        out.append(p)
    return np.array(out)
'''

RATES = '''
from scipy import optimize
v = work["one-hand-tied"]
name, beta = v["method"], v["beta"]

def slowest(a, beta=beta, name=name):
    """Modulus of the larger root, by eigenvalues of the companion matrix."""
    if name == "heavy ball":
        C = [[1 + beta - a, -beta], [1, 0]]
    elif name == "Nesterov":
        C = [[(1 + beta) * (1 - a), -beta * (1 - a)], [1, 0]]
    else:
        C = [[1, -a], [1, 0]]
    return np.abs(np.linalg.eigvals(C)).max()

def at(kappa, top):
    return max(slowest(top), slowest(top / kappa))
'''

STAIRS = '''
from scipy import integrate
v = work["other-stairs"]
eta, gamma, kind = v["eta"], v["gamma"], v["kind"]

def time(s, a, eta=eta, gamma=gamma, half=0.5, kind=kind):
    if kind == "weight decay":
        return integrate.quad(lambda u: 1 / (4 * eta * u * (s - gamma - u)), a**2, half * (s - gamma))[0]
    if kind == "lopsided":
        return integrate.quad(lambda u: 1 / (2 * eta * np.sqrt(a**4 + 4 * u**2) * (s - u)), 0, half * s)[0]
    n = {"three layers": 3, "four layers": 4}[kind]
    return integrate.quad(lambda u: 1 / (2 * n * eta * u**(2 - 2 / n) * (s - u)), a**n, half * s, limit=200)[0]
'''

_fit = answering(FITS, "fit(t, y, start, trials)")
_rate = answering(RATES, "rate(kappa)")
_half_time = answering(STAIRS, "half_time(s, start)")

SUITES = {
    "gradient-descents-fault/damped-steps": Suite(
        right={
            "normal equations, differences": _fit("run(t, y, start, trials)"),
            "least squares with extra rows, by hand": '''
v = work["damped-steps"]

def both(p, t):
    a, b, c = p
    if v["model"] == "decay":
        e = np.exp(-b * t)
        return a * e + c, np.array([e, -a * t * e, t * 0 + 1]).T
    if v["model"] == "wave":
        e = np.exp(-b * t)
        return a * e * np.cos(c * t), np.array([e * np.cos(c * t), -t * a * e * np.cos(c * t), -t * a * e * np.sin(c * t)]).T
    if v["model"] == "peak":
        e = np.exp(-(t - b)**2 / (2 * c**2))
        return a * e, np.array([e, a * e * (t - b) / c**2, a * e * (t - b)**2 / c**3]).T
    e = np.exp(-b * (t - c))
    return a / (1 + e), np.array([1 / (1 + e), a * e * (t - c) / (1 + e)**2, -a * b * e / (1 + e)**2]).T

def fit(t, y, start, trials):
    p, lam, path = np.array(start), v["damping"], [np.array(start)]
    for _ in range(trials):
        value, J = both(p, t)
        rows = np.sqrt(lam) * (np.diag(np.linalg.norm(J, axis=0)) if v["scaling"] == "diagonal" else np.eye(3))
        move = np.linalg.lstsq(np.vstack([J, rows]), np.append(y - value, np.zeros(3)), rcond=None)[0]
        success = np.sum((both(p + move, t)[0] - y)**2) < np.sum((value - y)**2)
        lam = lam / v["down"] if success else lam * v["up"]
        p = p + move if success else p
        path.append(p)
    return np.array(path)
''',
        },
        wrong={
            "every trial accepted": _fit("run(t, y, start, trials, always=True)"),
            "factors swapped": _fit('run(t, y, start, trials, up=1 / v["down"], down=1 / v["up"])'),
            "the other scaling": FITS
            + '''
def fit(t, y, start, trials):
    return run(t, y, start, trials, scaling="identity" if v["scaling"] == "diagonal" else "diagonal")
''',
            "no damping": _fit("run(t, y, start, trials, damping=0.0)"),
            "damping never falls": _fit("run(t, y, start, trials, down=1.0)"),
            "damping set back after a success": _fit("run(t, y, start, trials, restart=True)"),
            "the chapter's factors of ten": _fit('run(t, y, start, trials, up=10.0, down=10.0 if v["up"] != 10 else 7.0)'),
            "uphill": _fit("run(t, y, start, trials, sign=1)"),
            "twice the step": _fit("run(t, y, start, trials, sign=-2)"),
            "Jacobian of the start": FITS
            + '''
def fit(t, y, start, trials):
    J = jacobian(np.array(start), t)
    return run(t, y, start, trials, jacobian=lambda p, t: J)
''',
            "gradient descent": FITS
            + '''
def fit(t, y, start, trials):
    p, out = np.array(start), [np.array(start)]
    for _ in range(trials):
        p = p - 0.01 * jacobian(p, t).T @ (f(p, t) - y)
        out.append(p)
    return np.array(out)
''',
            "only the answer": _fit("np.tile(run(t, y, start, 200)[-1], (trials + 1, 1))"),
        },
    ),
    "gradient-descents-fault/one-hand-tied": Suite(
        right={
            "search over steps": RATES
            + '''
def rate(kappa):
    grid = np.geomspace(1e-3, 3.99, 1200)
    best = grid[np.argmin([at(kappa, a) for a in grid])]
    found = optimize.minimize_scalar(lambda a: at(kappa, a), bounds=(best / 1.02, best * 1.02), method="bounded",
                                     options={"xatol": 1e-12})
    return min(found.fun, at(kappa, best))
''',
            "derived": RATES
            + '''
def rate(kappa):
    if name == "late gradient":
        return kappa / (kappa + 1)
    if name == "heavy ball":
        if kappa <= ((1 + beta**0.5) / (1 - beta**0.5))**2:
            return beta**0.5
        p = (1 + beta) * (kappa - 1) / (kappa + 1)              # eta (mu + L) = 2 (1 + beta)
        return (p + np.sqrt(p * p - 4 * beta)) / 2
    # Nesterov: r solves r^2 - (1 + beta) s r + beta s = 0 at mu and r^2 + (1 + beta) s' r + beta s' = 0 at L.
    def gap(r):
        low, high = r**2 / ((1 + beta) * r - beta), -(r**2) / ((1 + beta) * r + beta)
        return (1 - high) - kappa * (1 - low)
    start = 2 * beta / (1 + beta)                               # where the two roots at mu coincide
    if gap(start) > 0:                                          # complex at mu: there r^2 = beta s
        def gap(r):
            return (1 + r**2 / ((1 + beta) * r + beta)) - kappa * (1 - r**2 / beta)
        return optimize.brentq(gap, 0.0, min(start, beta**0.5))
    return optimize.brentq(gap, start, 1 - 1e-13)
''',
        },
        wrong={
            "gradient descent's rate": _rate("(kappa - 1) / (kappa + 1)"),
            "both hands free": _rate("(np.sqrt(kappa) - 1) / (np.sqrt(kappa) + 1)"),
            "root of beta, always": _rate("beta**0.5"),
            "step one over L": _rate('at(kappa, 1.0) if name != "late gradient" else at(kappa, 0.25)'),
            "gradient descent's step": _rate('at(kappa, 2 * kappa / (kappa + 1)) if name == "heavy ball" else at(kappa, 0.5)'),
            "only the flat end": RATES
            + '''
def rate(kappa):
    return min(slowest(a / kappa) for a in np.geomspace(1e-3, 3.99, 2000)) if name != "heavy ball" else beta
''',
            "beta itself": _rate('beta if name == "heavy ball" else np.sqrt(at(kappa, 0.9))'),
            "steps for a rate": RATES
            + '''
def rate(kappa):
    best = min(at(kappa, a) for a in np.geomspace(1e-3, 3.99, 2000))
    return -1 / np.log(best)
''',
            "edge of stability": RATES
            + '''
def rate(kappa):
    top = {"heavy ball": 2 * (1 + beta), "Nesterov": 2 * (1 + beta) / (1 + 2 * beta), "late gradient": 1.0}[name]
    return at(kappa, 0.97 * top)
''',
        },
    ),
    "gradient-descents-fault/other-stairs": Suite(
        right={
            "an integral": _half_time("time(s, start)"),
            "steps counted": '''
v = work["other-stairs"]
def half_time(s, start):
    eta, kind, steps = v["eta"], v["kind"], 0
    if kind == "weight decay":
        a, left = start, s - v["gamma"]
        while a * a < left / 2:
            a, steps = a - 2 * eta * (a * (a * a - s) + v["gamma"] * a), steps + 1
        return steps
    if kind == "lopsided":
        a, b = 0.0, start
        while a * b < s / 2:
            a, b, steps = a + 2 * eta * b * (s - a * b), b + 2 * eta * a * (s - a * b), steps + 1
        return steps
    n, a = (3 if kind == "three layers" else 4), start
    while a**n < s / 2:
        a, steps = a + 2 * eta * a**(n - 1) * (s - a**n), steps + 1
    return steps
''',
        },
        wrong={
            "two layers, as in the chapter": _half_time("np.log(s / start**2 - 1) / (4 * eta * s)"),
            "factor two of the loss forgotten": _half_time("time(s, start, eta=eta / 2)"),
            "flow time for steps": _half_time("time(s, start) * eta"),
            "learned for half learned": _half_time("time(s, start, half=0.9)"),
            "start squared twice": _half_time("time(s, start**2)"),
            "one layer": _half_time("np.log(2) / (2 * eta * s)"),
            "conserved, or decayed, once for twice": STAIRS
            + '''
def half_time(s, start):
    if kind == "weight decay":
        return time(s, start, gamma=gamma / 2)
    if kind == "lopsided":
        return np.log(2) / (2 * eta * start**2)
    return time(s, start, kind="four layers" if kind == "three layers" else "three layers")
''',
            "the visible value": _half_time("time(1.0, 0.3)"),
        },
    ),
} | MORE
