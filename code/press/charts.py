"""What the explorables share: the book's palette, controls with their shown values, and evaluation without a browser."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt
import vl_convert as vlc

# book/_static/alchemy.css; explorables.js exchanges these for the variables of the page's theme.
THEORY, EXPERIMENT, REGION, RECORD = "#0072b2", "#d55e00", "#009e73", "#7b4b94"
INK, QUIET, EDGE, PAPER = "#22272e", "#57606a", "#d3cfc4", "#fbfaf6"
WIDTH = 660  # of a panel on paper; in a page the container decides
Parameters = list[alt.Parameter]


class Table(NamedTuple):
    """The numbers of a figure as first shown: caption, column headers, rows (the first cell of a row heads it)."""

    caption: str
    headers: tuple[str, ...]
    rows: list[tuple[str, ...]]


def slider(name: str, value: float, low: float, high: float, step: float, label: str, shown: str) -> Parameters:
    """A parameter with a slider, and the expression for what is read beside it, value and unit."""
    bind = alt.binding_range(min=low, max=high, step=step, name=label)
    return [alt.param(name=name, value=value, bind=bind), alt.param(name=f"{name}_shown", expr=shown)]


def select(name: str, value: Any, options: Sequence[Any], labels: Sequence[str], label: str) -> Parameters:
    """A parameter with a list to choose from."""
    return [alt.param(name=name, value=value, bind=alt.binding_select(options=list(options), labels=list(labels), name=label))]


def says(expression: str) -> Parameters:
    """The sentence under the figure; it follows the controls."""
    return [alt.param(name="says", expr=expression)]


def finish(chart: alt.TopLevelMixin, *parameters: Parameters) -> Any:
    """The chart with its parameters, in the house style."""
    # All at once: each call copies the chart with its data.
    chart = chart.add_params(*(parameter for group in parameters for parameter in group))
    return (
        chart.configure(
            background="white", padding=4, aria=False, font="system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
        )
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=INK,
            titleColor=INK,
            gridColor=EDGE,
            gridOpacity=0.5,
            domainColor=QUIET,
            tickColor=QUIET,
            labelFontSize=12,
            titleFontSize=13,
            titleFontWeight="normal",
            labelFlush=False,
        )
        .configure_title(color=INK, fontSize=14, anchor="start", fontWeight="bold", offset=6)
        .configure_legend(
            labelColor=INK,
            titleColor=INK,
            labelFontSize=12,
            orient="top",
            title=None,
            symbolStrokeWidth=2.5,
            symbolSize=110,
            labelLimit=400,
            offset=4,
            columns=alt.ExprRef("width < 520 ? 1 : 4"),
            columnPadding=18,
        )
        .configure_text(color=INK, fontSize=12)
        .configure_concat(spacing=14)
    )


def series_legend(
    names: Sequence[str], colors: Sequence[str], dashes: Sequence[Sequence[int]], field: str = "line"
) -> dict[str, Any]:
    """Colour and dash of named lines, so that neither stands alone."""
    names = list(names)
    return {
        "color": alt.Color(f"{field}:N", scale=alt.Scale(domain=names, range=list(colors)), title=None),
        "strokeDash": alt.StrokeDash(f"{field}:N", scale=alt.Scale(domain=names, range=[list(d) for d in dashes]), title=None),
    }


def compiled(chart: Any) -> dict[str, Any]:
    """The chart as Vega, which the browser runs without Vega-Lite."""
    return vlc.vegalite_to_vega(chart.to_dict())


def with_values(spec: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The Vega specification with other values of its parameters. Raises KeyError for one that it does not have."""
    known = {signal["name"]: dict(signal) for signal in spec["signals"]}
    for name, value in settings.items():
        known[name]["value"] = value
    return dict(spec) | {"signals": list(known.values())}


def _texts(spec: Mapping[str, Any], mark: dict[str, Any]) -> list[str]:
    bare = {k: v for k, v in spec.items() if k not in ("marks", "axes", "legends", "layout", "scales", "title")}
    bare["signals"] = [{k: v for k, v in s.items() if k != "on"} for s in bare["signals"]]
    svg = vlc.vega_to_svg(bare | {"marks": [mark]})
    return [html.unescape(t) for t in re.findall(r"<text[^>]*>(.*?)</text>", svg, re.S)]


def signal_texts(spec: Mapping[str, Any], names: Sequence[str], **settings: Any) -> dict[str, str]:
    """What Vega makes of some of its signals, as text, at the given settings."""
    rows = [{"n": i} for i in range(len(names))]
    chosen = "[" + ",".join(f"'' + {name}" for name in names) + "][datum.n]"
    spec = with_values(spec, settings)
    spec["data"] = [*spec.get("data", []), {"name": "asked", "values": rows}]
    mark = {
        "type": "text",
        "from": {"data": "asked"},
        "encode": {"enter": {"text": {"signal": chosen}, "y": {"signal": "datum.n"}}},
    }
    return dict(zip(names, _texts(spec, mark), strict=True))


def rows(spec: Mapping[str, Any], data: str, fields: Sequence[str], **settings: Any) -> list[dict[str, Any]]:
    """A data set of the specification as Vega computes it, at the given settings: one dictionary a row."""
    asked = "[" + ",".join(f"datum[{json.dumps(f)}]" for f in fields) + "]"
    mark = {"type": "text", "from": {"data": data}, "encode": {"enter": {"text": {"signal": f"'' + {asked}"}}}}
    found = (text.split(",") for text in _texts(with_values(spec, settings), mark))
    return [dict(zip(fields, (_number(v) for v in row), strict=True)) for row in found]


def data_with(spec: Mapping[str, Any], field: str) -> str:
    """The name of the last data set in which a formula makes `field`."""
    names = [d["name"] for d in spec["data"] if any(t.get("as") == field for t in d.get("transform", []))]
    if not names:
        raise KeyError(f"no data set makes {field!r}; expected one of {[d['name'] for d in spec['data']]} to.")
    return names[-1]


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text
