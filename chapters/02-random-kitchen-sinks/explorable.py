"""Random Fourier features on the line: how the number D of features sets the error of the kernel."""

from __future__ import annotations

import altair as alt
import numpy as np
from alchemy.theory import kernels
from press.charts import EXPERIMENT, QUIET, THEORY, WIDTH, Table, finish, says, select, series_legend, slider

TITLE = "A kernel from a draw"
CAPTION = (
    "Above: a kernel on the line, and its estimate by $D$ random features ($D/2$ frequencies, a cosine and a sine each); the "
    "band is "
    "two standard deviations either way, from the variance formula. Below: the largest error over $0\\le t\\le6$ for every $D$ "
    "of "
    "this draw, and the standard deviation where it is largest. The frequencies of six draws come with the page; the mean of "
    "their cosines is taken while you move the slider."
)
KERNELS, DRAWS, MOST, END = ("gaussian", "laplacian", "cauchy"), 6, 9, 6.0
LOG_D = 4  # as first shown
T = np.round(np.linspace(0, END, 61), 3)


def frequencies(name: str) -> np.ndarray:
    """Frequencies of every draw from the kernel's spectral measure: (draws, 2^MOST / 2)."""
    rng = np.random.default_rng(2007 + KERNELS.index(name))
    return np.round(kernels.Kernel(name).sample(rng, DRAWS * 2 ** (MOST - 1), 1).reshape(DRAWS, -1), 4)


def errors(name: str) -> np.ndarray:
    """Largest error over T of the first D / 2 frequencies: (draws, MOST), D = 2, 4, ..."""
    cosines = np.cos(frequencies(name)[..., None] * T)
    exact = kernels.Kernel(name)(T[:, None])
    return np.array([np.abs(cosines[:, : 2**i].mean(1) - exact).max(-1) for i in range(MOST)]).T


def deviation(name: str) -> np.ndarray:
    """Standard deviation of the estimate at every t, times the root of D."""
    k = kernels.Kernel(name)
    return np.sqrt(kernels.variance_paired(k(T[:, None]), k(2 * T[:, None]), 1))


def chart() -> alt.VConcatChart:
    """The kernel above, its error below."""
    exact = [
        {"kernel": n, "t": float(t), "k": round(float(k), 5), "sd": round(float(s), 5)}
        for n in KERNELS
        for t, k, s in zip(T, kernels.Kernel(n)(T[:, None]), deviation(n), strict=True)
    ]
    omega = [{"kernel": n, "draw": d + 1, "w": row.tolist()} for n in KERNELS for d, row in enumerate(frequencies(n))]
    names = ("estimate", "kernel")
    look = series_legend(names, (EXPERIMENT, THEORY), ((1, 0), (7, 4)))
    x = alt.X("t:Q", title="distance t, in lengths", scale=alt.Scale(domain=[0, END], nice=False), axis=alt.Axis(tickCount=6))
    up = alt.Scale(domain=[-0.8, 1.2], nice=False)
    y = alt.Y("y:Q", title="similarity", scale=up, axis=alt.Axis(values=[-0.5, 0, 0.5, 1]))
    truth = alt.Chart(alt.Data(values=exact, name="exact")).transform_filter("datum.kernel == kernel")
    band = (
        truth.transform_calculate(low="datum.k - 2 * datum.sd / sqrt(D)", high="datum.k + 2 * datum.sd / sqrt(D)")
        .mark_area(color=THEORY, opacity=0.15, clip=True)
        .encode(x=x, y=alt.Y("low:Q", scale=up, title="similarity"), y2="high:Q")
    )
    line = truth.transform_calculate(line="'kernel'", y="datum.k").mark_line(strokeWidth=2, clip=True).encode(x=x, y=y, **look)
    drawn = (
        alt.Chart(alt.Data(values=omega, name="omega"))
        .transform_filter("datum.kernel == kernel && datum.draw == draw")
        .transform_calculate(first="slice(datum.w, 0, D / 2)")
        .transform_flatten(["first"])
        .transform_calculate(at=f"sequence(0, {len(T)})")
        .transform_flatten(["at"])
        .transform_calculate(t=f"datum.at * {END} / {len(T) - 1}")
        .transform_calculate(cosine="cos(datum.first * datum.t)")
        .transform_aggregate(y="mean(cosine)", groupby=["t"])
        .transform_calculate(line="'estimate'")
        .mark_line(strokeWidth=2, clip=True)
        .encode(x=x, y=y, **look)
    )
    top = alt.layer(band, line, drawn).properties(width=WIDTH, height=150)
    found = {n: errors(n) for n in KERNELS}
    worst = {n: float(deviation(n).max()) for n in KERNELS}
    rows = [
        {
            "kernel": n,
            "draw": d + 1,
            "D": 2 ** (i + 1),
            "error": round(float(found[n][d, i]), 5),
            "sd": round(worst[n] / 2 ** ((i + 1) / 2), 5),
        }
        for n in KERNELS
        for d in range(DRAWS)
        for i in range(MOST)
    ]
    mine = alt.Chart(alt.Data(values=rows, name="errors")).transform_filter("datum.kernel == kernel")
    across = alt.X(
        "D:Q",
        title="features D",
        scale=alt.Scale(type="log", domain=[2, 2**MOST], nice=False),
        axis=alt.Axis(values=[2**i for i in range(1, MOST + 1)], format="d"),
    )
    size = alt.Scale(type="log", domain=[0.01, 2], nice=False)
    high = alt.Y("error:Q", title="largest error", scale=size, axis=alt.Axis(values=[0.01, 0.1, 1], format="~g"))
    others = mine.mark_line(color=QUIET, opacity=0.35, strokeWidth=1, clip=True).encode(x=across, y=high, detail="draw:N")
    own = (
        mine.transform_filter("datum.draw == draw").mark_line(color=EXPERIMENT, strokeWidth=2, clip=True).encode(x=across, y=high)
    )
    law = mine.mark_line(color=THEORY, strokeDash=[7, 4], strokeWidth=2, clip=True).encode(x=across, y=alt.Y("sd:Q", scale=size))
    ring = (
        mine.transform_filter("datum.draw == draw && datum.D == D")
        .mark_point(size=110, strokeWidth=3, color=EXPERIMENT, filled=False, opacity=1)
        .encode(x=across, y=high)
    )
    bottom = alt.layer(others, law, own, ring).properties(width=WIDTH, height=110)
    table = {n: found[n].round(4).tolist() for n in KERNELS}
    sentence = (
        "'D = ' + D + ': the largest error of this draw is ' + format(error, '.2f') + '; the standard deviation, where "
        "it is "
        "largest, is ' + format(sd, '.3f') + '. A tenth of it takes ' + format(100 * D, ',d') + ' features.'"
    )
    return finish(
        alt.vconcat(top, bottom),
        select("kernel", "gaussian", KERNELS, ("Gaussian", "Laplacian", "Cauchy"), "Kernel"),
        slider("log_d", LOG_D, 1, MOST, 1, "Features D", "D"),
        slider("draw", 1, 1, DRAWS, 1, "Draw", "'no. ' + draw"),
        [
            alt.param(name="D", expr="pow(2, log_d)"),
            alt.param(name="error", expr=f"({table})[kernel][draw - 1][log_d - 1]"),
            alt.param(name="sd", expr=f"({ {n: round(w, 5) for n, w in worst.items()} })[kernel] / sqrt(D)"),
        ],
        says(sentence),
    )


def alternative() -> str:
    """What the figure shows at first, with its numbers."""
    found = errors("gaussian")[0]
    return (
        f"Two panels. Above, the Gaussian kernel and its estimate by {2**LOG_D} random features, off by at most "
        f"{found[LOG_D - 1]:.2f}. "
        f"Below, on logarithmic axes, the largest error over the number of features falls from {found[0]:.2f} at 2 to "
        f"{found[-1]:.3f} at "
        f"{2**MOST}, along the dashed line of slope one half down."
    )


def table() -> Table:
    """Largest errors of the first draw and the formula's standard deviation."""
    rows = [
        (
            n,
            str(2**i),
            f"{errors(n)[0, i - 1]:.3f}",
            f"{np.median(errors(n)[:, i - 1]):.3f}",
            f"{deviation(n).max() / 2 ** (i / 2):.3f}",
        )
        for n in KERNELS
        for i in (1, 3, 5, 7, 9)
    ]
    return Table(
        "Largest error over 0 ≤ t ≤ 6",
        ("kernel", "features D", "first draw", f"median of {DRAWS} draws", "largest standard deviation"),
        rows,
    )
