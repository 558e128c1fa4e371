"""Mutation suites of assignment 08. Each source runs after the assignment's set-up."""

from collections.abc import Callable

from course.items import Suite


def _function(name: str, arguments: str) -> Callable[[str], str]:
    """Source of a function that returns an expression."""
    return lambda body: f"\ndef {name}({arguments}):\n    return {body}\n"


ENDS = '''
v = work["ends-of-the-spectrum"]
h, largest = int(v["hidden"]), v["question"] == "largest"
phi = {"tanh": jnp.tanh, "arctan": jnp.arctan, "sine": jnp.sin}[v["activation"]]

def loss(w, x, y, phi=phi):
    W, a = w[:h * x.shape[1]].reshape(h, x.shape[1]), w[h * x.shape[1]:]
    return 0.5 * jnp.mean((phi(x @ W.T) @ a - y) ** 2)

slope = {"tanh": lambda z: 1 - np.tanh(z)**2, "arctan": lambda z: 1 / (1 + z**2), "sine": np.cos}[v["activation"]]
value = {"tanh": np.tanh, "arctan": np.arctan, "sine": np.sin}[v["activation"]]

def gradient(w, x, y):
    W, a = w[:h * x.shape[1]].reshape(h, -1), w[h * x.shape[1]:]
    z = x @ W.T
    r = (value(z) @ a - y) / len(x)
    return np.concatenate([((r[:, None] * a * slope(z)).T @ x).ravel(), value(z).T @ r])

def full(w, x, y, e=1e-5):
    H = np.array([(gradient(w + d, x, y) - gradient(w - d, x, y)) / (2 * e) for d in e * np.eye(len(w))])
    return (H + H.T) / 2

def spectrum(x, y, w, scale, full=full, root=np.sqrt):
    H = full(np.asarray(w), x, y)
    r = root(scale)
    return np.linalg.eigvalsh(H / np.outer(r, r))

def end(values, largest=largest):
    return values[-1] if largest else values[0]
'''

LATE = '''
v = work["late-gradients"]
taps = [float(c) for c in v["taps"]]

def radius(c, beta, taps=taps):
    p = np.zeros(max(3, len(taps) + 1))
    p[:3] += [1, -(1 + beta), beta]
    p[1:1 + len(taps)] += c * np.array(taps)
    return np.abs(np.roots(p)).max()

def first(beta, taps=taps, top=40.0):
    if not any(taps): return np.inf
    low, high = 1e-6, None
    for c in np.geomspace(1e-3, top, 400):
        if radius(c, beta, taps) >= 1 + 1e-9:
            high = c
            break
        low = c
    for _ in range(60):
        c = (low + high) / 2
        low, high = (low, c) if radius(c, beta, taps) >= 1 else (c, high)
    return low
'''

TRACES = '''
v = work["onset-from-a-trace"]
which = v["moment"]

def growth(trace, half=5):
    d = np.diff(trace, 2)
    L = np.log(np.abs(d) + 1e-300)
    return L, np.array([np.polyfit(np.arange(2 * half + 1), L[i - half:i + half + 1], 1)[0] for i in range(half, len(L) - half)])

def crossing(g, i):
    return i + g[i] / (g[i] - g[i + 1])

def moments(trace):
    L, g = growth(np.asarray(trace, float))
    on = int(np.argmin(L[5:-5]))
    near = np.flatnonzero((g[:-1] < 0) & (g[1:] >= 0))
    on = crossing(g, int(near[np.argmin(np.abs(near - on))])) + 5 + 0.5
    ratio = L[1:] - L[:-1]
    start = int(on) + 8
    peak = start + int(np.argmax(ratio[start:]))
    back = next(i for i in range(peak, len(ratio)) if ratio[i] < 0)
    return {"onset": on, "peak": peak + 1.0, "return": crossing(ratio, back - 1) + 1.0}
'''

VALLEYS = '''
v = work["softening-valley"]
eta, question = float(v["eta"]), v["question"]

def solve(s, alpha, q, kappa, edge=None):
    edge = 2 / eta if edge is None else edge
    u = 2 * (alpha - kappa * (edge - s)) / (1 + 2 * kappa * q)
    return (u, edge + q * u) if u > 0 else (0.0, s + alpha / kappa)

def answer(u, B, q, kappa, question=question, at=3.0):
    if question == "valley": return B
    if question == "width": return u ** 0.5
    return np.linalg.eigvalsh([[B - at * q * u, u ** 0.5], [u ** 0.5, kappa]])[-1]
'''

_end = _function("curvature_end", "x, y, w, scale")
_threshold = _function("threshold", "eta, beta")
_moment = _function("moment", "trace")
_plateau = _function("plateau", "s, alpha, q, kappa")

SUITES = {
    "edge-of-stability/ends-of-the-spectrum": Suite(
        right={
            "central differences": ENDS + _end("end(spectrum(x, y, w, scale))"),
            "shifted power iteration on products": ENDS
            + '''
@jax.jit
def rounds(w, x, y, r, u, shift):
    H = lambda u: jax.jvp(jax.grad(lambda w: loss(w, x, y)), (w,), (u / r,))[1] / r
    def turn(_, u):
        p = H(u) - shift * u
        return p / jnp.linalg.norm(p)
    u = jax.lax.fori_loop(0, 3000, turn, u)
    return u, u @ H(u)

def curvature_end(x, y, w, scale):
    x, y, w, r = (jnp.asarray(a, jnp.float32) for a in (x, y, w, np.sqrt(scale)))
    u = jnp.asarray(np.random.default_rng(0).normal(size=len(w)), jnp.float32)
    top = rounds(w, x, y, r, u, 0.0)[1]
    return rounds(w, x, y, r, u, top)[1]                # the end asked for is never the one of larger size
''',
        },
        wrong={
            "plain power iteration": ENDS + _end("max(spectrum(x, y, w, scale), key=abs)"),
            "the other end": ENDS + _end("end(spectrum(x, y, w, scale), not largest)"),
            "size for value": ENDS + _end("abs(max(spectrum(x, y, w, scale), key=abs))"),
            "no preconditioner": ENDS + _end("end(spectrum(x, y, w, np.ones_like(scale)))"),
            "scale without its root": ENDS + _end("end(spectrum(x, y, w, scale, root=lambda s: s))"),
            "multiplied by the scale": ENDS + _end("end(spectrum(x, y, w, 1 / scale))"),
            "sum for mean": ENDS + _end("len(x) * end(spectrum(x, y, w, scale))"),
            "half forgotten": ENDS + _end("2 * end(spectrum(x, y, w, scale))"),
            "Gauss-Newton": ENDS
            + '''
def curvature_end(x, y, w, scale):
    out = lambda w: value(x @ w[:h * x.shape[1]].reshape(h, -1).T) @ w[h * x.shape[1]:]
    J = np.array([(out(w + d) - out(w - d)) / 2e-5 for d in 1e-5 * np.eye(len(w))]).T / np.sqrt(scale)
    return end(np.linalg.eigvalsh(J.T @ J / len(x)))
''',
            "three rounds": ENDS
            + '''
def curvature_end(x, y, w, scale):
    r = np.sqrt(scale)
    H = full(w, x, y) / np.outer(r, r)
    u, shift = np.ones(len(w)), max(spectrum(x, y, w, scale), key=abs)
    for _ in range(3):
        u = H @ u - shift * u
        u = u / np.linalg.norm(u)
    return u @ H @ u
''',
            "the visible value": ENDS + 'a = end(spectrum(v["x"], v["y"], v["w"], v["scale"]))\n' + _end("a"),
        },
    ),
    "edge-of-stability/late-gradients": Suite(
        right={
            "roots and bisection": LATE + _threshold("first(beta) / eta"),
            "run the recurrence": LATE
            + '''
def companion(c, beta):
    n = max(2, len(taps))
    A = np.zeros((n, n))
    A[0, 0], A[0, 1] = 1 + beta, -beta
    A[0, :len(taps)] -= c * np.array(taps)
    A[np.arange(1, n), np.arange(n - 1)] = 1
    return A

def threshold(eta, beta):
    low, high = 0.0, 0.0
    while np.abs(np.linalg.eigvals(companion(high + 1e-3, beta))).max() < 1 or high == 0.0:
        low, high = high, high + 2e-3
    high = high + 1e-3
    for _ in range(50):
        c = (low + high) / 2
        if np.abs(np.linalg.eigvals(companion(c, beta))).max() < 1: low = c
        else: high = c
    return low / eta
''',
        },
        wrong={
            "the chapter's formula": LATE + _threshold("(2 + 2 * beta) / eta"),
            "root at -1 only": LATE + _threshold("(2 + 2 * beta) / abs(sum(c * (-1) ** k for k, c in enumerate(taps))) / eta"),
            "Nesterov's": LATE + _threshold("(2 + 2 * beta) / (1 + 2 * beta) / eta"),
            "no momentum": LATE + _threshold("first(0.0) / eta"),
            "momentum helps": LATE + _threshold("first(0.0) * (1 + beta) / eta * 1.01"),
            "averaged momentum": LATE + _threshold("first(beta) / (1 - beta + 1e-3) / eta"),
            "newest gradient only": LATE + _threshold("first(beta, taps[:1] if taps[0] else [1.0]) / eta"),
            "taps in reverse": LATE + _threshold("first(beta, taps[::-1]) / eta"),
            "one step later": LATE + _threshold("first(beta, [0.0] + taps) / eta"),
            "eta forgotten": LATE + _threshold("first(beta)"),
            "the visible constants": LATE + 'a = first(v["beta"]) / v["eta"]\n' + _threshold("a"),
        },
    ),
    "edge-of-stability/onset-from-a-trace": Suite(
        right={
            "growth of the second difference": TRACES + _moment("moments(trace)[which]"),
            "sizes, smoothed and located": TRACES
            + '''
def moment(trace):
    d = np.abs(np.diff(trace, 2))
    L = np.log(d + 1e-300)
    lowest = 4 + int(np.argmin(np.convolve(L, np.ones(9) / 9, "valid")))
    w = slice(max(lowest - 8, 0), lowest + 9)
    i = np.arange(len(L))[w]
    a, b, _ = np.polyfit(i, L[w], 2)
    top = lowest + int(np.argmax(d[lowest:]))
    if which == "onset": return 1 - b / (2 * a)
    if which == "return": return float(top + 1)
    step = np.diff(L)
    return float(lowest + 8 + np.argmax(step[lowest + 8:top + 1]) + 1)
''',
        },
        wrong={
            "when it can be seen": TRACES
            + '''
def moment(trace):
    d = np.abs(np.diff(trace, 2))
    seen = float(np.flatnonzero(d > 0.1 * d.max())[0])
    return {"onset": seen, "peak": seen, "return": float(len(d) - 1)}[which]
''',
            "when it is largest, of all": TRACES
            + '''
def moment(trace):
    top = float(np.argmax(np.abs(np.diff(trace, 2))) + 1)
    return top if which != "return" else top + 10
''',
            "another moment": TRACES + _moment('moments(trace)["onset" if which != "onset" else "peak"]'),
            "the third moment": TRACES + _moment('moments(trace)["return" if which != "return" else "peak"]'),
            "the visible moment": TRACES + 'a = moments(v["trace"])[which]\n' + _moment("a"),
            "counted backwards": TRACES + _moment("len(trace) - moments(trace)[which]"),
            "fraction of the run": TRACES + _moment("moments(trace)[which] / len(trace)"),
            "units of ten steps": TRACES + _moment("moments(trace)[which] / 10"),
        },
    ),
    "edge-of-stability/softening-valley": Suite(
        right={
            "two linear equations": VALLEYS + _plateau("answer(*solve(s, alpha, q, kappa), q, kappa)"),
            "run it": VALLEYS
            + '''
def plateau(s, alpha, q, kappa):
    a, b = 0.01, 0.0
    for _ in range(40_000):
        a, b = a - eta * (a * (s + b) - q * a**3), b - eta * (0.5 * a * a - alpha + kappa * b)
    return answer(a * a, s + b, q, kappa)
''',
        },
        wrong={
            "the chapter's plateau": VALLEYS + _plateau("answer(2 * alpha, 2 / eta, 0, 0)"),
            "no softening": VALLEYS + _plateau("answer(*solve(s, alpha, 0.0, kappa), 0.0, kappa)"),
            "hardening": VALLEYS + _plateau("answer(*solve(s, alpha, -q, kappa), -q, kappa)"),
            "sharpening does not tire": VALLEYS + _plateau("answer(*solve(s, alpha, q, 0.0), q, 0.0)"),
            "edge at one over eta": VALLEYS + _plateau("answer(*solve(s, alpha, q, kappa, 1 / eta), q, kappa)"),
            "half of the square forgotten": VALLEYS + _plateau("answer(*solve(s, alpha / 2, q, kappa / 2), q, kappa)"),
            "another question": VALLEYS
            + _plateau('answer(*solve(s, alpha, q, kappa), q, kappa, "valley" if question != "valley" else "iterate")'),
            "the visible valley": VALLEYS
            + 'a = [v[k] for k in ("s", "alpha", "q", "kappa")]\n'
            + _plateau("answer(*solve(*a), a[2], a[3])"),
            "square for width, excess for valley": VALLEYS
            + '''
def plateau(s, alpha, q, kappa):
    u, B = solve(s, alpha, q, kappa)
    return {"valley": B - s, "width": u + 1e-3, "iterate": B - q * u}[question]
''',
        },
    ),
}
