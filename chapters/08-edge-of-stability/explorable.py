"""Sharpness meeting 2 / eta: recorded runs of chapter 08's network at eleven learning rates (explorable.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
from press.charts import EXPERIMENT, QUIET, THEORY, WIDTH, Table, finish, says, slider

RECORD: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
ARMS: list[dict[str, Any]] = RECORD["arms"]
FIRST = [arm["eta"] for arm in ARMS].index(0.2)  # the arm first shown
TITLE = "Which line will it find?"
CAPTION = (
    f"Recorded runs, not live ones: this chapter's network and starts, {RECORD['seeds']} seeds at each of {len(ARMS)} learning "
    f"rates, {RECORD['steps']} full-batch steps "
    f"({RECORD['recorded']}, {RECORD['scale']} scale, seed 0, {RECORD['machine']}, JAX {RECORD['jax']}). Above: sharpness, "
    f"median and 95 % of the seeds that did not diverge; grey, the other learning "
    "rates' medians. Below: the loss of the first seed. Only those rates that this page registers belong to its claims; the "
    "others are for looking."
)


def settled(arm: dict[str, Any]) -> float:
    """Median sharpness over the last quarter of the run, as a share of 2 / eta."""
    middle = np.array(arm["median"], float)
    return float(np.median(middle[-len(middle) // 4 :]) * arm["eta"] / 2)


def chart() -> alt.VConcatChart:
    """Sharpness above, loss below, for one learning rate at a time."""
    every = RECORD["every"]
    rows = [
        {"arm": i, "step": every * t, "low": arm["low"][t], "middle": arm["median"][t], "high": arm["high"][t]}
        for i, arm in enumerate(ARMS)
        for t in range(len(arm["median"]))
    ]
    losses = [{"arm": i, "step": 2 * t, "loss": loss} for i, arm in enumerate(ARMS) for t, loss in enumerate(arm["loss"]) if loss]
    runs = alt.Chart(alt.Data(values=rows))
    mine = runs.transform_filter("datum.arm == rate")
    x = alt.X("step:Q", title="step", scale=alt.Scale(domain=[0, RECORD["steps"]], nice=False), axis=alt.Axis(tickCount=5))
    scale = alt.Scale(domain=[0, 20], nice=False)
    y = alt.Y("middle:Q", title="sharpness", scale=scale, axis=alt.Axis(tickCount=5))
    others = runs.mark_line(color=QUIET, opacity=0.3, strokeWidth=1, clip=True).encode(x=x, y=y, detail="arm:N")
    band = mine.mark_area(color=EXPERIMENT, opacity=0.22, clip=True).encode(
        x=x, y=alt.Y("low:Q", scale=scale, title="sharpness"), y2="high:Q"
    )
    line = mine.mark_line(
        color=EXPERIMENT, strokeWidth=2.5, clip=True, point={"color": EXPERIMENT, "filled": True, "size": 28}
    ).encode(x=x, y=y)
    edge = alt.Chart(alt.Data(values=[{}])).transform_calculate(edge="2 / eta", label="'2/η = ' + format(2 / eta, '.1f')")
    rule = edge.mark_rule(color=THEORY, strokeDash=[7, 4], strokeWidth=2, clip=True).encode(y=alt.Y("edge:Q", scale=scale))
    name = edge.mark_text(
        align="left", baseline="bottom", dx=4, dy=-4, fontSize=13, color=THEORY, fontWeight="bold", clip=True
    ).encode(x=alt.value(0), y=alt.Y("edge:Q", scale=scale), text="label:N")
    top = alt.layer(others, band, line, rule, name).properties(
        width=WIDTH, height=170, title="The largest eigenvalue of the Hessian"
    )
    loss = (
        alt.Chart(alt.Data(values=losses))
        .transform_filter("datum.arm == rate")
        .mark_line(color=EXPERIMENT, strokeWidth=1.5, clip=True)
        .encode(
            x=x,
            y=alt.Y(
                "loss:Q",
                title="training loss",
                scale=alt.Scale(type="log", domain=[0.01, 3], nice=False),
                axis=alt.Axis(values=[0.01, 0.1, 1]),
            ),
        )
        .properties(width=WIDTH, height=90, title="The loss, first seed")
    )
    etas, shares, lost = [a["eta"] for a in ARMS], [round(settled(a), 3) for a in ARMS], [a["lost"] for a in ARMS]
    sentence = (
        f"'In the last quarter the median sharpness is ' + format({shares}[rate] * 2 / eta, '.1f') + ', that is ' + "
        f"format({shares}[rate], '.2f') + ' of 2/η = ' + "
        f"format(2 / eta, '.1f') + ({shares}[rate] < 0.97 ? ': still on its way up.' : '.') + ' Lost runs: ' + "
        f"{lost}[rate] + ' of {RECORD['seeds']}.'"
    )
    return finish(
        alt.vconcat(top, loss),
        slider("rate", FIRST, 0, len(ARMS) - 1, 1, "Learning rate η", "format(eta, '.2f')"),
        [alt.param(name="eta", expr=f"{etas}[rate]")],
        says(sentence),
    )


def alternative() -> str:
    """What the figure shows, with its numbers."""
    arm, there = ARMS[FIRST], [a for a in ARMS if settled(a) >= 0.97]
    return (
        f"Two panels over training steps. Above, at learning rate {arm['eta']} the sharpness starts at "
        f"{arm['median'][0]:.1f}, rises to {max(arm['median']):.1f} and settles at "
        f"{settled(arm):.2f} of the dashed line 2 over eta = {2 / arm['eta']:.0f}. Of the {len(ARMS)} recorded learning "
        f"rates, those from {there[0]['eta']} on reach their lines and end at "
        f"{min(map(settled, there)):.2f} to {max(map(settled, there)):.2f} of them. Below, the loss falls, unevenly."
    )


def table() -> Table:
    """Where each learning rate ends."""
    return Table(
        "Median over seeds",
        ("learning rate η", "2/η", "sharpness at the start", "highest", "last quarter, share of 2/η", "lost runs"),
        [
            (
                f"{a['eta']:g}",
                f"{2 / a['eta']:.2f}",
                f"{a['median'][0]:.2f}",
                f"{max(a['median']):.2f}",
                f"{settled(a):.3f}",
                f"{a['lost']} of {RECORD['seeds']}",
            )
            for a in ARMS
        ],
    )
