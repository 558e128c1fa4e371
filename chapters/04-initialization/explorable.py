"""Signal propagation in wide tanh networks over (sigma_w, sigma_b, depth), on a grid of alchemy.theory.mean_field."""

from __future__ import annotations

import altair as alt
import numpy as np
from alchemy.theory import mean_field
from press.charts import EXPERIMENT, INK, PAPER, THEORY, WIDTH, Table, finish, says, slider

TITLE = "Order, chaos, and the line between"
CAPTION = (
    "Two inputs enter a tanh network of infinite width with correlation 0.5 and length $q^*$. Above: their correlation $c$ "
    "after so many layers, for every pair of deviations; "
    "the dashed line is $\\chi_1 = 1$, the ring is your network. Below: your network, layer by layer. Computed by this book's "
    "library on a grid, when the page was built."
)
SIGMA_W = np.round(np.arange(0.6, 3.01, 0.1), 2)
SIGMA_B = np.round(np.arange(0.05, 0.66, 0.1), 2)
START, DEEPEST = 0.5, 50
W, B, DEPTH = 1.3, 0.25, 16  # as first shown


def correlations(sigma_w: float, sigma_b: float) -> np.ndarray:
    """The correlation of two inputs of length q* behind 0 to DEEPEST layers."""
    return mean_field.trajectory(DEEPEST, mean_field.length_fixed_point(sigma_w, sigma_b), START, sigma_w, sigma_b)[1]


def border() -> list[dict[str, float]]:
    """The critical line over the grid's range of sigma_b."""
    return [{"w": round(mean_field.critical_sigma_w(b), 4), "b": round(float(b), 3)} for b in np.linspace(0, 0.7, 29)]


def chart() -> alt.VConcatChart:
    """The plane at one depth above, one network at all depths below."""
    rows = [
        {"w": float(w), "b": float(b), "x": round(mean_field.chi(w, b), 4), "c": [round(float(c), 3) for c in correlations(w, b)]}
        for w in SIGMA_W
        for b in SIGMA_B
    ]
    plane = alt.Chart(alt.Data(values=rows, name="plane")).transform_calculate(
        now="datum.c[depth]", w0="datum.w - 0.05", w1="datum.w + 0.05", b0="datum.b - 0.05", b1="datum.b + 0.05"
    )
    across = alt.Scale(domain=[0.55, 3.05], nice=False, zero=False)
    up = alt.Scale(domain=[0, 0.7], nice=False)
    x = alt.X("w0:Q", scale=across, title="σ_w, deviation of the weights", axis=alt.Axis(values=[1, 1.5, 2, 2.5, 3], grid=False))
    y = alt.Y("b0:Q", scale=up, title="σ_b, of the biases", axis=alt.Axis(values=[0, 0.2, 0.4, 0.6], grid=False))
    tiles = plane.mark_rect(clip=True).encode(
        x=x,
        x2="w1:Q",
        y=y,
        y2="b1:Q",
        color=alt.Color(
            "now:Q",
            scale=alt.Scale(domain=[0, 1], range=[PAPER, THEORY], interpolate="rgb"),
            legend=alt.Legend(
                title="correlation", direction="horizontal", titleOrient="left", gradientLength=120, values=[0, 0.5, 1]
            ),
        ),
    )
    line = (
        alt.Chart(alt.Data(values=border(), name="border"))
        .mark_line(strokeDash=[6, 4], color=EXPERIMENT, strokeWidth=2.5, clip=True)
        .encode(x=alt.X("w:Q", scale=across), y=alt.Y("b:Q", scale=up), order="b:Q")
    )
    left, right = (
        alt.Chart(alt.Data(values=[{"w": w, "b": 0.03, "word": word}]))
        .mark_text(align=align, fontSize=13, fontWeight="bold", baseline="bottom", color=color)
        .encode(x=alt.X("w:Q", scale=across), y=alt.Y("b:Q", scale=up), text="word:N")
        for w, word, align, color in ((0.6, "order", "left", PAPER), (3.0, "chaos", "right", INK))
    )
    mine = "abs(datum.w - sigma_w) < 0.01 && abs(datum.b - sigma_b) < 0.01"
    here = plane.transform_filter(mine)
    ring = [
        here.mark_point(shape="circle", size=size, strokeWidth=3, color=color, filled=False, opacity=1).encode(
            x=alt.X("w:Q", scale=across), y=alt.Y("b:Q", scale=up)
        )
        for size, color in ((190, PAPER), (110, EXPERIMENT))
    ]
    top = alt.layer(tiles, line, left, right, *ring).properties(width=WIDTH, height=125)
    layers = (
        here.transform_calculate(layer=f"sequence(0, {DEEPEST + 1})")
        .transform_flatten(["c", "layer"])
        .encode(
            x=alt.X("layer:Q", title="layer", scale=alt.Scale(domain=[0, DEEPEST], nice=False), axis=alt.Axis(tickCount=5)),
            y=alt.Y("c:Q", title="correlation", scale=alt.Scale(domain=[0, 1.03], nice=False), axis=alt.Axis(values=[0, 0.5, 1])),
        )
    )
    curve = layers.mark_line(color=THEORY, strokeWidth=2, point={"color": THEORY, "filled": True, "size": 20})
    now = layers.transform_filter("datum.layer == depth").mark_point(
        color=EXPERIMENT, size=110, strokeWidth=3, filled=False, opacity=1
    )
    below = alt.layer(curve, now).properties(width=WIDTH, height=100, title="Your network, layer by layer")
    chis = {f"{r['w']:.1f}|{r['b']:.2f}": r["x"] for r in rows}
    ends = {f"{r['w']:.1f}|{r['b']:.2f}": [r["c"][d] for d in range(0, DEEPEST + 1)] for r in rows}
    key = "format(sigma_w, '.1f') + '|' + format(sigma_b, '.2f')"
    sentence = (
        "'χ₁ = ' + format(chi, '.2f') + (chi < 1 ? ': order. ' : ': chaos. ') + 'Behind ' + depth + ' layers the "
        "correlation is ' + format(correlation, '.3f') + "
        "'; a squared gradient that comes back through them is multiplied by ' + format(pow(chi, depth), '.2~g') + '.'"
    )
    return finish(
        alt.vconcat(top, below),
        slider("sigma_w", W, SIGMA_W[0], SIGMA_W[-1], 0.1, "Weights, σ_w", "format(sigma_w, '.1f')"),
        slider("sigma_b", B, SIGMA_B[0], SIGMA_B[-1], 0.1, "Biases, σ_b", "format(sigma_b, '.2f')"),
        slider("depth", DEPTH, 1, DEEPEST, 1, "Depth", "depth + (depth == 1 ? ' layer' : ' layers')"),
        [alt.param(name="chi", expr=f"({chis})[{key}]"), alt.param(name="correlation", expr=f"({ends})[{key}][depth]")],
        says(sentence),
    )


def alternative() -> str:
    """What the figure shows at first, with its numbers."""
    return (
        f"Two panels. Above, the plane of weight and bias deviations, shaded by the correlation behind {DEPTH} layers of "
        f"two inputs that start at {START}: near 1 left of the dashed critical line, "
        f"where inputs merge, low to the right of it. The line leaves sigma_w = {mean_field.critical_sigma_w(0.05):.2f} at "
        f"the bottom and leans right. Below, the network at sigma_w = {W}, sigma_b = {B}: "
        f"its correlation goes from {START} to {correlations(W, B)[DEPTH]:.2f} in {DEPTH} layers."
    )


def table() -> Table:
    """A few networks, at the first sigma_b."""
    depths = (1, 4, 16, 50)
    return Table(
        f"Correlation behind so many layers, σ_b = {B}",
        ("σ_w", "χ₁", *(f"{d} layer{'s' * (d > 1)}" for d in depths)),
        [(f"{w:.1f}", f"{mean_field.chi(w, B):.2f}", *(f"{correlations(w, B)[d]:.3f}" for d in depths)) for w in SIGMA_W[::3]],
    )
