"""Adam against AMSGrad on the toll road of Reddi, Kale and Kumar: played beforehand, with the drift of alchemy.theory.online."""

from __future__ import annotations

from functools import cache

import altair as alt
import numpy as np
from alchemy.theory import online
from press.charts import EXPERIMENT, QUIET, THEORY, WIDTH, Table, finish, says, select, series_legend, slider

TITLE = "Which way does it walk?"
CAPTION = (
    "The road of this section: a toll $C$ every $P$-th day and $-1$ otherwise, on $[-1, 1]$, where $x=-1$ is the best place; "
    "$\\beta_1=0$, $\\alpha_t=0.5/\\sqrt t$, start at 0. "
    "Above: where the two methods stand at the end of a period. Below: the drift a period, in units of $\\alpha_t$, over the "
    "length of the memory, $1/(1-\\beta_2)$; the ring marks your $\\beta_2$. "
    "The games were played when the page was built; the drift is the formula above."
)
PERIODS, TOLLS = (3, 5, 10, 30), (1.0, 1.1, 1.5, 2.0)
BETAS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
STEPS, ALPHA = 20_000, 0.5
PERIOD, TOLL, BETA = 3, 1.0, 1  # as first shown; BETA is a place in BETAS
SERIES = ("Adam", "AMSGrad")


@cache
def play() -> np.ndarray:
    """x after every step: (periods, tolls, betas, methods, steps + 1). All games at once, one step after the other."""
    P, c, beta = (a[..., None] for a in np.meshgrid(np.array(PERIODS), np.array(TOLLS), np.array(BETAS), indexing="ij"))
    x = np.zeros((*beta.shape[:-1], 2))
    v, largest, path = np.zeros_like(beta), np.zeros_like(beta), np.zeros((*x.shape, STEPS + 1), np.float32)
    for t in range(1, STEPS + 1):
        g = np.where((t - 1) % P == 0, c * P, -1.0)
        v = beta * v + (1 - beta) * g**2
        largest = np.maximum(largest, v)
        x = np.clip(x - ALPHA / np.sqrt(t) * g / np.sqrt(np.concatenate([v, largest], -1)), -1, 1)
        path[..., t] = x
    return path


def kept(period: int, points: int = 34) -> np.ndarray:
    """Ends of periods at which the path is drawn, evenly spaced in the logarithm, and the start."""
    return np.unique(np.round(np.geomspace(1, STEPS // period, points)).astype(int)) * period


def chart() -> alt.VConcatChart:
    """Paths above, drift below."""
    path = play()
    runs = [
        {
            "p": P,
            "c": c,
            "b": k,
            "t": kept(P).tolist(),
            **{s: [round(float(x), 2) for x in path[i, j, k, m, kept(P)]] for m, s in enumerate(SERIES)},
        }
        for i, P in enumerate(PERIODS)
        for j, c in enumerate(TOLLS)
        for k in range(len(BETAS))
    ]
    memory = np.geomspace(1.03, 1000, 40)
    theory = [
        {
            "p": P,
            "c": c,
            "memory": [round(float(m), 3) for m in memory],
            **{s: [round(online.periodic_drift(c * P, P, 1 - 1 / m, amsgrad=s == "AMSGrad"), 4) for m in memory] for s in SERIES},
        }
        for P in PERIODS
        for c in TOLLS
    ]
    look = series_legend(SERIES, (EXPERIMENT, THEORY), ((1, 0), (7, 4)))
    mine = "datum.p == period && datum.c == toll"
    walks = (
        alt.Chart(alt.Data(values=runs, name="runs"))
        .transform_filter(f"{mine} && datum.b == beta")
        .transform_flatten(["t", *SERIES])
        .transform_fold(list(SERIES), as_=["line", "x"])
        .mark_line(strokeWidth=2.5, clip=True)
        .encode(
            x=alt.X(
                "t:Q",
                title="step",
                scale=alt.Scale(type="log", domain=[3, STEPS], nice=False),
                axis=alt.Axis(values=[10, 100, 1000, 10000], format=",d"),
            ),
            y=alt.Y("x:Q", title="x", scale=alt.Scale(domain=[-1.1, 1.1], nice=False), axis=alt.Axis(values=[-1, 0, 1])),
            **look,
        )
    )
    ends = alt.Chart(alt.Data(values=[{"x": -1, "word": "best: pays least"}, {"x": 1, "word": "worst"}]))
    walls = ends.mark_rule(color=QUIET, strokeDash=[2, 3]).encode(y="x:Q")
    names = ends.mark_text(align="left", dx=5, dy=alt.ExprRef("datum.x < 0 ? -8 : 10"), color=QUIET).encode(
        x=alt.value(0), y="x:Q", text="word:N"
    )
    top = alt.layer(walls, names, walks).properties(width=WIDTH, height=140)
    drift = (
        alt.Chart(alt.Data(values=theory, name="theory"))
        .transform_filter(mine)
        .transform_flatten(["memory", *SERIES])
        .transform_fold(list(SERIES), as_=["line", "drift"])
    )
    x = alt.X(
        "memory:Q",
        title="memory 1/(1 − β₂), in steps",
        scale=alt.Scale(type="log", domain=[1, 1000], nice=False),
        axis=alt.Axis(values=[1, 10, 100, 1000], format=",d"),
    )
    y = alt.Y(
        "drift:Q", title="drift a period", scale=alt.Scale(type="symlog", constant=0.1), axis=alt.Axis(values=[-10, -1, 0, 1, 10])
    )
    bend = drift.mark_line(strokeWidth=2.5, clip=True).encode(x=x, y=y, **look)
    zero = alt.Chart(alt.Data(values=[{"drift": 0}])).mark_rule(color=QUIET).encode(y="drift:Q")
    sign = (
        alt.Chart(alt.Data(values=[{"drift": 0}]))
        .mark_text(text="above 0: the wrong way", align="right", dx=-5, dy=-9, color=QUIET)
        .encode(x=alt.value(alt.ExprRef("width")), y="drift:Q")
    )
    drifts = {
        s: [
            [[round(online.periodic_drift(c * P, P, b, amsgrad=s == "AMSGrad"), 4) for b in BETAS] for c in TOLLS]
            for P in PERIODS
        ]
        for s in SERIES
    }
    here = (
        alt.Chart(alt.Data(values=[{}]))
        .transform_calculate(memory="1 / (1 - beta2)", drift="adam")
        .mark_point(shape="circle", size=120, strokeWidth=3, color=EXPERIMENT, filled=False, opacity=1)
        .encode(x="memory:Q", y="drift:Q")
    )
    bottom = alt.layer(zero, sign, bend, here).properties(width=WIDTH, height=110)
    flips = [[round(online.critical_beta2(c * P, P), 5) for c in TOLLS] for P in PERIODS]
    place = f"[indexof({list(PERIODS)}, period)][indexof({list(TOLLS)}, toll)]"
    sentence = (
        "'Drift a period: Adam ' + format(adam, '+.3~f') + ', ' + (adam > 0 ? 'the wrong way' : 'the right way') + '; "
        "AMSGrad ' + format(amsgrad, '+.3~f') + '. "
        "On this road Adam turns round at β₂ = ' + format(flip, '.4~f') + ', a memory of ' + format(1 / (1 - flip), "
        "',.3~r') + ' steps.'"
    )
    return finish(
        alt.vconcat(top, bottom),
        select("period", PERIOD, PERIODS, [f"every {P} days" for P in PERIODS], "Period P"),
        select("toll", TOLL, TOLLS, ["C = P, just enough", "C = 1.1 P", "C = 1.5 P", "C = 2 P"], "Toll C"),
        slider("beta", BETA, 0, len(BETAS) - 1, 1, "Memory β₂", "beta2"),
        [
            alt.param(name="beta2", expr=f"{list(BETAS)}[beta]"),
            alt.param(name="adam", expr=f"({drifts['Adam']}){place}[beta]"),
            alt.param(name="amsgrad", expr=f"({drifts['AMSGrad']}){place}[beta]"),
            alt.param(name="flip", expr=f"({flips}){place}"),
        ],
        says(sentence),
    )


def alternative() -> str:
    """What the figure shows at first, with its numbers."""
    i, j, beta = PERIODS.index(PERIOD), TOLLS.index(TOLL), BETAS[BETA]
    ends = play()[i, j, BETA, :, kept(PERIOD)[-1]]
    C = TOLL * PERIOD
    return (
        f"Two panels. Above, with a toll of {C:g} every {PERIOD} days and beta2 = {beta}, Adam walks from 0 to "
        f"{ends[0]:+.2f}, the worst point, and AMSGrad to {ends[1]:+.2f}, the best. "
        f"Below, the drift a period over the memory: Adam's is {online.periodic_drift(C, PERIOD, beta):+.2f} at that beta2 "
        f"and crosses zero at beta2 = {online.critical_beta2(C, PERIOD):.3f}; "
        "AMSGrad's is negative everywhere."
    )


def table() -> Table:
    """Drift at a few memories, on the road as first shown."""
    C = TOLL * PERIOD
    return Table(
        f"C = {C:g}, P = {PERIOD}",
        ("β₂", "Adam's drift", "AMSGrad's drift", "Adam ends at", "AMSGrad ends at"),
        [
            (
                f"{b:g}",
                f"{online.periodic_drift(C, PERIOD, b):+.3f}",
                f"{online.periodic_drift(C, PERIOD, b, amsgrad=True):+.3f}",
                *(f"{x:+.2f}" for x in play()[PERIODS.index(PERIOD), TOLLS.index(TOLL), k, :, kept(PERIOD)[-1]]),
            )
            for k, b in enumerate(BETAS)
            if k % 2 or k == 0
        ],
    )
