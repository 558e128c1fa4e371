"""The lottery of seeds: real per-seed values of three verdicts, drawn n at a time (explorable.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
from press.charts import EXPERIMENT, INK, QUIET, REGION, THEORY, WIDTH, Table, finish, says, select, slider
from scipy import stats

RECORD: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
VERDICTS: list[dict[str, Any]] = RECORD["verdicts"]
NAMES = ("rounded constant", "shuffled labels", "narrow networks")
TITLE = "A hundred laboratories"
CAPTION = (
    "Every vertical line is a laboratory that ran only $n$ of the recorded seeds, drawn without replacement, and reports its "
    "mean (the sign) and a 95 % Student interval. Green band: the registered region; "
    "the grey rule is yours, with its seeds as small dots. The values are the per-seed values of three verdicts of this book, "
    + "; ".join(f"*{v['id']}* ({v['seeds']} seeds, in full: {v['word']})" for v in VERDICTS)
    + f", recorded on {RECORD['recorded']} at {RECORD['scale']} scale, seed {RECORD['seed']}. The cards use a "
    f"bootstrap interval that is never narrower than Student's."
)
LABORATORIES, MOST = 100, 24
WHICH, SEEDS, MINE = 0, 5, 1  # as first shown
WORDS = ("held", "failed", "undecided")


def limits(verdict: dict[str, Any]) -> tuple[float, float]:
    """The registered region with infinities for its open ends."""
    low, high = verdict["holds"]
    return (-np.inf if low is None else low), (np.inf if high is None else high)


def draws(which: int) -> np.ndarray:
    """Which seeds each laboratory runs, in order: (laboratories, at most MOST). A fixed draw, the same for every reader."""
    rng, n = np.random.default_rng(2017 + which), len(VERDICTS[which]["values"])
    return np.array([rng.permutation(n)[: min(MOST, n)] for _ in range(LABORATORIES)])


def published(which: int, n: int) -> tuple[list[str], np.ndarray]:
    """Each laboratory's word by its Student interval, and whether its bare mean lies in the region."""
    (low, high), n = limits(VERDICTS[which]), min(n, draws(which).shape[1])
    x = np.array(VERDICTS[which]["values"])[draws(which)[:, :n]]
    half = stats.t.ppf(0.975, n - 1) * x.std(axis=1, ddof=1) / np.sqrt(n)
    bottom, top = x.mean(1) - half, x.mean(1) + half
    inside, outside = (bottom >= low) & (top <= high), (top < low) | (bottom > high)
    return [WORDS[0] if i else WORDS[1] if o else WORDS[2] for i, o in zip(inside, outside, strict=True)], (x.mean(1) >= low) & (
        x.mean(1) <= high
    )


def chart() -> alt.LayerChart:
    """A hundred intervals, and the seeds of one laboratory."""
    rows = [
        {"v": v, "lab": lab + 1, "value": [VERDICTS[v]["values"][i] for i in order]}
        for v in range(len(VERDICTS))
        for lab, order in enumerate(draws(v).tolist())
    ]
    spread = [np.percentile(x["values"], [2, 98]).tolist() for x in VERDICTS]  # 500 seeds have far outliers
    ends = [(min(low, v["holds"][0]), max(high, v["holds"][1])) for (low, high), v in zip(spread, VERDICTS, strict=True)]
    pad = [0.35 * (high - low) for low, high in ends]
    quantiles = [0, 0, *(round(float(stats.t.ppf(0.975, n - 1)), 5) for n in range(2, MOST + 1))]
    taken = (
        alt.Chart(alt.Data(values=rows, name="laboratories"))
        .transform_filter("datum.v == verdict")
        .transform_calculate(place=f"sequence(0, {MOST})")
        .transform_flatten(["value", "place"])
        .transform_filter("isNumber(datum.value) && datum.place < taken")
    )
    labs = (
        taken.transform_aggregate(mean="mean(value)", sd="stdev(value)", groupby=["lab"])
        .transform_calculate(half=f"({quantiles})[taken] * datum.sd / sqrt(taken)")
        .transform_calculate(low="datum.mean - datum.half", high="datum.mean + datum.half")
        .transform_calculate(
            word=f"datum.low >= region0 && datum.high <= region1 ? '{WORDS[0]}' : datum.high < region0 || "
            f"datum.low > region1 ? '{WORDS[1]}' : '{WORDS[2]}'"
        )
    )
    scale = alt.Scale(domain=alt.ExprRef("[bottom, top]"), nice=False, zero=False)
    x = alt.X(
        "lab:Q",
        title="laboratory",
        scale=alt.Scale(domain=[0, LABORATORIES + 1], nice=False),
        axis=alt.Axis(values=[1, 25, 50, 75, 100], grid=False),
    )
    look = {
        "color": alt.Color("word:N", title=None, scale=alt.Scale(domain=list(WORDS), range=[THEORY, EXPERIMENT, QUIET])),
        "shape": alt.Shape(
            "word:N", title=None, scale=alt.Scale(domain=list(WORDS), range=["circle", "triangle-down", "diamond"])
        ),
    }
    region = (
        alt.Chart(alt.Data(values=[{}]))
        .transform_calculate(a="region0", b="region1")
        .mark_rect(color=REGION, opacity=0.2, clip=True)
        .encode(y=alt.Y("a:Q", scale=scale, title="the quantity of the claim"), y2="b:Q")
    )
    bars = labs.mark_rule(clip=True, strokeWidth=1.6).encode(
        x=x, y=alt.Y("low:Q", scale=scale, title="the quantity of the claim"), y2="high:Q", color=look["color"]
    )
    means = labs.mark_point(clip=True, filled=True, size=45, opacity=1, strokeWidth=2).encode(
        x=x, y=alt.Y("mean:Q", scale=scale), **look
    )
    rule = labs.transform_filter("datum.lab == mine").mark_rule(color=INK, opacity=0.18, strokeWidth=7).encode(x=x)
    seeds = (
        taken.transform_filter("datum.lab == mine")
        .mark_point(shape="circle", color=INK, filled=False, size=28, strokeWidth=1.5, opacity=1, clip=True)
        .encode(x=x, y=alt.Y("value:Q", scale=scale))
    )
    words = [
        [[published(v, n)[0].count(w) for w in WORDS] + [int(published(v, n)[1].sum())] for n in range(2, MOST + 1)]
        for v in range(len(VERDICTS))
    ]
    sentence = (
        "'With ' + taken + ' seeds, ' + tally[0] + ' of 100 laboratories may write \"held\", ' + tally[1] + ' "
        '"failed", and \' + tally[2] + \' must write "undecided". '
        "Had they looked at their means alone, ' + tally[3] + ' would have found them inside the region and ' + (100 - "
        "tally[3]) + ' outside.'"
    )
    pick = [
        alt.param(name=name, expr=f"({values})[verdict]")
        for name, values in (
            ("region0", [v["holds"][0] for v in VERDICTS]),
            ("region1", [v["holds"][1] for v in VERDICTS]),
            ("bottom", [e[0] - p for e, p in zip(ends, pad, strict=True)]),
            ("top", [e[1] + p for e, p in zip(ends, pad, strict=True)]),
        )
    ]
    sizes = [min(MOST, len(v["values"])) for v in VERDICTS]
    derived = [
        alt.param(name="taken", expr=f"min(seeds, ({sizes})[verdict])"),
        alt.param(name="tally", expr=f"({words})[verdict][taken - 2]"),
    ]
    return finish(
        alt.layer(region, rule, bars, means, seeds).properties(width=WIDTH, height=310),
        select("verdict", WHICH, tuple(range(len(VERDICTS))), NAMES, "Verdict"),
        slider("seeds", SEEDS, 2, MOST, 1, "Seeds each, n", "taken + ' of ' + (%s)[verdict]" % [v["seeds"] for v in VERDICTS]),
        slider("mine", MINE, 1, LABORATORIES, 1, "Your laboratory", "'no. ' + mine"),
        pick,
        derived,
        says(sentence),
    )


def alternative() -> str:
    """What the figure shows at first, with its numbers."""
    words, inside = published(WHICH, SEEDS)
    full = VERDICTS[WHICH]
    return (
        f"A hundred vertical 95 % intervals, each from {SEEDS} of the {full['seeds']} recorded seeds of the claim "
        f"{full['id']}, against its region from {full['holds'][0]} to {full['holds'][1]}: "
        f"{words.count('held')} lie inside, {words.count('failed')} outside, {words.count('undecided')} across its edge. "
        f"The bare mean is inside for {int(inside.sum())} and outside for {int((~inside).sum())}."
    )


def table() -> Table:
    """What a hundred laboratories would have published, by the number of seeds."""
    rows = []
    for v, verdict in enumerate(VERDICTS):
        for n in (3, 5, 8, 12, 24):
            if n <= draws(v).shape[1]:
                words, inside = published(v, n)
                rows.append((verdict["id"], str(n), *(str(words.count(w)) for w in WORDS), str(int(inside.sum()))))
    return Table("Of a hundred laboratories", ("verdict", "seeds", *WORDS, "mean inside"), rows)
