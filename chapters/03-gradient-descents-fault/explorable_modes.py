"""The singular modes of a two-layer linear network, learned one by one: Saxe, McClelland and Ganguli's solution."""

from __future__ import annotations

import altair as alt
import numpy as np
from alchemy.theory import deep_linear
from press.charts import EXPERIMENT, QUIET, THEORY, WIDTH, Table, finish, says, select, slider

TITLE = "Six stairs"
CAPTION = (
    "Six singular values, evenly spaced in the logarithm from 1 to $1/\\kappa$. Above: how much of each mode has been learned; "
    "the dotted rules are the "
    "half-learning times $t_{1/2}$ of the formula. Below: what is left of the squared error. Time is in units of $\\tau$, on a "
    "logarithmic axis. "
    "Two layers follow the logistic curve of this section; one layer, for comparison, obeys $\\tau\\dot u=s-u$, "
    "which closes every gap at one and the same rate."
)
MODES = 6
KAPPA, LOG_START = 20, -6.0  # as first shown
TIMES = np.linspace(-1, 3, 161)  # log10 of the time


def chart() -> alt.VConcatChart:
    """Strengths above, loss below."""
    modes = alt.Chart(alt.sequence(1, MODES + 1, as_="mode")).transform_calculate(
        s=f"pow(kappa, -(datum.mode - 1) / {MODES - 1})"
    )
    two = "1 / ((1 - exp(-2 * datum.s * datum.t)) / datum.s + exp(-2 * datum.s * datum.t) / start)"
    one = "datum.s + (start - datum.s) * exp(-datum.t)"  # tau du/dt = s - u
    curves = (
        modes.transform_calculate(at=f"sequence({TIMES[0]}, {TIMES[-1] + 1e-9}, {TIMES[1] - TIMES[0]})")
        .transform_flatten(["at"])
        .transform_calculate(t="pow(10, datum.at)")
        .transform_calculate(u=f"layers == 2 ? {two} : {one}")
        .transform_calculate(share="datum.u / datum.s", left="pow(datum.s - datum.u, 2)", whole="datum.s * datum.s")
    )
    across = alt.Scale(type="log", domain=[10 ** TIMES[0], 10 ** TIMES[-1]], nice=False)
    x = alt.X("t:Q", title="time, in units of τ", scale=across, axis=alt.Axis(values=[0.1, 1, 10, 100, 1000], format="~r"))
    y = alt.Y(
        "share:Q",
        title="share learned",
        scale=alt.Scale(domain=[0, 1.12], nice=False),
        axis=alt.Axis(format="%", values=[0, 0.5, 1]),
    )
    lines = curves.mark_line(strokeWidth=2, clip=True).encode(
        x=x,
        y=y,
        color=alt.value(THEORY),
        detail="mode:O",
        strokeOpacity=alt.StrokeOpacity("mode:O", legend=None, scale=alt.Scale(range=[1, 0.88, 0.76, 0.66, 0.58, 0.5])),
    )
    half = modes.transform_calculate(
        half="layers == 2 ? log(datum.s / start - 1) / (2 * datum.s) : log((datum.s - start) / (datum.s / 2))"
    )
    half = half.transform_filter("isFinite(datum.half) && datum.half > 0")
    rules = half.mark_rule(strokeDash=[2, 3], color=QUIET, clip=True).encode(x=alt.X("half:Q", scale=across))
    apart = half.transform_calculate(name=f"layers == 2 && kappa > 1 ? datum.mode : datum.mode == 1 ? '1–{MODES}' : ''")
    names = apart.mark_text(dy=-1, baseline="bottom", fontSize=12).encode(
        x=alt.X("half:Q", scale=across), y=alt.datum(1.01), text="name:N"
    )
    top = alt.layer(rules, lines, names).properties(width=WIDTH, height=150, title="Modes 1 to 6, the strongest first")
    loss = (
        curves.transform_aggregate(left="sum(left)", whole="sum(whole)", groupby=["t"])
        .transform_calculate(loss="max(1e-9, datum.left / datum.whole)")
        .mark_line(strokeWidth=2.5, color=EXPERIMENT, clip=True)
        .encode(
            x=x,
            y=alt.Y(
                "loss:Q",
                title="error left",
                scale=alt.Scale(type="log", domain=[1e-4, 2], nice=False),
                axis=alt.Axis(values=[1e-4, 1e-3, 1e-2, 1e-1, 1], format="~g"),
            ),
        )
        .properties(width=WIDTH, height=110, title="The loss that you would see")
    )
    slowest = "(layers == 2 ? log(1 / (kappa * start) - 1) * kappa / 2 : log((1 / kappa - start) * 2 * kappa))"
    first = "(layers == 2 ? log(1 / start - 1) / 2 : log((1 - start) * 2))"
    sentence = (
        f"1 / kappa <= 2 * start ? 'Mode {MODES} starts at half its size or more: there is nothing to wait for.' : "
        f"'Mode 1 is half learned at t = ' + format({first}, '.1f') + ', mode {MODES} at t = ' + format({slowest}, "
        f"',.1f') + "
        f"(kappa == 1 || layers == 1 ? ': all at once.' : ': ' + format({slowest} / {first}, ',.1f') + ' times as long, for a "
        f"mode ' + kappa + ' times as weak.')"
    )
    return finish(
        alt.vconcat(top, loss),
        select("kappa", KAPPA, (1, 2, 5, 10, 20, 50, 100), ("1", "2", "5", "10", "20", "50", "100"), "Spread κ"),
        slider("log_start", LOG_START, -8, -1, 0.25, "Start, u₀", "format(start, '.1e')"),
        select("layers", 2, (2, 1), ("two layers", "one layer"), "Network"),
        [alt.param(name="start", expr="pow(10, log_start)")],
        says(sentence),
    )


def values(kappa: float = KAPPA) -> np.ndarray:
    """The singular values, the largest first."""
    return kappa ** (-np.arange(MODES) / (MODES - 1))


def alternative() -> str:
    """What the figure shows at first, with its numbers."""
    half = deep_linear.learning_time(values(), 10**LOG_START)
    width = deep_linear.learning_time(values(), 10**LOG_START, 0.9)[0] - half[0]
    return (
        f"Two panels over logarithmic time. Above, six S-shaped curves for modes 1 to {MODES} of a target with condition "
        f"number {KAPPA}: they are half learned at "
        f"t = {', '.join(f'{t:.1f}' for t in half)}. The first rests near zero until then and passes nine tenths "
        f"{width:.1f} later. Below, the loss comes down in a staircase, "
        "one landing between each two modes."
    )


def table() -> Table:
    """Half-learning times of the two networks, as first shown."""
    s, start = values(), 10**LOG_START
    two = deep_linear.learning_time(s, start)
    return Table(
        f"Half-learning times in units of τ; κ = {KAPPA}, strength at the start {start:.0e}",
        ("mode", "singular value", "two layers", "one layer"),
        [(str(k + 1), f"{s[k]:.3f}", f"{two[k]:.2f}", f"{np.log(2 * (s[k] - start) / s[k]):.2f}") for k in range(MODES)],
    )
