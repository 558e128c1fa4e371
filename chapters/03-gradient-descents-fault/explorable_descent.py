"""Gradient descent and momentum on an ill-conditioned bowl: kappa, step and momentum, solved exactly in the browser."""

from __future__ import annotations

import altair as alt
import numpy as np
from press.charts import EDGE, EXPERIMENT, QUIET, RECORD, THEORY, WIDTH, Table, finish, says, select, series_legend, slider

TITLE = "A bowl, a step, a push"
CAPTION = (
    "Two directions of a quadratic, curvature $L$ and $L/\\kappa$, each with an error of 1 at the start. Above: the first 60 "
    "steps; the thin "
    "lines are level sets. Below: the size of the whole error for 200 steps, against the best that any step alone, and any "
    "step with momentum, can promise. "
    "Nothing is simulated: both directions are linear recurrences, and the page evaluates their solutions."
)
STEPS, DRAWN = 200, 60
KAPPA, ETA, BETA = 100.0, 1.9, 0.0  # as first shown
SERIES = ("your setting", "best step alone", "best step and momentum")


def b(lam: str) -> str:
    """Trace of the recurrence e_{t+1} = b e_t - beta e_{t-1} along curvature lam (in units of L)."""
    return f"(1 + beta - eta * {lam})"


def radius(lam: str) -> str:
    """Modulus of the recurrence's larger root: what one step leaves of the error, in the long run."""
    square = f"({b(lam)} * {b(lam)} - 4 * beta)"
    return f"({square} < 0 ? sqrt(beta) : (abs({b(lam)}) + sqrt({square})) / 2)"


def solved(lam: str, name: str) -> dict[str, str]:
    """Vega formulas for the error e_t along lam, with e_0 = 1 and e_{-1} = e_0: closed form by the two roots."""
    square = f"{b(lam)} * {b(lam)} - 4 * beta"
    apart = f"datum.{name}_s"  # the roots' distance squared; equal roots are pushed apart by 1e-6
    real = (
        f"((1 - eta * {lam}) - ({b(lam)} - sqrt({apart})) / 2) / sqrt({apart}) * pow(({b(lam)} + sqrt({apart})) / 2, datum.t)"
        f" + (({b(lam)} + sqrt({apart})) / 2 - (1 - eta * {lam})) / sqrt({apart}) * pow(({b(lam)} - sqrt({apart})) / 2, "
        f"datum.t)"
    )
    angle = f"(datum.t * acos(clamp({b(lam)} / (2 * sqrt(beta)), -1, 1)))"
    turning = f"pow(beta, datum.t / 2) * (cos{angle} + (1 - eta * {lam} - {b(lam)} / 2) * 2 / sqrt(-{apart}) * sin{angle})"
    return {f"{name}_s": f"abs({square}) < 1e-12 ? 1e-12 : {square}", name: f"{apart} < 0 ? {turning} : {real}"}


def chart() -> alt.VConcatChart:
    """Valley above, error below."""
    steps = alt.Chart(alt.sequence(0, STEPS + 1, as_="t"))
    for lam, name in (("(1 / kappa)", "slow"), ("1", "fast")):
        for field, formula in solved(lam, name).items():
            steps = steps.transform_calculate(**{field: formula})
    wide, tall = alt.Scale(domain=[-1.15, 1.15]), alt.Scale(domain=[-1.3, 1.3])
    x = alt.X("slow:Q", scale=wide, title="error along the flat direction", axis=alt.Axis(tickCount=5))
    y = alt.Y("fast:Q", scale=tall, title="steep direction", axis=alt.Axis(tickCount=5))
    levels = (
        alt.Chart(alt.sequence(0, 6.3, 0.02, as_="phi"))
        .transform_calculate(r="[0.15, 0.35, 0.6, 0.9, 1.2]")
        .transform_flatten(["r"])
        .transform_calculate(x="datum.r * sqrt(kappa) * cos(datum.phi)", y="datum.r * sin(datum.phi)")
        .mark_line(clip=True, strokeWidth=1, color=QUIET, opacity=0.45)
        .encode(x=alt.X("x:Q", scale=wide), y=alt.Y("y:Q", scale=tall), order="phi:Q", detail="r:N")
    )
    walk = steps.transform_filter(f"datum.t <= {DRAWN}")
    path = walk.mark_line(clip=True, color=EXPERIMENT, strokeWidth=1.2).encode(x=x, y=y, order="t:Q")
    dots = walk.mark_point(clip=True, color=EXPERIMENT, filled=True, size=22, opacity=1).encode(x=x, y=y)
    goal = (
        alt.Chart(alt.sequence(0, 1, as_="zero"))
        .mark_point(shape="cross", size=90, color=THEORY, filled=True, opacity=1)
        .encode(x=alt.X("zero:Q", scale=wide), y=alt.Y("zero:Q", scale=tall))
    )
    valley = alt.layer(levels, path, dots, goal).properties(width=WIDTH, height=130, title="The first steps, seen from above")
    error = (
        steps.transform_calculate(
            **{
                SERIES[0]: "max(1e-12, sqrt((datum.slow * datum.slow + datum.fast * datum.fast) / 2))",
                SERIES[1]: "max(1e-12, pow((kappa - 1) / (kappa + 1), datum.t))",
                SERIES[2]: "max(1e-12, pow((sqrt(kappa) - 1) / (sqrt(kappa) + 1), datum.t))",
            }
        )
        .transform_fold(list(SERIES), as_=["line", "error"])
        .mark_line(clip=True, strokeWidth=2)
        .encode(
            x=alt.X("t:Q", title="step", axis=alt.Axis(tickCount=5), scale=alt.Scale(domain=[0, STEPS], nice=False)),
            y=alt.Y(
                "error:Q",
                title="error, start = 1",
                scale=alt.Scale(type="log", domain=[1e-6, 100]),
                axis=alt.Axis(values=[1e-6, 1e-4, 1e-2, 1, 100], format="~g", gridColor=EDGE),
            ),
            **series_legend(SERIES, (EXPERIMENT, THEORY, RECORD), ((1, 0), (7, 4), (2, 3))),
        )
        .properties(width=WIDTH, height=140)
    )
    left = f"max({radius('(1 / kappa)')}, {radius('1')})"
    sentence = (
        "'One step leaves ' + format(left, '.4f') + ' of the error in the worse direction: ' + "
        "(left > 1.0000001 ? 'it diverges.' : left > 0.9999999 ? 'it never arrives.' : left < 1e-6 ? 'done in one step.' :"
        " 'ten times less every ' + format(log(10) / -log(left), '.3~r') + ' steps.')"
        " + (kappa < 1.005 ? '' : ' The best step alone, η = ' + format(2 * kappa / (kappa + 1), '.3f') + '/L, leaves '"
        " + format((kappa - 1) / (kappa + 1), '.4f') + '; the best pair, η = ' + format(pow(2 / (1 + 1 / sqrt(kappa)), 2), '.2f')"
        " + '/L with β = ' + format(pow((sqrt(kappa) - 1) / (sqrt(kappa) + 1), 2), '.2f') + ', leaves '"
        " + format((sqrt(kappa) - 1) / (sqrt(kappa) + 1), '.4f') + '.')"
    )
    return finish(
        alt.vconcat(valley, error).resolve_legend(color="independent", strokeDash="independent"),
        select(
            "kappa", KAPPA, (1, 3, 10, 30, 100, 300, 1000), ("1", "3", "10", "30", "100", "300", "1000"), "Condition number κ"
        ),
        slider("eta", ETA, 0.05, 4, 0.01, "Step size η", "format(eta, '.2f') + ' / L'"),
        slider("beta", BETA, 0, 0.98, 0.01, "Momentum β", "format(beta, '.2f')"),
        [alt.param(name="left", expr=left)],
        says(sentence),
    )


def errors(kappa: float, eta: float, beta: float, steps: int = STEPS) -> np.ndarray:
    """The recurrence itself, step by step, shape (steps + 1, 2): flat and steep direction, L = 1."""
    lam = np.array([1 / kappa, 1.0])
    path = [np.ones(2), np.ones(2)]
    for _ in range(steps):
        path.append((1 + beta - eta * lam) * path[-1] - beta * path[-2])
    return np.array(path[1:])


def alternative() -> str:
    """What the figure shows at first, with its numbers."""
    path = errors(KAPPA, ETA, BETA)
    size = np.sqrt((path**2).mean(1))
    return (
        f"Two panels. Above, {DRAWN} steps of gradient descent on a bowl with condition number {KAPPA:g} and step {ETA:g} "
        f"over L: it jumps from wall to wall "
        f"of the steep direction and creeps along the flat one, where {path[DRAWN, 0]:.2f} of the error is left. Below, "
        f"the error falls to {size[-1]:.3f} in "
        f"{STEPS} steps; the best step with momentum would reach {((KAPPA**0.5 - 1) / (KAPPA**0.5 + 1)) ** 50:.1e} in 50."
    )


def table() -> Table:
    """Every twentieth step, as first shown."""
    path = errors(KAPPA, ETA, BETA)
    return Table(
        f"κ = {KAPPA:g}, η = {ETA:g}/L, β = {BETA:g}",
        ("step", "flat direction", "steep direction", "whole error"),
        [
            (str(t), f"{path[t, 0]:.4f}", f"{path[t, 1]:.2e}", f"{np.sqrt((path[t] ** 2).mean()):.4f}")
            for t in range(0, STEPS + 1, 20)
        ],
    )
